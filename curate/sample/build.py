"""Builds the sample crawl from the texts of this folder: `python -m curate.sample.build [--output DIR]`.

The same texts give the same bytes. EXPECTED.json, beside the WARC files, says what each record is there for and what
a run should do with it.
"""

from __future__ import annotations

import argparse
import json
import zlib
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any
from uuid import uuid5

import brotli

from curate.sample import damage, odd, plan
from curate.sample.reading import HERE, read_special_pages, read_texts
from curate.sample.records import NAMESPACE, Capture, Warc
from curate.sample.sites import ENGLISH_SITES, MIRROR_OF, OTHER_SITES

MAIN_FILES = 4
DAMAGED = "CC-SAMPLE-2020-00004.warc.gz"
UNCOMPRESSED = "CC-SAMPLE-2020-00005.warc"
WET = "CC-SAMPLE-2020-00006.warc.wet.gz"
_UNCOMPRESSED_HOST = "plainpages.example"
_DAMAGED_HOSTS = (
    "northfieldreview.example",
    "quarrylane.example",
    "zapisnik.example",
    "dekade.example",
    "golmok.example",
    "mahalle.example",
)
_INFO_DATE = "2020-12-31T23:59:59Z"
_BROKEN_HOST = "https://tornpages.example"
BROKEN_RECORD = "broken_record"


def captures() -> list[Capture]:
    """Every capture of the crawl but the broken records, in a fixed order."""
    articles = plan.place_articles(read_texts())
    pool = [article for article in articles if article.kind == "article" and article.site.host != MIRROR_OF]
    copies: list[Capture] = []
    for make in (plan.near_duplicates, plan.exact_duplicates, plan.variants_of_url, plan.earlier_captures):
        copies += make(pool)
        taken = {url for capture in copies for url in (*capture.group, capture.url)}
        pool = [article for article in pool if article.url not in taken]
    odd_charset = plan.english_charsets(pool)
    for language in odd.CHARSETS:
        first = next((article for article in articles if article.text.language == language), None)
        if first is not None:
            odd_charset[first.url] = plan.with_charset(first)
    pages = [odd_charset.get(article.url) or plan.article_capture(article) for article in articles]
    fronts = []
    for site in (*ENGLISH_SITES, *OTHER_SITES.values()):
        if of_site := [article for article in articles if article.site.host == site.host]:
            fronts.append(plan.index_page(site, of_site))
    return [
        *pages,
        *fronts,
        *copies,
        *plan.mirror(pages),
        *(capture for capture in _special_captures() if capture.kind != BROKEN_RECORD),
        *plan.machine_captures(),
        *odd.odd_responses("harbourgazette.example", plan.date_of),
    ]


def _special_captures() -> list[Capture]:
    return [plan.special_capture(page) for page in read_special_pages()]


def file_of(capture: Capture) -> str:
    """Which file holds a capture; copies of a page land in other files than the page."""
    host = capture.url.split("/")[2]
    if capture.kind.startswith("wet"):
        return WET
    if host == _UNCOMPRESSED_HOST:
        return UNCOMPRESSED
    if host in _DAMAGED_HOSTS and not capture.group:
        return DAMAGED
    return f"CC-SAMPLE-2020-{zlib.crc32(capture.url.encode()) % MAIN_FILES:05d}.warc.gz"


def _broken_member(kind: str, number: int, html: bytes) -> bytes:
    """The bytes of one broken record, named by what is wrong with it."""
    url = f"{_BROKEN_HOST}/{kind}"
    date = plan.date_of(url)
    identity = str(uuid5(NAMESPACE, url))
    if kind == "garbage_between_members":
        return damage.GARBAGE
    if kind == "garbage_headers":
        return damage.member(damage.garbage_headers_record())
    error = {"content_length_too_long": 5000, "content_length_too_short": -700}.get(kind, 0)
    whole = damage.member(damage.response_record(url, date, identity, html, error))
    if kind == "bad_checksum":
        return damage.bad_checksum(whole)
    return damage.truncated(whole) if kind.startswith("truncated") else whole


BROKEN = (
    "truncated_member",
    "content_length_too_long",
    "garbage_between_members",
    "content_length_too_short",
    "garbage_headers",
    "bad_checksum",
    "truncated_at_the_end",
)


def damaged_file(contents: Sequence[Capture]) -> tuple[bytes, list[dict[str, Any]]]:
    """Good captures with a broken record after every few of them; the file itself ends in the middle of a record."""
    warc = Warc(DAMAGED, _INFO_DATE)
    pieces: list[bytes] = []
    broken: list[dict[str, Any]] = []
    step = max(1, len(contents) // len(BROKEN))
    done = 0
    html = next(capture.body for capture in _special_captures() if capture.kind == BROKEN_RECORD)
    for number, kind in enumerate(BROKEN):
        last = kind == BROKEN[-1]
        for capture in contents[number * step :] if last else contents[number * step : (number + 1) * step]:
            warc.add(capture)
        good = warc.getvalue()
        pieces.append(good[done:])
        done = len(good)
        torn = _broken_member(kind, number, html)
        entry: dict[str, Any] = {"file": DAMAGED, "offset": sum(map(len, pieces)), "kind": kind, "fate": "unreadable"}
        if not kind.startswith("garbage"):
            entry["url"] = f"{_BROKEN_HOST}/{kind}"
        if kind.startswith("content_length") or kind == "bad_checksum":
            entry["also"] = ["kept", "exact_duplicate", "near_duplicate", "line_deduplicated", "low_quality"]
        broken.append(entry)
        pieces.append(torn)
    return b"".join(pieces), broken


def _described(capture: Capture, name: str) -> dict[str, Any]:
    entry: dict[str, Any] = {
        "url": capture.url,
        "file": name,
        "date": capture.date,
        "kind": capture.kind,
        "fate": capture.fate,
    }
    optional = {
        "also": list(capture.also),
        "group": list(capture.group),
        "language": capture.language,
        "coding": capture.coding,
        **capture.note,
    }
    return {**entry, **{key: value for key, value in optional.items() if value}}


def built_with() -> dict[str, str]:
    """The compressors whose output the compressed bytes are."""
    return {"zlib": zlib.ZLIB_RUNTIME_VERSION, "brotli": brotli.__version__}


def crawl() -> dict[str, bytes]:
    """Name and bytes of every file of the crawl, EXPECTED.json among them."""
    by_file: dict[str, list[Capture]] = {}
    for capture in captures():
        if capture.kind == "coding_lie":
            capture = odd.lying_coding(capture)
        elif capture.kind == "coding_cut":
            capture = odd.cut_coding(capture)
        by_file.setdefault(file_of(capture), []).append(capture)
    files: dict[str, bytes] = {}
    pages: list[dict[str, Any]] = []
    broken: list[dict[str, Any]] = []
    for name in sorted(by_file):
        contents = sorted(by_file[name], key=lambda capture: (capture.date, capture.url))
        if name == DAMAGED:
            files[name], broken = damaged_file(contents)
        else:
            warc = Warc(name, _INFO_DATE, compressed=name != UNCOMPRESSED, wet=name == WET)
            for capture in contents:
                warc.add_text(capture) if name == WET else warc.add(capture)
            if name == UNCOMPRESSED:
                again = replace(contents[0], date="2020-12-30T12:00:00Z")
                warc.add_revisit(again)
            files[name] = warc.getvalue()
        pages += [_described(capture, name) for capture in contents]
    expected = {
        "built_with": built_with(),
        "records": {name: len(contents) for name, contents in sorted(by_file.items())},
        "kinds": dict(sorted(Counter(page["kind"] for page in pages).items())),
        "boilerplate": [line for site in ENGLISH_SITES for line in site.boilerplate],
        "pages": pages,
        "broken": broken,
    }
    files["EXPECTED.json"] = (json.dumps(expected, indent=1, ensure_ascii=False) + "\n").encode()
    return files


def build(output: Path) -> None:
    """Write the crawl into `output`."""
    output.mkdir(parents=True, exist_ok=True)
    for name, data in crawl().items():
        (output / name).write_bytes(data)


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--output", type=Path, default=HERE / "crawl")
    build(parser.parse_args().output)


if __name__ == "__main__":
    main()
