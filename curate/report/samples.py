"""Samples that are the same however the corpus was read: the k items whose keys have the least hashes."""

from __future__ import annotations

from hashlib import blake2b
from typing import Any, Generic, TypeVar

T = TypeVar("T")
Rank = tuple[Any, ...]


def rank(key: str) -> bytes:
    """Where a key stands in the order that samples are taken by."""
    return blake2b(key.encode("utf-8", "surrogatepass"), digest_size=8, person=b"report").digest()


class Sample(Generic[T]):
    """The `size` items of least rank, one for each rank; holds at most twice as many at any time."""

    def __init__(self, size: int) -> None:
        self.size = size
        self.offered = 0
        self._items: dict[Rank, T] = {}
        self._worst: Rank | None = None

    def add(self, by: Rank, item: T) -> None:
        """Offer an item; ranks of one sample must be comparable."""
        self.offered += 1
        if self._worst is not None and by > self._worst:
            return
        self._items.setdefault(by, item)
        if len(self._items) >= 2 * self.size:
            self._shrink()

    def _shrink(self) -> None:
        ranks = sorted(self._items)[: self.size]
        self._items = {by: self._items[by] for by in ranks}
        if len(ranks) == self.size:
            self._worst = ranks[-1]

    def items(self) -> list[T]:
        """The sample, in the order of rank."""
        self._shrink()
        return list(self._items.values())


class Tally:
    """Sums by name, for so many names that not all can be held: the rarest are then forgotten, and `exact` is False.

    sums: name -> list of `width` numbers; the first ones added up decide who is rare.
    """

    def __init__(self, width: int, limit: int) -> None:
        self.width = width
        self.limit = limit
        self.exact = True
        self.sums: dict[str, list[int]] = {}

    def add(self, name: str, *values: int) -> None:
        row = self.sums.get(name)
        if row is None:
            row = self.sums[name] = [0] * self.width
            if len(self.sums) > self.limit:
                self._forget()
                self.sums[name] = row
        for index, value in enumerate(values):
            row[index] += value

    def _forget(self) -> None:
        order = sorted(self.sums, key=lambda name: (-sum(self.sums[name][:2]), name))
        self.sums = {name: self.sums[name] for name in order[: self.limit // 2]}
        self.exact = False

    def top(self, size: int, index: int) -> list[tuple[str, list[int]]]:
        """The names with the largest sum at `index`, largest first, those without any left out."""
        order = sorted(self.sums.items(), key=lambda item: (-item[1][index], item[0]))
        return [item for item in order[:size] if item[1][index]]
