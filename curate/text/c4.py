"""C4's keys: which pages are one page, which lines are one line, which page is validation.

Source: TensorFlow Datasets, `text/c4_utils.py` (`normalize_url`, `_emit_url_to_lines`, `get_hashed_url_filter_fn`) and
`text/c4.py` (the split at 1 in 1000). The T5 paper (Raffel et al. 2020, §2.2) speaks of three-sentence spans; the code
that made C4 removes duplicate lines.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from hashlib import md5

SPLITS = 1000
VALIDATION_SPLIT = 0

_SCHEME = re.compile(r"https?://(www\.)?")
_TRACKING = re.compile(r"\?(utm_|ref|feed).*")


def _md5(text: str) -> bytes:
    return md5(text.encode("utf-8", "surrogatepass"), usedforsecurity=False).digest()


def normal_url(url: str) -> str:
    """The form in which C4 compares URLs: no scheme, `www.`, `?utm_…`, `?ref…`, `?feed…` nor trailing slashes.

    As published: a scheme goes wherever it stands, so an archive's `…/http://example.org` loses the inner one too.
    """
    return _TRACKING.sub("", _SCHEME.sub("", url)).rstrip("/")


def line_key(line: str) -> bytes:
    """16 bytes that are equal for lines C4 holds to be the same: md5 of the stripped, lower-cased line."""
    return _md5(line.strip().lower())


def page_rank(url: str) -> int:
    """64 bits of the md5 of a page's URL: of the pages that share a line, the lowest keeps it (`line_keeper`)."""
    return int.from_bytes(_md5(url)[:8], "big")


def line_keeper(urls: Iterable[str]) -> str:
    """Of the pages that share a line, the URL of the one that keeps it: the smallest md5, so no domain is favoured.

    Raises ValueError when there are none.
    """
    return min(urls, key=_md5)


def split_of(url: str) -> int:
    """md5 of the normal URL modulo 1000; C4's validation set is split 0, its training set the 999 others."""
    return int.from_bytes(_md5(normal_url(url)), "big") % SPLITS


def split_name(url: str) -> str:
    """`train` or `validation`; a page without URL is `train`, as all of them would be in one split."""
    return "validation" if url and split_of(url) == VALIDATION_SPLIT else "train"
