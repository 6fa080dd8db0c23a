"""User macros expanded where they are called, as TeX expands them: text for text, what comes out read again.

The input is a stack of texts: a call puts its replacement on top, and arguments are read across their ends. So macros
in macros, in arguments and as arguments expand, and each character is looked at once for each time TeX would look.
A macro that stands for itself never ends: the depth of the stack, the number of calls and the characters put in are
limited, and beyond a limit the paper is set aside.

Definitions go where they are taken and hold to the paper's end, whatever group they stand in. Cost: 0.5 ms for 10,000
characters of a paper of average density.
"""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass, replace

from curate.sources.arxiv_stream import PaperError, Unreadable
from curate.sources.tex_comments import ENDS_IN_WORD, MARK
from curate.sources.tex_definitions import DEFINERS, definition, is_kept
from curate.sources.tex_macros import UNSPEAKABLE, XSPACE, Macro, put
from curate.sources.tex_reader import Text

MAX_STACK = 400
"""Calls inside one another; papers stay below 30, TeX itself gives up at 10,000 (`stack_size`)."""
_LINE_REST = re.compile(r"[ \t]*\n")
_NO_SPACE_BEFORE = frozenset("{}~.!,:;?/')-` \t\n]")
"""What follows `\\xspace` where it adds no space (xspace's own list of exceptions)."""
_AT = frozenset({"makeatletter", "makeatother"})
_NO_SPACE_COMMANDS = re.compile(r"\\(?:[/ !,;:@]|(?:footnote|footnotemark|xspace|space|par|quad|qquad)(?![a-zA-Z]))")


@dataclass(frozen=True, slots=True)
class Limits:
    """calls: expansions in one paper; characters: that they put in, together."""

    calls: int
    characters: int


class Expander:
    """Expands the macros of one paper. left: calls of macros that could not be expanded, by name."""

    def __init__(self, limits: Limits) -> None:
        self.limits = limits
        self.macros: dict[str, Macro] = {}
        self.left: Counter[str] = Counter()
        self.calls = 0
        self._characters = 0
        self._stack: list[Text] = []
        self._out: list[str] = []

    def expand(self, text: str) -> str:
        """`text` with every definition taken and every call replaced. Raises PaperError endless_macro."""
        self._stack = [Text(text, self._spend)]
        self._out = []
        while self._stack:
            top = self._stack[-1]
            found = top.command.search(top.text, top.at)
            if found is None:
                self._give(top, len(top.text))
                self._stack.pop()
                continue
            top.at = found.end()
            name = found[1] or found[0][1:]
            if name in self.macros:
                self._call(name, self.macros[name], found)
            elif name in DEFINERS:
                self._define(name, found)
            elif name in _AT:
                self._give(top, found.start())
                top.mark = top.at
                top.internal = name == "makeatletter"
            elif name == "xspace" and len(self._stack) > 1:
                self._give(top, found.start())
                top.mark = top.at
                if self._word_follows():
                    self._out.append(" ")
        return "".join(self._out)

    def _give(self, text: Text, end: int) -> None:
        if end > text.mark:
            put(self._out, text.text[text.mark : end])
        text.mark = end

    def _spend(self, characters: int) -> None:
        self._characters += characters
        if self._characters > self.limits.characters:
            raise PaperError(Unreadable.ENDLESS_MACRO, f"macros put in more than {self.limits.characters} characters")

    # ---- calls ----

    def _call(self, name: str, macro: Macro, found: re.Match[str]) -> None:
        top = self._stack[-1]
        if macro.pieces is None:
            if not macro.internal:
                self.left[name] += 1
            return
        self._give(top, found.start())
        arguments = self._arguments(macro, bool(found[1])) if macro.parameters or macro.delimiters[0] else []
        top = self._stack[-1]
        if arguments is None:
            self.left[name] += 1
            put(self._out, found[0])
            top.mark = top.at
            return
        top.mark = top.at
        self.calls += 1
        if self.calls > self.limits.calls or len(self._stack) > MAX_STACK:
            raise PaperError(Unreadable.ENDLESS_MACRO, f"\\{name[:64]} in {self.calls} calls, {len(self._stack)} deep")
        replacement = macro.text(arguments)
        self._spend(len(replacement))
        if not macro.parameters and top.text.startswith("{}", top.at) and not macro.open_ended:
            top.at += 2  # the empty group only keeps a space behind the name
            top.mark = top.at
            replacement = replacement.removesuffix(XSPACE)
        if macro.literal:
            put(self._out, replacement)
        else:
            self._stack.append(Text(replacement, self._spend, macro.internal))

    def _arguments(self, macro: Macro, word: bool) -> list[str] | None:
        """The arguments of a call, read on from where the top text stands; None where they are not there.

        Texts that end in the middle are left behind: the call's arguments are in the text that called. word: the
        command's name is of letters, behind which TeX skips spaces.
        """
        touched: dict[int, tuple[Text, int]] = {}
        if word and any(macro.delimiters[:2]):  # others skip them in any case
            text = self._reading(touched)
            text.at = text.space_end(text.at)
        arguments: list[str] = []
        lead = macro.delimiters[0]
        fine = not lead or self._literal(lead, touched)
        for number in range(macro.parameters):
            if not fine:
                break
            default = macro.defaults[number] if number < len(macro.defaults) else None
            delimiter = macro.delimiters[number + 1]
            value: str | None
            if default is not None:
                value = self._optional(touched)
                value = default if value is None else value
            elif delimiter:
                value = self._delimited(delimiter, touched)
            else:
                value = self._undelimited(touched)
            fine = value is not None
            arguments.append(value or "")
        if fine:
            return arguments
        for text, at in touched.values():
            text.at = at
        return None

    def _reading(self, touched: dict[int, tuple[Text, int]], space: bool = True) -> Text:
        """The text to read an argument from: the top one, or, where nothing but space is left of it, the next below."""
        while True:
            top = self._stack[-1]
            touched.setdefault(id(top), (top, top.at))
            at = top.space_end(top.at) if space else top.at
            if at < len(top.text) or len(self._stack) == 1:
                return top
            self._stack.pop()

    def _undelimited(self, touched: dict[int, tuple[Text, int]]) -> str | None:
        """A group without its braces, a command, or one character."""
        text = self._reading(touched)
        at = text.space_end(text.at)
        first = text.text[at : at + 1]
        if first == "{":
            end = text.closing(at)
            if end < 0:
                return None
            text.at = end + 1
            self._spend(end - at)
            return text.text[at + 1 : end]
        if not first or first in "}#$&\n":
            return None
        whole = text.command.match(text.text, at) if first == "\\" else MARK.match(text.text, at)
        text.at = whole.end() if whole else at + 1
        return text.text[at : text.at]

    def _optional(self, touched: dict[int, tuple[Text, int]]) -> str | None:
        """What stands in brackets, or None where none opens."""
        text = self._reading(touched)
        at = text.space_end(text.at)
        if text.text[at : at + 1] != "[":
            return None
        end = text.bracket_end(at + 1)
        if end < 0:
            return None
        text.at = end + 1
        return text.text[at + 1 : end]

    def _delimited(self, delimiter: str, touched: dict[int, tuple[Text, int]]) -> str | None:
        """Everything up to `delimiter` outside of braces; the braces around one whole group go, as in TeX."""
        text = self._reading(touched, space=False)
        start = text.at
        ending = re.escape(delimiter) + ("(?![a-zA-Z@])" if ENDS_IN_WORD.search(delimiter) else "")
        found = text.find(start, re.compile(rf"{ending}|\\[\\{{}}]|[{{}}]"), delimiter)
        if found is None:
            return None
        text.at = found.end()
        value = text.text[start : found.start()]
        group = value.strip()
        last = start + len(value.rstrip()) - 1
        return group[1:-1] if group[:1] == "{" and text.closing(start + value.index("{")) == last else value

    def _literal(self, wanted: str, touched: dict[int, tuple[Text, int]]) -> bool:
        text = self._reading(touched, space=False)
        if not text.text.startswith(wanted, text.at):
            return False
        text.at += len(wanted)
        return True

    def _word_follows(self) -> bool:
        """Whether `\\xspace` adds a space before what is read next."""
        for text in reversed(self._stack):
            if text.at < len(text.text):
                if text.text[text.at] == "\\":
                    return not _NO_SPACE_COMMANDS.match(text.text, text.at)
                return text.text[text.at] not in _NO_SPACE_BEFORE
        return False

    # ---- definitions ----

    def _define(self, name: str, found: re.Match[str]) -> None:
        """Take the definition that begins here; what is none that is understood stays as text."""
        top = self._stack[-1]
        taken = definition(name, top, found, self.macros)
        if taken is None:
            return
        self._spend(taken.end - found.start())
        if taken.macro.pieces is None and not is_kept(taken.name):
            self.macros[taken.name] = replace(UNSPEAKABLE, internal=top.internal)
            top.at = taken.end
            return  # its calls stay, so it does
        if not is_kept(taken.name) and not (taken.provided and taken.name in self.macros):
            self.macros[taken.name] = replace(taken.macro, internal=True) if top.internal else taken.macro
        self._give(top, found.start())
        alone = not self._out or self._out[-1].endswith("\n")
        rest = _LINE_REST.match(top.text, taken.end) if alone else None
        top.at = top.mark = rest.end() if rest else taken.end
