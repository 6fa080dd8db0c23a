"""Long-lived processes of a local cluster: started apart from this one, remembered by id, and stopped by it.

What runs is written to `processes.json` in the cluster's folder. A process is named by its id and the moment it
started, so that an id which the system has given to another process since is never signalled.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import subprocess
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from curate.errors import UserError
from curate.storage import atomic_write

RECORD = "processes.json"
START_SECONDS = 120.0
STOP_SECONDS = 15.0
_LAST_LINES = 5


@dataclass(frozen=True, slots=True)
class Process:
    """name: what it is, and its log's name; pid; started: clock ticks after boot, as the kernel has them."""

    name: str
    pid: int
    started: int

    @property
    def alive(self) -> bool:
        return _started(self.pid) == self.started


class Processes:
    """The processes of one cluster, in the order they were started."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.running = _read(folder / RECORD)

    def start(self, name: str, command: Sequence[str], environment: Mapping[str, str] | None = None) -> None:
        """Start a command in a session of its own; it writes to `NAME.log`."""
        self.folder.mkdir(parents=True, exist_ok=True)
        with (self.folder / f"{name}.log").open("wb") as log:
            process = subprocess.Popen(
                command,
                cwd=self.folder,
                env={**os.environ, **(environment or {})},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        started = _started(process.pid)
        self.running.append(Process(name, process.pid, -1 if started is None else started))
        self._write()

    def wait_for(self, name: str, port: int, seconds: float = START_SECONDS) -> None:
        """Until the process answers on this port of the loopback; UserError with its last words where it ended."""
        deadline = time.monotonic() + seconds
        process = next(process for process in reversed(self.running) if process.name == name)
        while not listens(port):
            if not process.alive:
                raise UserError(f"{name} ended as it started: {self._last_words(name)}")
            if time.monotonic() > deadline:
                raise UserError(
                    f"{name} does not answer on port {port} after {seconds:.0f} s: {self._last_words(name)}"
                )
            time.sleep(0.2)

    def stop(self) -> list[str]:
        """End them all, the last started first; returns the names of those that ran."""
        stopped = []
        for process in reversed(self.running):
            if process.alive:
                stopped.append(process.name)
                _end(process)
        self.running = []
        (self.folder / RECORD).unlink(missing_ok=True)
        return stopped

    @property
    def alive(self) -> list[str]:
        return [process.name for process in self.running if process.alive]

    def _write(self) -> None:
        with atomic_write(str(self.folder / RECORD)) as out:
            out.write(json.dumps([asdict(process) for process in self.running], indent=2).encode())

    def _last_words(self, name: str) -> str:
        log = self.folder / f"{name}.log"
        lines = log.read_text("utf-8", "replace").split("\n") if log.is_file() else []
        said = " | ".join(line.strip() for line in lines if line.strip()[:1] not in ("", "\t"))
        return f"{' '.join(said.split(' | ')[-_LAST_LINES:])[-400:]} (see {log})"


def listens(port: int) -> bool:
    """Whether anything on the loopback takes connections on this port."""
    with socket.socket() as probe:
        probe.settimeout(1.0)
        return probe.connect_ex(("127.0.0.1", port)) == 0


def free_ports(count: int) -> list[int]:
    """Ports of the loopback that nothing uses now, all different."""
    held = [socket.socket() for _ in range(count)]
    try:
        for item in held:
            item.bind(("127.0.0.1", 0))
        return [int(item.getsockname()[1]) for item in held]
    finally:
        for item in held:
            item.close()


def _end(process: Process) -> None:
    """First asked, then killed; with it what it started, which is in its process group."""
    for sign, seconds in ((signal.SIGTERM, STOP_SECONDS), (signal.SIGKILL, STOP_SECONDS)):
        try:
            os.killpg(process.pid, sign)
        except ProcessLookupError:
            return
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            _reap(process.pid)
            if not _group_runs(process.pid):
                return
            time.sleep(0.1)


def _group_runs(group: int) -> bool:
    """Whether any process of this group does: what one started may outlive it by a moment, and threads their process.
    Not one that has ended with all its threads and that nobody waited for."""
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit():
            with contextlib.suppress(OSError):  # it ended meanwhile
                state, _, of, *_ = _stat(folder)
                if int(of) == group and (state != "Z" or len(list((folder / "task").iterdir())) > 1):
                    return True
    return False


def _reap(pid: int) -> None:
    with contextlib.suppress(ChildProcessError):  # one that another run of this program started
        os.waitpid(pid, os.WNOHANG)


def _started(pid: int) -> int | None:
    """When a process started; None where there is none, or only what is left of one that nobody waited for."""
    try:
        fields = _stat(Path(f"/proc/{pid}"))
    except OSError:
        return None
    return None if fields[0] == "Z" else int(fields[19])


def _stat(folder: Path) -> list[str]:
    """What the system says of a process, from its state on: state, parent, group, …, start (the 20th). The name before
    it, in brackets, may hold spaces and brackets. OSError where it has ended."""
    return (folder / "stat").read_text("utf-8", "replace").rpartition(")")[2].split()


def _read(path: Path) -> list[Process]:
    try:
        return [Process(**item) for item in json.loads(path.read_bytes())]
    except FileNotFoundError:
        return []
    except (ValueError, TypeError) as error:
        raise UserError(f"{path} is no record of processes: end them by hand and remove it ({error})") from None
