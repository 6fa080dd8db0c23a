"""The pages of a MediaWiki dump, any byte range of it by itself: `<page>` to `</page>`, as bytes.

A page belongs to the block (of a `.bz2`) or the byte (of a plain `.xml`) where its `<page>` begins, so ranges that
meet give every page once, and a page's place does not depend on them. In XML a `<` that is text is written `&lt;`, so
the tags can be found without a parser.
"""

from __future__ import annotations

import zlib
from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import IO

from curate.sources.bzip2_blocks import Block, blocks

MAX_PAGE = 16 << 20
"""Bytes of one page's XML; MediaWiki's own limit on its text is 2 MB."""
_OPEN, _CLOSE = b"<page>", b"</page>"
_CHUNK = 1 << 20
# No dump shrinks so well as a whole: text packs to a fifth or, of pages made by bots, to a fiftieth. What is under it
# unpacks, 32 MB of it, in less than ten seconds.
_MAX_RATIO = 50
_FREE = 64 << 20


class Broken(StrEnum):
    """Why a part of a dump is set aside."""

    BAD_BLOCK = "bad_block"
    TRUNCATED = "truncated"
    BOMB = "bomb"
    TRUNCATED_PAGE = "truncated_page"
    PAGE_TOO_LARGE = "page_too_large"
    BAD_XML = "bad_xml"
    DOCTYPE = "doctype"
    NOT_A_DUMP = "not_a_dump"


@dataclass(frozen=True, slots=True)
class Stretch:
    """Consecutive bytes of a dump, unpacked. offset: where in the file they are stored."""

    offset: int
    data: bytes
    broken: Broken | None = None


@dataclass(frozen=True, slots=True)
class RawPage:
    """offset, index: the byte where its block begins and its ordinal there; in a plain file its own byte, and 0.

    data: from `<page>` to `</page>`; b"" where `broken` says what is wrong instead.
    """

    offset: int
    index: int
    data: bytes
    broken: Broken | None = None


def stretches(stream: IO[bytes], start: int) -> Iterator[Stretch]:
    """A dump's bytes from the block or byte at `start` on. Compression is told by the file's first bytes."""
    stream.seek(0)
    magic = stream.read(4)
    if magic[:3] == b"BZh":
        yield from _from_blocks(blocks(stream, start))
    elif magic[:2] == b"\x1f\x8b":
        stream.seek(0)
        yield from _from_gzip(stream)
    else:
        stream.seek(start)
        while data := stream.read(_CHUNK):
            yield Stretch(start, data)
            start += len(data)


def divisible(magic: bytes) -> bool:
    """Whether a file that begins so can be read from the middle."""
    return magic[:2] != b"\x1f\x8b"


def _from_blocks(found: Iterator[Block]) -> Iterator[Stretch]:
    """Stops at a bomb, be it one of many streams: blocks that give nothing count by what it took to see that."""
    stored = unpacked = 0
    first = -1
    for block in found:
        first = block.offset if first < 0 else first
        stored = block.offset - first
        unpacked += block.work
        if unpacked > _FREE + _MAX_RATIO * stored:
            yield Stretch(block.offset, b"", Broken.BOMB)
            return
        yield Stretch(block.offset, block.data, Broken(block.damage.value) if block.damage else None)


def _from_gzip(stream: IO[bytes]) -> Iterator[Stretch]:
    stored = unpacked = 0
    unpacker = zlib.decompressobj(31)
    while chunk := stream.read(_CHUNK):
        stored += len(chunk)
        while chunk:
            try:
                data = unpacker.decompress(chunk, _CHUNK)
            except zlib.error:
                yield Stretch(0, b"", Broken.BAD_BLOCK)
                return
            unpacked += len(data)
            if unpacked > _FREE + _MAX_RATIO * stored:
                yield Stretch(0, b"", Broken.BOMB)
                return
            if data:
                yield Stretch(0, data)
            chunk = unpacker.unconsumed_tail
            if unpacker.eof:
                chunk = unpacker.unused_data.lstrip(b"\0")
                if chunk:
                    unpacker = zlib.decompressobj(31)
    while not unpacker.eof and (data := unpacker.decompress(b"", _CHUNK)):
        yield Stretch(0, data)
    if not unpacker.eof:
        yield Stretch(0, b"", Broken.TRUNCATED)


def pages(stream: IO[bytes], start: int = 0, end: int = -1) -> Iterator[RawPage]:
    """Every page that begins in the stored bytes [start, end) (end -1: the file's), and what is broken there.

    Memory is bounded by a page and a block. Raises OSError where the stream cannot be read.
    """
    return _Pager(stream, start, end).run()


class _Pager:
    def __init__(self, stream: IO[bytes], start: int, end: int) -> None:
        self._stream, self._start, self._end = stream, start, end
        self._buffer = bytearray()
        self._base = 0  # of the buffer, in unpacked bytes from where reading began
        self._starts: list[int] = []  # of the stretches that the buffer may reach into, in unpacked bytes
        self._offsets: list[int] = []
        self._ordinals: list[int] = []
        self._open: tuple[int, int] | None = None  # the place of the page that has begun, at the buffer's first byte
        self._scan = 0
        self._too_large = False
        self._plain = False

    def run(self) -> Iterator[RawPage]:
        self._stream.seek(0)
        magic = self._stream.read(4)
        self._plain = magic[:3] != b"BZh" and divisible(magic)
        for stretch in stretches(self._stream, self._start):
            beyond = self._beyond(stretch.offset)
            if stretch.broken:
                if self._open and not self._too_large:
                    yield RawPage(*self._open, b"", Broken.TRUNCATED_PAGE)
                if beyond:
                    return
                yield RawPage(stretch.offset, 0, b"", stretch.broken)
                self._forget_all()
                continue
            self._add(stretch)
            for page in self._scan_buffer():
                if self._beyond(page.offset):
                    return
                yield page
            if self._open and self._beyond(self._open[0]):
                return
            if (self._too_large or not self._open) and self._begins_beyond():
                return
        if self._open and not self._too_large:
            yield RawPage(*self._open, b"", Broken.TRUNCATED_PAGE)

    def _beyond(self, offset: int) -> bool:
        return 0 <= self._end <= offset

    def _begins_beyond(self) -> bool:
        """Whether nothing that is still in the buffer lies within the range."""
        return self._beyond(self._place(self._base, False)[0])

    def _add(self, stretch: Stretch) -> None:
        self._starts.append(self._base + len(self._buffer))
        if self._offsets and self._offsets[-1] == stretch.offset:  # gzip: one place for all of it
            self._starts.pop()
        else:
            self._offsets.append(stretch.offset)
            self._ordinals.append(0)
        self._buffer += stretch.data

    def _place(self, position: int, count: bool = True) -> tuple[int, int]:
        """The (offset, index) of a page that begins at this unpacked byte; counted, where it does."""
        owner = bisect_right(self._starts, position) - 1
        if self._plain:
            return self._offsets[owner] + position - self._starts[owner], 0
        index = self._ordinals[owner]
        self._ordinals[owner] += count
        return self._offsets[owner], index

    def _scan_buffer(self) -> Iterator[RawPage]:
        while True:
            begin = self._buffer.find(_OPEN, self._scan)
            if self._open:
                close = self._buffer.find(_CLOSE, self._scan, begin if begin >= 0 else len(self._buffer))
                if close >= 0:
                    if not self._too_large:
                        yield RawPage(*self._open, bytes(self._buffer[: close + len(_CLOSE)]))
                    self._close(close + len(_CLOSE))
                    continue
                if begin >= 0:  # a page in a page: the first has no end
                    if not self._too_large:
                        yield RawPage(*self._open, b"", Broken.TRUNCATED_PAGE)
                    self._close(begin)
                    continue
                if len(self._buffer) > MAX_PAGE and not self._too_large:
                    self._too_large = True
                    yield RawPage(*self._open, b"", Broken.PAGE_TOO_LARGE)
                if self._too_large:
                    self._drop(len(self._buffer) - len(_CLOSE))
                self._scan = max(0, len(self._buffer) - len(_CLOSE))
                return
            if begin < 0:
                self._drop(len(self._buffer) - len(_OPEN) + 1)
                return
            self._drop(begin)
            self._open = self._place(self._base)
            self._too_large = False
            self._scan = len(_OPEN)

    def _close(self, length: int) -> None:
        self._open = None
        self._drop(length)

    def _drop(self, length: int) -> None:
        if length > 0:
            del self._buffer[:length]
            self._base += length
            gone = bisect_right(self._starts, self._base) - 1
            if gone > 0:
                del self._starts[:gone], self._offsets[:gone], self._ordinals[:gone]
        self._scan = 0

    def _forget_all(self) -> None:
        self._base += len(self._buffer)
        self._buffer.clear()
        self._starts.clear()
        self._offsets.clear()
        self._ordinals.clear()
        self._open, self._scan, self._too_large = None, 0, False
