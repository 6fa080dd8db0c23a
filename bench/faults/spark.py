"""Kill (-9) parts of a Spark in the middle of a build, and take the build up with the same command where it ended."""

from __future__ import annotations

import os
import random
import shutil
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from bench.faults.case import Broken, Case, check, finished, run, stage_seconds
from bench.faults.kill import children, disturbed
from pipelines.cluster.engines import Ports, down, up
from pipelines.cluster.processes import Processes

VICTIMS = ("job server", "spark worker", "executor", "sdk worker", "driver", "worker pool")
"""driver: what the user started. sdk worker: a Python process that runs functions; the pool starts those."""
_PATIENCE = 900.0
"""Seconds that a build which lost a part of its Spark has to end, well or not."""


@contextmanager
def spark(folder: Path) -> Iterator[list[str]]:
    """A Spark of two workers; the options that reach it."""
    try:
        yield up("spark", folder, Ports.unused(), lambda _: None)
    finally:
        down("spark", folder)


def victim_of(name: str, folder: Path) -> list[int]:
    """Processes of this name that run now; a driver is not among them."""
    running = {process.name: process.pid for process in Processes(folder / "spark").running if process.alive}
    spark_workers = [pid for part, pid in sorted(running.items()) if part.startswith("spark-worker")]
    return {
        "job server": [running["job-server"]] if "job-server" in running else [],
        "worker pool": [running["worker-pool"]] if "worker-pool" in running else [],
        "spark worker": spark_workers,
        "executor": [executor for worker in spark_workers for executor in children(worker)],
        "sdk worker": children(running["worker-pool"]) if "worker-pool" in running else [],
    }[name]


def timed(case: Case, output: Path, folder: Path) -> Case:
    """The case with the seconds that each stage takes on a Spark; Broken where an undisturbed build there differs."""
    with spark(folder) as options:
        run(case.command(str(output), *options), seconds=_PATIENCE)
    check(case, output)
    return replace(case, seconds=stage_seconds(output))


def one_round(
    case: Case, output: Path, folder: Path, stage: str, victim: str, chance: random.Random
) -> tuple[str, bool]:
    """Kill this in this stage of a new build; the build, or the same command after it on a whole Spark, gives the bytes
    of the in-process runner. Returns what happened, and whether anything was killed: it may have ended before. Broken
    where a promise did not hold."""

    def act(process: subprocess.Popen[str]) -> str:
        found = [process.pid] if victim == "driver" else victim_of(victim, folder)
        if not found:
            return ""
        os.kill(chance.choice(found), signal.SIGKILL)
        return victim

    with spark(folder) as options:
        found = disturbed(case.command(str(output), *options), case, output, stage, chance, act, _PATIENCE)
        kept = len(finished(output))
        if victim == "driver":  # at once, on the same Spark, where the job of the dead one may still run
            run(case.command(str(output), *options), seconds=_PATIENCE)
    if not found.done:
        story = f"no {victim} ran at the moment in {found.stage}"
    elif victim == "driver":
        story = f"driver killed in {found.stage}, {kept} shards kept, taken up at once on the same Spark"
    elif (output / "report.html").exists():
        story = f"{victim} killed in {found.stage}: Spark went on"
    else:
        if not found.said:
            raise Broken(f"{victim} killed in {found.stage}: the build ended and did not say why")
        with spark(folder) as options:
            run(case.command(str(output), *options), seconds=_PATIENCE)
        story = f"{victim} killed in {found.stage}, {kept} shards kept, taken up; said: {found.said}"
    check(case, output)
    shutil.rmtree(output)
    return story, bool(found.done)
