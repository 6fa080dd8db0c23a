"""Fill the output's disk, or forbid to write to it: the run says so in one line, and goes on when that is mended."""

from __future__ import annotations

import os
import random
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from bench.faults.case import TIMEOUT, Broken, Case, check, finished, one_line, redone, run
from bench.faults.kill import disturbed, strike

ROOM = 256 << 20
"""Bytes that are enough for the build."""


class Skipped(Exception):
    """A fault that cannot be had on this machine; says why."""


@contextmanager
def small_disk(folder: Path, size: int) -> Iterator[Path]:
    """A file system in memory of `size` bytes, mounted at a folder. Skipped where it cannot be mounted."""
    folder.mkdir(parents=True)
    if os.geteuid():
        raise Skipped("only root may mount a small disk")
    done = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(folder)], capture_output=True, text=True
    )
    if done.returncode:
        raise Skipped(f"no small disk can be mounted here: {done.stderr.strip()}")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)


def remount(folder: Path, options: str) -> None:
    subprocess.run(["mount", "-o", f"remount,{options}", str(folder)], check=True)


def full(case: Case, folder: Path, chance: random.Random) -> str:
    """One round of a disk that fills up; returns what was said and where."""
    size = int(case.size * chance.uniform(0.02, 1.1))
    with small_disk(folder, size) as disk:
        output = disk / "out"
        command = case.command(str(output), "--workers", chance.choice("12"))
        done = subprocess.run([*command, "--quiet"], capture_output=True, text=True, timeout=TIMEOUT)
        if done.returncode == 0:
            check(case, output)
            return f"a disk of {size >> 10:,} KB was enough"
        said = one_line(done.stderr)
        remount(disk, f"size={ROOM}")
        return f"{size >> 10:,} KB: {said}" + goes_on(case, output, command)


def read_only(case: Case, folder: Path, chance: random.Random) -> str:
    """One round of an output that may not be written to, when a killed build is taken up; returns what was said."""
    with small_disk(folder, ROOM) as disk:
        output = disk / "out"
        command = case.command(str(output), "--workers", chance.choice("12"))
        stage = chance.choice(list(case.seconds))
        kill = disturbed(command, case, output, stage, chance, lambda process: strike(process, "machine", chance))
        remount(disk, "ro")
        done = subprocess.run([*command, "--quiet"], capture_output=True, text=True, timeout=TIMEOUT)
        if done.returncode != 2:
            raise Broken(f"status {done.returncode} on a disk that may not be written to: {done.stderr[-2000:]}")
        said = one_line(done.stderr)
        remount(disk, "rw")
        return f"killed in {kill.stage}: {said}" + goes_on(case, output, command)


def forbidden(case: Case, folder: Path, chance: random.Random) -> str:
    """One round of folders that may no longer be written to while a build runs; returns what was said."""
    folder.mkdir(parents=True)
    output = folder / "out"
    command = case.command(str(output), "--workers", chance.choice("12"))
    stage = chance.choice(list(case.seconds))
    if shutil.which("chattr") is None:
        raise Skipped("there is no chattr here")

    try:
        found = disturbed(command, case, output, stage, chance, lambda _: immutable(output, "+i"))
    finally:
        immutable(output, "-i")
    if not found.said:
        check(case, output)
        return f"{found.stage}: it had nothing left to write"
    return f"{found.stage}: {found.said}" + goes_on(case, output, command)


def immutable(output: Path, change: str) -> str:
    """Forbid, even to root, that files come or go in any folder of the output ("+i"), or allow it again ("-i")."""
    folders = [output, *(path for path in output.rglob("*") if path.is_dir())]
    done = subprocess.run(["chattr", change, *map(str, folders)], capture_output=True, text=True)
    if done.returncode and change == "+i" and "No such file" not in done.stderr:
        raise Skipped(f"folders cannot be made immutable here: {done.stderr.strip()[:200]}")
    return "forbidden to write"


def goes_on(case: Case, output: Path, command: list[str]) -> str:
    """The same command, now that the disk is mended, must end well and do no finished shard again."""
    before = finished(output)
    run(command)
    check(case, output)
    if again := redone(before):
        raise Broken(f"finished shards were done again: {again[:5]}")
    return f"; went on, {len(before)} shards kept"
