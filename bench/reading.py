"""How fast records are read and pages extracted, beside FastWARC and resiliparse on the same files in the same run.

    python bench/reading.py FILE...

Prints, for all files together: MB/s of decompressed records and pages/s. `alone` is FastWARC's reader and
resiliparse's extraction with nothing around them (no charset rules, no limits, no robots).
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable

from fastwarc.warc import ArchiveIterator, WarcRecordType
from resiliparse.extract.html2text import extract_plain_text
from resiliparse.parse.encoding import bytes_to_str, detect_encoding
from resiliparse.parse.html import HTMLTree

from curate.document import Document
from curate.sources.commoncrawl import document_from_record
from curate.sources.warc import RawRecord, read_range

REPEATS = 3


def read_ours(path: str) -> tuple[int, int]:
    bodies = [len(record.body) for record in read_range(path, path, 0, None) if isinstance(record, RawRecord)]
    return sum(bodies), len(bodies)


def read_fastwarc(path: str) -> tuple[int, int]:
    with open(path, "rb") as handle:
        bodies = [len(record.reader.read()) for record in ArchiveIterator(handle, parse_http=False)]
    return sum(bodies), len(bodies)


def extract_ours(path: str) -> tuple[int, int]:
    size = pages = 0
    for record in read_range(path, path, 0, None):
        if isinstance(record, RawRecord):
            size += len(record.body)
            pages += isinstance(document_from_record(record, path), Document)
    return size, pages


def extract_alone(path: str) -> tuple[int, int]:
    size = pages = 0
    with open(path, "rb") as handle:
        for record in ArchiveIterator(handle, parse_http=True):
            body = record.reader.read()
            size += len(body)
            if record.record_type == WarcRecordType.response and "html" in (record.http_content_type or ""):
                html = bytes_to_str(body, detect_encoding(body, from_html_meta=True) or "utf-8")
                tree = HTMLTree.parse(html)
                extract_plain_text(tree, preserve_formatting=True, main_content=True, alt_texts=False)
                pages += 1
    return size, pages


def measure(name: str, unit: str, work: Callable[[str], tuple[int, int]], paths: list[str]) -> None:
    best = float("inf")
    size = count = 0
    for _ in range(REPEATS):
        start = time.perf_counter()
        done = [work(path) for path in paths]
        best = min(best, time.perf_counter() - start)
        size, count = sum(bytes_ for bytes_, _ in done), sum(number for _, number in done)
    print(f"{name:<34}{size / best / 1e6:>9.0f} MB/s {count / best:>9.0f} {unit}/s  ({count:,} {unit}, {best:.2f} s)")


def main() -> None:
    paths = sys.argv[1:]
    if not paths:
        sys.exit("usage: python bench/reading.py FILE.warc.gz...")
    measure("read: curate", "records", read_ours, paths)
    measure("read: fastwarc", "records", read_fastwarc, paths)
    measure("read and extract: curate", "pages", extract_ours, paths)
    measure("read and extract: alone", "pages", extract_alone, paths)


if __name__ == "__main__":
    main()
