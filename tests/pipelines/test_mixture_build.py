"""Several recipes built as one corpus by the command a user types: joined, accounted for, explained, verified, read."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import yaml

from curate.tokens.reader import TokenDataset
from tests.pipelines.building import build, run

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def recipe(tmp_path_factory, sample_crawl):
    folder = tmp_path_factory.mktemp("mixture")
    sources = {
        "old": {"manifest": str(ROOT / "manifests/cc-2020.yaml"), "share": 3, "published_epochs": 1.1},
        "new": {"manifest": str(ROOT / "manifests/fineweb.yaml"), "share": 1, "set": {"dedup.near.bands": 7}},
    }
    path = folder / "both.yaml"
    path.write_text(yaml.safe_dump({"name": "both", "budget": "200K", "sources": sources}))
    return str(path)


@pytest.fixture(scope="module")
def mixed(recipe, tmp_path_factory, sample_crawl):
    output = tmp_path_factory.mktemp("mixed") / "both"
    inputs = [f"--input={name}={sample_crawl}/CC-SAMPLE-2020-0000{n}.warc.gz" for name, n in (("old", 0), ("new", 1))]
    build(recipe, output, "--workers", "1", *inputs)
    return output, inputs


def test_tokens_hold_every_source_under_its_name_in_the_mixture(mixed):
    output, _ = mixed
    joined = TokenDataset.open(str(output / "tokens"))
    assert joined.sources == ["new", "old"]
    assert joined.manifest["extra"] == {"mixture": {"new": 0.25, "old": 0.75}}
    assert yaml.safe_load((output / "mixture.yaml").read_text()) == {"mixture": {"new": 0.25, "old": 0.75}}
    for name in joined.sources:
        alone = TokenDataset.open(str(output / "sources" / name / "tokens"))
        assert alone.manifest["tokens"] == joined.manifest["sources"][name]["tokens"] > 0
    assert "bands: 7" in (output / "sources/new/manifest.yaml").read_text()


def test_the_account_says_what_runs_short(mixed):
    output, _ = mixed
    done = run("report", str(output))
    assert "old runs short" in done.stdout
    told = json.loads(run("mix", "plan", str(output), "--tokens", "100K", "--json").stdout)
    tokens = {item["name"]: item["tokens"] for item in told["sources"]}
    for item in told["sources"]:
        assert item["wanted"] == round(item["share"] * 100_000)
        assert item["epochs"] == pytest.approx(item["wanted"] / tokens[item["name"]])


def test_the_same_command_again_builds_nothing_and_gives_the_same_bytes(mixed, recipe):
    output, inputs = mixed
    before = {path: path.read_bytes() for path in (output / "tokens").rglob("*") if path.is_file()}
    done = build(recipe, output, "--workers", "1", *inputs)
    assert done.stderr.count("done before, kept") == 14
    assert before == {path: path.read_bytes() for path in (output / "tokens").rglob("*") if path.is_file()}


def test_explain_finds_a_document_in_whichever_source_has_it(mixed):
    output, _ = mixed
    joined = TokenDataset.open(str(output / "tokens"))
    for name in joined.sources:
        wanted, _ = next(joined.documents(name))
        assert f"id: {wanted}" in run("explain", str(output), wanted).stdout
    missing = run("explain", str(output), "http://nowhere.example/", check=False)
    assert missing.returncode == 2
    assert len(missing.stderr.strip().splitlines()) == 1


def test_verify_finds_one_changed_byte_in_a_source_in_the_tokens_and_in_the_record(mixed, tmp_path):
    import shutil

    output, _ = mixed
    assert "every file is as it was written" in run("verify", str(output)).stdout
    for file in ("mixture.json", "mixture.yaml", "sources/old/summary.json", "tokens/row_groups.parquet"):
        copy = tmp_path / file.replace("/", "_")
        shutil.copytree(output, copy)
        data = bytearray((copy / file).read_bytes())
        data[len(data) // 2] ^= 1
        (copy / file).write_bytes(data)
        assert run("verify", str(copy), check=False).returncode == 1, file


def test_training_takes_the_mixtures_shares_when_none_are_given(mixed):
    pytest.importorskip("torch")
    from curate.training.corpus import Corpus
    from curate.training.data import Batches

    output, _ = mixed
    corpus = Corpus([str(output)])
    assert corpus.mixture == {"new": 0.25, "old": 0.75}
    assert Batches(corpus, {}, 64, 4, 0).weights == {"new": 0.25, "old": 0.75}
    assert Batches(corpus, {"new": 1.0}, 64, 4, 0).weights == {"new": 1.0}


def test_an_input_must_say_whose_it_is(recipe, tmp_path):
    for given in ("pages.warc.gz", "newer=pages.warc.gz"):
        done = run("build", recipe, "--output", str(tmp_path / "x"), "--input", given, check=False)
        assert done.returncode == 2
        assert "SOURCE=PATH" in done.stderr
