"""HTTP responses: head and body as crawlers store them."""

import contextlib
import gzip
import zlib

import brotli
import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from curate.sources.http import (
    MAX_CODINGS,
    BodyError,
    Headers,
    Response,
    dechunk,
    decode_body,
    media_type,
    parse_response,
)

TEXT = b"<html><p>Some text of a page, long enough to be packed. " * 20


def bare_deflate(data: bytes) -> bytes:
    packed = zlib.compressobj(6, zlib.DEFLATED, -15)
    return packed.compress(data) + packed.flush()


def response(body: bytes, *fields: tuple[str, str]) -> Response:
    return Response(200, Headers(fields), body)


def chunked(*chunks: bytes) -> bytes:
    return b"".join(b"%x\r\n%s\r\n" % (len(chunk), chunk) for chunk in chunks) + b"0\r\n\r\n"


@pytest.mark.parametrize("newline", [b"\r\n", b"\n"])
def test_status_fields_and_body_are_told_apart(newline):
    block = newline.join([b"HTTP/1.1 200 OK", b"Content-Type: text/html", b"X: a", b"x: b", b"", b"body\n\nmore"])
    parsed = parse_response(block)
    assert (parsed.status, parsed.body) == (200, b"body\n\nmore")
    assert parsed.headers.first("content-type") == "text/html"
    assert parsed.headers.first("X") == "a"
    assert parsed.headers.all("x") == ["a", "b"]
    assert parsed.headers.first("missing") == ""


@pytest.mark.parametrize(
    ("line", "status"),
    [(b"HTTP/1.0 404", 404), (b"http/1.1 301 Moved", 301), (b"HTTP/2 200", 200), (b"HTTP/1.1  204 x", 204)],
)
def test_status_lines_of_all_versions_are_read(line, status):
    assert parse_response(line + b"\r\n\r\n").status == status


@pytest.mark.parametrize("block", [b"", b"<html>", b"HTTP/1.1 OK\r\n\r\n", b"HTTP/1.1 2000 OK\r\n\r\n", b"HTTP/1.1"])
def test_a_block_without_a_status_line_is_no_response(block):
    assert parse_response(block) is None


def test_folded_lines_are_joined_and_lines_without_a_colon_left_out():
    parsed = parse_response(b"HTTP/1.1 200 OK\r\nX: one\r\n\ttwo\r\nnonsense\r\nY: three\r\n\r\n")
    assert (parsed.headers.first("x"), parsed.headers.first("y")) == ("one two", "three")


def test_values_are_utf_8_where_they_can_be_and_latin_1_otherwise():
    assert parse_response("HTTP/1.1 200 OK\r\nX: é\r\n\r\n".encode()).headers.first("x") == "é"
    assert parse_response("HTTP/1.1 200 OK\r\nX: é\r\n\r\n".encode("latin-1")).headers.first("x") == "é"


def test_a_head_without_an_end_has_no_body():
    parsed = parse_response(b"HTTP/1.1 200 OK\r\nX: a")
    assert (parsed.headers.first("x"), parsed.body) == ("a", b"")


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("text/html", ("text/html", "")),
        ("Text/HTML; Charset=UTF-8", ("text/html", "UTF-8")),
        ('text/html;charset="iso-8859-1"; q=1', ("text/html", "iso-8859-1")),
        ("text/html; boundary=x; charset='koi8-r'", ("text/html", "koi8-r")),
        ("", ("", "")),
        (";charset=", ("", "")),
    ],
)
def test_a_media_type_and_its_charset(value, expected):
    assert media_type(value) == expected


PACKERS = {
    "gzip": gzip.compress,
    "x-gzip": gzip.compress,
    "deflate": zlib.compress,
    "br": brotli.compress,
    "zstd": zstandard.compress,
}


@pytest.mark.parametrize("coding", sorted(PACKERS))
def test_content_codings_are_taken_off(coding):
    packed = PACKERS[coding](TEXT)
    assert decode_body(response(packed, ("Content-Encoding", coding))) == TEXT
    assert decode_body(response(packed, ("content-encoding", f" {coding.upper()} "))) == TEXT


def test_deflate_may_come_without_the_zlib_wrapper():
    assert decode_body(response(bare_deflate(TEXT), ("Content-Encoding", "deflate"))) == TEXT


def test_gzip_of_several_members_and_with_padding_is_read():
    packed = gzip.compress(TEXT) + gzip.compress(b"more")
    assert decode_body(response(packed + b"\0" * 9, ("Content-Encoding", "gzip"))) == TEXT + b"more"


def test_codings_one_upon_the_other_are_taken_off_in_reverse():
    packed = chunked(brotli.compress(gzip.compress(TEXT)))
    fields = [("Content-Encoding", "gzip, br"), ("Transfer-Encoding", "chunked")]
    assert decode_body(response(packed, *fields)) == TEXT
    with pytest.raises(BodyError):
        decode_body(response(TEXT, ("Content-Encoding", ", ".join(["gzip"] * (MAX_CODINGS + 1)))))


@pytest.mark.parametrize("coding", [*sorted(PACKERS), "aws-chunked", "utf-8", "none"])
def test_a_body_stored_decoded_under_its_old_header_is_taken_as_it_is(coding):
    assert decode_body(response(TEXT, ("Content-Encoding", coding))) == TEXT
    assert decode_body(response(TEXT, ("X-Crawl-Content-Encoding", coding))) == TEXT


@pytest.mark.parametrize("coding", [*sorted(PACKERS), "lzma"])
def test_a_body_that_is_neither_in_the_coding_nor_text_is_refused(coding):
    with pytest.raises(BodyError) as raised:
        decode_body(response(b"\x00\x01\x02\x03" * 50, ("Content-Encoding", coding)))
    assert not raised.value.bomb


@pytest.mark.parametrize("coding", sorted(PACKERS))
def test_a_compressed_body_cut_off_gives_what_can_be_decoded(coding):
    text = b"".join(b"line %d of a page\n" % number for number in range(30_000))
    packed = PACKERS[coding](text)
    got = decode_body(response(packed[: len(packed) * 3 // 4], ("Content-Encoding", coding)))
    assert len(got) > len(text) // 4
    assert text.startswith(got)


@pytest.mark.parametrize("coding", sorted(PACKERS))
def test_a_body_at_the_limit_is_decoded_and_one_byte_more_is_a_bomb(coding):
    text = b"a" * 100_000
    assert decode_body(response(PACKERS[coding](text), ("Content-Encoding", coding)), most=100_000) == text
    with pytest.raises(BodyError) as raised:
        decode_body(response(PACKERS[coding](text + b"a"), ("Content-Encoding", coding)), most=100_000)
    assert raised.value.bomb


def test_chunks_are_joined_with_extensions_and_trailers():
    assert dechunk(chunked(b"abc", b"defgh")) == b"abcdefgh"
    assert dechunk(b"3;name=value\r\nabc\r\n0\r\nTrailer: x\r\n\r\n") == b"abc"
    assert dechunk(b"3\nabc\n0\n\n") == b"abc"


def test_a_body_stored_dechunked_is_taken_as_it_is():
    assert dechunk(TEXT) == TEXT
    assert dechunk(b"12\r\nis a number that a text begins with") == b"12\r\nis a number that a text begins with"
    assert dechunk(b"5\r\na list of five things") == b"5\r\na list of five things"
    assert dechunk(b"") == b""


def test_chunks_that_break_off_give_what_came():
    assert dechunk(b"3\r\nabc\r\n9\r\ndef") == b"abcdef"
    assert dechunk(b"3\r\nabc\r\n") == b"abc"


@given(st.lists(st.binary(min_size=1, max_size=40), min_size=1))
def test_any_chunks_give_their_bytes(chunks):
    assert dechunk(chunked(*chunks)) == b"".join(chunks)


@given(st.binary(max_size=300), st.sampled_from([*sorted(PACKERS), "chunked", "x"]), st.booleans())
def test_no_body_whatever_raises_anything_but_a_body_error(body, coding, packed):
    if packed and coding in PACKERS:
        body = PACKERS[coding](TEXT)[:60] + body
    with contextlib.suppress(BodyError):
        decode_body(response(body, ("Content-Encoding", coding), ("Transfer-Encoding", "chunked")))
    parse_response(b"HTTP/1.1 200 OK\r\n" + body)
