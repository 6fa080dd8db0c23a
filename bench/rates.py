"""What a page costs at every stage, measured by a build: the rates that `curate plan` reckons with.

    python -m bench.rates --input FOLDER [--copies N] [--output curate/report/rates.json]

Builds a crawl made of the folder's pages (see bench/crawl.py) with one worker and with every filter switched on, and
writes per page: processor seconds, stored bytes and shuffled bytes of each stage, and the peak memory of a worker; of
the score stage, the processor seconds of each filter. Nothing of it is typed by hand.
"""

from __future__ import annotations

import argparse
import json
import platform
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from bench import shuffles
from bench.crawl import write
from curate.inputs import resolve_inputs
from curate.manifest import Manifest, load_manifest
from curate.sources.commoncrawl import CommonCrawl
from curate.storage import canonical
from curate.text.page import Page
from pipelines.build import Build
from pipelines.chain import after, build_chain
from pipelines.console import Reporter
from pipelines.engine import Engine

ROOT = Path(__file__).resolve().parent.parent
PAGES_TIMED = 500
SPENT: Counter[str] = Counter()
"""stage -> processor seconds. One worker runs in this process, so all of them are counted."""


class Watched(Build):
    """A build whose stages are measured."""

    def stage(self, name: str, *arguments: Any, **options: Any) -> Any:
        shuffles.of(name)
        started = time.process_time()
        record = super().stage(name, *arguments, **options)
        SPENT[name] = time.process_time() - started
        return record


def filter_seconds(output: Path, manifest: Manifest) -> dict[str, float]:
    """Processor seconds a page of every filter of the manifest, in its order, on documents of the build."""
    chain = build_chain(manifest.filters, "manifest")
    for item in chain:
        item.load()
    spent: Counter[str] = Counter()
    pages = 0
    for path in sorted((output / "documents").glob("shard-*.parquet")):
        for row in pq.read_table(path).to_pylist():
            if pages >= PAGES_TIMED:
                break
            pages += 1
            page, measured = Page.of(row, row["text"]), {}
            for item in chain:
                started = time.process_time()
                found = item.measure(page) if item.concerns(page) else dict.fromkeys(item.columns)
                measured |= {f"{item.name}.{key}": value for key, value in found.items()}
                page = after(item, page, measured)
                spent[item.name] += time.process_time() - started
    return {name: round(seconds / pages, 7) for name, seconds in spent.items()}


def rates(source: Path, pages: int, html: int, output: Path) -> dict[str, Any]:
    """The rates of a build of this WARC into this folder."""
    every = [f"filters.{name}.enabled=true" for name in ("c4", "fineweb", "pii")]
    manifest = load_manifest(str(ROOT / "manifests/cc-2020.yaml"), [*every, "extract.range_bytes=32MB"])
    inputs = resolve_inputs([str(source)], base=".", suffixes=CommonCrawl.suffixes)
    shuffles.count()
    summary = Watched(manifest, "manifest", inputs, str(output), Engine(), Reporter(quiet=True)).run()
    size: Counter[str] = Counter()
    for path in output.rglob("*"):
        if path.is_file():
            size[path.relative_to(output).parts[0]] += path.stat().st_size
    folders = {"extract": ("documents", "set_aside"), "dedup_near": ("duplicates",), "score": ("scores",)}
    folders |= {"tokenize": ("tokens",)}
    stages = {}
    for stage in summary["stages"]:
        name, into = stage["name"], max(stage["in"], 1)
        stages[name] = {
            "cpu_seconds": round(SPENT[name] / into, 7),
            "documents": round(stage["in"] / pages, 4),
            "stored_bytes": round(sum(size[folder] for folder in folders.get(name, ())) / pages, 2),
            "shuffled_bytes": round(shuffles.BYTES[name] / into, 2),
            "peak_memory": stage["peak_memory"],
        }
    return {
        "input_bytes": round(source.stat().st_size / pages, 1),
        "html_bytes": round(html / pages, 1),
        "characters": round(summary["stages"][0]["characters_out"] / max(summary["stages"][0]["out"], 1), 1),
        "stages": stages,
        "filters": filter_seconds(output, manifest),
    }


def machine() -> dict[str, str]:
    """What it was measured on."""
    told = Path("/proc/cpuinfo")
    names = [line.partition(":")[2].strip() for line in told.read_text().split("\n") if line.startswith("model name")]
    revision = subprocess.run(["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True, cwd=ROOT)
    return {
        "processor": names[0] if names else platform.processor(),
        "python": platform.python_version(),
        "revision": revision.stdout.strip(),
    }


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--input", type=Path, default=ROOT / "curate/sample/crawl", help="a folder of WARC files")
    parser.add_argument("--copies", type=int, default=4)
    parser.add_argument("--output", type=Path, default=ROOT / "curate/report/rates.json")
    options = parser.parse_args()
    files = sorted(path for path in options.input.iterdir() if ".warc" in path.name)
    with tempfile.TemporaryDirectory() as folder:
        source = Path(folder) / "bench.warc.gz"
        crawl = [path for path in files if "wet" not in path.name and ".wat" not in path.name]
        pages, html = write(source, crawl, options.copies)
        found = {"pages": pages, "machine": machine(), **rates(source, pages, html, Path(folder) / "built")}
    options.output.write_bytes(canonical(found))
    print(json.dumps(found, indent=1))
    return 0


if __name__ == "__main__":
    sys.exit(main())
