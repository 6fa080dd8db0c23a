"""Does a build survive what happens to machines? Kill it, fill its disk, cut its network; compare with a quiet run.

    python -m bench.faults [--rounds 50] [--seed 1] [--faults kill,disk,read-only,network,store,spark]

kill: the whole machine, the driver, a worker or what forks workers is killed (-9) at a random moment of each stage in
turn; the same command then ends with the bytes of an undisturbed run and writes no finished shard again.
disk, read-only: the output's disk fills up, or may not be written to; the run says so in one line and goes on later.
network: the server of the input drops connections, answers half, and goes away in mid-download.
store: an object store that holds input and output drops connections.
spark: the driver, job server, pool, a Spark worker, an executor or an SDK worker is killed, on a Spark of two workers.
Prints a table of each; the exit status is 1 where a promise did not hold. Everything is on the loopback.
"""

from __future__ import annotations

import argparse
import math
import random
import shutil
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path

from bench.faults import disk, network, spark, store
from bench.faults.case import Broken, Case, prepared
from bench.faults.disk import Skipped
from bench.faults.kill import VICTIMS, Kill, one_round

OTHERS: dict[str, tuple[Callable[[Case, Path, random.Random], str], ...]] = {
    "disk": (disk.full,),
    "read-only": (disk.read_only, disk.forbidden),
    "network": (network.torn, network.gone, network.killed),
    "store": (store.fetched, store.through),
}
"""Fault -> its rounds: each returns one line on what happened, or raises Broken or Skipped."""


def kill_rounds(case: Case, folder: Path, rounds: Sequence[int], seed: int) -> int:
    """Rounds of kills, stage by stage in turn; returns how many promises did not hold."""
    kills: list[Kill] = []
    broken = 0
    for number in rounds:
        chance = random.Random(f"{seed}-kill-{number}")
        stage = list(case.seconds)[number % len(case.seconds)]
        victim = chance.choice(VICTIMS)
        output = folder / f"kill-{number}"
        try:
            found = one_round(case, output, stage, victim, chance)
        except Broken as error:
            broken += 1
            print(f"round {number}, {victim} in {stage}: {error}", flush=True)
            continue
        kills += found
        for kill in found:
            shards = f"{kill.kept:>4} finished shards, {len(kill.again)} again"
            print(f"  {number:>3} {kill.victim:<12} {kill.stage:<16} {shards}", flush=True)
        shutil.rmtree(output)
    print(kill_table(kills, list(case.seconds)))
    print(f"{len(rounds) - broken} of {len(rounds)} rounds ended with the bytes of an undisturbed run")
    return broken + sum(bool(kill.again) or not kill.took_up for kill in kills)


def other_rounds(case: Case, folder: Path, fault: str, rounds: int, seed: int) -> int:
    """Rounds of another fault than kills; returns how many promises did not hold."""
    held = tried = 0
    for number in range(rounds):
        for act in OTHERS[fault]:
            chance = random.Random(f"{seed}-{fault}-{act.__name__}-{number}")
            place = folder / f"{fault}-{act.__name__}-{number}"
            try:
                said = act(case, place, chance)
            except Skipped as reason:
                print(f"  {fault}, {act.__name__}: skipped: {reason}", flush=True)
                continue
            except Broken as error:
                said = f"BROKEN: {error}"
            else:
                held += 1
                shutil.rmtree(place)
            tried += 1
            print(f"  {fault}, {act.__name__} {number}: {said.replace(str(place), '…')}", flush=True)
    print(f"{fault}: {held} of {tried} rounds ended with the bytes of an undisturbed run", flush=True)
    return tried - held


def spark_rounds(case: Case, folder: Path, rounds: Sequence[int], seed: int) -> int:
    """Rounds of kills on Spark, victims and stages in turn; returns how many promises did not hold."""
    case = spark.timed(case, folder / "spark-undisturbed", folder / "cluster")
    print(f"undisturbed on Spark: {shown(case)}", flush=True)
    stages = list(case.seconds)
    victims = spark.VICTIMS
    turn = math.lcm(len(victims), len(stages))
    broken = killed = 0
    for number in rounds:
        # After each turn one stage on: else a victim would ever meet the same stages.
        victim, stage = victims[number % len(victims)], stages[(number + number // turn) % len(stages)]
        try:
            chance = random.Random(f"{seed}-spark-{number}")
            said, struck = spark.one_round(case, folder / f"spark-{number}", folder / "cluster", stage, victim, chance)
            killed += struck
        except Broken as error:
            broken += 1
            said = f"BROKEN: {error}"
        print(f"  spark {number}: {said}", flush=True)
    held = f"{len(rounds) - broken} of {len(rounds)} rounds ended with the bytes of the in-process runner"
    print(f"spark: {held}, {killed} of them after a kill")
    return broken


def shown(case: Case) -> str:
    """What each stage takes."""
    return ", ".join(f"{name} {seconds:.1f} s" for name, seconds in case.seconds.items())


def kill_table(kills: list[Kill], stages: list[str]) -> str:
    """Where it was killed, what, how often it took up, and how many finished shards were done again."""
    heads = ("killed in", *VICTIMS, "took up", "shards kept", "done again")
    rows = [heads]
    struck = [kill for kill in kills if kill.victim != "nothing"]
    for stage in [*stages, "between stages", "all"]:
        here = [kill for kill in struck if stage in (kill.stage, "all")]
        by = Counter(kill.victim for kill in here)
        figures = (sum(kill.took_up for kill in here), sum(kill.kept for kill in here), sum(len(k.again) for k in here))
        rows.append((stage, *(str(by[victim]) for victim in VICTIMS), *map(str, figures)))
    widths = [max(len(row[n]) for row in rows) for n in range(len(heads))]
    lines = [
        "  ".join(
            cell.ljust(width) if n == 0 else cell.rjust(width)
            for n, (cell, width) in enumerate(zip(row, widths, strict=True))
        )
        for row in rows
    ]
    return "\n".join(lines)


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m bench.faults", description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--rounds", type=int, default=50, help="of kills; of each other fault there are a tenth")
    parser.add_argument("--only", default="", help="numbers of single rounds of kills, with commas, to look at again")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--faults", default=",".join(("kill", *OTHERS)), help="comma between them; spark takes hours")
    options = parser.parse_args()
    if unknown := set(options.faults.split(",")) - {"kill", "spark", *OTHERS}:
        parser.error(f"no such fault: {', '.join(sorted(unknown))} (known: {', '.join(('kill', 'spark', *OTHERS))})")
    chosen = [int(number) for number in options.only.split(",") if number] or list(range(options.rounds))
    folder = Path(tempfile.mkdtemp(prefix="curate-faults-"))
    began = time.monotonic()
    case = prepared(folder)
    print(f"undisturbed: {shown(case)}", flush=True)
    broken = 0
    if "kill" in options.faults.split(","):
        broken += kill_rounds(case, folder, chosen, options.seed)
    if "spark" in options.faults.split(","):
        broken += spark_rounds(case, folder, chosen, options.seed)
    for fault in OTHERS:
        if fault in options.faults.split(","):
            broken += other_rounds(case, folder, fault, max(options.rounds // 10, 1), options.seed)
    print(f"{broken} promises broken, seed {options.seed}, {time.monotonic() - began:.0f} s")
    if broken:
        print(f"what is left of broken rounds: {folder}")
    else:
        shutil.rmtree(folder)
    return int(broken > 0)


if __name__ == "__main__":
    sys.exit(main())
