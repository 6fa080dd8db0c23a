"""Candidate pairs and connected components against brute force, whatever the number of buckets."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from curate.dedup import components
from curate.dedup.candidates import BLOCK, band_rows, candidate_pairs
from curate.dedup.components import EDGE
from curate.dedup.rows import BAND

node = st.tuples(st.integers(0, 2), st.integers(0, 2), st.integers(0, 9))
edge_lists = st.lists(st.tuples(node, node), max_size=60)


def edges_of(pairs: list[tuple[tuple[int, int, int], tuple[int, int, int]]]) -> np.ndarray:
    return components.orient(np.array([(*a, *b) for a, b in pairs], dtype=EDGE))


def least_of_each_component(pairs) -> dict[tuple[int, ...], tuple[int, ...]]:
    parent: dict = {}

    def find(x):
        parent.setdefault(x, x)
        while parent[x] != x:
            x = parent[x]
        return x

    for a, b in pairs:
        low, high = sorted((find(a), find(b)))
        parent[high] = low
    return {x: find(x) for x in parent if find(x) != x}


def stars(edges: np.ndarray) -> dict[tuple[int, ...], tuple[int, ...]]:
    return {tuple(edge[3:]): tuple(edge[:3]) for edge in edges.tolist()}


@given(edge_lists)
def test_contraction_makes_a_star_around_the_least_node_of_each_component(pairs):
    assert stars(components.contract(edges_of(pairs))) == least_of_each_component(pairs)


@settings(deadline=None)
@given(edge_lists, st.integers(1, 7))
def test_passes_by_bucket_reach_the_same_stars_as_one_worker_with_everything(pairs, buckets):
    edges = edges_of(pairs)
    for _ in range(40):
        both = components.both_ways(edges)
        bucket = components.bucket_of(both, "u", buckets)
        turned = np.concatenate([components.large_star(both[bucket == i]) for i in range(buckets)])
        flipped = components.flip(components.orient(components.distinct(turned)))
        bucket = components.bucket_of(flipped, "u", buckets)
        joined = np.concatenate([components.small_star(flipped[bucket == i]) for i in range(buckets)])
        after = components.distinct(components.orient(joined))
        if np.array_equal(after, edges):
            break
        edges = after
    assert stars(edges) == least_of_each_component(pairs)


def test_a_long_chain_is_one_component():
    pairs = [((0, 0, i), (0, 0, i + 1)) for i in range(500)]
    found = stars(components.contract(edges_of(pairs)))
    assert len(found) == 500
    assert set(found.values()) == {(0, 0, 0)}


def test_the_longest_text_is_the_least_node():
    rank = components.rank(np.array([10, 300, 2]))
    assert rank.tolist() == sorted(rank.tolist(), reverse=False) or rank[1] < rank[0] < rank[2]
    assert rank[1] < rank[0] < rank[2]


def bands(hashes: list[int]) -> np.ndarray:
    n = len(hashes)
    return band_rows(np.array(hashes, np.uint64).reshape(n, 1), 0, np.arange(n), np.arange(n))


def test_documents_that_share_a_band_are_candidates_and_others_are_not():
    pairs = candidate_pairs(bands([5, 6, 5, 7]))
    assert pairs.tolist() == [(0, 0, 0, 2)]


@pytest.mark.parametrize("n", [2, 3, BLOCK, BLOCK + 1, 3 * BLOCK + 5])
def test_a_group_of_equal_bands_is_connected_with_few_comparisons_and_no_hot_document(n):
    pairs = candidate_pairs(bands([9] * n))
    assert len(pairs) < 3 * n
    linked = components.contract(
        edges_of([((0, 0, int(p["a_row"])), (0, 0, int(p["b_row"]))) for p in pairs]),
    )
    assert len(linked) == n - 1
    busiest = np.bincount(np.concatenate([pairs["a_row"], pairs["b_row"]])).max()
    assert busiest <= BLOCK + -(-n // BLOCK) + 2


def test_no_rows_give_no_pairs():
    assert len(candidate_pairs(np.zeros(0, BAND))) == 0
