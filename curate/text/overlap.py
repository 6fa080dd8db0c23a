"""Which word n-grams of a text stand in benchmark items: one look-up an n-gram, vectorised.

Words are those of the near-duplicate shingles: lower-cased, letters and digits only, as GPT-3 has them (Brown et al.
2020, appendix C: "lowercasing and removing punctuation"). An item shorter than n words is looked for whole.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from curate.dedup.minhash import ngram_hashes, word_hashes

_FILTER_BITS = 24
MOST_ITEMS = 256
"""An n-gram that more items have is counted for the first of them only, so that one phrase costs no more."""


@dataclass(frozen=True, slots=True)
class Overlap:
    """ngrams: places of the text at which an n-gram of an item begins; share: of its words that lie in one; longest:
    words in the longest stretch of them; item: the name of the item of which most stands in the text, "" for none;
    item_share: of that item's different n-grams.
    """

    ngrams: int = 0
    share: float = 0.0
    longest: int = 0
    item: str = ""
    item_share: float = 0.0


@dataclass(frozen=True, slots=True)
class _Table:
    """The n-grams of one length. hashes: (k,) distinct, sorted; starts: (k + 1,) where each one's items begin in items.
    seen: which low bits of hashes occur, to tell most n-grams of a text from them at once."""

    hashes: NDArray[np.uint64]
    starts: NDArray[np.int64]
    items: NDArray[np.int64]
    seen: NDArray[np.bool_]

    def find(self, hashes: NDArray[np.uint64]) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
        """(positions of those that are here, their indices)."""
        positions = np.flatnonzero(self.seen[hashes & np.uint64(len(self.seen) - 1)])
        index = np.minimum(np.searchsorted(self.hashes, hashes[positions]), len(self.hashes) - 1)
        here = self.hashes[index] == hashes[positions]
        return positions[here], index[here]


class BenchmarkIndex:
    """The n-grams of all items. items: (name, text). n: words; min_words: shorter items are left out (`short`), as a
    few common words are no evidence. max_items: n-grams in more items than that are left out: what a benchmark's
    template says in every item; None for none.
    """

    def __init__(self, items: Iterable[tuple[str, str]], n: int, min_words: int, max_items: int | None = None) -> None:
        self.names: list[str] = []
        self.short = 0
        by_size: dict[int, list[tuple[int, NDArray[np.uint64]]]] = {}
        for name, text in items:
            words = word_hashes(text)
            if len(words) < min_words:
                self.short += 1
                continue
            size = min(n, len(words))
            hashes = np.unique(ngram_hashes(words, size))
            by_size.setdefault(size, []).append((len(self.names), hashes))
            self.names.append(name)
        self._tables = {size: _table(by_size[size], max_items) for size in sorted(by_size)}
        owners = np.concatenate([np.zeros(0, np.int64), *(table.items for table in self._tables.values())])
        self._totals: NDArray[np.int64] = np.maximum(np.bincount(owners, minlength=len(self.names)), 1)

    def overlap(self, text: str) -> Overlap:
        """What of the text stands in items. Cost: a hash and a look-up a word for each length of n-grams there is."""
        words = word_hashes(text)
        covered = np.zeros(len(words) + 1, np.int64)
        begins = np.zeros(len(words) + 1, np.bool_)
        found: list[NDArray[np.int64]] = []
        for size, table in self._tables.items():
            if len(words) < size:
                continue
            positions, index = table.find(ngram_hashes(words, size))
            if not len(positions):
                continue
            begins[positions] = True
            np.add.at(covered, positions, 1)
            np.add.at(covered, positions + size, -1)
            distinct = np.unique(index)
            found += [table.items[table.starts[i] : table.starts[i + 1]][:MOST_ITEMS] for i in distinct.tolist()]
        if not found:
            return Overlap()
        inside = np.cumsum(covered)[:-1] > 0
        counts = np.bincount(np.concatenate(found), minlength=len(self.names))
        shares = counts / self._totals
        best = int(np.argmax(shares))
        return Overlap(int(begins.sum()), float(inside.mean()), _longest(inside), self.names[best], float(shares[best]))


def _table(items: list[tuple[int, NDArray[np.uint64]]], max_items: int | None) -> _Table:
    hashes = np.concatenate([found for _, found in items])
    owners = np.repeat([number for number, _ in items], [len(found) for _, found in items]).astype(np.int64)
    order = np.argsort(hashes, kind="stable")
    hashes, owners = hashes[order], owners[order]
    distinct, starts, counts = np.unique(hashes, return_index=True, return_counts=True)
    if max_items is not None:
        keep = counts <= max_items
        owners = owners[np.repeat(keep, counts)]
        distinct, counts = distinct[keep], counts[keep]
        starts = np.cumsum(counts) - counts
    bits = int(np.clip(len(distinct).bit_length() + 4, 10, _FILTER_BITS))
    seen = np.zeros(1 << bits, np.bool_)
    seen[distinct & np.uint64((1 << bits) - 1)] = True
    return _Table(distinct, np.append(starts, len(owners)).astype(np.int64), owners, seen)


def _longest(inside: NDArray[np.bool_]) -> int:
    """The length of the longest run of True."""
    edges = np.flatnonzero(np.diff(np.concatenate([[0], inside.astype(np.int8), [0]])))
    return int((edges[1::2] - edges[::2]).max(initial=0))
