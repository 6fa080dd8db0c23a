"""The posts of a site by question, however far from it its answers stand, in bounded memory.

A site of more XML than one bucket is read once and its rows are laid by a hash of their question's number into one
temporary file, compressed; then each bucket is read by itself. The file has no name, so nothing is left of it when
the process ends, however that is. A process keeps the file of the site it read last: its next buckets are at hand.
"""

from __future__ import annotations

import struct
import tempfile
import threading
from collections.abc import Callable, Iterable, Iterator
from typing import IO

import zstandard

from curate.sources.stackexchange_rows import Bad, Row

_ROW = struct.Struct("<QI")
_HELD = 128 << 20
"""Bytes of rows held before they are written, of all buckets together."""
_SMALLEST = 16 << 10


def bucket_of(question: int, buckets: int) -> int:
    """Which bucket a question is in: a multiplicative hash (Knuth, TAOCP 3, 6.4), as numbers run on."""
    return ((question * 0x9E3779B97F4A7C15 & 0xFFFF_FFFF_FFFF_FFFF) >> 20) % buckets


class Buckets:
    """Rows by bucket, and what could not be read, on disk."""

    def __init__(self, rows: Iterable[tuple[int, Row | Bad]], buckets: int) -> None:
        """rows: (question, row), all that a site has, and what could not be read."""
        self.bad: list[Bad] = []
        self._file: IO[bytes] = tempfile.TemporaryFile(prefix="curate-")  # noqa: SIM115 - closed with the object
        self._blocks: list[list[tuple[int, int]]] = [[] for _ in range(buckets)]
        held = [bytearray() for _ in range(buckets)]
        most = max(_SMALLEST, _HELD // buckets)
        for question, row in rows:
            if isinstance(row, Bad):
                self.bad.append(row)
                continue
            number = bucket_of(question, buckets)
            block = held[number]
            block += _ROW.pack(row.offset, len(row.data))
            block += row.data
            if len(block) >= most:
                self._write(number, block)
        for number, block in enumerate(held):
            if block:
                self._write(number, block)

    def _write(self, number: int, block: bytearray) -> None:
        packed = zstandard.ZstdCompressor(level=1).compress(bytes(block))
        self._blocks[number].append((self._file.seek(0, 2), len(packed)))
        self._file.write(packed)
        block.clear()

    def read(self, number: int) -> Iterator[Row]:
        """The rows of a bucket, in the order of the dump."""
        for offset, length in self._blocks[number]:
            self._file.seek(offset)
            block = zstandard.ZstdDecompressor().decompress(self._file.read(length))
            at = 0
            while at < len(block):
                where, size = _ROW.unpack_from(block, at)
                at += _ROW.size
                yield Row(where, block[at : at + size])
                at += size

    def close(self) -> None:
        self._file.close()


_LOCK = threading.Lock()
_last: tuple[tuple[object, ...], Buckets] | None = None


def buckets_of(key: tuple[object, ...], make: Callable[[], Buckets]) -> Buckets:
    """The buckets of the site that `key` names (file, size, settings), those at hand where they are the same."""
    global _last
    with _LOCK:
        if _last is None or _last[0] != key:
            if _last is not None:
                _last[1].close()
                _last = None
            _last = (key, make())
        return _last[1]
