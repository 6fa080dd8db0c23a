"""The command line trains on a build and leaves what the README says: a model, a plot, a summary, text."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from curate.storage import read_sealed
from curate.training.record import read_metrics

ROOT = Path(__file__).resolve().parents[2]


def curate(*arguments: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "curate", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, cwd=ROOT, timeout=300, env=dict(os.environ))


@pytest.fixture(scope="module")
def run(built: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """A run of the tiny recipe, narrower, on the sample, and what it printed."""
    folder = tmp_path_factory.mktemp("trained") / "run"
    narrow = [f"--set=model.{key}={value}" for key, value in {"dim": 32, "layers": 1, "ffn": 64}.items()]
    done = curate("train", "--config=tiny", f"--data={built}", f"--output={folder}", "--steps=12", *narrow)
    assert done.returncode == 0, done.stderr[-3000:]
    assert done.stderr == ""
    return folder, done.stdout


@pytest.mark.slow
def test_the_plan_comes_first_and_a_falling_validation_loss_last(run):
    folder, printed = run
    lines = printed.splitlines()
    assert re.fullmatch(r"tiny: 2,0\d\d,\d{3} parameters: 1 layers of 32.*", lines[0])
    assert "tokens      24,576 in 12 steps of 8 x 256" in lines
    found = re.search(r"validation loss of commoncrawl: ([0-9.]+) from ([0-9.]+)", printed)
    assert found is not None
    assert float(found[1]) < float(found[2])
    assert f"model: {folder}/model" in lines
    assert any(line.startswith("it writes: The") for line in lines)


@pytest.mark.slow
def test_the_model_of_the_last_step_is_exported_with_its_tokenizer(run):
    from transformers import AutoModelForCausalLM, AutoTokenizer

    folder, _ = run
    tokenizer = AutoTokenizer.from_pretrained(folder / "model")
    model = AutoModelForCausalLM.from_pretrained(folder / "model", dtype=torch.float32)
    ids = tokenizer("The ferry leaves at nine.", return_tensors="pt").input_ids
    with torch.no_grad():
        loss = model(ids, labels=ids).loss
    assert 5 < float(loss) < 11


@pytest.mark.slow
def test_plot_summary_text_and_events_are_there(run):
    folder, _ = run
    assert (folder / "loss.svg").read_text().count("<svg") == 1
    summary = read_sealed(str(folder / "summary.json"))
    assert (summary["step"], summary["steps"], summary["skipped"], summary["stopped"]) == (12, 12, 0, False)
    assert summary["validation"]["commoncrawl"] < summary["first"]["commoncrawl"]
    samples = [record for record in read_metrics(folder / "metrics.jsonl") if record["kind"] == "sample"]
    assert [(record["step"], record["text"].startswith("The")) for record in samples] == [(12, True)]
    assert list((folder / "tensorboard").glob("events.out.tfevents.*"))


@pytest.mark.slow
def test_a_mistake_is_one_line_and_status_2_and_leaves_the_name_free(built, tmp_path):
    done = curate("train", "--config=tiny", "--data=nowhere", f"--output={tmp_path / 'run'}")
    assert done.returncode == 2
    assert done.stderr == "curate: nowhere is not a whole token dataset: it has no manifest.json\n"
    done = curate("train", "--config=tiny", f"--data={built}", f"--output={tmp_path / 'run'}", "--set=model.vocab=100")
    assert done.returncode == 2
    assert "--set model.vocab=32000" in done.stderr
