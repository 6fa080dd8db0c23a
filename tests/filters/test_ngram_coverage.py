"""Lines that repeat themselves go, by a share that a slow reference counts in the same way; prose stays."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from curate.text.page import Page
from filters.ngram_coverage import NgramCoverage, NgramCoverageConfig

PROSE = (
    "The ferry leaves the island at seven in the morning and comes back at dusk, and on Sundays it takes the long way "
    "round the lighthouse so that visitors can see the seals."
)
LOG = " ".join(f"2020-01-{day:02d} 12:00:{day:02d} ERROR connection refused by host;" for day in range(1, 20))


def made(**changes: object) -> NgramCoverage:
    return NgramCoverage(NgramCoverageConfig.model_validate(changes))


def slow(words: list[str], n: int) -> float:
    """The share of words that lie in an n-gram which stands twice or more."""
    grams = [tuple(words[i : i + n]) for i in range(len(words) - n + 1)]
    covered = {i + k for i, gram in enumerate(grams) if grams.count(gram) > 1 for k in range(n)}
    return len(covered) / len(words)


@settings(max_examples=150)
@given(st.lists(st.sampled_from("abcdefgh"), min_size=5, max_size=40), st.integers(1, 4))
def test_coverage_is_what_counting_every_ngram_says(words: list[str], n: int) -> None:
    assert made(n=n, min_words=2, line_coverage=0.0).coverage(words) == pytest.approx(slow(words, n))


@settings(max_examples=150)
@given(st.lists(st.sampled_from("abcdefghijklmnop"), min_size=5, max_size=40), st.sampled_from([0.3, 0.5, 0.7, 1.0]))
def test_the_short_cut_never_spares_a_line_that_goes(words: list[str], limit: float) -> None:
    quick = made(min_words=2, line_coverage=limit).coverage(words)
    exact = slow(words, 3)
    assert quick == pytest.approx(exact) or (quick == 0 and exact <= limit)


def test_a_log_goes_and_the_prose_beside_it_stays() -> None:
    page = Page(f"{PROSE}\n{LOG}\n\n{PROSE}")
    measured = made().measure(page)
    assert measured["lines"] == 1
    assert measured["coverage"] == 1.0
    assert made().edit(page) == f"{PROSE}\n\n{PROSE}"


def test_a_line_goes_above_its_coverage_and_not_at_it() -> None:
    # 20 words, of which "a b c" twice: 6 of 20 are covered.
    line = "a b c " + " ".join(f"x{chr(97 + k)}" for k in range(14)) + " a b c"
    assert len(line.split()) == 20
    measured = made(line_coverage=0.29).measure(Page(line))
    assert (measured["coverage"], measured["lines"], measured["dropped"]) == (0.3, 1, 1.0)
    assert made(line_coverage=0.3).measure(Page(line))["lines"] == 0
    assert made(line_coverage=None).edit(Page(line)) is None


def test_a_short_line_is_not_looked_at() -> None:
    again = "go go go go go " * 4
    assert made(min_words=20).measure(Page(again.strip()))["lines"] == 1
    assert made(min_words=21).measure(Page(again.strip()))["lines"] == 0


def test_time_stamps_that_differ_make_no_difference_unless_digits_count() -> None:
    stamps = " ".join(f"{k}:{k} up" for k in range(30))
    assert made().measure(Page(stamps))["lines"] == 1
    assert made(digits=True).measure(Page(stamps))["lines"] == 0


def test_a_page_goes_when_more_than_its_share_was_in_such_lines() -> None:
    filter_ = made(max_dropped=0.5)
    assert filter_.decide({"coverage": 1.0, "lines": 1, "dropped": 0.5}) is None
    verdict = filter_.decide({"coverage": 1.0, "lines": 1, "dropped": 0.5001})
    assert verdict is not None
    assert verdict.reason == "ngram_coverage.repeats_itself"
    assert made(max_dropped=None).decide({"coverage": 1.0, "lines": 9, "dropped": 1.0}) is None


def test_an_edit_without_a_measure_before_it_is_the_same() -> None:
    page = Page(f"{PROSE}\n{LOG}")
    filter_ = made()
    filter_.measure(Page("other"))
    assert filter_.edit(page) == PROSE


@pytest.mark.parametrize("text", ["", "\n\n", "\ud800 " * 50, "a " * 50_000, "\x00" * 100])
def test_hostile_text_is_measured(text: str) -> None:
    measured = made().measure(Page(text))
    assert 0 <= measured["dropped"] <= 1


@pytest.mark.parametrize("changes", [{"n": 0}, {"line_coverage": 1.1}, {"min_words": 1}, {"lines": 3}])
def test_settings_out_of_bounds_are_refused(changes: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        NgramCoverageConfig.model_validate(changes)
