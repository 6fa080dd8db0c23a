"""Extract: byte ranges of WARC files in, one Parquet file of documents a range out."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Generator, Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import apache_beam as beam
import pyarrow as pa

from curate.document import DOCUMENT_SCHEMA, Document
from curate.errors import SetAside
from curate.inputs import InputFile
from curate.manifest import Extract, UrlBlocklist
from curate.sources.commoncrawl import Drop, Dropped, document_from_record
from curate.sources.warc import RangeEnd, chain_mismatches, plan_ranges, read_range
from curate.storage import join, remove
from curate.text.urls import blocked
from filters.url import URL, URLConfig
from pipelines.collect import WriteRecords, take_records
from pipelines.engine import Engine
from pipelines.shards import Record, finished_record, peak_memory, shard_file, write_beside, write_shard
from pipelines.stage import merge

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
class RangeTask:
    """One shard of extraction: the records whose members start in [start, end) of a file."""

    shard: int
    path: str
    file: str
    file_index: int
    start: int
    end: int
    exact_start: bool = False


def plan(inputs: Sequence[InputFile], range_bytes: int) -> list[RangeTask]:
    """Shards in file order, then by offset."""
    tasks: list[RangeTask] = []
    for file_index, item in enumerate(inputs):
        for start, end in plan_ranges(item.path, item.size, range_bytes):
            tasks.append(RangeTask(len(tasks), item.path, item.file, file_index, start, end))
    return tasks


class ExtractRange(beam.DoFn):
    """RangeTask as a dict -> its Record; writes documents/, what was dropped, and what was set aside."""

    def __init__(self, config: dict[str, Any], output: str) -> None:
        self.config = config
        self.output = output

    def setup(self) -> None:
        self.extract = Extract.model_validate(self.config)
        self.blocked = self.blocklist(self.extract.url_blocklist)
        self.robots = frozenset(directive.lower() for directive in self.extract.robots)

    @staticmethod
    def blocklist(config: UrlBlocklist) -> Callable[[str], str | None] | None:
        """The test of a URL that the manifest asks for, None where it asks for none."""
        if not config.enabled:
            return None
        lists = URL(URLConfig(**config.model_dump()))
        domains, words = lists.domains, lists.words
        return lambda url: blocked(url, domains, words)

    def process(self, element: dict[str, Any]) -> Iterator[Record]:
        task = RangeTask(**element)
        file = shard_file("documents", task.shard)
        yield finished_record(self.output, file) or self.extract_range(task, file)

    def extract_range(self, task: RangeTask, file: str) -> Record:
        cpu = time.process_time()
        documents: list[Document] = []
        dropped: list[tuple[str, str, str, str, int]] = []
        aside: list[SetAside] = []
        reasons: Counter[str] = Counter()
        reader = Reading(
            read_range(
                task.path,
                task.file,
                task.start,
                task.end,
                exact_start=task.exact_start,
                max_record_bytes=self.extract.max_record_bytes,
            )
        )
        for item in reader:
            outcome = (
                item
                if isinstance(item, SetAside)
                else document_from_record(
                    item,
                    task.file,
                    robots=self.robots,
                    blocked=self.blocked,
                    first_line_is_title=self.extract.wet_first_line_is_title,
                )
            )
            if isinstance(outcome, Document):
                documents.append(outcome)
            elif isinstance(outcome, SetAside):
                aside.append(outcome)
            else:
                assert isinstance(outcome, Dropped)
                reasons[str(outcome.reason)] += 1
                # What was never a page (requests, metadata) is counted; what might have been one can be asked for.
                if outcome.url and outcome.reason != Drop.NOT_A_PAGE:
                    dropped.append((outcome.url, str(outcome.reason), outcome.detail, task.file, item.offset))
        characters = sum(len(document.text) for document in documents)
        assert reader.end is not None
        # The files that explain are written first: the documents' file says that the shard is finished.
        beside = write_beside(
            self.output,
            shard_file("set_aside", task.shard),
            pa.table(list(map(list, zip(*map(_aside_row, aside), strict=True))) or [[]] * 4, schema=SET_ASIDE_SCHEMA),
        ) | write_beside(
            self.output,
            shard_file("documents/dropped", task.shard),
            pa.table(list(map(list, zip(*dropped, strict=True))) or [[]] * 5, schema=DROPPED_SCHEMA),
        )
        rows = {name: [getattr(document, name) for document in documents] for name in DOCUMENT_SCHEMA.names}
        return write_shard(
            self.output,
            file,
            pa.table(rows, schema=DOCUMENT_SCHEMA),
            {
                "shard": task.shard,
                "file": task.file,
                "file_index": task.file_index,
                "range": [task.start, task.end],
                "first": reader.end.first,
                "next": reader.end.next,
                "in": len(documents) + sum(reasons.values()) + len(aside),
                "out": len(documents),
                "dropped": dict(reasons),
                "set_aside": len(aside),
                "set_aside_by_reason": dict(Counter(item.reason for item in aside)),
                "characters_out": characters,
                "peak_memory": peak_memory(),
                "cpu_seconds": time.process_time() - cpu,
            },
            beside,
        )


def _aside_row(item: SetAside) -> tuple[str, int, str, str]:
    return item.file, item.offset, item.reason, item.detail


class Reading:
    """A range reader that remembers where it ended (a generator's return value)."""

    def __init__(self, records: Generator[Any, None, RangeEnd]) -> None:
        self._records = records
        self.end: RangeEnd | None = None

    def __iter__(self) -> Iterator[Any]:
        self.end = yield from self._records


def run_extract(engine: Engine, inputs: Sequence[InputFile], config: Extract, output: str) -> Record:
    """Extract every range, then make sure that the ranges' ends meet, and read again those that were misled.

    A range finds its first member by scanning; inside a crawled `.warc.gz` that is stored uncompressed, the scan can
    find one that is no member of this file. Where the range before ends tells; each round settles at least the first
    range that was wrong, and a crawl with none of these has one round.
    """
    tasks = plan(inputs, config.range_bytes)
    todo = tasks
    records: dict[int, Record] = {}
    while todo:
        for record in _extract(engine, todo, config, output):
            records[record["shard"]] = record
        todo = []
        for _, shards in _by_file(records.values()):
            ends = [(*shard["range"], RangeEnd(shard["first"], shard["next"])) for shard in shards]
            for index, start in chain_mismatches(ends):
                task = tasks[shards[index]["shard"]]
                todo.append(RangeTask(**{**asdict(task), "start": start, "exact_start": True}))
        for task in todo:
            remove(join(output, shard_file("documents", task.shard)))
    return {
        **merge(list(records.values())),
        "shards": [{key: records[task.shard][key] for key in ("shard", "file_index")} for task in tasks],
    }


def _by_file(records: Any) -> list[tuple[int, list[Record]]]:
    files: dict[int, list[Record]] = {}
    for record in sorted(records, key=lambda record: record["shard"]):
        files.setdefault(record["file_index"], []).append(record)
    return sorted(files.items())


def _extract(engine: Engine, tasks: Sequence[RangeTask], config: Extract, output: str) -> list[Record]:
    result = join(output, "documents", "_records.json")
    elements = [asdict(task) for task in tasks]

    def build(pipeline: beam.Pipeline) -> None:
        (
            pipeline
            | "Ranges" >> beam.Create(elements)
            | "SpreadRanges" >> beam.Reshuffle()
            | "ExtractRange" >> beam.ParDo(ExtractRange(config.model_dump(mode="json"), output))
            | "Records" >> WriteRecords(result)
        )

    engine.run("extract", build)
    return take_records(result)
