"""Crawled text made fit to be shown: what cannot be seen and moves what can is taken out. Escaping comes after."""

from __future__ import annotations

import re

_GONE = re.compile(
    "["
    "\x00-\x08\x0b-\x1f\x7f-\x9f"  # control characters but tab and newline
    "\u061c\u200e\u200f\u202a-\u202e\u2066-\u206f"  # marks that turn the direction of what follows
    "\ufeff\ufff9-\ufffb\U000e0000-\U000e007f"  # byte order mark, interlinear annotation, tags
    "\ufdd0-\ufdef" + "".join(chr(plane << 16 | 0xFFFE) + chr(plane << 16 | 0xFFFF) for plane in range(17)) + "]"
)
_LONE = re.compile("[\ud800-\udfff]")
REPLACEMENT = "\N{REPLACEMENT CHARACTER}"
_BREAK = re.compile("\r\n?|[\u2028\u2029]")


def clean(text: str) -> str:
    """Text without control characters, direction marks and noncharacters; a lone surrogate becomes U+FFFD."""
    return _LONE.sub(REPLACEMENT, _GONE.sub("", _BREAK.sub("\n", text)))


def printable(text: str, instead: str = " ", keep: str = "") -> str:
    """Text for a line on a terminal or a label: `instead` of characters that cannot be seen and are not in `keep`."""
    return "".join(c if c.isprintable() or c in keep else instead for c in text)


def shorten(text: str, most: int) -> str:
    """The cleaned text's first `most` characters, and … where there are more."""
    text = clean(text[: 4 * most + 64]).strip()
    return text if len(text) <= most else text[:most].rstrip() + "…"
