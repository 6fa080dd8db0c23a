"""An encoder trained from nothing: it separates what can be, is the same again, and a text's score is its own."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import typer
from typer.testing import CliRunner, Result

from curate.errors import UserError
from curate.models.classifier_cli import classifier
from curate.models.classifier_figures import evaluate
from curate.models.document_classifier import open_classifier
from curate.models.encoder_file import Sizes
from curate.models.encoder_model import Encoder, EncoderModel
from curate.models.registry import card, locate, resolve
from curate.models.train_classifier import settings_of

YES = ["theorem", "proof", "lemma", "integral", "prime", "vector", "matrix"]
NO = ["discount", "shipping", "coupon", "basket", "sale", "newsletter", "offer"]
OTHER = ["house", "river", "people", "water", "street", "morning", "letter", "friend", "table", "window"]
TINY = ["layers=1", "dim=16", "heads=2", "length=24", "epoch=8", "lr=0.01"]


def rows(count: int = 100) -> list[dict[str, Any]]:
    rng = np.random.default_rng(0)

    def text(words: list[str]) -> str:
        return " ".join([*rng.choice(words, 3), *rng.choice(OTHER, 9)][i] for i in rng.permutation(12))

    return [
        {"id": f"{label}-{n}", "text": text(words), "label": label}
        for label, words in (("yes", YES), ("no", NO))
        for n in range(count)
    ]


def write(path: Path, records: list[Any]) -> Path:
    path.write_text("".join(json.dumps(record) + "\n" for record in records), encoding="utf-8")
    return path


def train(folder: Path, labels: Path, *options: str) -> Result:
    app = typer.Typer()
    app.command()(classifier)
    settings = [part for setting in TINY for part in ("--set", setting)]
    words = ["--labels", str(labels), "--name", "maths", "--output", str(folder), "--encoder", "--device", "cpu"]
    return CliRunner().invoke(app, [*words, *settings, *options])


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder with labels.jsonl, and with models/maths."""
    folder = tmp_path_factory.mktemp("encoder")
    done = train(folder / "models", write(folder / "labels.jsonl", rows()))
    assert done.exit_code == 0, done.exception
    (folder / "output.txt").write_text(done.output)
    return folder


def model_of(folder: Path) -> EncoderModel:
    found = open_classifier(folder / "models/maths.safetensors")
    assert isinstance(found, EncoderModel)
    return found


def test_it_separates_and_is_found_by_name_and_its_card_tells(trained: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CURATE_MODELS", str(trained / "models"))
    described = card("maths")
    assert described is not None
    assert locate("maths").name == described["file"] == "maths.safetensors"
    assert described["sha256"] == resolve("maths").sha256
    assert described["kind"] == "transformer encoder classifier: yes or no"
    assert (described["role"], described["labels"], described["positive"]) == ("classifier", ["no", "yes"], "yes")
    assert described["measured"]["roc_auc"] > 0.95
    assert described["parameters"]["tokenizer_sha256"] == resolve("tokenizer-32k").sha256
    assert described["command"].startswith("curate models train classifier --labels labels.jsonl --name maths --set ")
    assert described["command"].endswith(" --encoder")
    model = model_of(trained)
    assert model.distribution("a theorem and its proof of a lemma")["yes"] > 0.8
    assert model.distribution("coupon for shipping, discount sale")["yes"] < 0.2
    assert sum(model.distribution("lemma").values()) == pytest.approx(1, abs=1e-9)
    assert "written: " in (trained / "output.txt").read_text()


def test_the_cards_figures_are_those_of_the_file_on_the_held_out_documents(trained: Path) -> None:
    path = trained / "models/maths.safetensors"
    described = json.loads((trained / "models/maths.card.json").read_text())
    again = evaluate(resolve(str(path)), [trained / "labels.jsonl"])
    assert {key: again[key] for key in described["measured"]} == described["measured"]
    assert again["trained_on"] == sum(described["data"]["trained"].values())
    assert again["documents"] + again["trained_on"] == 200


def test_the_same_documents_give_the_same_bytes_in_any_order_and_another_seed_others(
    trained: Path, tmp_path: Path
) -> None:
    assert train(tmp_path / "models", write(tmp_path / "labels.jsonl", rows()[::-1])).exit_code == 0
    for name in ("maths.safetensors",):
        assert (tmp_path / "models" / name).read_bytes() == (trained / "models" / name).read_bytes()
    done = train(tmp_path / "models", tmp_path / "labels.jsonl", "--overwrite", "--seed", "1")
    assert done.exit_code == 0
    assert (tmp_path / "models/maths.safetensors").read_bytes() != (trained / "models/maths.safetensors").read_bytes()


def test_training_changes_neither_torchs_random_numbers_nor_its_threads(tmp_path: Path) -> None:
    torch.manual_seed(5)
    wanted = torch.rand(3)
    torch.manual_seed(5)
    threads = torch.get_num_threads()
    assert train(tmp_path, write(tmp_path / "labels.jsonl", rows(60)), "--set", "epoch=1").exit_code == 0
    assert torch.equal(torch.rand(3), wanted)
    assert torch.get_num_threads() == threads


def test_a_text_has_one_score_whatever_is_scored_before_and_on_any_number_of_threads(trained: Path) -> None:
    texts = [row["text"] for row in rows(20)] + ["lemma " * 5000, "prime", "sale\n" * 40]
    model = model_of(trained)
    alone = {text: model_of(trained).distribution(text) for text in texts[-5:]}
    assert all(model.distribution(text) == alone[text] for text in texts[::-1] if text in alone)
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        assert all(model.distribution(text) == found for text, found in alone.items())
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(before)


def test_a_long_document_is_the_mean_of_its_first_middle_and_last_window(trained: Path) -> None:
    model = model_of(trained)
    from curate.models.encoder_model import TokenRows

    rows_of: TokenRows = model._rows
    text = " ".join([*YES * 4, *OTHER * 12, *NO * 4])
    tokens = rows_of(text)
    middle = (len(tokens) - 24) // 2
    windows = [tokens[:24], tokens[middle : middle + 24], tokens[-24:]]
    with torch.inference_mode():
        logits = torch.cat([model._network(torch.from_numpy(window)[None]) for window in windows])
    wanted = torch.softmax(logits, 1).mean(0)[1].item()
    assert model.distribution(text)["yes"] == pytest.approx(wanted, abs=1e-5)


def test_what_fills_up_a_window_in_training_changes_no_logit() -> None:
    torch.manual_seed(0)
    network = Encoder(Sizes(layers=2, dim=16, heads=4, length=32, windows=1, ids=50), 3).eval()
    short = torch.randint(51, (1, 9))
    filled = torch.cat([torch.cat([short, torch.randint(51, (1, 11))], 1), torch.randint(51, (1, 20))])
    mask = torch.arange(20)[None, :] < torch.tensor([[9], [20]])
    with torch.inference_mode():
        assert torch.allclose(network(filled, mask)[0], network(short)[0], atol=1e-5)
        assert torch.allclose(network(filled, mask)[1], network(filled[1:])[0], atol=1e-5)


@pytest.mark.parametrize("text", ["", " \n", "\ud800", "a\x00b", "x" * 300_000, "</s> theorem", "<s>", "\U0001f600"])
def test_hostile_text_is_measured(trained: Path, text: str) -> None:
    found = model_of(trained).distribution(text)
    assert found == {} or (set(found) == {"yes", "no"} and all(0 <= value <= 1 for value in found.values()))
    assert (found == {}) or text.strip()


def test_weights_of_16_bits_halve_the_file_and_move_no_score_by_a_hundredth(trained: Path, tmp_path: Path) -> None:
    assert train(tmp_path / "models", trained / "labels.jsonl", "--no-quantize").exit_code == 0
    half, whole = (folder / "models/maths.safetensors" for folder in (trained, tmp_path))
    assert half.stat().st_size < 0.7 * whole.stat().st_size
    for row in rows(20):
        one, two = (open_classifier(path).distribution(row["text"])["yes"] for path in (half, whole))
        assert one == pytest.approx(two, abs=0.01)


def test_a_model_of_the_other_kind_with_its_name_goes_only_when_it_is_overwritten(tmp_path: Path) -> None:
    (tmp_path / "maths.ftz").write_bytes(b"old")
    labels = write(tmp_path / "labels.jsonl", rows(60))
    refused = train(tmp_path, labels)
    assert isinstance(refused.exception, UserError)
    assert "maths.ftz is there" in str(refused.exception)
    assert train(tmp_path, labels, "--overwrite", "--set", "epoch=1").exit_code == 0
    assert not (tmp_path / "maths.ftz").exists()


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--set", "dim=30", "--set", "heads=4"), "no multiple of heads"),
        (("--set", "wordNgrams=2"), "the keys are"),
        (("--set", "length=4"), "from 8 to 2048"),
        (("--set", "minCount=1000"), "no token is in 1000 documents"),
        (("--tokenizer", "nowhere"), "no model 'nowhere'"),
        (("--tokenizer", "quality-en"), "not a tokenizer"),
    ],
)
def test_what_cannot_be_trained_is_one_line_and_leaves_nothing(
    trained: Path, tmp_path: Path, options: tuple[str, ...], said: str
) -> None:
    done = train(tmp_path, trained / "labels.jsonl", *options)
    assert isinstance(done.exception, UserError), done.exception
    assert said in str(done.exception)
    assert not list(tmp_path.iterdir())


def test_without_torch_training_says_what_to_install(
    trained: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("curate.training.extra.find_spec", lambda name: None)
    done = train(tmp_path, trained / "labels.jsonl")
    assert isinstance(done.exception, UserError)
    assert "pip install 'curate[train]'" in str(done.exception)


def test_a_wish_for_the_encoder_alone_is_refused_without_it(tmp_path: Path) -> None:
    app = typer.Typer()
    app.command()(classifier)
    labels = write(tmp_path / "labels.jsonl", rows(60))
    done = CliRunner().invoke(app, ["--labels", str(labels), "--name", "m", "--tokenizer", "tokenizer-32k"])
    assert isinstance(done.exception, UserError)
    assert "--encoder" in str(done.exception)


def test_settings_of_the_encoder_are_its_own() -> None:
    assert settings_of(["dropout=0", "layers=3"], encoder=True)["layers"] == 3
    with pytest.raises(UserError, match=r"dropout is a number from 0 to 0\.9"):
        settings_of(["dropout=1"], encoder=True)


def test_who_has_no_encoder_never_waits_for_torch() -> None:
    code = "import sys, filters.classifiers, curate.models.classifier_cli, curate.models.train_classifier; "
    done = subprocess.run([sys.executable, "-c", code + "sys.exit('torch' in sys.modules)"], timeout=120)
    assert done.returncode == 0
