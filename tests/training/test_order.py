"""The order of windows and the mixture of sources, as arithmetic."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from curate.training import order as order_module
from curate.training.order import Mixture, Order, permutation, windows_in

MASK = 2**64 - 1
SIZES = st.lists(st.integers(0, 60), min_size=1, max_size=12).filter(lambda sizes: max(sizes) > 9)


def splitmix64(state: int, count: int) -> list[int]:
    """Written from the paper's listing (Steele, Lea and Flood 2014, figure 17), one number at a time."""
    numbers = []
    for _ in range(count):
        state = (state + 0x9E3779B97F4A7C15) & MASK
        z = state
        z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & MASK
        z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & MASK
        numbers.append(z ^ (z >> 31))
    return numbers


def test_the_generator_beside_ours_gives_the_published_numbers() -> None:
    assert splitmix64(1234567, 3) == [6457827717110365317, 3203168211198807973, 9817491932198370423]


@given(st.integers(0, 50), st.lists(st.integers(-(2**63), 2**64), min_size=1, max_size=3))
def test_a_permutation_sorts_the_numbers_of_splitmix64(size: int, key: list[int]) -> None:
    state = 0
    for number in key:
        # A generator's first number from state s is what its finaliser makes of s plus the increment.
        state = splitmix64((((state + 0x9E3779B97F4A7C15) ^ number) - 0x9E3779B97F4A7C15) & MASK, 1)[0]
    numbers = splitmix64(state, size)
    assert permutation(size, *key).tolist() == sorted(range(size), key=numbers.__getitem__)


def test_permutations_never_change() -> None:
    assert permutation(8, 0, 0).tolist() == [0, 7, 2, 5, 4, 6, 3, 1]
    assert permutation(8, 0, 1).tolist() == [4, 1, 7, 5, 0, 6, 3, 2]
    assert permutation(8, 7, 0, 3).tolist() == [4, 6, 1, 5, 7, 3, 0, 2]


def test_the_order_of_windows_never_changes() -> None:
    groups, windows = Order(np.array([50, 7, 33, 64, 41]), 8, seed=3, block=2).locate(np.arange(44))
    assert groups.tolist() == [int(group) for group in "0003303303330242424244" + "2224424443330300303003"]
    assert windows.tolist() == [int(window) for window in "3546103412052342113020" + "3103420121602404215353"]


@pytest.mark.parametrize(("tokens", "windows"), [(0, 0), (8, 0), (9, 1), (16, 1), (17, 2)])
def test_a_window_takes_one_token_more_than_its_stride(tokens: int, windows: int) -> None:
    assert windows_in(np.array([tokens]), 8).tolist() == [windows]


@given(SIZES, st.integers(1, 9), st.integers(0, 2**63), st.integers(1, 5), st.integers(0, 5))
def test_each_epoch_has_every_window_once(sizes: list[int], sequence: int, seed: int, block: int, epoch: int) -> None:
    order = Order(np.array(sizes), sequence, seed, block)
    groups, windows = order.locate(np.arange(epoch * len(order), (epoch + 1) * len(order)))
    expected = [(group, window) for group, size in enumerate(sizes) for window in range(max(0, size - 1) // sequence)]
    assert sorted(zip(groups.tolist(), windows.tolist(), strict=True)) == expected


@given(SIZES, st.integers(1, 9), st.integers(1, 5))
def test_reading_forward_needs_a_block_of_row_groups_at_a_time(sizes: list[int], sequence: int, block: int) -> None:
    order = Order(np.array(sizes), sequence, 5, block)
    groups = order.locate(np.arange(len(order)))[0].tolist()
    used = [group for group, size in enumerate(sizes) if size > sequence]
    blocks = [set(groups[i:j]) for i, j in itertools.pairwise(_block_bounds(groups, block, len(used)))]
    assert all(len(one) <= block for one in blocks)
    assert sum(map(len, blocks)) == len(used), "a row group is in two blocks"


def _block_bounds(groups: list[int], block: int, used: int) -> list[int]:
    """Where each `block`-th new row group comes in: what was before must not come again."""
    bounds, seen = [0], set[int]()
    for place, group in enumerate(groups):
        if group not in seen and len(seen) and len(seen) % block == 0:
            bounds.append(place)
        seen.add(group)
    assert len(seen) == used
    return [*bounds, len(groups)]


@given(st.lists(st.integers(0, 500), max_size=30))
def test_any_place_is_found_without_history(places: list[int]) -> None:
    sizes = np.array([50, 7, 33, 64, 41])
    whole = Order(sizes, 8, 3, 2).locate(np.arange(501))
    some = Order(sizes, 8, 3, 2).locate(np.array(places, np.int64))
    assert some[0].tolist() == whole[0][places].tolist()
    assert some[1].tolist() == whole[1][places].tolist()


def test_epochs_and_seeds_differ() -> None:
    order = Order(np.full(6, 100), 9, 0, 2)
    first, second = np.split(np.stack(order.locate(np.arange(2 * len(order)))), 2, axis=1)
    other = np.stack(Order(np.full(6, 100), 9, 1, 2).locate(np.arange(len(order))))
    assert not np.array_equal(first, second)
    assert not np.array_equal(first, other)


def test_a_place_in_a_trillion_tokens_costs_one_sort_of_row_groups_and_one_of_a_block(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    sorted_sizes: list[int] = []

    def counted(size: int, *key: int) -> np.ndarray:
        sorted_sizes.append(size)
        return permutation(size, *key)

    monkeypatch.setattr(order_module, "permutation", counted)
    order = Order(np.full(240_000, 4_200_000), 2048, 0, 8)
    assert len(order) * 2048 > 1e12
    order.locate(np.array([5 * len(order) // 3]))
    assert sorted_sizes == [240_000, 8 * (4_199_999 // 2048)]


def test_places_that_do_not_exist_are_refused() -> None:
    with pytest.raises(IndexError):
        Order(np.array([100]), 9, 0, 2).locate(np.array([3, -1]))
    with pytest.raises(IndexError):
        Order(np.array([9, 4]), 9, 0, 2).locate(np.array([0]))


@st.composite
def weights(draw: st.DrawFn) -> dict[str, float]:
    shares = draw(st.lists(st.floats(1e-4, 1) | st.integers(1, 9).map(float), min_size=1, max_size=12))
    return {f"source-{i:02d}": share for i, share in enumerate(shares)}


@settings(max_examples=60)
@given(weights())
def test_no_prefix_is_two_sequences_off_the_mixture(shares: dict[str, float]) -> None:
    mixture = Mixture(shares)
    total = sum(shares.values())
    taken = np.cumsum(np.eye(len(shares))[mixture.take(500)], axis=0)
    wanted = np.arange(1, 501)[:, None] * np.array([shares[name] / total for name in mixture.names])
    assert np.abs(taken - wanted).max() <= 2


@given(weights(), st.integers(0, 60), st.integers(0, 60))
def test_a_mixture_goes_on_from_its_counts(shares: dict[str, float], before: int, after: int) -> None:
    whole = Mixture(shares)
    choices = whole.take(before + after).tolist()
    first = Mixture(shares)
    assert first.take(before).tolist() == choices[:before]
    second = Mixture(shares, first.counts)
    assert [second.names.index(second.next()) for _ in range(after)] == choices[before:]
    assert second.counts == whole.counts


def test_ties_go_to_the_first_name_and_weight_nothing_is_never_chosen() -> None:
    mixture = Mixture({"c": 1, "a": 1, "b": 0, "d": 2})
    assert [mixture.next() for _ in range(8)] == ["d", "a", "c", "d", "d", "a", "c", "d"]


@pytest.mark.parametrize("bad", [{}, {"a": 0.0}, {"a": -1.0, "b": 2.0}, {"a": float("nan")}, {"a": float("inf")}])
def test_weights_that_are_no_mixture_are_refused(bad: dict[str, float]) -> None:
    with pytest.raises(ValueError, match="weights of a mixture"):
        Mixture(bad)
