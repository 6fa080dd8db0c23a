"""Tokenizers give the ids of their own libraries, for any text, and tell a wrong file in one line.

The real models are not part of the repository: put them where CURATE_TOKENIZERS says (`sentencepiece-32k.model`, any
32,000-piece SentencePiece BPE, e.g. Mistral's first from the mistral-common package; `llama3.model`, Llama-3's
tiktoken file, e.g. from the llama-models package).
"""

from __future__ import annotations

import base64
import os
import random
import re
from pathlib import Path

import numpy as np
import pytest
import regex
import sentencepiece
import tiktoken
from hypothesis import example, given, settings
from hypothesis import strategies as st

from curate.errors import UserError
from curate.tokens.tiktoken_tokenizer import (
    LLAMA3_PATTERN,
    LONG_RUN,
    TiktokenTokenizer,
    split_long_runs,
)
from curate.tokens.tokenizer import Tokenizer, load_tokenizer
from curate.tokens.well_formed import well_formed

DEFAULT = Path(__file__).parents[2] / "curate" / "models" / "default" / "tokenizer-32k.model"

# Bytes, and a few merges that a run of spaces, line breaks and letters can take.
MERGES = [
    b"  ",
    b"    ",
    b"        ",
    b"\n\n",
    b" a",
    b"ab",
    b" ab",
    b"aa",
    b"aaaa",
    b"\t\t",
    b".\n",
    b".\n\n",
    b" .",
    b"12",
]
TINY_RANKS = {token: rank for rank, token in enumerate([bytes([b]) for b in range(256)] + MERGES)}
TINY = b"".join(b"%s %d\n" % (base64.b64encode(token), rank) for token, rank in TINY_RANKS.items())
REFERENCE = tiktoken.Encoding("tiny", pat_str=LLAMA3_PATTERN, mergeable_ranks=TINY_RANKS, special_tokens={})

ANY_TEXT = st.text(st.characters(exclude_categories=()))
HARD_TEXT = st.text(st.sampled_from(" \t\n\r\u00a0\u2003\u0085\u2028\x1c.!ab1é"), max_size=60)


@pytest.fixture(scope="module")
def tiny() -> TiktokenTokenizer:
    return TiktokenTokenizer(TINY, "tiny", "")


def real(name: str) -> Tokenizer:
    path = Path(os.environ.get("CURATE_TOKENIZERS", "")) / name
    if not os.environ.get("CURATE_TOKENIZERS") or not path.is_file():
        pytest.skip(f"CURATE_TOKENIZERS names no folder with {name}")
    return load_tokenizer(str(path), name)


@pytest.fixture(scope="module", params=["trained", "default", "sentencepiece-32k.model", "tiny", "llama3.model"])
def tokenizer(request: pytest.FixtureRequest, sentencepiece_model: Path, tiny: TiktokenTokenizer) -> Tokenizer:
    if request.param == "trained":
        return load_tokenizer(str(sentencepiece_model), "trained")
    if request.param == "default":
        return load_tokenizer(str(DEFAULT), "default")
    return tiny if request.param == "tiny" else real(request.param)


def test_kinds_are_told_apart_by_content(tmp_path: Path, sentencepiece_model: Path) -> None:
    (tmp_path / "a").write_bytes(TINY)
    (tmp_path / "b").write_bytes(sentencepiece_model.read_bytes())
    a, b = load_tokenizer(str(tmp_path / "a"), "one"), load_tokenizer(str(tmp_path / "b"), "two")
    assert (a.name, a.vocab_size, a.bos_id, a.eos_id) == ("one", 270 + 256, 270, 271)
    assert (b.name, b.vocab_size, b.bos_id, b.eos_id) == ("two", 360, 1, 2)
    assert len({a.sha256, b.sha256}) == 2
    assert re.fullmatch("[0-9a-f]{64}", b.sha256)


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"", "neither a SentencePiece model nor a tiktoken file"),
        (b"junk", "neither"),
        (b"\x00" * 100, "neither"),
        (b"\x0a\x03abc", "neither"),
        (b"IQ== 0\n", "lacks a token for some byte"),
        (TINY + b"not a rank\n", "line 271 is not base64"),
        (TINY + b"QUI= 999\n", "ranks are not 0, 1, 2"),
        (TINY + b"A 270\n", "line 271"),
    ],
)
def test_a_file_that_is_no_tokenizer_is_one_line_to_the_user(tmp_path: Path, data: bytes, why: str) -> None:
    (tmp_path / "wrong").write_bytes(data)
    with pytest.raises(UserError, match=why) as caught:
        load_tokenizer(str(tmp_path / "wrong"), "mine")
    assert "\n" not in str(caught.value)


def test_a_cut_sentencepiece_model_is_refused(tmp_path: Path, sentencepiece_model: Path) -> None:
    (tmp_path / "cut").write_bytes(sentencepiece_model.read_bytes()[:-500])
    with pytest.raises(UserError, match="neither"):
        load_tokenizer(str(tmp_path / "cut"), "mine")


def test_a_missing_file_is_one_line_to_the_user(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="there is no file"):
        load_tokenizer(str(tmp_path / "absent"), "mine")


def test_the_default_tokenizer_is_llama1s_kind() -> None:
    model = load_tokenizer(str(DEFAULT), "default")
    assert model.vocab_size == 32_000
    assert model.bos_id != model.eos_id
    # Digits are split and unknown characters fall back to bytes (LLaMA §2.1), so any text comes back.
    assert len(model.encode_batch(["2020"])[0]) - len(model.encode_batch(["202"])[0]) == 1
    text = "2020 naïve ሀሎ \U0001f9ff\x00\n\n  x"
    assert model.decode(model.encode_batch([text])[0]).strip(" ") == text


@given(texts=st.lists(ANY_TEXT, max_size=4))
@example(texts=["", "\ud800", "a\udfff\x00b", "\ud83d\ude00", " ", "\n"])
@settings(deadline=None, max_examples=50)
def test_any_text_encodes_in_the_narrowest_type_within_the_vocabulary(tokenizer: Tokenizer, texts: list[str]) -> None:
    encoded = tokenizer.encode_batch(texts)
    assert len(encoded) == len(texts)
    for text, ids in zip(texts, encoded, strict=True):
        assert ids.dtype == (np.uint16 if tokenizer.vocab_size <= 65_536 else np.uint32)
        assert not set(ids.tolist()) & {tokenizer.bos_id, tokenizer.eos_id}
        assert all(token < tokenizer.vocab_size for token in ids.tolist())
        if text.isascii() and text.isprintable():
            assert tokenizer.decode(ids).strip(" ") == text.strip(" ")


def test_the_spelling_of_a_special_token_is_plain_text(tokenizer: Tokenizer) -> None:
    text = "<s></s><unk><|begin_of_text|><|end_of_text|>"
    ids = tokenizer.encode_batch([text])[0]
    assert not set(ids.tolist()) & {tokenizer.bos_id, tokenizer.eos_id}
    assert tokenizer.decode([tokenizer.bos_id, *ids.tolist(), tokenizer.eos_id]).strip(" ") == text


def test_an_id_outside_the_vocabulary_does_not_decode(tokenizer: Tokenizer) -> None:
    for token in (-1, tokenizer.vocab_size):
        with pytest.raises(IndexError):
            tokenizer.decode([token])


def test_a_text_does_not_depend_on_its_batch(tokenizer: Tokenizer) -> None:
    texts = ["one", "", " two", "trois 3", "四"]
    together = tokenizer.encode_batch(texts)
    alone = [tokenizer.encode_batch([text])[0] for text in texts]
    assert all(np.array_equal(a, b) for a, b in zip(together, alone, strict=True))


@pytest.mark.parametrize("text", ["a", "ab ", "\n", " ", "\t ", "!", "東", "\U0001f600", "7", "\n ", "  a"])
def test_a_megabyte_of_one_thing_encodes(tokenizer: Tokenizer, text: str) -> None:
    whole = (text * (1_100_000 // len(text))) + "."
    assert tokenizer.decode(tokenizer.encode_batch([whole])[0]).strip(" ") == whole.strip(" ")


@given(st.lists(ANY_TEXT.map(well_formed), min_size=1, max_size=4))
@settings(deadline=None, max_examples=50)
def test_sentencepiece_ids_are_sentencepieces_own(sentencepiece_model: Path, texts: list[str]) -> None:
    own = sentencepiece.SentencePieceProcessor(model_file=str(sentencepiece_model))
    ids = load_tokenizer(str(sentencepiece_model), "t").encode_batch(texts)
    assert [i.tolist() for i in ids] == [own.encode(text, out_type=int) for text in texts]


@given(st.one_of(ANY_TEXT, HARD_TEXT))
@settings(deadline=None)
def test_tiktoken_ids_are_tiktokens_own(tiny: TiktokenTokenizer, text: str) -> None:
    assert tiny.encode_batch([text])[0].tolist() == REFERENCE.encode_ordinary(text)


@given(HARD_TEXT, st.integers(1, 4))
@example(" \n   \n   a", 2)
@example(".\n\n    ", 2)
@settings(deadline=None, max_examples=500)
def test_taking_long_runs_out_leaves_the_patterns_pieces_as_they_were(text: str, longest: int) -> None:
    parts = list(split_long_runs(text, longest))
    assert "".join(part for part, _ in parts) == text
    # Another engine for the same pattern; its \s has the same characters as tiktoken's but for U+001C..U+001F.
    pattern = regex.compile(LLAMA3_PATTERN.replace(r"\s", r"\p{White_Space}").replace(r"\S", r"\P{White_Space}"))
    cut = [piece for part, blank in parts for piece in ([part] if blank else pattern.findall(part))]
    assert cut == pattern.findall(text)


@pytest.mark.parametrize(
    "around", [("", ""), ("a", "a"), (".", "."), (".\n\n", "1"), ("\n", ""), ("é ", "\n"), ("", "\n\na")]
)
@pytest.mark.parametrize("length", [LONG_RUN - 1, LONG_RUN, LONG_RUN + 1, LONG_RUN + 2])
def test_ids_around_a_long_run_are_tiktokens_own(tiny: TiktokenTokenizer, around: tuple[str, str], length: int) -> None:
    text = around[0] + " " * length + around[1]
    assert tiny.encode_batch([text])[0].tolist() == REFERENCE.encode_ordinary(text)


def test_llama3_has_its_published_ids() -> None:
    model = real("llama3.model")
    assert (model.vocab_size, model.bos_id, model.eos_id) == (128_256, 128_000, 128_001)
    assert model.sha256 == "82e9d31979e92ab929cd544440f129d9ecd797b69e327f80f17e1c50d5551b55"
    assert model.encode_batch(["Hello world"])[0].tolist() == [9906, 1917]


def test_llama3_ids_are_tiktokens_own_on_long_mixed_text() -> None:
    model = real("llama3.model")
    assert isinstance(model, TiktokenTokenizer)
    rng = random.Random(0)
    text = "".join(
        rng.choice([" ", "\n", "word", "don't", "123456", "é東", "!?", " " * 50, "\t"]) for _ in range(50_000)
    )
    assert len(text) > LONG_RUN
    assert model.encode_batch([text])[0].tolist() == model._encoding.encode_ordinary(text)


@pytest.mark.parametrize(
    ("text", "read"),
    [
        ("a\ud800b", "a\ufffdb"),
        ("\ud83d\ude00", "\U0001f600"),
        ("\udc00\ud800", "\ufffd\ufffd"),
        ("\ufeffa\0", "\ufeffa\0"),
    ],
)
def test_surrogates_are_joined_or_replaced(text: str, read: str) -> None:
    assert well_formed(text) == read
