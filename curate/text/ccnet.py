"""CCNet's two normal forms and its line hash (Wenzek et al. 2019; cc_net `text_normalizer.py`, `dedup.py`).

The forms are defined a line at a time; here a whole text is turned at once. Between the lines stands "\\n", which no
step looks across or produces, so the result is the same, and the cost is that of a few passes over an array of code
points (0.1 ms for a page of 6,000 characters and 80 lines, most of it SHA-1).
"""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from functools import cache
from hashlib import sha1

import numpy as np
from numpy.typing import NDArray

# The 34 marks of cc_net's table with what the language model's form writes for each. U+FF11 (full-width 1) is in the
# published table by a slip, as a quote; both forms turn digits into 0 before they look at marks, so it never acts.
PUNCTUATION = {
    "\uff0c": ",",
    "\u3002": ".",
    "\u3001": ",",
    "\u201e": '"',
    "\u201d": '"',
    "\u201c": '"',
    "\u00ab": '"',
    "\u00bb": '"',
    "\uff11": '"',
    "\u300d": '"',
    "\u300c": '"',
    "\u300a": '"',
    "\u300b": '"',
    "\u00b4": "'",
    "\u2236": ":",
    "\uff1a": ":",
    "\uff1f": "?",
    "\uff01": "!",
    "\uff08": "(",
    "\uff09": ")",
    "\uff1b": ";",
    "\u2013": "-",
    "\u2014": " - ",
    "\uff0e": ". ",
    "\uff5e": "~",
    "\u2019": "'",
    "\u2026": "...",
    "\u2501": "-",
    "\u3008": "<",
    "\u3009": ">",
    "\u3010": "[",
    "\u3011": "]",
    "\uff05": "%",
    "\u25ba": "-",
}
CONTROLS = (*range(32), *range(127, 160))

_NEWLINE = 10
_MAPPED = 0x20000  # every digit, mark and combining mark but those of U+E0100..E01EF lies below
_DELETED = 0x7FFFFFFF


def normalize_for_dedup(line: str, accents: bool = False) -> str:
    """The form of a line that is hashed: stripped, lower case, digits 0, the 34 marks and control characters gone.

    accents=True also removes accents, as the paper says and cc_net's code does not.
    """
    return "".join(_for_dedup([line], accents))


def line_hashes(lines: Sequence[str], accents: bool = False) -> NDArray[np.uint64]:
    """CCNet's hash of every line, shape (len(lines),): SHA-1 of the normal form, first 8 bytes, little-endian."""
    forms = _for_dedup(lines, accents)
    joined = "\n".join(forms).encode("utf-8", "surrogatepass").split(b"\n") if forms else []
    digests = b"".join([sha1(form, usedforsecurity=False).digest()[:8] for form in joined])
    return np.frombuffer(digests, dtype="<u8").astype(np.uint64, copy=False)


def normalize_for_model(line: str) -> str:
    """The form of a line that the language model reads (`normalize` with cc_net's defaults).

    Stripped, lower case, accents removed (canonical decomposition without nonspacing marks), digits 0, the 34 marks
    in ASCII, control characters gone.
    """
    return "".join(lines_for_model([line]))


def lines_for_model(lines: Sequence[str]) -> list[str]:
    """`normalize_for_model` of every line."""
    text = _joined(lines)
    if text is None:
        return [normalize_for_model(part) for part in _without_newlines(lines)]
    if text.isascii():
        return _split(_ascii(text), lines)
    text = unicodedata.normalize("NFD", text)
    points = _mapped(text, _model_table())
    result = _text(points)
    for mark, written in PUNCTUATION.items():
        if len(written) > 1:
            result = result.replace(mark, written)
    return _split(result, lines)


def _for_dedup(lines: Sequence[str], accents: bool) -> list[str]:
    text = _joined(lines)
    if text is None:
        return [form for part in _without_newlines(lines) for form in _for_dedup([part], accents)]
    if text.isascii():
        return _split(_ascii(text), lines)
    if accents:
        text = unicodedata.normalize("NFD", text)
    return _split(_text(_mapped(text, _dedup_table(accents))), lines)


def _joined(lines: Sequence[str]) -> str | None:
    """Stripped lower-case lines joined by newlines, or None when one of them holds a newline itself."""
    text = "\n".join([line.strip() for line in lines]).lower()
    return None if text.count("\n") > max(len(lines) - 1, 0) else text


def _without_newlines(lines: Sequence[str]) -> list[str]:
    # A newline inside a line is a control character like another: it goes, once the line is stripped and lowered.
    return [line.strip().lower().replace("\n", "") for line in lines]


def _split(text: str, lines: Sequence[str]) -> list[str]:
    return text.split("\n") if lines else []


_ASCII_DIGITS = bytes(ord("0") if chr(point).isdigit() else point for point in range(128)) + bytes(range(128, 256))
_ASCII_CONTROLS = bytes(point for point in CONTROLS if point < 128 and point != _NEWLINE)


def _ascii(text: str) -> str:
    return text.encode("ascii").translate(_ASCII_DIGITS, _ASCII_CONTROLS).decode("ascii")


def _mapped(text: str, table: NDArray[np.uint32]) -> NDArray[np.uint32]:
    points = np.frombuffer(text.encode("utf-32-le", "surrogatepass"), dtype="<u4")
    if points.max() < _MAPPED:
        mapped = table[points]
    else:
        mapped = np.where(points < _MAPPED, table[np.minimum(points, _MAPPED - 1)], points)
        if table[0x0301] == _DELETED:
            mapped[(points >= 0xE0100) & (points <= 0xE01EF)] = _DELETED
    kept: NDArray[np.uint32] = mapped[mapped != _DELETED]
    return kept


def _text(points: NDArray[np.uint32]) -> str:
    return points.astype("<u4", copy=False).tobytes().decode("utf-32-le", "surrogatepass")


@cache
def _table() -> NDArray[np.uint32]:
    table = np.arange(_MAPPED, dtype=np.uint32)
    table[[point for point in range(_MAPPED) if chr(point).isdecimal()]] = ord("0")
    table[[point for point in CONTROLS if point != _NEWLINE]] = _DELETED
    return table


@cache
def _dedup_table(accents: bool) -> NDArray[np.uint32]:
    table = (_without_accents() if accents else _table()).copy()
    table[[ord(mark) for mark in PUNCTUATION if not mark.isdecimal()]] = _DELETED
    return table


@cache
def _model_table() -> NDArray[np.uint32]:
    table = _without_accents().copy()
    for mark, written in PUNCTUATION.items():
        if len(written) == 1 and not mark.isdecimal():
            table[ord(mark)] = ord(written)
    return table


@cache
def _without_accents() -> NDArray[np.uint32]:
    table = _table().copy()
    table[[point for point in range(_MAPPED) if unicodedata.category(chr(point)) == "Mn"]] = _DELETED
    return table
