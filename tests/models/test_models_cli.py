"""`curate models list` and `curate models pull` as they are typed."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from curate.errors import UserError
from curate.models import published
from curate.models.models_cli import headline, models_app, size_text
from curate.models.published import FASTTEXT, Published
from curate.models.registry import card, resolve

BODY = FASTTEXT + b"weights"
SHA256 = hashlib.sha256(BODY).hexdigest()


def run(*arguments: str) -> Result:
    return CliRunner().invoke(models_app, list(arguments))


def rows() -> dict[str, dict[str, object]]:
    return {row["name"]: row for row in json.loads(run("list", "--json").stdout)}


@pytest.fixture
def wise(monkeypatch: pytest.MonkeyPatch) -> None:
    model = Published("wise", "wise.bin", "a kind", ("en",), "MIT", "https://example.org/", FASTTEXT)
    models = {**published.catalogue(), "wise": model}
    monkeypatch.setattr(published, "catalogue", lambda: models)


def test_list_shows_what_is_shipped_with_its_figures_and_what_can_be_pulled() -> None:
    lines = run("list").stdout.splitlines()
    quality = lines.index(f"quality-en  shipped  1.3 MB  sha256 {resolve('quality-en').sha256[:12]}")
    measured = (card("quality-en") or {})["measured"]
    assert f"roc_auc {measured['roc_auc']:g}" in lines[quality + 3]
    absent = lines[lines.index("Not here yet; `curate models pull NAME` brings them:") :]
    assert "dclm-oh-eli5  not here  -  sha256 pinned by the first pull" in absent
    assert "ccnet-kenlm-LANG  not here  -  sha256 pinned by the first pull" in absent
    assert not [line for line in absent if line.startswith("ccnet-kenlm-fr")]
    assert [line for line in run("list", "--all").stdout.splitlines() if line.startswith("ccnet-kenlm-fr")]


def test_list_says_that_a_public_model_is_the_shipped_one() -> None:
    assert rows()["lid.176.ftz"]["where"] == "here as lid.176"


def test_list_shows_a_pulled_model_with_licence_and_origin(wise: None, tmp_path: Path) -> None:
    assert rows()["wise"]["where"] == "not here"
    (tmp_path / "own.bin").write_bytes(BODY)
    result = run("pull", "wise", "--from", str(tmp_path / "own.bin"))
    assert result.exit_code == 0
    assert f"wise@sha256:{SHA256}" in result.stdout
    assert "no sha256 is published for it" in result.stdout
    row = rows()["wise"]
    assert (row["where"], row["bytes"], row["sha256"]) == ("pulled", len(BODY), SHA256)
    assert (row["licence"], row["origin"], row["file"]) == ("MIT", "the user's own copy", str(resolve("wise").path))
    assert "wise  pulled" in run("list").stdout


def test_list_shows_a_file_without_a_card_and_none_whose_file_is_gone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CURATE_MODELS", str(tmp_path))
    (tmp_path / "mine.ftz").write_bytes(BODY)
    (tmp_path / "gone.card.json").write_text(json.dumps({"name": "gone", "file": "gone.bin"}))
    found = rows()
    assert (found["mine"]["where"], found["mine"]["kind"], found["mine"]["sha256"]) == ("own", "no card", SHA256)
    assert "gone" not in found


def test_figures_of_a_card_are_not_shown_for_another_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CURATE_MODELS", str(tmp_path))
    (tmp_path / "quality-en.ftz").write_bytes(BODY)
    row = rows()["quality-en"]
    assert (row["where"], row["sha256"], row["measured"]) == ("own", SHA256, {})


def test_a_pull_that_fails_is_the_users_error() -> None:
    for arguments in (["pull", "lid.177.bin"], ["pull", "llama-tokenizer"], ["pull", "ccnet-fr", "--from", "x"]):
        assert isinstance(run(*arguments).exception, UserError)


def test_quiet_prints_nothing(wise: None, tmp_path: Path) -> None:
    (tmp_path / "own.bin").write_bytes(BODY)
    assert run("pull", "wise", "--quiet", "--from", str(tmp_path / "own.bin")).output == ""


@pytest.mark.parametrize(
    ("measured", "line"),
    [
        ({}, ""),
        ({"documents": 3}, ""),
        ({"share": 1.0, "roc_auc": 0.97, "accuracy": 0.9, "documents": 3}, "accuracy 0.9, roc_auc 0.97"),
        ({"share": 1.0, "perplexity": {"wiki": 3.5, "crawl": 9.25}}, "perplexity: crawl 9.25, wiki 3.5"),
        ({"share": 0.5, "counts": {"wiki": 3}}, "share 0.5"),
    ],
)
def test_the_headline_is_of_what_says_how_good_a_model_is(measured: dict[str, object], line: str) -> None:
    assert headline(measured) == line


@pytest.mark.parametrize(
    ("size", "text"), [(None, "-"), (0, "0 B"), (999, "999 B"), (1000, "1.0 kB"), (2_390_000_000, "2.4 GB")]
)
def test_sizes_are_written_as_people_read_them(size: int | None, text: str) -> None:
    assert size_text(size) == text
