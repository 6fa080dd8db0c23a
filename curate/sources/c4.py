"""C4 as it is published: `json.gz` files of one page a line, with `text`, `timestamp` and `url` (allenai/c4).

The pages went through C4's rules when it was made (Raffel et al. 2020, §2.2), so nothing is dropped here by default.
`filters.c4` over them is the cross-check of those rules; the other way to C4, from WARC or WET, is
`manifests/c4-from-crawl.yaml`. Multilingual C4 (Xue et al. 2021) has the same lines, its language in the file's name.
Every text is taken as published, but for NUL and lone surrogates, which no UTF-8 has.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from enum import StrEnum
from functools import partial
from typing import Any, Literal

from curate.document import Document
from curate.errors import SetAside
from curate.inputs import InputFile
from curate.sections import Bytes, ExtractSection
from curate.sources.commoncrawl import normal_date
from curate.sources.html import one_line
from curate.sources.json_lines import Bad, Line, read_lines
from curate.sources.source import Dropped, Outcome, Piece, Source
from curate.text.c4 import split_name
from curate.tokens.well_formed import well_formed

LICENCE = "ODC-By-1.0"
_NAMED = re.compile(r"(?:^|/)c4-(?:([a-z]{2,3}(?:-[A-Za-z]{2,4})?)(?:-validation)?\.tfrecord|(?:train|validation)\.)")
MAX_URL = 64 << 10
"""Characters; no real address comes near."""
_SHOWN = 60


class Drop(StrEnum):
    """Why a line that holds a page makes no document."""

    EMPTY = "empty"
    OTHER_SPLIT = "other_split"


class Unusable(StrEnum):
    """Why a line was set aside, beside what `json_lines` cannot read."""

    BAD_ENCODING = "bad_encoding"
    BAD_JSON = "bad_json"
    NOT_A_PAGE = "not_a_page"


class C4Extract(ExtractSection):
    """How lines become documents.

    split: `train` or `validation` keep these pages only, by the hash of their URL as C4 divided them; a page without
    URL is `train`. language: of all files, where their names do not say it. licence: of the collection.
    """

    split: Literal["all", "train", "validation"] = "all"
    language: str = ""
    licence: str = LICENCE
    max_line_bytes: Bytes = 32 << 20


class C4(Source[C4Extract]):
    """Pieces are byte ranges (see `curate.sources.json_lines`); a document's offset is its line's, in the text."""

    name = "c4"
    Config = C4Extract
    suffixes = (".json.gz", ".jsonl.gz", ".json", ".jsonl")
    reasons = tuple(Drop)

    def pieces(self, item: InputFile, index: int) -> Iterator[Piece]:
        step = self.config.range_bytes
        if item.size < 0:
            yield Piece(item.path, item.file, index)
        for start in range(0, max(item.size, 0), step):
            yield Piece(item.path, item.file, index, start, min(start + step, item.size))

    def read(self, piece: Piece) -> Iterator[Outcome]:
        language = self.config.language or language_of(piece.file)
        for line in read_lines(piece.path, piece.start, piece.end, self.config.max_line_bytes):
            if isinstance(line, Bad):
                yield SetAside(piece.file, line.offset, line.reason, line.detail)
            elif line.data.strip():
                yield self.limited(piece.file, line.offset, partial(self._outcome, line, piece.file, language))

    def _outcome(self, line: Line, file: str, language: str) -> Document | Dropped | SetAside:
        try:
            page: Any = json.loads(line.data.decode())
        except UnicodeDecodeError as error:
            return SetAside(file, line.offset, Unusable.BAD_ENCODING, f"not UTF-8: {error.reason}, byte {error.start}")
        except (ValueError, RecursionError) as error:
            return SetAside(file, line.offset, Unusable.BAD_JSON, f"{error}: {_shown(line.data)}")
        if not isinstance(page, dict) or not isinstance(page.get("text"), str):
            return SetAside(file, line.offset, Unusable.NOT_A_PAGE, f'no "text": {_shown(line.data)}')
        url, timestamp = page.get("url"), page.get("timestamp")
        url = one_line(url) if isinstance(url, str) else ""
        if len(url) > MAX_URL:
            return SetAside(file, line.offset, Unusable.NOT_A_PAGE, f"an address of {len(url):,} characters")
        text = well_formed(page["text"]).replace("\0", "")
        if not text.strip():
            return Dropped(Drop.EMPTY, "no text", url, line.offset)
        split = split_name(url)
        if self.config.split not in ("all", split):
            return Dropped(Drop.OTHER_SPLIT, split, url, line.offset)
        return self.document(
            text,
            file=file,
            offset=line.offset,
            url=url,
            date=normal_date(timestamp) if isinstance(timestamp, str) else "",
            language=language,
            licence=self.config.licence,
        )


def language_of(file: str) -> str:
    """The language that a published file's name states: `c4-train.00000-of-01024.json.gz` is English,
    `c4-fr.tfrecord-00000-of-02048.json.gz` French; "" where it does not."""
    found = _NAMED.search(file)
    return "" if found is None else found[1] or "en"


def _shown(data: bytes) -> str:
    return " ".join(data[:_SHOWN].decode("utf-8", "replace").split())
