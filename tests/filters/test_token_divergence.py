"""The divergence of a page from its language is the formula's, and large for what the corpus does not hold."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from curate.corpus_counts import Totals
from curate.text.page import Page
from filters.token_divergence import TokenDivergence, TokenDivergenceConfig, divergence

NAMES = ["ferry", "island", "harbour", "morning", "lighthouse", "gull", "rope", "winter"]


@pytest.fixture(scope="module")
def filter_() -> TokenDivergence:
    made = TokenDivergence(TokenDivergenceConfig())
    made.load()
    return made


def slow(page: dict[int, int], corpus: dict[int, int], prior: int) -> float:
    """The sum over every token of the corpus, written out."""
    others = sum(corpus.values()) - sum(page.values())
    size = sum(page.values())
    total = 0.0
    for token, count in corpus.items():
        q = (count - page.get(token, 0) + 1) / (others + len(corpus))
        p = (page.get(token, 0) + prior * q) / (size + prior)
        total += p * math.log(p / q)
    return total


@settings(max_examples=80)
@given(
    st.dictionaries(st.integers(0, 30), st.integers(1, 50), min_size=1),
    st.dictionaries(st.integers(0, 30), st.integers(1, 500)),
    st.integers(1, 300),
)
def test_it_is_the_sum_over_every_token_and_never_below_zero(page, others, prior) -> None:
    corpus = {token: others.get(token, 0) + page.get(token, 0) for token in {*page, *others}}
    tokens = sorted(page)
    found = divergence(
        np.array([page[token] for token in tokens]),
        np.array([corpus[token] for token in tokens]),
        sum(others.values()),
        len(corpus),
        prior,
    )
    assert found == pytest.approx(slow(page, corpus, prior), abs=1e-9)
    assert found >= -1e-9


def over(filter_: TokenDivergence, pages: list[Page]) -> list[dict]:
    totals = Totals()
    rows = [filter_.measure(page) for page in pages]
    for row in rows:
        totals.add(filter_.counts(row))
    found = {total.group: total for total in totals}
    return [row | filter_.against(row, found[row["language"]]) for row in rows]


def prose(seed: int) -> str:
    return " ".join(f"The {NAMES[(seed + k) % 8]} was near the {NAMES[(seed * 3 + k) % 8]}." for k in range(30))


def test_code_among_prose_diverges_most_and_only_from_its_own_language(filter_: TokenDivergence) -> None:
    code = "\n".join(f"for (int i{k} = 0; i{k} < n; ++i{k}) {{ sum += a[i{k}]; }}" for k in range(20))
    pages = [Page(prose(k), language="en") for k in range(20)]
    pages += [Page(code, language="en"), *[Page(code + str(k), language="xx") for k in range(5)]]
    rows = over(filter_, pages)
    assert max(range(len(rows)), key=lambda k: rows[k]["divergence"]) == 20
    assert rows[21]["divergence"] < rows[20]["divergence"] / 2
    assert rows[20]["corpus_tokens"] == sum(row["tokens"] for row in rows[:20])


def test_a_page_alone_in_its_language_is_compared_with_nothing(filter_: TokenDivergence) -> None:
    (row,) = over(filter_, [Page(prose(0), language="en")])
    assert row["corpus_tokens"] == 0
    assert filter_.decide(row) is None


@pytest.mark.parametrize(
    ("tokens", "value", "dropped"),
    [(100_000, 2.5, False), (100_000, 2.5001, True), (99_999, 9.0, False), (None, None, False)],
)
def test_a_page_goes_above_the_limit_where_the_language_is_known_well_enough(
    filter_: TokenDivergence, tokens: int | None, value: float | None, dropped: bool
) -> None:
    assert (filter_.decide({"corpus_tokens": tokens, "divergence": value}) is not None) == dropped


def test_the_prior_keeps_short_pages_from_diverging_for_being_short() -> None:
    pages = [Page(prose(k), language="en") for k in range(30)]
    pages += [Page(" ".join(prose(k).split()[:6]), language="en") for k in range(30)]
    most = {}
    for prior in (1, 100):
        made = TokenDivergence(TokenDivergenceConfig(prior_tokens=prior))
        rows = over(made, pages)
        most[prior] = max(row["divergence"] for row in rows[30:]) / max(row["divergence"] for row in rows[:30])
    assert most[100] < most[1] / 2


@pytest.mark.parametrize("text", ["", "\ud800", "\x00" * 50, "a" * 200_000])
def test_hostile_text_is_measured(filter_: TokenDivergence, text: str) -> None:
    row = filter_.measure(Page(text, language="en"))
    assert isinstance(row["tokens"], int)
    if not row["tokens"]:
        assert filter_.counts(row) is None


def test_a_threshold_recounts_nothing_and_prior_tokens_measure_nothing_anew() -> None:
    one = TokenDivergence(TokenDivergenceConfig())
    other = TokenDivergence(TokenDivergenceConfig(max_divergence=1.0, min_corpus_tokens=5))
    assert one.counting() == other.counting()
    prior = TokenDivergence(TokenDivergenceConfig(prior_tokens=7))
    assert one.measuring() == prior.measuring()
    assert one.counting() != prior.counting()
