"""Captures that are not simply a page: other statuses, other content types, other encodings, empty and lying bodies."""

from __future__ import annotations

import zlib
from collections.abc import Callable
from dataclasses import replace

from curate.sample.records import Capture

_PNG = bytes.fromhex(
    "89504e470d0a1a0a0000000d49484452000000010000000108060000001f15c4890000000d49444154789c6360606060000000"
    "050001a5f645400000000049454e44ae426082"
)
_PDF = b"%PDF-1.4\n1 0 obj<</Type/Catalog/Pages 2 0 R>>endobj\n2 0 obj<</Type/Pages/Kids[]/Count 0>>endobj\n%%EOF\n"
_NOT_FOUND = (
    b"<html><head><title>404 Not Found</title></head>"
    b"<body><h1>Not Found</h1><p>There is no such page.</p></body></html>"
)

# (path, status, content type, body, extra headers)
_RESPONSES: tuple[tuple[str, str, str | None, bytes, tuple[tuple[str, str], ...]], ...] = (
    ("/gone-1.html", "404 Not Found", "text/html", _NOT_FOUND, ()),
    ("/gone-2.html", "404 Not Found", "text/html; charset=utf-8", _NOT_FOUND, ()),
    ("/gone-3.html", "410 Gone", "text/html", _NOT_FOUND, ()),
    ("/moved-1", "301 Moved Permanently", "text/html", b"<p>Moved.</p>", (("Location", "/archive/"),)),
    ("/moved-2", "302 Found", "text/html", b"", (("Location", "https://harbourgazette.example/"),)),
    ("/moved-3", "307 Temporary Redirect", None, b"", (("Location", "/login"),)),
    ("/same", "304 Not Modified", None, b"", ()),
    ("/private", "403 Forbidden", "text/html", b"<h1>Forbidden</h1>", ()),
    ("/login", "401 Unauthorized", "text/html", b"<h1>Please sign in</h1>", ()),
    ("/busy", "503 Service Unavailable", "text/html", b"<h1>Please come back later</h1>", (("Retry-After", "60"),)),
    ("/crash", "500 Internal Server Error", "text/html", b"<pre>Internal error</pre>", ()),
    ("/logo.png", "200 OK", "image/png", _PNG, ()),
    ("/map.png", "200 OK", "image/png", _PNG, ()),
    ("/timetable.pdf", "200 OK", "application/pdf", _PDF, ()),
    ("/api/items.json", "200 OK", "application/json", b'{"items": [{"id": 1, "name": "kettle"}]}', ()),
    ("/site.css", "200 OK", "text/css", b"body { margin: 0; }", ()),
    ("/site.js", "200 OK", "application/javascript", b"function f() { return 1; }", ()),
    ("/feed/", "200 OK", "application/rss+xml", b'<?xml version="1.0"?><rss version="2.0"><channel/></rss>', ()),
    ("/robots.txt", "200 OK", "text/plain", b"User-agent: *\nDisallow: /private\n", ()),
    ("/sound.ogg", "200 OK", "audio/ogg", b"OggS\x00\x02" + bytes(40), ()),
    ("/empty.html", "200 OK", "text/html", b"", ()),
    ("/blank.html", "200 OK", "text/html", b" \r\n\t\r\n", ()),
)


def odd_responses(host: str, date_of: Callable[[str], str]) -> list[Capture]:
    """Responses that hold no page to learn from."""
    captures = []
    for path, status, content_type, body, headers in _RESPONSES:
        url = f"https://{host}{path}"
        empty = status == "200 OK" and not body.strip()
        captures.append(
            Capture(
                url,
                body,
                date_of(url),
                kind="empty_body" if empty else "not_a_page",
                fate="non_page",
                also=("low_quality", "line_deduplicated", "not_english")
                if empty or content_type == "text/plain"
                else (),
                status=status,
                content_type=content_type,
                headers=headers,
            )
        )
    return captures


def lying_coding(page: Capture) -> Capture:
    """It says gzip and is not compressed; browsers show it."""
    headers = (*page.headers, ("Content-Encoding", "gzip"))
    return replace(page, kind="coding_lie", fate="kept", also=("unreadable", "low_quality"), headers=headers, coding="")


def cut_coding(page: Capture) -> Capture:
    """A gzip-coded body that ends in the middle."""
    gzipped = zlib.compressobj(9, zlib.DEFLATED, 16 + zlib.MAX_WBITS)
    body = gzipped.compress(page.body) + gzipped.flush()
    headers = (*page.headers, ("Content-Encoding", "gzip"))
    return replace(
        page,
        kind="coding_cut",
        fate="unreadable",
        also=("kept", "line_deduplicated", "low_quality"),
        headers=headers,
        coding="",
        body=body[: len(body) // 2],
    )


# language: (encoding of the bytes, charset in the header or None, charset in <meta> or None)
CHARSETS: dict[str, tuple[str, str | None, str | None]] = {
    "fr": ("windows-1252", "utf-8", "utf-8"),
    "de": ("windows-1252", "utf-8", None),
    "ja": ("shift_jis", None, None),
    "ru": ("koi8-r", None, None),
    "bg": ("windows-1251", None, None),
    "zh": ("gbk", None, None),
    "ko": ("euc-kr", None, "euc-kr"),
    "cs": ("iso-8859-2", None, "iso-8859-2"),
    "pl": ("windows-1250", "windows-1250", None),
    "el": ("iso-8859-7", "iso-8859-7", None),
    "he": ("windows-1255", "windows-1255", "windows-1255"),
    "ar": ("windows-1256", "windows-1256", None),
    "tr": ("iso-8859-9", None, "iso-8859-9"),
    "es": ("utf-8-sig", None, None),
    "uk": ("utf-16", None, None),
    "hi": ("utf-8", "utf-8", "iso-8859-1"),
}


def charset_kind(encoding: str, header: str | None, meta: str | None) -> str:
    """What is unusual about such a page's charset."""
    if encoding in ("utf-8-sig", "utf-16"):
        return "charset_bom"
    if header is None:
        return "charset_missing" if meta is None else "charset_meta_only"
    if header == encoding:
        return "charset_header" if meta in (None, encoding) else "charset_conflict"
    return "charset_wrong"
