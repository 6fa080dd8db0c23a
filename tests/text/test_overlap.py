"""Word n-grams in common with benchmark items: found at every boundary, as a search without hashes finds them."""

from __future__ import annotations

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from curate.text.overlap import BenchmarkIndex, Overlap

ITEM = "the quick brown fox jumps over the lazy dog while seven wizards box"
ITEM_WORDS = ITEM.split()


def index(*texts: str, n: int = 13, min_words: int = 8, max_items: int | None = None) -> BenchmarkIndex:
    return BenchmarkIndex(((f"bench:{number}", text) for number, text in enumerate(texts, 1)), n, min_words, max_items)


def test_a_thirteen_gram_in_common_is_found_and_one_of_twelve_words_is_not():
    """GPT-3, appendix C."""
    found = index(ITEM).overlap(f"He wrote: {ITEM}! And more.")
    assert found.item == "bench:1"
    assert found.longest == len(ITEM_WORDS) == 13
    assert found.ngrams == 1
    assert found.item_share == 1.0
    assert index(ITEM + " again").overlap(" ".join(ITEM_WORDS[:12])) == Overlap()
    assert index(ITEM + " again").overlap("x " + " ".join(ITEM_WORDS[:12]) + " y") == Overlap()


def test_case_and_punctuation_do_not_matter():
    assert index(ITEM).overlap(ITEM.upper().replace(" ", ", ") + ".").item_share == 1.0


@pytest.mark.parametrize(("words", "found"), [(7, False), (8, True), (12, True)])
def test_items_shorter_than_n_are_looked_for_whole_from_the_least_length_on(words, found):
    benchmark = index(" ".join(ITEM_WORDS[:words]), n=13, min_words=8)
    assert benchmark.short == (not found)
    assert (benchmark.overlap(f"a b c {ITEM} d").ngrams > 0) is found


def test_the_share_is_of_the_documents_words_and_the_longest_is_a_stretch():
    text = " ".join([*ITEM_WORDS, *["filler"] * 13, *ITEM_WORDS, *["filler"] * 13])
    found = index(ITEM).overlap(text)
    assert (found.ngrams, found.share, found.longest) == (2, 0.5, 13)


def test_the_item_of_which_most_is_there_is_named_and_of_equals_the_first():
    longer = ITEM + " at dawn near the old stone bridge by the river"
    assert index(longer, ITEM).overlap(ITEM).item == "bench:2"
    assert index(ITEM, ITEM).overlap(ITEM).item == "bench:1"
    assert index(longer).overlap(ITEM).item_share == pytest.approx(1 / 11)


def test_what_many_items_say_is_no_evidence_where_asked():
    template = "please read the following passage and choose the one best answer to the question below"
    items = [f"{template} item{number} alpha beta gamma delta" for number in range(5)]
    assert index(*items).overlap(template).ngrams == 3
    assert index(*items, max_items=5).overlap(template).ngrams == 3
    assert index(*items, max_items=4).overlap(template) == Overlap()
    assert index(*items, max_items=4).overlap(items[2]).item == "bench:3"
    assert index(template, template, max_items=1).overlap(template) == Overlap()


def test_a_text_without_words_overlaps_with_nothing():
    assert index(ITEM).overlap("") == index(ITEM).overlap(" … !") == Overlap()
    assert index().overlap(ITEM) == Overlap()


words = st.lists(st.sampled_from("abcd"), max_size=40)


@settings(max_examples=150)
@given(words, st.lists(words, max_size=4), st.integers(1, 6), st.integers(1, 4))
def test_what_is_found_is_what_a_search_without_hashes_finds(text, items, n, min_words):
    found = index(*map(" ".join, items), n=n, min_words=min_words).overlap(" ".join(text))
    begins, inside = set(), set()
    shares = {}
    for number, item in enumerate(items, 1):
        if len(item) < min_words:
            continue
        size = min(n, len(item))
        grams = {tuple(item[i : i + size]) for i in range(len(item) - size + 1)}
        hits = [i for i in range(len(text) - size + 1) if tuple(text[i : i + size]) in grams]
        begins |= set(hits)
        inside |= {i + k for i in hits for k in range(size)}
        shares[f"bench:{number}"] = len({tuple(text[i : i + size]) for i in hits}) / len(grams)
    assert found.ngrams == len(begins)
    assert found.share == pytest.approx(len(inside) / len(text) if text else 0)
    runs = "".join("x" if i in inside else " " for i in range(len(text))).split()
    assert found.longest == max(map(len, runs), default=0)
    if begins:
        best = max(shares.values())
        assert found.item_share == pytest.approx(best)
        assert found.item == next(name for name, share in shares.items() if share == best)


def test_a_document_of_another_text_is_clean_among_many_items():
    generator = random.Random(0)
    vocabulary = [f"w{number}" for number in range(3000)]
    items = [" ".join(generator.choices(vocabulary, k=40)) for _ in range(2000)]
    benchmark = index(*items)
    assert benchmark.overlap(" ".join(generator.choices(vocabulary, k=20_000))) == Overlap()
    assert benchmark.overlap("x " * 100 + items[1234] + " y" * 100).item == "bench:1235"
