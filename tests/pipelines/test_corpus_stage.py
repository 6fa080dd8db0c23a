"""Filters that compare pages with the corpus: one answer however it was built, explained, accounted for, verified."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
import yaml

from curate.models.perplexity import percentile_cutoffs
from curate.tokens.reader import TokenDataset
from pipelines.chain import build_chain
from pipelines.corpus import asking, measured_rows, stored_totals
from tests.pipelines.building import build, build_and_kill, digests, run, summary
from tests.pipelines.crawling import crawl

pytestmark = pytest.mark.slow
LINES = [f"The {name} of the harbour was painted in the spring of that year by {name}s." for name in "abcdefghijkl"]
RECIPE = {
    "name": "compared",
    "extract": {"url_blocklist": {"enabled": False}},
    "dedup": {"lines": {"enabled": False}, "near": {"enabled": False}},
    "filters": {
        "language": {"min_score": None},
        "host_pii": {"max_addresses_per_page": 2.0, "min_addresses": 8, "min_pages": 3},
        "dirty_words": {"max_count": 1, "max_share": 0.02, "max_host_share": 0.4, "min_host_pages": 4},
        "token_divergence": {"min_corpus_tokens": 500, "max_divergence": 0.3},
    },
    "tokens": {"topics": {"short": {"token_divergence.tokens": {"max": 154}}}},
}


def page(host: str, number: int, more: str = "", lines: int = 6) -> tuple[str, str]:
    text = [LINES[(number * 5 + k) % len(LINES)].replace("that year", f"{1900 + number + k}") for k in range(lines)]
    return f"http://{host}/{number}", "\n".join([f"Page {number} of {host}, kept by the harbour office.", *text, more])


def pages() -> list[tuple[str, str]]:
    made = [page("prose.example", n, lines=6 + 6 * (n % 2)) for n in range(12)]
    made += [
        page("staff.example", n, f"Ask {n}.anna@staff.example, {n}.bert@x.example, {n}@y.example") for n in range(4)
    ]
    made += [page("shop.example", n, "Write to sales@shop.example") for n in range(6)]
    made += [page("adult.example", n, "porn porn porn porn porn" if n < 3 else "") for n in range(6)]
    odd = [
        f"Gluon couplings of coloured quark {k} and strange meson {k} obey quantum chromodynamics." for k in range(25)
    ]
    return [*made, ("http://odd.example/1", "\n".join(odd))]


@pytest.fixture(scope="module")
def recipe(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, str]:
    folder = tmp_path_factory.mktemp("compared")
    (folder / "input").mkdir()
    (folder / "recipe.yaml").write_text(yaml.safe_dump(RECIPE, sort_keys=False))
    for number, start in enumerate(range(0, 29, 6)):  # every host has pages in several files
        crawl(
            folder / "input" / f"{number}.warc.gz", [pages()[(k * 11) % 29] for k in range(start, min(start + 6, 29))]
        )
    return str(folder / "recipe.yaml"), f"--input={folder / 'input'}"


SPLIT = ("--set", "extract.range_bytes=1KB")


@pytest.fixture(scope="module")
def compared(recipe: tuple[str, str], tmp_path_factory: pytest.TempPathFactory) -> Path:
    output = tmp_path_factory.mktemp("built") / "compared"
    build(recipe[0], output, recipe[1], "--workers", "1")
    return output


def verdicts(output: Path) -> dict[str, int]:
    dropped: dict[str, int] = summary(output)["stages"][-2]["dropped"]
    return dropped


def test_hosts_and_outliers_go_whole_wherever_their_pages_lie(compared: Path) -> None:
    assert verdicts(compared) == {
        "host_pii.personal_information": 4,
        "dirty_words.page": 3,
        "dirty_words.host": 3,
        "token_divergence.outlier_tokens": 1,
    }


def test_the_account_has_the_stage_and_it_loses_nothing(compared: Path) -> None:
    stages = {stage["name"]: stage for stage in summary(compared)["stages"]}
    assert stages["corpus"]["in"] == stages["corpus"]["out"] == stages["score"]["out"] == 29
    assert "every file is as it was written" in run("verify", str(compared)).stdout


def test_measurements_are_those_of_all_pages_of_the_host(compared: Path) -> None:
    settings = yaml.safe_load((compared / "manifest.yaml").read_text())["filters"]
    chain = build_chain(settings, "manifest")
    assert [item.name for item in asking(chain)] == ["host_pii", "dirty_words", "token_divergence"]
    shards = len(list((compared / "documents").glob("shard-*.parquet")))
    rows = [row for shard in range(shards) for row in measured_rows(str(compared), shard, chain)]
    by_host: dict[str, list[dict]] = {}
    for row in rows:
        by_host.setdefault(row["host_pii.host"], []).append(row)
    for host, count, addresses in (("staff.example", 4, 12), ("shop.example", 6, 1), ("prose.example", 12, 0)):
        assert len(by_host[host]) == count
        assert {row["host_pii.host_pages"] for row in by_host[host]} == {count}
        assert {row["host_pii.host_addresses"] for row in by_host[host]} == {addresses}
    # What a filter drops, those behind it do not count.
    assert {row["dirty_words.host_pages"] for row in by_host["staff.example"]} == {None}
    counted = {total.group: total.total for total in stored_totals(str(compared), "token_divergence")}
    kept = [row for row in rows if row["dirty_words.host_share"] == 0.0]
    assert sum(counted.values()) == sum(row["token_divergence.tokens"] for row in kept)


def test_explain_and_report_tell_what_the_host_was_dropped_for(compared: Path) -> None:
    told = run("explain", str(compared), "http://staff.example/1").stdout
    assert "host_pii.personal_information: addresses_per_page = 3, kept when <= 2" in told
    assert "host_pii.host_addresses = 12" in told
    assert "hashes" not in told
    report = (compared / "report.html").read_text()
    assert "host_pii.personal_information" in report
    assert "addresses_per_page" in report


@pytest.mark.parametrize(
    "options",
    [("--workers", "2", *SPLIT), ("--workers", "1", "--set", "dedup.buckets=3")],
    ids=["two workers, small ranges", "other buckets"],
)
def test_tokens_are_the_same_bytes_with_any_workers_ranges_and_buckets(
    compared: Path, recipe: tuple[str, str], tmp_path: Path, options: tuple[str, ...]
) -> None:
    build(recipe[0], tmp_path / "other", recipe[1], *options)
    assert digests(tmp_path / "other" / "tokens") == digests(compared / "tokens")


def test_a_build_killed_while_comparing_ends_with_the_same_bytes(
    compared: Path, recipe: tuple[str, str], tmp_path: Path
) -> None:
    output = tmp_path / "killed"
    options = (recipe[1], "--workers", "1", *SPLIT)
    build_and_kill(recipe[0], output, lambda out: any((out / "scores/corpus").rglob("shard-*.parquet")), *options)
    build(recipe[0], output, *options)
    assert digests(output / "tokens") == digests(compared / "tokens")
    assert "every file is as it was written" in run("verify", str(output)).stdout


def test_a_new_threshold_compares_nothing_anew_and_one_before_does(
    compared: Path, recipe: tuple[str, str], tmp_path: Path
) -> None:
    output = tmp_path / "threshold"
    shutil.copytree(compared, output)
    base = (recipe[1], "--workers", "1")
    done = build(recipe[0], output, *base, "--set", "filters.token_divergence.max_divergence=9")
    assert "corpus: done before, kept" in done.stderr
    assert "token_divergence.outlier_tokens" not in verdicts(output)
    done = build(recipe[0], output, *base, "--set", "filters.host_pii.max_addresses_per_page=9")
    assert "score: done before, kept" in done.stderr
    assert "corpus: redone, because before.host_pii.max_addresses_per_page" in done.stderr
    assert "host_pii.personal_information" not in verdicts(output)


def test_without_such_a_filter_there_is_no_such_stage_and_nothing_is_left_of_it(
    compared: Path, recipe: tuple[str, str], tmp_path: Path
) -> None:
    output = tmp_path / "without"
    shutil.copytree(compared, output)
    switches = {"host_pii.max_addresses_per_page", "dirty_words.max_host_share", "token_divergence.max_divergence"}
    build(recipe[0], output, recipe[1], "--workers", "1", *(f"--set=filters.{key}=null" for key in sorted(switches)))
    assert "corpus" not in [stage["name"] for stage in summary(output)["stages"]]
    assert not (output / "scores/corpus").exists()
    assert "every file is as it was written" in run("verify", str(output)).stdout


def test_documents_of_a_topic_make_a_source_of_their_own(compared: Path) -> None:
    dataset = TokenDataset.open(str(compared / "tokens"))
    assert dataset.sources == ["commoncrawl", "commoncrawl-short"]
    for source in dataset.sources:
        for document, tokens in dataset.documents(source):
            story = json.loads(run("explain", str(compared), document, "--json").stdout)[0]
            assert ("of the topic short" in story["steps"][-1]["detail"]) == (source == "commoncrawl-short")
            assert len(tokens) == story["steps"][-1]["facts"]["tokens"] + 2
            break
    assert len(dataset) == summary(compared)["documents"] == 18


def test_a_topic_by_what_nothing_measures_is_one_line(recipe: tuple[str, str], tmp_path: Path) -> None:
    topic = "tokens.topics={a: {token_divergence.tokeens: {min: 1}}}"
    done = run("build", recipe[0], recipe[1], "--output", str(tmp_path / "x"), "--set", topic, check=False)
    assert done.returncode == 2
    assert "did you mean 'token_divergence.tokens'" in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1


def test_percentiles_of_the_corpus_are_those_of_what_the_filters_before_keep(
    recipe: tuple[str, str], tmp_path: Path
) -> None:
    output = tmp_path / "percentiles"
    filters = {
        "language": {"min_score": None},
        "ccnet_length": {"min_characters": 500},
        "perplexity": {"percentiles": [30, 60]},
    }
    path = tmp_path / "recipe.yaml"
    path.write_text(yaml.safe_dump({**RECIPE, "filters": filters, "tokens": {}}, sort_keys=False))
    build(str(path), output, recipe[1], "--workers", "1")
    settings = yaml.safe_load((output / "manifest.yaml").read_text())["filters"]
    shards = len(list((output / "documents").glob("shard-*.parquet")))
    rows = [row for shard in range(shards) for row in measured_rows(str(output), shard, [])]
    counts: dict[float, int] = {}
    for row in rows:
        if row["ccnet_length.characters"] >= 500 and row["language.language"] == "en":
            counts[row["perplexity.perplexity"]] = counts.get(row["perplexity.perplexity"], 0) + 1
    selected = json.loads((output / "stages/select/_done.json").read_text())
    assert settings["perplexity"]["percentiles"] == [30.0, 60.0]
    assert selected["cutoffs"]["en"] == list(percentile_cutoffs(counts, (30.0, 60.0)))
