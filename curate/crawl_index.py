"""The files of a CommonCrawl crawl, from the list it publishes: `cc://CC-MAIN-2020-50`, with `/warc` or `/wet`."""

from __future__ import annotations

import os
import re
import zlib
from dataclasses import dataclass, replace
from typing import Literal

from curate import remote
from curate.errors import UserError
from curate.retry import Retry, Transient
from curate.web import Refused, shown, small_file

DEFAULT_BASE = "https://data.commoncrawl.org/"
BASE_VARIABLE = "CURATE_CC_BASE"
Count = int | Literal["all"] | None

_FORM = "cc://CC-MAIN-2020-50 (or cc://CC-MAIN-2020-50/wet)"
# Since 2013 crawls are named by ISO week; three older ones by year or years (https://commoncrawl.org/get-started).
_SPEC = re.compile(r"cc://(?P<crawl>CC-MAIN-\d{4}(?:-\d{2}|-\d{4})?)(?:/(?P<kind>warc|wet))?/?\Z", re.ASCII)
_SUFFIX = {"warc": ".warc.gz", "wet": ".warc.wet.gz"}
# A store whose names cannot be listed answers 403 to a name it does not have: a typo should not take minutes.
_LISTING_RETRIES = 6
_MAX_LIST = 64 << 20  # bytes; 90,000 paths of 140 bytes are 13 MB, and a listing is untrusted input


@dataclass(frozen=True, slots=True)
class CrawlFile:
    """url: what is fetched; key: its path in the crawl's own listing, the same from every mirror."""

    url: str
    key: str


def parse_count(text: str) -> Count:
    """`WARCS=` as the user writes it: a number from 1 up, `all`, or nothing."""
    if text in ("", "all"):
        return "all" if text else None
    if re.match(r"[1-9]\d{0,8}\Z", text, re.ASCII):
        return int(text)
    raise UserError(f"{text!r} is not a number of WARC files: use a number from 1 up, or all")


def crawl_files(spec: str, count: Count, *, base: str | None = None, retry: Retry | None = None) -> list[CrawlFile]:
    """The first `count` files of the crawl `spec` names, in the order of its listing.

    count: a number, or "all". None is a UserError that tells how many there are: a whole crawl is some 80 TB, which
    nobody should begin to download by leaving out an option. base: an https or fsspec URL (`s3://commoncrawl`); by
    default the environment's CURATE_CC_BASE, else https://data.commoncrawl.org/.
    """
    match = _SPEC.match(spec)
    if match is None:
        raise UserError(f"{spec!r} is not the name of a crawl: write it like {_FORM}{_nearest(spec)}")
    crawl, kind = match["crawl"], match["kind"] or "warc"
    root = (base or os.environ.get(BASE_VARIABLE) or DEFAULT_BASE).rstrip("/")
    if "://" not in root:
        raise UserError(f"{BASE_VARIABLE} must be a URL like {DEFAULT_BASE} or s3://commoncrawl, not {root!r}")
    listing = f"{root}/crawl-data/{crawl}/{kind}.paths.gz"
    patience = retry or Retry()
    packed = _read(listing, replace(patience, retries=min(patience.retries, _LISTING_RETRIES)), crawl)
    keys = _keys(packed, listing, _SUFFIX[kind])
    if count is None:
        raise UserError(f"{crawl} has {len(keys):,} {kind.upper()} files: say how many with WARCS=2, or WARCS=all")
    if count != "all" and not 1 <= count <= len(keys):
        raise UserError(f"{crawl} has {len(keys):,} {kind.upper()} files, so WARCS must be 1 to {len(keys)}, or all")
    chosen = keys if count == "all" else keys[:count]
    return [CrawlFile(f"{root}/{key}", key) for key in chosen]


def _nearest(spec: str) -> str:
    week = re.search(r"(\d{4})-(\d{2})(?!\d)", spec, re.ASCII)
    kind = "/wet" if "wet" in spec.lower() else ""
    return f"; did you mean cc://CC-MAIN-{week[0]}{kind}?" if week else ""


def _read(listing: str, retry: Retry, crawl: str) -> bytes:
    unknown = f"there is no crawl {crawl} at {shown(listing)}: see https://index.commoncrawl.org for names like {_FORM}"
    if remote.protocol_of(listing) in ("http", "https"):
        try:
            return small_file(listing, _MAX_LIST, retry)
        except Refused as error:
            if error.status in (404, 410):
                raise UserError(unknown) from error
            raise
        except UserError as error:
            if isinstance(error.__cause__, Transient) and error.__cause__.status == 403:
                raise UserError(f"{error}; or {unknown}") from error
            raise
    fs, inner = remote.open_filesystem(listing)

    def ask() -> bytes:
        try:
            if fs.size(inner) > _MAX_LIST:
                raise UserError(f"{shown(listing)} is larger than a listing may be ({_MAX_LIST:,} bytes)")
            return bytes(fs.cat_file(inner))
        except FileNotFoundError as error:
            raise UserError(unknown) from error
        except UserError:
            raise
        except Exception as error:  # every file system has exceptions of its own
            said = " ".join(f"{type(error).__name__} {error}".split())
            raise remote.explained(error, listing) or Transient(said) from error

    return retry.run(shown(listing), ask)


def _keys(packed: bytes, listing: str, suffix: str) -> list[str]:
    damaged = f"{shown(listing)} is not a list of CommonCrawl files: try again later, or another {BASE_VARIABLE}"
    unpacker = zlib.decompressobj(wbits=31)
    try:
        text = unpacker.decompress(packed, _MAX_LIST)
        lines = text.decode("ascii").split("\n")
    except (zlib.error, UnicodeDecodeError) as error:
        raise UserError(damaged) from error
    keys = [line for line in (line.rstrip("\r") for line in lines) if line]
    if not unpacker.eof or not keys or len(set(keys)) != len(keys):
        raise UserError(damaged)
    for key in keys:
        # A key becomes a path on disk.
        if not re.match(r"[\w.+=@,-]+(?:/[\w.+=@,-]+)*\Z", key, re.ASCII) or {".", ".."} & set(key.split("/")):
            raise UserError(damaged)
        if not key.endswith(suffix):
            raise UserError(damaged)
    return keys
