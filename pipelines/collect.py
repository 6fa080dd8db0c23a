"""Bring the records of a pipeline's shards to the driver, on any runner: through one file on the shared storage."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

import apache_beam as beam

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
            | "EncodeRecord" >> beam.Map(lambda record: (0, json.dumps(record, sort_keys=True)))
            | "AllRecords" >> beam.GroupByKey()
            | "WriteRecords" >> beam.Map(write_lines, self.path)
        )


def write_lines(keyed: tuple[int, Iterable[str]], path: str) -> None:
    _, lines = keyed
    with atomic_write(path) as out:
        out.write(("[" + ",\n".join(sorted(lines)) + "]").encode())


def take_records(path: str) -> list[Record]:
    """Read the records of a pipeline that ended well, and remove the file."""
    if not exists(path):
        return []
    records = json.loads(read_bytes(path))
    remove(path)
    return sorted(records, key=lambda record: record["shard"])
