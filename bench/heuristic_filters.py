"""Milliseconds a page of each heuristic filter, and how its time grows on texts made to be slow.

    python bench/heuristic_filters.py [FOLDER OF *.warc.gz]

Pages are the responses of the folder's WARC files, extracted; without a folder, the texts of the bundled sample.
Growth is the time for a text of 4n characters to that for n: about 4 where cost is linear, 16 where it is quadratic.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import curate.sample
from curate.text.page import Page
from filters.c4 import C4, C4Config
from filters.filter import Filter
from filters.fineweb import FineWeb, FineWebConfig
from filters.gopher_quality import GopherQuality, GopherQualityConfig
from filters.gopher_repetition import GopherRepetition, GopherRepetitionConfig
from filters.mc4 import MC4, MC4Config
from filters.pii import PII, PIIConfig
from filters.url import URL, URLConfig

FILTERS: tuple[Filter, ...] = (
    URL(URLConfig()),
    C4(C4Config()),
    MC4(MC4Config()),
    GopherQuality(GopherQualityConfig()),
    GopherRepetition(GopherRepetitionConfig()),
    FineWeb(FineWebConfig()),
    PII(PIIConfig()),
)

HOSTILE: dict[str, Callable[[int], str]] = {
    "one word": lambda n: "a" * n,
    "dots": lambda n: "." * n,
    "dots and spaces": lambda n: ". " * (n // 2),
    "exclamations": lambda n: "Wow! " * (n // 5),
    "quotes": lambda n: '." ' * (n // 3),
    "closing": lambda n: "." + '"' * (n - 1),
    "spaces after a stop": lambda n: "a. " + " " * (n - 4) + "b",
    "brackets": lambda n: "[1" * (n // 2),
    "digits in a bracket": lambda n: "[" + "1" * (n - 1),
    "at signs": lambda n: "a@" * (n // 2),
    "dotted local part": lambda n: "a." * (n // 2) + "@b",
    "long domain": lambda n: "a@" + "b-" * (n // 2),
    "dotted numbers": lambda n: "1.1." * (n // 4),
    "one line again and again": lambda n: "It is the same line again.\n" * (n // 27),
    "one word again and again": lambda n: "word " * (n // 5),
    "newlines": lambda n: "\n" * n,
    "bad words": lambda n: "porn sex " * (n // 9),
    "e-mails and numbers": lambda n: "ab@cd.example 8.8.8.8 " * (n // 22),
}


def pages(folder: str | None) -> Iterator[Page]:
    if folder is None:
        for file in sorted((Path(curate.sample.__file__).parent / "texts").rglob("*.txt")):
            yield Page(file.read_text("utf-8"), "https://example.org/", "en")
        return
    from fastwarc.warc import ArchiveIterator, WarcRecordType
    from resiliparse.extract.html2text import extract_plain_text
    from resiliparse.parse.encoding import bytes_to_str, detect_encoding

    for file in sorted(Path(folder).glob("*.warc.gz")):
        with file.open("rb") as stream:
            for record in ArchiveIterator(stream, record_types=WarcRecordType.response):
                if record.http_headers and "html" in (record.http_content_type or ""):
                    body = record.reader.read()
                    text = extract_plain_text(bytes_to_str(body, detect_encoding(body) or "utf-8"), main_content=True)
                    if text.strip():
                        yield Page(text, record.headers.get("WARC-Target-URI") or "", "en")


def seconds(filter: Filter, page: Page) -> float:
    fresh = Page(page.text, page.url, page.language)
    start = time.perf_counter()
    filter.measure(fresh)
    filter.edit(fresh)
    return time.perf_counter() - start


def main() -> None:
    found = list(pages(sys.argv[1] if len(sys.argv) > 1 else None))
    characters = sum(len(page.text) for page in found)
    print(f"{len(found)} pages, {characters / len(found):,.0f} characters a page\n")
    print(f"{'filter':<20}{'ms a page':>12}{'ms a 6,000 ch':>16}")
    total = 0.0
    for filter in FILTERS:
        filter.load()
        for page in found[:20]:
            seconds(filter, page)
        spent = sum(seconds(filter, page) for page in found)
        total += spent
        print(f"{filter.name:<20}{spent / len(found) * 1e3:>12.3f}{spent / characters * 6e6:>16.3f}")
    print(f"{'all':<20}{total / len(found) * 1e3:>12.3f}{total / characters * 6e6:>16.3f}\n")
    size = 50_000
    print(f"{'hostile text':<28}{'filter':<20}{'ms, n = 50,000':>16}{'2n':>10}{'4n':>10}{'growth':>10}")
    for label, make in HOSTILE.items():
        for filter in FILTERS:
            times = [
                min(seconds(filter, Page(make(n), make(n), "en")) for _ in range(2)) for n in (size, 2 * size, 4 * size)
            ]
            growth = times[2] / times[0]
            if times[2] > 0.05 or (growth > 6 and times[2] > 0.002):
                shown = "".join(f"{spent * 1e3:>10.1f}" for spent in times[1:])
                print(f"{label:<28}{filter.name:<20}{times[0] * 1e3:>16.1f}{shown}{growth:>10.1f}")
    print("(only those above 50 ms at 4n, or that grow by more than 6)")


if __name__ == "__main__":
    main()
