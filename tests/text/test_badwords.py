"""Entries here are made up, or the mildest of the packaged lists."""

import re
from importlib.resources import files

import pytest
from hypothesis import given
from hypothesis import strategies as st

from curate.text.badwords import ALLOWED, BadWords, bad_words, explicit_words, listed_words
from curate.text.page import Page
from curate.text.urls import entries

ENTRIES = ["darn", "darn it", "two darn cups", "d.o.g", "☹"]


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("darn", 1),
        ("Darn it all, oh DARN!", 2),
        ("(darn)", 1),
        ("darned undarn darn_ darn1", 0),
        ("two darn cups of darn", 2),
        ("two darn cupsful", 1),
        ("d.o.g d.o.gs", 1),
        ("☹ ☹☹ a☹", 3),
        ("line\ndarn\nline", 1),
        ("", 0),
    ],
)
def test_entries_count_where_no_word_character_touches_them(text: str, count: int) -> None:
    assert BadWords(ENTRIES).count(text) == count


@given(st.text(alphabet="darnit \n.,_é", max_size=60))
def test_the_matcher_agrees_with_the_published_regular_expression(text: str) -> None:
    """TensorFlow Datasets c4_utils.get_badwords_filter_fn: `(?:\\W|^)(entries)(?:\\W|$)`, here without using up the
    characters on either side, so that neighbours count."""
    words = ["darn", "darn it", "it", "rat.it"]
    pattern = re.compile(rf"(?<!\w)(?:{'|'.join(map(re.escape, sorted(words, key=len, reverse=True)))})(?!\w)")
    assert BadWords(words).count(text) == len(pattern.findall(text.lower()))


def test_the_first_release_missed_entries_at_the_ends_of_a_line() -> None:
    """recipes: the old TFDS regular expression, `[^a-z](entries)[^a-z]`, searched line by line."""
    old = BadWords(["darn"], c4_2020=True)
    assert old.count("darn that") == old.count("that darn") == old.count("that\ndarn\nthat") == 0
    assert old.count("that darn thing") == old.count("that 1darn1 thing") == 1
    assert BadWords(["darn"]).count("darn that") == 1


def test_unspaced_languages_match_inside_a_run_of_characters() -> None:
    assert BadWords(["坏词"], spaced=False).count("这是坏词吗坏词") == 2
    assert BadWords(["坏词"]).count("这是坏词吗") == 0


def test_the_list_is_that_of_the_language() -> None:
    english, german = bad_words("en"), bad_words("de")
    assert english is not None
    assert german is not None
    assert english.count("zoophilia") == 1
    assert german.count("zoophilia") == 0
    assert bad_words("nb") is not None
    assert bad_words("xx") is None
    assert bad_words("") is None


def test_every_entry_of_the_english_list_is_found_alone_and_between_spaces() -> None:
    """LDNOOBW en, 403 entries (recipes §4)."""
    english = bad_words("en")
    assert english is not None
    text = files("curate.text").joinpath("wordlists", "ldnoobw", "en.txt").read_text("utf-8")
    found = [line for line in text.split("\n") if line]
    assert len(found) == 403
    assert all(english.count(entry) >= 1 and english.count(f"so {entry}, then") >= 1 for entry in found)


def test_common_parts_of_words_are_left_out_in_chinese_and_japanese() -> None:
    """TensorFlow Datasets text/c4.py, _BADWORDS_ALLOWLIST."""
    chinese = bad_words("zh")
    assert chinese is not None
    assert chinese.count("性") == 0


@given(st.text(), st.sampled_from(["en", "ja", "zh", "th", "de"]))
def test_any_text_can_be_searched(text: str, language: str) -> None:
    found = bad_words(language)
    assert found is not None
    assert found.count(text) >= 0


@given(
    st.lists(st.sampled_from(["big", "Black", "two", "girls", "one", "cup", "sex", "\n", ",", "🖕", "x"]), max_size=12)
)
def test_knowing_the_tokens_beforehand_changes_no_count(words: list[str]) -> None:
    text = " ".join(words)
    english = bad_words("en")
    assert english is not None
    assert english.count(text, Page(text).tokens) == english.count(text)


HARMLESS = {
    "en": "The clinic teaches sex education; a gay couple, a lesbian friend and a Roma family came, with an escort.",
    "de": "In der Klinik wird über Sex und Brüste gesprochen; ein Schwuler, eine Lesbe und ein Roma kamen dazu.",
    "zh": "我们喝牛奶，去医院看病，谷歌地图很有用。",
    "th": "เราใช้กูเกิลแผนที่ไปโรงพยาบาล",
    "ja": "女の子は牛乳を飲んで病院へ行った。",
}


@pytest.mark.parametrize("language", sorted(HARMLESS))
def test_words_of_medicine_and_names_of_groups_are_not_explicit(language: str) -> None:
    explicit = explicit_words(language)
    assert explicit is not None
    assert explicit.count(HARMLESS[language]) == 0


def test_what_is_not_counted_are_entries_of_the_list_that_c4_still_counts() -> None:
    folder = files("curate.text").joinpath("wordlists", "ordinary")
    languages = sorted(file.name.removesuffix(".txt") for file in folder.iterdir())
    assert len(languages) > 20
    for language in languages:
        spared = entries(folder.joinpath(f"{language}.txt").read_text("utf-8").split("\n"))
        assert set(spared) <= listed_words(language) | ALLOWED.get(language, frozenset()), language
        explicit, listed = explicit_words(language), bad_words(language)
        assert explicit is not None
        assert listed is not None
        text = " . ".join(entry for entry in spared if entry not in ALLOWED.get(language, frozenset()))
        assert listed.count(text) > 0, language


def test_an_explicit_word_counts_beside_those_that_do_not() -> None:
    explicit = explicit_words("en")
    assert explicit is not None
    assert explicit.count("sex and porn, sexual PORN; a breast and a nipple") == 2


def test_a_korean_entry_may_go_on_but_must_begin_a_word() -> None:
    assert BadWords(["나쁜"], particles=True).count("나쁜이 왔다 안나쁜 나쁜") == 2
    explicit = explicit_words("ko")
    assert explicit is not None
    assert explicit.count("오늘은 날씨가 좋다") == 0


@pytest.mark.parametrize(("language", "same"), [("nb", "no"), ("tl", "fil")])
def test_other_codes_of_a_language_have_its_list(language: str, same: str) -> None:
    assert listed_words(language) == listed_words(same) != frozenset()
    assert explicit_words(language) is not None
    assert explicit_words("xx") is None


@pytest.mark.parametrize("language", ["en", "de", "ja", "th", "zh", "ko"])
def test_an_entry_that_no_ordinary_page_has_counts_once(language: str) -> None:
    explicit = explicit_words(language)
    assert explicit is not None
    ordinary = entries(
        files("curate.text").joinpath("wordlists", "ordinary", f"{language}.txt").read_text("utf-8").split("\n")
    )
    kept = sorted(listed_words(language) - set(ordinary))
    assert len(kept) > 10
    assert [entry for entry in kept if explicit.count(f"x {entry} x") != 1] == []
