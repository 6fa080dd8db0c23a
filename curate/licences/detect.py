"""What licence a text says it is under: a licence file, the header of a source file, or a phrase anywhere in it.

Three ways, in this order: `SPDX-License-Identifier:` lines; then, in the words around anything that speaks of
licences, the texts, notices, tags and references of `curate.licences.index`. The answer is one SPDX expression: all
that was found, joined by AND, since whoever copies the file must keep to all of it; a choice that is offered is OR.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from license_expression import ExpressionError, Licensing

from curate.licences.index import Match, default_index
from curate.licences.words import words_of
from curate.text.spdx import is_expression, parse

CONTEXT = 12
"""Lines around a line that speaks of licences in which the rest of its notice is looked for."""
MAX_WORDS = 16_000
"""Words that are looked at in one text."""
MIN_COVERED = 0.5
MAX_OTHER_WORDS = 200
"""A licence file of which less than this share is words of known licences, and more than so many words are others,
holds other terms too. A few words more are how a project introduces its licence."""
UNKNOWN = "LicenseRef-unknown"
_MAX_EXPRESSION = 300
_SPDX = re.compile(r"SPDX-License-Identifier:[ \t]*([^\r\n]{1,300})", re.IGNORECASE)
_SPDX_END = re.compile(r"\*/|-->|--\}\}|[\"'`;,]|<|\\n|#\}|\*\)|=\}")
_SPEAKS = (
    *("licens", "licenc", "copyright", "copyleft", "spdx", "warrant", "permission is", "permitted provided"),
    *("redistribut", "public domain", "unlicense", "gpl", "apache", "creative commons", "cc0", "cc-by", "proprietary"),
    *("confidential", "all rights reserved", "gnu "),
)
_SPEAKS_ALONE = ("mit", "bsd", "mpl")
"""What speaks of licences, the last only where no letter stands before or after it."""
_COPYRIGHT = re.compile(r"copyright|\(c\)|©|all rights reserved", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Found:
    """expression: SPDX, "" where the text says nothing; covered: share of the text's words that says it."""

    expression: str
    covered: float = 0.0


@lru_cache(maxsize=4096)
def normal_expression(said: str) -> str:
    """An SPDX expression in its usual spelling ("mit or apache-2.0" -> "MIT OR Apache-2.0"), "" where it is none.

    "MIT/Apache-2.0", which old Cargo packages have, is a choice.
    """
    text = " ".join(said[:_MAX_EXPRESSION].replace("/", " OR ").split())
    return str(parse(text)) if is_expression(text) else ""


def joined(expressions: Iterable[str]) -> str:
    """All of these at once, as one expression with its parts in order, each once.

    A choice goes before what it is between: where a file says "MIT or GPL" and both texts follow, they are the texts
    of the choice and not terms beside it.
    """
    parts = {part for expression in expressions if expression for part in _conjuncts(expression)}
    if len(parts) <= 1:
        return "".join(parts)
    offered = {option for part in parts for option in _options(part)}
    parts = {part for part in parts if part not in offered}
    return " AND ".join(f"({part})" if " OR " in part and len(parts) > 1 else part for part in sorted(parts))


@lru_cache(maxsize=4096)
def _conjuncts(expression: str) -> tuple[str, ...]:
    """What must all be kept to, each part in its usual spelling, the options of a choice in order."""
    if " AND " not in expression and " OR " not in expression:
        return (expression,)
    try:
        parsed = Licensing().parse(expression)
    except (ExpressionError, RecursionError):
        return (expression,)
    parts = parsed.args if parsed is not None and parsed.operator.strip() == "AND" else (parsed,)
    return tuple(_ordered(part) for part in parts)


def _ordered(part: Any) -> str:
    if part.isliteral:
        return str(part)
    inner = sorted({_ordered(each) for each in part.args})
    operator = f" {part.operator.strip()} "
    return operator.join(f"({each})" if " AND " in each or " OR " in each else each for each in inner)


@lru_cache(maxsize=4096)
def _options(part: str) -> tuple[str, ...]:
    """The licences that a choice is between, () for none."""
    return tuple(str(key) for key in Licensing().license_keys(part)) if " OR " in part else ()


def spdx_lines(text: str) -> tuple[list[str], str]:
    """(the expressions of `SPDX-License-Identifier:` lines, the text without them)."""
    if "spdx-license" not in text.lower():
        return [], text
    found = []
    for line in _SPDX.finditer(text):
        said = _SPDX_END.split(line[1], maxsplit=1)[0]
        expression = normal_expression(said)
        if expression:
            found.append(expression)
    return found, _SPDX.sub(" ", text)


def around_licences(text: str) -> str:
    """The lines of a text that may speak of licences, with what stands about them; "" where none does."""
    lowered = text.lower()
    places = sorted(_places(lowered))
    if not places:
        return ""
    lines = text.split("\n")
    parts: list[str] = []
    shown = number = seen = 0
    for place in places:
        number += lowered.count("\n", seen, place)
        seen = place
        begin, end = max(shown, number - CONTEXT), min(len(lines), number + CONTEXT + 1)
        if begin < end:
            if begin > shown:
                parts.append("\x00")
            parts += lines[begin:end]
            shown = end
    return "\n".join(parts)


def _places(lowered: str) -> Iterator[int]:
    for word in _SPEAKS:
        place = lowered.find(word)
        while place >= 0:
            yield place
            place = lowered.find(word, place + 1)
    for word in _SPEAKS_ALONE:
        place = lowered.find(word)
        while place >= 0:
            end = place + len(word)
            if not lowered[max(0, place - 1) : place].isalpha() and not lowered[end : end + 1].isalpha():
                yield place
            place = lowered.find(word, end)


def licence_of_text(text: str, least_words: int = 0) -> Found:
    """What a source file, or any text, says of its own licence. Cost: 0.1 ms where it speaks of none.

    least_words: of a notice; shorter mentions count for nothing (an SPDX line always does).
    """
    said, rest = spdx_lines(text)
    region = around_licences(rest)
    matched = _expressions(region, least_words) if region else ()
    return Found(joined([*said, *matched]))


@lru_cache(maxsize=4096)
def _expressions(region: str, least_words: int) -> tuple[str, ...]:
    words, _ = words_of(region)
    found = default_index().find(words[:MAX_WORDS])
    return tuple(sorted({match.expression for match in found if match.held >= least_words}))


@lru_cache(maxsize=1024)
def licence_of_file(text: str) -> Found:
    """What a LICENSE or COPYING file says. Where it holds much that no licence does, UNKNOWN is joined to it."""
    said, rest = spdx_lines(text)
    words, starts = words_of(rest)
    matches = default_index().find(words[:MAX_WORDS])
    covered, other = _covered(rest, starts, len(words), matches)
    expressions = [*said, *(match.expression for match in matches)]
    if expressions and not said and covered < MIN_COVERED and other > MAX_OTHER_WORDS:
        expressions.append(UNKNOWN)
    return Found(joined(expressions), covered)


def _covered(text: str, starts: list[int], count: int, matches: list[Match]) -> tuple[float, int]:
    """(the share of the words, but for lines of copyright, that the matches take up; how many words they do not)."""
    inside = [False] * count
    for match in matches:
        for place in range(match.start, min(match.end, count)):
            inside[place] = True
    total = covered = 0
    line_end = -1
    counts = True
    for place, start in enumerate(starts):
        if start > line_end:
            begin = text.rfind("\n", 0, start) + 1
            line_end = text.find("\n", start)
            line_end = len(text) if line_end < 0 else line_end
            counts = not _COPYRIGHT.search(text[begin : min(line_end, begin + 500)])
        if inside[place]:
            covered += 1
            total += 1
        elif counts:
            total += 1
    return (covered / total if total else 0.0), total - covered
