"""A classifier trained from scratch tells its labels apart, is the same every time, and replaces another whole."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from curate.errors import UserError
from curate.models.cards import card_path, write_card
from curate.models.fasttext_model import FastTextModel, one_line
from curate.models.registry import card, resolve
from curate.models.supervised import chunks, fit, operating_point, probabilities, roc_auc, staged, train_classifier

NOUNS = ("harbour", "bridge", "keeper", "lantern", "ferry", "window", "garden", "letter", "engine", "river")
SETTINGS: dict[str, Any] = {"dim": 4, "epoch": 5, "lr": 0.5, "bucket": 1000, "wordNgrams": 2, "minCount": 1}


def examples() -> list[tuple[str, str]]:
    rng = random.Random(3)
    pools = {"wiki": NOUNS, "cc": ("buy", "cheap", "click", "deal", "sale", "offer", "free")}
    return [(label, " ".join(rng.choices(pool, k=12))) for _ in range(300) for label, pool in pools.items()]


@pytest.mark.parametrize("quantize", [False, True])
def test_a_trained_model_tells_its_labels_apart_and_is_the_same_each_time(tmp_path: Path, quantize: bool) -> None:
    paths = [tmp_path / "one.bin", tmp_path / "two.bin"]
    for path in paths:
        train_classifier(examples(), path, quantize=quantize, **SETTINGS)
    assert paths[0].read_bytes() == paths[1].read_bytes()
    model = FastTextModel(paths[0])
    assert model.labels() == {"wiki", "cc"}
    good, bad = probabilities(model, ["harbour\nbridge keeper", "buy cheap\ndeal"], "wiki")
    assert good > 0.5 > bad


def test_what_fasttext_cannot_train_is_one_line_that_says_what_to_do(tmp_path: Path) -> None:
    few = [("wiki", "harbour"), ("cc", "sale")]
    with pytest.raises(UserError, match=r"fastText cannot train this: .*--no-quantize") as told:
        fit(few, tmp_path / "m.ftz", quantize=True, seed=0, **SETTINGS | {"bucket": 1})
    assert "\n" not in str(told.value)
    with pytest.raises(UserError, match="fastText cannot train this"):
        fit(few, tmp_path / "m.bin", quantize=False, seed=0, **SETTINGS | {"lr": 1e9, "epoch": 50})
    fit(few, tmp_path / "m.bin", quantize=False, seed=0, **SETTINGS)
    assert FastTextModel(tmp_path / "m.bin").labels() == {"wiki", "cc"}


def test_a_training_that_fails_leaves_the_model_and_card_that_were_there(tmp_path: Path) -> None:
    model = tmp_path / "m.bin"
    for path in (model, card_path(model)):
        path.write_text("before")

    def fails() -> None:
        with staged(model) as made:
            made.write_text("half")
            raise UserError("no")

    with pytest.raises(UserError):
        fails()
    assert {path.name: path.read_text() for path in tmp_path.iterdir()} == {"m.bin": "before", "m.card.json": "before"}
    with staged(model) as made:
        made.write_text("after")
        assert model.read_text() == "before"
    assert {path.name: path.read_text() for path in tmp_path.iterdir()} == {"m.bin": "after"}, "no card of another"


@pytest.mark.parametrize("text", ["a\nb", "a\x00b", "\ud800", "\ud83d\ude00"])
def test_a_text_is_one_valid_line(text: str) -> None:
    line = one_line(text)
    assert not set(line) & {"\n", "\x00"}
    line.encode()


SCORES = st.lists(st.sampled_from([0.0, 0.1, 0.25, 0.5, 0.5001, 1.0]), min_size=1, max_size=20)


@given(SCORES, SCORES)
def test_roc_auc_counts_pairs_and_ties_half(positive: list[float], negative: list[float]) -> None:
    pairs = [(p > n) + 0.5 * (p == n) for p in positive for n in negative]
    assert roc_auc(positive, negative) == pytest.approx(sum(pairs) / len(pairs))


def test_an_operating_point_counts_scores_at_the_threshold_as_positive() -> None:
    assert operating_point([0.5, 0.2], [0.5, 0.1, 0.0, 0.0], 0.5) == {
        "threshold": 0.5,
        "precision": 0.5,
        "recall": 0.5,
        "false_positive_rate": 0.25,
    }


@given(st.lists(st.text("ab cd", max_size=50), max_size=30), st.integers(2, 60))
def test_chunks_are_of_about_their_size_and_lose_only_a_short_rest(lines: list[str], size: int) -> None:
    found = chunks("\n".join(lines), size)
    assert all(size <= len(chunk) + 1 < 2 * size + 1 for chunk in found[:-1])
    words = "".join("".join(lines).split())
    kept = "".join("".join(found).split())
    assert words.startswith(kept)
    assert len(words) - len(kept) <= size // 2


def test_a_card_is_found_by_the_models_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "mine.bin").write_bytes(b"weights")
    write_card(
        tmp_path / "mine.bin", kind="x", languages=[], parameters={}, data={}, inputs={}, measured={"auc": 0.5}, extra=1
    )
    monkeypatch.setenv("CURATE_MODELS", str(tmp_path))
    described = card("mine@sha256:" + "0" * 64)
    assert described is not None
    assert described["sha256"] == resolve("mine").sha256
    assert described["extra"] == 1
