"""The figures of a classifier that was trained from labels, measured again on labelled files."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from curate.errors import UserError
from curate.models.cards import card_path
from curate.models.document_classifier import open_classifier
from curate.models.labelled_figures import measure
from curate.models.labels import LabelledText
from curate.models.registry import ModelFile, file_sha256
from curate.models.train_classifier import collect, is_for_figures, key_of


def evaluate(model: ModelFile, paths: Sequence[Path]) -> dict[str, Any]:
    """What `labelled_figures.measure` finds on labelled files (JSON lines or Parquet), and how many documents it is of.

    Of a file that the model was trained on (the card has its hash) only the documents held out from training count,
    so that the same files give the card's own figures; `trained_on` says how many were passed over.
    UserError where the model has no card, or the files lack its positive label or have only that.
    """
    described = _card(model.path)
    if described is None or "positive" not in described:
        raise UserError(f"{model.name} has no card that says which label is to be found")
    positive, parameters = str(described["positive"]), described.get("parameters", {})
    text_key, label_key = parameters.get("text_key", "text"), parameters.get("label_key", "label")
    known = set(described.get("inputs", {}).values())
    old = [path for path in paths if path.is_file() and file_sha256(path) in known]
    trained_on = _trained_on(old, parameters, text_key, label_key)
    found = collect(paths, text_key, label_key)
    kept = [item for key, item in found.documents if key not in trained_on]
    classifier = open_classifier(model.path)
    _same_labels(kept, positive, classifier.labels())
    threshold = float(described.get("measured", {}).get("threshold", 0.5))
    return {
        **measure(classifier, kept, positive, threshold),
        "positive": positive,
        "documents": len(kept),
        "trained_on": len(found.documents) - len(kept),
        "duplicates": found.duplicates,
        "contradictory": found.contradictory,
        "set_aside": dict(sorted(Counter(line.reason for line in found.set_aside).items())),
    }


def _card(path: Path) -> dict[str, Any] | None:
    beside = card_path(path)
    if not beside.is_file():
        return None
    try:
        found = json.loads(beside.read_bytes())
    except ValueError as error:
        raise UserError(f"model card {beside} is not JSON: {error}") from None
    return found if isinstance(found, dict) else None


def _trained_on(paths: Sequence[Path], parameters: Mapping[str, Any], text_key: str, label_key: str) -> set[bytes]:
    seed, share = int(parameters.get("seed", 0)), float(parameters.get("held_out", 0.0))
    keys = (key_of(item.text) for _, item in collect(paths, text_key, label_key).documents)
    return {key for key in keys if not is_for_figures(key, seed, share)}


def _same_labels(documents: Sequence[LabelledText], positive: str, known: frozenset[str]) -> None:
    there = {item.label for item in documents}
    if strange := sorted(there - known):
        raise UserError(f"the model has no label {strange[0]!r}; its labels are {', '.join(sorted(known))}")
    if positive not in there or len(there) < 2:
        has = ", ".join(sorted(there)) or "nothing"
        raise UserError(f"figures need documents labelled {positive} and others; held out there is {has}")
