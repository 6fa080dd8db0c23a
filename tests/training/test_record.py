from __future__ import annotations

import json
import math
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from curate.training.record import EVENTS, METRICS, Metrics, Progress, duration, read_metrics


def progress(step: int, **changes: Any) -> Progress:
    values: dict[str, Any] = {
        "step": step,
        "steps": 1000,
        "tokens": step * 2048,
        "loss": 3.0,
        "lr": 3e-4,
        "grad_norm": 0.5,
        "tokens_per_second": 4096.0,
    }
    return Progress(**{**values, **changes})


def events(folder: Path) -> dict[str, list[tuple[int, float]]]:
    """Scalars by tag as TensorBoard shows them."""
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    seen = EventAccumulator(str(folder / EVENTS))
    seen.Reload()
    return {tag: [(event.step, event.value) for event in seen.Scalars(tag)] for tag in seen.Tags()["scalars"]}


def test_each_record_is_one_json_line_with_its_kind_and_step(tmp_path: Path) -> None:
    with Metrics(tmp_path) as metrics:
        metrics.train(progress(10, mfu=0.5, skipped=1))
        metrics.validation(10, 20480, {"b": 2.5, "a": 3.5})
        metrics.sample(10, "line one\nline two\0 \ud800")
    assert [json.loads(line) for line in (tmp_path / METRICS).read_bytes().splitlines()] == [
        {
            "kind": "train",
            "step": 10,
            "tokens": 20480,
            "loss": 3.0,
            "lr": 3e-4,
            "grad_norm": 0.5,
            "tokens_per_second": 4096.0,
            "mfu": 0.5,
            "skipped": 1,
        },
        {"kind": "validation", "step": 10, "tokens": 20480, "losses": {"b": 2.5, "a": 3.5}},
        {"kind": "sample", "step": 10, "text": "line one\nline two\0 \ud800"},
    ]


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_a_number_that_is_not_finite_is_null(tmp_path: Path, value: float) -> None:
    with Metrics(tmp_path) as metrics:
        metrics.train(progress(1, loss=value))
        metrics.validation(1, 2048, {"a": value})
    train, validation = read_metrics(tmp_path / METRICS)
    assert train["loss"] is None
    assert validation["losses"] == {"a": None}
    assert "loss/train" not in events(tmp_path)


def test_a_resume_takes_out_what_came_after_its_step_and_keeps_its_step(tmp_path: Path) -> None:
    with Metrics(tmp_path) as metrics:
        for step in (10, 20, 21, 30):
            metrics.train(progress(step))
        metrics.validation(20, 1, {"a": 1.0})
    with Metrics(tmp_path, resumed=20) as metrics:
        metrics.train(progress(30, loss=1.0))
    assert [(r["kind"], r["step"]) for r in read_metrics(tmp_path / METRICS)] == [
        ("train", 10),
        ("train", 20),
        ("validation", 20),
        ("train", 30),
    ]
    assert events(tmp_path)["loss/train"] == [(10, 3.0), (20, 3.0), (30, 1.0)]


def test_a_run_from_the_start_keeps_nothing_of_the_one_before(tmp_path: Path) -> None:
    for loss in (9.0, 8.0):
        with Metrics(tmp_path) as metrics:
            metrics.validation(0, 0, {"a": loss})
    assert [r["losses"] for r in read_metrics(tmp_path / METRICS)] == [{"a": 8.0}]
    assert events(tmp_path) == {"loss/validation/a": [(0, 8.0)]}


@pytest.mark.parametrize("torn", [b'{"kind": "train", "st', b"\xff\xfe\n", b"[" * 100_000 + b"\n", b"3\n", b"{}\n"])
def test_a_torn_line_is_passed_over_and_mended_by_the_next_run(tmp_path: Path, torn: bytes) -> None:
    with Metrics(tmp_path) as metrics:
        metrics.train(progress(1))
    with open(tmp_path / METRICS, "ab") as out:
        out.write(torn)
    assert [r["step"] for r in read_metrics(tmp_path / METRICS)] == [1]
    with Metrics(tmp_path, resumed=1) as metrics:
        metrics.train(progress(2))
    assert [json.loads(line)["step"] for line in (tmp_path / METRICS).read_bytes().splitlines()] == [1, 2]


def test_a_killed_process_loses_no_record(tmp_path: Path) -> None:
    script = (
        "import os, signal, sys\n"
        "from curate.training.record import Metrics\n"
        "metrics = Metrics(sys.argv[1])\n"
        "for step in range(5):\n"
        "    metrics.validation(step, step, {'a': float(step)})\n"
        "os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    assert subprocess.run([sys.executable, "-c", script, tmp_path], check=False).returncode == -9
    assert [r["step"] for r in read_metrics(tmp_path / METRICS)] == list(range(5))
    assert events(tmp_path) == {"loss/validation/a": [(step, float(step)) for step in range(5)]}


def test_tensorboard_gets_every_number(tmp_path: Path) -> None:
    with Metrics(tmp_path) as metrics:
        metrics.train(progress(10, mfu=0.25, skipped=2))
        metrics.train(progress(20))
        metrics.validation(20, 40960, {"wiki": 2.5})
        metrics.sample(20, "text \ud800")
    seen = events(tmp_path)
    assert seen["loss/validation/wiki"] == [(20, 2.5)]
    assert seen["mfu"] == [(10, 0.25)]
    assert seen["skipped"] == [(10, 2.0), (20, 0.0)]
    assert set(seen) == {
        "loss/train",
        "loss/validation/wiki",
        "lr",
        "grad_norm",
        "tokens",
        "tokens_per_second",
        "mfu",
        "skipped",
    }


def test_a_rank_that_does_not_record_touches_nothing(tmp_path: Path) -> None:
    with Metrics(tmp_path / "run", enabled=False) as metrics:
        metrics.train(progress(1))
        metrics.validation(1, 1, {"a": 1.0})
        metrics.sample(1, "text")
    assert not (tmp_path / "run").exists()


def test_a_progress_line_says_where_the_run_stands() -> None:
    # 900 steps of 2,048 tokens are left, at 4,096 tokens a second.
    assert progress(100).line() == ("step   100/1,000  loss 3.0000  lr 3.00e-04  grad 0.50  4,096 tokens/s  ETA 7m 30s")


def test_a_progress_line_has_mfu_and_skipped_steps_only_where_there_are_any() -> None:
    line = progress(100, mfu=0.4567, skipped=3).line()
    assert "MFU 45.7%" in line
    assert line.endswith("skipped 3")
    assert "MFU" not in progress(100).line()
    assert "skipped" not in progress(100).line()


@pytest.mark.parametrize(
    "unknown", [progress(0), progress(5, tokens_per_second=0.0), progress(5, tokens_per_second=math.nan)]
)
def test_no_end_is_promised_before_a_rate_is_known(unknown: Progress) -> None:
    assert unknown.seconds_left is None
    assert "ETA" not in unknown.line()


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [
        (-1, "0s"),
        (0, "0s"),
        (59.4, "59s"),
        (59.6, "1m 00s"),
        (3599, "59m 59s"),
        (3600, "1h 00m"),
        (86_399, "23h 59m"),
        (86_400, "1d 00h"),
        (math.inf, "unknown"),
        (math.nan, "unknown"),
    ],
)
def test_a_duration_has_two_units(seconds: float, shown: str) -> None:
    assert duration(seconds) == shown
