"""What arXiv says of its papers: a file of one JSON object a line, as arXiv publishes it (Kaggle, `Cornell-University/
arxiv`: id, title, authors, categories, license, versions, doi).

The file has millions of lines and 4 GB. It is read once to find where each paper's line begins; 16 bytes a paper are
held (the hash of its id, and the place), and a line is read when its paper comes.
"""

from __future__ import annotations

import json
import re
from array import array
from email.utils import parsedate_to_datetime
from functools import lru_cache
from typing import Any

import numpy as np
import xxhash
from numpy.typing import NDArray

from curate.errors import UserError
from curate.storage import filesystem

_ID = re.compile(rb'"id"\s{0,4}:\s{0,4}"([^"\\]{4,64})"')
_MAX_LINE = 4 << 20
_NOT_METADATA = 'extract.metadata: {} has no line with an "id": unpack arXiv\'s metadata as JSON lines'
_LICENCES = re.compile(r"https?://creativecommons\.org/licenses/(by(?:-nc)?(?:-sa|-nd)?)/([0-9]\.[0-9])/?")
_OTHERS = {
    "creativecommons.org/publicdomain/zero/1.0": "CC0-1.0",
    "creativecommons.org/licenses/publicdomain": "CC-PDDC",
    "arxiv.org/licenses/nonexclusive-distrib/1.0": "LicenseRef-arXiv-nonexclusive-distrib-1.0",
    "arxiv.org/licenses/assumed-1991-2003": "LicenseRef-arXiv-assumed-1991-2003",
}


def licence_of(address: str) -> str:
    """The SPDX expression of a licence that arXiv names by its address; "" for none or an unknown one."""
    if found := _LICENCES.fullmatch(address.strip()):
        return f"CC-{found[1].upper()}-{found[2]}"
    return _OTHERS.get(address.strip().partition("://")[2].rstrip("/"), "")


def date_of(record: dict[str, Any]) -> str:
    """When the latest version came in, YYYY-MM-DDTHH:MM:SSZ, or ""."""
    try:
        return parsedate_to_datetime(record["versions"][-1]["created"]).strftime("%Y-%m-%dT%H:%M:%SZ")
    except (KeyError, IndexError, TypeError, ValueError):
        return ""


def names_of(record: dict[str, Any]) -> list[str]:
    """The authors' names, first names first."""
    parsed = record.get("authors_parsed")
    if isinstance(parsed, list) and parsed:
        rows = [[str(part).strip() for part in row] for row in parsed if isinstance(row, list) and len(row) >= 2]
        return [" ".join(part for part in (row[1], row[0], *row[2:3]) if part) for row in rows]
    said = record.get("authors")
    return [name.strip() for name in re.split(r",|\band\b", said) if name.strip()] if isinstance(said, str) else []


def check(path: str) -> None:
    """Raises UserError, one line, where the file is not there or does not begin like arXiv's metadata."""
    fs, inner = filesystem(path)
    try:
        with fs.open(inner, "rb") as lines:
            if not any(_ID.search(lines.readline(_MAX_LINE)[:256]) for _ in range(100)):
                raise UserError(_NOT_METADATA.format(path))
    except FileNotFoundError:
        raise UserError(f"extract.metadata: no file at {path}") from None


class Metadata:
    """The records of one metadata file, by identifier."""

    def __init__(self, path: str) -> None:
        """Reads the file once. Raises UserError where it is no such file, FileNotFoundError where it is not there."""
        self.path = path
        self._fs, self._inner = filesystem(path)
        hashes, places = array("Q"), array("q")
        with self._fs.open(self._inner, "rb") as lines:
            place = 0
            for line in iter(lambda: lines.readline(_MAX_LINE), b""):
                if found := _ID.search(line[:256]):
                    hashes.append(xxhash.xxh3_64_intdigest(found[1]))
                    places.append(place)
                place += len(line)
        if not hashes:
            raise UserError(_NOT_METADATA.format(path))
        order = np.argsort(np.frombuffer(hashes, np.uint64), kind="stable")
        self._hashes: NDArray[np.uint64] = np.frombuffer(hashes, np.uint64)[order]
        self._places: NDArray[np.int64] = np.frombuffer(places, np.int64)[order]

    def of(self, identifier: str) -> dict[str, Any] | None:
        """The record of this paper, the last where there are several; None where there is none that can be read."""
        wanted = np.uint64(xxhash.xxh3_64_intdigest(identifier.encode()))
        last = int(np.searchsorted(self._hashes, wanted, "right"))
        first = int(np.searchsorted(self._hashes, wanted, "left"))
        with self._fs.open(self._inner, "rb") as lines:
            for number in range(last - 1, first - 1, -1):
                lines.seek(int(self._places[number]))
                try:
                    record = json.loads(lines.readline(_MAX_LINE))
                except (ValueError, RecursionError):
                    continue
                if isinstance(record, dict) and record.get("id") == identifier:
                    return record
        return None


def load(path: str) -> Metadata:
    """The metadata in this file, read once in a process as long as it does not change."""
    fs, inner = filesystem(path)
    try:
        return _loaded(path, str(fs.ukey(inner)))
    except FileNotFoundError:
        raise UserError(f"extract.metadata: no file at {path}") from None


@lru_cache(maxsize=1)
def _loaded(path: str, mark: str) -> Metadata:
    return Metadata(path)
