"""A classifier of one's own is trained by the command that the README names, and then found by its name."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import yaml
from typer.testing import CliRunner

from curate.cli import app
from curate.models.registry import resolve
from curate.text.page import Page
from pipelines.chain import build_chain

FAST = ["--set", "bucket=1000"]
ENCODER = ["--encoder", "--device", "cpu", *(f"--set={s}" for s in ("layers=1", "dim=16", "heads=2", "length=16"))]


@pytest.mark.parametrize(("options", "file"), [(FAST, "mine.ftz"), ([*ENCODER, "--set=epoch=3"], "mine.safetensors")])
def test_the_command_trains_what_the_registry_then_finds(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, options: list[str], file: str
) -> None:
    words = {"yes": "lemma proof theorem algebra teacher", "no": "cheap sale click casino offer"}
    labels = tmp_path / "labels.jsonl"
    with labels.open("w") as out:
        for number in range(200):
            label = ("yes", "no")[number % 2]
            out.write(json.dumps({"text": f"{words[label]} {number} " * 5, "label": label}) + "\n")
    monkeypatch.setenv("CURATE_MODELS", str(tmp_path / "models"))
    command = ["models", "train", "classifier", "--labels", str(labels), "--name", "mine", *options]
    result = CliRunner().invoke(app, command)
    assert result.exit_code == 0, result.exception
    assert resolve("mine").path == tmp_path / "models" / file
    [line] = [line for line in result.stdout.splitlines() if "min_probability" in line]
    [made] = build_chain(yaml.safe_load(line)["filters"], "manifest")
    made.load()
    yes, no = (made.measure(Page(words[label]))["mine"] for label in ("yes", "no"))
    assert yes > 0.6 > 0.4 > no  # type: ignore[operator]
