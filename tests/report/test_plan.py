"""`curate plan` reckons from measured rates, and docs/scale.md is what it reckons."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from curate.mixture import load_recipe
from curate.report.plan import plan, read_rates, scale_page, size
from tests.pipelines.building import run

ROOT = Path(__file__).resolve().parents[2]
RATES = {
    "pages": 10,
    "machine": {"processor": "p", "python": "3", "revision": "r"},
    "input_bytes": 100.0,
    "stages": {
        "extract": {"cpu_seconds": 2.0, "documents": 1.0, "stored_bytes": 5.0, "shuffled_bytes": 0.0, "peak_memory": 7},
        "dedup_lines": {
            "cpu_seconds": 1.0,
            "documents": 0.5,
            "stored_bytes": 0,
            "shuffled_bytes": 8.0,
            "peak_memory": 9,
        },
        "score": {"cpu_seconds": 4.0, "documents": 0.5, "stored_bytes": 1.0, "shuffled_bytes": 0.0, "peak_memory": 8},
    },
    "filters": {"language": 1.0, "perplexity": 2.0},
}


def recipe(*settings: str):
    return load_recipe(str(ROOT / "manifests/cc-2020.yaml"), settings)


def test_a_stage_takes_its_rate_times_the_documents_that_reach_it() -> None:
    found = {stage.name: stage for stage in plan(recipe(), 1_000, 3, RATES).stages}
    assert found["extract"].cpu_seconds == 2_000
    assert found["dedup_lines"].cpu_seconds == 500
    assert found["dedup_lines"].shuffled_bytes == 4_000
    assert found["score"].stored_bytes == 1_000


def test_only_the_filters_that_a_manifest_has_are_reckoned_and_the_others_named() -> None:
    both, one = plan(recipe(), 1_000, 3, RATES), plan(recipe("filters.perplexity.enabled=false"), 1_000, 3, RATES)
    assert (both.stages[-1].cpu_seconds, one.stages[-1].cpu_seconds) == (4 * 500, 2 * 500)
    assert "gopher_quality" in both.unmeasured
    assert "perplexity" not in one.unmeasured


def test_a_stage_that_is_switched_off_costs_nothing() -> None:
    names = [stage.name for stage in plan(recipe("dedup.lines.enabled=false"), 1_000, 3, RATES).stages]
    assert names == ["extract", "score"]


def test_the_scale_page_is_made_of_the_rates() -> None:
    assert (ROOT / "docs/scale.md").read_text() == scale_page()


def test_every_filter_of_the_recipe_has_a_rate() -> None:
    assert plan(recipe(), 1, 1, read_rates()).unmeasured == ()


def test_pages_follow_from_the_input_or_are_told(sample_crawl: Path) -> None:
    manifest = str(ROOT / "manifests/cc-2020.yaml")
    told = json.loads(run("plan", manifest, "--pages", "2K", "--json").stdout)
    assert told["pages"] == 2_000
    assert told["core_hours"] > 0
    found = json.loads(run("plan", manifest, "--input", str(sample_crawl), "--json").stdout)
    assert found["files"] == 7
    assert found["pages"] == round(
        sum(path.stat().st_size for path in sample_crawl.iterdir() if path.suffix != ".json")
        / read_rates()["input_bytes"]
    )


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("manifests/llama1.yaml",), "is a mixture"),
        (("manifests/books.yaml",), "is of books"),
        (("manifests/cc-2020.yaml", "--pages", "many"), "--pages 'many'"),
    ],
)
def test_what_cannot_be_reckoned_is_told_in_one_line(arguments: tuple[str, ...], said: str) -> None:
    done = run("plan", str(ROOT / arguments[0]), *arguments[1:], check=False)
    assert done.returncode == 2
    assert said in done.stderr


@pytest.mark.parametrize(("count", "said"), [(999, "999 B"), (1_000, "1.0 kB"), (54.1e12, "54.1 TB"), (2e15, "2.0 PB")])
def test_sizes_are_in_powers_of_a_thousand(count: float, said: str) -> None:
    assert size(count) == said
