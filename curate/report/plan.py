"""What a build of any size would take, on paper: core-hours, bytes and memory by stage, from measured rates.

The rates are of `curate/report/rates.json`, which `python -m bench.rates` measures on one machine. A figure is a rate
times a number of pages, nothing else: no allowance for failures, stragglers or a network.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from curate.manifest import Manifest

RATES = Path(__file__).with_name("rates.json")
SNAPSHOT_PAGES, SNAPSHOT_FILES = 3_000_000_000, 60_000
"""One CommonCrawl snapshot: responses, and WARC files."""
CCNET_CORE_HOURS = 45_000
"""Of CCNet for one snapshot: 5,000 cores for 9 hours (Wenzek et al. 2019)."""
CORE_HOUR_PRICE = 0.04
"""Dollars: about what clouds ask for a virtual core of a general machine on demand; `--price` changes it."""
STAGES = ("extract", "dedup_documents", "dedup_lines", "dedup_near", "score", "select", "tokenize")
_ALWAYS = ("extract", "dedup_documents", "select", "tokenize")


@dataclass(frozen=True, slots=True)
class StagePlan:
    """One stage of a build on paper: processor seconds of all workers, bytes stored, shuffled and held by a worker."""

    name: str
    documents: int
    cpu_seconds: float
    stored_bytes: float
    shuffled_bytes: float
    peak_memory: int


@dataclass(frozen=True, slots=True)
class Plan:
    """A whole build on paper. unmeasured: filters of the manifest for which there is no rate."""

    pages: int
    files: int
    input_bytes: float
    stages: tuple[StagePlan, ...]
    unmeasured: tuple[str, ...]

    @property
    def core_hours(self) -> float:
        return sum(stage.cpu_seconds for stage in self.stages) / 3600

    @property
    def stored_bytes(self) -> float:
        return sum(stage.stored_bytes for stage in self.stages)

    @property
    def shuffled_bytes(self) -> float:
        return sum(stage.shuffled_bytes for stage in self.stages)


def read_rates(path: Path = RATES) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(path.read_bytes())
    return found


def plan(manifest: Manifest, pages: int, files: int, rates: Mapping[str, Any]) -> Plan:
    """What this manifest's build of so many pages would take. Shares of documents that reach a stage are the measured
    crawl's: real crawls repeat more, so later stages have less to do than is reckoned here.
    """
    asked = [name for name, settings in manifest.filters.items() if (settings or {}).get("enabled", True)]
    measured = rates["filters"]
    stages = []
    for name in (name for name in STAGES if name in rates["stages"]):
        rate = rates["stages"][name]
        documents = round(pages * rate["documents"])
        cpu = rate["cpu_seconds"]
        if name == "score":
            # What reading and writing take beside the filters is measured with all of them.
            cpu = max(cpu - sum(measured.values()), 0.0) + sum(measured.get(item, 0.0) for item in asked)
        elif not _is_asked(name, manifest):
            continue
        stages.append(
            StagePlan(
                name,
                documents,
                cpu * documents,
                rate["stored_bytes"] * pages,
                rate["shuffled_bytes"] * documents,
                rate["peak_memory"],
            )
        )
    unmeasured = tuple(item for item in asked if item not in measured)
    return Plan(pages, files, rates["input_bytes"] * pages, tuple(stages), unmeasured)


def _is_asked(name: str, manifest: Manifest) -> bool:
    if name == "dedup_lines":
        return manifest.dedup.lines.enabled
    if name == "dedup_near":
        return manifest.dedup.near.enabled
    return name in _ALWAYS


def lines(found: Plan, rates: Mapping[str, Any], price: float = CORE_HOUR_PRICE) -> list[str]:
    """The plan as a table, for people."""
    head = ("stage", "documents", "core-hours", "stored", "shuffled", "memory")
    rows = [head]
    for stage in found.stages:
        rows.append(
            (
                stage.name,
                f"{stage.documents:,}",
                f"{stage.cpu_seconds / 3600:,.0f}",
                size(stage.stored_bytes),
                size(stage.shuffled_bytes),
                size(stage.peak_memory),
            )
        )
    most = max(stage.peak_memory for stage in found.stages)
    total = ("all", f"{found.pages:,}", f"{found.core_hours:,.0f}")
    rows.append((*total, size(found.stored_bytes), size(found.shuffled_bytes), size(most)))
    widths = [max(len(row[column]) for row in rows) for column in range(len(head))]
    said = [
        "  ".join(
            [row[0].ljust(widths[0]), *(cell.rjust(width) for cell, width in zip(row[1:], widths[1:], strict=True))]
        )
        for row in rows
    ]
    return [
        f"{found.pages:,} pages in {found.files:,} files, {size(found.input_bytes)} to read",
        *said,
        f"{found.core_hours:,.0f} core-hours: {found.core_hours / 1000:,.1f} hours on 1,000 cores,"
        f" {price * found.core_hours:,.0f} dollars at {price:g} each",
        *([f"not reckoned, as it was not measured: {', '.join(found.unmeasured)}"] if found.unmeasured else []),
        f"rates: {rates['pages']:,} pages on {rates['machine']['processor']}, `python -m bench.rates`",
    ]


def size(count: float) -> str:
    """`1.5 TB`, in powers of 1,000."""
    for power, unit in ((1e15, "PB"), (1e12, "TB"), (1e9, "GB"), (1e6, "MB"), (1e3, "kB")):
        if count >= power:
            return f"{count / power:,.1f} {unit}"
    return f"{count:.0f} B"


def scale_page() -> str:
    """docs/scale.md: `python -m curate.report.plan > docs/scale.md`; a test holds it to the rates and recipes."""
    from curate.mixture import load_recipe

    rates = read_rates()
    parts = [_HEAD.format(pages=rates["pages"], **rates["machine"])]
    for title, recipe, snapshots in (
        ("One snapshot, LLaMA-1's recipe", "manifests/cc-2020.yaml", 1),
        ("One snapshot, FineWeb's recipe", "manifests/fineweb.yaml", 1),
        ("A hundred snapshots, LLaMA-1's recipe", "manifests/cc-2020.yaml", 100),
    ):
        manifest = load_recipe(recipe)
        assert isinstance(manifest, Manifest)
        found = plan(manifest, SNAPSHOT_PAGES * snapshots, SNAPSHOT_FILES * snapshots, rates)
        table = "\n".join(lines(found, rates))
        beside = found.core_hours / (CCNET_CORE_HOURS * snapshots)
        said = (
            f"CCNet took {CCNET_CORE_HOURS * snapshots:,} core-hours for that, on its machines: this is {beside:.2f} of"
        )
        said += " them."
        parts.append(f"## {title}\n\n```\n{table}\n```\n\n{said}\n")
    filters = "\n".join(f"| `{name}` | {1000 * seconds:.3f} |" for name, seconds in rates["filters"].items())
    parts.append(f"## Filters\n\n| filter | ms a page |\n|---|---|\n{filters}\n")
    return "\n".join(parts) + _TAIL


_HEAD = """# Past one machine

Written by `python -m curate.report.plan`; a test holds it to the rates and the recipes. It is reckoned from what
`python -m bench.rates` measured on {pages:,} pages ({processor}, Python {python}): processor seconds, stored and
shuffled bytes a page, times the number of pages. Nothing of this size was run. What it leaves out: idle workers,
failures, the network, and what is kept (of the measured pages little is, since their words were shuffled). A real crawl
repeats itself far more than the measured pages do (CCNet left 28 % of the characters of a snapshot, Wenzek et al. 2019,
§3.1), so stages after deduplication have less to do than is reckoned.

`curate plan MANIFEST` prints the same for any manifest and any number of pages.
"""

_TAIL = """
## What grows with the corpus

- Workers hold a shard (`extract.range_bytes` of input) or a bucket of a shuffle; with more documents, raise
  `dedup.buckets` in proportion. A bucket of near-duplicate bands holds 20 bytes a band and document.
- The driver holds a record a shard, about 1 KB: for a snapshot set `extract.range_bytes` to 256 MB or more, which
  gives some 250,000 shards. Tasks travel beside the job graph, so the graph stays small (`pipelines/tasks.py`).
- CCNet's line deduplication compares lines within groups of files (`dedup.lines.group_files`), of any corpus.
- `tokens/` is written in one part for each `tokens.characters_per_shard`, each by one worker.
"""


if __name__ == "__main__":
    print(scale_page(), end="")
