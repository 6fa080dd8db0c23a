"""The texts, notices, tags and references of licences, as hashes, and where they are found in a run of words.

`find` answers with matches that do not overlap, each with the SPDX expression it stands for. A short rule is found
where all its words stand one after another. Of a long one the share of its sampled shingles that a text holds is
measured (containment), and its likeness to the words between the first and the last of them (Dice's coefficient), so
that a licence is told from one that it is nearly a part of: BSD-2-Clause from BSD-3-Clause. Where rules overlap, the
one that explains the most words best is taken.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from curate.licences.words import SHINGLE, prefixes, runs

INDEX = Path(__file__).parent / "index.npz"
FALSE_POSITIVE, UNNAMED = "!", ""
MIN_CONTAINMENT = 0.75
"""Of a rule's sampled shingles. A changed word takes SHINGLE of them away; names and years are what changes."""
MIN_DICE = 0.70
SHORT_RULE = 30
MIN_SHORT_CONTAINMENT = 0.85
"""Of a rule of up to SHORT_RULE words: one other word may turn its meaning."""
MAX_CANDIDATES = 200
_COMMON_WEIGHT = 0.02
_SLACK = 24
"""Words beyond a third of its own that may stand between the words of a rule."""


@dataclass(frozen=True, slots=True)
class Match:
    """words[start:end] is what stands for the expression; score: Dice's coefficient of the two; held: words
    of the rule that are in the text; weight: how much likelier the licence is than a rare one that is as like."""

    start: int
    end: int
    expression: str
    score: float
    held: float
    weight: float = 0.0


class Index:
    """The hashes in `index.npz`, or in another file of its form."""

    def __init__(self, path: Path = INDEX) -> None:
        with np.load(path, allow_pickle=False) as stored:
            table: dict[str, NDArray[Any]] = {name: stored[name] for name in stored.files}
        if int(table["shingle_words"][0]) != SHINGLE:
            raise ValueError(f"{path} was made for other shingles: make it anew by curate.licences.build_index")
        self.expressions: list[str] = json.loads(table["expressions"].tobytes())
        self.source = table["source"].tobytes().decode()
        self._exact = table["exact"]
        self._exact_expression = table["exact_expression"]
        self._lengths = sorted(set(table["exact_words"].tolist()), reverse=True)
        self._by_length = {length: np.flatnonzero(table["exact_words"] == length) for length in self._lengths}
        self._keys = {length: self._exact[places] for length, places in self._by_length.items()}
        self._weight = _COMMON_WEIGHT * np.log1p(table["common"])
        self._words = table["rule_words"].astype(np.int64)
        self._sample = table["rule_sample"].astype(np.int64)
        self._expression = table["rule_expression"]
        self._shingles = np.cumsum(table["shingle_gaps"], dtype=np.uint64).astype(np.uint32)
        self._first = np.concatenate([[0], np.cumsum(table["shingle_rules"], dtype=np.int64)])
        self._owners = table["owners"].astype(np.int64)
        self._least = np.where(self._words <= SHORT_RULE, MIN_SHORT_CONTAINMENT, MIN_CONTAINMENT)

    def find(self, words: list[str]) -> list[Match]:
        """The matches in these words, in order."""
        prefix = prefixes(words)
        taken = np.zeros(len(words), bool)
        found: list[Match] = []
        for match in sorted(self._long(prefix), key=_worth):
            if np.count_nonzero(taken[match.start : match.end]) * 2 <= match.end - match.start:
                taken[match.start : match.end] = True
                found.append(match)
        for match in self._short(prefix):
            if not taken[match.start : match.end].any():
                taken[match.start : match.end] = True
                found.append(match)
        return sorted(
            (match for match in found if match.expression not in (FALSE_POSITIVE, UNNAMED)),
            key=lambda match: (match.start, match.end),
        )

    def _short(self, prefix: NDArray[np.uint64]) -> list[Match]:
        """The longest first, then from left to right."""
        found = []
        for length in self._lengths:
            hashes = runs(prefix, length)
            if not len(hashes):
                continue
            keys = self._keys[length]
            places = np.minimum(np.searchsorted(keys, hashes), len(keys) - 1)
            for start in np.flatnonzero(keys[places] == hashes).tolist():
                rule = self._by_length[length][places[start]]
                expression = self.expressions[self._exact_expression[rule]]
                found.append(Match(start, start + length, expression, 1.0, length))
        return found

    def _long(self, prefix: NDArray[np.uint64]) -> list[Match]:
        own = runs(prefix, SHINGLE).astype(np.uint32)
        if not len(own):
            return []
        places = np.minimum(np.searchsorted(self._shingles, own), len(self._shingles) - 1)
        at = np.flatnonzero(self._shingles[places] == own)
        if not len(at):
            return []
        # Every posting of every shingle that is known: (rule, shingle, word at which it stands).
        counts = self._first[places[at] + 1] - self._first[places[at]]
        owners = self._owners[_spans(self._first[places[at]], counts)]
        shingle = np.repeat(places[at], counts)
        where = np.repeat(at, counts)
        pairs = _distinct((owners << 32 | shingle).astype(np.int64))
        held = np.bincount(pairs >> 32, minlength=len(self._words))
        share = held / self._sample
        candidates = np.flatnonzero(share >= self._least)
        worth = share[candidates] ** 8 * self._words[candidates]  # what is there nearly whole comes first
        candidates = candidates[np.argsort(-worth, kind="stable")][:MAX_CANDIDATES]
        chosen = np.isin(owners, candidates)
        order = np.lexsort((where[chosen], owners[chosen]))
        owners, shingle, where = owners[chosen][order], shingle[chosen][order], where[chosen][order]
        found = []
        for rule in np.sort(candidates).tolist():
            begin, end = np.searchsorted(owners, (rule, rule + 1)).tolist()
            found += self._placed(rule, shingle[begin:end], where[begin:end], len(prefix) - 1)
        return found

    def _placed(self, rule: int, shingle: NDArray[np.int64], where: NDArray[np.int64], total: int) -> list[Match]:
        """Where in `total` words the rule stands: the stretches that hold enough of it, from left to right."""
        size, count = int(self._sample[rule]), int(self._words[rule])
        reach = count + count // 3 + _SLACK
        least = float(self._least[rule])
        found: list[Match] = []
        begin = 0
        while len(where) - begin >= least * size:
            low, high = _fullest(shingle, where, begin, reach)
            share = len(set(shingle[low:high].tolist())) / size
            if share < least:
                break
            # The first and last word of the rule lie about half a gap between sampled shingles beyond what was seen.
            margin = count // (2 * size)
            start = max(0, int(where[low]) - margin)
            end = min(total, int(where[high - 1]) + SHINGLE + margin)
            held = min(share * count, float(end - start))
            dice = 2 * held / (count + end - start)
            if dice >= MIN_DICE:
                number = int(self._expression[rule])
                found.append(Match(start, end, self.expressions[number], dice, held, float(self._weight[number])))
            begin = high
        return found


def _worth(match: Match) -> tuple[float, int, str]:
    """The words of the text that a rule explains, less where it explains them badly, more for a common licence."""
    explained = match.held * (2 * match.score - 1) ** 4
    return -explained * (1 + match.weight), match.start, match.expression


def _fullest(shingle: NDArray[np.int64], where: NDArray[np.int64], begin: int, reach: int) -> tuple[int, int]:
    """The first stretch [low, high) of hits, from `begin` on and at most `reach` words long, with most shingles, and
    no longer than it must be for them."""
    ids, places = shingle.tolist(), where.tolist()
    best, chosen, high = 0, (begin, begin + 1), begin
    if places[-1] - places[begin] <= reach:
        return _tight(ids, begin, len(ids))
    counts: dict[int, int] = {}
    for low in range(begin, len(ids)):
        while high < len(ids) and places[high] - places[low] <= reach:
            counts[ids[high]] = counts.get(ids[high], 0) + 1
            high += 1
        if len(counts) > best:
            best, chosen = len(counts), (low, high)
        if high == len(ids):
            break
        if counts[ids[low]] == 1:
            del counts[ids[low]]
        else:
            counts[ids[low]] -= 1
    return _tight(ids, *chosen)


def _tight(ids: list[int], low: int, high: int) -> tuple[int, int]:
    """Without what repeats others at its end, then at its beginning."""
    seen: set[int] = set()
    last = low
    for place in range(low, high):
        if ids[place] not in seen:
            seen.add(ids[place])
            last = place
    seen.clear()
    first = last
    for place in range(last, low - 1, -1):
        if ids[place] not in seen:
            seen.add(ids[place])
            first = place
    return first, last + 1


def _distinct(values: NDArray[np.int64]) -> NDArray[np.int64]:
    """Each value once, sorted."""
    values = np.sort(values)
    first = np.ones(len(values), bool)
    first[1:] = values[1:] != values[:-1]
    return values[first]


def _spans(firsts: NDArray[np.int64], counts: NDArray[np.int64]) -> NDArray[np.int64]:
    """first, first + 1, … of each, one after another."""
    ends = np.cumsum(counts)
    return np.arange(int(ends[-1])) + np.repeat(firsts - ends + counts, counts)


@cache
def default_index() -> Index:
    """The index that comes with the package."""
    return Index()
