"""A mixture: several recipes, each with its share of the tokens that a model is to be trained on.

LLaMA-1's (Touvron et al. 2023, table 1) is `manifests/llama1.yaml`. A share is of the tokens seen in training, not of
those there are: how often each source is repeated follows from what was measured (`epochs`).

Shares are of sources, or of topics, as in Llama-3 (Dubey et al. 2024, §3.1.2): then a recipe may send its documents to
several (`tokens.topics`), and within a topic every source is gone through equally often, but for its `weight`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from pydantic import Field, model_validator

from curate.counts import Count
from curate.errors import UserError
from curate.manifest import Manifest, Tokens, apply_settings, parse_manifest, read_yaml, validated
from curate.sections import Section, nearest
from curate.topics import Name, source_of

_NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,63}")


class Ingredient(Section):
    """One source of a mixture.

    manifest: its recipe, a path relative to the mixture's own folder. share: of the tokens seen, in any unit.
    published_epochs: how often the paper went through it, to compare with what is measured. set: changes to the
    recipe, like `--set`. Of a mixture by topics, instead of a share, topic: of the documents that the recipe's own
    `tokens.topics` send nowhere else; weight: how often it is gone through, to once for the others of its topic.
    """

    manifest: str
    share: float | None = Field(None, gt=0)
    topic: str | None = None
    weight: float = Field(1.0, gt=0)
    published_epochs: float | None = Field(None, gt=0)
    set: Mapping[str, Any] = Field(default_factory=dict)


class Topic(Section):
    """share: of the tokens seen, in any unit. published_epochs: as of a source."""

    share: float = Field(gt=0)
    published_epochs: float | None = Field(None, gt=0)


class Mixture(Section):
    """Recipes and their shares, of sources or of topics.

    budget: tokens of the training run that the shares are of. tokens: how every source is tokenized, since one model
    reads them all. max_epochs: above it a source is said to run short (Muennighoff et al. 2023: up to 4 epochs are
    nearly as good as new text).
    """

    name: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$")
    description: str = ""
    budget: Count = 1_400_000_000_000
    max_epochs: float = Field(4.0, gt=0)
    tokens: Tokens = Tokens()
    topics: Mapping[Name, Topic] = Field(default_factory=dict)
    sources: Mapping[str, Ingredient] = Field(min_length=1)

    @model_validator(mode="after")
    def _of_sources_or_of_topics(self) -> Self:
        for name, item in self.sources.items():
            if not self.topics and (item.share is None or item.topic is not None or item.weight != 1):
                raise ValueError(f"source {name} needs a share, and has no topic or weight where there are no topics")
            if self.topics and (item.share is not None or item.topic not in self.topics):
                raise ValueError(f"source {name} needs a topic of {', '.join(self.topics)}, which have the shares")
        return self

    @property
    def shares(self) -> dict[str, float]:
        """Source (or topic, of a mixture by topics) -> its share, adding up to 1."""
        stated = {name: topic.share for name, topic in self.topics.items()}
        stated = stated or {name: item.share or 0.0 for name, item in self.sources.items()}
        total = sum(stated.values())
        return {name: share / total for name, share in stated.items()}

    def topic(self, source: str) -> str | None:
        """The topic of a source of tokens/, None where the mixture has no topics."""
        return self._origin(source)[1]

    def published_epochs(self, source: str) -> float | None:
        name, topic = self._origin(source)
        of_topic = self.topics[topic].published_epochs if topic is not None else None
        return of_topic if of_topic is not None else self.sources[name].published_epochs

    def _origin(self, source: str) -> tuple[str, str | None]:
        """(the ingredient that a source of tokens/ comes of, its topic)."""
        if source in self.sources:
            return source, self.sources[source].topic
        for name in self.sources:
            for topic in self.topics:
                if source_of(name, topic) == source:
                    return name, topic
        raise KeyError(source)

    def shares_of(self, tokens: Mapping[str, int]) -> dict[str, float]:
        """Source of tokens/ -> its share, adding up to 1. tokens: that each source has.

        UserError for a topic that no source has anything of.
        """
        if not self.topics:
            return self.shares
        found: dict[str, float] = {}
        for topic, share in self.shares.items():
            here = {
                source: count * self.sources[self._origin(source)[0]].weight
                for source, count in sorted(tokens.items())
                if count and self.topic(source) == topic
            }
            if not here:
                raise UserError(f"no source has a document of the topic {topic}: see the reports, or give more input")
            total = sum(here.values())
            found |= {source: share * count / total for source, count in here.items()}
        return found


@dataclass(frozen=True, slots=True)
class Part:
    """A source of a mixture, ready to be built. where: what messages call its manifest."""

    name: str
    manifest: Manifest
    where: str


def load_recipe(path: str, settings: Sequence[str] = ()) -> Manifest | tuple[Mixture, list[Part]]:
    """A manifest, or a mixture with its parts. UserError in one line on any mistake.

    settings: `a.b=value`; of a mixture, one that begins with a source's name and a dot changes that source's recipe.
    """
    file = Path(path)
    if not file.is_file():
        here = [str(p) for p in Path("manifests").glob("*.yaml")]
        raise UserError(f"no manifest at {path}{nearest(path, here)}")
    raw = read_yaml(file, "a manifest is a mapping with at least `name`")
    if "sources" not in raw:
        return parse_manifest(apply_settings(raw, settings), path)
    names = list(raw["sources"]) if isinstance(raw["sources"], Mapping) else []
    own = [setting for setting in settings if setting.partition(".")[0] not in names]
    mixture = validated(Mixture, apply_settings(raw, own), path)
    for name in mixture.sources:
        if not _NAME.fullmatch(name):
            raise UserError(f"{path}: sources: {name!r} must be lower-case letters, digits, '_' or '-'")
    return mixture, [_part(file, path, mixture, name, settings) for name in mixture.sources]


def _part(file: Path, path: str, mixture: Mixture, name: str, settings: Sequence[str]) -> Part:
    item = mixture.sources[name]
    recipe = file.parent / item.manifest
    if not recipe.is_file():
        raise UserError(f"{path}: sources.{name}.manifest: no file at {recipe}")
    raw = read_yaml(recipe, "a manifest is a mapping with at least `name`")
    if "sources" in raw:
        raise UserError(f"{path}: sources.{name}.manifest: {recipe} is a mixture itself")
    for key, value in item.set.items():
        raw = _changed(raw, key, value, f"{path}: sources.{name}.set")
    given = [setting.partition(".")[2] for setting in settings if setting.partition(".")[0] == name]
    raw = apply_settings(raw, given)
    # Without shares of topics a source stays whole.
    own = ("shards", "characters_per_shard", *(("topics",) if mixture.topics else ()))
    shape = {key: raw["tokens"][key] for key in own if key in (raw.get("tokens") or {})}
    raw["tokens"] = {**mixture.tokens.model_dump(exclude_unset=True), **shape, "source": name}
    manifest = parse_manifest(raw, str(recipe))
    for topic in manifest.tokens.topics:
        if topic not in mixture.topics:
            raise UserError(f"{path}: {recipe} has the topic {topic!r}{nearest(topic, list(mixture.topics))}")
    return Part(name, manifest, str(recipe))


def _changed(raw: dict[str, Any], key: str, value: Any, where: str) -> dict[str, Any]:
    node = raw
    *parents, last = key.split(".")
    for parent in parents:
        node[parent] = {} if node.get(parent) is None else node[parent]
        node = node[parent]
        if not isinstance(node, dict):
            raise UserError(f"{where}: {key!r}: {parent!r} is not a section")
    node[last] = value
    return raw


@dataclass(frozen=True, slots=True)
class Epochs:
    """How far a source goes. tokens: there are; wanted: its share of the budget; epochs: wanted / tokens; short: tokens
    that would have to be found for `max_epochs` passes to be enough, 0 where they are."""

    name: str
    share: float
    tokens: int
    wanted: int
    epochs: float
    short: int
    published: float | None


def epochs(mixture: Mixture, tokens: Mapping[str, int], budget: int | None = None) -> list[Epochs]:
    """Passes over each source in a run of `budget` tokens, from what each was measured to hold.

    Epochs of a source without tokens are infinite.
    """
    total = mixture.budget if budget is None else budget
    found = []
    for name, share in mixture.shares_of(tokens).items():
        have, wanted = tokens.get(name, 0), round(share * total)
        needed = -(-wanted // mixture.max_epochs)
        found.append(
            Epochs(
                name,
                share,
                have,
                wanted,
                wanted / have if have else float("inf"),
                max(0, int(needed) - have),
                mixture.published_epochs(name),
            )
        )
    return found


def largest_budget(mixture: Mixture, tokens: Mapping[str, int]) -> int:
    """Tokens of the longest run in which no source is passed over more than `max_epochs` times."""
    shares = mixture.shares_of(tokens)
    return min(int(tokens.get(name, 0) * mixture.max_epochs / share) for name, share in shares.items())
