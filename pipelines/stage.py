"""A stage: its folder, what it depended on, its commit record, and what must be redone when something changed.

A stage folder holds `_begun.json` (what it depends on, written first) and `_done.json` (its account and its files,
written last). A run that finds `_done.json` with the same dependencies skips the stage; one that finds only
`_begun.json` keeps the shards that are there; anything else is wiped and said.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from curate.hidden import hidden_in
from curate.report.status import FOLDER as RUN
from curate.storage import (
    TEMPORARY,
    BrokenSeal,
    canonical,
    exists,
    filesystem,
    join,
    listing,
    read_sealed,
    remove,
    write_sealed,
)
from pipelines.shards import Record

BEGUN, DONE = "_begun.json", "_done.json"


@dataclass(frozen=True)
class Stage:
    """name: as in the account; folder: where its output lies; extra: other folders that are wiped with it."""

    name: str
    folder: str
    extra: tuple[str, ...] = ()


def fingerprint(depends: Mapping[str, Any]) -> str:
    return hashlib.sha256(canonical(depends)).hexdigest()


def flatten(value: Any, prefix: str = "") -> dict[str, Any]:
    """{"a": {"b": 1}} -> {"a.b": 1}."""
    if isinstance(value, Mapping) and value:
        out: dict[str, Any] = {}
        for key, inner in value.items():
            out.update(flatten(inner, f"{prefix}.{key}" if prefix else str(key)))
        return out
    return {prefix: value}


def changes(old: Mapping[str, Any], new: Mapping[str, Any], most: int = 4) -> str:
    """The dependencies that differ, `key: old -> new`, in one line."""
    a, b = flatten(old), flatten(new)
    differing = [key for key in sorted({*a, *b}) if a.get(key) != b.get(key)]

    def short(value: Any) -> str:
        text = "none" if value is None else str(value)
        return text if len(text) <= 40 else text[:18] + "…" + text[-18:]

    shown = [f"{key}: {short(a.get(key))} -> {short(b.get(key))}" for key in differing[:most]]
    more = f" and {len(differing) - most} more" if len(differing) > most else ""
    return "; ".join(shown) + more


def sealed_or_none(path: str) -> Record | None:
    try:
        return read_sealed(path) if exists(path) else None
    except BrokenSeal:
        return None


def run_stage(
    stage: Stage,
    depends: Mapping[str, Any],
    work: Callable[[], Record],
    say: Callable[[str], None],
) -> Record:
    """Run `work` unless the stage is done with these dependencies; returns the commit record.

    work: does the stage and returns its account: `in`, `out`, `dropped`, `set_aside`, characters, `files`.
    """
    # An address that is signed anew is the same one; what it leads to is depended on by its hash.
    depends = hidden_in(depends)
    mark = fingerprint(depends)
    done = sealed_or_none(join(stage.folder, DONE))
    if done is not None and done["fingerprint"] == mark:
        say(f"{stage.name}: done before, kept")
        return done
    begun = sealed_or_none(join(stage.folder, BEGUN))
    if begun is not None and begun["fingerprint"] == mark:
        say(f"{stage.name}: taking up where it stopped")
        remove(join(stage.folder, DONE))
        for folder in (stage.folder, *stage.extra):
            remove_torn(folder)
    else:
        if begun is not None:
            say(f"{stage.name}: redone, because {changes(begun['depends'], depends)}")
        for folder in (stage.folder, *stage.extra):
            remove(folder)
        write_sealed(join(stage.folder, BEGUN), {"fingerprint": mark, "depends": dict(depends)})
    started = time.monotonic()
    account = work()
    record = {
        **account,
        "name": stage.name,
        "fingerprint": mark,
        "depends": dict(depends),
        "seconds": round(time.monotonic() - started, 3),
    }
    balance(record)
    write_sealed(join(stage.folder, DONE), record)
    return record


def remove_torn(folder: str) -> None:
    """Remove the temporary files that a killed writer left below a folder."""
    fs, inner = filesystem(folder)
    if fs.exists(inner):
        for file in fs.find(inner):
            if TEMPORARY in file.rsplit("/", 1)[-1]:
                fs.rm(file)


def remove_torn_beside(output: str) -> None:
    """Remove what a killed run left half written beside its stages: of its summary, report and progress."""
    for name in listing(output):
        if TEMPORARY in name:
            remove(join(output, name))
    remove_torn(join(output, RUN))


class Unbalanced(AssertionError):
    """A stage whose documents do not add up: a defect of the program, never of the data."""


def balance(account: Mapping[str, Any]) -> None:
    """Documents in = out + dropped by reason + set aside, or the run fails."""
    accounted = account["out"] + sum(account["dropped"].values()) + account["set_aside"]
    if account["in"] != accounted:
        raise Unbalanced(
            f"{account.get('name')}: {account['in']} in, but {account['out']} out + {dict(account['dropped'])} dropped"
            f" + {account['set_aside']} set aside"
        )


COUNTS = ("in", "out", "set_aside", "characters_in", "characters_out")


def merge(records: Sequence[Record]) -> Record:
    """The sum of some shards' accounts; peak memory is their maximum."""
    total: Record = dict.fromkeys(COUNTS, 0)
    total |= {"dropped": {}, "dropped_characters": {}, "set_aside_by_reason": {}, "files": {}}
    total |= {"peak_memory": 0, "cpu_seconds": 0.0}
    for record in sorted(records, key=lambda r: str(r.get("shard", ""))):
        for name in COUNTS:
            total[name] += record.get(name, 0)
        total["files"] |= record.get("files", {})
        for name in ("dropped", "dropped_characters", "set_aside_by_reason"):
            for reason, count in record.get(name, {}).items():
                total[name][reason] = total[name].get(reason, 0) + count
        total["peak_memory"] = max(total["peak_memory"], record.get("peak_memory", 0))
        total["cpu_seconds"] = round(total["cpu_seconds"] + record.get("cpu_seconds", 0.0), 3)
    return total
