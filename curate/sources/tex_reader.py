"""A text that TeX reads from: where commands, groups and brackets in it end."""

from __future__ import annotations

import re
from collections.abc import Callable

COMMAND = re.compile(r"\\(?:([a-zA-Z]+)|.)", re.DOTALL)
INTERNAL_COMMAND = re.compile(r"\\(?:([a-zA-Z@]+)|.)", re.DOTALL)
"""Between `\\makeatletter` and `\\makeatother`, where `@` is a letter."""
_BRACES = re.compile(r"\\[\\{}]|[{}]")
_BRACKETS = re.compile(r"\\[\\{}\[\]]|[{}\]]")


class Text:
    """One text on the expander's stack. at: where reading goes on; mark: up to where it has been given out.

    spend: called with the number of characters looked at where looking may be in vain, so that it has a limit.
    """

    __slots__ = ("_braces", "at", "internal", "mark", "spend", "text")

    def __init__(self, text: str, spend: Callable[[int], None], internal: bool = False) -> None:
        self.text = text
        self.at = 0
        self.mark = 0
        self.internal = internal
        self.spend = spend
        self._braces: dict[int, int] | None = None

    @property
    def command(self) -> re.Pattern[str]:
        return INTERNAL_COMMAND if self.internal else COMMAND

    def space_end(self, at: int) -> int:
        """Behind the spaces that TeX skips before an argument: at most one line end, as two are a paragraph's."""
        text = self.text
        line_end = False
        while (letter := text[at : at + 1]) in (" ", "\t") or (letter == "\n" and not line_end):
            line_end = line_end or letter == "\n"
            at += 1
        return at

    def closing(self, at: int) -> int:
        """Where the brace opened at `at` closes, or -1. The first call looks at the whole text, once."""
        if self._braces is None:
            self._braces = {}
            opened: list[int] = []
            for found in _BRACES.finditer(self.text):
                if found[0] == "{":
                    opened.append(found.start())
                elif found[0] == "}" and opened:
                    self._braces[opened.pop()] = found.start()
        return self._braces.get(at, -1)

    def bracket_end(self, at: int) -> int:
        """Where the first `]` outside of braces stands, or -1 where the group or the text ends before it."""
        found = self.find(at, _BRACKETS, "]")
        return -1 if found is None else found.start()

    def find(self, at: int, pattern: re.Pattern[str], wanted: str) -> re.Match[str] | None:
        """The first match of `pattern` that is `wanted` and stands outside of braces, which it must find as well."""
        start = at
        while found := pattern.search(self.text, at):
            at = found.end()
            if found[0] == "{":
                at = self.closing(found.start()) + 1
            if at == 0 or found[0] in (wanted, "}"):
                break
        self.spend((found.end() if found else len(self.text)) - start)
        return found if found and found[0] == wanted else None
