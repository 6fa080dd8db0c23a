"""The build that faults are tried on: its command, what an undisturbed run gives, and what must hold afterwards."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from curate.report.status import LOG, PROGRESS
from curate.report.verify import verify
from curate.storage import TEMPORARY

ROOT = Path(__file__).resolve().parents[2]
MANIFEST = ROOT / "manifests" / "cc-2020.yaml"
CRAWL = ROOT / "curate" / "sample" / "crawl"
FILES = ("CC-SAMPLE-2020-00000.warc.gz", "CC-SAMPLE-2020-00005.warc")
"""A small part of the sample crawl: a round is a build, and there are many rounds."""
SETTINGS = (
    "extract.range_bytes=16KB",
    "dedup.buckets=4",
    "dedup.books.enabled=true",
    "filters.host_pii.enabled=true",
    "tokens.shards=6",
)
"""Several shards in every stage, and the stages that only some recipes ask for."""
TIMEOUT = 600.0
BESIDE = ("set_aside", "dropped", "verdicts")
"""Folders of files that are written before the shard that they go with, and again when it was not finished."""

Shards = dict[Path, tuple[int, int]]


@dataclass(frozen=True)
class Case:
    """One build: where its input lies, and what an undisturbed run gave. options: more of `curate build`'s."""

    crawl: Path
    expected: dict[str, str] = field(default_factory=dict)
    seconds: dict[str, float] = field(default_factory=dict)
    """Stage -> seconds it took, in order: where and when there is something to disturb."""
    size: int = 0
    """Bytes that the finished build takes on a disk."""

    def command(self, output: str, *options: str, inputs: Sequence[str] = ()) -> list[str]:
        settings = [word for setting in SETTINGS for word in ("--set", setting)]
        given = [word for spec in inputs or [str(self.crawl)] for word in ("--input", spec)]
        return [sys.executable, "-m", "curate", "build", str(MANIFEST), "--output", output, *given, *settings, *options]


def prepared(folder: Path) -> Case:
    """Copy the input, and build it once without any trouble."""
    crawl, output = folder / "crawl", folder / "undisturbed"
    crawl.mkdir()
    for name in FILES:
        shutil.copy(CRAWL / name, crawl / name)
    run(Case(crawl).command(str(output), "--workers", "1"))
    size = sum(-(-path.stat().st_size // 4096) * 4096 for path in output.rglob("*"))
    return Case(crawl, digests(output / "tokens"), stage_seconds(output), size)


def stage_seconds(output: Path) -> dict[str, float]:
    """How long each stage of a build that was done in one go took."""
    events = [json.loads(line) for line in (output / LOG).read_text().splitlines()]
    return {event["stage"]: event["seconds"] for event in events if event["event"] == "stage_done"}


def run(
    command: Sequence[str], status: int = 0, environment: dict[str, str] | None = None, seconds: float = TIMEOUT
) -> subprocess.CompletedProcess[str]:
    """Run to the end, which must be with this status."""
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, timeout=seconds, env={**os.environ, **(environment or {})}
        )
    except subprocess.TimeoutExpired:
        raise Broken(f"did not end in {seconds:.0f} s") from None
    if done.returncode != status:
        raise Broken(f"ended with status {done.returncode}, not {status}: {done.stderr[-2000:]}")
    return done


class Broken(Exception):
    """A promise that did not hold."""


def one_line(text: str) -> str:
    """What a run that failed said, which must be one line."""
    said = text.strip()
    if "\n" in said or not said.startswith("curate: "):
        raise Broken(f"a failure was not told in one line: {said[-2000:]}")
    return said


def digests(folder: Path) -> dict[str, str]:
    """sha256 of every file below a folder."""
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def finished(output: Path) -> Shards:
    """Every shard that is there, and what would differ if it were written again."""
    found: Shards = {}
    for path in output.rglob("*.parquet"):
        if path.name.startswith(("shard-", "part-")) and not set(BESIDE) & set(path.parts):
            try:
                stat = path.stat()
            except FileNotFoundError:  # what is killed last may yet remove what it no longer needs
                continue
            found[path] = (stat.st_ino, stat.st_mtime_ns)
    return found


def redone(before: Shards) -> list[Path]:
    """Which of these shards were written again; those that a stage removes when it no longer needs them were not."""
    again = []
    for path, mark in before.items():
        if path.exists():
            stat = path.stat()
            if (stat.st_ino, stat.st_mtime_ns) != mark:
                again.append(path)
    return again


def running_stage(output: Path) -> str:
    """The stage that progress.json says is running; "" where none is."""
    try:
        state = json.loads((output / PROGRESS).read_bytes())
    except FileNotFoundError:
        return ""
    return next((stage["name"] for stage in state["stages"] if stage["state"] == "running"), "")


def check(case: Case, output: Path) -> None:
    """A finished build has the undisturbed bytes, holds nothing torn, and `curate verify` agrees."""
    if digests(output / "tokens") != case.expected:
        raise Broken(f"{output / 'tokens'} is not what an undisturbed run gives")
    if torn := [path for path in output.rglob(f"*{TEMPORARY}*") if ".lock" not in path.name]:
        raise Broken(f"torn files are left: {torn[:5]}")
    if problems := list(verify(str(output))):
        raise Broken(f"verify: {problems[:5]}")
