"""Training pages of the Wikipedia-reference classifier: crawl pages that Wikipedia cites, and as many that it does not.

LLaMA (Touvron et al. 2023, §2.1) "used a linear model to classify pages used as references in Wikipedia v.s. randomly
sampled pages". Cited URLs are held as packed hashes, and both samples are of a fixed size, so memory does not grow
with the crawl. A sample is of the texts with the lowest hashes of (seed, text): uniform over distinct texts, and the
same in whatever order and parts the crawl is read. RedPajama-v1 took the first pages of each file, which is neither.
"""

from __future__ import annotations

import heapq
import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from hashlib import blake2b
from typing import TypeVar

import numpy as np

from curate.document import Document
from curate.inputs import InputFile
from curate.models.cited_keys import CitedKeys, Gathered, among
from curate.models.cited_urls import lookup_key
from curate.parquet import opened
from curate.report.corpus import Corpus
from curate.sources.commoncrawl import document_from_record
from curate.sources.warc import RawRecord, read_range
from curate.storage import join

LEAST_CHARACTERS = 300
"""As CCNet's `min_len`; a shorter page says too little to learn from."""
MOST_CHARACTERS = 20_000
"""Where a text is cut, so that a sample's memory has a bound."""
BAND = 1.25
"""Lengths within this factor of one another count as the same when lengths are balanced."""
_BATCH = 1024

Item = TypeVar("Item")


@dataclass(frozen=True, slots=True, order=True)
class SampledPage:
    """A page in a sample. rank: 16 bytes, uniform, of (seed, digest); digest: of the normalised text; text: cut."""

    rank: bytes
    digest: bytes
    url: str
    text: str


class TextSample:
    """The `size` distinct texts with the lowest ranks among all that were offered; of one text, the first URL.

    Texts are the same where they differ in case and white space alone.
    """

    def __init__(self, size: int, seed: int) -> None:
        if size < 1:
            raise ValueError("a sample holds at least one page")
        self.size = size
        self.seed = seed
        self._pages: dict[bytes, SampledPage] = {}
        self._highest: list[tuple[int, bytes]] = []

    def __len__(self) -> int:
        return len(self._pages)

    def offer(self, url: str, text: str, digest: bytes) -> None:
        rank = blake2b(digest, key=str(self.seed).encode(), digest_size=16).digest()
        self._keep(rank, digest, url, text)

    def _keep(self, rank: bytes, digest: bytes, url: str, text: str) -> None:
        held = self._pages.get(digest)
        if held is None:
            order = -int.from_bytes(rank, "big")
            if len(self._pages) < self.size:
                heapq.heappush(self._highest, (order, digest))
            elif order > self._highest[0][0]:
                del self._pages[heapq.heapreplace(self._highest, (order, digest))[1]]
            else:
                return
        page = SampledPage(rank, digest, url, text[:MOST_CHARACTERS])
        self._pages[digest] = page if held is None else min(held, page)

    def merge(self, other: TextSample) -> None:
        """Take in a sample of another part of the pages, made with the same size and seed (else ValueError)."""
        if (self.size, self.seed) != (other.size, other.seed):
            raise ValueError("samples of different sizes or seeds cannot be merged")
        for page in other._pages.values():
            self._keep(page.rank, page.digest, page.url, page.text)

    def pages(self) -> list[SampledPage]:
        """By rank, each address once."""
        first: dict[str, SampledPage] = {}
        for page in sorted(self._pages.values()):
            first.setdefault(lookup_key(page.url) or page.url, page)
        return list(first.values())


@dataclass(slots=True)
class CitedPages:
    """Both samples while pages pass. pages, cited, short: how many were seen, are cited, or were too short."""

    keys: CitedKeys
    positives: TextSample
    negatives: TextSample
    pages: int = 0
    cited: int = 0
    short: int = 0
    _cited_texts: Gathered = field(default_factory=Gathered)

    def read(self, pages: Iterable[tuple[str, str]]) -> CitedPages:
        """Take in (url, text) pages, in any order; call it again, or merge, for more."""
        batch: list[tuple[str, str]] = []
        for page in pages:
            batch.append(page)
            if len(batch) == _BATCH:
                self._read(batch)
                batch = []
        self._read(batch)
        return self

    def _read(self, batch: list[tuple[str, str]]) -> None:
        for (url, text), cited in zip(batch, self.keys.cited([url for url, _ in batch]).tolist(), strict=True):
            self.pages += 1
            self.cited += cited
            if len(text) < LEAST_CHARACTERS:
                self.short += 1
                continue
            digest = text_key(text)
            if cited:
                self._cited_texts.add(_short(digest))
            (self.positives if cited else self.negatives).offer(url, text, digest)

    def merge(self, other: CitedPages) -> None:
        """Take in what was read of another part of the crawl with the same keys."""
        self.positives.merge(other.positives)
        self.negatives.merge(other.negatives)
        self._cited_texts.extend(other._cited_texts.sorted())
        self.pages += other.pages
        self.cited += other.cited
        self.short += other.short

    def samples(self) -> tuple[list[SampledPage], list[SampledPage]]:
        """(positives, negatives), by rank. No text of a cited page is a negative, wherever else it was found."""
        negatives = self.negatives.pages()
        of_cited = among(self._cited_texts.sorted(), np.array([_short(page.digest) for page in negatives], np.uint64))
        others = [page for page, positive in zip(negatives, of_cited.tolist(), strict=True) if not positive]
        return self.positives.pages(), others

    def balanced(self) -> tuple[list[SampledPage], list[SampledPage]]:
        """`samples`, as many of each within every band of lengths, those of lowest rank; by rank.

        A classifier that reads them learns nothing from length: any threshold on it is right for half, to within a
        band (`BAND`).
        """
        pairs = same_lengths(*self.samples(), lambda page: len(page.text))
        return sorted(one for one, _ in pairs), sorted(other for _, other in pairs)


def select_pages(
    keys: CitedKeys, pages: Iterable[tuple[str, str]], *, positives: int, negatives: int, seed: int = 0
) -> CitedPages:
    """Sample at most so many cited and other pages. Memory: `MOST_CHARACTERS` a sampled page, the keys, and 8 bytes a
    cited text (24 while they are merged)."""
    return CitedPages(keys, TextSample(positives, seed), TextSample(negatives, seed)).read(pages)


def text_key(text: str) -> bytes:
    """16 bytes that are equal for texts that differ in case and white space alone."""
    words = " ".join(text.lower().split())
    return blake2b(words.encode("utf-8", "surrogatepass"), digest_size=16).digest()


def pages_of_build(output: str) -> Iterator[tuple[str, str]]:
    """(url, text) of every extracted document of a finished build folder, before dedup and filters. UserError as
    `Corpus`. Memory is one batch of rows."""
    for shard in Corpus(output).shards:
        with opened(join(output, "documents", f"shard-{shard:06d}.parquet")) as file:
            for batch in file.iter_batches(_BATCH, columns=["url", "text"], use_threads=False):
                yield from zip(batch["url"].to_pylist(), batch["text"].to_pylist(), strict=True)


def pages_of_crawl(files: Iterable[InputFile]) -> Iterator[tuple[str, str]]:
    """(url, text) of every page in WARC and WET files (see `curate.inputs.resolve_inputs`), as `curate build` extracts
    them (the first line of a WET page is its title); what is no page or cannot be read is passed over."""
    for item in files:
        for record in read_range(item.path, item.file, 0, None):
            if isinstance(record, RawRecord):
                document = document_from_record(record, item.file, first_line_is_title=True)
                if isinstance(document, Document):
                    yield document.url, document.text


def _short(digest: bytes) -> int:
    return int.from_bytes(digest[:8], "little")


def same_lengths(one: Sequence[Item], other: Sequence[Item], length: Callable[[Item], int]) -> list[tuple[Item, Item]]:
    """Pairs of an item of each, the first ones, as many as can be within each band of lengths (a factor of `BAND`)."""
    bands: dict[int, tuple[list[Item], list[Item]]] = {}
    for side, items in enumerate((one, other)):
        for item in items:
            band = math.floor(math.log(max(length(item), 1)) / math.log(BAND))
            bands.setdefault(band, ([], []))[side].append(item)
    return [pair for band in sorted(bands) for pair in zip(*bands[band], strict=False)]
