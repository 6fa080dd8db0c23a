"""The sample builds, adds up, resumes, and is the same bytes however it was built."""

from __future__ import annotations

import base64
import itertools
import os
import pty
import shutil
import subprocess
from pathlib import Path

import pyarrow.parquet as pq
import pytest
import yaml

from curate.report.verify import verify
from curate.tokens.verify import verify_tokens
from tests.pipelines.building import build, build_and_kill, command, digests, summary

pytestmark = pytest.mark.slow

STAGES = ["extract", "dedup_documents", "dedup_lines", "dedup_near", "score", "select", "tokenize"]


def test_the_account_adds_up_to_the_last_record(built):
    stages = summary(built)["stages"]
    assert [stage["name"] for stage in stages] == STAGES
    for stage in stages:
        assert stage["in"] == stage["out"] + sum(stage["dropped"].values()) + stage["set_aside"]
    for before, after in itertools.pairwise(stages):
        assert before["out"] == after["in"]
        assert before["characters_out"] == after["characters_in"]
    for stage in stages[1:]:
        assert stage["characters_in"] == stage["characters_out"] + sum(stage["dropped_characters"].values())
    assert stages[0]["set_aside"] > 0
    assert sum(stages[0]["set_aside_by_reason"].values()) == stages[0]["set_aside"]


def test_the_output_folder_holds_what_it_should(built):
    for folder in ("documents", "duplicates", "scores", "tokens", "set_aside"):
        assert (built / folder).is_dir()
    assert "<html" in (built / "report.html").read_text()
    used = yaml.safe_load((built / "manifest.yaml").read_text())
    assert set(used["models"]) == set(summary(built)["models"])
    assert all(len(sha256) == 64 for sha256 in used["models"].values())
    assert not (built / "_work").exists()


def test_tokens_are_the_documents_of_the_account(built):
    account = summary(built)
    tables = [pq.read_table(path) for path in (built / "tokens").rglob("part-*.parquet")]
    assert sum(table.num_rows for table in tables) == account["documents"] > 50
    assert sum(sum(table["n_tokens"].to_pylist()) for table in tables) == account["tokens"]
    assert verify_tokens(str(built / "tokens")) == []


@pytest.mark.parametrize(
    "options",
    [
        ("--workers", "2"),
        ("--workers", "1", "--set", "extract.range_bytes=64KB"),
        ("--workers", "2", "--set", "extract.range_bytes=64MB", "--set", "dedup.buckets=7"),
    ],
    ids=["two workers", "ranges of 64 KB", "two workers, 64 MB, other buckets"],
)
def test_tokens_are_the_same_bytes_with_any_workers_and_ranges(built, manifest, tmp_path, options):
    build(manifest, tmp_path / "other", *options)
    assert digests(tmp_path / "other" / "tokens") == digests(built / "tokens")


def test_tokens_are_the_same_bytes_when_the_input_folder_moves(built, manifest, tmp_path, sample_crawl):
    shutil.copytree(sample_crawl, tmp_path / "elsewhere")
    build(manifest, tmp_path / "other", "--workers", "1", "--input", str(tmp_path / "elsewhere"))
    assert digests(tmp_path / "other" / "tokens") == digests(built / "tokens")


def shard_in(folder: str):
    return lambda output: any((output / folder).glob("shard-*.parquet"))


MOMENTS = {
    "extracting": shard_in("documents"),
    "deduplicating lines": lambda output: (output / "duplicates/lines/_begun.json").exists(),
    "signing": shard_in("duplicates/near/signatures"),
    "scoring": shard_in("scores"),
    "encoding": shard_in("_work/encoded"),
    "writing tokens": lambda output: (output / "stages/tokenize/_begun.json").exists(),
}


@pytest.mark.parametrize("moment", MOMENTS)
def test_a_build_killed_at_any_moment_ends_with_the_same_bytes(built, manifest, tmp_path, moment):
    output = tmp_path / "killed"
    ranges = ("--workers", "1", "--set", "extract.range_bytes=64KB")
    build_and_kill(manifest, output, MOMENTS[moment], *ranges)
    assert not (output / "summary.json").exists()
    before = {
        path: path.stat().st_mtime_ns
        for path in output.rglob("shard-*.parquet")
        if "tmp" not in path.name and "set_aside" not in path.parts and "dropped" not in path.parts
    }
    build(manifest, output, *ranges)
    assert digests(output / "tokens") == digests(built / "tokens")
    redone = [path for path, time in before.items() if path.exists() and path.stat().st_mtime_ns != time]
    assert redone == [], "a finished shard was done twice"
    assert list(verify(str(output))) == []


def test_building_again_does_nothing(built, manifest, tmp_path):
    output = tmp_path / "again"
    shutil.copytree(built, output)
    before = digests(output / "documents") | digests(output / "scores") | digests(output / "tokens")
    done = build(manifest, output, "--workers", "1")
    assert done.stderr.count("done before, kept") == len(STAGES)
    assert digests(output / "documents") | digests(output / "scores") | digests(output / "tokens") == before


def test_a_new_threshold_re_runs_only_what_follows_and_says_so(built, manifest, tmp_path):
    output = tmp_path / "threshold"
    shutil.copytree(built, output)
    done = build(manifest, output, "--workers", "1", "--set", "filters.ccnet_length.min_characters=1500")
    assert done.stderr.count("done before, kept") == 5
    assert "select: redone, because filters.ccnet_length.min_characters: 300 -> 1500" in done.stderr
    assert summary(output)["tokens"] < summary(built)["tokens"]
    fresh = tmp_path / "fresh"
    build(manifest, fresh, "--workers", "1", "--set", "filters.ccnet_length.min_characters=1500")
    assert digests(fresh / "tokens") == digests(output / "tokens")


def test_cutoffs_by_percentile_of_this_corpus_keep_that_share(manifest, tmp_path, built):
    output = tmp_path / "percentiles"
    shutil.copytree(built, output)
    settings = ("--set", "filters.perplexity.percentiles=[30, 60]", "--set", "filters.quality.enabled=false")
    build(manifest, output, "--workers", "1", *settings)
    stages = {stage["name"]: stage for stage in summary(output)["stages"]}
    low, high = stages["select"]["cutoffs"]["en"]
    assert 0 < low < high
    tail = stages["select"]["dropped"]["perplexity.tail"]
    considered = tail + stages["select"]["out"]
    assert tail / considered == pytest.approx(0.4, abs=0.05)


def test_thirds_of_this_corpus_as_the_ccnet_paper_has_them(manifest, tmp_path, built):
    output = tmp_path / "thirds"
    shutil.copytree(built, output)
    settings = ("--set", "filters.perplexity.compat=[thirds]", "--set", "filters.quality.enabled=false")
    build(manifest, output, "--workers", "1", *settings)
    selected = next(stage for stage in summary(output)["stages"] if stage["name"] == "select")
    tail = selected["dropped"]["perplexity.tail"]
    assert tail / (tail + selected["out"]) == pytest.approx(1 / 3, abs=0.05)


def test_tokens_that_were_deleted_are_built_again(built, manifest, tmp_path):
    output = tmp_path / "deleted"
    shutil.copytree(built, output)
    shutil.rmtree(output / "tokens")
    build(manifest, output, "--workers", "1")
    assert digests(output / "tokens") == digests(built / "tokens")


def test_pages_that_ask_to_be_left_out_are_when_the_manifest_honours_it(built, manifest, tmp_path):
    assert "robots" not in summary(built)["stages"][0]["dropped"]
    output = tmp_path / "robots"
    build(manifest, output, "--workers", "1", "--set", "extract.robots=[noindex, noai]")
    assert summary(output)["stages"][0]["dropped"]["robots"] >= 3


def test_a_tiktoken_file_tokenizes_as_well(manifest, tmp_path):
    ranks = tmp_path / "bytes.tiktoken"
    ranks.write_bytes(b"".join(base64.b64encode(bytes([byte])) + b" %d\n" % byte for byte in range(256)))
    output = tmp_path / "tiktoken"
    build(manifest, output, "--workers", "1", "--set", f"tokens.tokenizer={ranks}")
    last = summary(output)["stages"][-1]
    # A vocabulary of single bytes gives at least one token a character, and two for the delimiters.
    assert last["tokens"] >= last["characters_out"] + 2 * last["out"]
    assert verify_tokens(str(output / "tokens")) == []


def test_on_a_terminal_there_are_progress_bars(manifest, tmp_path):
    master, slave = pty.openpty()
    shown = b""
    try:
        process = subprocess.Popen(
            command(manifest, tmp_path / "out", "--workers", "1"), stdout=subprocess.DEVNULL, stderr=slave
        )
        os.close(slave)
        while True:
            try:
                chunk = os.read(master, 4096)
            except OSError:  # the other end is closed
                break
            if not chunk:
                break
            shown += chunk
        assert process.wait(60) == 0
    finally:
        os.close(master)
    assert "━".encode() in shown
    assert b"extract" in shown


def test_every_real_capture_builds(real_crawls: Path, manifest, tmp_path):
    output = tmp_path / "real"
    build(manifest, output, "--workers", "2", "--input", str(real_crawls))
    stages = {stage["name"]: stage for stage in summary(output)["stages"]}
    assert stages["extract"]["in"] > 2000
    assert stages["extract"]["out"] > 900
