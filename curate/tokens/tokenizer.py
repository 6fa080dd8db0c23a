"""Tokenizers as the pipeline sees them, and the one door to load either kind.

LLaMA-1 and 2 use a SentencePiece model (BPE, 32,000 pieces, digits split, byte fallback: LLaMA §2.1); Llama-3 a
tiktoken file (128,000 ranks and 256 special tokens).
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Protocol

from curate.errors import UserError
from curate.storage import read_bytes
from curate.tokens.schema import TokenizerLike, Tokens
from curate.tokens.sentencepiece_tokenizer import SentencePieceTokenizer
from curate.tokens.tiktoken_tokenizer import TiktokenTokenizer, is_tiktoken


class Tokenizer(TokenizerLike, Protocol):
    """Text to ids and back. `vocab_size` counts every id, special ones included; `sha256` is of the model file.

    Ids are int arrays in the narrowest type that holds the vocabulary (uint16, or uint32 past 65,536). Any text is
    taken: NULs, lone surrogates (read as U+FFFD), the spelling of a special token (read as plain text, never as that
    token), a megabyte of one letter.
    """

    def encode_batch(self, texts: Sequence[str]) -> list[Tokens]:
        """The ids of each text, without bos and eos."""
        ...

    def byte_ids(self) -> frozenset[int]:
        """The ids of tokens that hold no whole character: what text falls back to that the vocabulary lacks."""
        ...

    def decode(self, ids: Sequence[int] | Tokens) -> str:
        """The text of these ids; special tokens give nothing. IndexError for an id outside the vocabulary."""
        ...


def load_tokenizer(path: str, name: str) -> Tokenizer:
    """Load a SentencePiece model or a tiktoken file, told apart by content.

    name: what the dataset records it as. UserError where the file is missing or neither.
    """
    try:
        data = read_bytes(path)
    except (FileNotFoundError, IsADirectoryError):
        raise UserError(f"tokenizer {name}: there is no file {path}") from None
    sha256 = hashlib.sha256(data).hexdigest()
    kind = TiktokenTokenizer if is_tiktoken(data) else SentencePieceTokenizer
    try:
        return kind(data, name, sha256)
    except ValueError as error:
        raise UserError(f"tokenizer {name}: {path} is not a tokenizer: {error}") from None
