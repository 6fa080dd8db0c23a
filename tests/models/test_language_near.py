"""The language of a page: two witnesses multiplied, and the longest paragraph must agree."""

from __future__ import annotations

import math
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from curate.models import language_near
from curate.models.language_id import LanguageIdentifier
from curate.models.language_near import OTHER, PageLanguage, best, combined, letters, longest_paragraph
from curate.models.registry import resolve

NEAR = frozenset(["bs", "hr", "sr", "sl"])
ENGLISH = "The boat leaves the harbour at seven in the morning and comes back when it is dark. "
GERMAN = "Das Schiff verlässt den Hafen um sieben Uhr am Morgen und kehrt erst nach Einbruch der Dunkelheit zurück. "
# Sentences written for this test; lid.176 alone takes the Croatian for Serbian, or is not sure of either.
HARD = {
    "hr": "Tko želi kupiti kartu, neka dođe na blagajnu prije polaska vlaka.",
    "sl": "Danes popoldne bo v kraju deževalo, jutri pa bo spet sonce.",
}


@pytest.fixture(scope="module")
def first() -> Path:
    return resolve("lid.176").path


@pytest.fixture(scope="module")
def page_language(first: Path) -> PageLanguage:
    return PageLanguage(first, resolve("lid-near").path)


@pytest.mark.parametrize("code", sorted(HARD))
def test_a_sentence_in_a_language_with_near_neighbours_is_told(page_language: PageLanguage, code: str) -> None:
    language, score = page_language(HARD[code])
    assert language == code
    assert score >= 0.5


def test_without_a_second_model_and_paragraphs_it_is_the_first_model(first: Path) -> None:
    bare, same = LanguageIdentifier(first, 2000), PageLanguage(first, None, 2000, paragraph=False)
    for text in (ENGLISH, GERMAN, HARD["hr"], "x", "1 2 3", "", "\n", ENGLISH * 100 + "\n" + GERMAN * 9, "\ud800 a"):
        assert same(text) == bare(text)


def test_a_language_that_the_first_model_is_sure_of_is_not_asked_about_again(
    page_language: PageLanguage, monkeypatch: pytest.MonkeyPatch
) -> None:
    def asked(*_: object) -> None:
        raise AssertionError("the second model was asked")

    monkeypatch.setattr(page_language._second, "distribution", asked)
    assert page_language(ENGLISH)[0] == "en"
    with pytest.raises(AssertionError, match="was asked"):
        page_language(HARD["hr"])


@pytest.mark.parametrize(
    ("code", "score", "characters", "asked"),
    [
        ("hr", 0.9, 100, False),
        ("hr", 0.899, 100, True),
        ("hr", 0.8, 499, True),
        ("hr", 0.8, 500, False),
        ("hr", 0.799, 500, True),
        ("sh", 0.899, 5000, True),
        ("sh", 0.9, 5000, False),
        ("zh", 0.1, 100, False),
    ],
)
def test_the_second_model_is_asked_where_the_first_is_not_sure_and_a_long_text_makes_it_surer(
    page_language: PageLanguage, monkeypatch: pytest.MonkeyPatch, code: str, score: float, characters: int, asked: bool
) -> None:
    questions: list[str] = []
    monkeypatch.setattr(page_language._first, "likeliest", lambda text, count: {code: score, "xx": 1 - score})
    monkeypatch.setattr(page_language._second, "distribution", lambda text: questions.append(text) or {})
    page_language.probabilities("a" * characters)
    assert bool(questions) == asked


def test_a_page_with_a_paragraph_is_read_as_much_less_as_the_glance_costs(
    page_language: PageLanguage, monkeypatch: pytest.MonkeyPatch
) -> None:
    read: list[int] = []
    monkeypatch.setattr(page_language, "probabilities", lambda text: read.append(len(text)) or {"en": 1.0})
    page_language(ENGLISH * 100)
    page_language((ENGLISH + "\n") * 100)
    between = 7  # spaces between eight windows
    assert read == [2000 + between, 2000 - language_near.GLANCE_COSTS + between]


shares = st.floats(0, 1, allow_nan=False)


@given(st.dictionaries(st.sampled_from(["hr", "sr", "sh", "sl", "en", "pl"]), shares, max_size=6), st.data())
@settings(max_examples=200)
def test_probabilities_add_up_to_one_and_others_keep_their_proportion(
    first: dict[str, float], data: st.DataObject
) -> None:
    total = sum(first.values()) or 1.0
    first = {code: value / total for code, value in first.items()}
    second = {code: data.draw(shares) for code in [*sorted(NEAR), OTHER]}
    found = combined(first, second, NEAR)
    assert set(found) >= NEAR
    assert "sh" not in found
    assert math.isclose(sum(found.values()), 1.0, abs_tol=1e-9)
    english, polish = first.get("en", 0.0), first.get("pl", 0.0)
    if min(english, polish) > 1e-6:
        assert math.isclose(found["en"] / found["pl"], english / polish, rel_tol=1e-6)


def test_a_language_that_is_not_near_is_believed_where_the_second_model_knows_it_is_another() -> None:
    first = {"it": 0.4, "co": 0.35, "es": 0.1}
    near = frozenset(["it", "es"])
    assert best(combined(first, {"it": 0.9, "es": 0.05, OTHER: 0.05}, near))[0] == "it"
    unsure = combined(first, {"it": 0.1, "es": 0.0, OTHER: 0.9}, near)
    assert best(unsure)[0] == "co"
    assert unsure["it"] < 0.2


def test_two_witnesses_that_agree_are_surer_than_one() -> None:
    found = combined({"hr": 0.45, "sr": 0.4}, {"hr": 0.8, "sr": 0.2}, NEAR)
    assert found["hr"] > 0.45 / 0.85
    assert best(found)[0] == "hr"


def test_serbo_croatian_is_no_answer_where_the_second_model_can_say_which() -> None:
    assert best(combined({"sh": 0.9, "hr": 0.03}, {"bs": 0.1, "hr": 0.2, "sr": 0.7}, NEAR))[0] == "sr"


def test_of_equals_the_first_in_the_alphabet_is_best_whatever_their_order() -> None:
    assert best({"sr": 0.5, "hr": 0.5}) == best({"hr": 0.5, "sr": 0.5}) == ("hr", 0.5)
    assert best({}) == ("", 0.0)


def test_the_score_falls_where_the_longest_paragraph_is_in_another_language(page_language: PageLanguage) -> None:
    lines = "\n".join([ENGLISH] * 12)
    language, alone = page_language(lines)
    assert language == "en"
    mixed = page_language(lines + "\n" + GERMAN * 4)
    assert mixed[0] == "en"
    assert mixed[1] < 0.5 < alone


def test_a_line_that_is_little_of_the_page_lowers_its_score_by_little(page_language: PageLanguage) -> None:
    footer = GERMAN + "Alle Rechte vorbehalten."
    page = "\n".join([ENGLISH] * 60)
    language, score = page_language(page + "\n" + footer)
    assert language == "en"
    assert 0.7 < score < page_language(page)[1]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("one line only, however long it is, has nothing that it could disagree with" * 2, False),
        ("a\n" + "word " * 11 + "word", False),  # 59 characters
        ("a b c d\n" * 9 + "word " * 11 + "words", True),  # 60
        ("a b c d\n" * 9 + "x" * 100, False),  # no words
        ("short\n" + ENGLISH * 3, False),  # most of the page
    ],
)
def test_a_paragraph_counts_where_it_is_text_enough_and_not_the_page(text: str, found: bool) -> None:
    assert (longest_paragraph(text) is not None) == found


def test_the_least_paragraph_is_sixty_characters() -> None:
    rest = "a b c d\n" * 30
    assert language_near.LEAST_PARAGRAPH == 60
    for length in (59, 60):
        line = ("word " * 20)[: length - 1] + "x"
        assert (longest_paragraph(rest + line) is None) == (length < 60)


@given(st.text(max_size=200))
def test_the_second_model_reads_lower_case_letters_and_single_spaces(text: str) -> None:
    read = letters(text)
    assert read == read.strip()
    assert "  " not in read
    assert not any(character.isdecimal() or character in "_.,;\n" for character in read)


@given(st.text(max_size=300))
@settings(max_examples=60)
def test_any_text_gives_a_code_and_a_score_of_two_decimals(text: str) -> None:
    language, score = PAGE(text)
    assert 0 <= score <= 1
    assert score == round(score, 2)
    assert (language == "") <= (score == 0)


PAGE = PageLanguage(resolve("lid.176").path, resolve("lid-near").path, 100)
