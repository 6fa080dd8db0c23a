"""A crawl as large as a benchmark needs, from the pages of a smaller one, without making duplicates.

In every copy of a page after the first, each third longer word of its visible text is another of that page's words, by
a generator seeded with the copy's number: markup, vocabulary and sizes stay, lines and shingles do not.
"""

from __future__ import annotations

import random
import re
from io import BytesIO
from pathlib import Path

from warcio.archiveiterator import ArchiveIterator
from warcio.statusandheaders import StatusAndHeaders
from warcio.warcwriter import WARCWriter

_TAG = re.compile(rb"(<script[^>]*>.*?</script>|<style[^>]*>.*?</style>|<[^>]*>)", re.S | re.I)
_WORD = re.compile(rb"[A-Za-z]{4,}")


def pages(paths: list[Path]) -> list[tuple[str, str, bytes]]:
    """(URL, content type, body) of every successful HTML response."""
    found = []
    for path in paths:
        with path.open("rb") as stream:
            try:
                for record in ArchiveIterator(stream):
                    if record.rec_type != "response" or record.http_headers is None:
                        continue
                    kind = record.http_headers.get_header("Content-Type") or ""
                    if "html" in kind and record.http_headers.get_statuscode() == "200":
                        found.append(
                            (record.rec_headers.get_header("WARC-Target-URI"), kind, record.content_stream().read())
                        )
            except Exception as error:  # a broken file is no benchmark's business
                print(f"{path.name}: the rest is left out: {error}")
    return found


def varied(body: bytes, copy: int) -> bytes:
    """The same page with every third of its longer words replaced by another of them."""
    generator = random.Random(copy)
    parts = _TAG.split(body)
    words = [word for part in parts[::2] for word in _WORD.findall(part)]
    count = 0

    def replace(match: re.Match[bytes]) -> bytes:
        nonlocal count
        count += 1
        return match[0] if count % 3 else generator.choice(words)

    return b"".join(part if index % 2 else _WORD.sub(replace, part) for index, part in enumerate(parts))


def write(path: Path, sources: list[Path], copies: int) -> tuple[int, int]:
    """Write one WARC with `copies` of every page; returns (pages, bytes of HTML)."""
    count = size = 0
    originals = pages(sources)
    with path.open("wb") as out:
        writer = WARCWriter(out, gzip=True)
        for copy in range(copies):
            for url, kind, body in originals:
                page = varied(body, copy) if copy else body
                headers = StatusAndHeaders("200 OK", [("Content-Type", kind)], protocol="HTTP/1.1")
                record = writer.create_warc_record(
                    f"{url}{'&' if '?' in url else '?'}copy={copy}",
                    "response",
                    payload=BytesIO(page),
                    http_headers=headers,
                    warc_headers_dict={"WARC-Date": "2020-12-01T00:00:00Z"},
                )
                writer.write_record(record)
                count, size = count + 1, size + len(page)
    return count, size
