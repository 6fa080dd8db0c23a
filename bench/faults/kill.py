"""Kill (-9) what runs a build, at a random moment of a stage, and take the build up with the same command."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from bench.faults.case import Broken, Case, check, finished, one_line, redone, run, running_stage

VICTIMS = ("machine", "driver", "worker", "fork server")
"""machine: everything at once, as when the power fails."""
AGAIN = 0.25
"""How often the run that takes up is killed, too."""
_POLL = 0.005
_DEATH = 120.0
"""A run that lost a worker has this long to end by itself."""


@dataclass(frozen=True)
class Kill:
    """What was killed and where; kept: shards finished by then; again: which of them were written again."""

    stage: str
    victim: str
    kept: int
    again: list[Path]
    took_up: bool


def children(pid: int) -> list[int]:
    """Processes whose parent this is, those that only wait to be collected left out."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                fields = (entry / "stat").read_text("utf-8", "replace").rpartition(")")[2].split()
            except (FileNotFoundError, ProcessLookupError):
                continue
            if int(fields[1]) == pid and fields[0] != "Z":
                found.append(int(entry.name))
    return sorted(found)


def fork_server(driver: int) -> int | None:
    for pid in children(driver):
        try:
            if b"pipelines.fork_server" in Path(f"/proc/{pid}/cmdline").read_bytes():
                return pid
        except (FileNotFoundError, ProcessLookupError):
            continue
    return None


def strike(process: subprocess.Popen[str], victim: str, chance: random.Random) -> str:
    """Kill it; returns what was killed: the driver, where there is no such worker at this moment."""
    server = fork_server(process.pid) if victim in ("worker", "fork server") else None
    workers = children(server) if server is not None else []
    if victim == "machine":
        os.killpg(process.pid, signal.SIGKILL)
    elif victim == "worker" and workers:
        os.kill(chance.choice(workers), signal.SIGKILL)
    elif victim == "fork server" and server is not None:
        os.kill(server, signal.SIGKILL)
    else:
        victim = "driver"
        process.kill()
    return victim


def wait_for_stage(process: subprocess.Popen[str], case: Case, output: Path, stage: str, chance: random.Random) -> bool:
    """Until a random moment of a stage; False where the run ended before."""
    names = list(case.seconds)
    reached = names.index(stage)
    while process.poll() is None:
        now = running_stage(output)
        if now and names.index(now) >= reached:
            break
        time.sleep(_POLL)
    try:
        process.wait(chance.random() * case.seconds[stage])
    except subprocess.TimeoutExpired:
        return True
    return False


@dataclass(frozen=True)
class Disturbed:
    """A run that something was done to. stage: where; done: what; said: its one line, "" where it did not say one."""

    stage: str
    done: str
    said: str


def disturbed(
    command: list[str],
    case: Case,
    output: Path,
    stage: str,
    chance: random.Random,
    act: Callable[[subprocess.Popen[str]], str],
    patience: float = _DEATH,
) -> Disturbed:
    """Start the command and act on it at a random moment of this stage; what is left of it ends by itself, within
    this many seconds."""
    process = subprocess.Popen(
        [*command, "--quiet"],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    try:
        where, done = "ended before", ""
        if wait_for_stage(process, case, output, stage, chance):
            where = running_stage(output) or "between stages"
            done = act(process)
        try:
            _, said = process.communicate(timeout=patience)
        except subprocess.TimeoutExpired:
            raise Broken(f"a run did not end: {done} in {where}") from None
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
    if process.returncode in (0, -signal.SIGKILL):
        return Disturbed(where, done, "")
    if process.returncode not in (1, 2) or not done:
        raise Broken(f"status {process.returncode}, {done} in {where}: {said[-2000:]}")
    return Disturbed(where, done, one_line(said))


def one_round(case: Case, output: Path, stage: str, victim: str, chance: random.Random) -> list[Kill]:
    """Kill a new build in this stage, perhaps once more later, and finish it; Broken where a promise did not hold."""
    workers = "2" if victim in ("worker", "fork server") else chance.choice("12")
    command = case.command(str(output), "--workers", workers)
    aims = [stage]
    if chance.random() < AGAIN:
        names = list(case.seconds)
        aims.append(chance.choice(names[names.index(stage) :]))
    kills: list[Kill] = []
    for aim in aims:
        before = finished(output)
        found = disturbed(command, case, output, aim, chance, lambda process: strike(process, victim, chance))
        if kills:
            kills[-1] = replace(kills[-1], again=redone(before), took_up=True)
        if not found.done:  # it had ended when the moment came
            break
        kills.append(Kill(found.stage, found.done, len(finished(output)), [], False))
    before = finished(output)
    done = run(command)
    if kills:
        took_up = "taking up where it stopped" in done.stderr or "done before, kept" in done.stderr
        again = [*kills[-1].again, *redone(before)]
        kills[-1] = replace(kills[-1], again=again, took_up=took_up or not before)
    check(case, output)
    return kills
