"""CCNet's language rule (Wenzek et al. 2019; cc_net mine.py: lang_threshold 0.5, score rounded to 2 decimals)."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from curate.models.fasttext_model import FastTextModel
from curate.models.language_id import windows
from curate.models.registry import resolve
from curate.text.page import Page
from filters.filter import Value, Verdict
from filters.language import Language, LanguageConfig

TEXTS = {
    "en": "The ferry leaves the island every morning at seven,\nand the last one returns before it is dark.",
    "de": "Die Fähre verlässt die Insel jeden Morgen um sieben,\nund die letzte kommt zurück, bevor es dunkel wird.",
    "fr": "Le bateau quitte l'île chaque matin à sept heures,\net le dernier revient avant la nuit.",
    "ru": "Паром отходит от острова каждое утро в семь часов,\nа последний возвращается до темноты.",
    "ja": "フェリーは毎朝七時に島を出て、\n最終便は暗くなる前に戻ってきます。",
    "ar": "تغادر العبارة الجزيرة كل صباح في الساعة السابعة،\nوتعود الأخيرة قبل حلول الظلام.",
}


@pytest.fixture(scope="module")
def language() -> Language:
    made = Language(LanguageConfig())
    made.load()
    return made


def decide(measured: dict[str, Value], **settings: object) -> Verdict | None:
    return Language(LanguageConfig.model_validate(settings)).decide(measured)


@pytest.mark.parametrize("code", sorted(TEXTS))
def test_the_language_of_plain_prose_is_found(language: Language, code: str) -> None:
    measured = language.measure(Page(TEXTS[code]))
    assert measured["language"] == code
    assert language.decide(measured) is None


def test_newlines_are_read_as_spaces_and_the_score_has_two_decimals(language: Language) -> None:
    text = TEXTS["de"] + "\nHello there."
    [(probability, label)] = FastTextModel(resolve("lid.176").path)._model.f.predict(
        text.replace("\n", " ") + "\n", 1, 0.0, "strict"
    )
    assert language.measure(Page(text)) == {"language": label.removeprefix("__label__"), "score": round(probability, 2)}


@pytest.mark.parametrize(("score", "kept"), [(0.49, False), (0.5, True), (0.51, True)])
def test_a_score_of_one_half_is_kept_and_one_below_is_not(score: float, kept: bool) -> None:
    verdict = decide({"language": "en", "score": score})
    assert (verdict is None) == kept
    if verdict:
        assert (verdict.reason, verdict.value, verdict.threshold) == ("language.low_score", score, 0.5)


def test_the_threshold_is_the_manifests() -> None:
    assert decide({"language": "en", "score": 0.64}, min_score=0.65) is not None
    assert decide({"language": "en", "score": 0.1}, min_score=None) is None


def test_only_the_languages_asked_for_are_kept() -> None:
    assert decide({"language": "de", "score": 0.99}, keep=["de", "en"]) is None
    verdict = decide({"language": "fr", "score": 0.99}, keep=["de", "en"])
    assert verdict is not None
    assert verdict.reason == "language.not_kept_language"
    assert decide({"language": "fr", "score": 0.99}) is None


@pytest.mark.parametrize("text", ["", "\n \n"])
def test_a_text_without_a_word_has_no_language(language: Language, text: str) -> None:
    measured = language.measure(Page(text))
    assert measured == {"language": "", "score": 0.0}
    verdict = language.decide(measured)
    assert verdict is not None
    assert verdict.reason == "language.low_score"


@pytest.mark.parametrize("text", ["\ud800", "a\x00b", "\ud83d\ude00 hello", "\u200b" * 50, "x" * 100_000, "1 2 3"])
def test_hostile_text_is_measured(language: Language, text: str) -> None:
    score = language.measure(Page(text))["score"]
    assert isinstance(score, float)
    assert 0 <= score <= 1


def test_eight_windows_from_start_to_end_of_a_long_text_are_read() -> None:
    text = "".join(letter * 100 for letter in "abcdefgh")
    read = windows(text, 80).split(" ")
    assert [len(window) for window in read] == [10] * 8
    assert (read[0], read[-1]) == ("a" * 10, "h" * 10)
    assert windows(text, 800) == text
    assert windows(text, None) == text
    assert len(windows(text[:81], 80).split(" ")) == 8


def test_a_long_text_is_judged_by_what_is_read_and_whole_when_asked() -> None:
    english, russian = TEXTS["en"] + "\n", TEXTS["ru"] + "\n"
    mixed = english * 20 + russian * 400 + english * 20
    sampled, whole = Language(LanguageConfig()), Language(LanguageConfig(sample_characters=None))
    assert whole.measure(Page(mixed))["language"] == "ru"
    one_line = TEXTS["en"].replace("\n", " ") * 2000
    assert sampled.measure(Page(one_line)) == whole.measure(Page(windows(one_line, 2000)))
    assert sampled.measure(Page(english))["language"] == whole.measure(Page(english))["language"] == "en"


@pytest.mark.parametrize("text", [*TEXTS.values(), TEXTS["en"] * 90 + TEXTS["ru"] * 90, "Tko to zna?", "x" * 9000])
def test_compat_ccnet_is_the_models_first_answer_on_the_whole_text_and_nothing_else(text: str) -> None:
    config = LanguageConfig.model_validate({"compat": "ccnet"})
    assert (config.neighbours, config.paragraph, config.sample_characters) == (None, False, None)
    assert Language(config).models() == ["lid.176"]
    top = FastTextModel(resolve("lid.176").path).top(text)
    assert top is not None
    assert Language(config).measure(Page(text)) == {"language": top[0], "score": round(top[1], 2)}


def test_compat_ccnet_sets_only_what_is_not_set_beside_it() -> None:
    config = LanguageConfig.model_validate({"compat": "ccnet", "sample_characters": 4000, "paragraph": True})
    assert (config.neighbours, config.paragraph, config.sample_characters) == (None, True, 4000)


def test_a_page_half_in_another_language_falls_below_the_threshold_and_does_not_as_ccnet_has_it() -> None:
    page = Page("\n".join([TEXTS["de"].replace("\n", " ")] * 8 + [" ".join([TEXTS["en"].replace("\n", " ")] * 4)]))
    agreed, ccnet = Language(LanguageConfig()), Language(LanguageConfig.model_validate({"compat": "ccnet"}))
    measured = agreed.measure(page)
    assert measured["language"] == ccnet.measure(page)["language"] == "de"
    assert agreed.decide(measured) is not None
    assert ccnet.decide(ccnet.measure(page)) is None


def test_it_names_its_model_and_refuses_a_threshold_past_one() -> None:
    assert Language(LanguageConfig()).models() == ["lid.176", "lid-near"]
    assert Language(LanguageConfig(neighbours=None)).models() == ["lid.176"]
    with pytest.raises(ValidationError):
        LanguageConfig(min_score=1.5)
