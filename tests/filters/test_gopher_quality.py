"""Gopher's quality rules at their boundaries (Rae et al. 2021, appendix A1.1; recipes §9)."""

import statistics
import string
import unicodedata
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from curate.text.page import Page
from filters.filter import Value
from filters.gopher_quality import STOP_WORDS, GopherQuality, GopherQualityConfig


def measure(text: str, **config: Any) -> dict[str, Value]:
    return GopherQuality(GopherQualityConfig(**config)).measure(Page(text))


def reasons(text: str) -> set[str]:
    """Every rule that drops the page, each asked alone."""
    measured = measure(text)
    dropped = set()
    for rule in GopherQuality.rules:
        others = {other.parameter: None for other in GopherQuality.rules if other is not rule}
        if GopherQuality(GopherQualityConfig(**others)).decide(measured):
            dropped.add(rule.reason)
    return dropped


def words(count: int, word: str = "word") -> str:
    return " ".join(["the", "of", *[word] * (count - 2)])


def test_fifty_words_are_enough_and_49_too_few() -> None:
    """A1.1: "between 50 and 100,000 words"."""
    assert reasons(words(50)) == set()
    assert reasons(words(49)) == {"few_words"}


def test_100000_words_are_kept_and_one_more_is_too_many() -> None:
    assert reasons(words(100_000)) == set()
    assert reasons(words(100_001)) == {"many_words"}


def test_punctuation_alone_is_not_a_word() -> None:
    """datatrove gopher_quality_filter.py counts words that are not symbols only; DCLM ignores punctuation."""
    assert reasons(words(49) + " - … ( ) $ 「」 ... .") == {"few_words"}
    assert measure("a - b 3 😀 — !?")["words"] == 4


def test_a_mean_word_length_of_3_to_10_characters_is_kept() -> None:
    """A1.1: "mean word length is outside of the range of 3 to 10 characters"."""
    base = ["of", "with"]  # six letters in two words
    assert reasons(" ".join([*base, *["abc"] * 48])) == set()
    assert reasons(" ".join([*base, *["abc"] * 47, "ab"])) == {"short_words"}
    longer = [*base, *["a" * 10] * 46, "a" * 17, "a" * 17]
    assert measure(" ".join(longer))["word_length"] == 10
    assert reasons(" ".join(longer)) == set()
    assert reasons(" ".join(longer) + "a") == {"long_words"}


def test_dolma_takes_the_median_of_the_word_lengths() -> None:
    """recipes §11: Dolma v1.6 limits the median."""
    assert measure("a bb cccccc", word_length="median")["word_length"] == 2
    assert measure("a bb cccc dddddd", word_length="median")["word_length"] == 3
    assert measure("", word_length="median")["word_length"] == 0


@given(st.lists(st.integers(1, 9), min_size=1, max_size=12))
def test_mean_and_median_are_those_of_the_statistics_module(lengths: list[int]) -> None:
    text = " ".join("x" * length for length in lengths)
    assert measure(text)["word_length"] == pytest.approx(statistics.mean(lengths))
    assert measure(text, word_length="median")["word_length"] == statistics.median(lengths)


def test_a_hash_for_every_ten_words_is_kept_and_one_more_drops() -> None:
    """A1.1: "symbol-to-word ratio greater than 0.1 for either the hash symbol or the ellipsis"."""
    assert reasons(words(100) + " " + "#" * 10) == set()
    assert reasons(words(100) + " " + "#" * 11) == {"hashes"}


@pytest.mark.parametrize("ellipsis", ["...", "…"])
def test_an_ellipsis_for_every_ten_words_is_kept_and_one_more_drops(ellipsis: str) -> None:
    assert reasons(words(100) + f" {ellipsis}" * 10 + "\nend\nend\nend") == set()
    assert "ellipses" in reasons(words(100) + f" {ellipsis}" * 11 + "\nend\nend\nend")


@pytest.mark.parametrize("bullet", ["•", "-", "*", "  • "])
def test_nine_lines_of_ten_may_start_with_a_bullet(bullet: str) -> None:
    """A1.1: "more than 90% of lines starting with a bullet point"."""
    line = words(10)
    assert reasons("\n".join([f"{bullet} {line}"] * 9 + [line])) == set()
    assert reasons("\n".join([f"{bullet} {line}"] * 10)) == {"bullets"}
    assert reasons("\n\n".join([f"{bullet} {line}"] * 10)) == {"bullets"}


@pytest.mark.parametrize("ellipsis", ["...", "…", "… "])
def test_three_lines_of_ten_may_end_with_an_ellipsis(ellipsis: str) -> None:
    """A1.1: "more than 30% ending with an ellipsis"."""
    line = words(20)
    assert reasons("\n".join([line + ellipsis] * 3 + [line] * 7)) == set()
    assert reasons("\n".join([line + ellipsis] * 4 + [line] * 6)) == {"ellipsis_lines"}


def test_80_percent_of_the_words_must_have_a_letter() -> None:
    """A1.1: "80% of words in a document contain at least one alphabetic character"."""
    assert reasons(words(80) + " 1234" * 20) == set()
    assert reasons(words(79) + " 1234" * 21) == {"not_words"}
    assert measure("1a (2b) 漢字 3½ ²")["alphabetic_words"] == pytest.approx(3 / 5)


def test_two_different_stop_words_are_needed() -> None:
    """A1.1: "at least two of the following English words: the, be, to, of, and, that, have, with"."""
    assert {"the", "be", "to", "of", "and", "that", "have", "with"} == STOP_WORDS
    assert reasons(" ".join(["word"] * 60 + ["the", "of"])) == set()
    assert reasons(" ".join(["word"] * 60 + ["the", "the"])) == {"few_stop_words"}
    assert measure('The "of" HAVE, theof to-be')["stop_words"] == 3


def test_an_empty_page_has_measurements() -> None:
    assert measure("") == {
        "words": 0,
        "word_length": 0,
        "hash_ratio": 0,
        "ellipsis_ratio": 0,
        "bullet_lines": 0,
        "ellipsis_lines": 0,
        "alphabetic_words": 0,
        "stop_words": 0,
    }


@given(st.text(alphabet=st.one_of(st.characters(), st.sampled_from("ab THE.,-… \n1#")), max_size=80))
def test_words_letters_and_stop_words_are_what_a_loop_over_the_words_finds(text: str) -> None:
    def is_punctuation(character: str) -> bool:
        return character in string.punctuation or unicodedata.category(character)[0] == "P"

    counted = [word for word in text.split() if not all(map(is_punctuation, word))]
    measured = measure(text)
    assert measured["words"] == len(counted)
    letters = sum(any(map(str.isalpha, word)) for word in counted)
    assert measured["alphabetic_words"] == pytest.approx(letters / max(len(counted), 1))
    assert measured["hash_ratio"] == text.count("#") / max(len(counted), 1)
    assert set(measured) == set(GopherQuality.columns)
