"""One captured page of the sample, and the WARC records it becomes: the same bytes each time it is built."""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from io import BytesIO
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID, uuid5

import brotli
from warcio.recordloader import ArcWarcRecord
from warcio.statusandheaders import StatusAndHeaders
from warcio.warcwriter import WARCWriter

NAMESPACE = UUID("6d1d3c0e-5a0b-5d0e-9a52-2020c0ffee00")
_SERVER_HEADERS = (("Server", "sample-httpd"),)
_CHUNK = 1000


@dataclass(frozen=True, slots=True)
class Capture:
    """One fetch of a URL.

    body: the bytes a browser would see, before `coding` ("", "gzip", "br" or "chunked") is applied.
    kind: what it is in the sample; fate: what a run with LLaMA's recipe should do with it (see README.md);
    also: other outcomes that are right under another manifest or rule of choice; group: the URLs it shares text with.
    """

    url: str
    body: bytes
    date: str
    kind: str
    fate: str
    also: tuple[str, ...] = ()
    group: tuple[str, ...] = ()
    status: str = "200 OK"
    content_type: str | None = "text/html; charset=utf-8"
    headers: tuple[tuple[str, str], ...] = ()
    coding: str = ""
    language: str = ""
    note: dict[str, Any] = field(default_factory=dict)


def encode_body(body: bytes, coding: str) -> bytes:
    """`body` as it goes over the wire under this content or transfer coding."""
    if coding == "gzip":
        gzipped = zlib.compressobj(9, zlib.DEFLATED, 16 + zlib.MAX_WBITS)  # its header holds no time
        return gzipped.compress(body) + gzipped.flush()
    if coding == "br":
        return bytes(brotli.compress(body, quality=9))
    if coding == "chunked":
        pieces = [body[at : at + _CHUNK] for at in range(0, len(body), _CHUNK)]
        return b"".join(b"%x\r\n%s\r\n" % (len(piece), piece) for piece in pieces) + b"0\r\n\r\n"
    return body


def http_headers(capture: Capture, length: int) -> StatusAndHeaders:
    headers = list(_SERVER_HEADERS)
    if capture.content_type is not None:
        headers.append(("Content-Type", capture.content_type))
    if capture.coding in ("gzip", "br"):
        headers.append(("Content-Encoding", capture.coding))
    if capture.coding == "chunked":
        headers.append(("Transfer-Encoding", "chunked"))
    else:
        headers.append(("Content-Length", str(length)))
    headers += capture.headers
    return StatusAndHeaders(capture.status, headers, protocol="HTTP/1.1")


def _record_id(*parts: str) -> str:
    return f"<urn:uuid:{uuid5(NAMESPACE, ' '.join(parts))}>"


class Warc:
    """A WARC file under construction. `start` and `end` of every response are noted, so that damage can be aimed."""

    def __init__(self, name: str, date: str, compressed: bool = True, wet: bool = False) -> None:
        self.name = name
        self.buffer = BytesIO()
        self.writer = WARCWriter(self.buffer, gzip=compressed)
        kind = "WET (plain text)" if wet else "WARC"
        info = {
            "isPartOf": "CC-SAMPLE-2020",
            "description": f"Sample crawl written for the curate project, {kind}",
            "format": "WARC File Format 1.0",
        }
        payload = "".join(f"{key}: {value}\r\n" for key, value in info.items()).encode()
        self._write("warcinfo", "", payload, date, (name, "warcinfo"), extra={"WARC-Filename": name})

    def _write(
        self,
        kind: str,
        url: str,
        payload: bytes,
        date: str,
        identity: Sequence[str],
        http: StatusAndHeaders | None = None,
        extra: dict[str, str] | None = None,
        content_type: str = "",
    ) -> None:
        headers = {"WARC-Type": kind, "WARC-Date": date, "WARC-Record-ID": _record_id(*identity), **(extra or {})}
        record: ArcWarcRecord = self.writer.create_warc_record(
            url,
            kind,
            payload=BytesIO(payload),
            length=len(payload),
            warc_headers_dict=headers,
            http_headers=http,
            warc_content_type=content_type,
        )
        self.writer.write_record(record)

    def add(self, capture: Capture) -> tuple[int, int]:
        """Write request, response and metadata; returns where the response's bytes start and end."""
        identity = (self.name, capture.url, capture.date)
        parts = urlsplit(capture.url)
        target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        asked = StatusAndHeaders(
            f"GET {target} HTTP/1.1",
            [("User-Agent", "curate-sample"), ("Host", parts.netloc), ("Accept-Encoding", "br,gzip")],
            is_http_request=True,
        )
        self._write("request", capture.url, b"", capture.date, (*identity, "request"), http=asked)
        start = self.buffer.tell()
        wire = encode_body(capture.body, capture.coding)
        self._write(
            "response",
            capture.url,
            wire,
            capture.date,
            (*identity, "response"),
            http=http_headers(capture, len(wire)),
            extra={"WARC-IP-Address": "192.0.2.7", "WARC-Concurrent-To": _record_id(*identity, "request")},
        )
        end = self.buffer.tell()
        facts = f"fetchTimeMs: {100 + zlib.crc32(capture.url.encode()) % 900}\r\n".encode()
        concurrent = {"WARC-Concurrent-To": _record_id(*identity, "response")}
        self._write("metadata", capture.url, facts, capture.date, (*identity, "metadata"), extra=concurrent)
        return start, end

    def add_text(self, capture: Capture) -> None:
        """Write a WET conversion record: `capture.body` is plain text in UTF-8."""
        extra = {"WARC-Identified-Content-Language": capture.language} if capture.language else {}
        self._write(
            "conversion",
            capture.url,
            capture.body,
            capture.date,
            (self.name, capture.url, capture.date),
            extra=extra,
            content_type="text/plain",
        )

    def add_revisit(self, capture: Capture) -> None:
        """Write a revisit record: a later fetch that found the same payload again, and so holds none."""
        extra = {"WARC-Profile": "http://netpreserve.org/warc/1.0/revisit/identical-payload-digest"}
        http = http_headers(capture, 0)
        self._write(
            "revisit", capture.url, b"", capture.date, (self.name, capture.url, "revisit"), http=http, extra=extra
        )

    def getvalue(self) -> bytes:
        return self.buffer.getvalue()
