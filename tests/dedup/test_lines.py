"""CCNet's line deduplication (Wenzek et al. 2019, §3.1; cc_net dedup.py) against a counter over all lines."""

from __future__ import annotations

from collections import Counter

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from curate.dedup.lines import repeated_lines, without_lines
from curate.dedup.rows import LINE
from curate.manifest import LineDedup
from pipelines.dedup_lines import line_rows

documents = st.lists(
    st.lists(st.sampled_from(["a", "b", "c d", "E", "e", "", "  ", "1", "2", "x!"]), max_size=6), max_size=8
)


def rows_of(texts: list[str]) -> np.ndarray:
    return line_rows(texts, np.arange(len(texts)), 0, LineDedup())


@given(documents)
def test_every_copy_of_a_repeated_line_goes_the_first_included(lines):
    texts = ["\n".join(document) for document in lines]
    # cc_net's normal form makes "E" and "e" one line, and every digit 0.
    same = {"E": "e", "1": "0", "2": "0", "x!": "x"}
    counts = Counter(same.get(line, line) for text in texts for line in text.split("\n") if line.strip())
    expected = {
        (row, number)
        for row, text in enumerate(texts)
        for number, line in enumerate(text.split("\n"))
        if line.strip() and counts[same.get(line, line)] > 1
    }
    repeated = repeated_lines(rows_of(texts))
    assert set(zip(repeated["row"].tolist(), repeated["line"].tolist(), strict=True)) == expected


def test_a_line_seen_once_stays_and_seen_twice_goes():
    assert len(repeated_lines(rows_of(["once", "twice", "twice"]))) == 2


def test_a_line_repeated_in_one_document_alone_goes_too():
    repeated = repeated_lines(rows_of(["again\nother\nagain"]))
    assert repeated["line"].tolist() == [0, 2]
    assert set(zip(repeated["other_shard"].tolist(), repeated["other_row"].tolist(), strict=True)) == {(0, 0)}


def test_llama3_keeps_a_line_seen_six_times_and_drops_one_seen_seven_times():
    six, seven = rows_of(["line"] * 6), rows_of(["line"] * 7)
    assert len(repeated_lines(six, max_copies=6)) == 0
    assert len(repeated_lines(seven, max_copies=6)) == 7


def test_an_explanation_names_the_first_other_document_with_the_line():
    repeated = repeated_lines(rows_of(["x y", "x y", "x y"]))
    others = dict(zip(repeated["row"].tolist(), repeated["other_row"].tolist(), strict=True))
    assert others[1] == others[2] == 0
    assert others[0] == 2
    assert set(repeated["copies"].tolist()) == {3}


def test_accents_are_kept_by_default_as_in_the_code_and_stripped_as_in_the_paper_when_asked():
    for accents, found in (("keep", 0), ("strip", 2)):
        rows = line_rows(["hèllo", "hello"], np.arange(2), 0, LineDedup(accents=accents))
        assert len(repeated_lines(rows)) == found


@given(st.text(alphabet="ab \n", max_size=40), st.sets(st.integers(0, 12)))
def test_without_lines_keeps_every_other_line_in_order(text, gone):
    lines = text.split("\n")
    left = without_lines(text, np.array(sorted(gone)))
    if not gone:
        assert left == text
        return
    kept = [line for number, line in enumerate(lines) if number not in gone and line.strip()]
    assert [line for line in left.split("\n") if line.strip()] == kept
    assert "\n\n\n" not in left
    assert left == left.strip("\n") or not kept


def test_no_lines_gives_no_rows():
    assert len(repeated_lines(np.zeros(0, LINE))) == 0
    assert len(rows_of([])) == 0
    assert len(rows_of(["", "  \n "])) == 0
