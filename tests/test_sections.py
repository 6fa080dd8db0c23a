"""Sizes as people write them, and the key that was meant."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from curate.sections import ExtractSection, nearest

UNITS = {"": 1, "b": 1, "kb": 2**10, "mb": 2**20, "gb": 2**30}
NO_SIZES = [0, -1, "0", "0 KB", "-1KB", "1.5MB", "KB", "", "1 TB", "1KBB", "one", "²MB", None, [1]]


def size(value: object) -> int:
    return ExtractSection.model_validate({"range_bytes": value}).range_bytes


@given(st.integers(1, 10**6), st.sampled_from(list(UNITS)), st.sampled_from(["", " "]), st.booleans())
def test_a_size_is_a_number_and_a_unit_of_1024(number: int, unit: str, space: str, capitals: bool) -> None:
    written = f"{number}{space}{unit}"
    assert size(written.upper() if capitals else written) == number * UNITS[unit]
    assert size(number) == number
    assert size(f" {number:_}{unit}") == number * UNITS[unit]


@pytest.mark.parametrize(
    "value", [0, -1, "0", "0 KB", "-1KB", "1.5MB", "KB", "", "1 TB", "1KBB", "one", None, [1], "²MB"]
)
def test_what_is_no_size_is_refused(value: object) -> None:
    with pytest.raises(ValidationError, match="range_bytes"):
        size(value)


def test_an_unknown_key_is_refused() -> None:
    with pytest.raises(ValidationError, match="range_byte"):
        ExtractSection.model_validate({"range_byte": 1})


def test_the_nearest_name_is_told_or_all_of_them() -> None:
    assert nearest("langauge", ["language", "licence", "nsfw"]) == " (did you mean 'language'?)"
    assert nearest("zzz", ["licence", "language"]) == " (known: language, licence)"
    assert nearest("zzz", []) == ""
