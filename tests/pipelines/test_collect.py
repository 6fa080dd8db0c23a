"""Records come to the driver through one file, and are counted where an engine shows it."""

from __future__ import annotations

from pathlib import Path

import apache_beam as beam
import pytest

from curate.errors import UserError
from pipelines.collect import WriteRecords, take_records
from pipelines.engine import Engine

RECORDS = [
    {"shard": 1, "in": 5, "out": 2, "set_aside": 1, "dropped": {"url": 1, "exact": 1}},
    {"shard": 0, "in": 7, "out": 7, "set_aside": 0, "dropped": {}},
    {"shard": 2, "files": {"part": [3, "hash"]}},
]


@pytest.mark.parametrize("records", [RECORDS, RECORDS[:1], []])
def test_records_come_back_in_order_and_the_file_is_gone(records: list[dict[str, object]], tmp_path: Path) -> None:
    path = tmp_path / "records.json"
    path.write_text("[1]")  # of a run that was killed
    Engine().run("records", lambda begin: begin | beam.Create(records) | WriteRecords(str(path)))
    assert take_records(str(path), may_be_none=not records) == sorted(
        records, key=lambda record: int(str(record["shard"]))
    )
    assert not path.exists()


def test_records_that_the_driver_cannot_see_are_one_line(tmp_path: Path) -> None:
    """As when workers on other machines write to disks of their own."""
    with pytest.raises(UserError, match=r"records.json was not written: workers must reach the same --output"):
        take_records(str(tmp_path / "records.json"))


def test_counters_add_up_what_records_say(tmp_path: Path) -> None:
    pipeline = Engine().pipeline(parallel=False)
    pipeline | beam.Create(RECORDS) | WriteRecords(str(tmp_path / "records.json"))
    result = pipeline.run()
    result.wait_until_finish()
    counters = {found.key.metric.name: found.committed for found in result.metrics().query()["counters"]}
    assert counters == {
        "shards": 3,
        "documents_in": 12,
        "documents_out": 9,
        "documents_dropped": 2,
        "documents_set_aside": 1,
    }
