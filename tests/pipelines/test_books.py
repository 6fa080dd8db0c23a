"""The books sample built as a user builds it: editions displaced, licences gated, addresses masked, benchmarks kept
out; the same bytes whatever the workers and pieces, and every document explained."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import yaml

from curate.dedup.minhash import shingle_hashes
from curate.manifest import Dedup
from curate.report.explain import explain
from curate.report.verify import verify
from curate.sample.build_books import files
from pipelines import dedup_books
from pipelines.engine import Engine
from pipelines.shards import read_shard, shard_file
from tests.conftest import ROOT
from tests.pipelines.building import build, digests, run, summary

MANIFEST = str(ROOT / "manifests" / "books.yaml")
QUESTION = "the clock struck eleven twice. Those who were awake counted, and counted again on their fingers, and told"
CONTACT = "Write to the keeper of the orchard at keeper@orchard.example.org or call (202) 555-0123 before noon."


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    output = tmp_path_factory.mktemp("books") / "out"
    build(MANIFEST, output, "--workers", "1")
    return output


def stage(output: Path, name: str) -> dict:
    return next(stage for stage in summary(output)["stages"] if stage["name"] == name)


def test_every_file_of_the_sample_has_the_fate_that_its_readme_tells(corpus):
    fates = {}
    for name in files():
        (story,) = explain(str(corpus), name if name == "kite.txt" else f"{name}@0")
        fates[name] = story.outcome.split(":")[0] + ":" + story.outcome.partition(":")[2].partition(":")[0]
    told = {
        "900001-0.txt": "dropped by dedup_books: contained",
        "saltm10.txt": "kept:",
        "900002-8.txt": "kept:",
        "900003-0.txt": "kept:",
        "900004-h.zip": "dropped by dedup_books: contained",
        "900005.epub": "kept:",
        "900006-0.txt": "dropped by extract: copyrighted",
        "kite.txt": "dropped by extract: unlicensed",
        "cut-off.epub": "set aside by extract: bad_archive",
        "entities.epub": "set aside by extract: entities",
        "slip.zip": "set aside by extract: unsafe_path",
    }
    assert fates == told
    readme = (ROOT / "curate/sample/books/README.md").read_text(encoding="utf-8")
    assert all(f"`{name}`" in readme for name in told)


def test_documents_in_are_documents_out_and_dropped(corpus):
    found = stage(corpus, "dedup_books")
    assert (found["in"], found["out"], found["dropped"]) == (6, 4, {"contained": 2})
    assert stage(corpus, "score")["in"] == 4
    assert summary(corpus)["documents"] == 4


def test_the_displacing_book_and_the_measured_share_are_told(corpus):
    (story,) = explain(str(corpus), "https://www.gutenberg.org/ebooks/900001")
    facts = story.steps[-1].facts
    assert facts["displaced_by_url"] == "https://www.gutenberg.org/ebooks/900011"
    texts = {
        row["url"].rpartition("/")[2]: set(shingle_hashes(row["text"], 5).tolist())
        for row in read_shard(str(corpus), shard_file("documents", 0)).to_pylist()
    }
    share = len(texts["900001"] & texts["900011"]) / len(texts["900001"])
    assert facts["containment"] == share > 0.9
    assert facts["shingles"] == len(texts["900001"])
    (kept,) = explain(str(corpus), "https://www.gutenberg.org/ebooks/900011")
    assert [step.stage for step in kept.steps if step.outcome == "kept"].count("dedup_books") == 1


def test_the_build_is_verified_with_its_book_stage(corpus, tmp_path):
    assert list(verify(str(corpus))) == []
    copy = Path(shutil.copytree(corpus, tmp_path / "copy"))
    shutil.rmtree(copy / "duplicates" / "books")
    assert any("duplicates/books" in problem for problem in verify(str(copy)))


def test_the_report_shows_what_was_displaced(corpus):
    report = (corpus / "report.html").read_text(encoding="utf-8")
    assert "most of it stands in another book" in report
    assert "The Clockmaker of Saltmere" in report


@pytest.mark.slow
def test_workers_and_pieces_change_no_byte_of_the_tokens(corpus, tmp_path):
    build(MANIFEST, tmp_path / "two", "--workers", "2")
    assert digests(tmp_path / "two" / "tokens") == digests(corpus / "tokens")
    assert displaced_of(tmp_path / "two", [0]) == displaced_of(corpus, [0])
    build(MANIFEST, tmp_path / "small", "--workers", "1", "--set", "extract.range_bytes=1KB")
    assert stage(tmp_path / "small", "dedup_books")["dropped"] == {"contained": 2}
    assert digests(tmp_path / "small" / "tokens") == digests(corpus / "tokens")


@pytest.mark.slow
def test_switched_off_the_stage_is_gone_and_the_books_are_back(corpus, tmp_path):
    copy = Path(shutil.copytree(corpus, tmp_path / "copy"))
    build(MANIFEST, copy, "--workers", "1", "--set", "dedup.books.enabled=false")
    assert not (copy / "duplicates" / "books").exists()
    assert summary(copy)["documents"] == 6
    assert list(verify(str(copy))) == []
    build(MANIFEST, copy, "--workers", "1")
    assert digests(copy / "tokens") == digests(corpus / "tokens")


@pytest.fixture
def gated(tmp_path: Path) -> tuple[str, Path, Path]:
    """(a manifest with every gate, its input, its benchmark file)."""
    folder = tmp_path / "in"
    folder.mkdir()
    for name, data in files().items():
        (folder / name).write_bytes(data)
    (folder / "mine.txt").write_text(
        f"The Orchard\n\n{CONTACT}\n\nNothing else is to be said of it.\n", encoding="utf-8"
    )
    benchmark = tmp_path / "questions.jsonl"
    benchmark.write_text(json.dumps({"question": "Who was awake? " + QUESTION}) + "\n", encoding="utf-8")
    recipe = yaml.safe_load(Path(MANIFEST).read_text(encoding="utf-8"))
    recipe["extract"]["licence"] = "LicenseRef-Mine"
    recipe["extract"]["keep_copyrighted"] = True
    recipe["filters"]["pii"] = {"style": "dolma"}
    recipe["filters"]["decontamination"] = {"benchmarks": {"quiz": {"path": str(benchmark), "fields": ["question"]}}}
    manifest = tmp_path / "gated.yaml"
    manifest.write_text(yaml.safe_dump(recipe, sort_keys=False), encoding="utf-8")
    return str(manifest), folder, benchmark


@pytest.mark.slow
def test_licences_addresses_and_benchmarks_are_gated_in_one_manifest(gated, tmp_path):
    manifest, folder, benchmark = gated
    output = tmp_path / "out"
    build(manifest, output, "--input", str(folder), "--workers", "1")
    assert stage(output, "select")["dropped"] == {"licence.denied": 1, "decontamination.overlap": 1}
    (story,) = explain(str(output), "https://www.gutenberg.org/ebooks/900006")
    assert "licence.denied" in story.outcome
    (story,) = explain(str(output), "https://www.gutenberg.org/ebooks/900011")
    assert "decontamination.overlap" in story.outcome
    measured = next(step.facts for step in story.steps if step.stage == "score")
    assert measured["decontamination.item"] == "quiz:1"
    (story,) = explain(str(output), "mine.txt@0")
    measured = next(step.facts for step in story.steps if step.stage == "score")
    assert (measured["pii.emails"], measured["pii.phones"], measured["pii.count"]) == (1, 1, 2)
    assert story.subject["licence"] == "LicenseRef-Mine"
    assert story.outcome == "kept"
    assert b"555-0123" not in b"".join(path.read_bytes() for path in (output / "tokens").rglob("*.parquet"))

    benchmark.write_text(
        json.dumps({"question": "one two three four five six seven eight nine"}) + "\n", encoding="utf-8"
    )
    again = build(manifest, output, "--input", str(folder), "--workers", "1")
    assert "dedup_books: done before, kept" in again.stderr
    assert "score: redone, because" in again.stderr
    assert stage(output, "select")["dropped"] == {"licence.denied": 1}


def test_a_benchmark_that_is_not_there_ends_the_command_with_one_line(tmp_path):
    wanted = "filters.decontamination.benchmarks={quiz: /nowhere/quiz.jsonl}"
    done = run("build", MANIFEST, "--output", str(tmp_path / "out"), "--set", wanted, check=False)
    assert done.returncode == 2
    assert done.stderr.strip().splitlines()[-1].endswith("benchmarks.quiz: no file at /nowhere/quiz.jsonl")
    assert "Traceback" not in done.stderr


def displaced_of(output: Path, shards: list[int]) -> list[tuple[int, ...]]:
    found = []
    for shard in shards:
        table = read_shard(str(output), shard_file(dedup_books.FOLDER, shard)).to_pylist()
        found += [(shard, row["row"], row["by_shard"], row["by_row"], row["containment"]) for row in table]
    return found


def test_the_stage_finds_what_comparing_every_pair_finds(corpus, tmp_path):
    """By samples of one shingle in four and by all of them, in any number of buckets."""
    copy = Path(shutil.copytree(corpus, tmp_path / "copy"))
    rows = read_shard(str(copy), shard_file("documents", 0)).to_pylist()
    sets = [set(shingle_hashes(row["text"], 5).tolist()) for row in rows]
    order = sorted(range(len(rows)), key=lambda row: (-len(sets[row]), row))
    kept: list[int] = []
    expected = []
    for row in order:
        shares = {other: len(sets[row] & sets[other]) / len(sets[row]) for other in kept}
        best = max(shares, key=lambda other: shares[other], default=None)
        if best is not None and shares[best] > 0.9:
            expected.append((0, row, 0, best, shares[best]))
        else:
            kept.append(row)
    for sample, buckets in ((1, 64), (1, 1), (4, 5)):
        shutil.rmtree(copy / "duplicates" / "books")
        config = Dedup.model_validate({"buckets": buckets, "books": {"enabled": True, "sample": sample}})
        account = dedup_books.run_dedup_books(Engine(), [0], config, str(copy))
        assert displaced_of(copy, [0]) == sorted(expected)
        assert account["dropped"] == {"contained": len(expected)}


def test_without_the_stage_no_rows_are_gone(tmp_path):
    assert np.array_equal(dedup_books.book_rows(str(tmp_path), 0), np.zeros(0, np.intp))
