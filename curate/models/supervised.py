"""Training a fastText classifier so that the same text gives the same bytes, and measuring it."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import fasttext
import numpy as np

from curate.errors import UserError
from curate.models.cards import card_path
from curate.models.fasttext_model import LABEL, FastTextModel, one_line


def train_classifier(
    examples: Sequence[tuple[str, str]], output: Path, *, quantize: bool = True, seed: int = 0, **settings: Any
) -> None:
    """Train on (label, text) pairs in their order and write the model.

    settings: fastText's own (lr, dim, epoch, wordNgrams, bucket, minn, maxn, minCount, ...). One thread and a fixed
    seed: with more, updates race and no two runs agree. quantize: product quantisation (`.ftz`, a tenth of the size).
    """
    with tempfile.TemporaryDirectory() as temporary:
        text = Path(temporary, "examples.txt")
        text.write_text("".join(f"{LABEL}{label} {one_line(line)}\n" for label, line in examples), encoding="utf-8")
        model = fasttext.train_supervised(input=str(text), thread=1, seed=seed, verbose=0, **settings)
        if quantize:
            model.quantize(qnorm=True, thread=1, verbose=0)
        model.save_model(str(output))


def fit(examples: Sequence[tuple[str, str]], output: Path, *, quantize: bool, seed: int, **settings: Any) -> None:
    """`train_classifier`; UserError where fastText cannot: no word often enough, a rate that diverges, too few rows to
    quantise."""
    try:
        train_classifier(examples, output, quantize=quantize, seed=seed, **settings)
    except (ValueError, RuntimeError) as error:
        advice = " (or train with --no-quantize)" if "quantiz" in str(error) else ""
        raise UserError(f"fastText cannot train this: {' '.join(str(error).split())}{advice}") from None


@contextmanager
def staged(model: Path) -> Iterator[Path]:
    """Where a new model is written and measured; it takes its place, without the card of what was there, at the end
    only, so that a training that fails leaves all as it was."""
    model.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=model.parent, prefix=".tmp-") as temporary:
        made = Path(temporary, model.name)
        yield made
        card_path(model).unlink(missing_ok=True)
        made.replace(model)


def probabilities(model: FastTextModel, texts: Sequence[str], label: str) -> list[float]:
    """P(label) of each text; 0 for a text without a known word."""
    return [model.probability(text, label) or 0.0 for text in texts]


def roc_auc(positive: Sequence[float], negative: Sequence[float]) -> float:
    """Probability that a random positive scores above a random negative, ties counted half."""
    scores = np.array([*positive, *negative])
    _, inverse, counts = np.unique(scores, return_inverse=True, return_counts=True)
    ranks = (np.cumsum(counts) - (counts - 1) / 2)[inverse]
    n = len(positive)
    return float((ranks[:n].sum() - n * (n + 1) / 2) / (n * len(negative)))


def operating_point(positive: Sequence[float], negative: Sequence[float], threshold: float) -> dict[str, float]:
    """precision, recall and false positive rate when a score of at least `threshold` counts as positive."""
    true = sum(score >= threshold for score in positive)
    false = sum(score >= threshold for score in negative)
    return {
        "threshold": threshold,
        "precision": round(true / max(true + false, 1), 4),
        "recall": round(true / len(positive), 4),
        "false_positive_rate": round(false / len(negative), 4),
    }


def chunks(text: str, characters: int) -> list[str]:
    """Consecutive runs of whole lines of about `characters` characters each; a shorter rest is left out."""
    found: list[str] = []
    current: list[str] = []
    size = 0
    for line in text.split("\n"):
        for start in range(0, max(len(line), 1), characters):
            part = line[start : start + characters].strip()
            if part:
                current.append(part)
                size += len(part) + 1
            if size >= characters:
                found.append("\n".join(current))
                current, size = [], 0
    if size >= characters // 2:
        found.append("\n".join(current))
    return found
