"""Where a build stands: what is done, what is running and what is left, while it runs or after it stopped.

The driver writes `_run/progress.json` every few seconds (`pipelines.progress`), on the output's own storage, so that it
can be asked from anywhere.
"""

from __future__ import annotations

import json
import os
import socket
import time
from typing import Any

from curate.errors import UserError
from curate.report.mixture import SOURCES
from curate.storage import exists, join, listing, read_bytes

FOLDER = "_run"
PROGRESS = f"{FOLDER}/progress.json"
METRICS = f"{FOLDER}/metrics.prom"
LOG = f"{FOLDER}/log.jsonl"
SILENT_SECONDS = 60.0
"""A running build writes more often than this; one that has not is taken for stopped."""


def status(output: str, now: float | None = None) -> list[dict[str, Any]]:
    """Of each build in the folder (one, or a mixture's sources): progress.json, with `state` as it is now.

    state: running, done, failed, or stopped (killed, or its machine is gone). UserError where no build was begun.
    """
    folders = [join(output, SOURCES, name) for name in listing(join(output, SOURCES))] or [output]
    begun = [folder for folder in folders if exists(join(folder, PROGRESS))]
    if not begun:
        raise UserError(f"no build was begun in {output}: run `curate build`")
    return [_one(folder, time.time() if now is None else now) for folder in begun]


def _one(folder: str, now: float) -> dict[str, Any]:
    try:
        found: dict[str, Any] = json.loads(read_bytes(join(folder, PROGRESS)))
        if found["state"] == "running" and not _lives(found, now):
            found["state"] = "stopped"
        return {**found, "folder": folder, "silent": max(now - found["updated"], 0.0)}
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise UserError(f"{join(folder, PROGRESS)} is damaged ({error}): the next run writes it anew") from None


def _lives(found: dict[str, Any], now: float) -> bool:
    if found["host"] == socket.gethostname():
        try:
            os.kill(int(found["pid"]), 0)
        except ProcessLookupError:
            return False
        except PermissionError:
            return True
    return bool(now - found["updated"] < SILENT_SECONDS)


def lines(found: dict[str, Any]) -> list[str]:
    """The status of one build, for people."""
    said = [f"{found['folder']}: {found['recipe']} on {found['runner']}, {_state(found)}"]
    for stage in found["stages"]:
        said.append(f"  {stage['name']:<16} {_stage(stage, found['state'])}")
    return said


def _state(found: dict[str, Any]) -> str:
    if found["state"] == "running":
        return f"running for {duration(found['updated'] - found['started'])}"
    if found["state"] == "done":
        return f"done in {duration(found['updated'] - found['started'])}"
    if found["state"] == "failed":
        return f"failed: {found['error']}"
    return f"stopped {duration(found['silent'])} ago; the same command takes up where it stopped"


def _stage(stage: dict[str, Any], state: str) -> str:
    if stage["state"] == "done":
        if stage["kept"]:
            return "done before"
        return f"done: {stage['out']:,} of {stage['in']:,} documents, {duration(stage['seconds'])}"
    if stage["state"] == "waiting":
        return "waiting"
    shards = f"{stage['finished']:,} of {stage['shards']:,} shards"
    if state != "running":
        return f"{state}: {shards}"
    left = "" if stage["left"] is None else f", about {duration(stage['left'])} left"
    return f"running: {shards}, {duration(stage['seconds'])}{left}"


def duration(seconds: float) -> str:
    """`12 s`, `3 min 20 s`, `2 h 5 min`, `3 d 4 h`."""
    whole = round(max(seconds, 0.0))
    for size, name, smaller, small in ((86400, "d", 3600, "h"), (3600, "h", 60, "min"), (60, "min", 1, "s")):
        if whole >= size:
            rest = whole % size // smaller
            return f"{whole // size} {name} {rest} {small}" if rest else f"{whole // size} {name}"
    return f"{whole} s"
