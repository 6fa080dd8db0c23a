"""CCNet's least length after deduplication (cc_net mine.py: min_len 300)."""

from __future__ import annotations

import pytest

from curate.text.page import Page
from filters.ccnet_length import CCNetLength, CCNetLengthConfig


@pytest.mark.parametrize(("characters", "kept"), [(299, False), (300, True)])
def test_300_characters_are_kept_and_299_are_not(characters: int, kept: bool) -> None:
    rule = CCNetLength(CCNetLengthConfig())
    measured = rule.measure(Page("é\n" * (characters // 2) + "x" * (characters % 2)))
    assert measured == {"characters": characters}
    verdict = rule.decide(measured)
    assert (verdict is None) == kept
    if verdict:
        assert (verdict.reason, verdict.threshold) == ("ccnet_length.too_short", 300)
