"""The licence gate: by expression, for any source, with documents of no licence as the user says."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from curate.text.page import Page
from filters.licence import Licence, LicenceConfig


def reason(licence: str, **settings) -> str | None:
    gate = Licence(LicenceConfig(**settings))
    verdict = gate.decide(gate.measure(Page("some text", licence=licence)))
    return verdict and verdict.reason


def test_documents_without_a_licence_go_unless_the_user_keeps_them():
    assert reason("") == reason("all rights reserved") == "licence.unknown"
    assert reason("", keep=("known", "unknown")) is None
    assert reason("all rights reserved", keep=["known", "unknown"], allow=["MIT"]) is None


def test_a_known_licence_stays_where_nothing_is_asked_for():
    assert reason("CC-BY-SA-4.0") is None


def test_only_allowed_licences_stay():
    assert reason("MIT", allow=["MIT", "BSD-*"]) is None
    assert reason("BSD-2-Clause AND MIT", allow=["MIT", "BSD-*"]) is None
    assert reason("GPL-3.0-only", allow=["MIT", "BSD-*"]) == "licence.not_allowed"
    assert reason("MIT", allow=[]) == "licence.not_allowed"


def test_denied_licences_go_though_they_are_allowed():
    assert reason("CC-BY-NC-4.0", allow=["CC-*"], deny=["*-NC-*"]) == "licence.denied"
    assert reason("CC-BY-4.0", allow=["CC-*"], deny=["*-NC-*"]) is None


def test_known_documents_alone_can_be_dropped():
    assert reason("MIT", keep=["unknown"]) == "licence.unknown"


def test_the_verdict_says_what_was_found_and_what_was_asked_for():
    gate = Licence(LicenceConfig(allow=("MIT",)))
    verdict = gate.decide(gate.measure(Page("text", licence="GPL-3.0-only")))
    assert str(verdict) == "licence.not_allowed: expression = 'GPL-3.0-only', kept when in ('MIT',)"


def test_thresholds_measure_nothing_anew():
    assert Licence(LicenceConfig(allow=("MIT",))).measuring() == Licence(LicenceConfig(deny=("GPL-*",))).measuring()


@pytest.mark.parametrize("names", [["MIT OR BSD-2-Clause"], ["M I T"], [""], ["MIT,BSD"]])
def test_a_list_that_names_no_licences_is_the_users_mistake(names):
    with pytest.raises(ValidationError, match="one licence an entry"):
        LicenceConfig(allow=names)
