"""Training the quality classifier: text like what Wikipedia cites (`wiki`), or any crawl page (`cc`), by fastText.

LLaMA (Touvron et al. 2023, §2.1) and RedPajama-v1 learn it from crawl pages that Wikipedia cites against random ones.
Where there are too few of those, from texts that stand for them: Wikipedia's articles and books against crawl pages,
all cut into pieces, so that length tells nothing.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from curate.errors import UserError
from curate.models.cards import write_card
from curate.models.cited_pages import same_lengths
from curate.models.fasttext_model import FastTextModel
from curate.models.quality_data import LENGTHS, parted, pieces
from curate.models.quality_figures import NEGATIVE, POSITIVE, figures
from curate.models.supervised import fit, staged
from curate.models.texts import TrainingText

SETTINGS: Mapping[str, int | float] = {
    "dim": 16,
    "epoch": 10,
    "lr": 0.2,
    "wordNgrams": 2,
    "bucket": 50_000,
    "minCount": 5,
}
LEAST_TRAINED, LEAST_HELD_OUT = 10, 3


@dataclass(frozen=True, slots=True)
class Recipe:
    """How to train. held_out: percent, by site, title or text; keep: the share of crawl pages to find a threshold for.

    lengths: characters of the pieces that documents are cut into; none where whole pages are learnt from.
    """

    language: str = "en"
    settings: Mapping[str, int | float] = field(default_factory=lambda: dict(SETTINGS))
    held_out: int = 20
    seed: int = 0
    keep: float = 0.1
    lengths: tuple[int, ...] = LENGTHS
    quantize: bool = True
    licence: str = ""
    command: str = ""


def train(
    positives: Iterable[TrainingText],
    negatives: Iterable[TrainingText],
    model: Path,
    recipe: Recipe,
    inputs: Mapping[str, str],
    read: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """Train on texts of one language, measure on those held out, write `model` and its card; the card's `data` and
    `measured`.

    inputs: sha256 of every file; read: what became of what was read, for the card. UserError for too few texts.
    """
    parts = parted(positives, negatives, recipe.held_out)
    _enough(parts.trained, parts.held_out)
    examples = examples_of(*parts.trained, recipe)
    if len(examples) < 2 * LEAST_TRAINED:
        raise UserError(f"only {len(examples) // 2} positives have a negative of about their length: name more text")
    kinds = _kinds(parts.trained[0]), _kinds(parts.trained[1])
    with staged(model) as made:
        fit(examples, made, quantize=recipe.quantize, seed=recipe.seed, **recipe.settings)
        measured = figures(
            FastTextModel(made), [*parts.held_out[0], *parts.held_out[1]], *kinds, recipe.lengths, recipe.keep
        )
    data = {
        "examples": dict(sorted(Counter(label for label, _ in examples).items())),
        "documents": dict(sorted(Counter(text.kind for side in parts.trained for text in side).items())),
        "copies_left_out": parts.copies,
        **(read or {}),
    }
    write_card(
        model,
        kind=f"fastText classifier: {POSITIVE} ({', '.join(kinds[0])}) or {NEGATIVE} ({', '.join(kinds[1])})",
        role="quality",
        licence=recipe.licence,
        command=recipe.command,
        languages=[recipe.language],
        parameters={
            **recipe.settings,
            "quantized": recipe.quantize,
            "seed": recipe.seed,
            "piece_characters": list(recipe.lengths),
            "held_out_percent": recipe.held_out,
            "positive_kinds": kinds[0],
            "negative_kinds": kinds[1],
            "keep": recipe.keep,
        },
        data=data,
        inputs=dict(inputs),
        measured=measured,
    )
    return {"data": data, "measured": measured}


def examples_of(positives: list[TrainingText], negatives: list[TrainingText], recipe: Recipe) -> list[tuple[str, str]]:
    """(label, text) pairs, alternating, as many of each label within every band of lengths; in an order by hash."""
    one, other = ([piece for text in side for piece in pieces(text, recipe.lengths)] for side in (positives, negatives))
    pairs = same_lengths(one, other, len)
    pairs.sort(key=lambda pair: hashlib.blake2b("\n".join(pair).encode("utf-8", "replace"), digest_size=8).digest())
    return [example for one, other in pairs for example in ((POSITIVE, one), (NEGATIVE, other))]


def _kinds(texts: list[TrainingText]) -> list[str]:
    return sorted({text.kind for text in texts})


def _enough(trained: tuple[list[TrainingText], ...], held_out: tuple[list[TrainingText], ...]) -> None:
    for number, name in enumerate(("positive", "negative")):
        counts = len(trained[number]), len(held_out[number])
        if counts[0] < LEAST_TRAINED or counts[1] < LEAST_HELD_OUT:
            raise UserError(
                f"too few {name} documents of the language: {counts[0]} to train on and {counts[1]} held out (by "
                f"site); {LEAST_TRAINED} and {LEAST_HELD_OUT} are needed"
            )
