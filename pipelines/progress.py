"""What a build says of itself while it runs, for other programs: progress.json, metrics.prom and log.jsonl in `_run/`.

Finished shards are counted by the files that are there, which is the same on every runner. None of these files is an
answer of the build: they hold times, and nothing depends on them.
"""

from __future__ import annotations

import json
import logging
import os
import socket
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from curate.errors import UserError
from curate.hidden import hidden
from curate.report.status import LOG, METRICS, PROGRESS
from curate.storage import atomic_write, join
from pipelines.shards import Record

WRITE_SECONDS = 5.0
"""A running build writes its progress this often."""


class Progress:
    """The stages of one build and how far each is. Thread-safe: the driver tells of stages, a watcher of shards."""

    def __init__(
        self, output: str, recipe: str, runner: str, stages: Sequence[str], clock: Callable[[], float] = time.time
    ) -> None:
        self.output = output
        self._clock = clock
        self._lock = threading.Lock()
        self._log: list[str] = []
        self._written = 0.0
        started = clock()
        self._state: dict[str, Any] = {
            "recipe": recipe,
            "runner": runner,
            "host": socket.gethostname(),
            "pid": os.getpid(),
            "state": "running",
            "error": "",
            "started": started,
            "updated": started,
            "stages": [{"name": name, "state": "waiting"} for name in stages],
        }
        self._event("build_started", recipe=recipe, runner=runner)

    @contextmanager
    def running(self) -> Iterator[None]:
        """The whole build: what ends it is written."""
        try:
            yield
        except BaseException as error:
            self._end("failed", hidden(" ".join(f"{type(error).__name__}: {error}".split()))[:300])
            raise
        self._end("done", "")

    def begin(self, name: str, shards: int) -> None:
        """A stage is being worked on; it has this many shards."""
        with self._lock:
            self._stage(name).update(
                state="running", shards=shards, finished=0, already=None, begun=self._clock(), seconds=0.0, left=None
            )
        self._event("stage_started", stage=name, shards=shards)

    def finished(self, name: str, count: int) -> None:
        """So many of a stage's shards are there. What was there at first does not count towards its speed."""
        now = self._clock()
        with self._lock:
            stage = self._stage(name)
            if stage["already"] is None:
                stage["already"] = count
            done, left = count - stage["already"], max(stage["shards"] - count, 0)
            seconds = now - stage["begun"]
            stage.update(finished=count, seconds=seconds, left=seconds / done * left if done > 0 else None)
        if now - self._written >= WRITE_SECONDS:
            self._write()

    def end(self, name: str, record: Record, kept: bool) -> None:
        """A stage is done, now or (kept) by an earlier run."""
        account = {key: record[key] for key in ("in", "out", "set_aside", "dropped", "seconds")}
        with self._lock:
            stage = self._stage(name)
            shards = stage.get("shards", 0)
            stage.update(state="done", kept=kept, shards=shards, finished=shards, left=0.0, **account)
            stage.update({key: record.get(key, 0) for key in ("cpu_seconds", "peak_memory", "characters_out")})
        self._event("stage_done", stage=name, kept=kept, **account)

    def _stage(self, name: str) -> dict[str, Any]:
        found: dict[str, Any] = next(stage for stage in self._state["stages"] if stage["name"] == name)
        return found

    def _end(self, state: str, error: str) -> None:
        with self._lock:
            self._state.update(state=state, error=error)
        self._event(f"build_{state}", **({"error": error} if error else {}))

    def _event(self, name: str, **fields: Any) -> None:
        """A line of the log, which is written whole each time: object stores know no appending, and events are few."""
        with self._lock:
            self._log.append(json.dumps({"time": self._clock(), "event": name, **fields}, sort_keys=True))
        self._write()

    def _write(self) -> None:
        with self._lock:
            self._state["updated"] = self._written = self._clock()
            state = json.loads(json.dumps(self._state))
            log = "".join(f"{line}\n" for line in self._log)
        try:
            for path, text in ((PROGRESS, json.dumps(state, indent=1)), (METRICS, metrics(state)), (LOG, log)):
                with atomic_write(join(self.output, path)) as out:
                    out.write(text.encode())
        except (OSError, UserError) as error:  # a full disk ends the build where its answer is written, not here
            logging.getLogger(__name__).warning("progress could not be written: %s", error)


_HELP = {
    "curate_shards": "Shards of a stage, by whether they are finished.",
    "curate_documents": "Documents that went into a stage, out of it, and aside as unreadable.",
    "curate_dropped": "Documents that a stage dropped, by reason.",
    "curate_stage_seconds": "Seconds that a stage has run.",
    "curate_stage_cpu_seconds": "Seconds of processor time of a stage's workers.",
    "curate_peak_memory_bytes": "The most that a worker of a stage held.",
    "curate_running": "1 while the build runs.",
    "curate_updated_timestamp_seconds": "When this was written.",
}


def metrics(state: Mapping[str, Any]) -> str:
    """progress.json in the text format of Prometheus 0.0.4, as its node exporter's textfile collector reads it."""
    recipe = state["recipe"]
    rows: dict[str, list[tuple[dict[str, str], float]]] = {name: [] for name in _HELP}
    rows["curate_running"].append(({"recipe": recipe}, float(state["state"] == "running")))
    rows["curate_updated_timestamp_seconds"].append(({"recipe": recipe}, state["updated"]))
    for stage in state["stages"]:
        labels = {"recipe": recipe, "stage": stage["name"]}
        if stage["state"] == "waiting":
            continue
        rows["curate_shards"].append(({**labels, "state": "finished"}, stage["finished"]))
        rows["curate_shards"].append(({**labels, "state": "left"}, max(stage["shards"] - stage["finished"], 0)))
        rows["curate_stage_seconds"].append((labels, stage["seconds"]))
        if stage["state"] != "done":
            continue
        for outcome in ("in", "out", "set_aside"):
            rows["curate_documents"].append(({**labels, "outcome": outcome}, stage[outcome]))
        for reason, count in sorted(stage["dropped"].items()):
            rows["curate_dropped"].append(({**labels, "reason": reason}, count))
        rows["curate_stage_cpu_seconds"].append((labels, stage["cpu_seconds"]))
        rows["curate_peak_memory_bytes"].append((labels, stage["peak_memory"]))
    lines: list[str] = []
    for name, samples in rows.items():
        if samples:
            lines += [f"# HELP {name} {_HELP[name]}", f"# TYPE {name} gauge"]
            lines += [f"{name}{{{_labels(labels)}}} {value:.15g}" for labels, value in samples]
    return "\n".join([*lines, ""])


def _labels(labels: Mapping[str, str]) -> str:
    escaped = (
        (key, value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")) for key, value in labels.items()
    )
    return ",".join(f'{key}="{value}"' for key, value in escaped)
