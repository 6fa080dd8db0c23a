"""Without the extra, one line says what to install."""

from __future__ import annotations

import sys

import pytest
from typer.testing import CliRunner

from curate.cli import app
from curate.errors import UserError


@pytest.mark.parametrize("missing", ["torch", "safetensors", "tensorboard", "matplotlib", "scipy"])
@pytest.mark.parametrize(
    "command",
    [
        "train --data x", "train plan", "train resume x", "train export x", "train evaluate x", "train sample x",
        "mix fit --data x",
    ],
)  # fmt: skip
def test_a_command_says_which_part_of_the_extra_is_missing(monkeypatch, missing, command):
    monkeypatch.setitem(sys.modules, missing, None)
    result = CliRunner().invoke(app, command.split())
    assert isinstance(result.exception, UserError)
    assert str(result.exception) == f"this needs {missing}: pip install 'curate[train]'"
