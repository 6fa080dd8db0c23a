"""A crawl of pages that a test makes up."""

from __future__ import annotations

import io
from collections.abc import Iterable
from pathlib import Path
from uuid import NAMESPACE_URL, uuid5

from warcio.statusandheaders import StatusAndHeaders
from warcio.warcwriter import WARCWriter


def crawl(path: Path, pages: Iterable[tuple[str, str]]) -> None:
    """Write a .warc.gz of (url, plain text) pages."""
    with path.open("wb") as out:
        writer = WARCWriter(out, gzip=True)
        for url, text in pages:
            http = StatusAndHeaders("200 OK", [("Content-Type", "text/plain; charset=utf-8")], protocol="HTTP/1.1")
            # The same pages make the same bytes.
            warc = {"WARC-Date": "2020-12-01T00:00:00Z", "WARC-Record-ID": f"<urn:uuid:{uuid5(NAMESPACE_URL, url)}>"}
            body = io.BytesIO(text.encode())
            writer.write_record(
                writer.create_warc_record(url, "response", payload=body, http_headers=http, warc_headers_dict=warc)
            )
