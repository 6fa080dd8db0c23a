import punkt
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from curate.text.sentences import sentence_counter

PIECES = [
    "Dr.",
    "Smith",
    "went",
    "home.",
    "He",
    "was",
    '"tired."',
    "(It rained.)",
    "Why?!",
    "!!!",
    "...",
    ". . .",
    "\n",
    "U.S.",
    "3.14",
    "e.g.",
    '"',
    "”",
    ")",
    "'",
    "--",
    "No.",
    "5",
    " ",
    "\t",
]
TEXTS = st.one_of(
    st.lists(st.sampled_from(PIECES), max_size=25).map(" ".join), st.text(alphabet=" .?!ab\"')\n”-A1", max_size=60)
)


@given(TEXTS)
@example("")
@example(" \n")
@example('He said "Stop." She went. ')
@example('Stop." ')
def test_sentences_are_counted_as_punkt_splits_them(text: str) -> None:
    assert sentence_counter().count(text) == len(punkt.sent_tokenize(text))


@given(TEXTS, st.integers(0, 6))
def test_counting_stops_at_the_limit(text: str, limit: int) -> None:
    assert sentence_counter().count(text, limit) == min(limit, len(punkt.sent_tokenize(text)))


@pytest.mark.parametrize(
    ("text", "count"),
    [("Dr. Smith went home. He was tired.", 2), ("It cost 3.50 in the U.S. market.", 1), ("", 0), ("No end", 1)],
)
def test_abbreviations_end_no_sentence(text: str, count: int) -> None:
    assert sentence_counter().count(text) == count
