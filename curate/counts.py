"""Numbers of tokens as people write them: 300M, 1.4T."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BeforeValidator, Field

from curate.errors import UserError

_UNITS = {"K": 10**3, "M": 10**6, "B": 10**9, "G": 10**9, "T": 10**12}


def parse_count(value: Any) -> Any:
    """A count from 4194304, "4M" or "1.4T" (powers of 1000); anything else is left for the validator."""
    if isinstance(value, str) and value[-1:].upper() in _UNITS:
        try:
            return round(float(value[:-1].replace("_", "")) * _UNITS[value[-1].upper()])
        except (ValueError, OverflowError):
            return value
    return value


Count = Annotated[int, BeforeValidator(parse_count), Field(ge=1)]


def asked_tokens(text: str, option: str) -> int:
    """The number of tokens that an option of the command line says: 300M, 1.4T. UserError where it says none."""
    try:
        count = int(parse_count(text))
    except ValueError:
        count = 0
    if count < 1:
        raise UserError(f"{option} {text!r}: write a number of tokens, such as 300M or 1.4T")
    return count
