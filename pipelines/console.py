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
            self.console.print(line, markup=False)

    @contextmanager
    def watching(self, name: str, folder: str, total: int) -> Iterator[None]:
        """While the block runs, show how many of a stage's shard files are there; works for any runner."""
        if self.quiet:
            yield
            return
        stop = threading.Event()
        watch = self._bar if self.console.is_terminal else self._lines
        thread = threading.Thread(target=watch, args=(name, folder, total, stop), daemon=True)
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

    def _bar(self, name: str, folder: str, total: int, stop: threading.Event) -> None:
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
            while not stop.wait(_POLL_SECONDS):
                progress.update(task, completed=finished(folder))
            progress.update(task, completed=finished(folder))

    def _lines(self, name: str, folder: str, total: int, stop: threading.Event) -> None:
        started = said = time.monotonic()
        self.say(f"{name}: {total} shards")
        while not stop.wait(_POLL_SECONDS):
            now = time.monotonic()
            if now - said >= _LINE_EVERY_SECONDS:
                said = now
                self.say(f"{name}: {finished(folder)} of {total} shards, {now - started:.0f} s")


def finished(folder: str) -> int:
    """Shard files that are whole."""
    return sum(name.startswith(("shard-", "part-")) and name.endswith(".parquet") for name in listing(folder))
