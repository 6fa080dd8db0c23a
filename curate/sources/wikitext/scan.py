"""One pass over wikitext that has no comments left: templates, links and tables, the innermost first.

What a construct shows is made when its end is found, of text in which everything inside is done. All that is open lies
on one stack over one list of pieces, so a construct without an end costs nothing, and the pass is linear: MediaWiki's
preprocessor, which does the same (https://www.mediawiki.org/wiki/Preprocessor_ABNF), allows 40 levels of templates; so
does this, as each level copies what is inside it.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from curate.sources.wikitext.marks import BREAK, HOLE, TORN

MAX_DEPTH = 40
_TOKEN = re.compile(
    r"\[\[(?:([^\[\]{}|\n]++)(?:\|([^\[\]{}|\n]*+))?\]\])?+|\{\{++|\}\}++|\]\]++|\{\|(?!\}\})|\|\}(?!\}(?!\}))"
)
"""A link with nothing in it is found whole: most are."""
_LINK, _TABLE, _BRACES = 0, 1, 2
_LOOK_BACK = 8
_MAX_INDENT = 32

Template = Callable[[str, bool, object], str]
"""(what is between the braces, whether it has its lines to itself, the mark of where it began) -> what shows"""
Parameter = Callable[[str], str]
Link = Callable[[str, str | None], str]
"""(target, label or None) -> what shows"""


class Scanner:
    """template, parameter, link: say what each shows; mark, back: called where something opens and where all that was
    inside goes, so that a count can be set back."""

    def __init__(
        self,
        template: Template,
        parameter: Parameter,
        link: Link,
        mark: Callable[[], object],
        back: Callable[[object], None],
    ) -> None:
        self._template, self._parameter, self._link = template, parameter, link
        self._mark, self._back = mark, back
        self._out: list[str] = []
        # (kind, place in `out`, braces left, mark, tables that were open in the template around)
        self._stack: list[tuple[int, int, int, object, int]] = []
        self._depth = self._templates = self._links = self._tables = 0

    def run(self, text: str) -> str:
        out = self._out
        at = 0
        for found in _TOKEN.finditer(text):
            begin, end = found.span()
            if begin > at:
                out.append(text[at:begin])
            at = end
            target, label = found.groups()
            if target is not None:
                out.append(self._link(target, label))
                continue
            token = found[0]
            kind = token[0]
            if kind == "[":
                self._open(_LINK, token, 0)
            elif kind == "]":
                self._close_link(token)
            elif token == "{|":
                if _begins_line(text, begin):
                    self._open(_TABLE, token, 0)
                else:
                    out.append(token)
            elif token == "|}":
                if self._tables and _begins_line(text, begin):
                    self._close_table()
                else:
                    out.append(token)
            elif kind == "{":
                self._open(_BRACES, token, len(token))
            else:
                self._close_braces(token, text[end : end + 1] in ("", "\n"))
        out.append(text[at:])
        while self._stack:
            self._give_up()
        return "".join(out)

    def _open(self, kind: int, token: str, count: int) -> None:
        self._stack.append((kind, len(self._out), count, self._mark(), self._tables))
        self._out.append(token)
        if kind == _BRACES:
            self._depth += count // 2
            self._templates += 1
            self._tables = 0
        elif kind == _TABLE:
            self._tables += 1
        else:
            self._links += 1

    def _pop(self) -> tuple[int, int, int, object, int]:
        frame = self._stack.pop()
        if frame[0] == _BRACES:
            self._depth -= frame[2] // 2
            self._templates -= 1
            self._tables = frame[4]
        elif frame[0] == _TABLE:
            self._tables -= 1
        else:
            self._links -= 1
        return frame

    def _give_up(self) -> None:
        """The innermost construct has no end."""
        kind, place, _, _, _ = self._pop()
        self._out[place] = "" if kind == _LINK else TORN + BREAK if kind == _TABLE else TORN

    def _close_link(self, token: str) -> None:
        left = len(token)
        while left >= 2 and self._stack and self._stack[-1][0] == _LINK:
            _, place, _, _, _ = self._pop()
            content = "".join(self._out[place + 1 :])
            left -= 2
            if left and content.count("[") > content.count("]"):  # `]]]` ends an external link too
                content += "]"
                left -= 1
            del self._out[place:]
            self._out.append(self._link(*_parted(content)) if self._links < MAX_DEPTH else HOLE)
        if left % 2:  # two that close nothing are no text
            self._out.append("]")

    def _close_table(self) -> None:
        while self._stack[-1][0] != _TABLE:
            self._give_up()
        self._drop_table()

    def _drop_table(self) -> None:
        _, place, _, mark, _ = self._pop()
        del self._out[place:]
        self._out.append("\n" + HOLE)
        self._back(mark)

    def _close_braces(self, token: str, ends_line: bool) -> None:
        left = len(token)
        while left >= 2 and self._templates:
            while self._stack[-1][0] != _BRACES:
                if self._stack[-1][0] == _TABLE:
                    self._drop_table()
                else:
                    self._give_up()
            deep = self._depth > MAX_DEPTH
            _, place, count, mark, tables = self._pop()
            taken = 3 if left >= 3 and count >= 3 else 2
            left -= taken
            count -= taken
            content = "".join(self._out[place + 1 :])
            del self._out[place + 1 :]
            if deep:
                shown = HOLE
            elif taken == 3:
                shown = self._parameter(content)
            else:
                shown = self._template(content, ends_line and self._begins_line(place), mark)
            if count >= 2:
                self._stack.append((_BRACES, place, count, mark, tables))
                self._depth += count // 2
                self._templates += 1
                self._tables = 0
            self._out[place] = "{" if count == 1 else ""
            self._out.append(shown)
        if left == 1:  # two that close nothing are no text
            self._out.append("}")

    def _begins_line(self, place: int) -> bool:
        for back in range(place - 1, max(place - 1 - _LOOK_BACK, -1), -1):
            before = self._out[back].rstrip(" \t")
            if before.rstrip(HOLE):
                return before.rstrip(HOLE).endswith("\n")
        return place <= _LOOK_BACK


def _parted(content: str) -> tuple[str, str | None]:
    target, bar, label = content.partition("|")
    return target, label if bar else None


def _begins_line(text: str, place: int) -> bool:
    """Whether only blanks and colons stand before it on its line, as before a table's marks."""
    for back in range(place - 1, max(place - _MAX_INDENT, -1), -1):
        if text[back] == "\n":
            return True
        if text[back] not in " \t:*#":
            return False
    return place < _MAX_INDENT
