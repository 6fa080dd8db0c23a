"""Worker processes: a dead one ends the run, and the next run takes up; none outlives its build."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from pathlib import Path

import pytest

from tests.pipelines.building import build, command, digests

pytestmark = pytest.mark.slow
RANGES = ("--workers", "2", "--set", "extract.range_bytes=64KB")


def processes_of(group: int) -> dict[int, str]:
    """pid -> command line of the processes of a process group."""
    found = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                if os.getpgid(int(entry.name)) == group:
                    found[int(entry.name)] = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode()
            except (ProcessLookupError, FileNotFoundError):
                continue
    return found


def gone(group: int) -> bool:
    """Whether every process of a group has ended (zombies apart), waiting a while for it."""
    for _ in range(200):
        if not {pid for pid, line in processes_of(group).items() if line}:
            return True
        time.sleep(0.05)
    return False


def started(output: Path, manifest: str) -> subprocess.Popen[bytes]:
    process = subprocess.Popen(
        command(manifest, output, *RANGES), stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, start_new_session=True
    )
    deadline = time.monotonic() + 120
    while not any((output / "documents").glob("shard-*.parquet")):
        assert process.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.005)
    return process


def test_a_killed_worker_ends_the_run_with_one_line_and_the_next_run_takes_up(built, manifest, tmp_path):
    output = tmp_path / "out"
    process = started(output, manifest)
    workers = [
        pid
        for pid, line in processes_of(process.pid).items()
        if "fork_server" in line
        and any(
            f"\nPPid:\t{other}\n" in Path(f"/proc/{pid}/status").read_text()
            for other, outer in processes_of(process.pid).items()
            if "fork_server" in outer
        )
    ]
    assert workers, "no worker was found to kill"
    for pid in workers:
        os.kill(pid, signal.SIGKILL)
    _, error = process.communicate(timeout=60)
    assert process.returncode == 1
    assert b"a worker process died; the same command takes up where it stopped" in error
    assert gone(process.pid)
    build(manifest, output, *RANGES)
    assert digests(output / "tokens") == digests(built / "tokens")


def test_workers_that_were_just_starting_end_when_the_driver_is_killed(manifest, tmp_path):
    process = subprocess.Popen(
        command(manifest, tmp_path / "out", *RANGES),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    deadline = time.monotonic() + 120
    while not any("fork_client" in line for line in processes_of(process.pid).values()):
        assert process.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.002)
    process.kill()
    process.wait(60)
    assert gone(process.pid), processes_of(process.pid)


def test_when_the_driver_is_killed_its_workers_end(built, manifest, tmp_path):
    output = tmp_path / "out"
    process = started(output, manifest)
    process.kill()
    process.communicate(timeout=60)
    assert gone(process.pid), processes_of(process.pid)
    build(manifest, output, *RANGES)
    assert digests(output / "tokens") == digests(built / "tokens")
