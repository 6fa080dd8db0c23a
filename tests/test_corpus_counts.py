"""Counts over a corpus: exact, and the same whatever the order and the pieces they come in."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from curate import corpus_counts
from curate.corpus_counts import MAX_KEY, Counts, Totals, from_table, pack, table, unpack

COUNTED = st.lists(
    st.tuples(
        st.sampled_from(["a", "b", "ü.example", ""]), st.dictionaries(st.integers(0, MAX_KEY), st.integers(1, 2**40))
    ),
    max_size=12,
)


def totals(counted: list[Counts]) -> dict[str, dict[int, int]]:
    made = Totals()
    for item in counted:
        made.add(item)
    return {item.group: dict(zip(item.keys.tolist(), item.counts.tolist(), strict=True)) for item in made}


@settings(max_examples=60)
@given(COUNTED, st.randoms(use_true_random=False))
def test_totals_are_the_sums_in_any_order(counted, random) -> None:
    wanted: dict[str, Counter[int]] = {}
    for group, numbers in counted:
        wanted.setdefault(group, Counter()).update(numbers)
    items = [Counts.of(group, numbers) for group, numbers in counted]
    random.shuffle(items)
    assert totals(items) == wanted
    assert list(totals(items)) == sorted(wanted)


def test_totals_are_the_same_however_often_they_are_added_up_between(monkeypatch: pytest.MonkeyPatch) -> None:
    items = [Counts.of(f"g{n % 3}", {n % 7: n, MAX_KEY: 1}) for n in range(1, 200)]
    at_once = totals(items)
    monkeypatch.setattr(corpus_counts, "PENDING", 1)
    assert totals(items) == at_once
    assert at_once["g0"][MAX_KEY] == 66


@settings(max_examples=40)
@given(COUNTED)
def test_what_is_packed_or_stored_comes_back(counted) -> None:
    items = [Counts.of(group, numbers) for group, numbers in counted]
    for back in (list(unpack(pack(items))), list(from_table(table(items)))):
        assert [item.group for item in back] == [item.group for item in items]
        for one, other in zip(back, items, strict=True):
            assert np.array_equal(one.keys, other.keys)
            assert np.array_equal(one.counts, other.counts)


def test_a_count_is_looked_up_and_is_0_where_there_is_none() -> None:
    counted = Counts.of("g", {3: 5, MAX_KEY: 7})
    assert [counted.get(key) for key in (0, 3, 4, MAX_KEY)] == [0, 5, 0, 7]
    assert counted.total == 12
    assert Counts.of("g", {}).get(0) == 0
