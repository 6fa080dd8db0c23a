"""Bytes read forwards, out of a file or out of gzip, never more than are allowed.

A paper is a few hundred kilobytes of gzip in a tar of 500 MB. It is read from there as it is: nothing is unpacked to
disk, and no more is held than what one read asks for.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from enum import StrEnum
from typing import IO, Any

from isal import isal_zlib

GZIP_MAGIC = b"\x1f\x8b"
_FEED = 64 << 10
_PIECE = 1 << 20
_GzipError: Any = isal_zlib.error


class Unreadable(StrEnum):
    """Why a paper, or a part of a tar, is set aside."""

    TRUNCATED = "truncated"
    CORRUPT_GZIP = "corrupt_gzip"
    CORRUPT_STREAM = "corrupt_stream"
    BAD_TAR = "bad_tar"
    BOMB = "bomb"
    TOO_LARGE = "too_large"
    TOO_MANY_FILES = "too_many_files"
    ENDLESS_MACRO = "endless_macro"


class PaperError(Exception):
    """A paper that cannot be read. detail: one line."""

    def __init__(self, reason: Unreadable, detail: str) -> None:
        super().__init__(detail)
        self.reason = reason
        self.detail = detail


class Stream(ABC):
    """Bytes that are read once, forwards. position: of the next byte, from the stream's own start."""

    def __init__(self) -> None:
        self.position = 0
        self._ahead = b""

    @abstractmethod
    def _more(self, most: int) -> bytes:
        """The next 1 to `most` bytes; b"" at the end. Raises PaperError."""

    def peek(self, count: int) -> bytes:
        """The next `count` bytes, fewer only at the end, which stay to be read."""
        while len(self._ahead) < count and (piece := self._more(count - len(self._ahead))):
            self._ahead += piece
        return self._ahead[:count]

    def some(self, most: int) -> bytes:
        """The next 1 to `most` bytes; b"" at the end."""
        if self._ahead:
            piece, self._ahead = self._ahead[:most], self._ahead[most:]
        else:
            piece = self._more(most)
        self.position += len(piece)
        return piece

    def read(self, count: int) -> bytes:
        """The next `count` bytes, fewer only at the end."""
        pieces: list[bytes] = []
        while count > 0 and (piece := self.some(min(count, _PIECE))):
            pieces.append(piece)
            count -= len(piece)
        return b"".join(pieces)

    def skip(self, count: int) -> int:
        """Pass over `count` bytes; returns how many there were."""
        start = self.position
        while (left := count - (self.position - start)) > 0 and self.some(min(left, _PIECE)):
            pass
        return self.position - start


class Stored(Stream):
    """The bytes [start, start + size) of a seekable file; short where the file is."""

    def __init__(self, handle: IO[bytes], start: int, size: int) -> None:
        super().__init__()
        self._handle = handle
        self._at = start
        self._end = start + size

    def _more(self, most: int) -> bytes:
        self._handle.seek(self._at)
        piece = self._handle.read(min(most, self._end - self._at))
        self._at += len(piece)
        return piece

    def skip(self, count: int) -> int:
        held = min(count, len(self._ahead))
        self._ahead = self._ahead[held:]
        passed = held + max(min(count - held, self._end - self._at), 0)
        self._at += passed - held
        self.position += passed
        return passed


class Inflated(Stream):
    """What one or more gzip members hold; bytes behind them that are none are left out, as gzip does.

    Raises PaperError: bomb beyond `limit` bytes, truncated, or corrupt_gzip.
    """

    def __init__(self, packed: Stream, limit: int) -> None:
        super().__init__()
        self._packed = packed
        self._limit = limit
        self._given = 0
        self._inflate = isal_zlib.decompressobj(31)
        self._waiting = b""

    def _more(self, most: int) -> bytes:
        while True:
            if self._inflate.eof and not self._next_member():
                return b""
            feed = self._waiting or self._packed.some(_FEED)
            try:
                piece: bytes = self._inflate.decompress(feed, most)
            except _GzipError as error:
                raise PaperError(Unreadable.CORRUPT_GZIP, str(error)) from None
            self._waiting = self._inflate.unconsumed_tail
            if piece:
                self._given += len(piece)
                if self._given > self._limit:
                    raise PaperError(Unreadable.BOMB, f"unpacks to more than {self._limit} bytes")
                return piece
            if not feed and not self._inflate.eof:
                raise PaperError(Unreadable.TRUNCATED, "the data ends inside its gzip")

    def _next_member(self) -> bool:
        rest = self._inflate.unused_data
        while len(rest) < len(GZIP_MAGIC) and (piece := self._packed.some(_FEED)):
            rest += piece
        if not rest.startswith(GZIP_MAGIC):
            return False
        self._inflate = isal_zlib.decompressobj(31)
        self._waiting = rest
        return True
