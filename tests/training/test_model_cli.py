"""`export`, `evaluate` and `sample` do what their options say, on a small run made here, and refuse in one line."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
import torch
import typer
import yaml
from transformers import AutoModelForCausalLM, AutoTokenizer
from typer.testing import CliRunner, Result

from curate.errors import UserError
from curate.tokens.schema import TokenizerInfo
from curate.tokens.tokenizer import load_tokenizer
from curate.training import model_cli
from curate.training.checkpoint import Checkpointer
from curate.training.config import load_config
from curate.training.corpus import Corpus
from curate.training.evaluate import evaluate_data, generate, score_text
from curate.training.hugging_face import load_model
from curate.training.model import Llama
from curate.training.vocabulary import read_vocabulary
from tests.tokens import conftest as tokens

# DCP says so whenever it is used without a group.
pytestmark = pytest.mark.filterwarnings("ignore:torch.distributed is disabled")

TEXTS = [f"Document {number} is short; it is about number {number * 7} and little else." for number in range(40)]


def app() -> typer.Typer:
    made = typer.Typer(pretty_exceptions_enable=False)
    for command in (model_cli.export, model_cli.evaluate, model_cli.sample):
        made.command()(command)
    return made


def curate(*arguments: str) -> Result:
    result = CliRunner().invoke(app(), [str(argument) for argument in arguments], catch_exceptions=True)
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory, model: Llama, tokenizer_file: Path) -> Path:
    """A run of two checkpoints on forty documents: the weights of the second are the model's, of the first, zeros."""
    folder = tmp_path_factory.mktemp("run")
    tokenizer = load_tokenizer(str(tokenizer_file), "tokenizer-32k")
    encoded = tokenizer.encode_batch(TEXTS)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(tokens, "TokenizerInfo", lambda *_: TokenizerInfo.of(tokenizer))
        documents = {f"d{i}": ids.tolist() for i, ids in enumerate(encoded)}
        tokens.build(folder / "data", {"web": documents}, shards=2, row_group_tokens=200)
    settings = [f"model.{key}={value}" for key, value in model.config.model_dump().items()]
    config = load_config("tiny", [*settings, "sequence=32", f"data=[{folder / 'data'}]", f"output={folder / 'run'}"])
    (folder / "run").mkdir()
    (folder / "run" / "config.yaml").write_text(yaml.safe_dump(config.model_dump(mode="json", by_alias=True)))
    checkpoints = Checkpointer(str(folder / "run" / "checkpoints"), 5)
    nothing = Llama(model.config)
    with torch.no_grad():
        for parameter in nothing.parameters():
            parameter.zero_()
    for step, held in ((10, nothing), (20, model)):
        state = {"step": step, "tokenizer": TokenizerInfo.of(tokenizer).to_json(), "delimiters": "bos_eos"}
        checkpoints.save(step, [held], torch.optim.AdamW(held.parameters()), state)
        checkpoints.complete(wait=True)
    return folder / "run"


@pytest.fixture(scope="module")
def exported(run: Path) -> Path:
    result = curate("export", run, "--dtype", "float32", "--output", run.parent / "exported")
    assert result.stdout.strip() == f"exported to {run.parent / 'exported'}"
    return run.parent / "exported"


def test_the_newest_checkpoint_is_exported_with_the_tokenizer_of_its_tokens(exported: Path, model: Llama) -> None:
    ids = AutoTokenizer.from_pretrained(exported)(TEXTS[3], return_tensors="pt").input_ids
    logits = AutoModelForCausalLM.from_pretrained(exported, dtype=torch.float32)(ids).logits
    torch.testing.assert_close(logits, model(ids), rtol=1e-4, atol=2e-5)


def test_another_checkpoint_is_exported_when_asked_for_and_beside_the_run_by_default(run: Path) -> None:
    curate("export", run, "--step", "10")
    assert not any(value.any() for value in load_model(str(run / "model-step-00000010")).state_dict().values())
    with pytest.raises(UserError, match="is there already"):
        curate("export", run, "--step", "10")
    curate("export", run, "--step", "10", "--overwrite", "--file-size", "0.001")
    assert (run / "model-step-00000010" / "model.safetensors.index.json").is_file()


def test_a_folder_without_run_or_checkpoint_is_refused(run: Path, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="is not a run"):
        curate("export", tmp_path)
    with pytest.raises(UserError, match="no checkpoint of step 15"):
        curate("export", run, "--step", "15")
    with pytest.raises(UserError, match="--dtype 'float16'"):
        curate("export", run, "--dtype", "float16")


def test_another_tokenizer_is_refused_and_a_missing_one_asked_for(
    run: Path, tmp_path: Path, tiktoken_file: Path, tokenizer_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(UserError, match="is not the tokenizer tokenizer-32k"):
        curate("export", run, "--tokenizer", tiktoken_file, "--output", tmp_path / "out")
    (tmp_path / "models").mkdir()
    (tmp_path / "models" / "tokenizer-32k.model").write_bytes(b"another")
    monkeypatch.setenv("CURATE_MODELS", str(tmp_path / "models"))
    with pytest.raises(UserError, match="name it with --tokenizer"):
        curate("export", run, "--output", tmp_path / "out")
    curate("export", run, "--tokenizer", tokenizer_file, "--output", tmp_path / "out")
    assert (tmp_path / "out" / "tokenizer.json").is_file()


def test_held_out_windows_and_texts_are_scored(
    exported: Path, run: Path, model: Llama, tokenizer_file: Path, tmp_path: Path
) -> None:
    data = run.parent / "data"
    text = tmp_path / "text.txt"
    text.write_text("\n".join(TEXTS), encoding="utf-8")
    result = curate("evaluate", exported, "--data", data, "--text", text, "--output", tmp_path / "scores.json")
    scores = json.loads((tmp_path / "scores.json").read_text())
    expected = evaluate_data(model, Corpus([str(data)], 1), vocabulary=read_vocabulary(tokenizer_file.read_bytes()))[
        "web"
    ]
    assert scores["data"]["web"]["nats_per_token"] == pytest.approx(expected.loss, rel=1e-5)
    assert scores["data"]["web"]["bits_per_byte"] == pytest.approx(expected.bits_per_byte, rel=1e-5)
    of_text = score_text(model, load_tokenizer(str(tokenizer_file), "t"), text.read_text(), 1)
    assert scores["text"][str(text)]["perplexity"] == pytest.approx(of_text.perplexity, rel=1e-5)
    assert scores["text"][str(text)]["bytes"] == text.stat().st_size
    assert re.search(rf"web: {expected.loss:.4f} nats a token, perplexity .* bits a byte", result.stdout)


def test_an_empty_text_has_no_numbers(exported: Path, tmp_path: Path) -> None:
    (tmp_path / "empty").write_text("")
    curate("evaluate", exported, "--text", tmp_path / "empty", "--output", tmp_path / "scores.json")
    (scores,) = json.loads((tmp_path / "scores.json").read_text(), parse_constant=pytest.fail)["text"].values()
    assert scores == {"nats_per_token": None, "perplexity": None, "bits_per_byte": None, "tokens": 0, "bytes": 0}


def test_what_cannot_be_evaluated_is_refused(exported: Path, run: Path, tmp_path: Path, tiktoken_file: Path) -> None:
    data = run.parent / "data"
    for message, arguments in {
        "nothing to evaluate on": [exported],
        "curate train export": [run, "--data", data],
        "the model's tokenizer is not tokenizer-32k": [exported, "--data", data, "--tokenizer", tiktoken_file],
        "--sequence 33 is longer": [exported, "--data", data, "--sequence", "33"],
        "--stride 33 is longer": [exported, "--text", "x", "--stride", "33"],
        "No such file": [exported, "--text", tmp_path / "none.txt"],
        "--device nowhere": [exported, "--text", "x", "--device", "nowhere"],
    }.items():
        with pytest.raises(UserError, match=message) as error:
            curate("evaluate", *arguments)
        assert "\n" not in str(error.value)


def test_a_sample_is_what_the_model_writes_without_control_characters(
    exported: Path, model: Llama, tokenizer_file: Path
) -> None:
    arguments = ["--prompt", "Document", "--prompt", "\x1b[31mred", "--tokens", "6", "--seed", "4"]
    shown = curate("sample", exported, *arguments).stdout
    tokenizer = load_tokenizer(str(tokenizer_file), "t")
    expected = generate(model, tokenizer, "Document", 6, begin=1, seed=4)
    assert shown.startswith("".join(c if c.isprintable() or c in "\n\t" else "\ufffd" for c in expected) + "\n")
    assert "\ufffd[31mred" in shown
    assert "\x1b" not in shown
    assert curate("sample", exported, *arguments).stdout == shown
