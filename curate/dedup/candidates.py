"""Which documents to compare: those whose signatures agree in a whole band."""

from __future__ import annotations

import numpy as np

from curate.dedup.rows import BAND, PAIR, Packed, ordered, runs

BLOCK = 1024
"""A group of equal bands is compared in blocks of this many, so no one document meets more than a block and the
leaders of the others: a band that a million pages share is no hot key."""


def band_rows(hashes: np.ndarray, shard: int, rows: np.ndarray, characters: np.ndarray) -> Packed:
    """BAND records of some documents' band hashes, shape (n, bands) -> (n * bands,)."""
    n, bands = hashes.shape
    out = np.zeros(n * bands, BAND)
    out["hash"] = hashes.reshape(-1)
    out["shard"] = shard
    out["row"] = np.repeat(rows, bands)
    out["characters"] = np.repeat(characters, bands)
    return out


def candidate_pairs(rows: Packed) -> Packed:
    """PAIR records, distinct, with a before b, of the BAND rows of one bucket.

    Each document of a group of equal bands is compared with its block's first and with its predecessor, and each
    block's first with the group's first, so a group of n costs fewer than 3n comparisons.
    """
    rows = ordered(rows, "hash", "shard", "row")
    starts, lengths = runs(rows["hash"])
    starts, lengths = starts[lengths > 1], lengths[lengths > 1]
    if len(starts) == 0:
        return np.zeros(0, PAIR)
    position = np.concatenate([np.arange(n) for n in lengths])
    index = np.repeat(starts, lengths) + position
    leader = index - position % BLOCK
    group = index - position
    later = position > 0
    left = np.concatenate([leader[later], index[later] - 1, group[later & (position % BLOCK == 0)]])
    right = np.concatenate([index[later], index[later], index[later & (position % BLOCK == 0)]])
    out = np.zeros(len(left), PAIR)
    out["a_shard"], out["a_row"] = rows["shard"][left], rows["row"][left]
    out["b_shard"], out["b_row"] = rows["shard"][right], rows["row"][right]
    same = (out["a_shard"] == out["b_shard"]) & (out["a_row"] == out["b_row"])
    return np.unique(out[~same])
