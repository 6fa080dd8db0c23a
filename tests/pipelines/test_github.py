"""The sample repositories built by the command a user types: what is kept, what is masked, one answer."""

from __future__ import annotations

import json
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from curate.sample.github_build import HERE, files
from tests.conftest import ROOT
from tests.pipelines.building import build, digests, run, summary

MANIFEST = str(ROOT / "manifests" / "github.yaml")


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    output = tmp_path_factory.mktemp("github") / "github"
    build(MANIFEST, output, "--workers", "1")
    return output


def rows(folder: Path) -> list[dict]:
    return [row for path in sorted(folder.glob("*.parquet")) for row in pq.read_table(path).to_pylist()]


def test_the_sample_is_what_its_script_makes() -> None:
    for name, content in files().items():
        assert (HERE / name).read_bytes() == content, f"make it anew: python -m curate.sample.github_build ({name})"


@pytest.mark.slow
def test_only_permissive_code_is_kept_and_each_document_says_its_licence(corpus: Path) -> None:
    found = {row["url"]: row["licence"] for row in rows(corpus / "documents")}
    assert set(found.values()) == {"MIT", "BSD-3-Clause", "Apache-2.0", "Apache-2.0 OR MIT"}
    assert not any("copper" in url or "meadow" in url or "orphan" in url or "bell.py" in url for url in found)
    assert found["lantern-main.zip/lantern-main/Makefile"] == "BSD-3-Clause"
    assert found["pebble-0.1.0.crate/pebble-0.1.0/src/lib.rs"] == "Apache-2.0 OR MIT"


@pytest.mark.slow
def test_every_reason_of_the_sample_is_counted_and_nothing_is_lost(corpus: Path) -> None:
    account = summary(corpus)["stages"][0]
    assert account["dropped"].keys() == {
        *("licence", "no_licence", "vendored", "generated", "minified", "suffix", "empty", "binary", "licence_file"),
        "not_a_file",
    }
    assert account["set_aside_by_reason"] == {"bad_json": 1, "truncated": 1, "unsafe_name": 1}
    assert account["in"] == account["out"] + sum(account["dropped"].values()) + 3


@pytest.mark.slow
def test_the_same_file_in_an_archive_and_in_an_export_is_kept_once(corpus: Path) -> None:
    displaced = rows(corpus / "duplicates" / "documents")
    assert len(displaced) == 2


@pytest.mark.slow
def test_headers_go_secrets_are_masked_and_code_stays(corpus: Path) -> None:
    measured = {row["id"]: row for row in rows(corpus / "scores")}
    by_url = {row["url"]: measured.get(row["id"]) for row in rows(corpus / "documents")}
    config = by_url["harbour-clock-1.0.tar.gz/harbour-clock-1.0/src/harbour_clock/config.py"]
    assert config is not None
    assert (config["secrets.secrets"], config["secrets.emails"]) == (2, 1)
    lantern = by_url["lantern-main.zip/lantern-main/lantern.c"]
    assert lantern is not None
    assert lantern["code_header.characters"] > 1400
    assert lantern["code.comments"] < 0.2


@pytest.mark.slow
def test_explain_tells_the_licence_of_a_dropped_file(corpus: Path) -> None:
    told = run("explain", str(corpus), "lantern-main.zip/lantern-main/tools/bell.py", "--json").stdout
    assert "BSD-3-Clause AND GPL-3.0-or-later" in told
    assert json.loads(told)[0]["outcome"]


@pytest.mark.slow
def test_two_workers_and_small_shards_give_the_same_tokens(corpus: Path, tmp_path: Path) -> None:
    build(MANIFEST, tmp_path / "two", "--workers", "2", "--set", "extract.range_bytes=1KB")
    assert len(list((tmp_path / "two" / "documents").glob("*.parquet"))) > 1
    assert digests(tmp_path / "two" / "tokens") == digests(corpus / "tokens")
    run("verify", str(corpus))
