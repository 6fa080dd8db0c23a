"""The packed rows that dedup shuffles: fixed-size numpy records, never text and never a Python object a line.

A document is addressed by (shard, row): the extract shard it is stored in and its row there. Shards are numbered in
file order and, within a file, by offset, so (shard, row) orders documents the same way however files were split.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np
from numpy.typing import NDArray

Packed = NDArray[np.void]

ADDRESS = [("shard", "<u4"), ("row", "<u4")]

CAPTURE = np.dtype(
    [("url_hi", "<u8"), ("url_lo", "<u8"), ("date", "<i8"), ("text_hi", "<u8"), ("text_lo", "<u8"), *ADDRESS]
)
"""One document: the 128-bit hash of its URL's normal form, its date in seconds, the 128-bit digest of its text."""

DISPLACED = np.dtype([("reason", "<u4"), *ADDRESS, ("by_shard", "<u4"), ("by_row", "<u4")])
"""One dropped document, why, and the document that displaced it."""

LINE = np.dtype([("hash", "<u8"), *ADDRESS, ("line", "<u4")])
"""One line of one document."""

REPEATED = np.dtype([*ADDRESS, ("line", "<u4"), ("copies", "<u4"), ("other_shard", "<u4"), ("other_row", "<u4")])
"""One line to drop: how often its group has it, and the first other document that has it (itself when none)."""

BAND = np.dtype([("hash", "<u8"), ("characters", "<u4"), *ADDRESS])
"""One MinHash band of one document."""

PAIR = np.dtype([("a_shard", "<u4"), ("a_row", "<u4"), ("b_shard", "<u4"), ("b_row", "<u4")])
"""Two documents to compare."""


def pack(rows: Packed) -> bytes:
    return np.ascontiguousarray(rows).tobytes()


def unpack(chunks: Iterable[bytes], dtype: np.dtype[np.void]) -> Packed:
    """All rows of some packed chunks, in one array, in the order given (sort before relying on any)."""
    return np.frombuffer(b"".join(chunks), dtype=dtype)


def ordered(rows: Packed, *fields: str) -> Packed:
    """Rows sorted by the given fields, the first the most significant; ties broken by all the others in turn."""
    names = [*fields, *(name for name in (rows.dtype.names or ()) if name not in fields)]
    return rows[np.lexsort([rows[name] for name in reversed(names)])]


def runs(*keys: NDArray[np.generic]) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Starts and lengths of the runs of equal keys in sorted arrays."""
    n = len(keys[0])
    if n == 0:
        empty = np.zeros(0, np.intp)
        return empty, empty
    change = np.zeros(n - 1, bool)
    for key in keys:
        change |= key[1:] != key[:-1]
    starts = np.concatenate([[0], np.flatnonzero(change) + 1]).astype(np.intp)
    return starts, np.diff(np.append(starts, n))


def split_by(rows: Packed, keys: NDArray[np.integer]) -> Iterator[tuple[int, Packed]]:
    """(key, rows of that key) in ascending key order, each in the order given."""
    if len(rows) == 0:
        return
    order = np.argsort(keys, kind="stable")
    starts, lengths = runs(keys[order])
    for start, length in zip(starts.tolist(), lengths.tolist(), strict=True):
        chosen = order[start : start + length]
        yield int(keys[chosen[0]]), rows[chosen]
