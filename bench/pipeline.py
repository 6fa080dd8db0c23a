"""Pages per second per core of the whole build and of each stage, beside reading and extracting alone.

    python -m bench.pipeline [--input FOLDER] [--copies N] [--runs N] [--every-filter]

Builds one WARC of many pages (see bench/crawl.py) with one worker and with two, and reads and extracts the same file
without Beam and without writing anything, in turn, several times; prints medians. Figures from one run on one machine
compare with one another and with nothing else.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from bench.crawl import write

ROOT = Path(__file__).resolve().parent.parent


def read_and_extract(path: str) -> tuple[float, int]:
    """(seconds, documents) of reading every record and extracting every page, in this process."""
    from curate.document import Document
    from curate.sources.commoncrawl import document_from_record
    from curate.sources.warc import RawRecord, read_range

    started = time.perf_counter()
    documents = 0
    for item in read_range(path, "bench", 0, None):
        if isinstance(item, RawRecord):
            documents += isinstance(document_from_record(item, "bench"), Document)
    return time.perf_counter() - started, documents


def build(source: Path, output: Path, workers: int, ranges: str, every: bool) -> dict:
    command = [sys.executable, "-m", "curate.cli", "build", str(ROOT / "manifests/cc-2020.yaml"), "--quiet"]
    command += ["--input", str(source), "--output", str(output), "--workers", str(workers)]
    command += ["--set", f"extract.range_bytes={ranges}"]
    for name in ("c4", "fineweb") if every else ():
        command += ["--set", f"filters.{name}.enabled=true"]
    started = time.perf_counter()
    subprocess.run(command, check=True, cwd=ROOT, stderr=subprocess.DEVNULL)
    seconds = time.perf_counter() - started
    return {**json.loads((output / "summary.json").read_text()), "wall": seconds}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--input", type=Path, default=ROOT / "curate/sample/crawl", help="a folder of WARC files")
    parser.add_argument("--copies", type=int, default=6)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--range", default="8MB")
    parser.add_argument("--every-filter", action="store_true", help="measure C4's and FineWeb's rules too")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        source = Path(folder) / "bench.warc.gz"
        files = sorted(path for path in options.input.iterdir() if ".warc" in path.name and "wet" not in path.name)
        pages, size = write(source, [path for path in files if ".wat" not in path.name], options.copies)
        print(f"{pages:,} pages, {size / 1e6:.0f} MB of HTML, {source.stat().st_size / 1e6:.0f} MB in one WARC")
        alone, one, two = [], [], []
        for run in range(options.runs):
            alone.append(read_and_extract(str(source))[0])
            one.append(build(source, Path(folder) / f"one-{run}", 1, options.range, options.every_filter))
            two.append(build(source, Path(folder) / f"two-{run}", 2, options.range, options.every_filter))
    print(f"\n{'step':<28}{'seconds':>10}{'pages/s per core':>18}{'peak MB':>10}")

    def line(name: str, seconds: float, cores: int = 1, memory: float | None = None) -> None:
        shown = "" if memory is None else f"{memory / 2**20:.0f}"
        print(f"{name:<28}{seconds:>10.2f}{pages / seconds / cores:>18.0f}{shown:>10}")

    reading = statistics.median(alone)
    line("read and extract alone", reading)
    for index, stage in enumerate(one[0]["stages"]):
        seconds = statistics.median(run["stages"][index]["seconds"] for run in one)
        line(f"  {stage['name']}", seconds, memory=max(run["stages"][index]["peak_memory"] for run in one))
    whole, both = (statistics.median(run["wall"] for run in runs) for runs in (one, two))
    line("whole build, 1 worker", whole, memory=max(run["peak_memory"] for run in one))
    line("whole build, 2 workers", both, cores=2, memory=max(run["peak_memory"] for run in two))
    print("\nseconds of each stage with one worker and with two:")
    for index, stage in enumerate(one[0]["stages"]):
        pair = [statistics.median(run["stages"][index]["seconds"] for run in runs) for runs in (one, two)]
        print(f"  {stage['name']:<26}{pair[0]:>10.2f}{pair[1]:>10.2f}{pair[0] / pair[1]:>8.2f}")
    print(f"\nwhole build at {reading / whole:.2f} of the rate of reading and extracting alone")
    print(f"two workers are {whole / both:.2f} times one ({os.cpu_count()} cores here)")


if __name__ == "__main__":
    main()
