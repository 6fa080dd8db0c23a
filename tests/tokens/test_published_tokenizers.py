"""Published tokenizers give their own libraries' ids on every text of the test set: SentencePiece's and tiktoken's.

The files are no part of the repository. They are taken from the packages mistral-common (a SentencePiece BPE of 32,000
pieces) and llama-models (Llama-3's tiktoken file) where these are installed, or from the folder CURATE_TOKENIZERS.
"""

from __future__ import annotations

import gzip
import importlib.util
import json
import os
from collections.abc import Iterator
from pathlib import Path

import pytest
import sentencepiece
import tiktoken
import tiktoken.load

from curate.sample.reading import read_texts
from curate.tokens.tiktoken_tokenizer import LLAMA3_PATTERN
from curate.tokens.tokenizer import load_tokenizer
from curate.tokens.well_formed import well_formed

FILES = {
    "sentencepiece": ("sentencepiece-32k.model", "mistral_common", "data/tokenizer.model.v1", "mistral-common"),
    "tiktoken": ("llama3.model", "llama_models", "llama3/tokenizer.model", "llama-models"),
}
HARD = [
    "",
    " ",
    "  two  spaces  ",
    "1234567 3.14",
    "\t\n\r\n",
    "naïve ﬁ Å Å",
    "東京 🧶\u200d👩",
    "\x00\ufffd",
    "a" * 3000,
]


def published(kind: str) -> Path:
    """The file, or a skip that says where it would be looked for."""
    file, module, inside, package = FILES[kind]
    named = os.environ.get("CURATE_TOKENIZERS")
    found = importlib.util.find_spec(module)
    roots = found.submodule_search_locations or [] if found else []
    for path in [*([Path(named) / file] if named else []), *(Path(root) / inside for root in roots)]:
        if path.is_file():
            return path
    pytest.skip(f"no {file}: install {package} or name a folder with it in CURATE_TOKENIZERS")


def texts(real: Path | None) -> Iterator[str]:
    """The sample's texts, hard ones, and of the real data C4's documents."""
    yield from HARD
    yield from ("\n".join(text.paragraphs) for text in read_texts())
    for path in sorted((real / "c4").glob("c4-en-*.json.gz")) if real else []:
        with gzip.open(path, "rt", encoding="utf-8") as lines:
            yield from (str(json.loads(line)["text"]) for line in lines)


@pytest.fixture(scope="module")
def test_set() -> list[str]:
    root = Path(__file__).resolve().parents[2]
    real = Path(os.environ.get("CURATE_REAL_DATA", root.parent / "shared" / "data"))
    return list(texts(real if real.is_dir() else None))


def test_a_published_sentencepiece_model_gives_sentencepieces_ids(test_set: list[str]) -> None:
    path = published("sentencepiece")
    ours, own = load_tokenizer(str(path), "published"), sentencepiece.SentencePieceProcessor(model_file=str(path))
    assert ours.vocab_size == own.get_piece_size() == 32_000
    for text, ids in zip(test_set, ours.encode_batch(test_set), strict=True):
        assert ids.tolist() == own.encode(well_formed(text), out_type=int)


def test_llama_3s_file_gives_tiktokens_ids(test_set: list[str]) -> None:
    path = published("tiktoken")
    ours = load_tokenizer(str(path), "published")
    ranks = tiktoken.load.load_tiktoken_bpe(str(path))
    own = tiktoken.Encoding("llama3", pat_str=LLAMA3_PATTERN, mergeable_ranks=ranks, special_tokens={})
    assert (ours.vocab_size, len(ranks)) == (128_256, 128_000)
    for text, ids in zip(test_set, ours.encode_batch(test_set), strict=True):
        assert ids.tolist() == own.encode_ordinary(well_formed(text))
        assert ours.decode(ids) == well_formed(text)
