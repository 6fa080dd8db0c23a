"""Dedup of whole books: one that stands (nearly) whole in another goes, whatever its front matter.

Shuffled are samples of hashes and pairs of addresses (see curate.dedup.containment); what is compared in full is read
from documents/ by whoever compares it. A worker holds a bucket of samples, or the texts of two shards; one holds all
pairs in which a book is contained (40 bytes each, at most 64 a book).
"""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Iterable, Iterator
from typing import Any

import apache_beam as beam
import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from curate.dedup.containment import (
    CONTAINED,
    HITS,
    SHINGLE,
    added_up,
    candidates,
    containment,
    displaced,
    hits_in_bucket,
    rank,
    sample_rows,
)
from curate.dedup.minhash import shingle_hashes
from curate.dedup.rows import Packed, pack, split_by, unpack
from curate.manifest import Dedup
from curate.storage import exists, join
from pipelines.collect import WriteRecords, take_records
from pipelines.dedup_lines import Remaining
from pipelines.dedup_near import near_rows
from pipelines.engine import Engine
from pipelines.shards import Record, column, finished_record, peak_memory, read_shard, shard_file, write_shard
from pipelines.stage import merge
from pipelines.tasks import Tasks

FOLDER = "duplicates/books"
LABEL = "contained"
_SCHEMA = pa.schema(
    [
        ("row", pa.uint32()),
        ("by_shard", pa.uint32()),
        ("by_row", pa.uint32()),
        ("containment", pa.float64()),
        ("shingles", pa.uint32()),
        ("characters", pa.uint32()),
    ]
)
_HELD_SHARDS = 2
_HELD_BOOKS = 64


class Texts:
    """The documents that the stages before left in a shard: rows and texts."""

    def __init__(self, output: str, shard: int) -> None:
        self._remaining = Remaining(output, shard)
        self.rows: NDArray[np.intp] = np.setdiff1d(self._remaining.rows, near_rows(output, shard))

    def text(self, row: int) -> str:
        return self._remaining.text(row)


class Shingles:
    """The shingles of books anywhere in the corpus, the last used held."""

    def __init__(self, output: str, words: int) -> None:
        self._output = output
        self._words = words
        self._texts: OrderedDict[int, Texts] = OrderedDict()
        self._books: OrderedDict[tuple[int, int], tuple[NDArray[np.uint64], int]] = OrderedDict()

    def of(self, shard: int, row: int) -> tuple[NDArray[np.uint64], int]:
        """(distinct hashes, sorted; characters) of one book."""
        found = self._books.get((shard, row))
        if found is None:
            text = self._shard(shard).text(row)
            found = self._books[shard, row] = shingle_hashes(text, self._words), len(text)
            if len(self._books) > _HELD_BOOKS:
                self._books.popitem(last=False)
        else:
            self._books.move_to_end((shard, row))
        return found

    def _shard(self, shard: int) -> Texts:
        found = self._texts.get(shard)
        if found is None:
            found = self._texts[shard] = Texts(self._output, shard)
            if len(self._texts) > _HELD_SHARDS:
                self._texts.popitem(last=False)
        else:
            self._texts.move_to_end(shard)
        return found


class ReadSamples(beam.DoFn):
    """shard -> (bucket of the hash, packed SHINGLE rows)."""

    def __init__(self, output: str, config: dict[str, Any]) -> None:
        self.output = output
        self.config = config

    def process(self, shard: int) -> Iterator[tuple[int, bytes]]:
        config = Dedup.model_validate(self.config)
        texts = Texts(self.output, shard)
        parts = [
            sample_rows(shingle_hashes(texts.text(row), config.books.shingle_words), shard, row, config.books.sample)
            for row in texts.rows.tolist()
        ]
        rows = np.concatenate([np.zeros(0, SHINGLE), *parts])
        for bucket, chunk in split_by(rows, (rows["hash"] % np.uint64(config.buckets)).astype(np.int64)):
            yield bucket, pack(chunk)


class FindHits(beam.DoFn):
    """(bucket, packed SHINGLE rows) -> (shard of a, packed HITS rows)."""

    def process(self, element: tuple[int, Iterable[bytes]]) -> Iterator[tuple[int, bytes]]:
        hits = hits_in_bucket(unpack(element[1], SHINGLE))
        for shard, chunk in split_by(hits, hits["a_shard"].astype(np.int64)):
            yield shard, pack(chunk)


class ChooseCandidates(beam.DoFn):
    """(shard of a, packed HITS rows) -> (shard of b, packed HITS rows) of the pairs to measure."""

    def __init__(self, limit: float) -> None:
        self.limit = limit

    def process(self, element: tuple[int, Iterable[bytes]]) -> Iterator[tuple[int, bytes]]:
        pairs = candidates(unpack(element[1], HITS), self.limit)
        for shard, chunk in split_by(pairs, pairs["b_shard"].astype(np.int64)):
            yield shard, pack(chunk)


class Measure(beam.DoFn):
    """(shard of b, packed HITS rows) -> (0, packed CONTAINED rows) of the pairs of which more than the limit is."""

    def __init__(self, output: str, config: dict[str, Any]) -> None:
        self.output = output
        self.config = config

    def process(self, element: tuple[int, Iterable[bytes]]) -> Iterator[tuple[int, bytes]]:
        config = Dedup.model_validate(self.config).books
        # Sorted by a: the texts of one shard of a's are read at a time, beside those of b's.
        pairs = added_up(unpack(element[1], HITS))
        shingles = Shingles(self.output, config.shingle_words)
        found: list[tuple[Any, ...]] = []
        for a_shard, a_row, b_shard, b_row, *_ in pairs.tolist():
            a, characters = shingles.of(a_shard, a_row)
            b, _ = shingles.of(b_shard, b_row)
            share = containment(a, b)
            if share > config.max_containment:
                found.append((rank(len(a)), a_shard, a_row, rank(len(b)), b_shard, b_row, share, len(a), characters))
        if found:
            yield 0, pack(np.array(found, CONTAINED))


class ChooseDisplaced(beam.DoFn):
    """(0, all packed CONTAINED rows) -> (shard, packed CONTAINED rows) of the books that go."""

    def process(self, element: tuple[int, Iterable[bytes]]) -> Iterator[tuple[int, bytes]]:
        rows: Packed = displaced(unpack(element[1], CONTAINED))
        for shard, chunk in split_by(rows, rows["a_shard"].astype(np.int64)):
            yield shard, pack(chunk)


class WriteBooks(beam.DoFn):
    """(shard, packed CONTAINED chunks) -> its Record; writes duplicates/books/."""

    def __init__(self, output: str) -> None:
        self.output = output

    def process(self, element: tuple[int, Iterable[bytes]]) -> Iterator[Record]:
        shard, chunks = element
        file = shard_file(FOLDER, shard)
        yield finished_record(self.output, file) or self.write(shard, file, chunks)

    def write(self, shard: int, file: str, chunks: Iterable[bytes]) -> Record:
        cpu = time.process_time()
        rows = np.sort(unpack(chunks, CONTAINED), order="a_row")
        texts = Texts(self.output, shard)
        total = sum(len(texts.text(row)) for row in texts.rows.tolist())
        gone = int(rows["characters"].sum())
        names = ("a_row", "b_shard", "b_row", "containment", "shingles", "characters")
        return write_shard(
            self.output,
            file,
            pa.table([rows[name] for name in names], schema=_SCHEMA),
            {
                "shard": shard,
                "in": len(texts.rows),
                "out": len(texts.rows) - len(rows),
                "dropped": {LABEL: len(rows)} if len(rows) else {},
                "dropped_characters": {LABEL: gone} if len(rows) else {},
                "set_aside": 0,
                "characters_in": total,
                "characters_out": total - gone,
                "peak_memory": peak_memory(),
                "cpu_seconds": time.process_time() - cpu,
            },
        )


def run_dedup_books(engine: Engine, shards: list[int], config: Dedup, output: str) -> Record:
    result = join(output, FOLDER, "_records.json")
    dumped = config.model_dump(mode="json")

    def build(pipeline: beam.Pipeline) -> None:
        numbers = pipeline | "Shards" >> Tasks(shards, output, "dedup_books")
        gone = (
            numbers
            | "ReadSamples" >> beam.ParDo(ReadSamples(output, dumped))
            | "ByHash" >> beam.GroupByKey()
            | "FindHits" >> beam.ParDo(FindHits())
            | "ByShardOfA" >> beam.GroupByKey()
            | "ChooseCandidates" >> beam.ParDo(ChooseCandidates(config.books.max_containment))
            | "ByShardOfB" >> beam.GroupByKey()
            | "Measure" >> beam.ParDo(Measure(output, dumped))
            | "Together" >> beam.GroupByKey()
            | "ChooseDisplaced" >> beam.ParDo(ChooseDisplaced())
        )
        every = numbers | "EveryShard" >> beam.Map(lambda shard: (shard, b""))
        (
            (gone, every)
            | "DisplacedAndEvery" >> beam.Flatten()
            | "ByShard" >> beam.GroupByKey()
            | "WriteBooks" >> beam.ParDo(WriteBooks(output))
            | "Records" >> WriteRecords(result)
        )

    engine.run("dedup_books", build)
    return merge(take_records(result))


def book_rows(output: str, shard: int) -> NDArray[np.intp]:
    """Rows of a shard that book dedup dropped, sorted; none where the stage is not part of the build."""
    file = shard_file(FOLDER, shard)
    if not exists(join(output, file)):
        return np.zeros(0, np.intp)
    return column(read_shard(output, file, ["row"]), "row").astype(np.intp)
