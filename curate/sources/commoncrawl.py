"""CommonCrawl, and any WARC or WET: from a record to a document, or to the reason why it is none."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from enum import StrEnum

from curate.document import Document, document_id, text_digest
from curate.errors import SetAside
from curate.inputs import CRAWL_SUFFIXES, InputFile
from curate.sections import Bytes, ExtractSection, Section
from curate.sources.charset import decode
from curate.sources.html import MAX_TITLE, TooComplex, extract, one_line, tidy
from curate.sources.http import BodyError, decode_body, looks_like_text, media_type, parse_response
from curate.sources.members import Unreadable
from curate.sources.robots import header_directives
from curate.sources.source import Dropped, Outcome, Piece, Source
from curate.sources.warc import RawRecord, plan_ranges, read_range

SOURCE = "commoncrawl"
MAX_PAGE_BYTES = 16 << 20
"""A page larger than this, decoded, is no prose; it is dropped as too_large."""

HTML_TYPES = frozenset({"text/html", "application/xhtml+xml", "application/vnd.wap.xhtml+xml"})
TEXT_TYPES = frozenset({"text/plain"})
_UNTOLD = frozenset({"", "application/x-unknown-content-type", "unk", "unknown", "unknown/unknown", "*/*"})
_LOOKS_LIKE_HTML = re.compile(
    rb"<(?:!doctype\s+html|html|head|body|title|meta|script|style|div|table|p|h1|a|br|!--)[\s>/]", re.IGNORECASE
)
_DATE = re.compile(r"(\d{4})-(\d\d)-(\d\d)(?:[T ](\d\d):(\d\d)(?::(\d\d)(?:\.\d{1,9})?)?(?:Z|\+00:?00)?)?", re.ASCII)
_SHORT_DATE = re.compile(r"(\d{4})(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)", re.ASCII)


class Drop(StrEnum):
    """Why a readable record makes no document."""

    NOT_A_PAGE = "not_a_page"
    STATUS = "status"
    CONTENT_TYPE = "content_type"
    EMPTY = "empty"
    ROBOTS = "robots"
    URL_BLOCKED = "url_blocked"
    TOO_LARGE = "too_large"


class UrlBlocklist(Section):
    """Addresses that are dropped before their page is extracted. Files hold one entry a line, `#` begins a comment."""

    enabled: bool = True
    domains_file: str | None = None
    """Instead of the short list that comes with the package; likewise the words."""
    words_file: str | None = None
    domains: tuple[str, ...] = ()
    words: tuple[str, ...] = ()


class CommonCrawlExtract(ExtractSection):
    """How captures become documents."""

    max_record_bytes: Bytes = 32 << 20
    wet_first_line_is_title: bool = True
    """CommonCrawl's WET files begin each page with its title; CCNet keeps it apart from the text."""
    robots: tuple[str, ...] = ()
    """Directives of robots meta tags and X-Robots-Tag that drop a page, e.g. [noai, noindex]."""
    url_blocklist: UrlBlocklist = UrlBlocklist()

    def files(self) -> list[tuple[str, str]]:
        named = {name: getattr(self.url_blocklist, name) for name in ("domains_file", "words_file")}
        return [(f"url_blocklist.{name}", path) for name, path in named.items() if path is not None]


class CommonCrawl(Source[CommonCrawlExtract]):
    """CommonCrawl's WARC and WET files, or any others.

    `pipelines.commoncrawl` reads the ranges itself, as it also sees to it that their ends meet.
    """

    name = SOURCE
    suffixes = CRAWL_SUFFIXES
    reasons = tuple(Drop)
    Config = CommonCrawlExtract

    def __init__(self, config: CommonCrawlExtract, blocked: Callable[[str], str | None] | None = None) -> None:
        """blocked: given a URL, says why it is not wanted, or None."""
        super().__init__(config)
        self._blocked = blocked
        self._robots = frozenset(directive.lower() for directive in config.robots)

    def pieces(self, item: InputFile, index: int) -> Iterator[Piece]:
        for start, end in plan_ranges(item.path, item.size, self.config.range_bytes):
            yield Piece(item.path, item.file, index, start, end)

    def read(self, piece: Piece) -> Iterator[Outcome]:
        end = None if piece.end < 0 else piece.end
        for item in read_range(piece.path, piece.file, piece.start, end, max_record_bytes=self.config.max_record_bytes):
            yield item if isinstance(item, SetAside) else self.outcome(item, piece.file)

    def outcome(self, record: RawRecord, file: str) -> Outcome:
        """What a record comes to under this manifest, within the worker's limits."""
        found = self.limited(
            file,
            record.offset,
            lambda: document_from_record(
                record,
                file,
                robots=self._robots,
                blocked=self._blocked,
                first_line_is_title=self.config.wet_first_line_is_title,
            ),
            str(record.index or ""),
        )
        if isinstance(found, SetAside) and (url := target_url(record)):
            return replace(found, detail=f"{url}: {found.detail}")  # it can be asked for by its URL
        return replace(found, offset=record.offset) if isinstance(found, Dropped) else found


def normal_date(value: str) -> str:
    """A WARC-Date (W3C ISO 8601; WARC 1.1 allows fractions and less than a second) as YYYY-MM-DDTHH:MM:SSZ, else ""."""
    found = _DATE.fullmatch(value.strip()) or _SHORT_DATE.fullmatch(value.strip())
    if not found:
        return ""
    year, month, day, hour, minute, second = (int(part or 0) for part in found.groups())
    if not (year and 1 <= month <= 12 and 1 <= day <= 31 and hour < 24 and minute < 60 and second <= 60):
        return ""
    return f"{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{min(second, 59):02}Z"


def target_url(record: RawRecord) -> str:
    """WARC-Target-URI on one line, without the <> that some writers of WARC 1.0 put around it."""
    url = one_line(record.headers.get("warc-target-uri", ""))
    return url[1:-1] if url.startswith("<") and url.endswith(">") else url


def document_from_record(
    record: RawRecord,
    file: str,
    *,
    robots: frozenset[str] = frozenset(),
    blocked: Callable[[str], str | None] | None = None,
    first_line_is_title: bool = False,
) -> Document | Dropped | SetAside:
    """The document a record holds: a `response` with a page, or a `conversion` (WET).

    first_line_is_title: of a conversion, as CommonCrawl writes them; it is then no part of the text (cc_net,
    `process_wet_file.py`: `title` apart from `raw_content`).

    robots: directives (`noindex`, `noai`, ...) that drop a page which carries any of them, in a meta tag or in
    X-Robots-Tag. blocked: given the URL, says why it is not wanted, or None. Status 2xx with a body, HTML or plain
    text only. Never raises for what the record holds.
    """
    if record.type == "response":
        return _from_response(record, file, robots, blocked)
    if record.type == "conversion":
        return _from_conversion(record, file, blocked, first_line_is_title)
    return Dropped(Drop.NOT_A_PAGE, one_line(record.type)[:64], target_url(record))


def _from_conversion(
    record: RawRecord, file: str, blocked: Callable[[str], str | None] | None, first_line_is_title: bool
) -> Document | Dropped | SetAside:
    url = target_url(record)
    if blocked is not None and (why := blocked(url)) is not None:
        return Dropped(Drop.URL_BLOCKED, why, url)
    essence, charset = media_type(record.headers.get("content-type", "text/plain"))
    if essence not in TEXT_TYPES:
        return Dropped(Drop.CONTENT_TYPE, essence[:80], url)
    if len(record.body) > MAX_PAGE_BYTES:
        return Dropped(Drop.TOO_LARGE, f"{len(record.body)} bytes", url)
    text = tidy(decode(record.body, charset or "utf-8", html=False)[0])
    language = one_line(record.headers.get("warc-identified-content-language", ""))[:64]
    title = ""
    if first_line_is_title:
        first, _, rest = text.partition("\n")
        title, text = one_line(first)[:MAX_TITLE], rest.strip("\n")
    return _document(record, file, url, title, text, language)


def _from_response(
    record: RawRecord, file: str, robots: frozenset[str], blocked: Callable[[str], str | None] | None
) -> Document | Dropped | SetAside:
    url = target_url(record)
    kind = media_type(record.headers.get("content-type", "application/http"))[0]
    if kind != "application/http":
        return Dropped(Drop.NOT_A_PAGE, kind[:80], url)
    if blocked is not None and (why := blocked(url)) is not None:
        return Dropped(Drop.URL_BLOCKED, why, url)
    response = parse_response(record.body)
    if response is None:
        detail = f"no HTTP status line: {record.body[:32]!r}"
        return SetAside(file, record.offset, Unreadable.BAD_HTTP.value, detail)
    if not 200 <= response.status < 300:
        return Dropped(Drop.STATUS, str(response.status), url)
    essence, charset = media_type(response.headers.first("content-type"))
    if essence not in HTML_TYPES and essence not in TEXT_TYPES and essence not in _UNTOLD:
        return Dropped(Drop.CONTENT_TYPE, essence[:80], url)
    refused = robots & header_directives(response.headers.all("x-robots-tag")) if robots else frozenset()
    if refused:
        return Dropped(Drop.ROBOTS, ", ".join(sorted(refused)), url)
    try:
        body = decode_body(response)
    except BodyError as error:
        reason = Unreadable.BOMB if error.bomb else Unreadable.BAD_ENCODING
        return SetAside(file, record.offset, reason.value, str(error))
    if not body.strip():
        return Dropped(Drop.EMPTY, "no body", url)
    if len(body) > MAX_PAGE_BYTES:
        return Dropped(Drop.TOO_LARGE, f"{len(body)} bytes", url)
    if essence in _UNTOLD:
        if not looks_like_text(body):
            return Dropped(Drop.CONTENT_TYPE, "none, and binary", url)
        essence = "text/html" if _LOOKS_LIKE_HTML.search(body, 0, 4096) else "text/plain"
    if essence in TEXT_TYPES:
        if not looks_like_text(body):
            return Dropped(Drop.CONTENT_TYPE, f"{essence}, and binary", url)
        return _document(record, file, url, "", tidy(decode(body, charset, html=False)[0]), "")
    html, _ = decode(body, charset)
    try:
        page = extract(html, url)
    except TooComplex as error:
        return SetAside(file, record.offset, Unreadable.TOO_DEEP.value, str(error))
    if refused := robots & page.robots:
        return Dropped(Drop.ROBOTS, ", ".join(sorted(refused)), url)
    language = page.language_declared or one_line(response.headers.first("content-language"))[:64]
    return _document(record, file, url, page.title, page.text, language)


def _document(record: RawRecord, file: str, url: str, title: str, text: str, language: str) -> Document | Dropped:
    if not text.strip():
        return Dropped(Drop.EMPTY, "no text", url)
    return Document(
        id=document_id(SOURCE, file, record.offset, record.index),
        source=SOURCE,
        url=url,
        title=title,
        text=text,
        date=normal_date(record.headers.get("warc-date", "")),
        language_declared=language,
        licence="",
        metadata="",
        digest=text_digest(text),
        file=file,
        offset=record.offset,
        index=record.index,
    )
