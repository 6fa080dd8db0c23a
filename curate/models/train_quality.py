"""Train the English quality classifier: `python -m curate.models.train_quality DATA [--output FOLDER]`.

LLaMA and RedPajama-v1 tell pages that Wikipedia cites (`wiki`) from random crawl pages (`cc`) with fastText. Cited
pages are not among the data here, so the positives are Wikipedia articles and books themselves; the negatives are
English crawl pages and C4's. Both are cut into pieces of the same lengths, so that length tells nothing.
"""

from __future__ import annotations

from collections import Counter
from itertools import pairwise
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from curate.models import training_text
from curate.models.cards import train_main, write_card
from curate.models.fasttext_model import FastTextModel
from curate.models.supervised import chunks, operating_point, probabilities, roc_auc, train_classifier
from curate.models.train_perplexity import english_pages
from curate.models.training_text import TrainingText, in_hash_order, is_held_out

POSITIVE, NEGATIVE = "wiki", "cc"
SETTINGS: dict[str, Any] = {"dim": 16, "epoch": 10, "lr": 0.2, "wordNgrams": 2, "bucket": 50_000, "minCount": 5}
# Pieces of one document at each length; a book has many, and must not outweigh the articles.
LENGTHS = (600, 1_500, 4_000)
BANDS = (900, 2_200, 6_000)
MOST_PIECES = {"books": 12}
PATTERNS = ["wikipedia/enwiki*.bz2", "books/*.txt", "c4/*.gz", "cc/*.warc*.gz"]
THRESHOLD = 0.25


def pieces(text: TrainingText) -> list[str]:
    """The document in pieces of every length of LENGTHS, spread over it where there are too many."""
    found: list[str] = []
    for length in LENGTHS:
        every = chunks(text.text, length)
        step = max(1, len(every) // MOST_PIECES.get(text.kind, len(every) + 1))
        found += every[::step]
    return found


def balanced(positive: list[str], negative: list[str]) -> list[tuple[str, str]]:
    """(label, text) pairs, as many of each label within every band of lengths, alternating; each piece once."""
    examples: list[tuple[str, str]] = []
    for low, high in pairwise((0, *BANDS)):
        pools = [[piece for piece in pool if low < len(piece) <= high] for pool in (positive, negative)]
        for one, other in zip(*pools, strict=False):
            examples += [(POSITIVE, one), (NEGATIVE, other)]
    return examples


def train(data: Path, output: Path) -> None:
    hashes = training_text.input_hashes(data, PATTERNS)
    positive = [*training_text.wikipedia(data, "wikipedia/enwiki*.bz2"), *training_text.books(data)]
    negative = [*english_pages(data), *training_text.c4(data)]
    negative = [text for text in negative if "wikipedia.org" not in (urlsplit(text.url).hostname or "")]
    sides = [in_hash_order([text for text in texts if text.language in ("", "en")]) for texts in (positive, negative)]
    learnt = [[piece for text in side if not is_held_out(text.key, 20) for piece in pieces(text)] for side in sides]
    examples = balanced(*learnt)
    model_path = output / "quality-en.ftz"
    train_classifier(examples, model_path, **SETTINGS)

    model = FastTextModel(model_path)
    held_out = [[text for text in side if is_held_out(text.key, 20)] for side in sides]
    by_kind: dict[str, list[float]] = {}
    for side in held_out:
        for text in side:
            by_kind.setdefault(text.kind, []).extend(probabilities(model, pieces(text), POSITIVE))
    positives = [score for kind in ("books", "wikipedia") for score in by_kind.get(kind, [])]
    negatives = [score for kind in ("c4", "crawl") for score in by_kind.get(kind, [])]
    write_card(
        model_path,
        kind="fastText classifier: wiki (Wikipedia, books) or cc (crawl pages)",
        languages=["en"],
        parameters={**SETTINGS, "quantized": True, "piece_characters": list(LENGTHS)},
        data={"examples": dict(Counter(label for label, _ in examples)), "documents": len(learnt[0]) + len(learnt[1])},
        inputs=hashes,
        measured={
            "held_out_documents": dict(sorted(Counter(text.kind for side in held_out for text in side).items())),
            "roc_auc": round(roc_auc(positives, negatives), 4),
            "roc_auc_wikipedia_against_crawl": round(roc_auc(by_kind["wikipedia"], by_kind["crawl"]), 4),
            "operating_points": [operating_point(positives, negatives, point) for point in (THRESHOLD, 0.5)],
            "kept_at_threshold": {
                kind: round(sum(score >= THRESHOLD for score in scores) / len(scores), 4)
                for kind, scores in sorted(by_kind.items())
            },
        },
    )


if __name__ == "__main__":
    train_main("quality-en", train)
