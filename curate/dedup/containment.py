"""Which books stand (nearly) whole in another: containment, |A ∩ B| / |A| of their sets of word shingles (Broder 1997).

Jaccard similarity cannot see that a story lies in a volume of stories, or an abridgement in the whole; containment can.
Three steps, so that nothing is compared with everything:

1. Of each book the shingles whose hash is in the least 1/`sample` of all hashes are its *sample*: the same shingle is
   in the sample of every book that has it. The `REPRESENTATIVES` least of them stand for the book.
2. A book is a candidate to be part of a larger one where so many of its representatives are in the other's sample that
   a book with the wanted containment would have that many but for one case in 10,000.
3. Candidates are measured on all of their shingles, so what is decided on has no sampling error.

Books are ordered by preference: the more distinct shingles the better, then file order. A book goes when more than the
limit of it stands in a *kept* book before it in that order, so every book that goes has its text in one that stays.
"""

from __future__ import annotations

from functools import lru_cache
from math import comb

import numpy as np
from numpy.typing import NDArray

from curate.dedup.rows import ADDRESS, Packed, ordered, runs

REPRESENTATIVES = 32
MISSED = 1e-4
"""How often a book with just the wanted containment may fail to become a candidate."""
MOST_HOLDERS = 64
"""A representative is looked up in so many books that have it, the most preferred: a book that a thousand others
quote is no hot key."""

SHINGLE = np.dtype([("hash", "<u8"), ("rank", "<u4"), *ADDRESS, ("representatives", "<u4")])
"""One shingle of one book's sample; representatives: how many the book has where this is one of them, else 0."""
HITS = np.dtype(
    [("a_shard", "<u4"), ("a_row", "<u4"), ("b_shard", "<u4"), ("b_row", "<u4"), ("of", "<u4"), ("hits", "<u4")]
)
"""How many of a's representatives (`of` in all) are in the sample of b."""
CONTAINED = np.dtype(
    [
        ("a_rank", "<u4"), ("a_shard", "<u4"), ("a_row", "<u4"),
        ("b_rank", "<u4"), ("b_shard", "<u4"), ("b_row", "<u4"),
        ("containment", "<f8"), ("shingles", "<u4"), ("characters", "<u4"),
    ]
)  # fmt: skip
"""More than the limit of a stands in b; shingles, characters: of a."""


def rank(shingles: int) -> int:
    """The order of preference of a book with so many distinct shingles: the more, the smaller."""
    return 0xFFFFFFFF - min(shingles, 0xFFFFFFFF)


def sample_rows(hashes: NDArray[np.uint64], shard: int, row: int, sample: int) -> Packed:
    """SHINGLE rows of one book's sample. hashes: its distinct shingles, sorted."""
    taken = hashes[: int(np.searchsorted(hashes, np.uint64((1 << 64) // sample - 1), side="right"))]
    out = np.zeros(len(taken), SHINGLE)
    out["hash"], out["rank"], out["shard"], out["row"] = taken, rank(len(hashes)), shard, row
    count = min(len(taken), REPRESENTATIVES)
    out["representatives"][:count] = count
    return out


def hits_in_bucket(rows: Packed) -> Packed:
    """HITS of all SHINGLE rows that share a bucket of hashes: each book's representatives looked up in the samples of
    the books preferred to it. Sorted."""
    rows = ordered(rows, "hash", "rank", "shard", "row")
    starts, lengths = runs(rows["hash"])
    position = np.arange(len(rows)) - np.repeat(starts, lengths)
    asking = np.flatnonzero((rows["representatives"] > 0) & (position > 0))
    holders = np.minimum(position[asking], MOST_HOLDERS)
    a = np.repeat(asking, holders)
    first = np.repeat(asking - position[asking], holders)
    b = first + np.arange(len(a)) - np.repeat(np.cumsum(holders) - holders, holders)
    out = np.zeros(len(a), HITS)
    for side, index in (("a", a), ("b", b)):
        out[f"{side}_shard"], out[f"{side}_row"] = rows["shard"][index], rows["row"][index]
    out["of"], out["hits"] = rows["representatives"][a], 1
    return added_up(out)


def added_up(hits: Packed) -> Packed:
    """HITS with one record a pair. Sorted."""
    hits = ordered(hits, "a_shard", "a_row", "b_shard", "b_row")
    starts, _ = runs(*(hits[name] for name in ("a_shard", "a_row", "b_shard", "b_row")))
    out = hits[starts].copy()
    if len(hits):
        out["hits"] = np.add.reduceat(hits["hits"].astype(np.int64), starts)
    return out


def candidates(hits: Packed, limit: float) -> Packed:
    """The pairs to measure, of all HITS of the books a in them."""
    hits = added_up(hits)
    wanted = np.array([needed(int(of), limit) for of in hits["of"].tolist()], np.int64)
    return hits[hits["hits"] >= wanted]


@lru_cache(maxsize=1024)
def needed(of: int, limit: float) -> int:
    """The most hits (at least 1) that a book with this containment fails to have in at most `MISSED` of cases."""
    fewer = 0.0
    for hits in range(of + 1):
        fewer += comb(of, hits) * limit**hits * (1 - limit) ** (of - hits)
        if fewer > MISSED:
            return max(hits, 1)
    return max(of, 1)


def containment(a: NDArray[np.uint64], b: NDArray[np.uint64]) -> float:
    """The share of a's shingles that b has; both sorted and distinct. 0 where a has none."""
    if not len(a) or not len(b):
        return 0.0
    place = np.minimum(np.searchsorted(b, a), len(b) - 1)
    return float((b[place] == a).mean())


def displaced(contained: Packed) -> Packed:
    """The CONTAINED records of the books that go, one each, with the book that displaces it: of those that stay, the
    one that has most of it, then the most preferred. In order of preference, one pass."""
    rows = ordered(contained, "a_rank", "a_shard", "a_row")
    order = np.lexsort(
        [
            *(rows[name] for name in ("b_row", "b_shard", "b_rank")),
            -rows["containment"],
            *(rows[name] for name in ("a_row", "a_shard", "a_rank")),
        ]
    )
    rows = rows[order]
    gone: set[tuple[int, int]] = set()
    chosen: list[int] = []
    for index, (a_shard, a_row, b_shard, b_row) in enumerate(
        zip(*(rows[name].tolist() for name in ("a_shard", "a_row", "b_shard", "b_row")), strict=True)
    ):
        if (a_shard, a_row) not in gone and (b_shard, b_row) not in gone:
            gone.add((a_shard, a_row))
            chosen.append(index)
    return rows[chosen]
