"""CCNet's perplexity, against the formula written out with kenlm and sentencepiece; and which pieces a model has."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import unicodedata
from pathlib import Path

import kenlm
import pytest
import sentencepiece
from hypothesis import given, settings
from hypothesis import strategies as st

from curate.errors import UserError
from curate.models.perplexity import PerplexityModel, card_beside, described, open_model, pieces_of
from curate.models.registry import resolve
from curate.models.texts import read_texts
from curate.text.ccnet import PUNCTUATION

REAL = Path(os.environ.get("CURATE_REAL_DATA") or Path(__file__).parents[2].parent / "shared" / "data")


def published(line: str) -> str:
    """cc_net `text_normalizer.normalize` with its defaults, a character at a time."""
    plain = [c for c in unicodedata.normalize("NFD", line.strip().lower()) if unicodedata.category(c) != "Mn"]
    zeroed = ["0" if unicodedata.category(c) == "Nd" else c for c in plain]
    marked = [PUNCTUATION.get(c, c) for c in zeroed]
    return "".join(c for mark in marked for c in mark if not (ord(c) < 32 or 127 <= ord(c) < 160))


class Published:
    """cc_net `perplexity.py`: SentencePiece pieces of a line joined by spaces, `kenlm`'s score, 10^(-sum/length)."""

    def __init__(self, tokenizer: Path, model: Path) -> None:
        self.pieces = sentencepiece.SentencePieceProcessor(model_file=str(tokenizer))
        self.model = kenlm.Model(str(model))

    def __call__(self, text: str) -> float | None:
        total, length = 0.0, 0
        for line in text.split("\n"):
            normal = published(line)
            if normal.strip():
                pieces = self.pieces.encode(normal, out_type=str)
                total += self.model.score(" ".join(pieces))
                length += len(pieces) + 1
        return float(10.0 ** (-total / length)) if length else None


@pytest.fixture(scope="module")
def both() -> tuple[PerplexityModel, Published]:
    pieces, model = resolve("sp-en").path, resolve("kenlm-en").path
    return PerplexityModel(pieces, model), Published(pieces, model)


WORDS = st.text(st.sampled_from("abcdehilnorstuéßñ ABC019 .,-'“”…—？（）%日本\t\n"), max_size=300)


@given(WORDS)
@settings(max_examples=300, deadline=None)
def test_any_text_has_the_perplexity_of_the_published_formula(
    both: tuple[PerplexityModel, Published], text: str
) -> None:
    ours, theirs = both[0].exact(text), both[1](text)
    assert (ours is None) == (theirs is None)
    assert ours is None or ours == pytest.approx(theirs, rel=1e-6)


@pytest.mark.realdata
def test_real_pages_have_the_perplexity_of_the_published_formula(both: tuple[PerplexityModel, Published]) -> None:
    if not (REAL / "cc").is_dir():
        pytest.skip("no real crawl pages (CURATE_REAL_DATA)")
    compared = 0
    for page in read_texts([REAL / "cc"]):
        ours, theirs = both[0].exact(page.text), both[1](page.text)
        assert (ours is None) == (theirs is None), page.key
        assert ours is None or ours == pytest.approx(theirs, rel=1e-6), page.key
        compared += ours is not None
    assert compared > 500


def test_the_card_names_the_pieces_and_another_file_of_that_name_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copy(resolve("kenlm-en").path, tmp_path / "mine.binary")
    shutil.copy(resolve("sp-en").path, tmp_path / "its-pieces.model")
    sha256 = hashlib.sha256((tmp_path / "its-pieces.model").read_bytes()).hexdigest()
    pieces = {"name": "its-pieces", "file": "its-pieces.model", "sha256": sha256}
    (tmp_path / "mine.card.json").write_text(json.dumps({"file": "mine.binary", "pieces": pieces}))
    monkeypatch.setenv("CURATE_MODELS", str(tmp_path))
    path = str(tmp_path / "mine.binary")
    assert pieces_of("mine") == "its-pieces"
    assert pieces_of(path) == str(tmp_path / "its-pieces.model")
    assert described(path) == described("mine@sha256:" + "0" * 64)
    assert open_model("mine")("One line of text.") == open_model(path)("One line of text.")
    with (tmp_path / "its-pieces.model").open("ab") as out:
        out.write(b"\x00")
    with pytest.raises(UserError, match="was made over SentencePiece pieces with sha256"):
        open_model("mine")


@pytest.mark.parametrize(
    ("model", "pieces"),
    [
        ("ccnet-kenlm-fr", "ccnet-sp-fr"),
        ("kenlm-pt", "sp-pt"),
        (f"kenlm-pt@sha256:{'0' * 64}", "sp-pt"),
        ("/m/kenlm-pt.binary", "/m/sp-pt.model"),
        ("/m/ccnet-kenlm-fr.arpa.bin", "/m/ccnet-sp-fr.model"),
        ("/m/fr.arpa.bin", "/m/fr.sp.model"),
    ],
)
def test_without_a_card_the_name_says_which_pieces(model: str, pieces: str) -> None:
    assert pieces_of(model) == pieces


def test_a_name_that_says_nothing_is_an_error_that_asks_for_the_tokenizer() -> None:
    with pytest.raises(UserError, match="give `tokenizer`"):
        pieces_of("my-model")


def test_a_card_lies_beside_its_model_whatever_its_suffix() -> None:
    names = ("fr.arpa.bin", "fr.binary", "fr.bin", "fr.klm")
    assert {card_beside(Path("/m") / name) for name in names} == {Path("/m/fr.card.json")}
