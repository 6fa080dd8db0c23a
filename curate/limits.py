"""A document may take so long, and a worker hold so much: a watchdog stops what does not keep to it.

Every document is read and measured inside `Guard.run`. One that takes too long is stopped by an exception in its own
thread and set aside; so is the one at hand when the process passes its memory cap. Code in C that does not come back
to Python cannot be stopped so: then, after a time of grace, the document is written down as stuck and the process ends;
whoever reads it next sets it aside unread, and the build goes on behind it.

Time is processor time of the document's own thread, so that a busy or paused machine sets no other documents aside than
an idle one; a document that waits without working has WAITING times as long.
"""

from __future__ import annotations

import ctypes
import gc
import json
import os
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from hashlib import blake2b
from pathlib import Path
from typing import TypeVar

from curate.errors import SetAside
from curate.storage import atomic_write, join, listing

Result = TypeVar("Result")
STUCK = "_run/stuck"
"""Folder of the documents that ended a worker, one JSON file each."""
EXIT_STATUS = 70
WAITING = 6.0
"""Times its seconds that a document may take where it does not work all the while: it waits for a disk or a network."""
_POLL_SECONDS = 0.1
_PAUSE = 1.0
"""The watchdog sleeps for far less than these seconds: where more went by, the whole process was stopped."""
_AGAIN_SECONDS = 1.0
"""Code that swallows the exception (a callback, a destructor) is told again."""
_PAGE = os.sysconf("SC_PAGE_SIZE")


class OverLimit(StrEnum):
    """Why a document is set aside unread or half read."""

    TOO_SLOW = "too_slow"
    TOO_MUCH_MEMORY = "too_much_memory"
    STUCK = "stuck"


class Stopped(BaseException):
    """Raised in a document's own thread by the watchdog. No `except Exception` on the way may take it for its own."""

    reason = OverLimit.TOO_SLOW


class StoppedForMemory(Stopped):
    reason = OverLimit.TOO_MUCH_MEMORY


@dataclass
class _Watched:
    """A document at work.

    clock: of its thread's processor time; begun: what that said; waited: seconds since then by the wall; asked, told:
    when it was told to stop first and last, 0 while it was not.
    """

    file: str
    offset: int
    part: str
    clock: int
    begun: float
    waited: float = 0.0
    asked: float = 0.0
    told: float = 0.0
    kind: type[Stopped] = Stopped


class Guard:
    """The watchdog of one process. One of them is enough; `guard_for` keeps it."""

    def __init__(
        self,
        seconds: float,
        memory: int,
        output: str,
        grace: float = 10.0,
        end: Callable[[int], None] = os._exit,
        resident: Callable[[], int] | None = None,
    ) -> None:
        """seconds: a document may work; memory: bytes that the process may hold; grace: seconds that a document which
        was told to stop has for it; end: ends the process; resident: bytes the process holds now.
        """
        self.seconds = seconds
        self.memory = memory
        self.grace = grace
        self._output = output
        self._end = end
        self._resident = resident or resident_bytes
        self._lock = threading.Lock()
        self._watched: dict[int, _Watched] = {}
        self._thread: threading.Thread | None = None
        self._looked = time.monotonic()
        self._too_large = False
        self.remember()

    def remember(self) -> None:
        """Look up which documents are known to end a worker."""
        self._stuck = frozenset(listing(join(self._output, STUCK)))

    def run(self, file: str, offset: int, work: Callable[[], Result], part: str = "") -> Result | SetAside:
        """`work()`, or why the document it is of was set aside. part: tells apart documents that share an offset, and
        what is done with one.
        """
        if self._stuck and _name(file, offset, part) in self._stuck:
            return SetAside(file, offset, OverLimit.STUCK.value, "ended the worker that read it")
        if self._too_large:
            self._make_room(file, offset)
        self._start()
        thread = threading.get_ident()
        clock = time.pthread_getcpuclockid(thread)
        try:
            try:
                with self._lock:
                    self._watched[thread] = _Watched(file, offset, part, clock, time.clock_gettime(clock))
                return work()
            finally:
                self._leave(thread)
        except Stopped as stopped:
            self._leave(thread)  # it may have come while leaving
            detail = f"over {self.seconds:g} s" if stopped.reason == OverLimit.TOO_SLOW else f"over {self.memory} bytes"
            return SetAside(file, offset, stopped.reason.value, detail)

    def _leave(self, thread: int) -> None:
        with self._lock:
            left = self._watched.pop(thread, None)
            if left is not None and left.asked:
                ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(thread), None)  # if it is still on its way

    def _start(self) -> None:
        if self._thread is None or not self._thread.is_alive():  # a fork has no threads but its own
            self._thread = threading.Thread(target=self._watch, name="watchdog", daemon=True)
            self._thread.start()

    def _watch(self) -> None:
        while True:
            time.sleep(_POLL_SECONDS)
            self.look(time.monotonic())

    def look(self, now: float) -> None:
        """One round of the watchdog."""
        with self._lock:
            passed, self._looked = min(max(now - self._looked, 0.0), _PAUSE), now
            self._too_large = self._resident() > self.memory
            for thread, item in self._watched.items():
                item.waited += passed
                if item.asked:
                    if now - item.asked > self.grace:
                        self._give_up(item)
                    elif now - item.told > _AGAIN_SECONDS:
                        self._tell(thread, item, now)
                elif self._too_large or self._over_time(item):
                    item.asked = now
                    item.kind = StoppedForMemory if self._too_large else Stopped
                    self._tell(thread, item, now)

    def _over_time(self, item: _Watched) -> bool:
        worked = time.clock_gettime(item.clock) - item.begun
        return worked > self.seconds or item.waited > WAITING * self.seconds

    @staticmethod
    def _tell(thread: int, item: _Watched, now: float) -> None:
        item.told = now
        ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(thread), ctypes.py_object(item.kind))

    def _make_room(self, file: str, offset: int) -> None:
        """Give back what a document that was stopped has left. A process that is over its cap without any document
        would set all that follow aside: it ends.
        """
        gc.collect()
        _trim()
        with self._lock:
            held = self._resident()
            self._too_large = held > self.memory
        if held > self.memory:
            self._say(
                f"a worker holds {held:,} bytes before it reads {file} at {offset}, over limits.worker_memory"
                f" ({self.memory:,}): give it more, or make extract.range_bytes smaller"
            )
            self._end(EXIT_STATUS)

    @staticmethod
    def _say(line: str) -> None:
        print(f"curate: {line}", file=sys.stderr, flush=True)

    def _give_up(self, item: _Watched) -> None:
        with atomic_write(join(self._output, STUCK, _name(item.file, item.offset, item.part))) as out:
            out.write(json.dumps({"file": item.file, "offset": item.offset, "part": item.part}).encode())
        self._say(
            f"a worker was stuck in {item.file} at {item.offset} and ends; the same command sets that document aside"
            " and takes up where it stopped"
        )
        self._end(EXIT_STATUS)


_guards: dict[tuple[float, int, str], Guard] = {}


def guard_for(seconds: float, memory: int, output: str) -> Guard:
    """This process's guard with these limits. memory: bytes. output: the build's folder, where stuck documents are
    written down."""
    key = (seconds, memory, output)
    guard = _guards.get(key)
    if guard is None:
        _guards.clear()
        guard = _guards[key] = Guard(seconds, memory, output)
    else:
        guard.remember()
    return guard


def resident_bytes() -> int:
    """What this process alone holds in memory now: pages of files, such as a model's, can be given back at any time."""
    _, resident, shared, *_ = Path("/proc/self/statm").read_text().split()
    return (int(resident) - int(shared)) * _PAGE


def _trim() -> None:
    """Give memory that was freed back to the system, where the C library can."""
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim is not None:
        trim(0)


def _name(file: str, offset: int, part: str) -> str:
    key = f"{file}\x00{offset}\x00{part}".encode("utf-8", "surrogatepass")
    return blake2b(key, digest_size=16).hexdigest() + ".json"
