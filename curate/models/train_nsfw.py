"""The training of an NSFW classifier: fastText on labelled posts, and on weak labels (`curate.models.weak_labels`).

Positives are posts labelled hateful or offensive (such as Davidson et al. 2017), strung together to the length of
pages; clean text into which entries of a word list are put thickly; adult and toxic pages of the sample crawl; pages
of hosts on a list of adult sites. Negatives are posts labelled neither, strung together the same way, and clean text.

Llama-2 (Touvron et al. 2023b, §4.1 and figure 13) left toxic data in on purpose: scrubbing it costs what a model could
learn about hate, and "can also result in the accidental erasure of some demographic groups". So the classifier is
blind to the names of groups of people and to the spellings of African-American English (whose speakers the labels of
Davidson et al. themselves wrong; Sap et al. 2019): those words are not in its vocabulary, and cannot weigh.
Single words do as well as pairs here, and cost half.
"""

from __future__ import annotations

import csv
import html
import random
import re
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from curate.errors import UserError
from curate.models.fasttext_model import plain_words
from curate.models.supervised import train_classifier
from curate.models.texts import TrainingText, in_hash_order, is_held_out, read_texts
from curate.models.weak_labels import Blindfold, clean_pieces, packaged, salted, split_entries, strung

POSITIVE, NEGATIVE = "nsfw", "safe"
SETTINGS: dict[str, Any] = {"dim": 16, "epoch": 10, "lr": 0.1, "minCount": 4}
HELD_OUT = 10
# Of the few adult pages half are held out: enough to learn from is less wanted here than something to measure on.
ADULT_HELD_OUT = 50
SALTED = 0.6
NEITHER_REPEATED = 3
# Clean pieces with an entry of the word list (`sex` in a medical page) come more often than the others.
ORDINARY_REPEATED = 3
ADULT_REPEATED = 10
SOURCES = ("labelled", "words", "sample", "sites")
LANGUAGE_SCORE = 0.5
_POST_MARKUP = re.compile(r"https?://\S+|@\w+:?|\bRT\b|&#?\w+;|[\"!#]+")
_DAVIDSON = {"0": "hate", "1": "offensive", "2": "neither"}
_YES = frozenset({"nsfw", "toxic", "hate", "hateful", "offensive", "1", "true", "yes", "bad"})
_NO = frozenset({"safe", "neither", "clean", "0", "false", "no", "not_bad", "normal"})
_LONGEST_FIELD = 1 << 20


@dataclass(frozen=True, slots=True)
class Post:
    """A labelled text; key decides whether it is held out, and is the same for copies. kind: its label as it was."""

    key: str
    text: str
    kind: str
    nsfw: bool


@dataclass(frozen=True)
class Evidence:
    """What there is to learn from and to measure on; `learnt` and `held_out` divide it."""

    posts: Sequence[Post] = ()
    clean: Sequence[TrainingText] = ()
    words: Sequence[str] = ()
    sample: Sequence[TrainingText] = ()
    sites: Sequence[TrainingText] = ()
    blind: Collection[str] = field(default_factory=frozenset)
    ordinary: Collection[str] = field(default_factory=frozenset)

    def part(self, held_out: bool) -> Evidence:
        return Evidence(
            [post for post in self.posts if is_held_out(post.key, HELD_OUT) is held_out],
            [text for text in self.clean if is_held_out(text.key, HELD_OUT) is held_out],
            self.words,
            [text for text in self.sample if is_held_out(text.key, ADULT_HELD_OUT) is held_out],
            [text for text in self.sites if is_held_out(host_of(text), ADULT_HELD_OUT) is held_out],
            self.blind,
            self.ordinary,
        )


def host_of(page: TrainingText) -> str:
    """All pages of a host are held out or none."""
    from curate.text.urls import host_and_path

    return host_and_path(page.url)[0]


def read_posts(path: Path) -> list[Post]:
    """The rows of a CSV file with the columns `text` and `label`, or `tweet` and `class` as Davidson et al. have them
    (0 hate, 1 offensive, 2 neither); names, links and retweet marks are taken out, and of copies the first stays.

    UserError where the columns are not there, or for the first row whose label is not known.
    """
    found: dict[str, Post] = {}
    for number, row in enumerate(csv_rows(path, "--labelled"), start=2):
        davidson = "tweet" in row and "class" in row
        raw, label = (row["tweet"], row["class"]) if davidson else (row.get("text"), row.get("label"))
        if raw is None or label is None:
            raise UserError(f"--labelled {path}:{number}: needs the columns text and label (or tweet and class)")
        kind = _DAVIDSON.get(label.strip(), "") if davidson else label.strip().lower()
        if not kind or (not davidson and kind not in _YES | _NO):
            raise UserError(
                f"--labelled {path}:{number}: the label is {label[:40]!r}; it must be "
                + ("0 (hate), 1 (offensive) or 2 (neither)" if davidson else "nsfw or safe (or toxic, clean, 1, 0 …)")
            )
        text = " ".join(_POST_MARKUP.sub(" ", html.unescape(raw)).split())
        key = f"post:{' '.join(plain_words(text).split())}"
        if text:
            found.setdefault(key, Post(key, text, kind, kind in _YES))
    return list(found.values())


def csv_rows(path: Path, option: str) -> list[dict[str, str | None]]:
    """UserError for what is not a CSV file with a header."""
    csv.field_size_limit(_LONGEST_FIELD)
    try:
        with path.open(encoding="utf-8-sig", newline="") as stream:
            return list(csv.DictReader(stream, restkey="rest"))
    except (OSError, csv.Error, UnicodeDecodeError) as error:
        raise UserError(f"{option} {path} cannot be read as CSV: {error}") from None


def clean_documents(paths: Sequence[Path], language: str) -> list[TrainingText]:
    """The documents in this language (by lid.176 where their source does not state it), in an order by hash."""
    from curate.models.language_id import LanguageIdentifier
    from curate.models.registry import resolve

    identify = LanguageIdentifier(resolve("lid.176").path)

    def wanted(text: TrainingText) -> bool:
        if text.language:
            return text.language == language
        found, score = identify(text.text)
        return found == language and score >= LANGUAGE_SCORE

    once: dict[str, TrainingText] = {}
    for text in read_texts(paths):
        if wanted(text):
            once.setdefault(text.text, text)
    return in_hash_order(once.values())


def blind_words(language: str) -> frozenset[str]:
    """What the classifier of a language must not know."""
    return packaged("groups", language) | packaged("dialect", language)


def examples_of(evidence: Evidence, sources: Collection[str] = SOURCES) -> list[tuple[str, str]]:
    """(label, plain words) pairs of these sources and of clean text, in a fixed order that mixes the kinds."""
    rng = random.Random(0)
    clean = clean_pieces(evidence.clean)
    listed, ordinary = split_entries(evidence.words, clean)
    harmless = Blindfold(evidence.ordinary).words
    salt = [entry for entry in listed if entry not in harmless]
    runs = [f" {entry} " for entry in ordinary]
    examples: list[tuple[str, str]] = []
    if "labelled" in sources:
        examples += [(POSITIVE, text) for text in strung([post.text for post in evidence.posts if post.nsfw])]
        neither = strung([post.text for post in evidence.posts if not post.nsfw])
        examples += [(NEGATIVE, text) for text in neither for _ in range(NEITHER_REPEATED)]
    for piece in clean:
        plain = f" {plain_words(piece)} "
        examples += [(NEGATIVE, piece)] * (1 + ORDINARY_REPEATED * any(run in plain for run in runs))
        share, chosen = rng.uniform(0.05, 0.2), rng.random() < SALTED
        if chosen and salt and "words" in sources:
            examples.append((POSITIVE, salted(piece, salt, share, rng)))
    for source, pages in (("sample", evidence.sample), ("sites", evidence.sites)):
        if source in sources:
            pieces = [page.text for page in pages] + clean_pieces(pages)
            examples += [(POSITIVE, piece) for piece in pieces for _ in range(ADULT_REPEATED)]
    rng.shuffle(examples)
    blindfold = Blindfold(evidence.blind)
    return [(label, blindfold(plain_words(text))) for label, text in examples]


def train(
    evidence: Evidence,
    model: Path,
    sources: Collection[str] = SOURCES,
    progress: Callable[[str], None] = lambda line: None,
) -> dict[str, int]:
    """Train on the part that is not held out and write the model; returns how many examples of each label.

    UserError where there is nothing to learn of one of the labels.
    """
    examples = examples_of(evidence.part(held_out=False), sources)
    counts = {label: sum(one == label for one, _ in examples) for label in (POSITIVE, NEGATIVE)}
    for label, count in counts.items():
        if not count:
            raise UserError(f"no example of {label!r} to train on: name more text with --labelled, --words or --clean")
    progress(f"training on {counts[POSITIVE]:,} pieces that are nsfw and {counts[NEGATIVE]:,} that are not")
    train_classifier(examples, model, **SETTINGS)
    return counts
