"""CCNet's normal forms and hash, against the definition read straight from the paper's code, a line at a time."""

from __future__ import annotations

import hashlib
import re
import struct
import unicodedata

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from curate.text.ccnet import PUNCTUATION, line_hashes, lines_for_model, normalize_for_dedup, normalize_for_model

CONTROL = {chr(point) for point in [*range(0, 32), *range(127, 160)]}
# Characters the forms treat specially, and some that lower-casing or decomposing makes longer or context-dependent.
SPECIAL = (
    "".join(PUNCTUATION) + "İΣςßÀé٣३７𝟗\u0301\u0338\u00a0\u2028\x00\x1f\x7f\x85\t\r\n 1aZ\U000e0100\ud800\U0001f600"
)
text_lines = st.lists(st.text(st.one_of(st.sampled_from(SPECIAL), st.characters()), max_size=30), max_size=8)


def one_by_one(line: str, accents: bool, punctuation: dict[str, str]) -> str:
    line = line.strip().lower()
    if accents:
        line = "".join(c for c in unicodedata.normalize("NFD", line) if unicodedata.category(c) != "Mn")
    line = re.sub(r"\d", "0", line)
    line = "".join(punctuation.get(c, c) for c in line)
    return "".join(c for c in line if c not in CONTROL)


def deleting() -> dict[str, str]:
    return dict.fromkeys(PUNCTUATION, "")


@given(text_lines, st.booleans())
def test_many_lines_at_once_have_the_form_each_has_alone(lines: list[str], accents: bool) -> None:
    wanted = [one_by_one(line, accents, deleting()) for line in lines]
    digests = [hashlib.sha1(form.encode("utf-8", "surrogatepass")).digest() for form in wanted]
    assert line_hashes(lines, accents).tolist() == [struct.unpack("<Q", digest[:8])[0] for digest in digests]
    assert [normalize_for_dedup(line, accents) for line in lines] == wanted


@given(text_lines)
def test_the_model_form_of_many_lines_is_that_of_each(lines: list[str]) -> None:
    assert lines_for_model(lines) == [one_by_one(line, True, PUNCTUATION) for line in lines]


def test_there_are_34_marks() -> None:
    assert len(PUNCTUATION) == 34


@pytest.mark.parametrize(
    ("line", "form"),
    [
        ("  Hello  World\t", "hello  world"),
        ("In 1984, 12:30", "in 0000, 00:00"),  # ASCII marks stay
        ("٣ apples", "0 apples"),  # every Unicode digit
        ("x²", "x²"),  # a superscript is not a decimal digit
        ("“quoted” — a…b", "quoted  ab"),
        ("a\x00b\x1fc\x7fd\x9fe", "abcde"),
        ("a\xa0b", "a\xa0b"),  # 160 is past the control characters
        ("", ""),
    ],
)
def test_dedup_form(line: str, form: str) -> None:
    assert normalize_for_dedup(line) == form


def test_accents_stay_as_in_the_code_and_go_where_the_paper_is_followed() -> None:
    assert normalize_for_dedup("Hèllo") == "hèllo"
    assert normalize_for_dedup("Hèllo", accents=True) == "hello"


def test_model_form_writes_marks_in_ascii() -> None:
    assert normalize_for_model("«Élan» — a…b．（９％）") == '"elan" - a...b. (0%)'.replace('" - ', '"  -  ')


def test_full_width_one_becomes_zero_although_the_table_makes_it_a_quote() -> None:
    assert PUNCTUATION["１"] == '"'
    assert normalize_for_model("１") == "0"
    assert normalize_for_dedup("１") == "0"


def test_hash_is_the_first_eight_bytes_of_sha1_read_little_endian() -> None:
    # sha1("hello") = aaf4c61ddcc5e8a2 dabede0f3b482cd9aea9434d
    assert line_hashes([" Hello "]).tolist() == [0xA2E8C5DC1DC6F4AA]
    assert line_hashes(["Hello"]).dtype == np.uint64
    assert line_hashes([]).shape == (0,)
