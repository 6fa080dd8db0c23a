"""The command that builds arXiv's sample: a true account, and the same bytes whatever ranges and workers there are."""

from __future__ import annotations

import json
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from curate.sample import arxiv_tars
from tests.pipelines.building import build, digests, run, summary

ROOT = Path(__file__).resolve().parents[2]
MANIFEST = str(ROOT / "manifests" / "arxiv.yaml")
SAMPLE = ROOT / "curate" / "sample" / "arxiv"


@pytest.fixture(scope="module")
def built_papers(tmp_path_factory: pytest.TempPathFactory) -> Path:
    output = tmp_path_factory.mktemp("arxiv") / "built"
    metadata = f"extract.metadata={SAMPLE / arxiv_tars.METADATA}"
    build(MANIFEST, output, "--workers", "1", "--set", metadata)
    return output


def test_the_account_names_every_paper(built_papers: Path) -> None:
    extract = summary(built_papers)["stages"][0]
    assert extract["in"] == 10
    assert extract["dropped"] == {"pdf": 1, "no_section": 1, "withdrawn": 1}
    assert extract["set_aside_by_reason"] == {"endless_macro": 1, "truncated": 1}
    assert extract["in"] == extract["out"] + sum(extract["dropped"].values()) + extract["set_aside"]


def test_documents_carry_licence_date_authors_and_address(built_papers: Path) -> None:
    rows = [
        row
        for file in sorted((built_papers / "documents").glob("*.parquet"))
        for row in pq.read_table(file).to_pylist()
    ]
    by_url = {row["url"]: row for row in rows}
    row = by_url["https://arxiv.org/abs/2401.00003"]
    assert (row["source"], row["licence"], row["title"]) == ("arxiv", "CC-BY-NC-SA-4.0", "Walks on a Quilt")
    assert json.loads(row["metadata"])["authors"] == ["Noor Abad", "Petra Holm"]
    assert by_url["https://arxiv.org/abs/astro-ph/0001001"]["date"] == "2000-01-01T09:00:00Z"


def test_a_paper_that_made_no_document_can_be_asked_for(built_papers: Path) -> None:
    assert "dropped by extract: pdf" in run("explain", str(built_papers), "https://arxiv.org/abs/2401.00004").stdout


@pytest.mark.slow
def test_the_bytes_are_the_same_with_any_ranges_and_workers(built_papers: Path, tmp_path: Path) -> None:
    metadata = f"extract.metadata={SAMPLE / arxiv_tars.METADATA}"
    build(MANIFEST, tmp_path / "b", "--workers", "2", "--set", metadata, "--set", "extract.range_bytes=2KB")
    assert digests(tmp_path / "b" / "tokens") == digests(built_papers / "tokens")
