"""C4's rules at their boundaries (Raffel et al. 2020, §2.2; tensorflow_datasets/text/c4_utils.py; recipes §4)."""

import re
from typing import Any

import punkt
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from curate.text.page import Page
from filters.c4 import C4, C4Config
from filters.filter import Value

SENTENCE = "This line has five words."


def measure(text: str, language: str = "en", **config: Any) -> dict[str, Value]:
    return C4(C4Config(**config)).measure(Page(text, language=language))


def edited(text: str, **config: Any) -> str:
    result = C4(C4Config(**config)).edit(Page(text))
    return text if result is None else result


def reason(text: str, language: str = "en", **config: Any) -> str | None:
    filter = C4(C4Config(**config))
    verdict = filter.decide(filter.measure(Page(text, language=language)))
    return verdict.rule.reason if verdict else None


@pytest.mark.parametrize("mark", [".", "?", "!", '"'])
def test_a_line_that_ends_in_a_terminal_punctuation_mark_is_kept(mark: str) -> None:
    """§2.2: "only retained lines that ended in a terminal punctuation mark"; c4_utils._END_MARKS."""
    assert edited(f"This line has five words{mark}") == f"This line has five words{mark}"


@pytest.mark.parametrize("end", ["", ",", ":", ";", "'", ")", "…", "...", "。"])
def test_a_line_that_ends_otherwise_or_in_three_dots_is_dropped(end: str) -> None:
    text = f"This line has five words{end}"
    assert edited(text) == ""
    assert measure(text)["lines_no_end_mark"] == 1


def test_without_terminal_punctuation_any_end_is_kept() -> None:
    """FineWeb (Penedo et al. 2024, §3.5) uses C4's rules but this one."""
    assert edited("This line has five words", terminal_punctuation=False) == "This line has five words"
    assert edited("This line has five words...", terminal_punctuation=False) == "This line has five words..."


def test_a_line_of_five_words_is_kept_and_one_of_four_is_dropped() -> None:
    """c4_utils._MIN_WORDS_PER_LINE = 5."""
    assert edited("a b c d .") == "a b c d ."
    assert edited("a b c d e.") == "a b c d e."
    assert edited("This has four words.") == ""
    assert measure("This has four words.")["lines_too_short"] == 1
    assert edited("a\t b  c d\u00a0e.") == "a\t b  c d\u00a0e."


def test_arxiv_v1_keeps_lines_of_three_words_and_pages_of_five_sentences() -> None:
    """recipes §15, trap 12: the first arXiv version has 3 words and 5 sentences."""
    assert edited("Just three words.", compat="arxiv_v1") == "Just three words."
    assert edited("Two words.", compat="arxiv_v1") == ""
    assert reason("\n".join(["Just three words."] * 4), compat="arxiv_v1") == "few_sentences"
    assert reason("\n".join(["Just three words."] * 5), compat="arxiv_v1") is None
    assert C4Config(compat="arxiv_v1", min_sentences=4).min_sentences == 4


def test_a_word_of_1000_characters_is_kept_and_one_of_1001_drops_its_line() -> None:
    """c4_utils._MAX_WORD_LENGTH = 1000."""
    fits, too_long = f"one two three four {'x' * 999}.", f"one two three four {'x' * 1000}."
    assert edited(fits) == fits
    assert edited(f"{SENTENCE}\n{too_long}") == SENTENCE
    assert measure(too_long)["lines_long_word"] == 1
    many = "words " * 400 + "end."
    assert edited(many) == many


@pytest.mark.parametrize(
    ("line", "kept"),
    [
        ("It is so,[12] they say.", "It is so, they say."),
        ("It is[] so[citation needed] they say.", "It is so they say."),
        ("History[edit] of the old town.", "History of the old town."),
        ("It is [12a] so they say.", "It is [12a] so they say."),
        ("It is [Edit] so they say.", "It is [Edit] so they say."),
    ],
)
def test_citations_are_taken_out_of_the_line(line: str, kept: str) -> None:
    """§2.2: "removed any such markers (e.g. [1], [citation needed], etc.)"."""
    assert edited(line) == kept


def test_words_are_counted_after_citations_are_gone() -> None:
    assert edited("five words [1] are left here.") == "five words  are left here."
    assert edited("four words [1] left here.") == ""


@pytest.mark.parametrize("word", ["javascript", "JavaScript"])
def test_a_line_about_javascript_is_dropped(word: str) -> None:
    """§2.2: "removed any line with the word Javascript"."""
    text = f"You must enable {word} to continue.\n{SENTENCE}"
    assert edited(text) == SENTENCE
    assert measure(text)["lines_javascript"] == 1
    assert edited("You must enable java scripts to continue.") == "You must enable java scripts to continue."


@pytest.mark.parametrize(
    "notice", ["Terms of Use", "privacy policy", "Cookie policy", "uses cookies", "use of cookies", "use cookies"]
)
def test_a_line_with_a_policy_notice_is_dropped(notice: str) -> None:
    """§2.2; c4_utils._POLICY_SUBSTRINGS."""
    text = f"By this you accept our {notice} entirely.\n{SENTENCE}"
    assert edited(text) == SENTENCE
    assert measure(text)["lines_policy"] == 1
    assert edited("We eat a few cookies here.") == "We eat a few cookies here."


def test_a_page_of_three_sentences_is_kept_and_one_of_two_is_dropped() -> None:
    """§2.2 "discarded any page with fewer than 3 sentences" as in the code; c4_utils._MIN_NUM_SENTENCES = 3."""
    assert reason(f"{SENTENCE} Here is a second one.") == "few_sentences"
    assert reason(f"{SENTENCE} Here is a second one. And a third.") is None
    assert reason(f"{SENTENCE}\n{SENTENCE}\n{SENTENCE}") is None
    assert reason(f"{SENTENCE}\n{SENTENCE}\nshort one.") == "few_sentences"


def test_sentences_are_counted_to_the_limit_and_a_higher_threshold_is_refused() -> None:
    text = "\n".join([SENTENCE] * 40)
    assert measure(text)["sentences"] == 16
    assert measure(text, sentence_limit=30)["sentences"] == 30
    with pytest.raises(ValidationError, match="sentence_limit"):
        C4Config(min_sentences=17)
    assert C4Config(min_sentences=17, sentence_limit=17).min_sentences == 17


def test_lorem_ipsum_drops_the_page() -> None:
    """§2.2: "removed any page where the phrase lorem ipsum appeared"."""
    page = "\n".join([SENTENCE] * 3)
    assert reason(f"{page}\nLorem Ipsum dolor sit amet.") == "lorem_ipsum"
    assert reason(f"{page}\nLorem, ipsum dolor sit amet.") is None


def test_a_curly_bracket_in_a_line_that_is_kept_drops_the_page() -> None:
    """§2.2: "we removed any pages that contained a curly bracket"; c4_utils tests it after the line rules."""
    page = "\n".join([SENTENCE] * 3)
    assert reason(f"{page}\nHere is a brace {{ in text.") == "brace"
    assert reason(f"{page}\nfunction() {{") is None
    assert reason(f"{page}\nHere is a brace }} in text.") is None


def test_a_page_of_190000_characters_is_kept_and_one_more_drops_it() -> None:
    """c4_utils.is_valid_length: max_length=1.9e5, of the page as it came."""
    line = SENTENCE + "\n"
    page = (line * 7700)[: 190_000 - 1] + "."
    assert len(page) == 190_000
    assert reason(page) is None
    assert reason(page + "x") == "too_long"


def test_a_bad_word_anywhere_in_the_lines_kept_drops_the_page() -> None:
    """§2.2; c4_utils.get_badwords_filter_fn: flanked by non-word characters or the ends of the text."""
    page = "\n".join([SENTENCE] * 3)
    assert reason(f"{page}\nZoophilia is on the list.") == "bad_word"
    assert reason(f"{page}\nzoophilia is on the list.", bad_words="c4_2020") is None
    assert reason(f"{page}\nThe zoophilias are not listed.") is None
    assert reason(f"{page}\nZoophilia in a dropped line") is None


def test_the_bad_words_are_those_of_the_pages_language() -> None:
    text = "\n".join([SENTENCE] * 3) + "\nHere is the zoophilia entry."
    assert measure(text, language="")["bad_words"] == 1
    assert measure(text, language="de")["bad_words"] == 0
    assert measure(text, language="xx")["bad_words"] is None
    assert measure(text, language="de", bad_words_language="en")["bad_words"] == 1
    assert reason(text, language="xx") is None


def test_langdetect_measures_the_language_asked_for_and_is_off_by_default() -> None:
    """c4_utils.detect_english: langdetect, seed 0, at least 0.99."""
    english = "The weather was fine and the children played in the garden until the evening came.\n" * 3
    german = "Das Wetter war schön und die Kinder spielten im Garten, bis endlich der Abend kam.\n" * 3
    assert measure(english)["langdetect_score"] is None
    assert reason(english, langdetect=True) is None
    assert reason(german, langdetect=True) == "language"
    assert reason(german, langdetect=True, langdetect_language="de") is None
    assert measure("", langdetect=True)["langdetect_score"] == 0.0
    assert measure(english, langdetect=True) == measure(english, langdetect=True)


def test_langdetect_at_0_99_keeps_and_below_drops() -> None:
    filter = C4(C4Config())
    measured = measure("\n".join([SENTENCE] * 3))
    assert filter.decide({**measured, "langdetect_score": 0.99}) is None
    assert filter.decide({**measured, "langdetect_score": 0.9899}) is not None


def test_an_edit_that_changes_nothing_is_none() -> None:
    filter = C4(C4Config())
    assert filter.edit(Page(SENTENCE)) is None
    assert filter.edit(Page("")) is None
    assert filter.edit(Page(SENTENCE + "\n")) == SENTENCE


def test_a_filter_measures_each_page_it_is_given() -> None:
    filter = C4(C4Config())
    first, second = Page(SENTENCE), Page(f"{SENTENCE}\nno end")
    assert filter.measure(first)["lines"] == 1
    assert filter.edit(second) == SENTENCE
    assert filter.measure(second)["lines"] == 2
    assert filter.edit(first) is None


def slow_clean(text: str) -> tuple[list[str], int, str | None]:
    """The rules in the order of c4_utils.clean_page, written from their description."""
    kept: list[str] = []
    sentences = 0
    for line in (raw.strip() for raw in text.splitlines()):
        if any(len(word) > 1000 for word in line.split()):
            continue
        line = re.sub(r"\[\d*\]|\[edit\]|\[citation needed\]", "", line)
        if not line.endswith((".", "?", "!", '"')) or line.endswith("...") or len(line.split()) < 5:
            continue
        if "lorem ipsum" in line.lower():
            return kept, sentences, "lorem_ipsum"
        if "javascript" in line.lower():
            continue
        if "{" in line:
            return kept, sentences, "brace"
        if any(notice in line.lower() for notice in ("terms of use", "privacy policy", "use cookies")):
            continue
        kept.append(line)
        sentences += len(punkt.sent_tokenize(line))
    return kept, sentences, "few_sentences" if sentences < 3 else None


WORDS = [
    *["it", "is", "Dr.", "so", "Stop!", "[1]", "[edit]", "...", "{", "javascript"],
    *('"', "lorem ipsum", "use cookies", "\n", "\n", ".\n", "?\n", "\x0b", "\u2028", "\t"),
]


@given(st.lists(st.sampled_from(WORDS), max_size=60).map(" ".join))
def test_lines_sentences_and_verdict_are_those_of_the_rules_applied_one_by_one(text: str) -> None:
    kept, sentences, why = slow_clean(text)
    verdict = reason(text)
    if why in ("lorem_ipsum", "brace"):
        assert verdict in ("lorem_ipsum", "brace")
    else:
        assert edited(text) == "\n".join(kept).strip()
        assert measure(text)["sentences"] == min(sentences, 16)
        assert verdict == why


@given(st.text())
def test_every_line_is_kept_or_dropped_for_one_reason(text: str) -> None:
    measured = measure(text)
    assert set(measured) == set(C4.columns)
    parts = [name for name in C4.columns if name.startswith("lines_")]
    assert len(parts) == 6
    assert measured["lines"] == sum(int(measured[part] or 0) for part in parts)
