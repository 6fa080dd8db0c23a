"""The sample of Wikipedia, built by the command a user types: account, words, the same bytes however divided."""

import json
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from curate.sample import wikipedia_dumps
from tests.conftest import ROOT
from tests.pipelines.building import build, digests, run, summary

MANIFEST = str(ROOT / "manifests" / "wikipedia.yaml")
SAMPLE = ROOT / "curate" / "sample" / "wikipedia"


@pytest.fixture(scope="module")
def built_wikipedia(tmp_path_factory: pytest.TempPathFactory) -> Path:
    output = tmp_path_factory.mktemp("wikipedia") / "built"
    build(MANIFEST, output, "--workers", "1")
    return output


def rows(output: Path) -> list[dict]:
    return [row for file in sorted((output / "documents").glob("*.parquet")) for row in pq.read_table(file).to_pylist()]


def test_the_sample_is_what_its_sources_make():
    for name, data in wikipedia_dumps.dumps().items():
        assert (SAMPLE / name).read_bytes() == data, "run python -m curate.sample.wikipedia_dumps"


def test_every_page_is_accounted_for(built_wikipedia):
    extracted = summary(built_wikipedia)["stages"][0]
    assert extracted["dropped"] == {"not_a_page": 5, "disambiguation": 3, "redirect": 2, "deleted": 1}
    assert extracted["set_aside_by_reason"] == {"bad_xml": 1, "truncated": 1}
    assert extracted["in"] == extracted["out"] + sum(extracted["dropped"].values()) + extracted["set_aside"]


def test_articles_keep_their_words_language_and_licence(built_wikipedia):
    found = {row["title"]: row for row in rows(built_wikipedia)}
    light = found["Harrow Point Light"]
    assert "stands 31 metres (102 ft) above high water" in light["text"]
    assert (
        "The engineer, Oda Lindqvist (Swedish: fyringenjör), found that the rock lay 6 feet 2 inches (1.88 m)"
        in light["text"]
    )
    assert r"$E = \frac{I}{d^2} e^{-kd}$" in light["text"]
    assert "Almanac" not in light["text"]
    assert "Category" not in light["text"]
    assert "sur 44,3 km" in found["Canal de Marrowby"]["text"]
    assert "auf 14 m ü. NHN" in found["Leuchtturm Harrow Point"]["text"]
    assert {row["language_declared"] for row in found.values()} == {"en", "de", "fr"}
    assert {row["licence"] for row in found.values()} == {"CC-BY-SA-3.0"}
    assert all(
        set(json.loads(row["metadata"])) >= {"page_id", "revision_id", "template_loss"} for row in found.values()
    )


def test_the_account_says_what_was_lost_in_templates(built_wikipedia, tmp_path):
    figures = summary(built_wikipedia)["stages"][0]["figures"]
    texts = rows(built_wikipedia)
    lost = sum(json.loads(row["metadata"])["templates"]["lost"] for row in texts)
    assert figures["characters lost in templates that have no rule"] == lost
    assert f"{lost:,} characters lost in templates" in run("report", str(built_wikipedia)).stdout


@pytest.mark.slow
def test_the_same_bytes_whatever_the_ranges_and_workers(built_wikipedia, tmp_path):
    build(MANIFEST, tmp_path / "other", "--workers", "2", "--set", "extract.range_bytes=1000")
    assert digests(tmp_path / "other" / "tokens") == digests(built_wikipedia / "tokens")
    assert summary(tmp_path / "other")["stages"][0]["figures"] == summary(built_wikipedia)["stages"][0]["figures"]
