"""Finding models by name, path and pin."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest

from curate.errors import UserError
from curate.models.cards import DEFAULT_FOLDER
from curate.models.registry import card, cards, resolve

DEFAULTS = ["kenlm-en", "lid-near", "lid.176", "nsfw-en", "quality-en", "sp-en", "tokenizer-32k", "topic-en"]


@pytest.mark.parametrize("name", DEFAULTS)
def test_every_default_model_is_there_and_is_the_one_its_card_describes(name: str) -> None:
    found = resolve(name)
    described = card(name)
    assert described is not None
    assert (found.name, found.path.name, found.sha256) == (name, described["file"], described["sha256"])
    assert described["bytes"] == found.path.stat().st_size
    assert described["inputs"], "a card names what the model was made from"
    assert described["measured"], "a card says what was measured"


def test_the_default_models_stay_small_enough_to_ship() -> None:
    assert sum(path.stat().st_size for path in DEFAULT_FOLDER.iterdir()) <= 25_000_000


def test_cards_are_listed_by_name() -> None:
    assert [described["name"] for described in cards()] == DEFAULTS


def test_lid_is_shipped_with_its_licence_and_origin() -> None:
    described = card("lid.176") or {}
    assert described["licence"] == "CC-BY-SA-3.0"
    assert "fasttext.cc" in described["attribution"]


def test_a_pin_with_the_right_hash_resolves_and_a_wrong_one_is_refused() -> None:
    right = resolve("sp-en").sha256
    assert resolve(f"sp-en@sha256:{right}").path == resolve("sp-en").path
    wrong = "0" * 64
    with pytest.raises(UserError, match=f"sha256 {right}, but the reference pins {wrong}"):
        resolve(f"sp-en@sha256:{wrong}")


@pytest.mark.parametrize("pin", ["", "abc", "G" * 64, "A" * 64])
def test_a_malformed_pin_is_refused(pin: str) -> None:
    with pytest.raises(UserError, match="64 lower-case hex digits"):
        resolve(f"sp-en@sha256:{pin}")


def test_a_missing_model_is_one_line_that_says_how_to_get_it() -> None:
    with pytest.raises(UserError) as error:
        resolve("kenlm-e")
    message = str(error.value)
    assert "did you mean kenlm-en?" in message
    assert "$CURATE_MODELS" in message
    assert "\n" not in message


def test_a_path_is_taken_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / "own.bin"
    path.write_bytes(b"weights")
    found = resolve(str(path))
    assert (found.path, found.sha256) == (path, hashlib.sha256(b"weights").hexdigest())
    with pytest.raises(UserError, match="no model file"):
        resolve(str(tmp_path / "other.bin"))


def test_a_changed_file_is_hashed_again(tmp_path: Path) -> None:
    path = tmp_path / "own.bin"
    path.write_bytes(b"one")
    first = resolve(str(path)).sha256
    path.write_bytes(b"other")
    assert resolve(str(path)).sha256 == hashlib.sha256(b"other").hexdigest() != first


def test_a_folder_of_ones_own_comes_before_the_package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "quality-en.ftz").write_bytes(b"mine")
    (tmp_path / "kenlm-xx.binary").write_bytes(b"another language")
    monkeypatch.setenv("CURATE_MODELS", str(tmp_path))
    assert resolve("quality-en").path == tmp_path / "quality-en.ftz"
    assert resolve("kenlm-xx").path == tmp_path / "kenlm-xx.binary"
    assert resolve("sp-en").path.parent == DEFAULT_FOLDER


def test_a_card_cannot_point_out_of_its_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    inner = tmp_path / "models"
    inner.mkdir()
    (tmp_path / "outside.bin").write_bytes(b"secret")
    (inner / "x.card.json").write_text(json.dumps({"file": "../outside.bin"}))
    monkeypatch.setenv("CURATE_MODELS", str(inner))
    with pytest.raises(UserError, match="no model 'x'"):
        resolve("x")


@pytest.mark.parametrize("content", ["not json", "[1]"])
def test_a_broken_card_is_a_clear_error(content: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "x.card.json").write_text(content)
    monkeypatch.setenv("CURATE_MODELS", str(tmp_path))
    with pytest.raises(UserError, match="model card"):
        resolve("x")
