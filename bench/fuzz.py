"""Does anything that a file may hold raise, hang, or take a worker's memory? Damage files and read them.

    python -m bench.fuzz [--inputs 12000] [--seed 1] [--source NAME ...] [--real FOLDER] [--workers 1] [--only N]

Each input is a seed (`bench.fuzz_seeds`) damaged inside, outside or both (`bench.mutations`), or one made to be hostile
(`bench.bombs`). Which is which depends on --seed and the input's number alone, so --only N reads one again. It is read
in a process that may hold 4 GB; one that works over 10 s on an input is ended. Printed is a table by source and kind,
and every input of which something does not hold (`bench.fuzz_check`): the exit status is 1 where there is one.
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import random
import resource
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from bench.bombs import made
from bench.fuzz_check import MEMORY, RANGES, SECONDS, Result, read_file
from bench.fuzz_seeds import WORDS, Seed, seeds
from bench.mutations import MUTATIONS, words_strewn

_TICK = os.sysconf("SC_CLK_TCK")
_WALL_SECONDS = 300.0
STREWN = "words strewn"
OTHER_NAME = "another name"


@dataclass(frozen=True)
class Input:
    """A file to be read. number: among all of a run; kind: what was done to it."""

    number: int
    source: str
    kind: str
    name: str
    data: bytes
    range_bytes: int


def damaged(found: dict[str, list[Seed]], sources: Sequence[str], run: int, number: int) -> Input:
    """The input of this number: a seed, damaged."""
    chance = random.Random(f"{run} {number}")
    source = sources[number % len(sources)]
    seed = chance.choice(found[source])
    others = [part for other in chance.sample(found[source], min(3, len(found[source]))) for part in other.parts]
    kind = chance.choice([*MUTATIONS, STREWN, STREWN, OTHER_NAME])
    parts, name = list(seed.parts), seed.name
    inside = chance.random() < 0.65 and bool(parts)
    if kind == OTHER_NAME:
        name = chance.choice(found[source]).name
    elif inside:
        at = chance.randrange(len(parts))
        parts[at] = _apply(kind, parts[at], chance, others, source)
    data = seed.pack(parts)
    if kind != OTHER_NAME and not inside:
        data = _apply(kind, data, chance, [other.pack(other.parts) for other in found[source][:3]], source)
    elif chance.random() < 0.1:
        data = _apply(chance.choice(list(MUTATIONS)), data, chance, others, source)
    return Input(number, source, kind, name, data, chance.choice(RANGES))


def _apply(kind: str, data: bytes, chance: random.Random, others: Sequence[bytes], source: str) -> bytes:
    if kind == STREWN:
        return words_strewn(data, chance, WORDS[source])
    return MUTATIONS[kind](data, chance, others)


def inputs(count: int, run: int, sources: Sequence[str], real: Path | None = None) -> Iterator[Input]:
    """All that are made to be hostile, then damaged ones up to `count`."""
    number = 0
    for number, (source, kind, name, data) in enumerate(made(sources), 1):
        yield Input(number, source, f"made: {kind}", name, data, RANGES[1])
    found = seeds(real) if number < count else {}
    for later in range(number + 1, count + 1):
        yield damaged(found, sources, run, later)


def read_input(item: Input, folder: Path) -> Result:
    """Read an input from a file below `folder` of the name that it has."""
    path = folder / str(item.number) / item.name.rpartition("/")[2]  # sources remember what a path held
    path.parent.mkdir()
    path.write_bytes(item.data)
    try:
        return read_file(item.source, path, item.range_bytes)
    finally:
        path.unlink()
        path.parent.rmdir()


# ---- processes ----


def work(pipe: Connection, folder: str) -> None:
    """Read what comes until nothing comes."""
    resource.setrlimit(resource.RLIMIT_DATA, (MEMORY, MEMORY))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    while (item := pipe.recv()) is not None:
        Path("/proc/self/clear_refs").write_text("5")  # the high-water mark begins anew
        result = read_input(item, Path(folder))
        result.memory = _high_water()
        pipe.send(result)


def _high_water() -> int:
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) << 10
    return 0


class Worker:
    """A process that reads inputs, one at a time; another takes its place where it ends."""

    def __init__(self, folder: str) -> None:
        self.folder = folder
        self.item: Input | None = None
        self._start()

    def _start(self) -> None:
        context = multiprocessing.get_context("forkserver")
        self.pipe, theirs = context.Pipe()
        self.process = context.Process(target=work, args=(theirs, self.folder), daemon=True)
        self.process.start()
        theirs.close()

    def give(self, item: Input) -> None:
        self.item = item
        self.used, self.since = self._used(), time.monotonic()
        self.pipe.send(item)

    def _used(self) -> float:
        """Seconds of processor time so far."""
        try:
            fields = Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(")")[2].split()
        except OSError:
            return 0.0
        return (int(fields[11]) + int(fields[12])) / _TICK

    def result(self) -> Result | None:
        """What the input came to; None while it is being read."""
        if self.pipe.poll(0.02):
            try:
                found: Result = self.pipe.recv()
                return found
            except EOFError:
                self.process.join()
                code = self.process.exitcode
                self._start()
                return Result(problems=[f"ends the process ({code})"])
        used = self._used() - self.used
        if used > SECONDS * 1.5 or time.monotonic() - self.since > _WALL_SECONDS:
            self.process.kill()
            self.process.join()
            self._start()
            return Result(problems=[f"takes over {used:.0f} s"], seconds=used)
        return None

    def end(self) -> None:
        self.pipe.send(None)
        self.process.join()


@dataclass
class Total:
    """Of a source and a kind."""

    inputs: int = 0
    outcomes: Counter[str] = field(default_factory=Counter)
    problems: int = 0
    seconds: float = 0.0
    memory: int = 0

    def add(self, result: Result) -> None:
        self.inputs += 1
        self.outcomes += result.outcomes
        self.problems += bool(result.problems)
        self.seconds = max(self.seconds, result.seconds)
        self.memory = max(self.memory, result.memory)


class Report:
    def __init__(self) -> None:
        self.totals: dict[tuple[str, str], Total] = {}
        self.reasons: dict[str, Counter[str]] = {}
        self.failed = 0

    def add(self, item: Input, result: Result) -> None:
        self.totals.setdefault((item.source, item.kind), Total()).add(result)
        self.reasons.setdefault(item.source, Counter()).update(result.reasons)
        self.failed += bool(result.problems)
        for problem in result.problems[:3]:
            print(f"input {item.number}, {item.source}, {item.kind}, {item.name}: {problem}", flush=True)

    def print(self) -> None:
        head = ("source", "kind", "inputs", "documents", "dropped", "set aside", "failures", "slowest", "memory")
        print(f"{head[0]:<14}{head[1]:<36}" + "".join(f"{name:>10}" for name in head[2:]))
        for (source, kind), total in sorted(self.totals.items()):
            outcomes = [f"{total.outcomes[name]:>10,}" for name in ("Document", "Dropped", "SetAside")]
            used = f"{total.problems:>10,}{total.seconds:>8.2f} s{total.memory >> 20:>7,} MB"
            print(f"{source:<14}{kind:<36}{total.inputs:>10,}{''.join(outcomes)}{used}")
        for source, reasons in sorted(self.reasons.items()):
            print(f"{source}: " + ", ".join(f"{reason} {count:,}" for reason, count in sorted(reasons.items())))
        read = sum(total.inputs for total in self.totals.values())
        print(f"{read:,} inputs, {self.failed:,} of which something does not hold")


def run(items: Iterator[Input], workers: int, report: Report) -> None:
    with tempfile.TemporaryDirectory() as folder:
        places = [Path(folder) / str(number) for number in range(workers)]
        for place in places:
            place.mkdir()
        pool = [Worker(str(place)) for place in places]
        more = True
        while more or any(worker.item for worker in pool):
            for worker in pool:
                if worker.item is not None:
                    result = worker.result()
                    if result is None:
                        continue
                    report.add(worker.item, result)
                    worker.item = None
                item: Any = next(items, None) if more else None
                more = item is not None
                if item is not None:
                    worker.give(item)
        for worker in pool:
            worker.end()


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--inputs", type=int, default=12_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--source", action="append", choices=list(WORDS))
    parser.add_argument("--real", type=Path, help="a folder with a folder of real files for each source")
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--only", type=int, action="append", help="read only the input of this number")
    options = parser.parse_args()
    report = Report()
    items = inputs(options.inputs, options.seed, options.source or list(WORDS), options.real)
    if options.only:
        items = (item for item in items if item.number in options.only)
    run(items, options.workers, report)
    report.print()
    return int(report.failed > 0)


if __name__ == "__main__":
    sys.exit(main())
