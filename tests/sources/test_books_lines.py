"""Wrapped prose becomes paragraphs again, and verse, tables, addresses and headings stay as they stand."""

from __future__ import annotations

import random
import textwrap

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from curate.sources.books_lines import WRAPPED_AT_MOST, dedented, is_wrapped, joined, unwrapped, width_of

TEXT = "the mill stood still for a long winter and nobody who passed it by on the way to market knew why"
WORDS = TEXT.split()


def prose(generator: random.Random, words: int) -> str:
    return " ".join(generator.choices(WORDS, k=words)).capitalize() + "."


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10**6), st.integers(55, 100))
def test_what_was_wrapped_is_what_is_unwrapped(seed, width):
    generator = random.Random(seed)
    paragraphs = [prose(generator, generator.randrange(1, 160)) for _ in range(20)]
    paragraphs += [prose(generator, 150), prose(generator, 150)]
    assert unwrapped([textwrap.fill(text, width) for text in paragraphs]) == paragraphs


BOOK = [textwrap.fill(prose(random.Random(number), 120), 72) for number in range(12)]
KEPT = [
    "I leaned a ladder on the morning,\nAnd climbed it rung by rung,\nPast where bees were turning\nAnd the moon hung.",
    "Mr. Amos Weld,\n12 Corbel Street,\nSaltmere.",
    "Flour       3 pounds\nButter      1 pound\nHoney       a little",
    "Chapter I ........ 3\nChapter II ....... 17",
    "THE MILL\nby\nA. Miller",
]


@pytest.mark.parametrize("block", KEPT)
def test_verse_tables_addresses_and_title_pages_stay(block):
    assert unwrapped([*BOOK, block])[-1] == block


def test_a_quotation_that_is_set_in_is_joined():
    quoted = textwrap.fill(prose(random.Random(3), 80), 64, initial_indent="    ", subsequent_indent="    ")
    assert "\n" not in unwrapped([*BOOK, quoted])[-1]


def test_verse_that_is_set_in_loses_only_its_margin():
    verse = "    Come in, then, old winter,\n      and hang up your cloak,\n    And tell us what news"
    assert (
        unwrapped([*BOOK, verse])[-1] == "Come in, then, old winter,\n  and hang up your cloak,\nAnd tell us what news"
    )


def test_a_book_of_long_lines_is_not_wrapped():
    lines = "\n".join(["word " * (WRAPPED_AT_MOST // 4)] * 4)
    assert width_of([lines] * 5) == 0
    assert unwrapped([lines])[0].count("\n") == 3


@pytest.mark.parametrize(
    ("lines", "text"),
    [
        (["and then--", "nothing"], "and then--nothing"),
        (["and then --", "nothing"], "and then -- nothing"),
        (["a well-", "known mill"], "a well-known mill"),
        (["a wind-", "mill turned"], "a windmill turned"),
        (["two  spaces.  Here", "too"], "two spaces. Here too"),
        (["pre-", "War years"], "pre-War years"),
        (["in 1870-", "71 it froze"], "in 1870-71 it froze"),
    ],
)
def test_dashes_and_divided_words(lines, text):
    assert joined(lines, frozenset({"windmill"})) == text


def test_a_divided_word_is_joined_where_the_book_has_it_whole():
    divided = (
        "The old wind-\nmill " + "stood there as it had stood in all the years that anyone at all could remember now"
    )
    filled = divided.replace("\nmill ", "\nmill ")
    assert "windmill stood" in joined(filled.split("\n"), frozenset({"windmill"}))
    assert "wind-mill stood" in joined(filled.split("\n"), frozenset())


def test_one_line_is_a_paragraph_already():
    assert not is_wrapped("A line.", 72)
    assert unwrapped([*BOOK, "Chapter II."])[-1] == "Chapter II."
    assert unwrapped([]) == []


def test_tabs_are_columns():
    assert dedented("\ta\n\t\tb") == "a\n        b"
    assert not is_wrapped("one\ttwo\nthree\tfour", 10)


def test_words_are_never_lost():
    generator = random.Random(1)
    text = "\n".join(textwrap.fill(prose(generator, 40), generator.randrange(20, 75)) for _ in range(30)).split("\n")
    blocks = ["\n".join(text[start : start + 5]) for start in range(0, len(text), 5)]
    before = " ".join(blocks).split()
    assert " ".join(unwrapped(blocks)).split() == before
