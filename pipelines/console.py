"""What a run says while it works: a progress bar on a terminal, plain lines elsewhere."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import (
    BarColumn,
    DownloadColumn,
    MofNCompleteColumn,
    Progress,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
    TransferSpeedColumn,
)

from curate.hidden import hidden
from curate.storage import listing

_POLL_SECONDS = 0.5
_LINE_EVERY_SECONDS = 15.0


class Reporter:
    """Lines and progress on standard error; quiet=True says nothing (for tests)."""

    def __init__(self, quiet: bool = False) -> None:
        self.quiet = quiet
        self.console = Console(file=sys.stderr, soft_wrap=True, highlight=False)

    def say(self, line: str) -> None:
        if not self.quiet:
            self.console.print(hidden(line), markup=False)

    @contextmanager
    def watching(self, name: str, folder: str, total: int, tell: Callable[[int], None]) -> Iterator[None]:
        """While the block runs, show how many of a stage's shard files are there; works for any runner.

        tell: is given each count, too.
        """
        stop = threading.Event()
        watch = self._silent if self.quiet else self._bar if self.console.is_terminal else self._lines
        thread = threading.Thread(target=watch, args=(name, total, Counts(folder, stop, tell)), daemon=True)
        thread.start()
        try:
            yield
        finally:
            stop.set()
            thread.join()

    @contextmanager
    def fetching(self) -> Iterator[Callable[[int, int, str], None] | None]:
        """A callback for downloads: (bytes done, bytes in all or -1, name)."""
        if self.quiet:
            yield None
        elif self.console.is_terminal:
            columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TransferSpeedColumn())
            with Progress(*columns, console=self.console) as progress:
                tasks: dict[str, TaskID] = {}

                def show(done: int, total: int, name: str) -> None:
                    if name not in tasks:
                        tasks[name] = progress.add_task(name)
                    progress.update(tasks[name], completed=done, total=total if total >= 0 else None)

                yield show
        else:
            said: dict[str, float] = {}

            def line(done: int, total: int, name: str) -> None:
                now = time.monotonic()
                if done == total or now - said.get(name, now - _LINE_EVERY_SECONDS) >= _LINE_EVERY_SECONDS:
                    said[name] = now
                    self.say(f"{name}: {done:,} of {total:,} bytes" if total >= 0 else f"{name}: {done:,} bytes")

            yield line

    def _silent(self, name: str, total: int, counts: Counts) -> None:
        for _ in counts:
            pass

    def _bar(self, name: str, total: int, counts: Counts) -> None:
        columns = (
            TextColumn("{task.description:<24}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            TextColumn("left"),
            TimeRemainingColumn(),
        )
        with Progress(*columns, console=self.console) as progress:
            task = progress.add_task(name, total=total)
            for count in counts:
                progress.update(task, completed=count)

    def _lines(self, name: str, total: int, counts: Counts) -> None:
        started = said = time.monotonic()
        self.say(f"{name}: {total} shards")
        for count in counts:
            now = time.monotonic()
            if now - said >= _LINE_EVERY_SECONDS and not counts.stopped:
                said = now
                self.say(f"{name}: {count} of {total} shards, {now - started:.0f} s")


class Counts:
    """How many shard files a folder has, again and again until it is stopped, and once more then.

    A listing of a million files takes long: no more than a twentieth of the time is spent on it.
    """

    def __init__(self, folder: str, stop: threading.Event, tell: Callable[[int], None]) -> None:
        self._folder = folder
        self._stop = stop
        self._tell = tell

    @property
    def stopped(self) -> bool:
        return self._stop.is_set()

    def __iter__(self) -> Iterator[int]:
        pause = 0.0
        while not self._stop.wait(pause):
            yield from self._count()
            pause = max(_POLL_SECONDS, 20 * self._seconds)
        yield from self._count()

    def _count(self) -> Iterator[int]:
        began = time.monotonic()
        try:
            count = finished(self._folder)
        except OSError:  # storage that does not answer now may do so at the next count
            return
        finally:
            self._seconds = time.monotonic() - began
        self._tell(count)
        yield count


def finished(folder: str) -> int:
    """Shard files that are whole."""
    return sum(name.startswith(("shard-", "part-")) and name.endswith(".parquet") for name in listing(folder))
