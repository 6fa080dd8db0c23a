"""What to build from what: the YAML manifest, validated, with errors that name the nearest known key.

A manifest's `filters` stay plain mappings here, because the filters' own configs live with the filters (imports run
one way); `pipelines.chain` validates them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any, Literal, TypeVar

import yaml
from pydantic import BaseModel, Field, ValidationError, create_model

from curate.errors import UserError
from curate.sections import Bytes, ExtractSection, Section, nearest
from curate.sources.registry import SOURCES, source_class
from curate.topics import Topics

Model = TypeVar("Model", bound=BaseModel)


class UrlDedup(Section):
    """One page an address: the latest capture stays (Llama-3 §3.1.1), the first in file order where dates tie."""

    enabled: bool = True
    normal_form: Literal["c4", "exact"] = "c4"


class ExactDedup(Section):
    """One page a text: the first in file order stays."""

    enabled: bool = True


class LineDedup(Section):
    """CCNet's paragraph deduplication (Wenzek et al. 2019, §3.1), or C4's."""

    enabled: bool = True
    rule: Literal["ccnet", "c4", "c4_spans"] = "ccnet"
    """`c4`: of a line that C4's rules leave, one page keeps one, as in the code that made C4; `c4_spans`: of three
    sentences in a row, as its paper says (`curate.dedup.c4_lines`). max_copies and accents are CCNet's alone."""
    group_files: int = Field(50, ge=1)
    """Files whose lines are compared with one another: CCNet's `hash_in_mem` shards."""
    max_copies: int = Field(1, ge=1)
    """A line seen more often than this in its group goes everywhere: 1 is CCNet's, 6 Llama-3's."""
    accents: Literal["keep", "strip"] = "keep"
    """CCNet's code keeps accents in the normal form, its paper strips them."""


class NearDedup(Section):
    """MinHash near-duplicates (FineWeb's parameters). Of a connected group the longest text stays, then file order."""

    enabled: bool = True
    shingle_words: int = Field(5, ge=1)
    bands: int = Field(14, ge=1)
    rows: int = Field(8, ge=1)
    min_jaccard: float = Field(0.75, ge=0, le=1)
    """Candidates whose estimated Jaccard similarity is below this are not duplicates."""
    seed: int = 1


class BookDedup(Section):
    """Books of which most stands in another, by containment of word shingles (LLaMA-1: over 90 %). The larger stays."""

    enabled: bool = False
    shingle_words: int = Field(5, ge=1)
    max_containment: float = Field(0.9, gt=0, lt=1)
    """A book of whose distinct shingles a greater share is in another goes."""
    sample: int = Field(16, ge=1)
    """One in so many shingles is compared to find pairs; found pairs are measured on all. 1 finds all pairs of the
    shortest texts; 16 those of texts of a few hundred words and more."""


class Dedup(Section):
    url: UrlDedup = UrlDedup()
    exact: ExactDedup = ExactDedup()
    lines: LineDedup = LineDedup()
    near: NearDedup = NearDedup()
    books: BookDedup = BookDedup()
    buckets: int = Field(64, ge=1)
    """Partitions of each shuffle: a worker holds one at a time."""


class Tokens(Section):
    """How kept documents become tokens/v1."""

    tokenizer: str = "tokenizer-32k"
    source: str | None = Field(None, pattern=r"^[A-Za-z0-9][A-Za-z0-9_.+-]*$")
    """What tokens/ calls the source; None: its own name. Two crawls of one source need two names to be mixed."""
    topics: Topics = Field(default_factory=dict)
    """Documents of a topic make a source of their own, `<source>-<topic>` (see curate.topics); others stay."""
    delimiters: Literal["bos_eos", "eos"] = "bos_eos"
    shards: int | None = Field(None, ge=1)
    """Parts a source is written in; None: one for each `characters_per_shard`."""
    characters_per_shard: int = Field(1 << 28, ge=1)
    seed: int = 0


class Limits(Section):
    """What a document and a worker may take; what takes more is set aside (`curate.limits`). No stage's answer is held
    to depend on them: they are of the machine that runs the build, and raising one redoes nothing that is done.
    """

    document_seconds: float = Field(10, gt=0)
    """Of processor time, for one document in one stage; `curate.limits.WAITING` times as many for one that waits."""
    worker_memory: Bytes = 4 << 30
    """That a worker process may hold, files that are mapped into it (models) apart."""


class Manifest(Section):
    """A whole recipe. Unknown keys are refused; defaults are the published parameters."""

    name: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$")
    description: str = ""
    source: str = "commoncrawl"
    extract: ExtractSection = ExtractSection()
    """Of the source's own kind: `manifest_type` makes a manifest for each source."""
    dedup: Dedup = Dedup()
    filters: Mapping[str, Mapping[str, Any]] = Field(default_factory=dict)
    """Filters in the order they act; the first that drops a document is its reason."""
    tokens: Tokens = Tokens()
    limits: Limits = Limits()
    models: Mapping[str, str] = Field(default_factory=dict)
    """Pins: model reference -> sha256; a build that finds another model stops."""


def _fields(model: type[BaseModel], path: Sequence[Any]) -> list[str]:
    """The known keys at `path` inside a model, for naming the nearest."""
    for step in path:
        named = {field.alias or name: field for name, field in model.model_fields.items()}
        field = named.get(str(step))
        if field is None or not (isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel)):
            return []
        model = field.annotation
    return [field.alias or name for name, field in model.model_fields.items()]


def explain_validation(error: ValidationError, model: type[BaseModel], where: str) -> UserError:
    """A pydantic error as one line that says what to mend."""
    first = error.errors()[0]
    path = [step for step in first["loc"] if not (isinstance(step, str) and step.startswith("function-"))]
    dotted = ".".join(map(str, path))
    if first["type"] == "extra_forbidden":
        return UserError(f"{where}: unknown key {dotted!r}{nearest(str(path[-1]), _fields(model, path[:-1]))}")
    given = first.get("input")
    shown = "" if first["type"] == "missing" else f", not {given!r}"
    return UserError(f"{where}: {dotted}: {first['msg'][0].lower()}{first['msg'][1:]}{shown}")


def apply_settings(raw: dict[str, Any], settings: Sequence[str]) -> dict[str, Any]:
    """The manifest mapping with each `a.b.c=value` put in; values are YAML."""
    for setting in settings:
        key, equals, text = setting.partition("=")
        if not equals or not key:
            raise UserError(f"--set {setting!r}: write it as key.subkey=value")
        try:
            value = yaml.safe_load(text)
        except yaml.YAMLError as error:
            raise UserError(f"--set {setting!r}: {text!r} is not a YAML value") from error
        node: Any = raw
        *parents, last = key.split(".")
        for parent in parents:
            if node.get(parent) is None:
                node[parent] = {}
            node = node[parent]
            if not isinstance(node, dict):
                raise UserError(f"--set {setting!r}: {parent!r} is not a section")
        node[last] = value
    return raw


def load_manifest(path: str, settings: Sequence[str] = ()) -> Manifest:
    """Read and validate a manifest file. Raises UserError in one line on any mistake."""
    file = Path(path)
    if not file.is_file():
        here = [str(p) for p in Path("manifests").glob("*.yaml")]
        raise UserError(f"no manifest at {path}{nearest(path, here)}")
    raw = read_yaml(file, "a manifest is a mapping with at least `name`")
    return parse_manifest(apply_settings(raw, settings), path)


def read_yaml(file: Path, otherwise: str) -> dict[str, Any]:
    """The mapping in a YAML file; UserError where it is none, for which `otherwise` says what it must be."""
    try:
        raw = yaml.safe_load(file.read_text(encoding="utf-8"))
    except (yaml.YAMLError, UnicodeDecodeError, RecursionError) as error:
        raise UserError(f"{file}: not valid YAML: {' '.join(str(error).split())}") from error
    if not isinstance(raw, dict):
        raise UserError(f"{file}: {otherwise}")
    return raw


def parse_manifest(raw: Mapping[str, Any], where: str) -> Manifest:
    """The manifest in a mapping, its `extract` section as its source has it; UserError in one line on any mistake."""
    source = raw.get("source", "commoncrawl")
    if source not in SOURCES:
        raise UserError(f"{where}: unknown source {source!r}{nearest(str(source), list(SOURCES))}")
    return validated(manifest_type(source), raw, where)


@cache
def manifest_type(source: str) -> type[Manifest]:
    """The kind of manifest that a source's recipes have."""
    extract = source_class(source).Config
    return create_model(
        "Manifest",
        __base__=Manifest,
        __doc__=Manifest.__doc__,
        source=(str, source),
        extract=(extract, extract()),
    )


def validated(model: type[Model], raw: Mapping[str, Any], where: str) -> Model:
    """`raw` as this kind of config; UserError naming the key, and the nearest known one."""
    try:
        return model.model_validate(raw)
    except ValidationError as error:
        raise explain_validation(error, model, where) from error
