"""The words of a text as numbers, and the hashes of runs of words: what licence texts are compared by.

A word is a run of letters and digits, lower-cased, with a `+` that follows some ("GPL-2.0+", as ScanCode has it), so
comment marks, line breaks and punctuation do not matter. Words that markup puts into a text are left out on both sides.
A run of words has the value of a polynomial in its words' hashes modulo 2^64, so every run of every length comes from
one pass of prefix sums; hashes are the same in every process and on every machine.
"""

from __future__ import annotations

import re
from functools import lru_cache

import numpy as np
import xxhash
from numpy.typing import NDArray

Hashes = NDArray[np.uint64]

SHINGLE = 4
"""Words in a shingle."""
MARKUP = frozenset(
    {"p", "br", "div", "li", "ul", "ol", "td", "tr", "th", "tbody", "table", "href", "span", "pre", "h1", "h2", "h3"}
    | {"lt", "gt", "amp", "quot", "nbsp", "dnl", "rem"}
)
_WORD = re.compile(r"[^\W_]+(?:\+[^\W_]*)?")
_BASE = np.uint64(0x9E3779B97F4A7C15 | 1)
_INVERSE = np.uint64(pow(int(_BASE), -1, 1 << 64))  # of the base: it divides by a power of it
_MIX = np.uint64(0xD6E8FEB86659FD93)
_SHIFT = np.uint64(32)


@lru_cache(maxsize=1 << 16)
def _hash(word: str) -> int:
    return xxhash.xxh64_intdigest(word.encode("utf-8", "surrogatepass"))


def words_of(text: str) -> tuple[list[str], list[int]]:
    """(the words, the character at which each begins)."""
    words: list[str] = []
    starts: list[int] = []
    for found in _WORD.finditer(text):
        word = found[0].lower()
        if word not in MARKUP:
            words.append(word)
            starts.append(found.start())
    return words, starts


def prefixes(words: list[str]) -> Hashes:
    """The sum over the first i words of hash * base^j, for every i: what `runs` takes differences of."""
    count = len(words)
    values = np.fromiter(map(_hash, words), np.uint64, count)
    power = np.ones(count + 1, np.uint64)
    if count:
        np.multiply.accumulate(np.full(count, _BASE, np.uint64), out=power[1:])
    prefix = np.zeros(count + 1, np.uint64)
    np.cumsum(values * power[:-1], dtype=np.uint64, out=prefix[1:])
    return prefix


def runs(prefix: Hashes, length: int) -> Hashes:
    """The hash of every run of `length` words, by where it begins; empty where there are fewer words."""
    count = len(prefix) - length
    if count <= 0:
        return np.zeros(0, np.uint64)
    inverse = np.ones(count, np.uint64)
    if count > 1:
        np.multiply.accumulate(np.full(count - 1, _INVERSE, np.uint64), out=inverse[1:])
    value = (prefix[length:] - prefix[:count]) * inverse
    value ^= value >> _SHIFT
    value = (value + np.uint64(length)) * _MIX
    value ^= value >> _SHIFT
    return value


def shingles(words: list[str]) -> NDArray[np.uint32]:
    """The 32-bit hash of every run of SHINGLE words, in order."""
    return runs(prefixes(words), SHINGLE).astype(np.uint32)
