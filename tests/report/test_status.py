"""A build can be asked where it stands while it runs, from anywhere, and after it stopped."""

from __future__ import annotations

import json
import re
import time
from pathlib import Path

import pytest

from curate.errors import UserError
from curate.report.status import LOG, METRICS, PROGRESS, SILENT_SECONDS, duration, lines, status
from pipelines.progress import Progress
from tests.pipelines.building import build_and_kill, run

ACCOUNT = {"in": 10, "out": 7, "set_aside": 1, "dropped": {"empty": 2}, "seconds": 4.0}
SAMPLE = re.compile(r'[a-z_]+\{[a-z]+="(?:[^"\\\n]|\\.)*"(?:,[a-z]+="(?:[^"\\\n]|\\.)*")*\} -?[0-9.e+]+')


class Clock:
    def __init__(self) -> None:
        self.now = time.time()

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def progress(tmp_path: Path, clock: Clock) -> Progress:
    return Progress(str(tmp_path), "cc-2020", "DirectRunner", ["extract", "score"], clock)


def test_the_time_left_follows_from_the_shards_that_this_run_finished(
    progress: Progress, clock: Clock, tmp_path: Path
) -> None:
    progress.begin("extract", 100)
    progress.finished("extract", 40)  # an earlier run's
    clock.now += 30
    progress.finished("extract", 60)
    (found,) = status(str(tmp_path), clock.now)
    assert found["stages"][0]["left"] == pytest.approx(30 / 20 * 40)
    assert lines(found)[1:] == [
        "  extract          running: 60 of 100 shards, 30 s, about 1 min left",
        "  score            waiting",
    ]


def test_no_time_left_is_told_before_anything_is_finished(progress: Progress, clock: Clock, tmp_path: Path) -> None:
    progress.begin("extract", 100)
    clock.now += 30
    progress.finished("extract", 40)
    (found,) = status(str(tmp_path), clock.now)
    assert lines(found)[1].endswith("running: 40 of 100 shards, 30 s")


def test_what_is_done_says_what_came_of_it(progress: Progress, clock: Clock, tmp_path: Path) -> None:
    with progress.running():
        progress.begin("extract", 2)
        progress.end("extract", ACCOUNT, kept=False)
        progress.end("score", ACCOUNT, kept=True)
        clock.now += 65
    (found,) = status(str(tmp_path), clock.now)
    assert lines(found)[0].endswith("cc-2020 on DirectRunner, done in 1 min 5 s")
    assert lines(found)[1:] == ["  extract          done: 7 of 10 documents, 4 s", "  score            done before"]


def test_a_build_that_failed_says_why(progress: Progress, clock: Clock, tmp_path: Path) -> None:
    def fail() -> None:
        with progress.running():
            progress.begin("extract", 2)
            raise UserError("no\nspace")

    with pytest.raises(UserError):
        fail()
    (found,) = status(str(tmp_path), clock.now)
    assert lines(found)[0].endswith("failed: UserError: no space")
    assert lines(found)[1].endswith("failed: 0 of 2 shards")


def test_a_build_of_another_machine_is_taken_for_stopped_when_it_is_silent(
    progress: Progress, clock: Clock, tmp_path: Path
) -> None:
    path = tmp_path / PROGRESS
    path.write_text(json.dumps({**json.loads(path.read_text()), "host": "elsewhere"}))
    assert status(str(tmp_path), clock.now + SILENT_SECONDS - 1)[0]["state"] == "running"
    (found,) = status(str(tmp_path), clock.now + SILENT_SECONDS + 1)
    assert lines(found)[0].endswith("stopped 1 min 1 s ago; the same command takes up where it stopped")


def test_metrics_are_in_prometheus_text_format(progress: Progress, tmp_path: Path) -> None:
    progress.begin("extract", 3)
    progress.end("extract", {**ACCOUNT, "dropped": {'odd "reason"\n': 2}}, kept=False)
    text = (tmp_path / METRICS).read_text()
    assert text.endswith("\n")
    samples = [line for line in text.splitlines() if not line.startswith("#")]
    assert all(SAMPLE.fullmatch(line) for line in samples)
    assert 'curate_documents{recipe="cc-2020",stage="extract",outcome="out"} 7' in samples
    assert 'curate_dropped{recipe="cc-2020",stage="extract",reason="odd \\"reason\\"\\n"} 2' in samples
    named = {line.split()[2] for line in text.splitlines() if line.startswith("# TYPE")}
    assert named == {line.partition("{")[0] for line in samples}


def test_the_log_has_a_json_object_a_line(progress: Progress, tmp_path: Path) -> None:
    with progress.running():
        progress.begin("extract", 3)
        progress.end("extract", ACCOUNT, kept=False)
    events = [json.loads(line) for line in (tmp_path / LOG).read_text().splitlines()]
    assert [event["event"] for event in events] == ["build_started", "stage_started", "stage_done", "build_done"]
    assert events[2]["dropped"] == {"empty": 2}


def test_a_damaged_record_and_no_record_are_told_in_one_line(progress: Progress, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no build was begun"):
        status(str(tmp_path / "nothing"))
    (tmp_path / PROGRESS).write_text('{"state": "running"}')
    with pytest.raises(UserError, match="is damaged"):
        status(str(tmp_path))


def test_a_killed_build_is_said_to_have_stopped(manifest: str, tmp_path: Path) -> None:
    def extracting(output: Path) -> bool:
        return any((output / "documents").glob("shard-*.parquet"))

    build_and_kill(manifest, tmp_path / "killed", extracting, "--workers", "1")
    said = run("status", str(tmp_path / "killed")).stdout
    assert "stopped" in said.splitlines()[0]
    assert re.search(r"extract +stopped: \d+ of \d+ shards", said)
    assert re.search(r"tokenize +waiting", said)


def test_a_finished_build_tells_of_every_stage(built: Path) -> None:
    (found,) = json.loads(run("status", str(built), "--json").stdout)
    assert found["state"] == "done"
    assert {stage["state"] for stage in found["stages"]} == {"done"}
    assert [stage["name"] for stage in found["stages"]][-1] == "tokenize"


@pytest.mark.parametrize(
    ("seconds", "said"),
    [
        (0, "0 s"),
        (59.4, "59 s"),
        (60, "1 min"),
        (61, "1 min 1 s"),
        (3_600, "1 h"),
        (7_500, "2 h 5 min"),
        (90_000, "1 d 1 h"),
    ],
)
def test_durations_are_in_the_two_largest_units(seconds: float, said: str) -> None:
    assert duration(seconds) == said
