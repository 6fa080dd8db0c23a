"""A classifier of one's own is trained by the command that the README names, and then found by its name."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from curate.cli import app
from curate.models.registry import resolve


def test_the_command_trains_what_the_registry_then_finds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    words = {"yes": "lemma proof theorem algebra teacher", "no": "cheap sale click casino offer"}
    labels = tmp_path / "labels.jsonl"
    with labels.open("w") as out:
        for number in range(200):
            label = ("yes", "no")[number % 2]
            out.write(json.dumps({"text": f"{words[label]} {number} " * 5, "label": label}) + "\n")
    monkeypatch.setenv("CURATE_MODELS", str(tmp_path / "models"))
    command = ["models", "train", "classifier", "--labels", str(labels), "--name", "mine", "--set", "bucket=1000"]
    result = CliRunner().invoke(app, command)
    assert result.exit_code == 0, result.exception
    assert resolve("mine").path.is_relative_to(tmp_path / "models")
    assert "min_probability" in result.stdout
