"""What a pipeline works through reaches its workers, in the job graph or beside it, and the graph stays small."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path

import apache_beam as beam
import pytest
from apache_beam.options.pipeline_options import PipelineOptions

from curate.inputs import InputFile
from curate.manifest import Limits
from curate.sources.commoncrawl import CommonCrawlExtract
from pipelines import commoncrawl, tasks
from pipelines.collect import WriteRecords, take_records
from pipelines.tasks import Tasks, read_tasks

DATAFLOW_LIMIT = 10 << 20


def through_a_pipeline(given: list, folder: Path) -> list[int]:
    result = str(folder / "seen.json")
    with beam.Pipeline(options=PipelineOptions(["--runner=FnApiRunner"])) as pipeline:
        (
            pipeline
            | "Given" >> Tasks(given, str(folder), "given")
            | beam.Map(lambda task: {"shard": task["n"]})
            | WriteRecords(result)
        )
    return [record["shard"] for record in take_records(result, may_be_none=not given)]


@pytest.mark.parametrize("count", [0, 1, 3, 4, 10])
def test_every_task_comes_once_however_many_there_are(
    count: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tasks, "MOST_INLINE", 3)
    assert through_a_pipeline([{"n": n} for n in range(count)], tmp_path) == list(range(count))
    assert (tmp_path / "_work").exists() == (count > 3)


def test_tasks_beside_the_graph_are_the_ones_given_in_order(tmp_path: Path) -> None:
    given = [[number, f"file-{number}"] for number in range(2_500)]
    files = list(Tasks(given, str(tmp_path), "some").write())
    assert [len(read_tasks(path)) for path in files] == [1_000, 1_000, 500]
    assert [task for path in files for task in read_tasks(path)] == given


def test_the_graph_of_60_000_warc_files_is_far_below_dataflows_limit(tmp_path: Path) -> None:
    inputs = [
        InputFile(f"s3://commoncrawl/crawl-data/CC-MAIN-2020-50/{n:05d}.warc.gz", f"{n:05d}.warc.gz", 1 << 30, str(n))
        for n in range(60_000)
    ]
    config = CommonCrawlExtract(range_bytes=1 << 30)
    ranges = [asdict(task) for task in commoncrawl.plan(inputs, config.range_bytes)]
    assert len(ranges) == 60_000
    pipeline = beam.Pipeline(options=PipelineOptions(["--runner=FnApiRunner"]))
    (
        pipeline
        | "Ranges" >> Tasks(ranges, str(tmp_path), "ranges")
        | beam.ParDo(commoncrawl.ExtractRange(config.model_dump(mode="json"), str(tmp_path), Limits()))
        | WriteRecords(str(tmp_path / "records.json"))
    )
    graph = pipeline.to_runner_api().SerializeToString()
    assert len(graph) < DATAFLOW_LIMIT / 100
    assert len(json.dumps(ranges)) > DATAFLOW_LIMIT
