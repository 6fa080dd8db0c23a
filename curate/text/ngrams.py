"""Which word n-grams of a text occur more than once, for every n, at the cost of little more than the first.

An n-gram can only be repeated where both (n-1)-grams in it are, so each level looks only at pairs of positions that
the level before left over: exact, without hashing, and nearly free on ordinary text, where few 5-grams repeat.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Repeats:
    """The n-grams that occur at least twice.

    positions: (k,) word index at which each occurrence starts, ascending; groups: (k,) which n-gram it is, numbered
    from 0; counts: (g,) occurrences of each n-gram, overlapping ones included.
    """

    n: int
    positions: Ints
    groups: Ints
    counts: Ints

    def top(self) -> tuple[int, int] | None:
        """(position of its first occurrence, occurrences) of the most frequent; among equals the one that is first."""
        if not len(self.positions):
            return None
        most = int(self.counts.max())
        first = int(np.argmax(self.counts[self.groups] == most))
        return int(self.positions[first]), most

    def later(self) -> Ints:
        """Positions of second and further occurrences, ascending."""
        if not len(self.positions):
            return self.positions
        is_first = np.zeros(len(self.positions), np.bool_)
        is_first[np.unique(self.groups, return_index=True)[1]] = True
        return self.positions[~is_first]


class WordNgrams:
    """The n-grams of a list of words. Time O(words · log words) for each n, memory a few arrays of the words' length.

    lengths: (words,) characters a word; ends: (words + 1,) characters in the words before each.
    """

    def __init__(self, words: Sequence[str]) -> None:
        self.count = len(words)
        vocabulary: defaultdict[str, int] = defaultdict()
        vocabulary.default_factory = vocabulary.__len__  # a new word's number is how many there are so far
        self._ids: Ints = np.fromiter(map(vocabulary.__getitem__, words), np.int64, self.count)
        self.lengths: Ints = np.fromiter(map(len, words), np.int64, self.count)
        self.ends: Ints = np.zeros(self.count + 1, np.int64)
        np.cumsum(self.lengths, out=self.ends[1:])
        self._levels: list[Repeats] = []

    def repeated(self, n: int) -> Repeats:
        """The repeated n-grams, n >= 1."""
        while len(self._levels) < n:
            self._levels.append(self._pairs(self._levels[-1]) if self._levels else self._words())
        return self._levels[n - 1]

    def characters(self, n: int, positions: Ints) -> Ints:
        """Characters in the words of the n-gram at each position, white space not counted."""
        return np.asarray(self.ends[positions + n] - self.ends[positions])

    def covered(self, n: int, positions: Ints) -> int:
        """Characters in words that lie in at least one of the n-grams at these positions (ascending), each once."""
        if not len(positions):
            return 0
        stops = positions + n
        starts = positions.copy()
        np.maximum(starts[1:], stops[:-1], out=starts[1:])
        return int((self.ends[stops] - self.ends[starts]).sum())

    def _words(self) -> Repeats:
        counts = np.bincount(self._ids)
        positions = np.flatnonzero(counts[self._ids] > 1)
        return Repeats(1, positions, *_number(self._ids[positions]))

    def _pairs(self, shorter: Repeats) -> Repeats:
        positions = shorter.positions
        if len(positions) < 2:
            return Repeats(shorter.n + 1, positions[:0], shorter.groups[:0], shorter.counts[:0])
        adjacent = np.flatnonzero(positions[1:] == positions[:-1] + 1)
        keys = shorter.groups[adjacent] * len(shorter.counts) + shorter.groups[adjacent + 1]
        groups, counts = _number(keys)
        is_repeated = counts > 1
        repeated = np.flatnonzero(is_repeated[groups])
        renumbered = np.cumsum(is_repeated) - 1
        return Repeats(shorter.n + 1, positions[adjacent[repeated]], renumbered[groups[repeated]], counts[is_repeated])


def _number(keys: Ints) -> tuple[Ints, Ints]:
    """Each key's rank among the distinct keys, and how often each of these occurs; what `np.unique` would say, in
    fewer calls, which is what counts for a page's few hundred keys."""
    order = np.argsort(keys, kind="stable")
    ascending = keys[order]
    starts = np.ones(len(keys), np.bool_)
    np.not_equal(ascending[1:], ascending[:-1], out=starts[1:])
    ranks = np.empty(len(keys), np.int64)
    ranks[order] = np.cumsum(starts) - 1
    return ranks, np.bincount(ranks).astype(np.int64, copy=False)
