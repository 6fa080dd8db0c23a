"""What the quality classifier learns from and what is kept to measure it: texts of one language, parted by site, the
same lengths on both sides."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from curate.dedup.minhash import shingle_hashes
from curate.models.cited_keys import CitedKeys, Hashes, among
from curate.models.cited_pages import LEAST_CHARACTERS, MOST_CHARACTERS, CitedPages, TextSample, text_key
from curate.models.language_id import LanguageIdentifier
from curate.models.registry import resolve
from curate.models.supervised import chunks
from curate.models.texts import TrainingText, in_hash_order, is_held_out
from curate.text.urls import host_and_path

LENGTHS = (600, 1_500, 4_000)
"""Of the pieces that documents are cut into."""
MOST_PIECES = 40
"""Of a document at each length, so that a book does not outweigh a hundred articles."""
LEAST_SCORE = 0.5
"""Of the language, as CCNet's `lang_threshold`."""
COPIED = 0.3
"""From this share of its 8-word shingles in another text, a text counts as taken from it."""
_SHINGLE, _SAMPLED = 8, 4
_LID_CHARACTERS = 2_000
# Under these a country's registry sells names, so that a site's own name is the third from the end.
_SECOND_LEVEL = frozenset("ac co com edu go gob gouv gov gv ltd mil ne net nhs nom or org plc sch".split())  # noqa: SIM905

Sides = tuple[list[TrainingText], list[TrainingText]]


class InLanguage:
    """Whether a text is of this language, as its source states it or, where it does not, as lid.176 says."""

    def __init__(self, language: str) -> None:
        self.language = language
        self._identify = LanguageIdentifier(resolve("lid.176").path, _LID_CHARACTERS)

    def __call__(self, text: str, stated: str = "") -> bool:
        if stated:
            return stated == self.language
        found, score = self._identify(text)
        return found == self.language and score >= LEAST_SCORE


def usable(texts: Iterable[TrainingText], language: str) -> Iterator[TrainingText]:
    """The texts of this language of at least `LEAST_CHARACTERS`, each text (case and white space aside) once."""
    in_language = InLanguage(language)
    seen: set[bytes] = set()
    for text in texts:
        if len(text.text) < LEAST_CHARACTERS or not in_language(text.text, text.language):
            continue
        digest = text_key(text.text)
        if digest not in seen:
            seen.add(digest)
            yield text


@dataclass(slots=True)
class Crawl:
    """Cited and other pages of a crawl. counts: pages read, of another language, cited, too short."""

    positives: list[TrainingText]
    negatives: list[TrainingText]
    counts: dict[str, int]


def cited_and_others(keys: CitedKeys, pages: Iterable[tuple[str, str]], language: str, most: int, seed: int) -> Crawl:
    """A uniform sample of at most so many cited pages of this language, and one of the others (see `cited_pages`)."""
    in_language = InLanguage(language)
    foreign = 0

    def those() -> Iterator[tuple[str, str]]:
        nonlocal foreign
        for url, text in pages:
            if len(text) >= LEAST_CHARACTERS and not in_language(text):
                foreign += 1
                continue
            yield url, text

    read = CitedPages(keys, TextSample(most, seed), TextSample(most, seed)).read(those())
    positives, negatives = (
        [TrainingText(page.digest.hex(), kind, language, page.text, page.url) for page in side]
        for kind, side in zip(("cited", "crawl"), read.samples(), strict=True)
    )
    counts = {"pages": read.pages + foreign, "other_language": foreign, "cited": read.cited, "short": read.short}
    return Crawl(positives, negatives, counts)


def site(url: str) -> str:
    """The registered name in a URL's host, "" where it has none: pages of one site share much of their text."""
    host = host_and_path(url)[0]
    labels = host.split(".")
    if host.startswith("[") or labels[-1].isdigit():
        return host
    registry = len(labels) > 2 and len(labels[-1]) == 2 and labels[-2] in _SECOND_LEVEL
    return ".".join(labels[-3 if registry else -2 :])


def side_key(text: TrainingText) -> str:
    """What `is_held_out` decides by: the site of a page; an article's title, as its revisions are near copies; else
    the text itself, so that no renaming of files moves it."""
    if name := site(text.url):
        return f"site:{name}"
    return text.key if text.kind == "wikipedia" else text_key(text.text).hex()


@dataclass(slots=True)
class Parts:
    """Training and held-out texts as (positives, negatives). copies: how many were left out of each for it."""

    trained: Sides = field(default_factory=lambda: ([], []))
    held_out: Sides = field(default_factory=lambda: ([], []))
    copies: dict[str, int] = field(default_factory=dict)


def parted(positives: Iterable[TrainingText], negatives: Iterable[TrainingText], percent: int) -> Parts:
    """Each text on its side, in an order by hash. Left out: a negative that was taken from a positive (a mirror of
    Wikipedia), a held-out text that was taken from one that is trained on."""
    parts = Parts()
    good = list(positives)
    pools = (good, _without(Shingles(good), list(negatives), parts, "negatives"))
    for number, pool in enumerate(pools):
        for text in in_hash_order(pool):
            side = parts.held_out if is_held_out(side_key(text), percent) else parts.trained
            side[number].append(text)
    known = Shingles([text for side in parts.trained for text in side])
    one, other = parts.held_out
    parts.held_out = _without(known, one, parts, "held_out"), _without(known, other, parts, "held_out")
    return parts


def _without(known: Shingles, texts: list[TrainingText], parts: Parts, name: str) -> list[TrainingText]:
    kept = [text for text in texts if known.share(text) < COPIED]
    parts.copies[name] = parts.copies.get(name, 0) + len(texts) - len(kept)
    return kept


class Shingles:
    """A quarter of all 8-word shingles of some texts, by hash: 8 bytes each."""

    def __init__(self, texts: Sequence[TrainingText]) -> None:
        every = [_sampled(text) for text in texts]
        self._known: Hashes = np.unique(np.concatenate(every)) if every else np.zeros(0, np.uint64)

    def share(self, text: TrainingText) -> float:
        """How much of the text these texts have, from 0 to 1."""
        found = _sampled(text)
        return float(among(self._known, found).mean()) if len(found) else 0.0


def _sampled(text: TrainingText) -> Hashes:
    hashes = shingle_hashes(text.text, _SHINGLE)
    sampled: Hashes = hashes[hashes % np.uint64(_SAMPLED) == 0]
    return sampled


def pieces(text: TrainingText, lengths: Collection[int] = LENGTHS) -> list[str]:
    """The document in pieces of each length, spread over it where there are too many; whole where none is given."""
    if not lengths:
        return [text.text[:MOST_CHARACTERS]]
    found: list[str] = []
    for length in lengths:
        every = chunks(text.text, length)
        found += every[:: max(1, -(-len(every) // MOST_PIECES))]
    return found


def dumps_of(paths: Sequence[Path]) -> list[Path]:
    """Files as they are, and the dumps that folders hold."""
    from curate.errors import UserError
    from curate.models.texts import files_of, read_dump, reader_of

    found: list[Path] = []
    for path in paths:
        if not path.exists():
            raise UserError(f"no dump at {path}")
        inside = (
            [file for file in files_of([path]).values() if reader_of(file) is read_dump] if path.is_dir() else [path]
        )
        if not inside:
            raise UserError(f"no dump in the folder {path}: it needs enwiki….xml.bz2 or such")
        found += inside
    return found
