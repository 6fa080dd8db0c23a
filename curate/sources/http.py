"""HTTP responses as crawlers store them: status, header fields, and the body with its encodings taken off.

Crawlers do not agree on what they keep. CommonCrawl stores the body decoded and moves the header that no longer
holds to `X-Crawl-Content-Encoding`; others decode the body and keep the header. So a declared encoding is believed
only where the body really is in it.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Iterable

import brotli
import zstandard

MAX_BODY_BYTES = 64 << 20
"""The most a body may decode to; one that grows beyond it is a bomb."""
MAX_CODINGS = 4
_MAX_HEAD_BYTES = 256 << 10
_ZSTD_WINDOW = 1 << 23
"""RFC 9659: a decoder need not support larger windows for Content-Encoding."""

_STATUS = re.compile(rb"HTTP/[0-9]{1,2}(?:\.[0-9]{1,2})?[ \t]+([0-9]{3})(?![0-9])", re.IGNORECASE)
_HEAD_END = re.compile(rb"\r?\n\r?\n|\n\r\n")
_CHUNK = re.compile(rb"[ \t]{0,64}([0-9a-fA-F]{1,8})[ \t]{0,64}(?:;[^\r\n]{0,1024})?\r?\n")
_NEWLINE = re.compile(rb"\r?\n")
_BINARY = re.compile(rb"[\x00-\x08\x0e-\x1a\x1c-\x1f]")


class BodyError(Exception):
    """A body that cannot be decoded; `bomb` where it grows past the limit."""

    def __init__(self, detail: str, bomb: bool = False) -> None:
        super().__init__(detail)
        self.bomb = bomb


class Headers:
    """Header fields in order; names are matched without case."""

    def __init__(self, fields: Iterable[tuple[str, str]]) -> None:
        self._fields = [(name.lower(), value) for name, value in fields]

    def first(self, name: str) -> str:
        """The value of the first field of this name, or ""."""
        return next((value for key, value in self._fields if key == name.lower()), "")

    def all(self, name: str) -> list[str]:
        return [value for key, value in self._fields if key == name.lower()]


class Response:
    """status: 100..999, or 0 where the status line is missing or broken; body: undecoded."""

    __slots__ = ("body", "headers", "status")

    def __init__(self, status: int, headers: Headers, body: bytes) -> None:
        self.status = status
        self.headers = headers
        self.body = body


def parse_response(block: bytes) -> Response | None:
    """The HTTP response in a WARC block; None where it does not begin with an HTTP status line.

    Lines end in CRLF or LF; folded lines are joined; values are Latin-1 unless they are valid UTF-8; a line without
    a colon is left out. Without a blank line within 256 KB all of it is head.
    """
    status = _STATUS.match(block)
    if not status:
        return None
    end = _HEAD_END.search(block, 0, _MAX_HEAD_BYTES)
    head, body = (block[: end.start()], block[end.end() :]) if end else (block[:_MAX_HEAD_BYTES], b"")
    try:
        text = head.decode("utf-8")
    except UnicodeDecodeError:
        text = head.decode("latin-1")
    fields: list[tuple[str, list[str]]] = []
    for line in text.replace("\r\n", "\n").split("\n")[1:]:
        if line[:1] in (" ", "\t") and fields:
            fields[-1][1].append(line.strip())
            continue
        name, colon, value = line.partition(":")
        if colon and name.strip():
            fields.append((name.strip(), [value.strip()]))
    return Response(int(status[1]), Headers((name, " ".join(parts).strip()) for name, parts in fields), body)


def media_type(value: str) -> tuple[str, str]:
    """(type/subtype in lower case, charset label or "") of a Content-Type value."""
    essence, *parameters = value.split(";")
    charset = ""
    for parameter in parameters:
        name, _, given = parameter.partition("=")
        if name.strip().lower() == "charset" and not charset:
            charset = given.strip().strip("\"'").strip()
    return essence.strip().lower(), charset


def decode_body(response: Response, most: int = MAX_BODY_BYTES) -> bytes:
    """The body with transfer and content codings taken off, at most `most` bytes.

    A chunked or compressed body that breaks off gives what can be decoded (crawls cut long bodies). One that is not
    in the declared coding is taken as it is if it looks like text. Raises BodyError for the rest.
    """
    codings = _codings(response.headers.all("content-encoding")) + _codings(response.headers.all("transfer-encoding"))
    if len(codings) > MAX_CODINGS:
        raise BodyError(f"{len(codings)} content codings, one upon the other")
    body = response.body
    for coding in reversed(codings):
        body = _decode(coding, body, most)
    if len(body) > most:
        raise BodyError(f"{len(body)} bytes, more than {most}", bomb=True)
    return body


def _codings(values: list[str]) -> list[str]:
    names = (name.strip().lower() for value in values for name in value.split(","))
    return [name for name in names if name and name != "identity"]


def _decode(coding: str, body: bytes, most: int) -> bytes:
    if coding == "chunked":
        return dechunk(body)
    if not body:
        return body
    try:
        if coding in ("gzip", "x-gzip", "deflate", "x-deflate"):
            return _inflate(body, most)
        if coding == "br":
            return _brotli(body, most)
        if coding == "zstd":
            return _unzstd(body, most)
        problem = f"unknown content coding {coding[:40]!r}"
    except (zlib.error, brotli.error, zstandard.ZstdError) as error:
        problem = f"is not {coding}: {error}"
    if looks_like_text(body):
        return body
    raise BodyError(problem)


def dechunk(body: bytes) -> bytes:
    """The body with chunk framing taken off; as it is where it does not begin with a chunk.

    Framing that breaks off after the first whole chunk gives the chunks before, and the part of one that is cut short.
    """
    parts: list[bytes] = []
    at = 0
    while chunk := _CHUNK.match(body, at):
        size = int(chunk[1], 16)
        if size == 0:
            return b"".join(parts)
        end = chunk.end() + size
        if end > len(body):
            # Either the crawler cut the body, or it was never chunked and begins with what looks like a number.
            return b"".join([*parts, body[chunk.end() :]]) if parts else body
        newline = _NEWLINE.match(body, end)
        if not newline and end < len(body) and not parts:
            return body
        parts.append(body[chunk.end() : end])
        at = newline.end() if newline else end
    return b"".join(parts) if parts else body


def _inflate(body: bytes, most: int) -> bytes:
    """gzip (also of several members), zlib or bare deflate, told by its first bytes: servers mix up the names."""
    if body.startswith(b"\x1f\x8b"):
        bits = 31
    elif len(body) > 1 and body[0] & 0x0F == 8 and int.from_bytes(body[:2], "big") % 31 == 0:
        bits = 15
    else:
        bits = -15
        if looks_like_text(body):
            return body
    parts: list[bytes] = []
    left = most
    while body:
        unzip = zlib.decompressobj(bits)
        try:
            part = unzip.decompress(body, left + 1)
        except zlib.error:
            # A later member that is none is padding; a first one that breaks in the middle is not decodable.
            if parts:
                break
            part = _before_the_error(body, bits, left + 1)
        parts.append(part)
        left -= len(part)
        if left < 0:
            raise BodyError(f"decodes to more than {most} bytes", bomb=True)
        if bits != 31 or not unzip.eof or not unzip.unused_data.startswith(b"\x1f\x8b"):
            break
        body = unzip.unused_data
    return b"".join(parts)


def _before_the_error(body: bytes, bits: int, most: int) -> bytes:
    """What a stream gives before it breaks; raises zlib.error where that is nothing or does not look like text."""
    unzip = zlib.decompressobj(bits)
    parts: list[bytes] = []
    got = 0
    for at in range(0, len(body), 1024):
        try:
            part = unzip.decompress(body[at : at + 1024], most - got)
        except zlib.error:
            if not got or not looks_like_text(parts[0]):
                raise
            break
        if part:
            parts.append(part)
            got += len(part)
        if got >= most:
            break
    return b"".join(parts)


def _brotli(body: bytes, most: int) -> bytes:
    unzip = brotli.Decompressor()
    parts: list[bytes] = []
    got = 0
    feed = body
    while not unzip.is_finished():
        part = unzip.process(feed, output_buffer_limit=1 << 20)
        feed = b""
        parts.append(part)
        got += len(part)
        if got > most:
            raise BodyError(f"decodes to more than {most} bytes", bomb=True)
        if not part and unzip.can_accept_more_data():
            break
    if not got and body:
        raise brotli.error("nothing could be decoded")
    return b"".join(parts)


def _unzstd(body: bytes, most: int) -> bytes:
    unzip = zstandard.ZstdDecompressor(max_window_size=_ZSTD_WINDOW)
    with unzip.stream_reader(body, read_across_frames=True) as reader:
        text = reader.read(most + 1)
    if len(text) > most:
        raise BodyError(f"decodes to more than {most} bytes", bomb=True)
    if not text and body:
        raise zstandard.ZstdError("nothing could be decoded")
    return bytes(text)


def looks_like_text(body: bytes) -> bool:
    """Whether the first KB holds no control characters that text has not (UTF-16 with a mark counts as text)."""
    return body.startswith((b"\xff\xfe", b"\xfe\xff")) or not _BINARY.search(body, 0, 1024)
