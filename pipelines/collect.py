"""Bring the records of a pipeline's shards to the driver, on any runner: through one file on the shared storage."""

from __future__ import annotations

import json
from typing import Any

import apache_beam as beam
from apache_beam.transforms.combiners import ToList

from curate.storage import atomic_write, read_bytes, remove
from pipelines.shards import Record


class WriteRecords(beam.PTransform):
    """PCollection[Record] -> one JSON file with all of them, sorted."""

    def __init__(self, path: str) -> None:
        super().__init__()
        self.path = path

    def expand(self, records: Any) -> Any:
        return (
            records
            | "EncodeRecord" >> beam.Map(lambda record: json.dumps(record, sort_keys=True))
            | "AllRecords" >> ToList()
            | "WriteRecords" >> beam.Map(write_lines, self.path)
        )


def write_lines(lines: list[str], path: str) -> None:
    with atomic_write(path) as out:
        out.write(("[" + ",\n".join(sorted(lines)) + "]").encode())


def take_records(path: str) -> list[Record]:
    """Read the records and remove the file."""
    records = json.loads(read_bytes(path))
    remove(path)
    return sorted(records, key=lambda record: record["shard"])
