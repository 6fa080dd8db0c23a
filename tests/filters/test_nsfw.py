"""The classifier and the word list for pages that are not safe for work; the thresholds are this project's own."""

from __future__ import annotations

import pytest

from curate.models.fasttext_model import plain_words
from curate.text.page import Page
from filters.nsfw import Nsfw, NsfwConfig

ORDINARY = (
    "The council agreed on Tuesday to repair the old bridge before winter. Work begins in the first week of October, "
    "and buses will be sent round by the mill until it is done."
)
ADULT = "Hot naked girls live on webcam! Watch horny sluts strip nude for you. Free porn, free sex chat, big boobs."
HATEFUL = "you stupid bitch, shut the fuck up, all of you are dumb ass faggots and retards, nobody likes you bitches"


@pytest.fixture(scope="module")
def nsfw() -> Nsfw:
    made = Nsfw(NsfwConfig())
    made.load()
    return made


@pytest.mark.parametrize("text", [ADULT, HATEFUL])
def test_adult_and_hateful_text_is_dropped_by_either_measure(nsfw: Nsfw, text: str) -> None:
    measured = nsfw.measure(Page(text, language="en"))
    for spared in ("max_probability", "max_listed_words"):
        assert Nsfw(NsfwConfig.model_validate({spared: None})).decide(measured) is not None
    verdict = nsfw.decide(measured)
    assert verdict is not None
    assert verdict.reason == "nsfw.classifier"


@pytest.mark.parametrize(
    "text",
    [
        ORDINARY,
        "A lesbian couple and their Muslim neighbours, an elderly Jewish man and a deaf Mexican woman run the shop.",
        "The patient was examined for breast cancer; sex and age were recorded at the clinic with her consent, and "
        "the results were discussed with the family doctor during the following week.",
    ],
)
def test_ordinary_text_is_kept(nsfw: Nsfw, text: str) -> None:
    measured = nsfw.measure(Page(text, language="en"))
    probability = measured["probability"]
    assert isinstance(probability, float)
    assert probability < 0.5


def test_listed_words_are_counted_a_word(nsfw: Nsfw) -> None:
    text = "porn " + "tulip " * 49
    assert nsfw.measure(Page(text, language="en"))["listed_words"] == pytest.approx(1 / 50)


@pytest.mark.parametrize(
    ("measured", "reason"),
    [
        ({"probability": 0.5, "listed_words": 0.02}, None),
        ({"probability": 0.5001, "listed_words": 0.0}, "nsfw.classifier"),
        ({"probability": 0.0, "listed_words": 0.0201}, "nsfw.listed_words"),
        ({"probability": None, "listed_words": None}, None),
    ],
)
def test_both_thresholds_are_kept_and_anything_above_is_dropped(
    nsfw: Nsfw, measured: dict[str, float | None], reason: str | None
) -> None:
    verdict = nsfw.decide(measured)
    assert (verdict.reason if verdict else None) == reason


def test_the_list_is_that_of_the_pages_language(nsfw: Nsfw) -> None:
    german = nsfw.measure(Page("Das ist arschloch und mehr davon hier.", language="de"))
    assert german["probability"] is None
    assert german["listed_words"] == pytest.approx(1 / 7)
    assert nsfw.measure(Page("Das ist arschloch.", language="en"))["listed_words"] == 0


def test_words_of_a_script_without_spaces_are_two_characters(nsfw: Nsfw) -> None:
    # オナニー is on the Japanese list
    measured = nsfw.measure(Page("オナニー" + "花" * 96, language="ja"))
    assert measured["listed_words"] == pytest.approx(1 / 50)


def test_a_language_without_model_and_list_is_not_measured_and_kept(nsfw: Nsfw) -> None:
    measured = nsfw.measure(Page("Aeg on kallis.", language="et"))
    assert measured == {"probability": None, "listed_words": None}
    assert nsfw.decide(measured) is None


@pytest.mark.parametrize("text", ["", "\n", "\ud800", "a\x00b", "x" * 100_000])
def test_hostile_text_is_measured(nsfw: Nsfw, text: str) -> None:
    listed = nsfw.measure(Page(text, language="en"))["listed_words"]
    assert isinstance(listed, float)


def test_the_classifier_reads_lower_case_words_without_punctuation(nsfw: Nsfw) -> None:
    assert plain_words("Free PORN!!! (now)").split() == ["free", "porn", "now"]
    shouted = nsfw.measure(Page(ADULT.upper(), language="en"))["probability"]
    assert shouted == nsfw.measure(Page(ADULT, language="en"))["probability"]
