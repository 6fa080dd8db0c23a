"""From a record to a document, or the reason why it is none."""

import gzip
import hashlib
import os
from pathlib import Path

import pytest

from curate.document import Document, document_id, text_digest
from curate.errors import SetAside
from curate.sources.commoncrawl import MAX_PAGE_BYTES, Drop, Dropped, document_from_record, normal_date, target_url
from curate.sources.warc import RawRecord, read_range

REAL = Path(os.environ.get("CURATE_REAL_DATA", Path(__file__).parents[3] / "shared" / "data")) / "cc"
needs_real = pytest.mark.skipif(not REAL.is_dir(), reason="no real crawl captures here (CURATE_REAL_DATA)")

TEXT = "This paragraph has enough words in it to be taken for the main content of the page by any heuristic."
HTML = f"<html lang=en><head><title>A title</title></head><body><main><p>{TEXT}</p></main></body></html>".encode()


def raw(body: bytes, kind: str = "response", **headers: str) -> RawRecord:
    fields = {
        "warc-target-uri": "http://example.org/page",
        "warc-date": "2020-12-01T03:04:05Z",
        "content-type": "application/http; msgtype=response" if kind == "response" else "text/plain",
    }
    fields.update({name.replace("_", "-"): value for name, value in headers.items()})
    return RawRecord(7, 2, kind, fields, body)


def http(body: bytes = HTML, content_type: str | None = "text/html", status: int = 200, *lines: str) -> bytes:
    head = [f"HTTP/1.1 {status} X", *([f"Content-Type: {content_type}"] if content_type is not None else []), *lines]
    return "\r\n".join([*head, "", ""]).encode() + body


def test_a_page_becomes_a_document_with_its_place_and_what_it_declares():
    document = document_from_record(raw(http()), "a/file.warc.gz")
    assert document == Document(
        id=document_id("commoncrawl", "a/file.warc.gz", 7, 2),
        source="commoncrawl",
        url="http://example.org/page",
        title="A title",
        text=TEXT,
        date="2020-12-01T03:04:05Z",
        language_declared="en",
        licence="",
        metadata="",
        digest=text_digest(TEXT),
        file="a/file.warc.gz",
        offset=7,
        index=2,
    )


def test_a_wet_record_is_its_text_with_the_language_as_written():
    record = raw(b"Titel\n\n\nText  \n", "conversion", warc_identified_content_language="deu,eng")
    document = document_from_record(record, "f")
    assert (document.text, document.title, document.language_declared) == ("Titel\n\nText", "", "deu,eng")


@pytest.mark.parametrize("kind", ["request", "metadata", "warcinfo", "revisit", "resource", "continuation", "x"])
def test_other_records_are_no_pages(kind):
    dropped = document_from_record(raw(HTML, kind), "f")
    assert (dropped.reason, dropped.detail) == (Drop.NOT_A_PAGE, kind)


def test_a_response_that_is_not_http_is_no_page():
    assert document_from_record(raw(b"example.org IN A", content_type="text/dns"), "f").reason is Drop.NOT_A_PAGE


@pytest.mark.parametrize(
    ("status", "kept"), [(199, False), (200, True), (203, True), (299, True), (300, False), (404, False)]
)
def test_status_2xx_is_kept(status, kept):
    found = document_from_record(raw(http(status=status)), "f")
    assert isinstance(found, Document) if kept else (found.reason, found.detail) == (Drop.STATUS, str(status))


@pytest.mark.parametrize(
    ("content_type", "kept"),
    [
        ("text/html", True),
        ("TEXT/HTML; charset=utf-8", True),
        ("application/xhtml+xml", True),
        ("text/plain", True),
        (None, True),
        ("", True),
        ("application/json", False),
        ("image/png", False),
        ("text/css", False),
    ],
)
def test_html_and_plain_text_are_kept(content_type, kept):
    found = document_from_record(raw(http(content_type=content_type)), "f")
    assert isinstance(found, Document) if kept else found.reason is Drop.CONTENT_TYPE


def test_a_missing_content_type_is_told_from_the_bytes():
    assert document_from_record(raw(http(HTML, None)), "f").text == TEXT
    assert document_from_record(raw(http(b"plain text < 3 lines", None)), "f").text == "plain text < 3 lines"
    assert document_from_record(raw(http(b"\x89PNG\r\n\x1a\n\0\0\0", None)), "f").reason is Drop.CONTENT_TYPE


def test_plain_text_is_taken_as_it_is():
    document = document_from_record(raw(http(b"<b>not bold</b>\n  indented", "text/plain")), "f")
    assert document.text == "<b>not bold</b>\n  indented"
    assert document_from_record(raw(http(b"\x89PNG\0\0\1", "text/plain")), "f").reason is Drop.CONTENT_TYPE


@pytest.mark.parametrize("body", [b"", b" \r\n", b"<html><body></body></html>", b"<script>x()</script>"])
def test_a_page_without_text_is_empty(body):
    assert document_from_record(raw(http(body)), "f").reason is Drop.EMPTY


def test_robots_drop_a_page_only_where_asked():
    meta = HTML.replace(b"<head>", b"<head><meta name=robots content='noai, nofollow'>")
    tagged = http(HTML, "text/html", 200, "X-Robots-Tag: none")
    for record in (raw(http(meta)), raw(tagged)):
        assert isinstance(document_from_record(record, "f"), Document)
        assert isinstance(document_from_record(record, "f", robots=frozenset({"noimageai"})), Document)
    dropped = document_from_record(raw(http(meta)), "f", robots=frozenset({"noai", "noindex"}))
    assert (dropped.reason, dropped.detail) == (Drop.ROBOTS, "noai")
    dropped = document_from_record(raw(tagged), "f", robots=frozenset({"noai", "noindex"}))
    assert (dropped.reason, dropped.detail) == (Drop.ROBOTS, "noindex")


def test_a_blocked_url_is_dropped_with_its_reason_wet_or_not():
    def blocked(url: str) -> str | None:
        return "word: page" if "page" in url else None

    for record in (raw(http()), raw(b"text", "conversion")):
        assert document_from_record(record, "f", blocked=blocked) == Dropped(
            Drop.URL_BLOCKED, "word: page", "http://example.org/page"
        )
    other = raw(http(), warc_target_uri="http://example.org/other")
    assert isinstance(document_from_record(other, "f", blocked=blocked), Document)


def test_the_largest_page_is_kept_and_one_byte_more_dropped():
    body = b"x" * MAX_PAGE_BYTES
    assert isinstance(document_from_record(raw(http(body, "text/plain")), "f"), Document)
    assert document_from_record(raw(http(body + b"x", "text/plain")), "f").reason is Drop.TOO_LARGE


@pytest.mark.parametrize(
    ("block", "reason"),
    [
        (b"no http at all", "bad_http"),
        (http(b"\0\1\2\3" * 9, "text/html", 200, "Content-Encoding: gzip"), "bad_encoding"),
        (http(gzip.compress(b"\0" * (65 << 20)), "text/html", 200, "Content-Encoding: gzip"), "bomb"),
        (http(b"<div>" * 100_000 + b"x"), "too_deep"),
    ],
)
def test_what_cannot_be_read_is_set_aside(block, reason):
    found = document_from_record(raw(block), "f")
    assert isinstance(found, SetAside)
    assert (found.file, found.offset, found.reason) == ("f", 7, reason)
    assert "\n" not in found.detail


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("2020-12-01T03:04:05Z", "2020-12-01T03:04:05Z"),
        ("2020-12-01T03:04:05.123456789Z", "2020-12-01T03:04:05Z"),
        ("2020-12-01T03:04Z", "2020-12-01T03:04:00Z"),
        ("2020-12-01", "2020-12-01T00:00:00Z"),
        ("2020-12-01T03:04:05+00:00", "2020-12-01T03:04:05Z"),
        ("20201201030405", "2020-12-01T03:04:05Z"),
        (" 2020-12-01T03:04:05Z ", "2020-12-01T03:04:05Z"),
        ("2020-13-01T03:04:05Z", ""),
        ("2020-12-01T24:04:05Z", ""),
        ("yesterday", ""),
        ("", ""),
    ],
)
def test_dates_of_all_versions_become_one_form(value, expected):
    assert normal_date(value) == expected


@pytest.mark.parametrize(
    ("value", "expected"),
    [("<http://a/>", "http://a/"), ("http://a/", "http://a/"), ("http://a/ b\n", "http://a/ b"), ("", "")],
)
def test_the_target_uri_loses_its_angle_brackets(value, expected):
    assert target_url(raw(b"", warc_target_uri=value)) == expected


@pytest.mark.realdata
@needs_real
@pytest.mark.parametrize("path", sorted(REAL.glob("*.gz")) if REAL.is_dir() else [], ids=lambda path: path.name)
def test_every_real_record_is_a_document_or_says_why_not(path):
    for record in read_range(str(path), path.name, 0, None):
        assert isinstance(record, RawRecord)
        found = document_from_record(record, path.name)
        assert isinstance(found, Document | Dropped), found
        if isinstance(found, Document):
            assert found.text.strip()
            assert "\ufffd" not in found.text[:200] or found.text.count("\ufffd") < len(found.text) / 20
            assert len(found.date) == 20
            assert found.url


@pytest.mark.realdata
@needs_real
def test_the_warc_and_the_wet_of_one_real_page_agree():
    def only(name: str) -> Document:
        records = read_range(str(REAL / name), name, 0, None)
        documents = [document_from_record(record, name) for record in records if isinstance(record, RawRecord)]
        [document] = [document for document in documents if isinstance(document, Document)]
        return document

    page, wet = only("CC-MAIN-2024-22-whirlwind.warc.gz"), only("CC-MAIN-2024-22-whirlwind.warc.wet.gz")
    assert (page.url, page.date, page.title) == (wet.url, wet.date, wet.text.split("\n")[0])
    assert (page.language_declared, wet.language_declared) == ("an", "spa")
    known = set(wet.text.split())
    assert sum(word in known for word in page.text.split()) > 0.9 * len(page.text.split())
    assert page.digest == hashlib.blake2b(page.text.encode(), digest_size=16).hexdigest()


def test_the_first_line_of_a_wet_page_is_its_title_and_no_part_of_the_text_when_asked() -> None:
    # cc_net process_wet_file.py: `title` is the first line, `raw_content` the lines after it.
    record = raw(b"Titel\nErste Zeile.\n\nZweite.", "conversion")
    apart = document_from_record(record, "f", first_line_is_title=True)
    assert isinstance(apart, Document)
    assert (apart.title, apart.text) == ("Titel", "Erste Zeile.\n\nZweite.")
    whole = document_from_record(record, "f")
    assert isinstance(whole, Document)
    assert (whole.title, whole.text) == ("", "Titel\nErste Zeile.\n\nZweite.")
    alone = document_from_record(raw(b"Titel", "conversion"), "f", first_line_is_title=True)
    assert isinstance(alone, Dropped)
