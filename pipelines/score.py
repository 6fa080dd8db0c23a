"""Score: every filter measures every document that dedup left; one column a measurement, no decision."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from typing import Any, TypeVar

import apache_beam as beam
import numpy as np
import pyarrow as pa

from curate.errors import SetAside
from curate.limits import Guard, guard_for
from curate.manifest import Limits
from curate.storage import join
from curate.text.page import Page
from filters.filter import Value
from pipelines.chain import build_chain, columns, measure
from pipelines.collect import WriteRecords, take_records
from pipelines.dedup_books import book_rows
from pipelines.dedup_lines import Remaining
from pipelines.dedup_near import near_rows
from pipelines.engine import Engine
from pipelines.extract import aside_table
from pipelines.shards import Record, finished_record, peak_memory, shard_file, write_beside, write_shard
from pipelines.stage import merge
from pipelines.tasks import Tasks

Result = TypeVar("Result")
FOLDER = "scores"
_FIXED = [
    pa.field("row", pa.uint32()),
    pa.field("id", pa.string()),
    pa.field("characters", pa.uint32()),
    pa.field("edited_characters", pa.uint32()),
]


class Survivors:
    """The documents of a shard that dedup kept, and their deduplicated texts, in row order."""

    def __init__(self, output: str, shard: int) -> None:
        self.remaining = Remaining(output, shard)
        gone = np.union1d(near_rows(output, shard), book_rows(output, shard))
        self.rows = np.setdiff1d(self.remaining.rows, gone)

    def __iter__(self) -> Iterator[tuple[int, Mapping[str, Any], str]]:
        """(row, the document's columns but its text, deduplicated text)."""
        documents = self.remaining.documents.drop_columns(["text"])
        for row, document in zip(self.rows.tolist(), documents.take(self.rows).to_pylist(), strict=True):
            yield row, document, self.remaining.text(row)


class ScoreShard(beam.DoFn):
    """shard -> its Record; writes scores/."""

    def __init__(self, output: str, filters: Mapping[str, Mapping[str, Any]], limits: Limits) -> None:
        self.output = output
        self.filters = filters
        self.limits = limits

    def setup(self) -> None:
        self.guard = guard_for(self.limits.document_seconds, self.limits.worker_memory, self.output)
        self.chain = build_chain(self.filters, "manifest")
        for item in self.chain:
            item.load()

    def process(self, shard: int) -> Iterator[Record]:
        file = shard_file(FOLDER, shard)
        yield finished_record(self.output, file) or self.score(shard, file)

    def score(self, shard: int, file: str) -> Record:
        cpu = time.process_time()
        schema = pa.schema([*_FIXED, *columns(self.chain)])
        values: dict[str, list[Any]] = {name: [] for name in schema.names}
        aside: list[SetAside] = []
        characters = gone = 0
        for row, document, text in Survivors(self.output, shard):
            characters += len(text)
            found = self.measured(document, text)
            if isinstance(found, SetAside):
                gone += len(text)
                aside.append(found)
                continue
            measured, left = found
            for name, value in (("row", row), ("id", document["id"]), *measured.items()):
                values[name].append(value)
            values["characters"].append(len(text))
            values["edited_characters"].append(len(left))
        beside = write_beside(self.output, shard_file("set_aside", shard, "score"), aside_table(aside))
        count = len(values["row"])
        return write_shard(
            self.output,
            file,
            pa.table(values, schema=schema),
            {
                "shard": shard,
                "in": count + len(aside),
                "out": count,
                "dropped": {},
                "dropped_characters": {},
                "set_aside": len(aside),
                "set_aside_by_reason": dict(Counter(item.reason for item in aside)),
                "characters_in": characters,
                "characters_out": characters - gone,
                "peak_memory": peak_memory(),
                "cpu_seconds": time.process_time() - cpu,
            },
            beside,
        )

    def measured(self, document: Mapping[str, Any], text: str) -> tuple[dict[str, Value], str] | SetAside:
        """The measurements of a document and its text as edits leave it, or why there are none."""
        try:
            return limited(self.guard, "score", document, lambda: measure(self.chain, Page.of(document, text)))
        except Exception as error:  # any text may come: one that a filter cannot take must not end the run
            detail = f"{document['id']}: {type(error).__name__}: {error}"
            return SetAside(document["file"], document["offset"], "unmeasurable", detail)


def limited(guard: Guard, stage: str, document: Mapping[str, Any], work: Callable[[], Result]) -> Result | SetAside:
    """`work()` on a document within the worker's limits; what is set aside can be asked for by the document's id."""
    found = guard.run(document["file"], document["offset"], work, f"{stage} {document['id']}")
    return replace(found, detail=f"{document['id']}: {found.detail}") if isinstance(found, SetAside) else found


def run_score(
    engine: Engine, shards: list[int], filters: Mapping[str, Mapping[str, Any]], output: str, limits: Limits
) -> Record:
    result = join(output, FOLDER, "_records.json")

    def build(pipeline: beam.Pipeline) -> None:
        (
            pipeline
            | "Shards" >> Tasks(shards, output, "score")
            | "ScoreShard" >> beam.ParDo(ScoreShard(output, dict(filters), limits))
            | "Records" >> WriteRecords(result)
        )

    engine.run("score", build)
    records = take_records(result)
    return merge(records)
