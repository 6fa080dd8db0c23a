"""Rows of Posts.xml, against a whole XML parser where the file is well-formed, and one by one where it is not."""

from __future__ import annotations

import tracemalloc
from collections.abc import Iterator
from xml.etree import ElementTree
from xml.sax.saxutils import quoteattr

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from curate.sources.stackexchange_rows import Bad, Row, Unreadable, attributes, read_rows

HEAD = b'\xef\xbb\xbf<?xml version="1.0" encoding="utf-8"?>\r\n<posts>\r\n'
GOOD = b'  <row Id="7" Body="&lt;p&gt;fine&lt;/p&gt;&#xA;" />\r\n'


def read(data: bytes, chunk: int = 0, most: int = 1 << 20) -> list[Row | Bad]:
    parts = [data[at : at + chunk] for at in range(0, len(data), chunk)] if chunk else [data]
    return list(read_rows(parts, most))


def found(data: bytes, chunk: int = 0, most: int = 1 << 20) -> list[dict[str, str] | str]:
    """Attributes of good rows, reasons of bad ones."""
    parsed = [attributes(item) if isinstance(item, Row) else item for item in read(data, chunk, most)]
    return [item if isinstance(item, dict) else item.reason for item in parsed]


def test_the_rows_of_a_dump_are_read_and_nothing_else() -> None:
    assert found(HEAD + GOOD + b"</posts>") == [{"Id": "7", "Body": "<p>fine</p>\n"}]
    assert found(HEAD + b"</posts>\n") == []
    assert found(b"<posts><row Id='1'></row><row Id='2'\n/></posts>") == [{"Id": "1"}, {"Id": "2"}]


values = st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Cs"], exclude_characters="\ufffe\uffff"))
rows = st.lists(st.dictionaries(st.sampled_from(["Id", "Body", "Title", "Tags", "Score"]), values, min_size=1))


@settings(max_examples=60, deadline=None)
@given(rows, st.integers(1, 40))
def test_rows_are_those_of_a_whole_parser_whatever_the_chunks(given_rows: list[dict[str, str]], chunk: int) -> None:
    listed = [" ".join(f"{key}={quoteattr(value)}" for key, value in row.items()) for row in given_rows]
    text = "<posts>\n" + "".join(f"  <row {row} />\n" for row in listed) + "</posts>"
    expected = [dict(row.attrib) for row in ElementTree.fromstring(text)]
    assert found(text.encode(), chunk) == expected
    for item in read(text.encode(), chunk):
        assert text.encode()[item.offset :].startswith(b"<row")


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        (b'  <row Id="1" Body="&lt;p" />\r\n', None),
        (b'  <row Id="1" Body="no end />\r\n', "bad_xml"),
        (b'  <row Id="1" Id="2" />\r\n', "bad_xml"),
        (b'  <row Id="1" Body="&nbsp;" />\r\n', "bad_xml"),
        (b'  <row Id="1" Body="&#xD800;" />\r\n', "bad_xml"),
        (b'  <row Id="1" Body="&#0;" />\r\n', "bad_xml"),
        (b'  <row Id="1" Body="\xff\xfe" />\r\n', "bad_xml"),
        (b'  <row Id="1" Body="\xed\xa0\x80" />\r\n', "bad_xml"),
        (b'  <row Id="1" /> and more\r\n', "bad_xml"),
        (b'  <line Id="1" />\r\n', "garbage"),
        (b"  <![CDATA[ x ]]>\r\n", "garbage"),
        (b'  <!-- <row Id="1" /> -->\r\n', None),
    ],
)
def test_a_row_that_is_not_well_formed_costs_no_other(row: bytes, reason: str | None) -> None:
    wanted: list[object] = [{"Id": "7", "Body": "<p>fine</p>\n"}] * 2
    outcome = found(HEAD + GOOD + row + GOOD + b"</posts>")
    if reason is None:
        assert [item for item in outcome if item != {"Id": "1", "Body": "<p"}] == wanted
    else:
        assert outcome == [wanted[0], reason, wanted[1]]


def test_entities_are_not_expanded_since_a_doctype_ends_the_reading() -> None:
    bomb = b'<?xml version="1.0"?><!DOCTYPE posts [<!ENTITY a "ha"><!ENTITY b "&a;&a;">]><posts>' + GOOD + b"</posts>"
    assert found(bomb) == ["doctype"]
    assert found(HEAD + GOOD + b'<!ENTITY x SYSTEM "file:///etc/passwd">' + GOOD) == [
        {"Id": "7", "Body": "<p>fine</p>\n"},
        "doctype",
    ]
    assert found(HEAD + b'<row Id="1" Body="&b;" />' + b"</posts>") == ["bad_xml"]


@pytest.mark.parametrize("data", [b"", b"PK\x03\x04", b"<html><p>no dump</p></html>", b"<users><row /></users>"])
def test_what_is_no_table_of_posts_is_said_to_be_none(data: bytes) -> None:
    assert found(data) == ["not_posts"]


def test_a_file_that_ends_too_early_gives_its_rows_and_says_so() -> None:
    whole = HEAD + GOOD + GOOD
    assert found(whole)[-1] == "truncated"
    assert len(found(whole)) == 3
    cut = found(whole[:-20])
    assert cut[1:] == ["bad_xml", "truncated"]


def test_a_row_of_the_limit_is_read_and_a_longer_one_is_not() -> None:
    row = b'<row Id="1" Body="' + b"x" * 1000 + b'" />'
    assert len(found(HEAD + row + b"</posts>", chunk=64, most=len(row))) == 1
    assert found(HEAD + row + GOOD + b"</posts>", chunk=64, most=len(row) - 70) == [
        "too_large",
        {"Id": "7", "Body": "<p>fine</p>\n"},
    ]


def test_a_line_of_200_megabytes_is_not_held() -> None:
    def chunks() -> Iterator[bytes]:
        yield HEAD + b'<row Id="1" Body="'
        for _ in range(200):
            yield b"x" * (1 << 20)
        yield b'" />' + GOOD + b"</posts>"

    tracemalloc.start()
    outcome = list(read_rows(chunks(), 4 << 20))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert [item.reason for item in outcome if isinstance(item, Bad)] == [Unreadable.TOO_LARGE]
    assert len(outcome) == 2
    assert peak < 16 << 20


@pytest.mark.parametrize(
    ("codec", "label"), [("utf-16", "utf-16"), ("cp1252", "iso-8859-1"), ("koi8-r", "koi8-r"), ("utf-8", "UTF-8")]
)
def test_other_encodings_are_read_as_they_say(codec: str, label: str) -> None:
    word = "лодка" if codec == "koi8-r" else "naïve"
    text = f'<?xml version="1.0" encoding="{label}"?>\n<posts>\n<row Id="1" Title="{word}" />\n</posts>'
    assert found(text.encode(codec), chunk=5) == [{"Id": "1", "Title": word}]


@settings(max_examples=200, deadline=None)
@given(st.lists(st.sampled_from(["<row", " Id='1'", "/>", ">", "<", "<!--", "-->", "x", "</posts>", "&", "\0"])))
def test_nothing_that_a_file_holds_raises(parts: list[str]) -> None:
    data = ("<posts>" + "".join(parts)).encode()
    whole = found(data)
    assert found(data, chunk=3) == whole
