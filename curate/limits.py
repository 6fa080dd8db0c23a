"""A document may take so long, and a worker hold so much: a watchdog stops what does not keep to it.

Every document is read and measured inside `Guard.run`. One that takes too long is stopped by an exception in its own
thread and set aside; so is the one at hand when the process passes its memory cap. Code in C that does not come back
to Python cannot be stopped so: then, after a time of grace, the document is written down as stuck and the process ends;
whoever reads it next sets it aside unread, and the build goes on behind it.
"""

from __future__ import annotations

import ctypes
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
_POLL_SECONDS = 0.1
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
    """A document at work. asked: when it was told to stop, 0 while it was not."""

    file: str
    offset: int
    deadline: float
    asked: float = 0.0


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
        """seconds: a document may take; memory: bytes that the process may hold; grace: seconds that a document which
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
        self._stuck = frozenset(listing(join(output, STUCK)))
        self._thread: threading.Thread | None = None

    def run(self, file: str, offset: int, work: Callable[[], Result]) -> Result | SetAside:
        """`work()`, or why the document it is of was set aside."""
        if self._stuck and _name(file, offset) in self._stuck:
            return SetAside(file, offset, OverLimit.STUCK.value, "ended the worker that read it")
        self._start()
        thread = threading.get_ident()
        try:
            try:
                with self._lock:
                    self._watched[thread] = _Watched(file, offset, time.monotonic() + self.seconds)
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
            if not self._watched:
                return
            too_large = self._resident() > self.memory
            for thread, item in self._watched.items():
                if item.asked:
                    if now - item.asked > self.grace:
                        self._give_up(item)
                elif too_large or now > item.deadline:
                    item.asked = now
                    kind = StoppedForMemory if too_large else Stopped
                    ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(thread), ctypes.py_object(kind))

    def _give_up(self, item: _Watched) -> None:
        with atomic_write(join(self._output, STUCK, _name(item.file, item.offset))) as out:
            out.write(json.dumps({"file": item.file, "offset": item.offset}).encode())
        print(
            f"curate: a worker was stuck in {item.file} at {item.offset} and ends; the same command sets that document"
            " aside and takes up where it stopped",
            file=sys.stderr,
            flush=True,
        )
        self._end(EXIT_STATUS)


_guards: dict[tuple[float, int, str], Guard] = {}


def guard_for(seconds: float, memory: int, output: str) -> Guard:
    """This process's guard with these limits. memory: bytes. output: the build's folder, where stuck documents are
    written down."""
    key = (seconds, memory, output)
    if key not in _guards:
        _guards.clear()
        _guards[key] = Guard(seconds, memory, output)
    return _guards[key]


def resident_bytes() -> int:
    """What this process holds in memory now."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * _PAGE


def _name(file: str, offset: int) -> str:
    return blake2b(f"{file}\x00{offset}".encode("utf-8", "surrogatepass"), digest_size=16).hexdigest() + ".json"
