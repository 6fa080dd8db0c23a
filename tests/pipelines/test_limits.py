"""A document that takes for ever is set aside in whatever stage it does, is in the account, and the run goes on."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
import yaml

import curate.sources.commoncrawl as commoncrawl
from curate.inputs import InputFile
from curate.manifest import parse_manifest
from curate.report.explain import explain
from curate.report.table import account_text
from curate.report.verify import verify
from curate.sources.commoncrawl import document_from_record
from curate.text.page import Page
from filters.filter import Filter, FilterConfig, Value
from pipelines import chain
from pipelines.build import Build
from pipelines.console import Reporter
from pipelines.engine import Engine
from pipelines.shards import Record
from tests.pipelines.building import run
from tests.pipelines.crawling import crawl

HARBOUR = "http://harbour.example/"
SLOW = {stage: f"{HARBOUR}{stage}" for stage in ("extract", "score", "select")}
"""The page that takes for ever in each stage."""
MANIFEST: dict[str, Any] = {
    "name": "limits",
    "dedup": {"lines": {"enabled": False}, "near": {"enabled": False}},
    "filters": {"unhurried": {}},
}


def for_ever() -> None:
    number = 0
    while True:
        number += 1


class Unhurried(Filter):
    """Works for ever on one page when it measures it, and on one when it edits it for the second time."""

    name = "unhurried"
    Config = FilterConfig
    columns: Mapping[str, pa.DataType] = {"seen": pa.int32()}
    rules = ()
    edits = 0

    def measure(self, page: Page) -> Mapping[str, Value]:
        if page.url == SLOW["score"]:
            for_ever()
        return {"seen": 1}

    def edit(self, page: Page) -> str | None:
        if page.url == SLOW["select"]:
            Unhurried.edits += 1
            if Unhurried.edits > 1:  # to be measured it was edited fast enough
                for_ever()
        return None


def slow_to_read(record: Any, file: str, **options: Any) -> Any:
    if record.headers.get("warc-target-uri") == SLOW["extract"]:
        for_ever()
    return document_from_record(record, file, **options)


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, list[Record]]:
    """(output, the summaries of a build with a short limit and of the same command with a longer one)."""
    folder = tmp_path_factory.mktemp("limits")
    source = folder / "pages.warc.gz"
    names = ["a", "extract", "b", "score", "c", "select", "d"]
    crawl(source, [(f"{HARBOUR}{name}", f"The page {name} of the harbour office.") for name in names])
    item = InputFile(str(source), source.name, source.stat().st_size, "")
    output = str(folder / "out")
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(chain.FILTERS, "unhurried", Unhurried)
        patch.setattr(commoncrawl, "document_from_record", slow_to_read)
        summaries = []
        for seconds in (0.3, 20):
            manifest = parse_manifest({**MANIFEST, "limits": {"document_seconds": seconds}}, "test")
            summaries.append(Build(manifest, "test", [item], output, Engine(), Reporter(quiet=True)).run())
    return output, summaries


@pytest.mark.parametrize("stage", SLOW)
def test_a_page_that_takes_for_ever_is_set_aside_by_the_stage_and_who_asks_is_told(
    built: tuple[str, list[Record]], stage: str
) -> None:
    output, (summary, _) = built
    (account,) = [item for item in summary["stages"] if item["name"] == stage]
    assert account["set_aside_by_reason"] == {"too_slow": 1}
    told = [step for story in explain(output, SLOW[stage]) for step in story.steps if step.outcome == "set aside"]
    assert {step.stage for step in told} == {stage}
    if stage == "extract":
        assert told[0].detail == f"too_slow: {SLOW[stage]}: over 0.3 s"


def test_all_others_are_built_and_the_account_adds_up(built: tuple[str, list[Record]]) -> None:
    output, (summary, _) = built
    assert summary["documents"] == 4
    assert account_text(summary).count("! set aside: too_slow") == 3
    assert list(verify(output)) == []


def test_other_limits_redo_nothing(built: tuple[str, list[Record]]) -> None:
    output, (first, again) = built
    assert again["stages"] == first["stages"]
    assert yaml.safe_load((Path(output) / "manifest.yaml").read_text())["limits"] == {
        "document_seconds": 20.0,
        "worker_memory": 4 << 30,
    }


def test_a_worker_over_its_cap_ends_the_run_with_one_line_that_says_what_to_change(tmp_path: Path) -> None:
    source, recipe = tmp_path / "pages.warc.gz", tmp_path / "recipe.yaml"
    crawl(source, [("http://harbour.example/a", "The page a of the harbour office.")] * 400)
    recipe.write_text(yaml.safe_dump({"name": "small", "limits": {"worker_memory": "1MB"}}))
    options = ("--input", str(source), "--output", str(tmp_path / "out"), "--workers", "1", "--quiet")
    done = run("build", str(recipe), *options, check=False)
    assert done.returncode == 70, done.stderr
    assert "over limits.worker_memory (1,048,576)" in done.stderr
    assert "Traceback" not in done.stderr
