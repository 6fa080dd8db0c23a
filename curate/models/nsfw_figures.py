"""What an NSFW classifier finds and what it takes away: AUC, and false positives for each group of people.

Rates by group are of harmless text that names the group: templated sentences (Dixon et al. 2018), which are never
trained on, and posts labelled neither. A group is flagged where its rate is over FLAG times the average and a margin.
At the filter's threshold, and at the one that finds half of the insults: a classifier that flags nothing so short has
no false positives either.
"""

from __future__ import annotations

import tempfile
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import median
from typing import Any

from curate.errors import UserError
from curate.models.fasttext_model import FastTextModel, plain_words
from curate.models.registry import ModelFile, card, file_sha256
from curate.models.supervised import chunks, operating_point, roc_auc
from curate.models.texts import is_held_out
from curate.models.train_nsfw import HELD_OUT, POSITIVE, SOURCES, Evidence, csv_rows, read_posts, train
from curate.models.weak_labels import packaged

THRESHOLD = 0.5
FLAG, MARGIN = 1.5, 0.01
LEAST_OF_A_PAGE = 300
LEAST_OF_A_GROUP = 20
BOOK_PIECE = 4_000
LIMITS = (
    "The posts of Davidson et al. 2017 were found by words of a hate speech lexicon, and their labels call "
    "African-American English offensive more often than other English (Davidson et al. 2019, Sap et al. 2019). The "
    "classifier does not know that dialect's spellings, but it knows words that in-group speech has and the labels "
    "call offensive, so posts in the dialect are still taken more often: see `dialect`.",
    "The classifier cannot know the names of groups, so it misses hate whose only sign is which group is named; groups "
    "that are not on its list are not protected by it. Slurs are not names: it knows them.",
    "Adult pages are few here (the sample crawl's, invented and mild), so figures of them are of few pages.",
)


@dataclass(frozen=True, slots=True)
class Sentence:
    """A templated sentence: harmful or not, whoever it names."""

    text: str
    harmful: bool


def read_sentences(path: Path) -> list[Sentence]:
    """A CSV file with the columns Text and Label (BAD or NOT_BAD); UserError for another."""
    found = []
    for number, row in enumerate(csv_rows(path, "--identity"), start=2):
        text, label = row.get("Text"), row.get("Label")
        if text is None or label not in ("BAD", "NOT_BAD"):
            raise UserError(f"--identity {path}:{number}: needs the columns Text and Label, which is BAD or NOT_BAD")
        found.append(Sentence(text, label == "BAD"))
    if {sentence.harmful for sentence in found} != {True, False}:
        raise UserError(f"--identity {path}: needs sentences labelled BAD and others labelled NOT_BAD")
    return found


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
    every_page = [found for scores in pages.values() for found in scores]
    if toxic and harmless:
        safe = [found for _, found in harmless]
        figures["held_out_posts"] = dict(sorted(Counter(post.kind for post, _ in posts).items()))
        figures["roc_auc_posts"] = round(roc_auc(toxic, safe), 4)
        for kind in sorted({post.kind for post, _ in posts if post.nsfw}):
            scores = [found for post, found in posts if post.kind == kind]
            figures[f"roc_auc_{kind}"] = round(roc_auc(scores, safe), 4)
        figures["posts"] = operating_point(toxic, safe, THRESHOLD)
        figures["posts_false_positive_rate_by_group"] = _by_group(
            harmless, packaged("groups", language), THRESHOLD, LEAST_OF_A_GROUP
        )
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
        figures["held_out_pages"] = {kind: len(scores) for kind, scores in sorted(pages.items())}
        figures["pages_over_threshold"] = {
            kind: round(_over(scores, THRESHOLD), 4) for kind, scores in sorted(pages.items())
        }
        if toxic:
            figures["roc_auc_posts_against_pages"] = round(roc_auc(toxic, every_page), 4)
    adult = {page.key: score(page.text) for page in [*held_out.sample, *held_out.sites]}
    if adult:
        figures["adult_pages"] = {key: round(found, 4) for key, found in adult.items()}
        if every_page:
            figures["roc_auc_adult_pages"] = round(roc_auc(list(adult.values()), every_page), 4)
    if sentences:
        figures["identity_sentences"] = _identity(sentences, score, packaged("groups", language))
    return figures


def _pages(held_out: Evidence, score: Callable[[str], float]) -> dict[str, list[float]]:
    """Scores of clean documents by kind, books in pieces of a page's length."""
    found: dict[str, list[float]] = {}
    for text in held_out.clean:
        kind = text.kind if len(text.text) >= LEAST_OF_A_PAGE else f"under_{LEAST_OF_A_PAGE}_characters"
        parts = chunks(text.text, BOOK_PIECE) if text.kind == "books" else [text.text]
        found.setdefault(kind, []).extend(map(score, parts))
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


def ablate(
    evidence: Evidence,
    sentences: Sequence[Sentence],
    whole: Mapping[str, Any],
    language: str,
    progress: Callable[[str], None] = lambda line: None,
) -> dict[str, dict[str, Any]]:
    """What each source of labels gives: the figures with all, without each, with each alone, and with the names of
    groups left in; all on the same held-out text. whole: what `measure` found with all."""
    there = [source for source in SOURCES if getattr(evidence, {"labelled": "posts"}.get(source, source))]
    seeing = replace(evidence, blind=frozenset())
    runs: list[tuple[str, Evidence, list[str]]] = []
    if len(there) > 1:
        runs += [(f"without {one}", evidence, [source for source in there if source != one]) for one in there]
        runs += [(f"{one} alone", evidence, [one]) for one in there]
    runs.append(("names of groups left in", seeing, there))
    found = {"all": _row(whole)}
    with tempfile.TemporaryDirectory() as temporary:
        for name, used, sources in runs:
            progress(f"ablation: {name}")
            model = Path(temporary, "model.ftz")
            try:
                train(used, model, sources)
            except UserError:
                continue  # nothing to learn from, e.g. too few sample pages alone
            held_out = evidence.part(held_out=True)
            found[name] = _row(measure(FastTextModel(model), held_out, sentences, language))
    return found


def _row(figures: Mapping[str, Any]) -> dict[str, Any]:
    """The figures of one run of an ablation."""
    row = {
        key: figures[key]
        for key in ("roc_auc_posts", "roc_auc_hate", "roc_auc_posts_against_pages", "roc_auc_adult_pages")
        if key in figures
    }
    if "adult_pages" in figures:
        pages = figures["adult_pages"].values()
        row["adult_pages_found"] = f"{sum(score > THRESHOLD for score in pages)} of {len(pages)}"
    if "posts" in figures:
        row["posts_false_positive_rate"] = figures["posts"]["false_positive_rate"]
    if "identity_sentences" in figures:
        rates = figures["identity_sentences"]["at_threshold"]["false_positive_rate"]
        row["identity_average"] = rates["average"]
        row["identity_highest"] = max(rates["groups"].values(), default=0.0)
        row["identity_flagged"] = len(rates["flagged"])
    return row


def evaluate(model: ModelFile, paths: Sequence[Path]) -> dict[str, Any]:
    """`measure` on what a user names: CSV files of labelled posts or of identity sentences, and ordinary text.

    Of a file that the model was trained on (its card has the hash) only what was held out counts. UserError where a
    file is none of these.
    """
    from curate.models.train_nsfw import clean_documents

    described = card(model.name) or {}
    language = str((described.get("languages") or ["en"])[0])
    known = set(described.get("inputs", {}).values()) if described.get("sha256") == model.sha256 else set()
    posts, sentences, ordinary = [], [], []
    for path in paths:
        if path.suffix.lower() != ".csv":
            ordinary.append(path)
            continue
        if any("Text" in row and "Label" in row for row in csv_rows(path, "--on")[:1]):
            sentences += read_sentences(path)
            continue
        seen = file_sha256(path) in known
        posts += [post for post in read_posts(path) if not seen or is_held_out(post.key, HELD_OUT)]
    clean = []
    for path in ordinary:
        files = sorted(file for file in path.rglob("*") if file.is_file()) if path.is_dir() else [path]
        seen = any(file.is_file() and file_sha256(file) in known for file in files)
        clean += [text for text in clean_documents([path], language) if not seen or is_held_out(text.key, HELD_OUT)]
    if not (posts or sentences or clean):
        raise UserError("nothing to measure on: name a CSV file of labelled or identity text, or ordinary text")
    return measure(FastTextModel(model.path), Evidence(posts=posts, clean=clean), sentences, language)
