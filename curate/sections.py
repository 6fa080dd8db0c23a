"""What sections of a manifest are made of, and the one that every source extends (imports run one way: the manifest
knows its sources, a source only this)."""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

_UNITS = {"b": 1, "kb": 1 << 10, "mb": 1 << 20, "gb": 1 << 30}


def parse_bytes(value: Any) -> Any:
    """A number of bytes from 65536, "64KB" or "64 MB" (powers of 1024); anything else is left for the validator."""
    if isinstance(value, str):
        text = value.strip().lower().replace(" ", "").replace("_", "")
        for unit in sorted(_UNITS, key=len, reverse=True):
            if text.endswith(unit) and text[: -len(unit)].isdigit():
                return int(text[: -len(unit)]) * _UNITS[unit]
    return value


Bytes = Annotated[int, BeforeValidator(parse_bytes), Field(gt=0)]


class Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class ExtractSection(Section):
    """How raw input becomes documents: what every source has; each has settings of its own beside it."""

    range_bytes: Bytes = 32 << 20
    """Input is split into pieces of about this many (stored) bytes, and smaller files are put together: the unit of
    work and of resume."""

    def files(self) -> list[tuple[str, str]]:
        """(key, path) of every file that these settings name: a build depends on what they hold."""
        return []


def nearest(word: str, known: Sequence[str]) -> str:
    """` (did you mean X?)`, or the known names where none is near."""
    close = difflib.get_close_matches(word, known, n=1, cutoff=0.5)
    return f" (did you mean {close[0]!r}?)" if close else f" (known: {', '.join(sorted(known))})" if known else ""
