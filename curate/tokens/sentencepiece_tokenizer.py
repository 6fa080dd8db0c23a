"""SentencePiece models. Encoding cost is n log n in the length of a text, whatever the text: no guard is needed."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from sentencepiece import SentencePieceProcessor

from curate.tokens.schema import Tokens, token_dtype
from curate.tokens.well_formed import well_formed


class SentencePieceTokenizer:
    """A SentencePiece model under the `Tokenizer` protocol. ValueError for bytes that are not one."""

    def __init__(self, model: bytes, name: str, sha256: str) -> None:
        self._model = SentencePieceProcessor()
        try:
            loaded = bool(model) and self._model.load_from_serialized_proto(model)
        except (RuntimeError, ValueError, OSError):
            loaded = False
        if not loaded or self._model.get_piece_size() < 1:
            raise ValueError("neither a SentencePiece model nor a tiktoken file")
        self.name = name
        self.sha256 = sha256
        self.vocab_size: int = self._model.get_piece_size()
        self.bos_id: int = self._model.bos_id()
        self.eos_id: int = self._model.eos_id()
        self._dtype = token_dtype(self.vocab_size)

    def encode_batch(self, texts: Sequence[str]) -> list[Tokens]:
        # num_threads: the pipeline's own workers use the cores.
        encoded = self._model.encode_as_numpy([well_formed(text) for text in texts], num_threads=1)
        return [ids.astype(self._dtype) for ids in encoded]

    def byte_ids(self) -> frozenset[int]:
        """The pieces that stand for one byte of a character that no piece has; one of ASCII is a whole character."""
        pieces = (token for token in range(self.vocab_size) if self._model.is_byte(token))
        return frozenset(token for token in pieces if int(self._model.id_to_piece(token)[1:-1], 16) >= 0x80)

    def decode(self, ids: Sequence[int] | Tokens) -> str:
        listed = np.asarray(ids, np.int64).tolist()
        if any(not 0 <= token < self.vocab_size for token in listed):
            raise IndexError(f"a token id is outside the vocabulary of {self.vocab_size:,}")
        return str(self._model.decode(listed))
