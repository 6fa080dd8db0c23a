"""Telephone numbers are found where it is plain that they are, and rows of digits that are something else are not."""

from __future__ import annotations

import itertools

import phonenumbers
import pytest
from hypothesis import given
from hypothesis import strategies as st

from curate.text.phones import phones
from curate.text.pii import find_pii


def found(text: str) -> list[str]:
    return [text[start:end] for start, end in phones(text)]


@pytest.mark.parametrize(
    ("text", "numbers"),
    [
        ("call 202-555-0123 now", ["202-555-0123"]),
        ("(202) 555-0123 or (202)555-0124", ["(202) 555-0123", "(202)555-0124"]),
        ("1-800-555-0123, 202.555.0123", ["1-800-555-0123", "202.555.0123"]),
        ("+1 202 555 0123 2021", ["+1 202 555 0123"]),
        ("+44 (0)20 7946 0958.", ["+44 (0)20 7946 0958"]),
        ("Santiago (+56 2) 2707 7777", ["(+56 2) 2707 7777"]),
        ("Tel. 030 / 123 45 67, Fax: 030 / 123 45 68", ["030 / 123 45 67", "030 / 123 45 68"]),
        ("Téléphone : 01 23 45 67 89", ["01 23 45 67 89"]),
        ("Тел.: 8 (495) 123-45-67", ["8 (495) 123-45-67"]),
        ("電話:03-1234-5678", ["03-1234-5678"]),
        ("phone 5551234", ["5551234"]),
        ("phone 555123", []),
        ("fax number 020\u00a07946\u00a00958", ["020\u00a07946\u00a00958"]),
    ],
)
def test_numbers_are_found_by_their_country_their_form_or_the_word_before(text, numbers):
    assert found(text) == numbers


@pytest.mark.parametrize(
    "text",
    [
        "202 555 0123",
        "2025550123",
        "1234567890",
        "ISBN 978-0-306-40615-7 and 0-306-40615-2",
        "2020-12-01 12:30:45",
        "$1,234,567.00",
        "16 000 000 people",
        "telephone 1876-1922",
        "in cell 1 2 3 4 5 6 7 8",
        "212-555-0123-44 and 12-212-555-0123",
        "212-555.0123",
        "112-555-0123 and 211-555-0123 and 212-011-0123 and 300-411-0123",
        "order 555-123-4567890",
        "+12025550123x and a+12025550123",
        "+999 12345678",
        "+1 202 555 012",
        "8.8.8.8 255.255.255.0",
        "3.1415926535 8979",
        "40.712776, -74.005974",
        "x202-555-0123",
    ],
)
def test_rows_of_digits_that_are_something_else_are_left(text):
    assert found(text) == []


def test_the_numbers_of_every_country_are_found_in_international_form():
    """As libphonenumber writes its examples; numbers of fewer than eight digits, a few islands', are not looked for."""
    looked_for = 0
    for region in sorted(phonenumbers.SUPPORTED_REGIONS):
        for kind in (phonenumbers.PhoneNumberType.FIXED_LINE, phonenumbers.PhoneNumberType.MOBILE):
            example = phonenumbers.example_number_for_type(region, kind)
            if example is None or len(f"{example.country_code}{example.national_number}") < 8:
                continue
            for form in (phonenumbers.PhoneNumberFormat.INTERNATIONAL, phonenumbers.PhoneNumberFormat.E164):
                written = phonenumbers.format_number(example, form)
                assert found(f"Ask {written}, or write.") == [written]
                looked_for += 1
    assert looked_for > 900


@pytest.mark.parametrize("code", sorted({str(code) for code in phonenumbers.COUNTRY_CODE_TO_REGION_CODE}))
def test_every_country_code_is_known(code):
    assert found(f"+{code} 234 567 8901")


@given(st.text(alphabet="+(12345 08)-./x\u00a0tel", max_size=120))
def test_numbers_are_in_order_do_not_overlap_and_have_seven_to_sixteen_digits(text):
    spans = list(phones(text))
    assert all(left[1] <= right[0] for left, right in itertools.pairwise(spans))
    for start, end in spans:
        digits = sum(character.isdigit() for character in text[start:end])
        assert 7 <= digits <= 16, text[start:end]


@pytest.mark.parametrize("text", ["1" * 300_000, "1 " * 200_000, "(((1" * 50_000, "+1-" * 50_000, "tel " * 50_000])
def test_rows_without_end_are_no_numbers(text):
    assert found(text) == []


def test_a_number_in_an_email_or_ip_address_is_part_of_it():
    text = "202-555-0123@example.org, Tel. 8.8.8.8, call 202-555-0123"
    assert [(text[span.start : span.end], span.kind) for span in find_pii(text)] == [
        ("202-555-0123@example.org", "email"),
        ("8.8.8.8", "ip"),
        ("202-555-0123", "phone"),
    ]
