"""Bring the records of a pipeline's shards to the driver, on any runner: through one file on the shared storage."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from typing import Any

import apache_beam as beam
from apache_beam.metrics.metric import Metrics

from curate.errors import UserError
from curate.storage import atomic_write, exists, read_bytes, remove
from pipelines.shards import Record


class WriteRecords(beam.PTransform):
    """PCollection[Record] -> one JSON file with all of them, sorted; none where there are no records.

    A combiner would do the same in five times as many transforms, each of which Beam takes a while to make.
    """

    def __init__(self, path: str) -> None:
        super().__init__()
        self.path = path

    def expand(self, records: Any) -> Any:
        remove(self.path)  # of a run that was killed
        return (
            records
            | "CountRecord" >> beam.ParDo(CountRecord())
            | "AllRecords" >> beam.GroupByKey()
            | "WriteRecords" >> beam.Map(write_lines, self.path)
        )


class CountRecord(beam.DoFn):
    """Record -> (0, its JSON). What it says is added to Beam's counters of the namespace `curate`, which an engine
    shows in its own pages; it may count a shard twice that it works on twice, so no account is made of them."""

    def process(self, record: Record) -> Iterator[tuple[int, str]]:
        Metrics.counter("curate", "shards").inc()
        for name in ("in", "out", "set_aside"):
            Metrics.counter("curate", f"documents_{name}").inc(record.get(name, 0))
        Metrics.counter("curate", "documents_dropped").inc(sum(record.get("dropped", {}).values()))
        yield 0, json.dumps(record, sort_keys=True)


def write_lines(keyed: tuple[int, Iterable[str]], path: str) -> None:
    _, lines = keyed
    with atomic_write(path) as out:
        out.write(("[" + ",\n".join(sorted(lines)) + "]").encode())


def take_records(path: str, may_be_none: bool = False) -> list[Record]:
    """Read the records of a pipeline that ended well, and remove the file.

    may_be_none: the pipeline may have had nothing to record. UserError where there should be records and are none.
    """
    if not exists(path):
        if may_be_none:
            return []
        raise UserError(
            f"{path} was not written: workers must reach the same --output as this machine, on shared storage"
        )
    records = json.loads(read_bytes(path))
    remove(path)
    return sorted(records, key=lambda record: record["shard"])
