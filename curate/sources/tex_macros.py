"""What a user's macro stands for: text with places for arguments.

A macro whose text programs TeX (conditions, `\\csname`, `\\expandafter`, `\\mathpalette`, internals with an `@`) stands
for something that only TeX can say. Its calls are left as they are.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from curate.sources.tex_comments import ENDS_IN_WORD

PROGRAMS = re.compile(
    r"\\(?:(?:if(?!f(?![a-zA-Z@]))[a-zA-Z@]*|If[A-Z][A-Za-z]*|else|fi|or|expandafter|csname|endcsname|futurelet|afterassignment"
    r"|aftergroup|loop|repeat|catcode|lowercase|uppercase|the|number|romannumeral|string|meaning|noexpand|unexpanded|detokenize"
    r"|mathpalette|mathchoice|numexpr|dimexpr|read|write|openout|advance|setbox|dimen|halign|foreach|equal|isodd|value|protected@[a-z@]+"
    r"|pgf[a-z@]+|tikz[a-z@]*)(?![a-zA-Z@])|[a-zA-Z]*@[a-zA-Z@]*)"
)
XSPACE = "\\xspace"
_PARAMETER = re.compile(r"#([1-9])|##")
_MODE_CHOICE = re.compile(
    r"\s{0,8}\\(?:relax\s{0,8}\\)?ifmmode(?![a-zA-Z@])(.{0,400}?)\\else(?![a-zA-Z@])(.{0,400}?)\\fi(?![a-zA-Z@])",
    re.DOTALL,
)
_ARGUMENT_FOLLOWS = re.compile(r"(?:\\[A-Za-z@]{1,60}|[\^_])\s{0,8}\Z")


@dataclass(frozen=True, slots=True)
class Macro:
    """What one command stands for.

    pieces: text, and parameters by number, in order; None: it cannot be said without TeX. delimiters: of a `\\def`
    the text before the first parameter and after each, "" after one that is not delimited. defaults: of the optional
    arguments, by parameter number from 1. literal: text that is not looked into again (`\\let` to a command of LaTeX).
    """

    pieces: tuple[str | int, ...] | None
    delimiters: tuple[str, ...] = ("",)
    defaults: tuple[str | None, ...] = ()
    literal: bool = False
    internal: bool = False
    """Its text was written where `@` is a letter."""

    @property
    def parameters(self) -> int:
        return len(self.delimiters) - 1

    @property
    def open_ended(self) -> bool:
        """Whether what follows a call may be an argument of the text's last command."""
        last = self.pieces[-1] if self.pieces else ""
        return isinstance(last, int) or bool(_ARGUMENT_FOLLOWS.search(last.removesuffix(XSPACE)[-80:]))

    def text(self, arguments: list[str]) -> str:
        """The replacement with the arguments in place; names of commands do not run into letters behind them."""
        out: list[str] = []
        for piece in self.pieces or ():
            put(out, piece if isinstance(piece, str) else arguments[piece - 1])
        return "".join(out)


UNSPEAKABLE = Macro(None)


def put(out: list[str], text: str) -> None:
    """Append, with a space between the name of a command and a letter."""
    if text and out and text[0].isalpha() and ENDS_IN_WORD.search(out[-1][-64:]):
        out.append(" ")
    if text:
        out.append(text)


def macro_of(body: str, delimiters: tuple[str, ...], defaults: tuple[str | None, ...] = ()) -> Macro:
    """The macro of this text. UNSPEAKABLE where it programs, or names a parameter that is not there."""
    choice = _MODE_CHOICE.fullmatch(body.removesuffix(XSPACE))
    if choice and choice[1].strip() == choice[2].strip().strip("$").strip():
        # In mathematics or not, the same: what \ensuremath says.
        body = f"\\ensuremath{{{choice[1].strip()}}}" + (XSPACE if body.endswith(XSPACE) else "")
    if PROGRAMS.search(body):
        return UNSPEAKABLE
    pieces: list[str | int] = []
    at = 0
    for found in _PARAMETER.finditer(body):
        if found.start() > at:
            pieces.append(body[at : found.start()])
        at = found.end()
        if found[1] is None:
            pieces.append("#")
        elif int(found[1]) < len(delimiters):
            pieces.append(int(found[1]))
        else:
            return UNSPEAKABLE
    if at < len(body):
        pieces.append(body[at:])
    return Macro(tuple(pieces), delimiters, defaults)
