"""What AutoTokenizer reads from an exported folder gives our own tokenizer's ids; spelt-out specials stay text."""

from __future__ import annotations

import io
import random
from pathlib import Path

import numpy as np
import pytest
import sentencepiece
from hypothesis import example, given, settings
from hypothesis import strategies as st
from transformers import AutoTokenizer, PreTrainedTokenizerBase

from curate.errors import UserError
from curate.tokens.tokenizer import Tokenizer, load_tokenizer
from curate.training.config import ModelConfig
from curate.training.export import export_model
from curate.training.model import Llama
from curate.training.tokenizer_json import tokenizer_json
from curate.training.vocabulary import read_vocabulary

SAMPLE = Path(__file__).parents[2] / "curate" / "sample" / "texts"
Both = tuple[Tokenizer, PreTrainedTokenizerBase]
TEXT = st.one_of(
    st.text(st.characters(exclude_categories=("Cs",))),
    st.text(st.sampled_from(" \t\n\r\u00a0\u2581a1.=é東\x00\x1c\x85")),
    st.lists(st.sampled_from(["<s>", "</s>", "<unk>", "<0x0A>", "<|end_of_text|>", " ", "▁", "the", "\n"])).map(
        "".join
    ),
)


def exported(folder: Path, path: Path, delimiters: str = "bos_eos") -> Both:
    ours = load_tokenizer(str(path), "test")
    config = ModelConfig(dim=8, layers=1, heads=1, kv_heads=1, ffn=8, vocab=ours.vocab_size)
    out = folder / f"{path.stem}-{delimiters}"
    export_model(Llama(config).state_dict(), config, str(out), tokenizer=str(path), delimiters=delimiters)
    return ours, AutoTokenizer.from_pretrained(out)


@pytest.fixture(scope="module", params=["sentencepiece", "tiktoken"])
def both(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, tokenizer_file: Path, tiktoken_file: Path
) -> Both:
    path = tokenizer_file if request.param == "sentencepiece" else tiktoken_file
    return exported(tmp_path_factory.mktemp("exported"), path)


def agree(both: Both, text: str) -> None:
    ours, theirs = both
    ids = ours.encode_batch([text])[0].tolist()
    assert theirs.encode(text, add_special_tokens=False) == ids
    assert theirs.encode(text) == [ours.bos_id, *ids]
    assert theirs.decode(theirs.encode(text), skip_special_tokens=True) == ours.decode(ids)


def test_ids_of_every_sample_text_are_the_same(both: Both) -> None:
    files = sorted(SAMPLE.glob("*/*"))
    assert len(files) > 100
    for file in files:
        agree(both, file.read_text(encoding="utf-8"))


@settings(deadline=None, max_examples=300)
@given(TEXT)
@example("")
@example(" ")
@example("  two  spaces ")
@example("1234567 3.14")
@example("don't I'LL")
def test_ids_of_any_text_are_the_same(both: Both, text: str) -> None:
    agree(both, text)


def test_ids_of_runs_are_the_same(both: Both) -> None:
    """Where neighbours overlap, the leftmost goes first."""
    for run in (" ", "a", "=", "-", "\n", "ha", "aab", ". ", "00", "東"):
        for count in [*range(1, 40), 100, 257]:
            agree(both, run * count)
            agree(both, run * count + "x")


def test_a_text_that_spells_a_special_token_stays_text(both: Both) -> None:
    ours, theirs = both
    for name in (theirs.bos_token, theirs.eos_token):
        ids = theirs.encode(f"a{name}b", add_special_tokens=False)
        assert not {ours.bos_id, ours.eos_id} & set(ids)
        assert theirs.decode(ids) == f"a{name}b"
    assert (theirs.bos_token_id, theirs.eos_token_id, len(theirs)) == (ours.bos_id, ours.eos_id, ours.vocab_size)


def test_without_bos_before_documents_a_text_begins_with_none(tmp_path: Path, tokenizer_file: Path) -> None:
    ours, theirs = exported(tmp_path, tokenizer_file, delimiters="eos")
    assert theirs.encode("some words") == ours.encode_batch(["some words"])[0].tolist()
    assert (theirs.bos_token_id, theirs.eos_token_id) == (None, 2)


def trained(**options: object) -> bytes:
    out = io.BytesIO()
    words = ["corpus", "of", "small", "words", "that", "grow", "1234", "into", "longer", "ones"]
    order = random.Random(0)
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=(" ".join(order.choices(words, k=9)) for _ in range(200)),
        model_writer=out,
        num_threads=1,
        minloglevel=2,
        **{
            "model_type": "bpe",
            "vocab_size": 330,
            "byte_fallback": True,
            "normalization_rule_name": "identity",
            "remove_extra_whitespaces": False,
            **options,
        },
    )
    return out.getvalue()


@pytest.mark.parametrize(
    "options",
    [{"add_dummy_prefix": False}, {"byte_fallback": False, "vocab_size": 70}, {"split_digits": True}],
    ids=str,
)
def test_other_bpe_models_give_the_same_ids_too(tmp_path: Path, options: dict[str, object]) -> None:
    path = tmp_path / "other.model"
    path.write_bytes(trained(**options))
    pair = exported(tmp_path, path)
    order = random.Random(1)
    for _ in range(200):
        text = "".join(order.choices(["corpus", " ", "  ", "small", "wo", "1", "23", "é", "\n", "ones"], k=8))
        ids = pair[0].encode_batch([text])[0].tolist()
        assert pair[1].encode(text, add_special_tokens=False) == ids


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"model_type": "unigram", "vocab_size": 300, "hard_vocab_limit": False}, "not BPE"),
        ({"normalization_rule_name": "nfkc"}, "a normal form"),
        ({"remove_extra_whitespaces": True}, "runs of spaces made one"),
        ({"user_defined_symbols": ["<mark>"]}, "defined by the user"),
        ({"treat_whitespace_as_suffix": True}, "spaces that are not marked before"),
    ],
)
def test_a_model_with_rules_that_transformers_has_not_is_refused(options: dict[str, object], message: str) -> None:
    with pytest.raises(UserError, match=message):
        tokenizer_json(read_vocabulary(trained(**options)), 1)


def test_a_vocabulary_is_read_as_sentencepiece_reads_it(tokenizer_file: Path) -> None:
    vocabulary = read_vocabulary(tokenizer_file.read_bytes())
    model = sentencepiece.SentencePieceProcessor(model_file=str(tokenizer_file))
    count = model.get_piece_size()
    assert vocabulary.names == [model.id_to_piece(number) for number in range(count)]
    assert vocabulary.scores == pytest.approx([model.get_score(number) for number in range(count)])
    special = [number for number, content in enumerate(vocabulary.contents) if content is None]
    assert special == [number for number in range(count) if model.is_control(number) or model.is_unknown(number)]
    for number in range(count):
        if model.is_byte(number):
            assert vocabulary.contents[number] == bytes([number - model.piece_to_id("<0x00>")])


@pytest.mark.parametrize("cut", [1, 100, 5_000, -1])
def test_a_model_that_is_cut_is_refused(tokenizer_file: Path, cut: int) -> None:
    with pytest.raises(ValueError, match="SentencePiece"):
        read_vocabulary(tokenizer_file.read_bytes()[:cut])


def test_bytes_of_documents_are_counted_as_they_were(both: Both, tokenizer_file: Path, tiktoken_file: Path) -> None:
    ours = both[0]
    vocabulary = read_vocabulary((tokenizer_file if ours.vocab_size == 32_000 else tiktoken_file).read_bytes())
    texts = [file.read_text(encoding="utf-8") for file in sorted(SAMPLE.glob("*/*"))[::9]] + [" x", "é\x00東", "😀\n\n"]
    encoded = ours.encode_batch(texts)
    count = sum(len(text.encode()) for text in texts)
    for first in ([ours.bos_id], []):
        flat = np.array([ours.eos_id, *(number for ids in encoded for number in [*first, *ids, ours.eos_id])])
        assert vocabulary.text_bytes(flat[:-1], flat[1:]) == count
        cut = len(flat) // 3
        parts = flat[: cut + 1], flat[cut:]
        assert sum(vocabulary.text_bytes(part[:-1], part[1:]) for part in parts) == count
