"""The texts a perplexity model is trained on: in its language, the wanted number chosen by hash, kept on disk."""

from __future__ import annotations

import gzip
import hashlib
import heapq
import json
import re
import zlib
from array import array
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from curate.errors import UserError
from curate.models.language_id import LanguageIdentifier
from curate.models.registry import resolve
from curate.models.texts import TrainingText, files_of, is_held_out, plain_wikitext, read_dump, read_texts, reader_of
from curate.sources.wikipedia_dump import articles
from curate.text.ccnet import lines_for_model

MOST_OF_A_DOCUMENT = 250_000
LID_THRESHOLD = 0.5
MOST_MEASURED = 1000
"""Documents of each kind, chosen by hash, that the figures of a card are taken on."""
_LONGEST_LINE = 64 << 20
_HEADING = re.compile(r"^=+[^\n]{1,500}=+\s*$", re.M)
_CIRRUS = re.compile(r"([a-z_-]{1,40})wiki[-_].{0,60}cirrus")


def identity(text: TrainingText) -> str:
    """What a document is, wherever its file lies: an article's title, and of all others the text itself.

    A copy of a file under another name has the same documents kept from training.
    """
    return text.key if text.kind == "wikipedia" else text.text


def is_kept_from_training(text: TrainingText, percent: int) -> bool:
    """Whether a model that held out `percent` was not trained on this document."""
    return is_held_out(identity(text).encode("utf-8", "replace").decode(), percent)


class InLanguage:
    """Whether a text is in a language: as its source states it, else by lid.176 with a score of at least 0.5."""

    def __init__(self, language: str) -> None:
        self._language = language
        self._identify = LanguageIdentifier(resolve("lid.176").path)

    def __call__(self, text: TrainingText) -> bool:
        return text.language == self._language if text.language else self.judged(text.text)

    def judged(self, text: str) -> bool:
        """The same by lid.176 alone."""
        language, score = self._identify(text)
        return language == self._language and score >= LID_THRESHOLD


@dataclass(slots=True)
class Selected:
    """Documents by ascending hash, their lines in CCNet's normal form in `file`; and those held out, by kind."""

    file: Path
    hashes: NDArray[np.uint64]
    offsets: NDArray[np.uint64]
    lengths: NDArray[np.uint64]
    kinds: list[str]
    kind: NDArray[np.uint8]
    held_out: list[TrainingText] = field(default_factory=list)

    @property
    def documents(self) -> int:
        return len(self.hashes)

    def lines(self, most: int) -> Iterator[str]:
        """Every line of the first `most` documents."""
        with self.file.open("rb") as stream:
            for offset, length in zip(self.offsets[:most].tolist(), self.lengths[:most].tolist(), strict=True):
                stream.seek(offset)
                yield from stream.read(length).decode("utf-8").split("\n")

    def amounts(self, most: int) -> tuple[int, dict[str, int]]:
        """(documents, bytes of their normal form by kind) of the first `most`."""
        sums = Counter[str]()
        for kind, length in zip(self.kind[:most].tolist(), self.lengths[:most].tolist(), strict=True):
            sums[self.kinds[kind]] += length
        return min(most, self.documents), dict(sorted(sums.items()))

    def is_chosen(self, text: TrainingText) -> bool:
        """Whether this document was trained on."""
        place = int(np.searchsorted(self.hashes, np.uint64(hashed(text))))
        return place < len(self.hashes) and int(self.hashes[place]) == hashed(text)


def hashed(text: TrainingText) -> int:
    digest = hashlib.blake2b(identity(text).encode("utf-8", "replace"), digest_size=8)
    return int.from_bytes(digest.digest(), "big")


def select(
    paths: Sequence[Path], file: Path, *, language: str, most: int, opening: bool = False, held_out: int = 10
) -> Selected:
    """The `most` documents in `language` with the smallest hashes, so that no order of files or rows matters.

    Every candidate's lines are written to `file`, about as many bytes as the texts have; in memory are 25 bytes each.
    """
    inside = InLanguage(language)
    hashes, offsets, lengths, kind = array("Q"), array("Q"), array("Q"), array("B")
    kinds: dict[str, int] = {}
    measured: dict[str, list[tuple[int, str, TrainingText]]] = {}
    taken: set[int] = set()
    with file.open("wb") as out:
        at = 0
        for text in read_openings(paths) if opening else read_texts(paths):
            mark = hashed(text)
            if mark in taken or not inside(text):
                continue
            taken.add(mark)
            if is_kept_from_training(text, held_out):
                heap = measured.setdefault(text.kind, [])
                (heapq.heappush if len(heap) < MOST_MEASURED else heapq.heappushpop)(heap, (-mark, text.key, text))
                continue
            lines = [line for line in lines_for_model(text.text[:MOST_OF_A_DOCUMENT].split("\n")) if line.strip()]
            data = "\n".join(lines).encode("utf-8", "replace")
            if not data:
                continue
            hashes.append(mark)
            offsets.append(at)
            lengths.append(len(data))
            kind.append(kinds.setdefault(text.kind, len(kinds)) if len(kinds) < 255 else 0)
            at += out.write(data)
    marks = np.frombuffer(hashes, dtype=np.uint64) if hashes else np.empty(0, np.uint64)
    order = np.argsort(marks, kind="stable")[:most]
    tests = [text for _, found in sorted(measured.items()) for _, _, text in sorted(found, reverse=True)]
    return Selected(
        file,
        marks[order],
        np.array(offsets, dtype=np.uint64)[order],
        np.array(lengths, dtype=np.uint64)[order],
        list(kinds),
        np.array(kind, dtype=np.uint8)[order],
        tests,
    )


def read_openings(paths: Sequence[Path]) -> Iterator[TrainingText]:
    """Of Wikipedia's dumps and of its CirrusSearch dumps (`….json.gz`) what is before the first heading of an article.

    Other files are read whole.
    """
    others: list[Path] = []
    seen: set[str] = set()
    for path in files_of(paths).values():
        if _CIRRUS.match(path.name.lower()):
            found = _cirrus_openings(path)
        elif reader_of(path) is read_dump:
            found = _dump_openings(path)
        else:
            others.append(path)
            continue
        for text in found:
            if text.key not in seen:
                seen.add(text.key)
                yield text
    if others:
        yield from read_texts(others)


def _dump_openings(path: Path) -> Iterator[TrainingText]:
    prefix = path.name.lower().split("wiki")[0]
    language = {"simple": "en"}.get(prefix, prefix)
    for article in articles(path):
        before = _HEADING.split(article.text, maxsplit=1)[0]
        if opening := plain_wikitext(before).strip():
            yield TrainingText(f"wikipedia:{prefix}:{article.title}", "wikipedia", language, opening)


def _cirrus_openings(path: Path) -> Iterator[TrainingText]:
    prefix = path.name.lower().split("wiki")[0]
    language = {"simple": "en"}.get(prefix, prefix)
    try:
        with gzip.open(path, "rb") as stream:
            while line := stream.readline(_LONGEST_LINE):
                row = json.loads(line)
                opening = row.get("opening_text") if isinstance(row, dict) else None
                if isinstance(opening, str) and opening.strip() and row.get("namespace", 0) == 0:
                    key = f"wikipedia:{prefix}:{row.get('title') or hashlib.sha256(line).hexdigest()}"
                    yield TrainingText(key, "wikipedia", language, opening)
    except (OSError, EOFError, zlib.error, ValueError) as error:
        raise UserError(f"{path} cannot be read to its end: {' '.join(str(error).split())[:120]}") from None
