"""Extract: byte ranges of WARC files in, one Parquet file of documents a range out."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import apache_beam as beam

from curate.errors import SetAside
from curate.inputs import InputFile
from curate.limits import guard_for
from curate.manifest import Limits
from curate.sources.commoncrawl import CommonCrawl, CommonCrawlExtract, UrlBlocklist
from curate.sources.warc import RangeEnd, chain_mismatches, plan_ranges, read_range
from curate.storage import join, remove
from curate.text.urls import blocked
from filters.url import URL, URLConfig
from pipelines.collect import WriteRecords, take_records
from pipelines.engine import Engine
from pipelines.extract import Found
from pipelines.shards import Record, finished_record, shard_file
from pipelines.stage import merge
from pipelines.tasks import Tasks


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

    def __init__(self, config: dict[str, Any], output: str, limits: Limits) -> None:
        self.config = config
        self.output = output
        self.limits = limits

    def setup(self) -> None:
        config = CommonCrawlExtract.model_validate(self.config)
        self.source = CommonCrawl(config, self.blocklist(config.url_blocklist))
        self.source.guard = guard_for(self.limits.document_seconds, self.limits.worker_memory, self.output)

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
        found = Found()
        reader = Reading(
            read_range(
                task.path,
                task.file,
                task.start,
                task.end,
                exact_start=task.exact_start,
                max_record_bytes=self.source.config.max_record_bytes,
            )
        )
        for item in reader:
            found.add(item if isinstance(item, SetAside) else self.source.outcome(item, task.file), task.file)
        assert reader.end is not None
        place = {"file": task.file, "range": [task.start, task.end], "first": reader.end.first, "next": reader.end.next}
        return found.write(self.output, task.shard, {"file_index": task.file_index, **place})


class Reading:
    """A range reader that remembers where it ended (a generator's return value)."""

    def __init__(self, records: Generator[Any, None, RangeEnd]) -> None:
        self._records = records
        self.end: RangeEnd | None = None

    def __iter__(self) -> Iterator[Any]:
        self.end = yield from self._records


def run_extract(
    engine: Engine, inputs: Sequence[InputFile], config: CommonCrawlExtract, output: str, limits: Limits
) -> Record:
    """Extract every range, then make sure that the ranges' ends meet, and read again those that were misled.

    A range finds its first member by scanning; inside a crawled `.warc.gz` that is stored uncompressed, the scan can
    find one that is no member of this file. Where the range before ends tells; each round settles at least the first
    range that was wrong, and a crawl with none of these has one round.
    """
    tasks = plan(inputs, config.range_bytes)
    todo = tasks
    records: dict[int, Record] = {}
    while todo:
        for record in _extract(engine, todo, config, output, limits):
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


def _extract(
    engine: Engine, tasks: Sequence[RangeTask], config: CommonCrawlExtract, output: str, limits: Limits
) -> list[Record]:
    result = join(output, "documents", "_records.json")
    elements = [asdict(task) for task in tasks]

    def build(pipeline: beam.Pipeline) -> None:
        (
            pipeline
            | "Ranges" >> Tasks(elements, output, "ranges")
            | "ExtractRange" >> beam.ParDo(ExtractRange(config.model_dump(mode="json"), output, limits))
            | "Records" >> WriteRecords(result)
        )

    engine.run("extract", build)
    return take_records(result)
