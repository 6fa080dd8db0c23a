"""Does `curate verify` find any damage? Corrupt a build in one place, ask, put it back, and so on.

    python -m bench.corruption BUILD [--rounds 1000] [--seed 1]

Each round changes one thing anywhere in the build: a bit, a missing or an added byte, a missing file, a file too many,
a Parquet file written anew with a row less or a row twice. Prints how many of each kind were found, and every one that
was not; the exit status is 1 where there is one.
"""

from __future__ import annotations

import argparse
import io
import random
import shutil
import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from curate.errors import UserError
from curate.report.status import FOLDER as RUN_FOLDER
from curate.report.verify import verify

NOT_COVERED = ("report.html", ".lock", "input")
"""Written anew at any time, empty, or not the build's own."""


def flip(data: bytes, chance: random.Random) -> bytes:
    place = chance.randrange(len(data))
    return data[:place] + bytes([data[place] ^ (1 << chance.randrange(8))]) + data[place + 1 :]


def cut(data: bytes, chance: random.Random) -> bytes:
    place = chance.randrange(len(data))
    return data[:place] + data[place + 1 :]


def add(data: bytes, chance: random.Random) -> bytes:
    place = chance.randrange(len(data) + 1)
    return data[:place] + bytes([chance.randrange(256)]) + data[place:]


def row_less(data: bytes, chance: random.Random) -> bytes | None:
    return _rows(data, lambda rows, row: [*range(row), *range(row + 1, rows)], chance)


def row_twice(data: bytes, chance: random.Random) -> bytes | None:
    return _rows(data, lambda rows, row: [*range(row + 1), *range(row, rows)], chance)


def _rows(data: bytes, order: Callable[[int, int], list[int]], chance: random.Random) -> bytes | None:
    """The same Parquet file with other rows; None where it has none."""
    table = pq.read_table(io.BytesIO(data))
    if not len(table):
        return None
    taken = table.take(pa.array(order(len(table), chance.randrange(len(table))), pa.int64()))
    out = io.BytesIO()
    pq.write_table(taken, out, compression="zstd")
    return out.getvalue()


BYTES = {"bit": flip, "byte less": cut, "byte more": add}
ROWS = {"row less": row_less, "row twice": row_twice}
KINDS = (*BYTES, *ROWS, "file missing", "file extra")


def covered(build: Path) -> list[Path]:
    """Every file that `verify` answers for."""
    files = sorted(path for path in build.rglob("*") if path.is_file())
    return [path for path in files if path.relative_to(build).parts[0] not in (*NOT_COVERED, RUN_FOLDER)]


def notices(build: Path) -> bool:
    """Whether `curate verify` ends with a status other than 0."""
    try:
        return any(verify(str(build)))
    except UserError:
        return True


def rounds(build: Path, count: int, seed: int) -> Iterator[tuple[str, Path, bool]]:
    """(kind of damage, the file, whether it was found) of each round; the build is as it was after each."""
    chance = random.Random(seed)
    files = covered(build)
    tables = [path for path in files if path.suffix == ".parquet"]
    for _ in range(count):
        kind = chance.choice(KINDS)
        path = chance.choice(tables if kind in ROWS else files)
        data = path.read_bytes()
        if kind == "file missing":
            path.unlink()
            yield kind, path, notices(build)
        elif kind == "file extra":
            extra = path.with_name(f"shard-999999{path.suffix}")
            extra.write_bytes(data)
            yield kind, extra, notices(build)
            extra.unlink()
        else:
            damaged = (BYTES | ROWS)[kind](data, chance) if data else b"x"
            if damaged is None or damaged == data:
                continue
            path.write_bytes(damaged)
            yield kind, path, notices(build)
        path.write_bytes(data)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("build", type=Path)
    parser.add_argument("--rounds", type=int, default=1_000)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    tried: Counter[str] = Counter()
    found: Counter[str] = Counter()
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder) / "build"
        shutil.copytree(options.build, copy)
        assert not list(verify(str(copy))), "the build is damaged already"
        for kind, path, caught in rounds(copy, options.rounds, options.seed):
            tried[kind] += 1
            found[kind] += caught
            if not caught:
                print(f"not found: {kind} in {path.relative_to(copy)}")
        assert not list(verify(str(copy)))
    for kind in KINDS:
        print(f"{kind:<14}{found[kind]:>6} of {tried[kind]:>4}")
    print(f"{'all':<14}{found.total():>6} of {tried.total():>4}")
    return int(found != tried)


if __name__ == "__main__":
    sys.exit(main())
