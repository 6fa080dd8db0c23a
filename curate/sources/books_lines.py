"""Hard-wrapped lines of plain books put back into paragraphs, where they are prose.

A line of wrapped prose ends where the next word would not have fitted; a line of verse, of a table, an address or a
list ends before. So a paragraph is joined where its line ends are the ends of full lines, measured on the book's own
width, and is left as it stands where they are not. Nothing but line ends (and hyphens that divide a word) changes.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Sequence

WRAPPED_AT_MOST = 120
"""Wider lines are not wrapped: each is a paragraph as it is."""
_NARROW = 40
_SLACK = 6
_FULL_SHARE = 0.75
_VERSE_WIDTH = 0.72
_CAPITAL_SHARE = 0.8
_DIVIDED = re.compile(r"(\w{1,64})-$")
_GAPS = re.compile(r"\S {3,}\S|\t|\.{5,}|(?: \.){5,}")
_TWO_SPACES = re.compile(r"(?<=[.!?:;,])  (?=\S)")
"""As typewriters put them behind a sentence; more are columns."""
_GAP_SIGNS = ("   ", "\t", ".....", " . . .")


def width_of(paragraphs: Sequence[str]) -> int:
    """The width a book's lines are wrapped at: that which 98 of 100 of the lines of longer paragraphs do not pass;
    0 where they are not wrapped."""
    lengths = sorted(
        len(line.rstrip())
        for text in paragraphs
        if text.count("\n") >= 3
        for line in text.split("\n")
        if line[:1] not in (" ", "\t")
    )
    if not lengths:
        return 0
    width = lengths[min(int(len(lengths) * 0.98), len(lengths) - 1)]
    return width if _NARROW <= width <= WRAPPED_AT_MOST else 0


def unwrapped(paragraphs: Sequence[str]) -> list[str]:
    """The paragraphs (lines joined by "\\n") of one book, those of prose on one line each; others only lose the
    white space that all their lines begin with."""
    width = width_of(paragraphs)
    if width == 0:
        return [dedented(text) for text in paragraphs]
    words = _Words(paragraphs)
    return [joined(text.split("\n"), words) if is_wrapped(text, width) else dedented(text) for text in paragraphs]


def is_wrapped(text: str, width: int) -> bool:
    """Whether a paragraph is prose wrapped at about this width."""
    lines = [line.rstrip() for line in text.split("\n")]
    if len(lines) < 2 or (any(sign in text for sign in _GAP_SIGNS) and _GAPS.search(text.strip())):
        return False
    indent = min(len(line) - len(line.lstrip()) for line in lines)
    breaks = len(lines) - 1
    full = sum(_is_full(line, following, width) for line, following in itertools.pairwise(lines))
    capitals = sum(line.lstrip(" _*\"'“‘«(")[:1].isupper() for line in lines[1:])
    if full >= _FULL_SHARE * breaks:
        return True
    # Quoted passages are set in, and often narrower on the right as well: full by their own width, and not verse.
    widest = max(map(len, lines))
    if (
        breaks < 2
        or widest < _VERSE_WIDTH * width - (0 if indent == 0 else indent)
        or capitals >= _CAPITAL_SHARE * breaks
    ):
        return False
    own = sum(_is_full(line, following, widest) for line, following in itertools.pairwise(lines))
    return own >= 0.9 * breaks


def _is_full(line: str, following: str, width: int) -> bool:
    """Whether the next line's first word would (nearly) not have fitted on this one."""
    first = following.split(None, 1)[0] if following.strip() else ""
    return len(line) + 1 + len(first) > width - _SLACK


def dedented(text: str) -> str:
    lines = [line.rstrip() for line in text.expandtabs(8).split("\n")]
    indent = min((len(line) - len(line.lstrip()) for line in lines if line), default=0)
    return "\n".join(_TWO_SPACES.sub(" ", line[indent:]) for line in lines)


class _Words:
    """The words of a book, counted only when a line ends in a hyphen."""

    def __init__(self, paragraphs: Sequence[str]) -> None:
        self._paragraphs = paragraphs
        self._known: frozenset[str] | None = None

    def __contains__(self, word: str) -> bool:
        if self._known is None:
            tokens: set[str] = set()
            for text in self._paragraphs:
                tokens.update(text.split())
            self._known = frozenset(token.strip("_\"'“”‘’.,;:!?()[]«»") for token in tokens)
        return word in self._known


def joined(lines: Sequence[str], words: _Words | frozenset[str] = frozenset()) -> str:
    """The lines as one. A dash or a hyphen at a line's end takes no space behind it; the hyphen goes where the word it
    divides stands whole elsewhere in the book."""
    out = ""
    for line in lines:
        line = " ".join(line.split())
        if not out or not line:
            out += line
            continue
        divided = _DIVIDED.search(out[-64:]) if out[-1] == "-" else None
        if divided and line[0].isalnum():
            rest = re.match(r"\w+", line)
            whole = divided[1] + (rest[0] if rest else "")
            out = out[:-1] + line if line[0].islower() and whole in words else out + line
        elif out.endswith(("--", "—")) and not out.endswith((" --", " —")):
            out += line
        else:
            out = f"{out} {line}"
    return out
