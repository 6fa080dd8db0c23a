"""Bytes out of bzip2, xz or Zstandard, read forwards, never more than are allowed (gzip's: `arxiv_stream.Inflated`).

Nothing is unpacked to disk. Memory is a few megabytes and the window that the packer used, of at most 128 MB.
"""

from __future__ import annotations

import bz2
import lzma
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import zstandard

from curate.sources.arxiv_stream import GZIP_MAGIC, Inflated, PaperError, Stream, Unreadable

MAX_WINDOW = 1 << 27
"""Bytes that a packer may look back: the most of `zstd --ultra -22`, and twice those of `xz -9`."""
MAX_RATIO = 500
"""Bytes out of one byte in, beyond the first RATIO_FROM: source code has 4 to 20."""
RATIO_FROM = 64 << 20
_FEED = 64 << 10
_PIECE = 256 << 10
_SIP = 512
"""Bytes given to Zstandard at a time: it answers with all that they become, 128 KB for each four at worst."""
_FAILURES = (OSError, EOFError, ValueError, MemoryError, lzma.LZMAError, zstandard.ZstdError)


class _Zstd:
    """One frame, with the methods of `bz2.BZ2Decompressor`."""

    def __init__(self) -> None:
        self._frame = zstandard.ZstdDecompressor(max_window_size=MAX_WINDOW).decompressobj()
        self._feed = b""
        self._ready = b""

    def decompress(self, data: bytes, most: int) -> bytes:
        self._feed += data
        at = 0
        while not self._ready and at < len(self._feed) and not self._frame.eof:
            self._ready = self._frame.decompress(self._feed[at : at + _SIP])
            at += _SIP
        self._feed = self._feed[at:]
        piece, self._ready = self._ready[:most], self._ready[most:]
        return piece

    @property
    def needs_input(self) -> bool:
        return not self._ready and not self._feed

    @property
    def eof(self) -> bool:
        return self._frame.eof and not self._ready

    @property
    def unused_data(self) -> bytes:
        return bytes(self._frame.unused_data) + self._feed


@dataclass(frozen=True, slots=True)
class _Packing:
    """begins: what a part of such a file begins with; start: makes a decoder of one part."""

    name: str
    begins: re.Pattern[bytes]
    start: Callable[[], Any]


# xz may pad between its streams, Zstandard skip frames that hold no data.
_PACKINGS = (
    _Packing("bzip2", re.compile(rb"BZh[1-9]"), bz2.BZ2Decompressor),
    _Packing("xz", re.compile(rb"\xfd7zXZ\0"), lambda: lzma.LZMADecompressor(lzma.FORMAT_XZ, memlimit=2 * MAX_WINDOW)),
    _Packing("Zstandard", re.compile(rb"\x28\xb5\x2f\xfd|[\x50-\x5f]\x2a\x4d\x18"), _Zstd),
)
_LONGEST_MAGIC = 6


def unpacked(stream: Stream, limit: int) -> Stream:
    """What a stream holds, by what it begins with: gzip, bzip2, xz, Zstandard, or itself.

    Reading raises PaperError: bomb beyond `limit` bytes or MAX_RATIO, truncated, corrupt_gzip or corrupt_stream.
    """
    if stream.peek(2) == GZIP_MAGIC:
        return Inflated(stream, limit)
    begins = stream.peek(_LONGEST_MAGIC)
    packing = next((packing for packing in _PACKINGS if packing.begins.match(begins)), None)
    return stream if packing is None else Unpacked(stream, packing, limit)


class Unpacked(Stream):
    """What parts of one packing hold; bytes behind them that are none are left out, as its own program does."""

    def __init__(self, packed: Stream, packing: _Packing, limit: int) -> None:
        super().__init__()
        self._packed = packed
        self._packing = packing
        self._limit = limit
        self._given = 0
        self._decoder = packing.start()
        self._waiting = b""
        self._piece, self._at = b"", 0

    def _more(self, most: int) -> bytes:
        if self._at == len(self._piece):
            self._piece, self._at = self._unpack(), 0
        taken = self._piece[self._at : self._at + most]
        self._at += len(taken)
        return taken

    def _unpack(self) -> bytes:
        """The next bytes, b"" at the end."""
        while not self._decoder.eof or self._next_part():
            feed = b""
            if self._decoder.needs_input:
                feed, self._waiting = self._waiting or self._packed.some(_FEED), b""
                if not feed:
                    raise PaperError(Unreadable.TRUNCATED, f"the data ends inside its {self._packing.name}")
            try:
                piece: bytes = self._decoder.decompress(feed, _PIECE)
            except _FAILURES as error:
                raise PaperError(Unreadable.CORRUPT_STREAM, f"{self._packing.name}: {error}"[:200]) from None
            if piece:
                self._given += len(piece)
                self._check()
                return piece
        return b""

    def _next_part(self) -> bool:
        rest = self._rest(self._decoder.unused_data)
        while len(rest) < _LONGEST_MAGIC and (piece := self._packed.some(_FEED)):
            rest = self._rest(rest + piece)
        if not self._packing.begins.match(rest):
            return False
        self._decoder, self._waiting = self._packing.start(), rest
        return True

    def _rest(self, data: bytes) -> bytes:
        return data.lstrip(b"\0") if self._packing.name == "xz" else data

    def _check(self) -> None:
        if self._given > self._limit:
            raise PaperError(Unreadable.BOMB, f"unpacks to more than {self._limit} bytes")
        if self._given > RATIO_FROM and self._given > MAX_RATIO * self._packed.position:
            raise PaperError(Unreadable.BOMB, f"{self._packed.position} bytes became {self._given}")
