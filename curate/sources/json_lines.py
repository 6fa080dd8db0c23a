"""Lines of a file, gzipped or plain, by ranges of the stored bytes, whatever they hold.

A line belongs to the range in which its first byte is stored. In a gzip file, which cannot be entered in the middle,
it is stored with the block of FEED bytes that yields its first byte: a range reads the file from the start, and
splits only its own part. That costs a range of 300 MB at most a second more.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import IO, Any

from isal import isal_zlib

from curate.storage import filesystem

FEED = 64 << 10
MAX_RATIO = 200
"""Bytes out of one byte in, beyond the first RATIO_FROM; text has 2 to 10."""
RATIO_FROM = 64 << 20
_PIECE = 4 << 20
_GZIP = b"\x1f\x8b"
_GzipError: Any = isal_zlib.error


class Unreadable(StrEnum):
    """Why a line, or the rest of a file, was set aside."""

    TRUNCATED = "truncated"
    CORRUPT_GZIP = "corrupt_gzip"
    GARBAGE = "garbage"
    BOMB = "bomb"
    TOO_LARGE = "too_large"


@dataclass(frozen=True, slots=True)
class Line:
    """offset: of its first byte in the text, unpacked; data: without the end of the line."""

    offset: int
    data: bytes


@dataclass(frozen=True, slots=True)
class Bad:
    """What could not be read. offset: as of a line."""

    offset: int
    reason: Unreadable
    detail: str


@dataclass(slots=True)
class _Block:
    """data stands at `offset` of the text and was stored at `stored`; exact: each byte at its own place after it."""

    stored: int
    offset: int
    data: bytes
    exact: bool
    bad: Bad | None = None


def read_lines(path: str, start: int, end: int, max_line_bytes: int) -> Iterator[Line | Bad]:
    """The lines of a range, in order; end -1: to the file's end. Longer ones are too_large, and not held."""
    fs, inner = filesystem(path)
    with fs.open(inner, "rb") as handle:
        zipped = handle.read(2) == _GZIP
        blocks = _gzip_blocks(handle) if zipped else _plain_blocks(handle, start)
        yield from _lines(blocks, start, end, max_line_bytes)


def _lines(blocks: Iterator[_Block], start: int, end: int, most: int) -> Iterator[Line | Bad]:
    held = bytearray()
    begun = -1  # where the line in hand begins, -1 between lines
    mine = passing = False
    for block in blocks:
        if block.bad is not None:
            if start <= block.stored and (end < 0 or block.stored < end):
                if begun >= 0 and mine and held:
                    yield Bad(begun, block.bad.reason, f"inside a line; {block.bad.detail}")
                else:
                    yield block.bad
            return
        data, at = block.data, 0
        if block.stored + (len(data) if block.exact else 0) < start:
            # All that begins here is another range's.
            if data:
                begun, mine = (-1, False) if data.endswith(b"\n") else (block.offset, False)
            continue
        while at < len(data):
            if begun < 0:
                begun = block.offset + at
                stored = block.stored + at if block.exact else block.stored
                mine, passing = stored >= start, False
                if 0 <= end <= stored:
                    return
            stop = data.find(b"\n", at)
            stretch = data[at : stop if stop >= 0 else len(data)]
            at += len(stretch) + 1
            if mine and not passing:
                if len(held) + len(stretch) > most:
                    yield Bad(begun, Unreadable.TOO_LARGE, f"a line of over {most} bytes")
                    passing = True
                    held.clear()
                else:
                    held += stretch
            if stop >= 0:
                if mine and not passing:
                    yield Line(begun, bytes(held))
                    held.clear()
                begun = -1
    if begun >= 0 and mine and not passing and held:
        yield Line(begun, bytes(held))


def _plain_blocks(handle: IO[bytes], start: int) -> Iterator[_Block]:
    """From the byte before the range, which says whether a line begins with it."""
    at = max(start - 1, 0)
    handle.seek(at)
    while data := handle.read(_PIECE):
        yield _Block(at, at, data, True)
        at += len(data)


def _gzip_blocks(handle: IO[bytes]) -> Iterator[_Block]:
    handle.seek(0)
    stored = offset = read = 0
    inflate = isal_zlib.decompressobj(31)
    data = handle.read(FEED)
    while data:
        read += len(data)
        left, more = data, True
        while more:
            if inflate.eof:  # the next member; zero bytes are padding
                left = left.lstrip(b"\0")
                if not left:
                    break
                if not _GZIP.startswith(left[:2]):
                    yield _bad(stored, offset, Unreadable.GARBAGE, f"after a gzip member: {left[:8]!r}")
                    return
                inflate = isal_zlib.decompressobj(31)
            try:
                piece = inflate.decompress(left, _PIECE)
            except _GzipError as error:
                yield _bad(stored, offset, Unreadable.CORRUPT_GZIP, str(error))
                return
            if piece:
                yield _Block(stored, offset, piece, False)
                offset += len(piece)
            if offset > RATIO_FROM and offset > MAX_RATIO * read:
                yield _bad(stored, offset, Unreadable.BOMB, f"{read} bytes became {offset}")
                return
            left = inflate.unused_data if inflate.eof else inflate.unconsumed_tail
            more = bool(left) or (len(piece) == _PIECE and not inflate.eof)
        stored += len(data)
        data = handle.read(FEED)
    if not inflate.eof:
        yield _bad(max(stored - 1, 0), offset, Unreadable.TRUNCATED, "the file ends inside a gzip member")


def _bad(stored: int, offset: int, reason: Unreadable, detail: str) -> _Block:
    return _Block(stored, offset, b"", False, Bad(offset, reason, detail))
