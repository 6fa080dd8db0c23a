"""tiktoken files, read as Llama-3's: its split pattern, and its 256 special tokens after the ranks.

tiktoken merges long pieces in n log n, but its pattern engine keeps a state for each character of a run of spaces
and panics past about a million. Such runs are taken out first, which leaves the ids as they would have been.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Iterator, Sequence
from functools import cached_property

import numpy as np
import tiktoken

from curate.tokens.schema import Tokens, token_dtype
from curate.tokens.well_formed import well_formed

# Llama-3 reference tokenizer: the split pattern, and special tokens numbered from the end of the ranks.
LLAMA3_PATTERN = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)"
    r"|[^\r\n\p{L}\p{N}]?\p{L}+"
    r"|\p{N}{1,3}"
    r"| ?[^\s\p{L}\p{N}]+[\r\n]*"
    r"|\s*[\r\n]+"
    r"|\s+(?!\S)"
    r"|\s+"
)
LLAMA3_SPECIAL_TOKENS = 256
BEGIN_OF_TEXT = "<|begin_of_text|>"  # the first: 128,000 in Llama-3's own file
END_OF_TEXT = "<|end_of_text|>"  # the second: 128,001

# Runs of white space longer than this are taken out; the engine gives up at about ten times as much.
LONG_RUN = 100_000

# The pattern's \s without \r and \n. Python's own \s also has U+001C..U+001F, which the pattern's has not.
_BLANK_RUN = re.compile("[\t\v\f \x85\xa0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000]+")

_LINE = re.compile(rb"[A-Za-z0-9+/]+={0,2} [0-9]{1,9}")


def is_tiktoken(data: bytes) -> bool:
    """Whether the first line is base64, a space and a rank."""
    return _LINE.fullmatch(data[:4096].split(b"\n", 1)[0].rstrip(b"\r")) is not None


def parse_ranks(data: bytes) -> dict[bytes, int]:
    """The ranks of a tiktoken file; ValueError unless they are 0..n-1, each once, every single byte among them."""
    ranks: dict[bytes, int] = {}
    for number, line in enumerate(data.splitlines(), 1):
        if not line:
            continue
        if not _LINE.fullmatch(line):
            raise ValueError(f"line {number} is not base64, a space and a rank")
        token, rank = line.split(b" ")
        try:
            ranks[base64.b64decode(token, validate=True)] = int(rank)
        except binascii.Error as error:
            raise ValueError(f"line {number}: {error}") from None
    if sorted(ranks.values()) != list(range(len(ranks))):
        raise ValueError("its ranks are not 0, 1, 2, … each once")
    if any(bytes([byte]) not in ranks for byte in range(256)):
        raise ValueError("it lacks a token for some byte")
    return ranks


class TiktokenTokenizer:
    """A tiktoken file under the `Tokenizer` protocol. ValueError for bytes that are not one."""

    def __init__(self, data: bytes, name: str, sha256: str) -> None:
        self._ranks = parse_ranks(data)
        self.name = name
        self.sha256 = sha256
        self.bos_id = len(self._ranks)
        self.eos_id = len(self._ranks) + 1
        self.vocab_size = len(self._ranks) + LLAMA3_SPECIAL_TOKENS
        self._dtype = token_dtype(self.vocab_size)
        self._encoding = tiktoken.Encoding(
            name,
            pat_str=LLAMA3_PATTERN,
            mergeable_ranks=self._ranks,
            special_tokens={BEGIN_OF_TEXT: self.bos_id, END_OF_TEXT: self.eos_id},
        )

    @cached_property
    def _one_piece(self) -> tiktoken.Encoding:
        """The same merges without a split: what tiktoken does with a piece that the pattern has cut."""
        return tiktoken.Encoding(self.name, pat_str=r"(?s:.+)", mergeable_ranks=self._ranks, special_tokens={})

    def encode_batch(self, texts: Sequence[str]) -> list[Tokens]:
        return [self._encode(well_formed(text)).astype(self._dtype) for text in texts]

    def _encode(self, text: str) -> Tokens:
        if len(text) <= LONG_RUN:
            return self._encoding.encode_to_numpy(text, disallowed_special=())
        pieces = [
            (self._one_piece if blank else self._encoding).encode_to_numpy(piece, disallowed_special=())
            for piece, blank in split_long_runs(text)
        ]
        return np.concatenate(pieces)

    def byte_ids(self) -> frozenset[int]:
        """The tokens that begin or end within a character: bytes that are not UTF-8 by themselves."""
        return frozenset(rank for token, rank in self._ranks.items() if not _is_utf8(token))

    def decode(self, ids: Sequence[int] | Tokens) -> str:
        listed = np.asarray(ids, np.int64).tolist()
        if any(not 0 <= token < self.vocab_size for token in listed):
            raise IndexError(f"a token id is outside the vocabulary of {self.vocab_size:,}")
        return self._encoding.decode([token for token in listed if token < len(self._ranks)])


def _is_utf8(token: bytes) -> bool:
    try:
        token.decode()
    except UnicodeDecodeError:
        return False
    return True


def split_long_runs(text: str, longest: int = LONG_RUN) -> Iterator[tuple[str, bool]]:
    r"""Cut `text` where the Llama-3 pattern cuts it too, so that no long run of blanks is left to the engine.

    Yields (piece, whether it is one piece of the pattern). A run of blanks after the last line break of its white
    space is one piece by `\s+(?!\S)`: whole at the end of the text, else without its last character, which may begin
    the next piece. A run before a line break goes with it by `\s*[\r\n]+`, which needs no state for each character.
    """
    start = 0
    for run in _BLANK_RUN.finditer(text):
        first, end = run.span()
        if end - first <= longest or (end < len(text) and text[end] in "\r\n"):
            continue
        if end < len(text):
            end -= 1
        if first > start:
            yield text[start:first], False
        yield text[first:end], True
        start = end
    if start < len(text):
        yield text[start:], False
