"""Which window of which row group comes next: pure arithmetic on numbers, found without history.

The order is part of what a checkpoint means, so its random numbers are SplitMix64's (Steele et al. 2014, §4), computed
here, and not a library's, whose streams may change between versions.
"""

from __future__ import annotations

import math
from collections import OrderedDict
from collections.abc import Iterator, Mapping

import numpy as np
import numpy.typing as npt

Integers = npt.NDArray[np.int64]

_MASK = (1 << 64) - 1
_GAMMA = 0x9E3779B97F4A7C15
_MULTIPLIERS = (0xBF58476D1CE4E5B9, 0x94D049BB133111EB)

# Tables kept by an `Order`: of the epochs and of the blocks last asked for. Two suffice to read forward.
_KEPT = 4


def permutation(size: int, *key: int) -> Integers:
    """A random order of range(size) that depends on the integers of the key, and on nothing else, for ever."""
    state = 0
    for number in key:
        state = _mix(((state + _GAMMA) ^ number) & _MASK)
    keys = np.arange(1, size + 1, dtype=np.uint64) * np.uint64(_GAMMA) + np.uint64(state)
    for shift, multiplier in zip((30, 27), _MULTIPLIERS, strict=True):
        keys = (keys ^ (keys >> np.uint64(shift))) * np.uint64(multiplier)
    # SplitMix64 never repeats a number within its period: there are no ties, so any sort gives the same order.
    return np.argsort(keys ^ (keys >> np.uint64(31))).astype(np.int64)


def _mix(number: int) -> int:
    for shift, multiplier in zip((30, 27), _MULTIPLIERS, strict=True):
        number = ((number ^ (number >> shift)) * multiplier) & _MASK
    return number ^ (number >> 31)


def windows_in(tokens: Integers, sequence: int) -> Integers:
    """Windows of sequence + 1 tokens, a stride of `sequence` apart, that lie within each of these runs of tokens."""
    return np.maximum(tokens - 1, 0) // sequence


class Order:
    """The order of a source's windows, epoch after epoch.

    Row groups are permuted by (seed, epoch) and dealt into blocks of `block`; the windows of a block are permuted by
    (seed, epoch, block): a reader that goes forward holds `block` row groups at a time. Any place is found in the time
    of sorting the source's row groups and one block's windows.

    tokens_per_group: int64 [groups]. len() is the windows of an epoch.
    """

    def __init__(self, tokens_per_group: Integers, sequence: int, seed: int, block: int) -> None:
        self.windows = windows_in(np.asarray(tokens_per_group, np.int64), sequence)
        self.seed, self.block = seed, block
        self._used = np.flatnonzero(self.windows)
        self._size = int(self.windows.sum())
        self._epochs: OrderedDict[int, tuple[Integers, Integers]] = OrderedDict()
        self._blocks: OrderedDict[tuple[int, int], tuple[Integers, Integers]] = OrderedDict()

    def __len__(self) -> int:
        return self._size

    def locate(self, numbers: Integers) -> tuple[Integers, Integers]:
        """(row group, window within it) of each of these places: n is place n % len in epoch n // len.

        IndexError for a negative number, or where there are no windows.
        """
        groups, windows = np.empty((2, len(numbers)), np.int64)
        for rows, its_groups, its_windows in self.by_block(numbers):
            groups[rows], windows[rows] = its_groups, its_windows
        return groups, windows

    def by_block(self, numbers: Integers) -> Iterator[tuple[Integers, Integers, Integers]]:
        """The same, a block at a time: (positions in numbers, their row groups, their windows)."""
        if len(numbers) and (self._size == 0 or int(numbers.min()) < 0):
            raise IndexError(f"window {int(numbers.min())} of {self._size}")
        epochs, places = np.divmod(numbers, max(self._size, 1))
        for epoch in np.unique(epochs).tolist():
            rows = np.flatnonzero(epochs == epoch)
            _, ends = self._epoch(epoch)
            blocks = np.searchsorted(ends, places[rows], side="right")
            for block in np.unique(blocks).tolist():
                here = rows[blocks == block]
                groups, windows = self._table(epoch, block)
                within = places[here] - (int(ends[block - 1]) if block else 0)
                yield here, groups[within], windows[within]

    def _epoch(self, epoch: int) -> tuple[Integers, Integers]:
        """Row groups in the epoch's order, and the windows up to and including each block."""
        if epoch not in self._epochs:
            groups = self._used[permutation(len(self._used), self.seed, epoch)]
            last = np.minimum(np.arange(self.block, len(groups) + self.block, self.block), len(groups)) - 1
            self._epochs[epoch] = groups, np.cumsum(self.windows[groups])[last]
            if len(self._epochs) > _KEPT:
                self._epochs.popitem(last=False)
        return self._epochs[epoch]

    def _table(self, epoch: int, block: int) -> tuple[Integers, Integers]:
        """Row group and window of each place in a block."""
        if (epoch, block) not in self._blocks:
            groups = self._epoch(epoch)[0][block * self.block : (block + 1) * self.block]
            counts = self.windows[groups]
            firsts = np.cumsum(counts) - counts
            order = permutation(int(counts.sum()), self.seed, epoch, block)
            windows = np.arange(len(order)) - np.repeat(firsts, counts)
            self._blocks[epoch, block] = np.repeat(groups, counts)[order], windows[order]
            if len(self._blocks) > _KEPT:
                self._blocks.popitem(last=False)
        return self._blocks[epoch, block]


class Mixture:
    """Deals sequences to sources in proportion: the next is the one furthest behind, argmax(w·(n + 1) − count).

    Ties go to the first name. The counts are the whole state: every choice is computed from them anew, so that a
    resumed run chooses as an uninterrupted one.

    weights: shares, made to add up to 1; counts: sequences taken so far (0 where absent). ValueError unless some weight
    is positive and all are finite and at least 0.
    """

    def __init__(self, weights: Mapping[str, float], counts: Mapping[str, int] | None = None) -> None:
        self.names = sorted(weights)
        total = math.fsum(weights.values())
        if not (0 < total < math.inf) or min(weights.values()) < 0:
            raise ValueError("the weights of a mixture must be finite and at least 0, and one of them positive")
        self._weights = [weights[name] / total for name in self.names]
        self._counts = [(counts or {}).get(name, 0) for name in self.names]

    @property
    def counts(self) -> dict[str, int]:
        """Sequences taken of each source so far."""
        return dict(zip(self.names, self._counts, strict=True))

    def next(self) -> str:
        """The source of the next sequence."""
        return self.names[int(self.take(1)[0])]

    def take(self, sequences: int) -> Integers:
        """The sources of this many next sequences, as positions in `names`: int64 [sequences]."""
        weights, counts = self._weights, self._counts
        taken = sum(counts)
        chosen = np.empty(sequences, np.int64)
        sources = range(len(weights))
        for row in range(sequences):
            number, best, most = taken + row + 1, 0, -math.inf
            for i in sources:
                behind = weights[i] * number - counts[i]
                if behind > most:
                    best, most = i, behind
            counts[best] += 1
            chosen[row] = best
        return chosen
