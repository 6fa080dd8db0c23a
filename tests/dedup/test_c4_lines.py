"""C4's deduplication (tensorflow_datasets/text/c4_utils.py, `remove_duplicate_text`) against its description."""

from __future__ import annotations

from hashlib import md5

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from curate.dedup.c4_lines import RANKED_LINE, lines_covered, ranked_lines, spans, surplus_lines
from curate.dedup.rows import Packed
from curate.text.c4 import line_keeper
from filters.c4 import C4Config, lines_compared
from pipelines.dedup_lines import lines_of_spans, ranked_rows

LINES = ["Alpha is the first line.", "alpha is the FIRST line.  ", "Beta comes after it.", "Gamma ends the page."]
pages = st.lists(st.lists(st.sampled_from([*LINES, "Delta."]), max_size=5), max_size=6)


def rows_of(texts: list[list[str]]) -> Packed:
    listed = [np.zeros(0, RANKED_LINE)]
    listed += [ranked_lines(enumerate(lines), f"https://{row}.example/", 0, row) for row, lines in enumerate(texts)]
    return np.concatenate(listed)


@given(pages)
def test_of_each_line_the_page_with_the_smallest_md5_keeps_the_first(texts: list[list[str]]) -> None:
    urls = [f"https://{row}.example/" for row in range(len(texts))]
    having: dict[str, set[str]] = {}
    for url, lines in zip(urls, texts, strict=True):
        for line in lines:
            having.setdefault(line.strip().lower(), set()).add(url)
    expected = set()
    for row, (url, lines) in enumerate(zip(urls, texts, strict=True)):
        seen: set[str] = set()
        for number, line in enumerate(lines):
            key = line.strip().lower()
            if line_keeper(having[key]) != url or key in seen:
                expected.add((row, number))
            seen.add(key)
    found = surplus_lines(rows_of(texts))
    assert set(zip(found["row"].tolist(), found["line"].tolist(), strict=True)) == expected
    assert len(found) == len(expected)


def test_an_explanation_names_the_page_that_keeps_the_line() -> None:
    urls = [f"https://{row}.example/" for row in range(4)]
    keeper = min(range(4), key=lambda row: md5(urls[row].encode()).digest())
    found = surplus_lines(rows_of([["One line."]] * 4))
    assert found["other_row"].tolist() == [keeper] * 3
    assert found["copies"].tolist() == [4] * 3
    assert sorted(found["row"].tolist()) == sorted({0, 1, 2, 3} - {keeper})


def test_lines_compared_are_those_that_the_rules_leave_of_pages_that_they_do_not_drop() -> None:
    good = "This line has five words.\nMenu\nAnd so [1] does this one.\nHere is a third sentence."
    config = C4Config()
    assert lines_compared(good, config) == [
        (0, "This line has five words."),
        (2, "And so  does this one."),
        (3, "Here is a third sentence."),
    ]
    assert lines_compared(good + "\nA brace { in a line.", config) == []
    assert lines_compared(good + "\nLorem ipsum is a page.", config) == []
    assert lines_compared("This line has five words.\nAnd so does this one.", config) == []
    assert len(lines_compared("Just three words. " * 5, C4Config(compat="arxiv_v1"))) == 1
    assert lines_compared("x" * 190_001, config) == []
    # Language and bad words are judged after: such a page still has lines.
    assert lines_compared(good.replace("third", "zoophilia"), config) != []


def test_spans_are_every_three_sentences_in_a_row() -> None:
    lines = [(0, "One. Two."), (4, "Three."), (5, "Four.")]
    assert spans(lines) == [(0, "One. Two. Three."), (1, "Two. Three. Four.")]
    assert spans([(0, "One. Two.")]) == [(0, "One. Two.")]
    assert spans([]) == []


def test_a_line_goes_when_spans_cover_all_of_it_and_stays_when_they_cover_some() -> None:
    lines = [(0, "One. Two."), (4, "Three."), (5, "Four. Five.")]
    assert lines_covered(lines, [0]) == [(0, 0), (4, 0)]
    assert lines_covered(lines, [1]) == [(4, 0)]
    assert lines_covered(lines, [1, 2]) == [(4, 0), (5, 0)]
    assert lines_covered(lines, []) == []


BOILERPLATE = "We are happy to see you here."
FIRST = f"The ferry leaves at nine o'clock.\n{BOILERPLATE}\nIt returns when the tide does."
SECOND = f"The mill is closed on Mondays.\n{BOILERPLATE}\nIt grinds when the wind blows."
THIRD = f"{SECOND}\nThe miller sells his flour too."


def dropped(texts: list[str], in_spans: bool) -> list[list[int]]:
    """The lines that go, of each page."""
    import pyarrow as pa

    urls = [f"https://{row}.example/" for row in range(len(texts))]
    found = surplus_lines(ranked_rows(texts, urls, np.arange(len(texts)), 0, C4Config(), in_spans))
    found = found[np.lexsort([found["line"], found["row"]])]
    if in_spans:
        found = lines_of_spans(found, pa.chunked_array([texts]), C4Config())
    return [found["line"][found["row"] == row].tolist() for row in range(len(texts))]


def test_a_line_that_two_pages_have_goes_from_one_and_a_span_needs_three_sentences() -> None:
    """recipes §15, trap 12: the paper compares three-sentence spans, the code lines."""
    by_line, by_span = dropped([FIRST, SECOND], False), dropped([FIRST, SECOND], True)
    assert sorted(by_line) == [[], [1]]
    assert by_span == [[], []]
    assert sorted(dropped([SECOND, THIRD], True)) == sorted(dropped([SECOND, THIRD], False))
    assert sum(map(len, dropped([SECOND, THIRD], True))) == 3


@settings(max_examples=30, deadline=None)
@given(
    st.lists(st.lists(st.sampled_from([f"Sentence number {n} stands here." for n in range(6)]), max_size=8), max_size=5)
)
def test_after_spans_are_removed_no_page_is_left_with_one_that_another_keeps_whole(texts: list[list[str]]) -> None:
    pages = ["\n".join(lines) for lines in texts]
    gone = dropped(pages, True)
    kept: list[str] = []
    for text, lines in zip(pages, gone, strict=True):
        whole = [line for number, line in enumerate(text.split("\n")) if number not in lines]
        # Lines are single sentences here, so what is left of a page holds none of the spans it lost.
        kept += [" ".join(whole[at : at + 3]) for at in range(len(whole) - 2)] if not lines else []
    assert len(kept) == len(set(kept))
