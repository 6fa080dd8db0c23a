"""What a classifier of labelled documents gets right and wrong."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

from curate.models.document_classifier import Classifier
from curate.models.labels import LabelledText
from curate.models.supervised import operating_point, roc_auc

POINTS = tuple(n / 10 for n in range(1, 10))
ERRORS = 5


def measure(model: Classifier, documents: Sequence[LabelledText], positive: str, threshold: float) -> dict[str, Any]:
    """Figures of documents that were not trained on. keep_rate: the share with P(positive) of at least a threshold."""
    every = [model.distribution(item.text) for item in documents]
    scores = [found.get(positive, 0.0) for found in every]
    yes = [score for score, item in zip(scores, documents, strict=True) if item.label == positive]
    no = [score for score, item in zip(scores, documents, strict=True) if item.label != positive]
    top = [max(sorted(found), key=found.__getitem__, default="") for found in every]
    right = [item.label for item, label in zip(documents, top, strict=True) if item.label == label]
    held_out, guessed, hit = Counter(item.label for item in documents), Counter(top), Counter(right)
    return {
        "roc_auc": round(roc_auc(yes, no), 4),
        "accuracy": round(len(right) / len(documents), 4),
        **_point(yes, no, threshold),
        "operating_points": [_point(yes, no, point) for point in POINTS],
        "labels": {
            label: {
                "held_out": held_out[label],
                "precision": round(hit[label] / max(guessed[label], 1), 4),
                "recall": round(hit[label] / held_out[label], 4),
                "f1": round(2 * hit[label] / (guessed[label] + held_out[label]), 4),
            }
            for label in sorted(held_out)
        },
        "worst_errors": _worst(scores, documents, positive, threshold),
    }


def _point(yes: Sequence[float], no: Sequence[float], threshold: float) -> dict[str, float]:
    true, false = (sum(score >= threshold for score in side) for side in (yes, no))
    return {
        **operating_point(yes, no, threshold),
        "f1": round(2 * true / (true + false + len(yes)), 4),
        "keep_rate": round((true + false) / (len(yes) + len(no)), 4),
    }


def _worst(
    scores: Sequence[float], documents: Sequence[LabelledText], positive: str, threshold: float
) -> list[dict[str, Any]]:
    """At most ERRORS documents on the wrong side of the threshold of each kind, farthest first."""
    ranked = sorted(zip(scores, documents, strict=True), key=lambda pair: (pair[0], pair[1].id))
    missed = [pair for pair in ranked if pair[1].label == positive and pair[0] < threshold][:ERRORS]
    wrong = [pair for pair in reversed(ranked) if pair[1].label != positive and pair[0] >= threshold][:ERRORS]
    return [{"id": item.id, "label": item.label, "probability": round(score, 4)} for score, item in [*missed, *wrong]]
