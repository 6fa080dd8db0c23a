"""Where a document goes depends on its id (and the seed) alone."""

from __future__ import annotations

import numpy as np
import pytest
import xxhash
from hypothesis import given
from hypothesis import strategies as st

from curate.tokens.order import order_key, part_of, permutation, sorted_rows

IDS = st.lists(st.text(st.characters(exclude_categories=("Cs",))), unique=True, max_size=40)


def test_the_hashes_are_the_published_functions() -> None:
    # XXH64 of "" with seed 0, and of "a": the test vectors every xxHash port carries.
    assert xxhash.xxh64_intdigest(b"") == 0xEF46DB3751D8E999
    assert part_of([""], 2**32 - 1).tolist() == [0xEF46DB3751D8E999 % (2**32 - 1)]
    assert part_of(["é"], 1000).tolist() == [xxhash.xxh64("é".encode()).intdigest() % 1000]
    assert order_key(["é"], 7).tolist() == [xxhash.xxh3_64("é".encode(), seed=7).intdigest()]
    assert part_of(["a"], 3).dtype == np.uint32
    assert order_key(["a"], 0).dtype == np.uint64


@given(IDS, st.integers(1, 50))
def test_every_id_has_one_shard_below_n_whatever_stands_beside_it(ids: list[str], parts: int) -> None:
    together = part_of(ids, parts).tolist()
    assert together == [int(part_of([i], parts)[0]) for i in ids]
    assert all(shard < parts for shard in together)


def test_documents_spread_evenly_over_shards_and_within_one_shard_over_the_order() -> None:
    ids = [f"cc-{i:032x}" for i in range(20_000)]
    shards = part_of(ids, 16)
    counts = np.bincount(shards, minlength=16)
    assert counts.min() > 1_000
    assert counts.max() < 1_500
    # Were one function used for both, the keys of shard 3 with seed 0 would all be 3 modulo 16.
    keys = order_key([i for i, shard in zip(ids, shards, strict=True) if shard == 3], 0)
    assert len(set((keys % np.uint64(16)).tolist())) == 16


@given(IDS, st.integers(0, 2**64 - 1), st.randoms(use_true_random=False))
def test_rows_come_in_the_same_order_from_any_input_order(ids: list[str], seed: int, random: object) -> None:
    def rows(of: list[str]) -> list[tuple[str, list[int]]]:
        tokens = [[len(i), *i.encode()] for i in of]
        flat = np.array([t for doc in tokens for t in doc], np.uint16)
        return [(i, doc.tolist()) for i, doc in sorted_rows(of, flat, np.array([len(t) for t in tokens], int), seed)]

    shuffled = list(ids)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    assert rows(ids) == rows(shuffled)
    assert sorted(i for i, _ in rows(ids)) == sorted(ids)
    assert all(doc == [len(i), *i.encode()] for i, doc in rows(ids))


def test_equal_keys_are_ordered_by_id() -> None:
    keys = np.array([5, 1, 5, 5], np.uint64)
    assert permutation(keys, ["c", "z", "a", "b"]).tolist() == [1, 2, 3, 0]
    assert permutation(np.array([2**64 - 1, 2**63], np.uint64), ["a", "b"]).tolist() == [1, 0]


def test_another_seed_gives_another_order() -> None:
    ids = [f"d{i}" for i in range(100)]
    assert permutation(order_key(ids, 1), ids).tolist() != permutation(order_key(ids, 2), ids).tolist()


def test_what_cannot_be_ordered_is_refused() -> None:
    with pytest.raises(ValueError, match="parts"):
        part_of(["a"], 0)
    with pytest.raises(ValueError, match="seed"):
        order_key(["a"], -1)
    with pytest.raises(ValueError, match="seed"):
        order_key(["a"], 2**64)
    with pytest.raises(ValueError, match="same documents"):
        list(sorted_rows(["a"], np.arange(3), np.array([2]), 0))
