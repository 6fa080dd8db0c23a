"""mC4's rules at their boundaries (Xue et al. 2021, §3.1; tensorflow_datasets/text/c4_utils.py)."""

import sys

import pytest

from curate.errors import UserError
from curate.text.page import Page
from filters.mc4 import MC4, MC4Config


def reason(text: str, **config: bool) -> str | None:
    filter = MC4(MC4Config(**config))
    verdict = filter.decide(filter.measure(Page(text)))
    return verdict.rule.reason if verdict else None


def test_three_lines_of_200_characters_are_enough() -> None:
    """§3.1: "contain at least three lines of text with 200 or more characters"."""
    assert reason("\n".join(["x" * 200] * 3)) is None
    assert reason("\n".join(["x" * 200] * 2 + ["x" * 199])) == "few_long_lines"
    assert reason("\n".join(["x" * 200] * 2)) == "few_long_lines"
    assert reason("") == "few_long_lines"


def test_the_language_must_be_95_percent_sure_where_it_is_measured() -> None:
    """§3.1: "less than 95% confidence" is dropped."""
    filter = MC4(MC4Config())
    assert filter.decide({"long_lines": 3, "cld3_language": "en", "cld3_score": 0.95}) is None
    verdict = filter.decide({"long_lines": 3, "cld3_language": "en", "cld3_score": 0.949})
    assert verdict is not None
    assert verdict.rule.reason == "language"
    assert filter.decide({"long_lines": 3, "cld3_language": None, "cld3_score": None}) is None


def test_cld3_names_the_language() -> None:
    pytest.importorskip("gcld3", reason="cld3 is optional")
    filter = MC4(MC4Config(cld3=True))
    filter.load()
    line = "Das Wetter war schön, und die Kinder spielten im Garten, bis endlich der Abend kam. " * 3
    measured = filter.measure(Page("\n".join([line] * 3)))
    assert measured["cld3_language"] == "de"
    assert float(measured["cld3_score"] or 0) >= 0.95
    assert filter.measure(Page("\ud800\x00"))["cld3_score"] == 0.0


def test_asking_for_cld3_without_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "gcld3", None)
    with pytest.raises(UserError, match="pip install cld3-py"):
        MC4(MC4Config(cld3=True)).load()
    MC4(MC4Config()).load()
