"""A book of which more than the limit stands in a larger, kept one goes, and no other (LLaMA-1, §2.1)."""

from __future__ import annotations

import math
import random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from curate.dedup import containment as module
from curate.dedup.containment import (
    CONTAINED,
    HITS,
    MISSED,
    MOST_HOLDERS,
    REPRESENTATIVES,
    SHINGLE,
    added_up,
    candidates,
    containment,
    displaced,
    hits_in_bucket,
    needed,
    rank,
    sample_rows,
)
from curate.dedup.minhash import mix

hash_sets = st.sets(st.integers(0, 200), max_size=60).map(lambda values: np.array(sorted(values), np.uint64))


def hashes(values: set[int]) -> np.ndarray:
    """Distinct 64-bit hashes, spread over the whole range, sorted."""
    return np.sort(mix(np.array(sorted(values), np.uint64) + np.uint64(1)))


def find(books: dict[tuple[int, int], np.ndarray], limit: float, sample: int, buckets: int = 7) -> np.ndarray:
    """The stage without Beam: samples by bucket, hits, candidates, measures, who goes."""
    rows = np.concatenate(
        [np.zeros(0, SHINGLE), *(sample_rows(found, shard, row, sample) for (shard, row), found in books.items())]
    )
    hits = [hits_in_bucket(rows[rows["hash"] % np.uint64(buckets) == bucket]) for bucket in range(buckets)]
    pairs = candidates(np.concatenate([np.zeros(0, HITS), *hits]), limit)
    measured = []
    for a_shard, a_row, b_shard, b_row, *_ in pairs.tolist():
        a, b = books[a_shard, a_row], books[b_shard, b_row]
        if (share := containment(a, b)) > limit:
            measured.append((rank(len(a)), a_shard, a_row, rank(len(b)), b_shard, b_row, share, len(a), 1))
    return displaced(np.array(measured, CONTAINED))


def who_goes(found: np.ndarray) -> dict[tuple[int, int], tuple[int, int]]:
    names = ("a_shard", "a_row", "b_shard", "b_row")
    return {(a, b): (c, d) for a, b, c, d in zip(*(found[name].tolist() for name in names), strict=True)}


def brute_force(books: dict[tuple[int, int], np.ndarray], limit: float) -> dict[tuple[int, int], tuple[int, int]]:
    """Each book against every kept one before it, with Python's sets."""
    kept: list[tuple[int, int]] = []
    gone: dict[tuple[int, int], tuple[int, int]] = {}
    for address in sorted(books, key=lambda address: (-len(books[address]), address)):
        own = set(books[address].tolist())
        shares = {other: len(own & set(books[other].tolist())) / len(own) for other in kept} if own else {}
        over = [other for other, share in shares.items() if share > limit]
        if over:
            gone[address] = max(over, key=lambda other: (shares[other], -kept.index(other)))
        else:
            kept.append(address)
    return gone


def family(generator: random.Random, count: int) -> dict[tuple[int, int], np.ndarray]:
    """Books of which many hold parts of others, with other front matter."""
    pool = list(range(100_000))
    books: list[set[int]] = []
    for _ in range(count):
        fresh = set(generator.sample(pool, generator.randrange(20, 400)))
        if books and generator.random() < 0.7:
            other = sorted(generator.choice(books))
            part = set(generator.sample(other, max(1, round(len(other) * generator.uniform(0.3, 1)))))
            extra = set(generator.sample(pool, round(len(part) * generator.choice([0, 0.02, 0.08, 0.12, 0.5]))))
            fresh = part | extra
        books.append(fresh)
    return {(number // 4, number % 4): hashes(book) for number, book in enumerate(books)}


@pytest.mark.parametrize("seed", range(6))
def test_who_goes_is_who_goes_when_every_book_is_compared_with_every_other(seed):
    books = family(random.Random(seed), 40)
    found = who_goes(find(books, 0.9, sample=1))
    assert found == brute_force(books, 0.9)
    assert found, "no book goes: the test says nothing"


@pytest.mark.parametrize("buckets", [1, 3, 64])
def test_the_number_of_buckets_changes_nothing(buckets):
    books = family(random.Random(9), 40)
    assert np.array_equal(find(books, 0.9, 1, buckets), find(books, 0.9, 1))


@pytest.mark.parametrize(("shared", "goes"), [(89, False), (90, False), (91, True), (100, True)])
def test_exactly_the_limit_stays_and_more_goes(shared, goes):
    """LLaMA-1: "more than 90% content overlap"."""
    large = hashes(set(range(1000)))
    part = hashes(set(range(shared)) | set(range(5000, 5100 - shared)))
    assert len(part) == 100
    assert bool(len(find({(0, 0): part, (0, 1): large}, 0.9, 1))) is goes


def test_of_two_that_hold_each_other_the_one_with_more_stays_and_then_the_first():
    a, b = hashes(set(range(100))), hashes(set(range(98)))
    assert who_goes(find({(0, 0): b, (1, 0): a}, 0.9, 1)) == {(0, 0): (1, 0)}
    assert who_goes(find({(1, 0): a, (0, 5): a}, 0.9, 1)) == {(1, 0): (0, 5)}


def test_who_goes_is_displaced_by_a_book_that_stays():
    """A in B in C, A not in C enough: B goes into C, so A stays, or its text would be nowhere."""
    c = set(range(2000))
    b = set(range(920)) | set(range(10_000, 10_080))
    a = set(range(700)) | set(range(10_000, 10_080))
    books = {(0, 0): hashes(a), (0, 1): hashes(b), (0, 2): hashes(c)}
    assert containment(books[0, 0], books[0, 1]) > 0.9 > containment(books[0, 0], books[0, 2])
    assert who_goes(find(books, 0.9, 1)) == {(0, 1): (0, 2)}


@given(hash_sets, hash_sets)
def test_containment_is_the_share_of_the_set(a, b):
    left, right = set(a.tolist()), set(b.tolist())
    assert containment(a, b) == (len(left & right) / len(left) if left else 0.0)


@settings(max_examples=30)
@given(st.integers(1, REPRESENTATIVES), st.sampled_from([0.5, 0.8, 0.9, 0.95]))
def test_a_book_at_the_limit_is_missed_in_at_most_one_case_in_ten_thousand(of, limit):
    def fewer_than(hits: int) -> float:
        return sum(math.comb(of, i) * limit**i * (1 - limit) ** (of - i) for i in range(hits))

    wanted = needed(of, limit)
    assert wanted >= 1
    assert wanted == 1 or fewer_than(wanted) <= MISSED
    assert wanted == of or fewer_than(wanted + 1) > MISSED


def test_sampling_finds_the_long_books_that_counting_all_finds():
    """One shingle in 16: books of two thousand words and more."""
    generator = random.Random(4)
    books: dict[tuple[int, int], np.ndarray] = {}
    for number in range(30):
        whole = {generator.getrandbits(60) for _ in range(3000)}
        kept = round(3000 * generator.choice([0.8, 0.88, 0.93, 0.99]))
        part = set(sorted(whole)[:kept]) | {generator.getrandbits(60) for _ in range(2800 - kept)}
        books[number, 0], books[number, 1] = hashes(whole), hashes(part)
    found = who_goes(find(books, 0.9, 16))
    assert found == brute_force(books, 0.9)
    assert 5 < len(found) < 30


def test_a_sample_holds_the_same_shingles_whoever_has_them():
    a, b = hashes(set(range(3000))), hashes(set(range(2000, 6000)))
    left, right = (set(sample_rows(found, 0, 0, 16)["hash"].tolist()) for found in (a, b))
    assert left & right == left & set(b.tolist()) == right & set(a.tolist())
    assert 3000 / 16 * 0.7 < len(left) < 3000 / 16 * 1.3


def test_the_representatives_are_the_least_of_the_sample():
    found = sample_rows(hashes(set(range(3000))), 3, 7, 16)
    chosen = found[found["representatives"] > 0]
    assert len(chosen) == REPRESENTATIVES == chosen["representatives"][0]
    assert chosen["hash"].max() < found["hash"][found["representatives"] == 0].min()
    assert set(found["shard"].tolist()) == {3}
    assert set(found["row"].tolist()) == {7}


def test_a_shingle_that_a_thousand_books_have_costs_no_more_than_the_most_holders_each(monkeypatch):
    one = np.zeros(1000, SHINGLE)
    one["hash"], one["rank"], one["row"], one["representatives"] = 5, np.arange(1000), np.arange(1000), 1
    hits = hits_in_bucket(one)
    assert len(hits) == sum(min(number, MOST_HOLDERS) for number in range(1000))
    last = hits[hits["a_row"] == 999]
    assert last["b_row"].tolist() == list(range(MOST_HOLDERS)), "the preferred are those looked at"


def test_hits_of_all_buckets_add_up():
    parts = np.array([(0, 1, 2, 3, 4, 1), (0, 1, 2, 3, 4, 2), (0, 1, 9, 3, 4, 1)], HITS)
    assert added_up(parts).tolist() == [(0, 1, 2, 3, 4, 3), (0, 1, 9, 3, 4, 1)]
    assert len(added_up(parts[:0])) == 0


def test_books_without_words_are_nobodys_part():
    empty = np.zeros(0, np.uint64)
    assert len(find({(0, 0): empty, (0, 1): empty, (0, 2): hashes({1})}, 0.9, 1)) == 0
    assert module.rank(0) > module.rank(1)
