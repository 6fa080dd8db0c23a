"""What stands in a tokenizer's file: each id's bytes, how pieces merge, and the rules around them.

A SentencePiece model is a protocol buffer, of which the few fields needed are read here: the generated reader that
comes with `sentencepiece` refuses the protobuf runtime that Beam pins.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from curate.tokens.tiktoken_tokenizer import (
    BEGIN_OF_TEXT,
    END_OF_TEXT,
    LLAMA3_SPECIAL_TOKENS,
    is_tiktoken,
    parse_ranks,
)

SPACE = "\u2581"
_BYTE = re.compile(r"<0x([0-9A-F]{2})>")
# sentencepiece_model.proto: ModelProto.SentencePiece.Type, TrainerSpec.ModelType.
NORMAL, UNKNOWN, CONTROL, BYTE = 1, 2, 3, 6
BPE = 2


@dataclass(frozen=True)
class Vocabulary:
    """kind: "sentencepiece" or "tiktoken". Lists are by id.

    names: each id's own name; contents: the bytes it stands for, None for special ones; scores: the higher is merged
    first; prefixed: a text that is not empty is read as if a space stood before it; odd: rules that only SentencePiece
    itself follows, in words.
    """

    kind: str
    names: list[str]
    contents: list[bytes | None]
    scores: list[float]
    prefixed: bool
    byte_fallback: bool
    odd: tuple[str, ...] = ()

    @property
    def byte_lengths(self) -> npt.NDArray[np.int64]:
        """Bytes of text that each id stands for; none for special ones."""
        return np.array([len(content or b"") for content in self.contents], np.int64)

    def text_bytes(self, before: npt.NDArray[Any], ids: npt.NDArray[Any]) -> int:
        """Bytes of text that ids stand for, each with the id before it: after a special one a document begins."""
        special = np.array([content is None for content in self.contents])
        begins = special[before] & ~special[ids]
        return int(self.byte_lengths[ids].sum()) - (int(begins.sum()) if self.prefixed else 0)


def read_vocabulary(data: bytes) -> Vocabulary:
    """Read a SentencePiece model or a tiktoken file, told apart by content; ValueError where it is neither."""
    if not is_tiktoken(data):
        return _sentencepiece(data)
    ranks = parse_ranks(data)
    tokens = sorted(ranks, key=lambda token: ranks[token])
    special = [BEGIN_OF_TEXT, END_OF_TEXT]
    special += [f"<|reserved_special_token_{number}|>" for number in range(LLAMA3_SPECIAL_TOKENS - len(special))]
    return Vocabulary(
        "tiktoken",
        [*(_visible(token) for token in tokens), *special],
        [*tokens, *([None] * len(special))],
        [-float(rank) for rank in range(len(tokens) + len(special))],
        prefixed=False,
        byte_fallback=False,
    )


def _visible(token: bytes) -> str:
    return token.decode("latin-1").translate(_VISIBLE)


# GPT-2's spelling of bytes: printable ones of Latin-1 as they are, the others from U+0100 on.
_PLAIN = {*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)}
_VISIBLE = {byte: 0x100 + number for number, byte in enumerate(b for b in range(256) if b not in _PLAIN)}


def _sentencepiece(data: bytes) -> Vocabulary:
    names: list[str] = []
    contents: list[bytes | None] = []
    scores: list[float] = []
    trainer: dict[int, Any] = {}
    normalizer: dict[int, Any] = {}
    odd: set[str] = set()
    for field, value in _fields(data):
        if field == 1:
            piece = dict(_fields(value))
            name, kind = bytes(piece.get(1, b"")).decode("utf-8"), piece.get(3, NORMAL)
            names.append(name)
            scores.append(struct.unpack("<f", piece[2])[0] if 2 in piece else 0.0)
            byte = _BYTE.fullmatch(name) if kind == BYTE else None
            if kind not in (NORMAL, UNKNOWN, CONTROL, BYTE):
                odd.add("pieces that are unused or defined by the user")
            plain = None if kind in (UNKNOWN, CONTROL) else name.replace(SPACE, " ").encode()
            contents.append(bytes([int(byte[1], 16)]) if byte else plain)
        elif field == 2:
            trainer = dict(_fields(value))
        elif field == 3:
            normalizer = dict(_fields(value))
    if trainer.get(3, 1) != BPE:
        odd.add("a model that is not BPE")
    if normalizer.get(2) or normalizer.get(6):
        odd.add("a normal form")
    if normalizer.get(4, 1):
        odd.add("runs of spaces made one")
    if not normalizer.get(5, 1) or trainer.get(24):
        odd.add("spaces that are not marked before a word")
    return Vocabulary(
        "sentencepiece",
        names,
        contents,
        scores,
        prefixed=bool(normalizer.get(3, 1)),
        byte_fallback=bool(trainer.get(35)),
        odd=tuple(sorted(odd)),
    )


def _fields(data: bytes) -> Iterator[tuple[int, Any]]:
    """(number, value) of a protocol buffer's fields: integers or bytes; ValueError where it is cut, or none."""
    place = 0
    while place < len(data):
        key, place = _varint(data, place)
        number, wire = key >> 3, key & 7
        if wire == 0:
            value, place = _varint(data, place)
            yield number, value
            continue
        if wire == 2:
            size, place = _varint(data, place)
        elif wire in (1, 5):
            size = 8 if wire == 1 else 4
        else:
            raise ValueError("not a SentencePiece model")
        if place + size > len(data):
            raise ValueError("not a whole SentencePiece model")
        yield number, data[place : place + size]
        place += size


def _varint(data: bytes, place: int) -> tuple[int, int]:
    value = 0
    for shift in range(0, 70, 7):
        if place >= len(data):
            break
        byte = data[place]
        place += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, place
    raise ValueError("not a whole SentencePiece model")
