"""MinHash: exact in 64-bit arithmetic, unbiased, and agreeing with datasketch and with big integers."""

from __future__ import annotations

import random

import numpy as np
import pytest
from datasketch import MinHash
from hypothesis import given
from hypothesis import strategies as st

from curate.dedup.minhash import (
    band_hashes,
    estimated_jaccard,
    jaccard,
    mix,
    permutations,
    shingle_hashes,
    shingle_words,
    signatures,
)

MASK = (1 << 64) - 1


def edited_pair(seed: int, words: int, edits: int) -> tuple[str, str]:
    rng = random.Random(seed)
    first = [f"w{rng.randrange(10_000)}" for _ in range(words)]
    second = list(first)
    for position in rng.sample(range(words), edits):
        second[position] = f"changed{position}"
    return " ".join(first), " ".join(second)


@given(st.lists(st.integers(0, MASK), min_size=1, max_size=50, unique=True))
def test_a_signature_is_what_unbounded_integers_give(values):
    # The trap of (a·h + b) mod (2^61 − 1) in uint64 (datatrove #198, datasketch #239): here nothing can overflow,
    # because the arithmetic is defined modulo 2^64. Python's integers are the referee.
    hashes = np.array(sorted(values), np.uint64)
    a, b = permutations(16, 7)
    expected = [
        min((int(x) * h + int(y)) & MASK for h in values) >> 32 for x, y in zip(a.tolist(), b.tolist(), strict=True)
    ]
    assert signatures([hashes], 16, 7)[0].tolist() == expected


def test_mix_is_the_published_splitmix64_finalizer():
    def reference(h: int) -> int:
        h = ((h ^ (h >> 30)) * 0xBF58476D1CE4E5B9) & MASK
        h = ((h ^ (h >> 27)) * 0x94D049BB133111EB) & MASK
        return h ^ (h >> 31)

    values = [0, 1, 2**63, MASK, 123456789]
    assert mix(np.array(values, np.uint64)).tolist() == [reference(value) for value in values]


def test_multipliers_are_odd_so_that_each_permutation_is_one():
    a, _ = permutations(112, 1)
    assert (a % np.uint64(2) == 1).all()
    assert len(set(a.tolist())) == 112


@pytest.mark.parametrize("edits", [5, 40, 120])
def test_the_estimate_is_unbiased_within_its_standard_error(edits):
    errors = []
    for seed in range(60):
        left, right = edited_pair(seed, 400, edits)
        signed = signatures([shingle_hashes(left, 5), shingle_hashes(right, 5)], 112, seed)
        true = jaccard(left, right, 5)
        errors.append(float(estimated_jaccard(signed[:1], signed[1:])[0]) - true)
    deviation = (true * (1 - true) / 112) ** 0.5
    assert abs(np.mean(errors)) < 4 * deviation / 60**0.5
    assert np.std(errors) < 1.5 * deviation


def test_the_estimate_agrees_with_datasketch_within_both_standard_errors():
    ours, theirs = [], []
    for seed in range(40):
        left, right = edited_pair(seed, 300, 30)
        sets = [{" ".join(words[i : i + 5]) for i in range(len(words) - 4)} for words in (left.split(), right.split())]
        sketches = []
        for shingles in sets:
            sketch = MinHash(num_perm=112, seed=seed + 1)
            for shingle in sorted(shingles):
                sketch.update(shingle.encode())
            sketches.append(sketch)
        theirs.append(sketches[0].jaccard(sketches[1]))
        signed = signatures([shingle_hashes(left, 5), shingle_hashes(right, 5)], 112, seed)
        ours.append(float(estimated_jaccard(signed[:1], signed[1:])[0]))
    assert np.mean(ours) == pytest.approx(np.mean(theirs), abs=0.03)


def test_jaccard_of_shingle_sets_is_what_python_sets_give():
    for seed in range(5):
        left, right = edited_pair(seed, 120, 9)
        a, b = ({tuple(words[i : i + 5]) for i in range(len(words) - 4)} for words in (left.split(), right.split()))
        assert jaccard(left, right, 5) == pytest.approx(len(a & b) / len(a | b))


def test_case_and_punctuation_do_not_count_and_order_does():
    assert shingle_words("Hello, WORLD! — it's 5_0") == ["hello", "world", "its", "50"]
    assert jaccard("One two, three four five!", "one two three four five", 5) == 1
    assert jaccard("a b c d e", "e d c b a", 5) == 0


@pytest.mark.parametrize(("words", "count"), [(0, 0), (1, 1), (4, 1), (5, 1), (6, 2)])
def test_a_text_shorter_than_a_shingle_is_one_shingle(words, count):
    assert len(shingle_hashes(" ".join(f"w{i}" for i in range(words)), 5)) == count


def test_a_long_text_in_chunks_has_the_signature_of_all_its_shingles():
    hashes = np.unique(np.random.default_rng(3).integers(0, 1 << 63, 100_000, dtype=np.uint64))
    a, b = permutations(8, 1)
    expected = [int((hashes * x + y).min() >> np.uint64(32)) for x, y in zip(a, b, strict=True)]
    assert signatures([hashes], 8, 1)[0].tolist() == expected
    # and beside other texts
    few = hashes[:10]
    assert signatures([few, hashes, few], 8, 1)[1].tolist() == expected


def test_bands_of_equal_values_at_different_places_differ():
    signature = np.zeros((1, 112), np.uint32)
    assert len(set(band_hashes(signature, 14, 8)[0].tolist())) == 14


def test_fourteen_bands_of_eight_find_a_pair_of_similarity_0_8_with_the_published_probability():
    # FineWeb (Penedo et al. 2024, §3.5): 1 − (1 − s^8)^14 = 0.924 at s = 0.8.
    rng = np.random.default_rng(0)
    found, pairs = 0, 2000
    for _ in range(pairs):
        same = rng.random(112) < 0.8
        left = rng.integers(0, 1 << 32, 112, dtype=np.uint32)
        right = np.where(same, left, rng.integers(0, 1 << 32, 112, dtype=np.uint32)).astype(np.uint32)
        hashes = band_hashes(np.stack([left, right]), 14, 8)
        found += bool((hashes[0] == hashes[1]).any())
    assert found / pairs == pytest.approx(1 - (1 - 0.8**8) ** 14, abs=0.02)


@given(st.text(max_size=200))
def test_no_text_is_too_odd(text):
    hashes = shingle_hashes(text, 5)
    assert (np.diff(hashes.astype(object)) > 0).all()
    assert signatures([hashes], 4, 1).shape == (1, 4)


def test_a_lone_surrogate_is_hashed_like_any_other_character():
    assert len(shingle_hashes("a\ud800b c", 5)) == 1
