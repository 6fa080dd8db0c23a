"""What an NSFW classifier finds and what it takes away: AUC, and false positives for each group of people.

Rates by group are of harmless text that names the group: templated sentences (Dixon et al. 2018), which are never
trained on, and posts labelled neither. A group is flagged where its rate is over FLAG times the average and a margin.
At the filter's threshold, and at the one that finds half of the insults: a classifier that flags nothing so short has
no false positives either.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from statistics import median
from typing import Any

from curate.errors import UserError
from curate.models.cards import card_path
from curate.models.fasttext_model import FastTextModel, plain_words
from curate.models.nsfw_evidence import (
    HELD_OUT,
    Evidence,
    Post,
    Sentence,
    csv_rows,
    in_language,
    read_posts,
    read_sentences,
)
from curate.models.quality_data import side_key
from curate.models.registry import ModelFile, card, file_sha256, read_card
from curate.models.supervised import chunks, operating_point, roc_auc
from curate.models.texts import TrainingText, files_of, is_held_out, read_texts
from curate.models.weak_labels import packaged

POSITIVE = "nsfw"
THRESHOLD = 0.5
FLAG, MARGIN = 1.5, 0.01
LEAST_OF_A_PAGE = 300
LEAST_OF_A_GROUP = 20
BOOK_PIECE = 4_000
LEAST_ADULT_PAGES = 50
MOST_NAMED = 20
_DAVIDSON = (
    "The posts of Davidson et al. 2017 were found by words of a hate speech lexicon, and their labels call "
    "African-American English offensive more often than other English (Davidson et al. 2019, Sap et al. 2019). The "
    "classifier does not know that dialect's spellings, but it knows words that in-group speech has and the labels "
    "call offensive: see `dialect`."
)
_BLIND = (
    "The classifier cannot know the names of groups, so it misses hate whose only sign is which group is named; groups "
    "that are not on its list are not protected by it. Slurs are not names: it knows them."
)


def measure(
    model: FastTextModel, held_out: Evidence, sentences: Sequence[Sentence] = (), language: str = "en"
) -> dict[str, Any]:
    """Figures of what was held out; those that need text which is not there are left out."""

    def score(text: str) -> float:
        return model.probability(plain_words(text), POSITIVE) or 0.0

    figures: dict[str, Any] = {"threshold": THRESHOLD}
    posts = [(post, score(post.text)) for post in held_out.posts]
    toxic = [found for post, found in posts if post.nsfw]
    harmless = [(post.text, found) for post, found in posts if not post.nsfw]
    pages = _pages(held_out, score)
    every_page = [found for scored in pages.values() for _, found in scored]
    groups = packaged("groups", language)
    if toxic and harmless:
        safe = [found for _, found in harmless]
        figures["held_out_posts"] = dict(sorted(Counter(post.kind for post, _ in posts).items()))
        figures["roc_auc_posts"] = round(roc_auc(toxic, safe), 4)
        for kind in sorted({post.kind for post, _ in posts if post.nsfw}):
            scores = [found for post, found in posts if post.kind == kind]
            figures[f"roc_auc_{kind}"] = round(roc_auc(scores, safe), 4)
        figures["posts"] = operating_point(toxic, safe, THRESHOLD)
        figures["posts_false_positive_rate_by_group"] = _by_group(harmless, groups, THRESHOLD, LEAST_OF_A_GROUP)
        dialect = packaged("dialect", language)
        spoken = [found for text, found in harmless if dialect.intersection(plain_words(text).split())]
        if spoken:
            figures["dialect"] = {
                "posts": len(spoken),
                "false_positive_rate": round(_over(spoken, THRESHOLD), 4),
                "average": round(_over(safe, THRESHOLD), 4),
                "flagged": _flagged(_over(spoken, THRESHOLD), _over(safe, THRESHOLD)),
            }
    if every_page:
        figures["held_out_pages"] = {kind: len(scored) for kind, scored in sorted(pages.items())}
        figures["pages_over_threshold"] = {
            kind: round(_over([found for _, found in scored], THRESHOLD), 4) for kind, scored in sorted(pages.items())
        }
        figures["pages_false_positive_rate_by_group"] = _by_group(
            (page for scored in pages.values() for page in scored), groups, THRESHOLD, LEAST_OF_A_GROUP
        )
        if toxic:
            figures["roc_auc_posts_against_pages"] = round(roc_auc(toxic, every_page), 4)
    adult = {page.key: score(page.text) for page in [*held_out.sample, *held_out.sites]}
    if adult:
        figures["held_out_adult_pages"] = len(adult)
        figures["adult_pages_found"] = sum(found > THRESHOLD for found in adult.values())
        if len(adult) <= MOST_NAMED:
            figures["adult_pages"] = {key: round(found, 4) for key, found in adult.items()}
        if every_page:
            figures["roc_auc_adult_pages"] = round(roc_auc(list(adult.values()), every_page), 4)
    if sentences:
        figures["identity_sentences"] = _identity(sentences, score, groups)
    return figures


def _pages(held_out: Evidence, score: Callable[[str], float]) -> dict[str, list[tuple[str, float]]]:
    """(text, score) of clean documents by kind, books in pieces of a page's length."""
    found: dict[str, list[tuple[str, float]]] = {}
    for text in held_out.clean:
        kind = text.kind if len(text.text) >= LEAST_OF_A_PAGE else f"under_{LEAST_OF_A_PAGE}_characters"
        parts = chunks(text.text, BOOK_PIECE) if text.kind == "books" else [text.text]
        found.setdefault(kind, []).extend((part, score(part)) for part in parts)
    return found


def _over(scores: Sequence[float], threshold: float) -> float:
    return sum(score > threshold for score in scores) / max(len(scores), 1)


def _flagged(rate: float, average: float) -> bool:
    return rate > FLAG * average + MARGIN


def _by_group(
    harmless: Iterable[tuple[str, float]], groups: frozenset[str], threshold: float, least: int
) -> dict[str, Any]:
    """The average, the rate of each group that at least so many texts name, and which of them are flagged."""
    total: Counter[str] = Counter()
    over: Counter[str] = Counter()
    every = above = 0
    for text, score in harmless:
        every, above = every + 1, above + (score > threshold)
        for group in groups & set(plain_words(text).split()):
            total[group] += 1
            over[group] += score > threshold
    average = above / max(every, 1)
    rates = {group: over[group] / total[group] for group in sorted(total) if total[group] >= least}
    return {
        "average": round(average, 4),
        "groups": {group: round(rate, 4) for group, rate in rates.items()},
        "flagged": [group for group, rate in rates.items() if _flagged(rate, average)],
    }


def _identity(sentences: Sequence[Sentence], score: Callable[[str], float], groups: frozenset[str]) -> dict[str, Any]:
    scored = [(sentence, score(sentence.text)) for sentence in sentences]
    bad = [found for sentence, found in scored if sentence.harmful]
    good = [(sentence.text, found) for sentence, found in scored if not sentence.harmful]
    figures: dict[str, Any] = {"sentences": len(scored), "roc_auc": round(roc_auc(bad, [s for _, s in good]), 4)}
    for name, threshold in (("at_threshold", THRESHOLD), ("at_half_of_insults", median(bad))):
        figures[name] = {
            "threshold": round(threshold, 6),
            "insults_found": round(_over(bad, threshold), 4),
            "false_positive_rate": _by_group(good, groups, threshold, LEAST_OF_A_GROUP),
        }
    return figures


def row(figures: Mapping[str, Any]) -> dict[str, Any]:
    """The figures of one run of an ablation."""
    found = {
        key: figures[key]
        for key in ("roc_auc_posts", "roc_auc_hate", "roc_auc_posts_against_pages", "roc_auc_adult_pages")
        if key in figures
    }
    if "adult_pages_found" in figures:
        found["adult_pages_found"] = f"{figures['adult_pages_found']} of {figures['held_out_adult_pages']}"
    if "posts" in figures:
        found["posts_false_positive_rate"] = figures["posts"]["false_positive_rate"]
    if "identity_sentences" in figures:
        rates = figures["identity_sentences"]["at_threshold"]["false_positive_rate"]
        found["identity_average"] = rates["average"]
        found["identity_highest"] = max(rates["groups"].values(), default=0.0)
        found["identity_flagged"] = len(rates["flagged"])
    return found


def limits(evidence: Evidence) -> list[str]:
    """What a card must say that such a model cannot do."""
    adult = len(evidence.sample) + len(evidence.sites)
    return [
        *([_DAVIDSON] if {"hate", "offensive", "neither"} <= {post.kind for post in evidence.posts} else []),
        *([_BLIND] if evidence.blind else []),
        *([f"It saw {adult} adult or toxic pages, some of them held out."] if adult < LEAST_ADULT_PAGES else []),
    ]


def evaluate(model: ModelFile, paths: Sequence[Path]) -> dict[str, Any]:
    """`measure` on what a user names: CSV files of labelled posts or of identity sentences, and ordinary text.

    Of a file that the model was trained on (its card has the hash) only what was held out counts; `trained_on` says how
    many posts and documents were passed over. UserError where a file is none of these or nothing is left.
    """
    beside = card_path(model.path)
    described = card(model.name) or (read_card(beside) if beside.is_file() else {})
    language = str((described.get("languages") or ["en"])[0])
    known = set(described.get("inputs", {}).values()) if described.get("sha256") == model.sha256 else set()
    percent = int(described.get("parameters", {}).get("held_out_percent", HELD_OUT))
    passed_over = 0

    def unseen(path: Path, key: str) -> bool:
        nonlocal passed_over
        fair = file_sha256(path) not in known or is_held_out(key, percent)
        passed_over += not fair
        return fair

    posts: list[Post] = []
    sentences: list[Sentence] = []
    tables = [path for path in paths if path.suffix.lower() == ".csv"]
    for path in tables:
        if any("Text" in row and "Label" in row for row in csv_rows(path, "--on")[:1]):
            sentences += read_sentences(path, "--on")
        else:
            posts += [post for post in read_posts(path, "--on") if unseen(path, post.key)]

    def texts() -> Iterator[TrainingText]:
        if ordinary := [path for path in paths if path not in tables]:
            for path in files_of(ordinary).values():
                yield from (text for text in read_texts([path]) if unseen(path, side_key(text)))

    clean = in_language(texts(), language)
    if not (posts or sentences or clean):
        raise UserError("nothing to measure on: name a CSV file of labelled or identity text, or ordinary text")
    found = measure(FastTextModel(model.path), Evidence(posts=posts, clean=clean), sentences, language)
    return {**found, "trained_on": passed_over}
