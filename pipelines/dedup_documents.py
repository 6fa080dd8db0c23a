"""Dedup of whole documents: by URL (latest wins), then by exact text, as two shuffles of packed rows."""

from __future__ import annotations

import datetime
import time
from collections import Counter
from collections.abc import Iterable, Iterator
from hashlib import blake2b
from typing import Any

import apache_beam as beam
import numpy as np
import pyarrow as pa

from curate.dedup.captures import Reason, first_texts, latest_captures
from curate.dedup.rows import CAPTURE, DISPLACED, Packed, ordered, pack, split_by, unpack
from curate.manifest import Dedup
from curate.storage import join
from curate.text.c4 import normal_url
from pipelines.collect import WriteRecords, take_records
from pipelines.engine import Engine
from pipelines.shards import Record, column, finished_record, peak_memory, read_shard, shard_file, write_shard
from pipelines.stage import merge
from pipelines.tasks import Tasks

FOLDER = "duplicates/documents"
_NO_DATE = -(1 << 62)
_SCHEMA = pa.schema([("row", pa.uint32()), ("reason", pa.uint32()), ("by_shard", pa.uint32()), ("by_row", pa.uint32())])


def seconds(date: str) -> int:
    """Seconds since 1970 of an ISO date in UTC; far in the past for an unknown one, so any date is later."""
    try:
        return int(datetime.datetime.fromisoformat(date.replace("Z", "+00:00")).timestamp())
    except (ValueError, OverflowError):
        return _NO_DATE


def captures(table: pa.Table, shard: int, config: Dedup) -> Packed:
    """CAPTURE rows of a shard of documents. With url dedup off, every document is its own URL."""
    out = np.zeros(table.num_rows, CAPTURE)
    out["shard"], out["row"] = shard, np.arange(table.num_rows)
    for row, (url, date, digest) in enumerate(
        zip(*(table.column(name).to_pylist() for name in ("url", "date", "digest")), strict=True)
    ):
        if config.url.enabled and url:
            key = normal_url(url) if config.url.normal_form == "c4" else url
        else:
            key = f"\x00{shard}\x00{row}"
        hashed = blake2b(key.encode("utf-8", "surrogatepass"), digest_size=16).digest()
        text = bytes.fromhex(digest)
        out[row] = (
            int.from_bytes(hashed[:8], "little"),
            int.from_bytes(hashed[8:], "little"),
            seconds(date),
            int.from_bytes(text[:8], "little"),
            int.from_bytes(text[8:], "little"),
            shard,
            row,
        )
    return out


class ReadCaptures(beam.DoFn):
    """shard -> (bucket of the URL, packed CAPTURE rows)."""

    def __init__(self, output: str, config: dict[str, Any]) -> None:
        self.output = output
        self.config = config

    def process(self, shard: int) -> Iterator[tuple[int, bytes]]:
        config = Dedup.model_validate(self.config)
        table = read_shard(self.output, shard_file("documents", shard), ["url", "date", "digest"])
        rows = captures(table, shard, config)
        for bucket, chunk in split_by(rows, (rows["url_lo"] % np.uint64(config.buckets)).astype(np.int64)):
            yield bucket, pack(chunk)


class KeepLatest(beam.DoFn):
    """(bucket, packed CAPTURE rows) -> (bucket of the text, packed survivors); `displaced`: (shard, packed)."""

    def __init__(self, buckets: int) -> None:
        self.buckets = buckets

    def process(self, element: tuple[int, Iterable[bytes]]) -> Iterator[Any]:
        stays, displaced = latest_captures(unpack(element[1], CAPTURE))
        for shard, chunk in split_by(displaced, displaced["shard"].astype(np.int64)):
            yield beam.pvalue.TaggedOutput("displaced", (shard, pack(chunk)))
        for bucket, chunk in split_by(stays, (stays["text_lo"] % np.uint64(self.buckets)).astype(np.int64)):
            yield bucket, pack(chunk)


class KeepFirst(beam.DoFn):
    """(bucket, packed CAPTURE rows) -> (shard, packed DISPLACED)."""

    def __init__(self, enabled: bool) -> None:
        self.enabled = enabled

    def process(self, element: tuple[int, Iterable[bytes]]) -> Iterator[tuple[int, bytes]]:
        if self.enabled:
            _, displaced = first_texts(unpack(element[1], CAPTURE))
            for shard, chunk in split_by(displaced, displaced["shard"].astype(np.int64)):
                yield shard, pack(chunk)


class WriteDisplaced(beam.DoFn):
    """(shard, packed DISPLACED chunks) -> its Record; writes duplicates/documents/."""

    def __init__(self, output: str) -> None:
        self.output = output

    def process(self, element: tuple[int, Iterable[bytes]]) -> Iterator[Record]:
        cpu = time.process_time()
        shard, chunks = element
        file = shard_file(FOLDER, shard)
        record = finished_record(self.output, file)
        if record is None:
            rows = ordered(unpack(chunks, DISPLACED), "row")
            texts = read_shard(self.output, shard_file("documents", shard), ["text"]).column("text")
            lengths = np.array([len(text) for text in texts.to_pylist()], np.int64)
            labels = [Reason(reason).label for reason in rows["reason"].tolist()]
            gone = Counter[str]()
            for label, row in zip(labels, rows["row"].tolist(), strict=True):
                gone[label] += int(lengths[row])
            record = write_shard(
                self.output,
                file,
                pa.table({name: rows[name] for name in _SCHEMA.names}, schema=_SCHEMA),
                {
                    "shard": shard,
                    "in": len(lengths),
                    "out": len(lengths) - len(rows),
                    "dropped": dict(Counter(labels)),
                    "dropped_characters": dict(gone),
                    "set_aside": 0,
                    "characters_in": int(lengths.sum()),
                    "characters_out": int(lengths.sum()) - sum(gone.values()),
                    "peak_memory": peak_memory(),
                    "cpu_seconds": time.process_time() - cpu,
                },
            )
        yield record


def displaced_rows(output: str, shard: int) -> np.ndarray:
    """Rows of a shard that URL or exact dedup dropped, sorted."""
    return column(read_shard(output, shard_file(FOLDER, shard), ["row"]), "row")


def run_dedup_documents(engine: Engine, shards: list[int], config: Dedup, output: str) -> Record:
    result = join(output, FOLDER, "_records.json")

    def build(pipeline: beam.Pipeline) -> None:
        numbers = pipeline | "Shards" >> Tasks(shards, output, "dedup_documents")
        latest = (
            numbers
            | "ReadCaptures" >> beam.ParDo(ReadCaptures(output, config.model_dump(mode="json")))
            | "ByUrl" >> beam.GroupByKey()
            | "KeepLatest" >> beam.ParDo(KeepLatest(config.buckets)).with_outputs("displaced", main="stays")
        )
        exact = (
            latest.stays | "ByText" >> beam.GroupByKey() | "KeepFirst" >> beam.ParDo(KeepFirst(config.exact.enabled))
        )
        every = numbers | "EveryShard" >> beam.Map(lambda shard: (shard, b""))
        (
            (latest.displaced, exact, every)
            | "Displaced" >> beam.Flatten()
            | "ByShard" >> beam.GroupByKey()
            | "WriteDisplaced" >> beam.ParDo(WriteDisplaced(output))
            | "Records" >> WriteRecords(result)
        )

    engine.run("dedup_documents", build)
    records = take_records(result)
    return merge(records)
