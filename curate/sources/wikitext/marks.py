"""Private-use characters that stand for something while wikitext is taken apart, and what they stand for.

Whatever a page itself has of them is taken out first: they are no text.
"""

from __future__ import annotations

import re

PIPE, EQUALS, OPEN, CLOSE, HOLE, TORN, BREAK = "\ue000\ue001\ue002\ue003\ue004\ue005\ue006"
"""A "|" and a "=" that are text; the marks around the number of a saved piece; where something was taken out that
leaves nothing; where a template or table begins that has no end; a line
break that shows, where wikitext's own are blanks."""
_MARKS = str.maketrans(dict.fromkeys((PIPE, EQUALS, OPEN, CLOSE, HOLE, TORN, BREAK, "\0")))
_ANY_MARK = re.compile("[\ue000-\ue006\0]")
_ESCAPES = str.maketrans({"|": PIPE, "=": EQUALS})
_SAVED = re.compile(f"{OPEN}([0-9]{{1,9}}){CLOSE}")


def escaped(text: str) -> str:
    """Text that a template or link around it must not take apart."""
    return text.translate(_ESCAPES) if "|" in text or "=" in text else text


def unescaped(text: str) -> str:
    return text.replace(PIPE, "|").replace(EQUALS, "=")


def without_marks(text: str) -> str:
    """The text without the characters that are marks here, and NUL."""
    return text.translate(_MARKS) if _ANY_MARK.search(text) else text


class Saved:
    """Pieces that are text as they stand, numbered where they were taken out."""

    def __init__(self) -> None:
        self._pieces: list[str] = []

    def put(self, piece: str) -> str:
        self._pieces.append(piece)
        return f"{OPEN}{len(self._pieces) - 1}{CLOSE}"

    def back(self, text: str) -> str:
        """The text with its pieces in their places; one that a template shows twice is twice there, no oftener."""
        if OPEN not in text:
            return text
        shown = [2] * len(self._pieces)

        def piece(found: re.Match[str]) -> str:
            number = int(found[1])
            if number >= len(shown) or not shown[number]:
                return ""
            shown[number] -= 1
            return self._pieces[number]

        return _SAVED.sub(piece, text)
