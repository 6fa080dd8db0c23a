"""The mixtures that ship, built from the samples by the command a user types, and read as the trainer reads them."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

import pytest

from curate.report.mixture import read_mixture
from curate.tokens.reader import TokenDataset
from tests.pipelines.building import build, digests, run

pytestmark = pytest.mark.slow
MANIFESTS = Path(__file__).resolve().parents[2] / "manifests"
SEQUENCES = 400


@pytest.fixture(scope="module")
def llama1(tmp_path_factory: pytest.TempPathFactory) -> Path:
    output = tmp_path_factory.mktemp("llama1") / "llama1"
    build(str(MANIFESTS / "llama1.yaml"), output, "--workers", "1")
    return output


@pytest.fixture(scope="module")
def llama3(tmp_path_factory: pytest.TempPathFactory) -> Path:
    output = tmp_path_factory.mktemp("llama3") / "llama3"
    build(str(MANIFESTS / "llama3.yaml"), output, "--workers", "1")
    return output


def sampled(output: Path) -> dict[str, float]:
    """Source -> its share of the first sequences that the trainer reads."""
    pytest.importorskip("torch")
    from curate.training.corpus import Corpus
    from curate.training.data import Batches

    counts: Counter[str] = Counter()
    with Batches(Corpus([str(output)]), {}, 64, 20, 0) as batches:
        for _ in range(SEQUENCES // 20):
            batch = next(batches)
            counts.update(batches.names[source] for source in batch.sources.tolist())
    return {name: count / SEQUENCES for name, count in counts.items()}


def test_all_seven_sources_are_one_dataset_that_the_trainer_samples_by_llama1s_shares(llama1: Path) -> None:
    shares = {
        "commoncrawl": 0.67,
        "c4": 0.15,
        "github": 0.045,
        "wikipedia": 0.045,
        "books": 0.045,
        "arxiv": 0.025,
        "stackexchange": 0.02,
    }
    dataset = TokenDataset.open(str(llama1 / "tokens"))
    assert dataset.sources == sorted(shares)
    assert dataset.manifest["extra"]["mixture"] == pytest.approx(shares)
    found = sampled(llama1)
    for name, share in shares.items():
        assert found[name] == pytest.approx(share, abs=1.5 / SEQUENCES)


def test_the_plan_says_what_runs_short_of_llama1s_budget(llama1: Path) -> None:
    told = json.loads(run("mix", "plan", str(llama1), "--json").stdout)
    assert told["budget"] == 1_400_000_000_000
    for item in told["sources"]:
        assert item["epochs"] == pytest.approx(item["wanted"] / item["tokens"])
        assert item["short"] > 0  # a sample is no corpus
    lines = run("mix", "plan", str(llama1), "--tokens", "1.4T").stdout
    assert lines.count("runs short") == 7


def test_every_byte_of_the_mixture_is_accounted_for(llama1: Path, llama3: Path) -> None:
    for output in (llama1, llama3):
        assert "every file is as it was written" in run("verify", str(output)).stdout


def test_llama3s_topics_have_their_shares_whatever_sources_they_are_of(llama3: Path) -> None:
    record = read_mixture(str(llama3))
    assert record is not None
    topics: Counter[str] = Counter()
    for source, share in sampled(llama3).items():
        topics[record["token_sources"][source]["topic"]] += share
    for topic, share in {"general": 0.5, "maths": 0.25, "code": 0.17, "multilingual": 0.08}.items():
        assert topics[topic] == pytest.approx(share, abs=10 / SEQUENCES)


def test_within_a_topic_every_source_is_gone_through_equally_often(llama3: Path) -> None:
    told = json.loads(run("mix", "plan", str(llama3), "--tokens", "100M", "--json").stdout)
    passes: dict[str, set[float]] = {}
    for item in told["sources"]:
        passes.setdefault(item["topic"], set()).add(round(item["epochs"] / 10) * 10)
    assert set(passes) == {"general", "maths", "code", "multilingual"}
    assert all(len(found) == 1 for found in passes.values())


def test_two_workers_and_small_ranges_give_the_same_bytes(llama3: Path, tmp_path: Path) -> None:
    sources = json.loads((llama3 / "mixture.json").read_text())["sources"]
    ranges = [f"--set={name}.extract.range_bytes=64KB" for name in sources]
    build(str(MANIFESTS / "llama3.yaml"), tmp_path / "other", "--workers", "2", *ranges)
    assert digests(tmp_path / "other" / "tokens") == digests(llama3 / "tokens")
