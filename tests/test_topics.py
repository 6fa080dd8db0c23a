"""Which topic a document is of: the first whose conditions all hold, at each bound."""

from __future__ import annotations

import math

import pytest
from pydantic import ValidationError

from curate.manifest import Tokens
from curate.topics import Condition, source_of, topic_of, unknown_measurements


def topics(**stated):
    return Tokens.model_validate({"topics": stated}).topics


@pytest.mark.parametrize(
    ("condition", "holds", "fails"),
    [
        ({"min": 0.5}, [0.5, 1.0, 3], [0.4999, -1, None, math.nan, "0.7"]),
        ({"max": 0.5}, [0.5, 0, -2], [0.5001, None, math.nan, "a"]),
        ({"min": 1, "max": 2}, [1, 1.5, 2], [0.99, 2.01]),
        ({"one_of": ["en", "de"]}, ["en", "de"], ["fr", "", None]),
        ({"none_of": ["en"]}, ["fr", ""], ["en", None]),
        ({"one_of": ["a", "b"], "none_of": ["b"]}, ["a"], ["b", "c"]),
    ],
)
def test_a_condition_holds_up_to_its_bounds_and_never_without_a_measurement(condition, holds, fails) -> None:
    made = Condition.model_validate(condition)
    assert [made.holds(value) for value in holds] == [True] * len(holds)
    assert [made.holds(value) for value in fails] == [False] * len(fails)


def test_the_first_topic_all_of_whose_conditions_hold_is_taken() -> None:
    stated = topics(
        multilingual={"language.language": {"none_of": ["en"]}},
        code={"classifiers.code": {"min": 0.5}, "classifiers.maths": {"max": 0.5}},
        maths={"classifiers.maths": {"min": 0.5}},
    )
    row = {"language.language": "en", "classifiers.code": 0.9, "classifiers.maths": 0.6}
    assert topic_of(stated, row) == "maths"
    assert topic_of(stated, {**row, "classifiers.maths": 0.5}) == "code"
    assert topic_of(stated, {**row, "language.language": "fr"}) == "multilingual"
    assert topic_of(stated, {"language.language": "en"}) is None
    assert topic_of({}, row) is None


def test_a_topic_without_conditions_is_for_the_rest() -> None:
    assert topic_of(topics(few={"a.b": {"min": 1}}, rest={}), {"a.b": 0}) == "rest"


def test_a_topic_names_a_source_of_its_own() -> None:
    assert source_of("crawl", "maths") == "crawl-maths"
    assert source_of("crawl", None) == "crawl"


@pytest.mark.parametrize("stated", [{"a": {"x.y": {}}}, {"A!": {}}, {"a-b": {}}, {"a": {"x.y": {"most": 1}}}])
def test_a_topic_that_says_nothing_or_is_misspelt_is_refused(stated) -> None:
    with pytest.raises(ValidationError):
        topics(**stated)


def test_a_measurement_that_nobody_takes_is_found() -> None:
    assert unknown_measurements(topics(a={"x.y": {"min": 1}, "x.z": {"min": 1}}), ["x.y"]) == [("a", "x.z")]


def test_a_page_of_which_all_of_some_conditions_hold_passes_a_filter_whatever_it_measures() -> None:
    from filters.quality import Quality, QualityConfig
    from pipelines.chain import decide

    unless = [
        {"classifiers.maths": {"min": 0.5}, "language.language": {"one_of": ["en"]}},
        {"nsfw.probability": {"max": 0}},
    ]
    strict = Quality(QualityConfig())
    lenient = Quality(QualityConfig.model_validate({"unless": unless}))
    row = {"quality.wiki": 0.1, "classifiers.maths": 0.5, "language.language": "en", "nsfw.probability": 0.3}
    assert decide([strict], row) is not None
    assert decide([lenient], row) is None
    assert decide([lenient], {**row, "classifiers.maths": 0.49}) is not None
    assert decide([lenient], {**row, "language.language": "de"}) is not None
    assert decide([lenient], {**row, "language.language": "de", "nsfw.probability": 0.0}) is None
    assert strict.measuring() == lenient.measuring(), "it decides, and measures nothing anew"


def test_a_filter_let_off_by_what_nothing_measures_is_one_line() -> None:
    from curate.errors import UserError
    from pipelines.chain import build_chain, check_topics

    chain = build_chain({"quality": {"unless": [{"quality.wicki": {"min": 1}}]}}, "manifest")
    with pytest.raises(
        UserError, match=r"filters.quality.unless.0: no filter measures 'quality.wicki'.*'quality.wiki'"
    ):
        check_topics({}, chain, "manifest")
