"""URL and exact deduplication against what a dictionary would do."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from curate.dedup.captures import Reason, first_texts, latest_captures
from curate.dedup.rows import CAPTURE

rows_strategy = st.lists(
    st.tuples(st.integers(0, 4), st.integers(-3, 3), st.integers(0, 4), st.integers(0, 2), st.integers(0, 500)),
    max_size=40,
    unique_by=lambda row: row[3:],
)


def packed(rows: list[tuple[int, int, int, int, int]]) -> np.ndarray:
    out = np.zeros(len(rows), CAPTURE)
    for index, (url, date, text, shard, row) in enumerate(rows):
        out[index] = (url, url * 7, date, text, text * 7, shard, row)
    return out


def addresses(rows: np.ndarray) -> set[tuple[int, int]]:
    return set(zip(rows["shard"].tolist(), rows["row"].tolist(), strict=True))


@given(rows_strategy)
def test_the_latest_capture_of_a_url_stays_and_the_first_address_where_dates_tie(rows):
    expected = {}
    for url, date, _, shard, row in rows:
        best = expected.get(url)
        if best is None or (-date, shard, row) < best:
            expected[url] = (-date, shard, row)
    stays, displaced = latest_captures(packed(rows))
    assert addresses(stays) == {(shard, row) for _, shard, row in expected.values()}
    assert len(stays) + len(displaced) == len(rows)
    by_address = {(shard, row): url for url, _, _, shard, row in rows}
    for record in displaced:
        url = by_address[(int(record["shard"]), int(record["row"]))]
        assert (int(record["by_shard"]), int(record["by_row"])) == expected[url][1:]
        assert record["reason"] == Reason.URL


@given(rows_strategy)
def test_the_first_address_of_a_text_stays(rows):
    expected = {}
    for _, _, text, shard, row in rows:
        expected[text] = min(expected.get(text, (shard, row)), (shard, row))
    stays, displaced = first_texts(packed(rows))
    assert addresses(stays) == set(expected.values())
    assert len(stays) + len(displaced) == len(rows)
    assert set(displaced["reason"].tolist()) <= {Reason.EXACT}


@given(rows_strategy, st.randoms(use_true_random=False))
def test_the_answer_does_not_depend_on_the_order_rows_arrive_in(rows, random):
    shuffled = list(rows)
    random.shuffle(shuffled)
    for function in (latest_captures, first_texts):
        for one, other in zip(function(packed(rows)), function(packed(shuffled)), strict=True):
            assert sorted(one.tolist()) == sorted(other.tolist())


def test_a_document_without_a_date_loses_to_any_dated_one():
    from pipelines.dedup_documents import seconds

    assert seconds("") < seconds("1970-01-01T00:00:00Z") < seconds("2020-12-01T00:00:00Z")
    rows = packed([(1, seconds(""), 1, 0, 0), (1, seconds("2008-01-01T00:00:00Z"), 2, 0, 1)])
    stays, _ = latest_captures(rows)
    assert stays["row"].tolist() == [1]
