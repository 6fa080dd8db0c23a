"""What a template shows, by its name: a rule's text, nothing by design, a guess, or a loss that is counted.

The dump holds the templates too, but what they show is made by thousands of Lua modules; so the common ones have rules
here that give the words the wiki shows.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from curate.sources.wikitext import parser_functions
from curate.sources.wikitext.arguments import Arguments
from curate.sources.wikitext.by_design import goes_by_design
from curate.sources.wikitext.context import Context
from curate.sources.wikitext.marks import HOLE, OPEN, escaped
from curate.sources.wikitext.rules import rule_of

MAX_GUESS = 80
"""Characters of the longest text that is kept of a template without a rule."""
_PREFIX = re.compile(
    r"(?:(?:safe)?subst:|(?:template|vorlage|modèle|plantilla|predefinição|шаблон):)\s*", re.IGNORECASE
)
_BOX_ARGUMENTS = 3
_LETTER = re.compile(r"[^\W\d_]")
# An address, an identifier, a file, a note: what no reader of the line would see there.
_NO_GUESS = re.compile(r"https?:|www\.|[/_<>\n*#]|^:|[.!?]$|^[A-Z0-9-]+$|\.[a-z]{2,4}$")


@dataclass(slots=True)
class Count:
    """Characters in the templates of a page (of their arguments, with templates inside done).

    shown: of what rules made of them; guessed: kept of templates without a rule; by_design: in templates that go
    because they are boxes, references or navigation; lost: in templates without a rule that show nothing.
    """

    shown: int = 0
    guessed: int = 0
    by_design: int = 0
    lost: int = 0


class Templates:
    """The templates of one page. guess: whether the one argument of an unknown template within a line is kept."""

    def __init__(self, context: Context, guess: bool = True) -> None:
        self.context = context
        self.count = Count()
        self.lost: list[tuple[str, int]] = []
        self._guess = guess

    def mark(self) -> object:
        count = self.count
        return count.shown, count.guessed, count.by_design, count.lost, len(self.lost)

    def back(self, mark: object) -> None:
        """Forget what was counted since: it lay in what goes whole."""
        assert isinstance(mark, tuple)
        self.count.shown, self.count.guessed, self.count.by_design, self.count.lost, names = mark
        del self.lost[names:]

    def parameter(self, content: str) -> str:
        """`{{{name|default}}}` outside a template: its default."""
        _, bar, default = content.partition("|")
        return default if bar else HOLE

    def shown(self, content: str, alone: bool, mark: object) -> str:
        """The text of `{{content}}`, escaped. alone: it has its lines to itself."""
        first, bar, rest = content.partition("|")
        name = first.replace(HOLE, "").strip()
        if ":" in name or name[:1] == "#":
            name = _PREFIX.sub("", name, count=1)
            function = parser_functions.function_of(name, rest if bar else None, self.context)
            if function is not None:
                return escaped(function) or HOLE
        elif not bar and (variable := parser_functions.variable_of(name, self.context)) is not None:
            return escaped(variable) or HOLE
        name = normal_name(name)
        if len(name) > 120 or OPEN in name:
            self._lose("?", content)
            return HOLE
        rule = rule_of(name, self.context.language)
        arguments = Arguments(rest if bar else None)
        if rule is not None:
            text = rule(arguments, self.context)
            if text is not None:
                assert isinstance(mark, tuple)
                self.count.shown = mark[0] + len(text)  # what inner templates showed is part of it
                return escaped(text) or HOLE
        if goes_by_design(name):
            self.back(mark)
            self.count.by_design += len(rest)
            return "\n" + HOLE if alone else HOLE
        return self._unknown(name, arguments, alone, mark)

    def _unknown(self, name: str, arguments: Arguments, alone: bool, mark: object) -> str:
        named = sum(1 for _ in arguments.named())
        if named >= _BOX_ARGUMENTS and (alone or named > 2 * arguments.positional):
            self.back(mark)
            self.count.by_design += sum(map(len, arguments.values()))
            return "\n" + HOLE if alone else HOLE
        only = arguments[1]
        if (
            self._guess
            and name[:1] != "#"
            and not alone
            and arguments.positional == 1
            and not named
            and len(only) <= MAX_GUESS
            and _LETTER.search(only)
            and not _NO_GUESS.search(only)
        ):
            self.count.guessed += len(only)
            return escaped(only)
        self.back(mark)
        self._lose(name, "".join(value.strip() for value in arguments.values()))
        return "\n" + HOLE if alone else HOLE

    def _lose(self, name: str, text: str) -> None:
        length = len(text.replace(HOLE, ""))
        if length:
            self.count.lost += length
            self.lost.append((name, length))


def normal_name(name: str) -> str:
    """A template's name as rules have it: lower case, one blank between words."""
    return " ".join(name.replace("_", " ").split()).lower()
