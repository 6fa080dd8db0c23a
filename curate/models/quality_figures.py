"""How well the quality classifier tells the texts it was to find from others, on texts it was not trained on."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from curate.errors import UserError
from curate.models.cited_pages import MOST_CHARACTERS, same_lengths
from curate.models.fasttext_model import FastTextModel
from curate.models.quality_data import MOST_PIECES, pieces, side_key, site, usable
from curate.models.registry import ModelFile, file_sha256
from curate.models.supervised import operating_point, probabilities, roc_auc
from curate.models.texts import TrainingText, files_of, in_hash_order, is_held_out, read_texts

POSITIVE, NEGATIVE = "wiki", "cc"
THRESHOLD = 0.25
"""RedPajama-v1's."""
PERCENTILES = (10, 50, 90)
_LONG_PIECE = 4_000


def figures(
    model: FastTextModel,
    texts: Sequence[TrainingText],
    positive_kinds: Collection[str],
    negative_kinds: Collection[str],
    lengths: Collection[int],
    keep: float,
) -> dict[str, Any]:
    """All that is measured. Texts of kinds on neither side are measured by kind only.

    ROC AUC, precision and recall are of pieces as trained on, as many of each side within every band of lengths; what
    is kept is of whole pages (as the filter sees them), of texts longer than 20,000 characters in pieces of 4,000.
    """
    by_kind: dict[str, list[tuple[int, float]]] = {}
    kept: dict[str, list[float]] = {}
    for text in texts:
        cut = pieces(text, lengths)
        scores = probabilities(model, cut, POSITIVE)
        by_kind.setdefault(text.kind, []).extend(zip(map(len, cut), scores, strict=True))
        kept.setdefault(text.kind, []).extend(probabilities(model, _as_filtered(text), POSITIVE))
    one, other = (
        [item for kind in kinds for item in by_kind.get(kind, [])] for kinds in (positive_kinds, negative_kinds)
    )
    found: dict[str, Any] = {
        "held_out_documents": dict(sorted(Counter(text.kind for text in texts).items())),
        "held_out_sites": len({site(text.url) for text in texts if text.url}),
        "kept_at_threshold": {kind: _kept(scores, THRESHOLD) for kind, scores in sorted(kept.items()) if scores},
        "score_percentiles": {
            kind: [round(float(value), 4) for value in np.percentile(scores, PERCENTILES, method="lower")]
            for kind, scores in sorted(kept.items())
            if scores
        },
    }
    pairs = same_lengths(one, other, lambda item: item[0])
    positive, negative = ([pair[side][1] for pair in pairs] for side in (0, 1))
    points = [THRESHOLD, 0.5]
    pages = kept.get("crawl") or [score for kind in negative_kinds for score in kept.get(kind, [])]
    if pages:
        threshold = threshold_keeping(pages, keep)
        found["keeping"] = {"share": keep, "threshold": threshold, "kept": _kept(pages, threshold), "pages": len(pages)}
        points.append(threshold)
    if pairs:
        found["roc_auc"] = round(roc_auc(positive, negative), 4)
        found["pieces_of_each_side"] = len(pairs)
        found["operating_points"] = [operating_point(positive, negative, point) for point in points]
    others = sorted(set(by_kind) - set(positive_kinds))
    compared = [(high, low) for high in sorted(set(by_kind) & set(positive_kinds)) for low in others]
    compared += [(high, "crawl") for high in others if high != "crawl" and "crawl" in by_kind]
    by_pair = {f"{high} over {low}": _auc(by_kind[high], by_kind[low]) for high, low in compared}
    found["roc_auc_by_kind"] = {pair: value for pair, value in by_pair.items() if value is not None}
    return found


def threshold_keeping(scores: Sequence[float], share: float) -> float:
    """The score from which this share of the pages is kept, at least one of them; ties with it are kept too.

    DCLM keeps a tenth of its pages so, from 0.018112 of its own classifier.
    """
    ordered = sorted(scores, reverse=True)
    return ordered[max(round(share * len(ordered)), 1) - 1]


def _kept(scores: Sequence[float], threshold: float) -> float:
    return round(sum(score >= threshold for score in scores) / len(scores), 4)


def _auc(one: list[tuple[int, float]], other: list[tuple[int, float]]) -> float | None:
    if not one or not other:
        return None
    return round(roc_auc([score for _, score in one], [score for _, score in other]), 4)


def _as_filtered(text: TrainingText) -> list[str]:
    if len(text.text) <= MOST_CHARACTERS:
        return [text.text]
    return pieces(text, [_LONG_PIECE])[:MOST_PIECES]


def evaluate(model: ModelFile, paths: Sequence[Path]) -> dict[str, Any]:
    """`figures` of the texts of the model's language in files and folders.

    Of a file that the model was trained on (the card has its hash) only what was held out counts; `trained_on` says how
    many documents were passed over. UserError where the model has no card or nothing is left.
    """
    from curate.models.cards import card_path
    from curate.models.registry import card, read_card

    beside = card_path(model.path)
    described = card(model.name) or (read_card(beside) if beside.is_file() else None)
    if described is None or "positive_kinds" not in described.get("parameters", {}):
        raise UserError(f"{model.name} has no card that says what it was trained to find")
    parameters, language = described["parameters"], str(described["languages"][0])
    percent, known = int(parameters["held_out_percent"]), set(described.get("inputs", {}).values())
    passed_over = 0

    def unseen() -> Iterator[TrainingText]:
        nonlocal passed_over
        for path in files_of(paths).values():
            trained_on = file_sha256(path) in known
            for text in read_texts([path]):
                if trained_on and not is_held_out(side_key(text), percent):
                    passed_over += 1
                else:
                    yield text

    # As in training: in an order by hash, and a crawl's copies of Wikipedia's pages are no example of its others.
    kinds = parameters["positive_kinds"], parameters["negative_kinds"]
    texts = in_hash_order(
        text for text in usable(unseen(), language) if text.kind not in kinds[1] or site(text.url) != "wikipedia.org"
    )
    if not texts:
        raise UserError(f"nothing to measure on: no text in {language} that the model was not trained on")
    measured = figures(
        FastTextModel(model.path), texts, *kinds, parameters["piece_characters"], float(parameters["keep"])
    )
    return {**measured, "documents": len(texts), "trained_on": passed_over}
