"""Take secrets out of what is printed or kept: passwords and queries of URLs, values of options that hold keys.

An address may carry a user name and password, or a signature in its query; options of runners and object stores carry
keys. None of these belongs in a log, a report or a manifest that is handed on.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Mapping
from typing import Any

MARK = "…"
"""What stands where something was taken out."""

_USER = re.compile(r"(?i)\b([a-z][a-z0-9+.-]{1,20}://)[^\s/?#'\"<>]{1,2000}@")
_QUERY = re.compile(r"(?i)\b([a-z][a-z0-9+.-]{1,20}://[^\s?'\"<>]{1,4000})\?[^\s'\"<>#]+")
_NAMES = "secret|passw(?:or)?d|passphrase|token|credential|api_?key|access_?key|private_?key|signature|authorization"
_OPTION = re.compile(rf"(?i)(--?[\w.-]{{0,80}}(?:{_NAMES})[\w.-]{{0,80}})(=|\s+)('[^'\n]*'|\"[^\"\n]*\"|[^\s'\",\]]+)")
_NOT_SECRET = re.compile(r"(?i)tokeniz")


def hidden(text: str) -> str:
    """The text without what is secret in it: `scheme://user:password@`, queries of URLs, values of `--…secret…=`.

    A fixed point: hiding twice changes nothing.
    """
    if "://" in text:
        text = _QUERY.sub(rf"\1?{MARK}", _USER.sub(r"\1", text))
    if "-" in text:
        text = _OPTION.sub(_without_value, text)
    return text


class HidingFormatter(logging.Formatter):
    """Formats log records, tracebacks included, without what is secret in them."""

    def format(self, record: logging.LogRecord) -> str:
        return hidden(super().format(record))


def _without_value(option: re.Match[str]) -> str:
    return option[0] if _NOT_SECRET.search(option[1]) else f"{option[1]}{option[2]}{MARK}"


def hidden_in(value: Any) -> Any:
    """A JSON value with every string in it, keys apart, as `hidden` leaves it."""
    if isinstance(value, str):
        return hidden(value)
    if isinstance(value, Mapping):
        return {key: hidden_in(inner) for key, inner in value.items()}
    return [hidden_in(inner) for inner in value] if isinstance(value, list | tuple) else value
