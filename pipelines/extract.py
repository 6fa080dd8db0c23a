"""Extract: pieces of a source's input in, one Parquet file of documents a shard out.

CommonCrawl has an extract of its own (`pipelines.commoncrawl`), because its ranges must be seen to meet.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import apache_beam as beam
import pyarrow as pa

from curate.document import DOCUMENT_SCHEMA, Document
from curate.errors import SetAside
from curate.inputs import InputFile
from curate.limits import guard_for
from curate.manifest import Limits
from curate.sections import ExtractSection
from curate.sources.registry import source_class
from curate.sources.source import Dropped, Outcome, Piece
from curate.storage import join
from pipelines.collect import WriteRecords, take_records
from pipelines.engine import Engine
from pipelines.shards import Record, finished_record, peak_memory, shard_file, write_beside, write_shard
from pipelines.stage import merge
from pipelines.tasks import Tasks

NOT_ASKED_FOR = "not_a_page"
"""The reason of records that never were documents: they are counted, and not listed one by one."""
MOST_PIECES = 10_000
DROPPED_SCHEMA = pa.schema(
    [
        ("url", pa.string()),
        ("reason", pa.string()),
        ("detail", pa.string()),
        ("file", pa.string()),
        ("offset", pa.uint64()),
    ]
)
SET_ASIDE_SCHEMA = pa.schema(
    [("file", pa.string()), ("offset", pa.uint64()), ("reason", pa.string()), ("detail", pa.string())]
)


@dataclass(frozen=True)
class ShardTask:
    """One shard of extraction: pieces that one worker reads, in order."""

    shard: int
    pieces: tuple[Piece, ...]

    @classmethod
    def of(cls, element: dict[str, Any]) -> ShardTask:
        return cls(element["shard"], tuple(Piece(**piece) for piece in element["pieces"]))


def plan(name: str, inputs: Sequence[InputFile], config: ExtractSection) -> list[ShardTask]:
    """Shards in the order of the input; consecutive small pieces share one until they are `range_bytes` together."""
    source = source_class(name)(config)
    source.survey(inputs)
    tasks: list[ShardTask] = []
    held: list[Piece] = []
    size = 0
    for index, item in enumerate(inputs):
        for piece in source.pieces(item, index):
            if held and (size + piece.size > config.range_bytes or len(held) >= MOST_PIECES):
                tasks.append(ShardTask(len(tasks), tuple(held)))
                held, size = [], 0
            held.append(piece)
            size += piece.size
    return [*tasks, ShardTask(len(tasks), tuple(held))] if held else tasks


class Found:
    """What a shard's records came to, as they are read; `write` makes the shard of it."""

    def __init__(self) -> None:
        self.documents: list[Document] = []
        self.dropped: list[tuple[str, str, str, str, int]] = []
        self.aside: list[SetAside] = []
        self.reasons: Counter[str] = Counter()
        self._cpu = time.process_time()

    def add(self, outcome: Outcome, file: str) -> None:
        """file: the key of the input file it was read from."""
        if isinstance(outcome, Document):
            self.documents.append(outcome)
        elif isinstance(outcome, SetAside):
            self.aside.append(outcome)
        else:
            assert isinstance(outcome, Dropped)
            reason = str(outcome.reason)
            self.reasons[reason] += 1
            # What was never a document is counted; what might have been one can be asked for.
            if outcome.url and reason != NOT_ASKED_FOR:
                self.dropped.append((outcome.url, reason, outcome.detail, file, outcome.offset))

    def write(self, output: str, shard: int, place: Record) -> Record:
        """place: where in the input the shard lies, for its record; with `file_index`."""
        # The files that explain are written first: the documents' file says that the shard is finished.
        beside = write_beside(output, shard_file("set_aside", shard), aside_table(self.aside)) | write_beside(
            output, shard_file("documents/dropped", shard), _table(self.dropped, DROPPED_SCHEMA)
        )
        rows = {name: [getattr(document, name) for document in self.documents] for name in DOCUMENT_SCHEMA.names}
        return write_shard(
            output,
            shard_file("documents", shard),
            pa.table(rows, schema=DOCUMENT_SCHEMA),
            {
                "shard": shard,
                **place,
                "in": len(self.documents) + self.reasons.total() + len(self.aside),
                "out": len(self.documents),
                "dropped": dict(self.reasons),
                "set_aside": len(self.aside),
                "set_aside_by_reason": dict(Counter(item.reason for item in self.aside)),
                "characters_out": sum(len(document.text) for document in self.documents),
                "peak_memory": peak_memory(),
                "cpu_seconds": time.process_time() - self._cpu,
            },
            beside,
        )


def aside_table(aside: Sequence[SetAside]) -> pa.Table:
    return _table([(item.file, item.offset, item.reason, item.detail) for item in aside], SET_ASIDE_SCHEMA)


def _table(rows: Any, schema: pa.Schema) -> pa.Table:
    return pa.table(list(map(list, zip(*rows, strict=True))) or [[]] * len(schema), schema=schema)


class ExtractShard(beam.DoFn):
    """ShardTask as a dict -> its Record; writes documents/, what was dropped, and what was set aside."""

    def __init__(self, source: str, config: dict[str, Any], output: str, limits: Limits) -> None:
        self.name = source
        self.config = config
        self.output = output
        self.limits = limits

    def setup(self) -> None:
        kind = source_class(self.name)
        self.source = kind(kind.Config.model_validate(self.config))
        self.source.guard = guard_for(self.limits.document_seconds, self.limits.worker_memory, self.output)

    def process(self, element: dict[str, Any]) -> Iterator[Record]:
        task = ShardTask.of(element)
        file = shard_file("documents", task.shard)
        yield finished_record(self.output, file) or self.extract(task)

    def extract(self, task: ShardTask) -> Record:
        found = Found()
        for piece in task.pieces:
            for outcome in self.source.read(piece):
                found.add(outcome, piece.file)
        figures: Counter[str] = Counter()
        for document in found.documents:
            figures.update(self.source.figures(document))
        pieces = [[piece.file, piece.start, piece.end, piece.part] for piece in task.pieces]
        place = {"file_index": task.pieces[0].file_index, "pieces": pieces, "figures": dict(figures)}
        return found.write(self.output, task.shard, place)


def run_extract(
    engine: Engine, source: str, inputs: Sequence[InputFile], config: ExtractSection, output: str, limits: Limits
) -> Record:
    """Extract every piece of the input."""
    result = join(output, "documents", "_records.json")
    elements = [asdict(task) for task in plan(source, inputs, config)]

    def build(pipeline: beam.Pipeline) -> None:
        (
            pipeline
            | "Shards" >> Tasks(elements, output, "extract")
            | "ExtractShard" >> beam.ParDo(ExtractShard(source, config.model_dump(mode="json"), output, limits))
            | "Records" >> WriteRecords(result)
        )

    engine.run("extract", build)
    records = take_records(result)
    shards = [{key: record[key] for key in ("shard", "file_index")} for record in records]
    figures: Counter[str] = Counter()
    for record in records:
        figures.update(record.get("figures", {}))
    ordered = sorted(shards, key=lambda shard: shard["shard"])
    return {**merge(records), "figures": dict(sorted(figures.items())), "shards": ordered}
