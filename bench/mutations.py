"""Ways to damage a file: each takes bytes and a seeded chance, and gives other bytes."""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Sequence

_NUMBER = re.compile(rb"[0-9]{1,10}")
_LYING = (b"0", b"1", b"-1", b"2147483647", b"4294967295", b"18446744073709551616", b"9" * 400, b"1e9", b"0x10", b"")
_FIELDS = (bytes(4), b"\xff" * 4, b"\x7f\xff\xff\xff", b"\xff\xff\xff\x7f", bytes(8), b"\xff" * 8, b"\x80" + bytes(7))
_ODD_BYTES = (
    b"\x00", b"\x00" * 512, b"\xed\xa0\x80", b"\xed\xb3\xbf", b"\\ud800", b"&#xD800;", b"&#0;", b"&#x110000;", b"\xff",
    b"\xc0\x80", b"\xef\xbb\xbf", b"\xff\xfe", b"\xe2\x80\xa8", b"\xe2\x80\xae", b"\r", b"\x0b\x0c\x1c\x85", b"\x1b[2J",
)  # fmt: skip
"""NUL, surrogates by themselves in UTF-8, JSON and XML, what is no character, overlong forms, marks of order, odd ends
of lines, controls."""

Chance = random.Random
Mutation = Callable[[bytes, Chance, Sequence[bytes]], bytes]


def _span(data: bytes, chance: Chance, most: int = 4096) -> tuple[int, int]:
    start = chance.randrange(len(data) + 1)
    return start, min(len(data), start + chance.randrange(1, most))


def flip_bits(data: bytes, chance: Chance, _: Sequence[bytes]) -> bytes:
    found = bytearray(data)
    for _turn in range(chance.choice((1, 1, 4, 32)) if data else 0):
        found[chance.randrange(len(found))] ^= 1 << chance.randrange(8)
    return bytes(found)


def overwrite(data: bytes, chance: Chance, _: Sequence[bytes]) -> bytes:
    start, end = _span(data, chance, 64)
    return data[:start] + chance.randbytes(end - start) + data[end:]


def cut(data: bytes, chance: Chance, _: Sequence[bytes]) -> bytes:
    return data[: chance.randrange(len(data) + 1)]


def cut_head(data: bytes, chance: Chance, _: Sequence[bytes]) -> bytes:
    return data[chance.randrange(len(data) + 1) :]


def remove(data: bytes, chance: Chance, _: Sequence[bytes]) -> bytes:
    start, end = _span(data, chance)
    return data[:start] + data[end:]


def garbage(data: bytes, chance: Chance, _: Sequence[bytes]) -> bytes:
    at = chance.randrange(len(data) + 1)
    return data[:at] + chance.randbytes(chance.randrange(1, 700)) + data[at:]


def nulls(data: bytes, chance: Chance, _: Sequence[bytes]) -> bytes:
    start, end = _span(data, chance)
    return data[:start] + bytes(end - start) + data[end:]


def repeat_span(data: bytes, chance: Chance, _: Sequence[bytes]) -> bytes:
    start, end = _span(data, chance)
    return data[:end] + data[start:end] * chance.choice((1, 2, 20)) + data[end:]


def concatenate(data: bytes, chance: Chance, others: Sequence[bytes]) -> bytes:
    return data + (chance.choice(others) if others and chance.random() < 0.5 else data)


def splice(data: bytes, chance: Chance, others: Sequence[bytes]) -> bytes:
    other = chance.choice(others) if others else data
    return data[: chance.randrange(len(data) + 1)] + other[chance.randrange(len(other) + 1) :]


def lying_number(data: bytes, chance: Chance, _: Sequence[bytes]) -> bytes:
    """A length, size, date or number in text says something else."""
    found = list(_NUMBER.finditer(data[: 1 << 16]))
    if not found:
        return lying_field(data, chance, ())
    place = chance.choice(found)
    return data[: place.start()] + chance.choice(_LYING) + data[place.end() :]


def lying_field(data: bytes, chance: Chance, _: Sequence[bytes]) -> bytes:
    """A length, size or count in binary says something else."""
    field = chance.choice(_FIELDS)
    at = chance.choice((chance.randrange(len(data) + 1), min(chance.randrange(64), len(data))))
    return data[:at] + field + data[at + len(field) :]


def odd_bytes(data: bytes, chance: Chance, _: Sequence[bytes]) -> bytes:
    for _turn in range(chance.choice((1, 3, 10))):
        at = chance.randrange(len(data) + 1)
        data = data[:at] + chance.choice(_ODD_BYTES) + data[at:]
    return data


MUTATIONS: dict[str, Mutation] = {
    "bits flipped": flip_bits,
    "overwritten": overwrite,
    "cut off": cut,
    "head cut off": cut_head,
    "bytes removed": remove,
    "garbage": garbage,
    "zero bytes": nulls,
    "repeated span": repeat_span,
    "concatenated": concatenate,
    "spliced": splice,
    "lying number": lying_number,
    "lying field": lying_field,
    "odd bytes": odd_bytes,
}


def words_strewn(data: bytes, chance: Chance, words: Sequence[bytes]) -> bytes:
    """The format's own words where they do not belong, some of them many times in a row."""
    for _turn in range(chance.choice((1, 2, 8))):
        at = chance.randrange(len(data) + 1)
        data = data[:at] + chance.choice(words) * chance.choice((1, 1, 3, 300)) + data[at:]
    return data
