"""Stack Exchange built by the command a user types."""

from __future__ import annotations

import json
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from curate.sample.stackexchange_dump import HERE, read_site, write
from curate.sources.seven_zip import read_members
from curate.sources.seven_zip_stream import read_member
from tests.conftest import ROOT
from tests.pipelines.building import build, digests, run, summary

MANIFEST = str(ROOT / "manifests" / "stackexchange.yaml")


def tables(path: Path) -> dict[str, bytes]:
    """The files of a dump."""
    if path.suffix != ".7z":
        return {path.name: path.read_bytes()}
    with path.open("rb") as handle:
        return {member.name: b"".join(read_member(handle, member)) for member in read_members(handle)}


def test_the_sample_is_what_its_sources_make(tmp_path: Path) -> None:
    written = write(tmp_path)
    assert len(written) == 3
    for path in written:
        assert tables(path) == tables(HERE / path.relative_to(tmp_path))


@pytest.mark.slow
def test_the_sample_builds_alike_with_any_workers_buckets_and_ranges(tmp_path: Path) -> None:
    build(MANIFEST, tmp_path / "one", "--workers", "1")
    settings = ("--set", "extract.bucket_bytes=2KB", "--set", "extract.range_bytes=1KB")
    build(MANIFEST, tmp_path / "two", "--workers", "2", *settings)
    assert digests(tmp_path / "one" / "tokens") == digests(tmp_path / "two" / "tokens")
    posts = [post for source in (HERE / "sources").glob("*.txt") for post in read_site(source).posts]
    account = summary(tmp_path / "one")
    assert account["documents"] == sum(post["PostTypeId"] == "1" for post in posts)
    assert account["stages"][0]["dropped"] == {"no_question": 1, "other_post_type": 1}
    assert account["stages"][0]["set_aside_by_reason"] == {"bad_xml": 1}
    rows = pq.read_table(tmp_path / "one" / "documents" / "shard-000000.parquet").to_pylist()
    assert {row["language_declared"] for row in rows} == {"en", "ru"}
    assert all(row["licence"].startswith("CC-BY-SA-") for row in rows)
    ladder = next(row for row in rows if row["url"] == "https://boatbuilding.stackexchange.com/questions/5")
    assert [a["score"] for a in json.loads(ladder["metadata"])["answers"]] == [10, 9, 2]
    told = run("explain", str(tmp_path / "one"), "https://boatbuilding.stackexchange.com/q/91").stdout
    assert "no_question" in told
    assert run("verify", str(tmp_path / "one")).returncode == 0


def test_a_site_that_is_not_there_is_one_line(tmp_path: Path) -> None:
    done = run(
        "build", MANIFEST, "--output", str(tmp_path / "out"), "--set", "extract.sites=[boatbilding]", check=False
    )
    assert done.returncode == 2
    assert done.stderr.strip().split("\n")[-1] == (
        "curate: extract.sites: no input is of 'boatbilding' (did you mean 'boatbuilding.stackexchange.com'?)"
    )
