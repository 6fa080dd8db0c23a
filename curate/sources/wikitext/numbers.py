"""Numbers as each language's Wikipedia writes them: the sign between thousands, and the decimal mark."""

from __future__ import annotations

import re

_DOT_COMMA = "de es it pt nl da hr sr sh bs sl ro el tr id vi gl ca eu is fo mk af az"
_BLANK_COMMA = "fr ru uk be pl cs sk sv no nb nn fi hu bg et lv lt ltg hy ka kk ky uz br oc eo sq"
SEPARATORS: dict[str, tuple[str, str]] = {
    **dict.fromkeys(_DOT_COMMA.split(), (".", ",")),
    **dict.fromkeys(_BLANK_COMMA.split(), ("\u00a0", ",")),
}
_FROM_FIVE = frozenset({"es", "pl", "pt", "bg", "hu", "ca", "gl"})
"""Languages that part thousands only from five digits on."""
_PLAIN = re.compile(r"([+−-]?)([0-9]+)(\.[0-9]*)?")


def with_separators(number: str, language: str) -> str:
    """1234567.5 as 1,234,567.5 or 1.234.567,5; what is no plain number is left as it is."""
    found = _PLAIN.fullmatch(number)
    if found is None:
        return number
    sign, whole, fraction = found.groups()
    thousands, decimal = SEPARATORS.get(language, (",", "."))
    if not (language in _FROM_FIVE and len(whole) < 5):
        first = len(whole) % 3 or 3
        whole = thousands.join([whole[:first], *(whole[at : at + 3] for at in range(first, len(whole), 3))])
    return sign + whole + (decimal + fraction[1:] if fraction else "")


def without_separators(number: str, language: str) -> str:
    """The same back (`{{formatnum:1,234|R}}`)."""
    thousands, decimal = SEPARATORS.get(language, (",", "."))
    return number.replace(thousands, "").replace(decimal, ".")


def parse(text: str) -> float | None:
    """The number an editor wrote ("1,234.5", "−3"), None where it is none."""
    plain = text.strip().replace(",", "").replace("−", "-").replace("\u00a0", "").replace(" ", "")
    if not re.fullmatch(r"[+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]{1,3})?", plain) or len(plain) > 60:
        return None
    return float(plain)
