"""The rows of a `Posts.xml`, one at a time, whatever lies between them.

A `<` never stands inside a tag, so the next one ends a row, however it is written: each row is parsed by itself, and
one that is not well-formed costs no other. Nothing can be declared in a row, so there are no entities to expand; a
file with a DOCTYPE is refused. Cost: 12 µs a row and 250 MB/s.
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from xml.parsers import expat

from curate.sources.charset import codec_of

_DECLARED = re.compile(rb"""<\?xml\s[^>]{0,256}?encoding\s{0,16}=\s{0,16}["']([A-Za-z0-9_:.+-]{1,64})""")
_MARKS = ((codecs.BOM_UTF8, "utf-8"), (codecs.BOM_UTF16_LE, "utf-16-le"), (codecs.BOM_UTF16_BE, "utf-16-be"))
_NAME = re.compile(rb"[/?!]?[A-Za-z][A-Za-z0-9_-]{0,63}|!--|!\[")
_SHOWN = 60


class Unreadable(StrEnum):
    """Why rows were set aside."""

    BAD_XML = "bad_xml"
    BAD_ROW = "bad_row"
    DOCTYPE = "doctype"
    GARBAGE = "garbage"
    NOT_POSTS = "not_posts"
    TOO_LARGE = "too_large"
    TRUNCATED = "truncated"


@dataclass(frozen=True, slots=True)
class Row:
    """data: `<row …/>` in UTF-8, not yet parsed; offset: of its `<` in the XML (in UTF-8, if it was in another)."""

    offset: int
    data: bytes


@dataclass(frozen=True, slots=True)
class Bad:
    """What could not be read, at which offset of the XML, and why."""

    offset: int
    reason: str
    detail: str


def read_rows(chunks: Iterable[bytes], max_row_bytes: int) -> Iterator[Row | Bad]:
    """Every row, in order, and what is none. A longer row than `max_row_bytes` is too_large and is not held."""
    inside = comment = ended = False
    at = 0
    for offset, data, complete in _tags(_as_utf8(chunks), max_row_bytes):
        at = offset + len(data)
        if comment:  # what looks like a tag there is none
            comment = b"-->" not in data
            continue
        named = _NAME.match(data, 1)
        name = named[0] if named else b""
        if not complete:
            yield Bad(offset, Unreadable.TOO_LARGE, f"over {max_row_bytes} bytes without an end: {_shown(data)}")
        elif name == b"row":
            if inside:
                yield Row(offset, data)
            else:
                yield Bad(offset, Unreadable.NOT_POSTS, f"a row {'after </posts>' if ended else 'before <posts>'}")
        elif name.upper() in (b"!DOCTYPE", b"!ENTITY"):
            yield Bad(offset, Unreadable.DOCTYPE, _shown(data))
            return
        elif name == b"!--":
            comment = b"-->" not in data
        elif name in (b"posts", b"/posts", b"?xml", b"/row"):
            inside = name == b"posts" or (inside and name == b"/row")
            ended = name == b"/posts" or (ended and name != b"posts")
            if after := data.partition(b">")[2].strip():
                yield Bad(offset, Unreadable.GARBAGE, _shown(after))
        else:
            if not inside and not ended:
                yield Bad(offset, Unreadable.NOT_POSTS, f"begins with {_shown(data)}")
                return
            yield Bad(offset, Unreadable.GARBAGE, _shown(data))
    if ended:
        return
    yield Bad(at, Unreadable.TRUNCATED if inside else Unreadable.NOT_POSTS, "the file ends before </posts>")


def attributes(row: Row) -> dict[str, str] | Bad:
    """A row's attributes."""
    found: dict[str, str] = {}

    def start(_: str, given: dict[str, str]) -> None:
        found.update(given)

    data = row.data.rstrip()
    if data.endswith(b">") and not data.endswith(b"/>"):
        data = data[:-1] + b"/>"
    parser = expat.ParserCreate("utf-8")
    parser.StartElementHandler = start
    try:
        parser.Parse(data, True)
    except expat.ExpatError as error:
        return Bad(row.offset, Unreadable.BAD_XML, f"{error}: {_shown(data)}")
    return found


def _tags(chunks: Iterable[bytes], most: int) -> Iterator[tuple[int, bytes, bool]]:
    """(offset, bytes from a `<` up to the next, whether they are all there). Text before the first is a tag too."""
    held = bytearray()
    begin = 0  # the offset of held[0]
    passing = False  # the rest of a tag that was too long
    for chunk in chunks:
        seen = len(held)
        held += chunk
        last = 0
        while (at := held.find(b"<", max(seen, last + 1))) >= 0:
            if passing:
                passing = False
            elif at > last and (last or held[:at].strip()):
                yield begin + last, bytes(held[last:at]), True
            last = at
        del held[:last]
        begin += last
        if len(held) > most:
            if not passing:
                yield begin, bytes(held[:_SHOWN]), False
            passing = True
            begin += len(held)
            held.clear()
    if held.strip() and not passing:
        yield begin, bytes(held), True


def _as_utf8(chunks: Iterable[bytes]) -> Iterator[bytes]:
    """The same in UTF-8 where a mark or the XML declaration says it is not; a character that cannot be is U+FFFD."""
    source = iter(chunks)
    head = b""
    while len(head) < 1024 and (chunk := next(source, None)) is not None:
        head += chunk
    mark, codec = next(((mark, codec) for mark, codec in _MARKS if head.startswith(mark)), (b"", None))
    if codec is None and (declared := _DECLARED.match(head)):
        codec = codec_of(declared[1].decode("ascii"))
        codec = None if codec is None or codec.startswith("utf-16") else codec  # it was read as ASCII
    if codec in (None, "utf-8"):
        yield head[len(mark) :]
        for chunk in source:  # not `yield from`, which would close the source: what is left of it is read as well
            yield chunk
        return
    decoder = codecs.getincrementaldecoder(codec)("replace")
    yield decoder.decode(head[len(mark) :]).encode("utf-8", "replace")
    for chunk in source:
        yield decoder.decode(chunk).encode("utf-8", "replace")
    yield decoder.decode(b"", True).encode("utf-8", "replace")


def _shown(data: bytes) -> str:
    return " ".join(data[:_SHOWN].decode("utf-8", "replace").split())
