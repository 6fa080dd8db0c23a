"""`curate verify` finds any flipped, missing or extra byte or file in any stage's output."""

from __future__ import annotations

import random
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from bench.corruption import covered, rounds
from curate.report.verify import verify

pytestmark = pytest.mark.slow


@pytest.fixture
def copy(built: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(built, tmp_path / "copy"))


def test_a_build_is_as_it_was_written(built):
    assert list(verify(str(built))) == []


def test_one_flipped_byte_in_any_file_is_found(copy):
    generator = random.Random(0)
    for path in covered(copy):
        data = path.read_bytes()
        for _ in range(2):
            position = generator.randrange(len(data))
            flipped = bytearray(data)
            flipped[position] ^= 1 << generator.randrange(8)
            path.write_bytes(bytes(flipped))
            assert list(verify(str(copy))), f"a flipped byte at {position} of {path} was not found"
        path.write_bytes(data)
    assert list(verify(str(copy))) == []


def test_a_missing_or_extra_file_is_found(copy):
    shard = next((copy / "documents").glob("shard-*.parquet"))
    kept = shard.read_bytes()
    shard.unlink()
    assert any("missing" in problem for problem in verify(str(copy)))
    shard.write_bytes(kept)
    (copy / "scores" / "extra.parquet").write_bytes(b"x")
    assert any("was not written by the build" in problem for problem in verify(str(copy)))


def test_the_command_answers_by_its_exit_status(copy):
    command = [sys.executable, "-m", "curate.cli", "verify", str(copy)]
    assert subprocess.run(command, capture_output=True, timeout=120).returncode == 0
    part = next((copy / "tokens").rglob("part-*.parquet"))
    data = bytearray(part.read_bytes())
    data[len(data) // 2] ^= 1
    part.write_bytes(bytes(data))
    failed = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert failed.returncode == 1
    assert part.name in failed.stdout


def test_any_damage_anywhere_is_found(copy):
    missed = [(kind, str(path)) for kind, path, found in rounds(copy, 60, seed=7) if not found]
    assert missed == []
    assert not list(verify(str(copy)))
