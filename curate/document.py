"""The unit that travels from a source to the tokens: one document, and the columns it is stored in."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from hashlib import blake2b
from typing import Any

import pyarrow as pa


@dataclass(frozen=True, slots=True)
class Document:
    """One extracted document. Its text is never changed once it is stored; later stages say what to leave out.

    id: `<source>-` and 32 hex digits, from the place it was read at, so it does not depend on how input was split.
    date: ISO 8601 UTC (`2020-12-01T03:04:05Z`), or "" where unknown.
    language_declared: what the page says of itself (BCP 47 as written), or "".
    licence: SPDX expression, or "" where unknown.
    metadata: what else the source says of it (authors, scores, categories), a JSON object with sorted keys, or "".
    digest: 32 hex digits, BLAKE2b-128 of the text in UTF-8.
    file, offset, index: where its bytes lie: the input file's key, the byte offset of the (compressed) member or
    record, and the record's ordinal inside that member (0 unless one gzip member holds several records).
    """

    id: str
    source: str
    url: str
    title: str
    text: str
    date: str
    language_declared: str
    licence: str
    metadata: str
    digest: str
    file: str
    offset: int
    index: int

    def as_row(self) -> dict[str, Any]:
        return asdict(self)


DOCUMENT_SCHEMA = pa.schema(
    [
        pa.field("id", pa.string(), nullable=False),
        pa.field("source", pa.string(), nullable=False),
        pa.field("url", pa.string(), nullable=False),
        pa.field("title", pa.string(), nullable=False),
        pa.field("text", pa.string(), nullable=False),
        pa.field("date", pa.string(), nullable=False),
        pa.field("language_declared", pa.string(), nullable=False),
        pa.field("licence", pa.string(), nullable=False),
        pa.field("metadata", pa.string(), nullable=False),
        pa.field("digest", pa.string(), nullable=False),
        pa.field("file", pa.string(), nullable=False),
        pa.field("offset", pa.uint64(), nullable=False),
        pa.field("index", pa.uint32(), nullable=False),
    ]
)


def document_id(source: str, file: str, offset: int, index: int) -> str:
    """The id of the document read at this place; the same however the input is split into ranges."""
    place = f"{file}\x00{offset}\x00{index}".encode("utf-8", "surrogatepass")
    return f"{source}-{blake2b(place, digest_size=16).hexdigest()}"


def text_digest(text: str) -> str:
    """32 hex digits naming this exact text."""
    return blake2b(text.encode("utf-8"), digest_size=16).hexdigest()
