"""Definitions of macros, as they are written.

`\\newcommand` and its kin (LaTeX2e, `ltdefns`; a star allowed; one optional argument, which comes first), `\\def` with
any parameter text, `\\DeclareMathOperator` (amsopn: `\\operatorname{…}`), `\\let`, and `\\NewDocumentCommand` where all
its arguments are `m`, `o` or `O{…}`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from curate.sources.tex_macros import PROGRAMS, UNSPEAKABLE, Macro, macro_of
from curate.sources.tex_reader import COMMAND, Text

NEW_COMMANDS = frozenset(
    {"newcommand", "renewcommand", "providecommand", "DeclareRobustCommand", "newrobustcmd", "renewrobustcmd"}
)
DOCUMENT_COMMANDS = frozenset(f"{verb}DocumentCommand" for verb in ("New", "Renew", "Provide", "Declare"))
DEFS = frozenset({"def", "gdef", "edef", "xdef"})
LETS = frozenset({"let", "LetLtxMacro", "NewCommandCopy"})
OPERATORS = frozenset({"DeclareMathOperator"})
PREFIXES = frozenset({"long", "global", "protected", "outer"})
DEFINERS = NEW_COMMANDS | DOCUMENT_COMMANDS | DEFS | LETS | OPERATORS | PREFIXES

_STRUCTURE = frozenset(
    [
        "begin",
        "end",
        "documentclass",
        "documentstyle",
        "usepackage",
        "input",
        "include",
        "section",
        "subsection",
        "subsubsection",
        "chapter",
        "part",
        "paragraph",
        "subparagraph",
        "appendix",
        "bibliography",
        "bibliographystyle",
        "printbibliography",
        "bibitem",
        "caption",
        "label",
        "item",
        "par",
        "maketitle",
        "title",
        "author",
        "abstract",
        "newcommand",
        "renewcommand",
        "providecommand",
        "def",
        "let",
        "relax",
        "thanks",
    ]
)
"""What tells a paper's parts: a definition of one of these, for looks, is dropped and its calls are left."""

_LINES = frozenset(
    {"\\", "newline", "tabularnewline", "cr", "&", "arraybackslash", "centering", "raggedright", "raggedleft"}
)
"""What columns and boxes redefine for themselves (`>{\\raggedright\\let\\\\\\tabularnewline}`): left as it stands."""

_NAME = r"\\(?:[a-zA-Z@]+|[^a-zA-Z\s])"
_NEW_COMMAND = re.compile(
    rf"\s{{0,20}}\*?\s{{0,20}}(?:\{{\s{{0,20}}({_NAME})\s{{0,20}}\}}|({_NAME}))\s{{0,20}}(?:\[\s{{0,8}}([0-9])\s{{0,8}}\])?"
)
_DOCUMENT_COMMAND = re.compile(
    rf"\s{{0,20}}(?:\{{\s{{0,20}}({_NAME})\s{{0,20}}\}}|({_NAME}))\s{{0,20}}"
    r"\{((?:[moO ]|\{[^{}]{0,200}\}){0,60})\}"
)
_OPERATOR = re.compile(rf"\s{{0,20}}(\*?)\s{{0,20}}(?:\{{\s{{0,20}}({_NAME})\s{{0,20}}\}}|({_NAME}))")
_DEF = re.compile(rf"[ \t]{{0,20}}\n?[ \t]{{0,20}}({_NAME})((?:[^\\{{}}\0]|\\[^{{}}]){{0,200}})(?=\{{)")
_LET = re.compile(rf"\s{{0,20}}\{{?({_NAME})\}}?\s{{0,20}}=?\s?\{{?({_NAME}|[^\s{{}}\\])\}}?")
_PREFIXED = re.compile(
    r"(?:\s{0,20}\\(?:long|global|protected|outer)(?![a-zA-Z@])){0,4}\s{0,20}\\([gex]?def|let)(?![a-zA-Z@])"
)


@dataclass(frozen=True, slots=True)
class Definition:
    """name: of the command, without its backslash; end: the place behind the definition; provided: it gives way to
    an earlier one."""

    name: str
    macro: Macro
    end: int
    provided: bool = False


def is_kept(name: str) -> bool:
    """Whether calls of this command stay whatever its definition: it tells a paper's parts."""
    return name in _STRUCTURE


def definition(name: str, text: Text, found: re.Match[str], macros: Mapping[str, Macro]) -> Definition | None:
    """The definition that the command `name`, found in `text`, begins; None where it is none that is understood.

    macros: those that are known, of which `\\let` makes copies.
    """
    at = found.end()
    if name in PREFIXES:
        prefixed = _PREFIXED.match(text.text, found.start())
        if prefixed is None:
            return None
        name, at = prefixed[1], prefixed.end()
    if name in LETS:
        taken = _let(text, at, macros)
    elif name in DEFS:
        taken = _def(text, at)
    elif name in OPERATORS:
        taken = _operator(text, at)
    elif name in DOCUMENT_COMMANDS:
        taken = _document_command(name, text, at)
    else:
        taken = _new_command(name, text, at)
    # Redefining what TeX is programmed in is programming: `\\expandafter\\def\\expandafter\\x…`.
    if (
        taken is None
        or taken.name in DEFINERS
        or taken.name in _LINES
        or ("@" not in taken.name and PROGRAMS.match(f"\\{taken.name}"))
    ):
        return None
    return taken


def _let(text: Text, at: int, macros: Mapping[str, Macro]) -> Definition | None:
    found = _LET.match(text.text, at)
    if found is None:
        return None
    target = found[2]
    if not target.startswith("\\"):
        macro = Macro((target,))
    elif target[1:] in macros:
        macro = macros[target[1:]]
    elif target in ("\\relax", "\\empty", "\\@empty"):
        macro = Macro(())
    elif "@" in target or target == "\\undefined" or PROGRAMS.match(target):
        macro = UNSPEAKABLE
    else:
        macro = Macro((target,), literal=True)  # LaTeX's own command, under another name
    return Definition(found[1][1:], macro, found.end())


def _def(text: Text, at: int) -> Definition | None:
    found = _DEF.match(text.text, at)
    body = _body(text, found.end()) if found else None
    if found is None or body is None:
        return None
    delimiters = _parameter_text(found[2])
    macro = UNSPEAKABLE if delimiters is None else macro_of(body[0], delimiters)
    return Definition(found[1][1:], macro, body[1])


def _operator(text: Text, at: int) -> Definition | None:
    found = _OPERATOR.match(text.text, at)
    body = _body(text, found.end()) if found else None
    if found is None or body is None:
        return None
    macro = macro_of(f"\\operatorname{found[1]}{{{body[0].strip()}}}", ("",))
    return Definition((found[2] or found[3])[1:], macro, body[1])


def _document_command(name: str, text: Text, at: int) -> Definition | None:
    found = _DOCUMENT_COMMAND.match(text.text, at)
    body = _body(text, found.end()) if found else None
    if found is None or body is None:
        return None
    defaults = _signature(found[3])
    macro = UNSPEAKABLE if len(defaults) > 9 else macro_of(body[0], ("",) * (len(defaults) + 1), defaults)
    return Definition((found[1] or found[2])[1:], macro, body[1], name.startswith("Provide"))


def _new_command(name: str, text: Text, at: int) -> Definition | None:
    found = _NEW_COMMAND.match(text.text, at)
    if found is None:
        return None
    at = found.end()
    parameters = int(found[3] or 0)
    defaults: tuple[str | None, ...] = ()
    start = text.space_end(at)
    if parameters and text.text[start : start + 1] == "[":
        end = text.bracket_end(start + 1)
        if end < 0:
            return None
        defaults = (text.text[start + 1 : end],)
        at = end + 1
    body = _body(text, at)
    if body is None:
        return None
    macro = macro_of(body[0], ("",) * (parameters + 1), defaults)
    return Definition((found[1] or found[2])[1:], macro, body[1], name == "providecommand")


def _body(text: Text, at: int) -> tuple[str, int] | None:
    """(a definition's replacement: a group or one command, the place behind it)."""
    at = text.space_end(at)
    if text.text[at : at + 1] == "{":
        end = text.closing(at)
        return None if end < 0 else (text.text[at + 1 : end], end + 1)
    one = COMMAND.match(text.text, at)
    return (one[0], one.end()) if one else None


def _parameter_text(text: str) -> tuple[str, ...] | None:
    """The delimiters in the parameter text of a `\\def`, or None where it is none that can be followed."""
    parts = re.split(r"#([1-9])", text.lstrip(" \t\n") if "#" in text else text.strip())
    if "#" in "".join(parts[::2]) or [int(number) for number in parts[1::2]] != list(range(1, len(parts) // 2 + 1)):
        return None
    return tuple(parts[::2])


def _signature(text: str) -> tuple[str | None, ...]:
    """For each argument of a `\\NewDocumentCommand`: None for `m`, the default of `o` ("") or `O{…}`."""
    found = re.findall(r"([moO])\s*(?:\{([^{}]*)\})?", text)
    return tuple(None if letter == "m" else default for letter, default in found)
