"""MinHash signatures and their bands (Broder 1997; parameters of FineWeb: 5-word shingles, 14 bands of 8).

All arithmetic is in the ring of 64-bit integers, where wrapping is the definition and nothing can overflow: the
usual (a·h + b) mod (2^61 − 1) needs 122 bits and silently wraps in uint64 (datatrove #198, datasketch #239).
Permutation i of a shingle's 64-bit hash h is the top half of a_i·h + b_i mod 2^64 with a_i odd
(multiply-add-shift, Dietzfelbinger 1996), and a signature holds the least of each: `bands * rows` uint32.

Repeats do not change a minimum, so signatures are taken of shingles as they come.
Cost: about 0.3 ms for a text of 900 words.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from xxhash import xxh3_64_intdigest

Signature = NDArray[np.uint32]

_NO_LETTER = re.compile(r"[\W_]+")
_NO_WORD = 0
"""Stands for a token without a letter or digit, which is no word."""
_ODD = np.uint64(0x9E3779B97F4A7C15)
_KNOWN_WORDS = 500_000
_LONGEST_KNOWN_WORD = 40
_CHUNK = 1 << 15
"""Shingles handled at once: what the permutations hold in memory, and in cache, is bounded by this."""


def shingle_words(text: str) -> list[str]:
    """The words that shingles are made of: between white space, in lower case, all but letters and digits deleted."""
    return [word for token in text.split() if (word := _normal(token))]


def _normal(token: str) -> str:
    lowered = token.lower()
    return lowered if lowered.isalnum() else _NO_LETTER.sub("", lowered)


def mix(h: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """A bijection of 64-bit integers whose every output bit depends on every input bit (splitmix64's finalizer)."""
    h = (h ^ (h >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    h = (h ^ (h >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return np.asarray(h ^ (h >> np.uint64(31)), dtype=np.uint64)


class _WordHashes(dict[str, int]):
    """token between white space -> the 64-bit hash of its word; most tokens of a text have been seen in another."""

    def __missing__(self, token: str) -> int:
        word = _normal(token)
        hashed = xxh3_64_intdigest(word.encode("utf-8", "surrogatepass")) or 1 if word else _NO_WORD
        if len(token) <= _LONGEST_KNOWN_WORD:
            self[token] = hashed
        return hashed


_word_hashes = _WordHashes()


def word_hashes(text: str) -> NDArray[np.uint64]:
    """The 64-bit hashes of the text's words (see `shingle_words`), in order."""
    tokens = text.split()
    if len(_word_hashes) > _KNOWN_WORDS:
        _word_hashes.clear()
    hashes = np.fromiter(map(_word_hashes.__getitem__, tokens), np.uint64, len(tokens))
    return np.asarray(hashes[hashes != _NO_WORD], dtype=np.uint64)


def ngram_hashes(words: NDArray[np.uint64], size: int) -> NDArray[np.uint64]:
    """The 64-bit hashes of the `size`-grams of some words' hashes, one for each place; none of fewer words."""
    count = len(words) - size + 1
    if count <= 0:
        return np.zeros(0, np.uint64)
    combined = words[:count].copy()
    for position in range(1, size):
        # A polynomial of the words' hashes modulo 2^64, so that their order counts.
        combined *= _ODD
        combined += words[position : position + count]
    return mix(combined)


def shingles_in_order(text: str, size: int) -> NDArray[np.uint64]:
    """The 64-bit hashes of the text's `size`-word shingles, one for each place.

    A text of fewer words than `size` is one shingle; a text without words has none.
    """
    words = word_hashes(text)
    return ngram_hashes(words, min(size, max(len(words), 1)))


def shingle_hashes(text: str, size: int) -> NDArray[np.uint64]:
    """The distinct hashes of `shingles_in_order`, sorted."""
    return np.unique(shingles_in_order(text, size))


@lru_cache(maxsize=8)
def permutations(count: int, seed: int) -> tuple[NDArray[np.uint64], NDArray[np.uint64]]:
    """The odd multipliers and the offsets of `count` permutations; the same for a seed on every machine."""
    n = np.arange(1, 2 * count + 1, dtype=np.uint64)
    drawn = mix(n * np.uint64(0x9E3779B97F4A7C15) + mix(np.array([seed], np.uint64)))
    return drawn[:count] | np.uint64(1), drawn[count:]


def signatures(shingles: Sequence[NDArray[np.uint64]], count: int, seed: int) -> Signature:
    """MinHash signatures, shape (len(shingles), count), uint32, of each text's shingle hashes (repeats may stand).

    A text without shingles gets all ones and is never a candidate.
    """
    out = np.full((len(shingles), count), 0xFFFFFFFF, np.uint32)
    a, b = permutations(count, seed)
    batch: list[int] = []
    held = 0
    for index, hashes in enumerate(shingles):
        if len(hashes) == 0:
            continue
        if held and held + len(hashes) > _CHUNK:
            _minima(out, shingles, batch, a, b)
            batch, held = [], 0
        batch.append(index)
        held += len(hashes)
    if batch:
        _minima(out, shingles, batch, a, b)
    return out


def _minima(
    out: Signature,
    shingles: Sequence[NDArray[np.uint64]],
    batch: list[int],
    a: NDArray[np.uint64],
    b: NDArray[np.uint64],
) -> None:
    """Fill the rows of `batch`. One long text is worked through in chunks; short ones are done together."""
    lengths = [len(shingles[index]) for index in batch]
    if len(batch) == 1 and lengths[0] > _CHUNK:
        hashes = shingles[batch[0]]
        for start in range(0, len(hashes), _CHUNK):
            part = hashes[start : start + _CHUNK]
            for i in range(len(a)):
                least = np.uint32((part * a[i] + b[i]).min() >> np.uint64(32))
                out[batch[0], i] = min(out[batch[0], i], least)
        return
    together = np.concatenate([shingles[index] for index in batch])
    starts = np.concatenate([[0], np.cumsum(lengths)[:-1]]).astype(np.intp)
    rows = np.array(batch)
    for i in range(len(a)):
        out[rows, i] = (np.minimum.reduceat(together * a[i] + b[i], starts) >> np.uint64(32)).astype(np.uint32)


def band_hashes(signature: Signature, bands: int, rows: int) -> NDArray[np.uint64]:
    """One 64-bit hash for each band of each signature, shape (n, bands); the band's number is part of the hash."""
    values = signature.reshape(len(signature), bands, rows).astype(np.uint64)
    out = np.broadcast_to(mix(np.arange(1, bands + 1, dtype=np.uint64)), (len(signature), bands)).copy()
    for row in range(rows):
        out = mix(out + values[:, :, row] + np.uint64(0x9E3779B97F4A7C15))
    return out


def estimated_jaccard(a: Signature, b: Signature) -> NDArray[np.float32]:
    """The share of equal minima, row by row: an unbiased estimate of Jaccard similarity, s.d. sqrt(s(1-s)/n)."""
    return np.asarray((a == b).mean(axis=1), dtype=np.float32)


def jaccard(a: str, b: str, size: int) -> float:
    """The exact Jaccard similarity of two texts' shingle sets (for explanations and tests)."""
    left, right = shingle_hashes(a, size), shingle_hashes(b, size)
    union = len(np.union1d(left, right))
    return len(np.intersect1d(left, right, assume_unique=True)) / union if union else 0.0
