"""Run `curate build` as a user does: in a process of its own, which a test may kill."""

from __future__ import annotations

import hashlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

TIMEOUT = 300


def command(manifest: str, output: Path, *options: str) -> list[str]:
    return [sys.executable, "-m", "curate.cli", "build", manifest, "--output", str(output), *options]


def build(manifest: str, output: Path, *options: str, timeout: float = TIMEOUT) -> subprocess.CompletedProcess[str]:
    """Build and expect success."""
    done = subprocess.run(command(manifest, output, *options), capture_output=True, text=True, timeout=timeout)
    assert done.returncode == 0, done.stderr[-4000:]
    return done


def run(*arguments: str, check: bool = True) -> subprocess.CompletedProcess[str]:
    """Any `curate` command, of which success is expected where `check`."""
    line = [sys.executable, "-m", "curate.cli", *arguments]
    done = subprocess.run(line, capture_output=True, text=True, timeout=TIMEOUT)
    assert not check or done.returncode == 0, done.stderr[-4000:]
    return done


def build_and_kill(manifest: str, output: Path, moment: Callable[[Path], bool], *options: str) -> None:
    """Start a build and kill it, workers and all, with SIGKILL as soon as `moment(output)` is true."""
    process = subprocess.Popen(
        command(manifest, output, *options),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        deadline = time.monotonic() + TIMEOUT
        while not moment(output):
            assert process.poll() is None, "the build ended before the moment to kill it came"
            assert time.monotonic() < deadline
            time.sleep(0.002)
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait(30)


def digests(folder: Path) -> dict[str, str]:
    """sha256 of every file below a folder."""
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def summary(output: Path) -> dict:
    return json.loads((output / "summary.json").read_text())
