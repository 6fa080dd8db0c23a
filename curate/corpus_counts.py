"""Exact counts over a corpus: a number for each key of each group, added up in any order and pieces.

A group is whatever pages are compared by (a host, a language); a key is what is counted in it (an address, a token).
Sums are of integers, so the order of adding changes nothing. Chunks travel through shuffles as packed arrays.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

PENDING = 1 << 20
"""Counts that are held, at least, before they are added up."""
MAX_KEY = 2**32 - 1
Packed = tuple[list[str], bytes, bytes, bytes]
"""Groups, how many keys each has (uint32), the keys (uint32), the counts (int64)."""
SCHEMA = pa.schema(
    [("group", pa.string()), ("keys", pa.large_list(pa.uint32())), ("counts", pa.large_list(pa.int64()))]
)


@dataclass(frozen=True, slots=True)
class Counts:
    """What was counted in one group. keys: uint32, ascending, each once; counts: int64, one a key."""

    group: str
    keys: NDArray[np.uint32]
    counts: NDArray[np.int64]

    @classmethod
    def of(cls, group: str, counted: Mapping[int, int]) -> Counts:
        """From a mapping of key to count."""
        keys = sorted(counted)
        return cls(group, np.array(keys, np.uint32), np.array([counted[key] for key in keys], np.int64))

    @property
    def total(self) -> int:
        return int(self.counts.sum())

    def get(self, key: int) -> int:
        """The count of a key, 0 where it was not counted."""
        at = int(np.searchsorted(self.keys, np.uint32(key)))
        return int(self.counts[at]) if at < len(self.keys) and int(self.keys[at]) == key else 0


class Totals:
    """Adds counts up. Memory: 16 bytes a distinct key of a group, and as much again, or PENDING, that waits."""

    def __init__(self) -> None:
        self._groups: dict[str, int] = {}
        self._held: list[tuple[NDArray[np.uint64], NDArray[np.int64]]] = []
        self._pending = 0

    def add(self, counts: Counts) -> None:
        number = self._groups.setdefault(counts.group, len(self._groups))
        places = np.uint64(number << 32) | counts.keys.astype(np.uint64)
        self._held.append((places, counts.counts))
        self._pending += len(places) + 1
        # In proportion to what is held, or a large total would be gone through for every few counts that come.
        if self._pending >= max(PENDING, len(self._held[0][0])):
            self._add_up()

    def _add_up(self) -> None:
        if len(self._held) > 1:
            places = np.concatenate([places for places, _ in self._held])
            counts = np.concatenate([counts for _, counts in self._held])
            distinct, where = np.unique(places, return_inverse=True)
            sums = np.zeros(len(distinct), np.int64)
            np.add.at(sums, where, counts)
            self._held = [(distinct, sums)]
        self._pending = 0

    def __iter__(self) -> Iterator[Counts]:
        """The total of every group, in the order of their names."""
        self._add_up()
        places, sums = self._held[0] if self._held else (np.zeros(0, np.uint64), np.zeros(0, np.int64))
        order = np.argsort(places, kind="stable")
        places, sums = places[order], sums[order]
        for group, number in sorted(self._groups.items()):
            start, stop = np.searchsorted(places, [np.uint64(number << 32), np.uint64((number + 1) << 32)])
            yield Counts(group, (places[start:stop] & np.uint64(MAX_KEY)).astype(np.uint32), sums[start:stop])


def pack(counted: Iterable[Counts]) -> Packed:
    """Counts as one element of a shuffle."""
    items = list(counted)
    return (
        [item.group for item in items],
        np.array([len(item.keys) for item in items], np.uint32).tobytes(),
        b"".join(item.keys.astype(np.uint32).tobytes() for item in items),
        b"".join(item.counts.astype(np.int64).tobytes() for item in items),
    )


def unpack(packed: Packed) -> Iterator[Counts]:
    groups, lengths, keys, counts = packed
    ends = np.concatenate([[0], np.cumsum(np.frombuffer(lengths, np.uint32), dtype=np.int64)]).tolist()
    flat, values = np.frombuffer(keys, np.uint32), np.frombuffer(counts, np.int64)
    for group, start, stop in zip(groups, ends[:-1], ends[1:], strict=True):
        yield Counts(group, flat[start:stop], values[start:stop])


def table(counted: Iterable[Counts]) -> pa.Table:
    """Counts as they are stored."""
    items = list(counted)
    columns: list[Any] = [
        [item.group for item in items],
        [item.keys for item in items],
        [item.counts for item in items],
    ]
    return pa.table(columns, schema=SCHEMA)


def from_table(stored: pa.Table) -> Iterator[Counts]:
    for row in stored.to_pylist():
        yield Counts(row["group"], np.array(row["keys"], np.uint32), np.array(row["counts"], np.int64))
