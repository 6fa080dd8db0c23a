"""Builds that are killed, run out of room, may not write or lose the network end with the bytes of a quiet run.

A few rounds of `python -m bench.faults`, which tries many.
"""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from bench.faults import disk, network
from bench.faults.case import Case, prepared, redone
from bench.faults.kill import one_round

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def case(tmp_path_factory: pytest.TempPathFactory) -> Case:
    return prepared(tmp_path_factory.mktemp("faults"))


def test_a_case_has_something_to_disturb_in_every_stage(case: Case) -> None:
    assert list(case.seconds) == [
        *("extract", "dedup_documents", "dedup_lines", "dedup_near", "dedup_books"),
        *("score", "corpus", "select", "tokenize"),
    ]
    assert sum(name.startswith("source=") for name in case.expected) == 6
    assert case.size > 100_000


def test_a_shard_that_is_written_again_is_seen(tmp_path: Path) -> None:
    path = tmp_path / "shard-000000.parquet"
    path.write_bytes(b"x")
    before = {path: (path.stat().st_ino, path.stat().st_mtime_ns)}
    assert redone(before) == []
    path.rename(tmp_path / "other")
    assert redone(before) == []  # a stage may remove what it no longer needs
    path.write_bytes(b"x")
    assert redone(before) == [path]


def test_a_build_of_which_a_worker_was_killed_takes_up_and_does_no_finished_shard_again(
    case: Case, tmp_path: Path
) -> None:
    kills = one_round(case, tmp_path / "out", "score", "worker", random.Random(1))
    assert [path for kill in kills for path in kill.again] == []
    assert all(kill.took_up for kill in kills)


def test_a_full_disk_is_one_line_and_the_build_goes_on_when_there_is_room(case: Case, tmp_path: Path) -> None:
    try:
        said = disk.full(case, tmp_path / "disk", random.Random(5))
    except disk.Skipped as reason:
        pytest.skip(str(reason))
    assert "No space left on device: make room, then the same command takes up where it stopped" in said


def test_answers_that_are_cut_give_the_same_bytes(case: Case, tmp_path: Path) -> None:
    assert "6 answers cut" in network.torn(case, tmp_path / "torn", random.Random(3))
