"""Raised and lowered characters as Unicode has them, so that m² and H₂O do not become m2 and 105 out of 10⁵."""

from __future__ import annotations

import re

_UP = str.maketrans("0123456789+-−=()ni", "⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻⁻⁼⁽⁾ⁿⁱ")
_DOWN = str.maketrans("0123456789+-−=()", "₀₁₂₃₄₅₆₇₈₉₊₋₋₌₍₎")
_CAN_RISE = re.compile(r"[0-9+\-−=()]*[0-9ni+\-−][0-9+\-−=()]*")
_CAN_SINK = re.compile(r"[0-9+\-−=()]{1,20}")
_DIGITS = re.compile(r"[0-9]")
_ORDINALS = frozenset("eoardstnhm")


def raised(text: str) -> str:
    """A superscript: in Unicode's signs where it has them, `^x` where the text is no word (19th stays 19th)."""
    if len(text) <= 20 and _CAN_RISE.fullmatch(text):
        return text.translate(_UP)
    if _DIGITS.search(text) or (len(text) == 1 and text.isascii() and text.isalpha() and text not in _ORDINALS):
        return f"^{text}" if len(text) == 1 else f"^({text})" if len(text) <= 40 and " " not in text else text
    return text


def lowered(text: str) -> str:
    """A subscript: in Unicode's signs where it has them, else as it is."""
    return text.translate(_DOWN) if _CAN_SINK.fullmatch(text) else text
