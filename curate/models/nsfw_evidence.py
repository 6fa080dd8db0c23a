"""What an NSFW classifier learns from and is measured on: posts, clean text, adult pages, and lists of words."""

from __future__ import annotations

import csv
import html
import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from curate.errors import UserError
from curate.models.fasttext_model import plain_words
from curate.models.quality_data import InLanguage, side_key
from curate.models.texts import TrainingText, in_hash_order, is_held_out, read_texts
from curate.models.weak_labels import packaged
from curate.text.urls import host_and_path

HELD_OUT = 10
# Of the few adult pages half are held out: enough to learn from is less wanted here than something to measure on.
ADULT_HELD_OUT = 50
SOURCES: Mapping[str, str] = {"labelled": "posts", "words": "words", "sample": "sample", "sites": "sites"}
"""Each source of labels, and the field of `Evidence` that holds it."""
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


@dataclass(frozen=True, slots=True)
class Sentence:
    """A templated sentence: harmful or not, whoever it names."""

    text: str
    harmful: bool


@dataclass(frozen=True)
class Evidence:
    """What there is; `part` divides it. words: entries of a list of explicit words; blind: what the classifier must not
    know; ordinary: entries that ordinary pages have too; percent: of posts and clean text that is held
    out; dialect: spellings of African-American English."""

    posts: Sequence[Post] = ()
    clean: Sequence[TrainingText] = ()
    words: Sequence[str] = ()
    sample: Sequence[TrainingText] = ()
    sites: Sequence[TrainingText] = ()
    blind: Collection[str] = field(default_factory=frozenset)
    ordinary: Collection[str] = field(default_factory=frozenset)
    percent: int = HELD_OUT
    dialect: frozenset[str] = field(default_factory=frozenset)

    def part(self, held_out: bool) -> Evidence:
        """What is measured on, or what is learnt from: of a site all pages or none, of a post all copies or none."""
        return replace(
            self,
            posts=[post for post in self.posts if is_held_out(post.key, self.percent) is held_out],
            clean=[text for text in self.clean if is_held_out(side_key(text), self.percent) is held_out],
            sample=[text for text in self.sample if is_held_out(text.key, ADULT_HELD_OUT) is held_out],
            sites=[text for text in self.sites if is_held_out(host_and_path(text.url)[0], ADULT_HELD_OUT) is held_out],
        )

    def in_dialect(self, text: str) -> bool:
        return not self.dialect.isdisjoint(plain_words(text).split())

    def there(self) -> list[str]:
        """The sources of labels that have anything."""
        return [source for source, where in SOURCES.items() if getattr(self, where)]


def read_posts(path: Path, option: str = "--labelled") -> list[Post]:
    """The rows of a CSV file with the columns `text` and `label`, or `tweet` and `class` as Davidson et al. have them
    (0 hate, 1 offensive, 2 neither); names, links and retweet marks are taken out, and of copies the first stays.

    UserError where the columns are not there, or for the first row whose label is not known.
    """
    found: dict[str, Post] = {}
    for number, row in enumerate(csv_rows(path, option), start=2):
        davidson = "tweet" in row and "class" in row
        raw, label = (row["tweet"], row["class"]) if davidson else (row.get("text"), row.get("label"))
        if raw is None or label is None:
            raise UserError(f"{option} {path}:{number}: needs the columns text and label (or tweet and class)")
        kind = _DAVIDSON.get(label.strip(), "") if davidson else label.strip().lower()
        if not kind or (not davidson and kind not in _YES | _NO):
            raise UserError(
                f"{option} {path}:{number}: the label is {label[:40]!r}; it must be "
                + ("0 (hate), 1 (offensive) or 2 (neither)" if davidson else "nsfw or safe (or toxic, clean, 1, 0 …)")
            )
        text = " ".join(_POST_MARKUP.sub(" ", html.unescape(raw)).split())
        key = f"post:{' '.join(plain_words(text).split())}"
        if text:
            found.setdefault(key, Post(key, text, kind, kind in _YES))
    return list(found.values())


def read_sentences(path: Path, option: str = "--identity") -> list[Sentence]:
    """A CSV file with the columns Text and Label (BAD or NOT_BAD); UserError for another."""
    found = []
    for number, row in enumerate(csv_rows(path, option), start=2):
        text, label = row.get("Text"), row.get("Label")
        if text is None or label not in ("BAD", "NOT_BAD"):
            raise UserError(f"{option} {path}:{number}: needs the columns Text and Label, which is BAD or NOT_BAD")
        found.append(Sentence(text, label == "BAD"))
    if {sentence.harmful for sentence in found} != {True, False}:
        raise UserError(f"{option} {path}: needs sentences labelled BAD and others labelled NOT_BAD")
    return found


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
    return in_language(read_texts(paths), language)


def in_language(texts: Iterable[TrainingText], language: str) -> list[TrainingText]:
    """`clean_documents` of texts that were read already."""
    wanted = InLanguage(language)
    once: dict[str, TrainingText] = {}
    for text in texts:
        if wanted(text.text, text.language):
            once.setdefault(text.text, text)
    return in_hash_order(once.values())


def blind_words(language: str) -> frozenset[str]:
    """What the classifier of a language must not know."""
    return packaged("groups", language) | packaged("dialect", language)
