"""Where a document goes: its shard and its place within it depend on its id alone, so never on who wrote it.

Two different hash functions, or documents of one shard would be bunched in the order of seed 0.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import numpy.typing as npt
import xxhash

from curate.tokens.schema import Tokens


def part_of(ids: Sequence[str], parts: int) -> npt.NDArray[np.uint32]:
    """The shard of each id: XXH64 (seed 0) of its UTF-8, modulo `parts`. ValueError unless 1 ≤ parts < 2³²."""
    if not 1 <= parts < 2**32:
        raise ValueError(f"cannot divide documents among {parts} parts")
    hashes = np.fromiter((xxhash.xxh64_intdigest(i.encode()) for i in ids), np.uint64, len(ids))
    return (hashes % np.uint64(parts)).astype(np.uint32)


def order_key(ids: Sequence[str], seed: int) -> npt.NDArray[np.uint64]:
    """The key rows are ordered by: XXH3-64 of the id's UTF-8 with this seed. ValueError unless 0 ≤ seed < 2⁶⁴."""
    if not 0 <= seed < 2**64:
        raise ValueError(f"the order seed {seed} is not an unsigned 64-bit number")
    return np.fromiter((xxhash.xxh3_64_intdigest(i.encode(), seed) for i in ids), np.uint64, len(ids))


def permutation(keys: npt.NDArray[np.uint64], ids: Sequence[str]) -> npt.NDArray[np.int64]:
    """The positions that put rows in order: by key, equal keys by id."""
    order = np.argsort(keys, kind="stable")
    ordered = keys[order]
    if len(keys) > 1 and bool(np.any(ordered[1:] == ordered[:-1])):
        order = np.array(sorted(range(len(ids)), key=lambda row: (int(keys[row]), ids[row])), np.int64)
    return order


def sorted_rows(
    ids: Sequence[str], tokens_flat: Tokens, lengths: npt.NDArray[np.integer], seed: int
) -> Iterator[tuple[str, Tokens]]:
    """The rows of one part in their order, as `write_part` takes them.

    tokens_flat: the documents' tokens (no delimiters) one after another; lengths: tokens of each, in the order of ids.
    The arrays yielded are views.
    """
    ends = np.cumsum(lengths, dtype=np.int64)
    if len(lengths) != len(ids) or (int(ends[-1]) if len(ends) else 0) != len(tokens_flat):
        raise ValueError("ids, lengths and tokens do not describe the same documents")
    for row in permutation(order_key(ids, seed), ids).tolist():
        yield ids[row], tokens_flat[int(ends[row]) - int(lengths[row]) : int(ends[row])]
