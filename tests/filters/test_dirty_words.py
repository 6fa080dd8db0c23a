"""Dirty words drop a page by number and share, and a host by the share of its pages that are dirty."""

from __future__ import annotations

import pytest

from curate.corpus_counts import Counts, Totals
from curate.text.page import Page
from filters.dirty_words import DirtyWords, DirtyWordsConfig

HOST = "https://www.pages.example/a/b?c=d"


def made(**changes: object) -> DirtyWords:
    return DirtyWords(DirtyWordsConfig.model_validate(changes))


def measured(words: int | None, share: float | None, pages: int | None = None, host_share: float | None = None):
    return {"words": words, "share": share, "host": "h", "host_pages": pages, "host_share": host_share}


def reason(filter_: DirtyWords, row) -> str | None:
    verdict = filter_.decide(row)
    return verdict.reason if verdict else None


def test_listed_words_are_counted_and_the_host_is_named_without_its_www() -> None:
    found = made().measure(Page("porn " * 2 + "tulip " * 98, HOST, "en"))
    assert found == {"words": 2, "share": 0.02, "host": "pages.example"}


def test_a_language_without_a_list_is_not_counted_and_kept() -> None:
    found = made().measure(Page("Aeg on kallis.", HOST, "et"))
    assert found["words"] is None
    assert reason(made(), {**found, "host_pages": None, "host_share": None}) is None


def test_a_page_goes_with_more_words_than_max_count_of_more_than_max_share() -> None:
    filter_ = made(max_count=3, max_share=0.01)
    assert reason(filter_, measured(4, 0.0101)) == "dirty_words.page"
    assert reason(filter_, measured(3, 0.5)) is None
    assert reason(filter_, measured(400, 0.01)) is None
    assert reason(made(max_share=None), measured(400, 0.9)) is None


def test_a_host_goes_when_more_than_its_share_of_enough_pages_is_dirty() -> None:
    filter_ = made(max_host_share=0.3, min_host_pages=5)
    assert reason(filter_, measured(0, 0.0, 5, 0.31)) == "dirty_words.host"
    assert reason(filter_, measured(0, 0.0, 5, 0.3)) is None
    assert reason(filter_, measured(0, 0.0, 4, 1.0)) is None
    assert reason(made(max_host_share=None), measured(0, 0.0, 50, 1.0)) is None


def test_pages_of_a_host_are_counted_together() -> None:
    filter_ = made(max_count=0, max_share=0.1)
    totals = Totals()
    rows = [{"words": n, "share": n / 10, "host": "h"} for n in (0, 2, 3, 0)]
    for row in rows:
        counted = filter_.counts(row)
        assert counted is not None
        totals.add(counted)
    (total,) = totals
    assert filter_.against(rows[0], total) == {"host_pages": 4, "host_share": 0.5}


def test_a_page_without_an_address_belongs_to_no_host() -> None:
    assert made().counts({"words": 9, "share": 0.9, "host": ""}) is None


def test_what_is_dirty_is_counted_anew_when_its_thresholds_change_and_measured_once() -> None:
    one, other = made(max_count=1), made(max_count=2)
    assert one.measuring() == other.measuring()
    assert one.counting() != other.counting()
    assert one.counting() == made(max_count=1, min_host_pages=9, max_host_share=0.9).counting()
    assert not made(max_host_share=None).asks()


@pytest.mark.parametrize("text", ["", "\ud800", "x" * 100_000])
def test_hostile_text_is_measured(text: str) -> None:
    assert made().measure(Page(text, "http://[", "en"))["words"] == 0


def test_a_total_is_the_pages_own_at_least() -> None:
    filter_ = made()
    row = {"words": 0, "share": 0.0, "host": "h"}
    assert filter_.against(row, filter_.counts(row) or Counts.of("h", {})) == {"host_pages": 1, "host_share": 0.0}
