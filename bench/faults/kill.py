"""Kill (-9) what runs a build, at a random moment of a stage, and take the build up with the same command."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import time
from dataclasses import dataclass
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


def disturbed(command: list[str], case: Case, output: Path, stage: str, victim: str, chance: random.Random) -> Kill:
    """Start the command and kill it, or a part of it, in this stage; what was not killed ends by itself.

    `again` and `took_up` are not known yet.
    """
    process = subprocess.Popen(
        [*command, "--quiet"],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    try:
        if not wait_for_stage(process, case, output, stage, chance):
            _, said = process.communicate()
            if process.returncode:
                raise Broken(f"ended with status {process.returncode} before it was killed: {said[-2000:]}")
            return Kill("ended before", "nothing", 0, [], True)
        where = running_stage(output) or "between stages"
        killed = strike(process, victim, chance)
        try:
            _, said = process.communicate(timeout=_DEATH)
        except subprocess.TimeoutExpired:
            raise Broken(f"a run whose {killed} was killed in {where} did not end") from None
        if process.returncode == 1:
            one_line(said)
        elif process.returncode not in (-signal.SIGKILL, 0):
            raise Broken(f"{killed} killed in {where}: status {process.returncode}: {said[-2000:]}")
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
    return Kill(where, killed, len(finished(output)), [], False)


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
        kill = disturbed(command, case, output, aim, victim, chance)
        if kills:
            kills[-1] = with_outcome(kills[-1], redone(before), True)
        kills.append(kill)
        if kill.victim == "nothing":
            break
    before = finished(output)
    done = run(command)
    took_up = "taking up where it stopped" in done.stderr or "done before, kept" in done.stderr
    kills[-1] = with_outcome(kills[-1], redone(before), took_up or kills[-1].kept == 0)
    check(case, output)
    return kills


def with_outcome(kill: Kill, again: list[Path], took_up: bool) -> Kill:
    return Kill(kill.stage, kill.victim, kill.kept, again, took_up)
