"""Connected components of the near-duplicate graph, by passes that hold one bucket of edges at a time.

Large-star and small-star (Kiveris et al. 2014, "Connected Components in MapReduce and Beyond"): each pass looks at
one node's neighbours only and points them at the least of them; repeated until nothing changes, every component is a
star around its least node. Nodes are ordered by preference: the longest text first, then file order, so the centre
of a star is the document to keep.

Cost: O(log² n) passes, in practice two to four after the local contraction.
"""

from __future__ import annotations

import numpy as np

from curate.dedup.minhash import mix
from curate.dedup.rows import Packed, runs

_SIDES = [(f"{side}_{part}", "<u4") for side in "uv" for part in ("rank", "shard", "row")]
EDGE = np.dtype(_SIDES)
"""Node v points at node u; a node is (rank, shard, row), least first, and rank falls as the text grows longer."""


def rank(characters: np.ndarray) -> np.ndarray:
    """The order of preference of texts of these lengths: the longer, the smaller."""
    return np.asarray(0xFFFFFFFF - np.minimum(characters, 0xFFFFFFFF), dtype=np.uint32)


def _nodes(edges: Packed, side: str) -> tuple[np.ndarray, np.ndarray]:
    """(high, low) 64-bit sort keys of one side of the edges; equal exactly when the nodes are."""
    high = (edges[f"{side}_rank"].astype(np.uint64) << np.uint64(32)) | edges[f"{side}_shard"]
    return high, edges[f"{side}_row"].astype(np.uint64)


def _edges(u: tuple[np.ndarray, np.ndarray], v: tuple[np.ndarray, np.ndarray]) -> Packed:
    """Distinct edges v -> u, loops left out, sorted."""
    keep = (u[0] != v[0]) | (u[1] != v[1])
    out = np.zeros(int(keep.sum()), EDGE)
    for side, (high, low) in (("u", u), ("v", v)):
        out[f"{side}_rank"] = (high[keep] >> np.uint64(32)).astype(np.uint32)
        out[f"{side}_shard"] = (high[keep] & np.uint64(0xFFFFFFFF)).astype(np.uint32)
        out[f"{side}_row"] = low[keep].astype(np.uint32)
    return distinct(out)


def distinct(edges: Packed) -> Packed:
    """Sorted, without repeats."""
    if len(edges) == 0:
        return edges
    u, v = _nodes(edges, "u"), _nodes(edges, "v")
    order = np.lexsort([v[1], v[0], u[1], u[0]])
    edges = edges[order]
    starts, _ = runs(u[0][order], u[1][order], v[0][order], v[1][order])
    return edges[starts]


def orient(edges: Packed) -> Packed:
    """Each edge with its lesser node as u."""
    u, v = _nodes(edges, "u"), _nodes(edges, "v")
    swap = (v[0] < u[0]) | ((v[0] == u[0]) & (v[1] < u[1]))
    low = tuple(np.where(swap, b, a) for a, b in zip(u, v, strict=True))
    high = tuple(np.where(swap, a, b) for a, b in zip(u, v, strict=True))
    return _edges((low[0], low[1]), (high[0], high[1]))


def both_ways(edges: Packed) -> Packed:
    """Every edge in both directions: what a pass keyed by u needs to see all neighbours of u."""
    flipped = np.zeros(len(edges), EDGE)
    for a, b in (("u", "v"), ("v", "u")):
        for part in ("rank", "shard", "row"):
            flipped[f"{a}_{part}"] = edges[f"{b}_{part}"]
    return np.concatenate([edges, flipped])


def bucket_of(edges: Packed, side: str, buckets: int) -> np.ndarray:
    """The bucket of each edge's node on this side."""
    high, low = _nodes(edges, side)
    return np.asarray(mix(high ^ mix(low)) % np.uint64(buckets), dtype=np.int64)


def _least_neighbour(edges: Packed) -> tuple[Packed, tuple[np.ndarray, np.ndarray]]:
    """Edges sorted by (u, v), and for each the least node among u and all of u's neighbours."""
    u, v = _nodes(edges, "u"), _nodes(edges, "v")
    order = np.lexsort([v[1], v[0], u[1], u[0]])
    edges, u, v = edges[order], (u[0][order], u[1][order]), (v[0][order], v[1][order])
    starts, lengths = runs(*u)
    first = np.repeat(starts, lengths)
    lower = (v[0][first] < u[0]) | ((v[0][first] == u[0]) & (v[1][first] < u[1]))
    return edges, (np.where(lower, v[0][first], u[0]), np.where(lower, v[1][first], u[1]))


def large_star(edges: Packed) -> Packed:
    """Of edges seen both ways, all edges of each u in this bucket: u's larger neighbours now point at the least."""
    edges, least = _least_neighbour(edges)
    u, v = _nodes(edges, "u"), _nodes(edges, "v")
    larger = (v[0] > u[0]) | ((v[0] == u[0]) & (v[1] > u[1]))
    return _edges((least[0][larger], least[1][larger]), (v[0][larger], v[1][larger]))


def small_star(edges: Packed) -> Packed:
    """Of edges with u the larger node and v its lesser neighbours, all of each u: u and they point at the least."""
    edges, least = _least_neighbour(edges)
    u, v = _nodes(edges, "u"), _nodes(edges, "v")
    return _edges(
        (np.concatenate([least[0], least[0]]), np.concatenate([least[1], least[1]])),
        (np.concatenate([u[0], v[0]]), np.concatenate([u[1], v[1]])),
    )


def flip(edges: Packed) -> Packed:
    """Oriented edges with the larger node as u, as small_star wants them."""
    return both_ways(edges)[len(edges) :]


def contract(edges: Packed) -> Packed:
    """Stars around the least node of each component of these edges alone (union-find in one bucket's memory)."""
    while True:
        turned = small_star(flip(orient(large_star(both_ways(edges)))))
        turned = orient(turned)
        if np.array_equal(turned, edges):
            return turned
        edges = turned
