"""The URL keys of all pages that Wikipedia cites (38 million in RedPajama-v1), packed into sorted 64-bit hashes."""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Sequence
from hashlib import blake2b

import numpy as np
from numpy.typing import NDArray

from curate.errors import UserError
from curate.models.cited_urls import lookup_key
from curate.storage import atomic_write, filesystem

_PENDING = 1 << 20

Hashes = NDArray[np.uint64]


class Gathered:
    """Distinct 64-bit numbers, packed. Merged whenever as many wait as are merged, so that the whole is linear."""

    def __init__(self) -> None:
        self._merged: Hashes = np.zeros(0, np.uint64)
        self._parts: list[Hashes] = []
        self._pending = array("Q")
        self._waiting = 0

    def add(self, number: int) -> None:
        self._pending.append(number)
        if len(self._pending) == _PENDING:
            self.extend(np.array(self._pending, np.uint64))
            self._pending = array("Q")

    def extend(self, numbers: Hashes) -> None:
        self._parts.append(np.unique(numbers))
        self._waiting += len(self._parts[-1])
        if self._waiting >= max(len(self._merged), 8 * _PENDING):
            self._merge()

    def _merge(self) -> None:
        self._merged = np.unique(np.concatenate([self._merged, *self._parts]))
        self._parts, self._waiting = [], 0

    def sorted(self) -> Hashes:
        self._parts.append(np.array(self._pending, np.uint64))
        self._pending = array("Q")
        self._merge()
        return self._merged


class CitedKeys:
    """A set of URL keys (see `lookup_key`) as sorted 64-bit hashes: 8 bytes a key, 24 while it is made.

    A key that is not in it is found with probability len / 2**64: with 50 million keys and three billion pages looked
    up, one page in a hundred such crawls.
    """

    def __init__(self, hashes: Hashes) -> None:
        self.hashes = hashes

    @classmethod
    def of(cls, keys: Iterable[str]) -> CitedKeys:
        gathered = Gathered()
        for key in keys:
            if key:
                gathered.add(_hash(key))
        return cls(gathered.sorted())

    def __len__(self) -> int:
        return len(self.hashes)

    def cited(self, urls: Sequence[str]) -> NDArray[np.bool_]:
        """Which of these URLs, as crawled, are in the set, shape (len(urls),)."""
        keys = [lookup_key(url) for url in urls]
        hashes = np.array([_hash(key) for key in keys], np.uint64)
        found = among(self.hashes, hashes)
        found[[not key for key in keys]] = False
        return found

    def save(self, path: str) -> None:
        """As a `.npy` of sorted uint64, whole or not at all."""
        with atomic_write(path) as out:
            np.save(out, self.hashes, allow_pickle=False)

    @classmethod
    def load(cls, path: str) -> CitedKeys:
        """What `save` wrote; UserError for anything else."""
        fs, inner = filesystem(path)
        try:
            with fs.open(inner, "rb") as stored:
                hashes = np.load(stored, allow_pickle=False)
        except (OSError, ValueError, EOFError) as error:
            raise UserError(f"{path} holds no keys of cited pages: {' '.join(str(error).split())[:120]}") from None
        if hashes.dtype != np.uint64 or hashes.ndim != 1 or not np.all(hashes[1:] > hashes[:-1]):
            raise UserError(f"{path} holds no keys of cited pages: it is no sorted list of 64-bit hashes")
        return cls(hashes)


def among(ordered: Hashes, wanted: Hashes) -> NDArray[np.bool_]:
    """Which of `wanted` are in `ordered`, which is sorted; shape (len(wanted),)."""
    if not len(ordered):
        return np.zeros(len(wanted), bool)
    places = np.minimum(np.searchsorted(ordered, wanted), len(ordered) - 1)
    found: NDArray[np.bool_] = ordered[places] == wanted
    return found


def _hash(key: str) -> int:
    return int.from_bytes(blake2b(key.encode("utf-8", "surrogatepass"), digest_size=8).digest(), "little")
