"""Which comments a language has, and how much of a file they are.

A style is what begins a comment to the end of the line, and the pairs that enclose one. Strings are told from comments
where the language quotes them as C does; what that misses (heredocs, regular expressions) can only make a count a
little wrong, as nothing is taken out by it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache


@dataclass(frozen=True, slots=True)
class Style:
    """line: marks of comments to the end of the line; block: (opening, closing) marks."""

    line: tuple[str, ...] = ()
    block: tuple[tuple[str, str], ...] = ()


_SLASHES = Style(("//",), (("/*", "*/"),))
_HASH = Style(("#",))
_MARKUP = Style((), (("<!--", "-->"),))
_STYLES: tuple[tuple[Style, str], ...] = (
    (
        _SLASHES,
        "C|C#|C++|Cuda|D|Dart|F#|GLSL|Go|Groovy|Java|JavaScript|Kotlin|Less|Objective-C|Objective-C++|Protocol Buffer|"
        "Rust|SCSS|Scala|Solidity|Swift|TSX|TypeScript|Verilog|Zig",
    ),
    (Style((), (("/*", "*/"),)), "CSS"),
    (Style(("//", "#"), (("/*", "*/"),)), "HCL|PHP"),
    (_HASH, "AWK|CMake|Crystal|Cython|Dockerfile|Elixir|GraphQL|Makefile|Nim|Nix|Perl|Pod|Python|R|Ruby|Shell"),
    (_HASH, "Starlark|TOML|Tcl|YAML"),
    (Style(("#",), (("<#", "#>"),)), "PowerShell"),
    (Style(("#",), (("#=", "=#"),)), "Julia"),
    (Style(("#",), (("###", "###"),)), "CoffeeScript"),
    (Style(("--",), (("{-", "-}"),)), "Elm|Haskell"),
    (Style(("--",), (("--[[", "]]"),)), "Lua"),
    (Style(("--",), (("/*", "*/"),)), "SQL"),
    (Style(("--",)), "Ada|VHDL"),
    (Style((";",)), "Clojure|Common Lisp|Emacs Lisp|Racket|Scheme"),
    (Style((";", "#", "//", "@"), (("/*", "*/"),)), "Assembly"),
    (Style((";", "#")), "INI"),
    (Style(("%",)), "Erlang|MATLAB|Prolog|TeX"),
    (Style(("!", "C ", "c ", "* ", "C\t", "c\t")), "Fortran"),
    (Style(("!",)), "Fortran Free Form"),
    (Style(("'",)), "Visual Basic .NET"),
    (Style(("REM ", "rem ", "Rem ", "@REM ", "@rem ", "::")), "Batchfile"),
    (Style(('"',)), "Vim Script"),
    (Style(("#",)), "Smali"),
    (Style((), (("(*", "*)"),)), "OCaml"),
    (Style(("//",), (("(*", "*)"), ("{", "}"))), "Pascal"),
    (_MARKUP, "HTML|Markdown|SVG|Svelte|Vue|XML"),
)
_BY_LANGUAGE = {language: style for style, languages in _STYLES for language in languages.split("|")}


def style_of(language: str) -> Style | None:
    """The comments of a language (GitHub linguist's name), None where they are not known."""
    return _BY_LANGUAGE.get(language)


def comment_characters(text: str, language: str) -> int | None:
    """Characters inside comments, their marks included; None for a language whose comments are not known."""
    style = style_of(language)
    if style is None:
        return None
    total = at = 0
    endless, until = "", 0  # quotes that nothing closes before this place, on their line: they are not tried again
    while at < len(text):
        if at >= until:
            endless, until = "", len(text)
        found = _scanner(style, endless).search(text, at, until)
        if found is None:
            at = until
        elif found["block"]:
            closing = next(end for start, end in style.block if start == found["block"])
            end = text.find(closing, found.end())
            at = len(text) if end < 0 else end + len(closing)
            total += at - found.start()
        elif found["line"]:
            end = text.find("\n", found.end())
            at = len(text) if end < 0 else end
            total += at - found.start()
        elif found.lastindex is None:
            at = found.end()
        else:
            endless, until, at = endless + found[0][0], found.end(), found.start() + 1
    return total


@cache
def _scanner(style: Style, endless: str) -> re.Pattern[str]:
    """Finds the next comment or quoted string; none that one of the quotes `endless` begins.

    A string ends on its line, so that a lone quote does no harm: with no end it is found up to where it would have to
    end, with one more group. No quote of its kind within begins a string either, for each stands behind a backslash
    and has the same left to read. Looked for from every quote, the end would take squares of the line.
    """
    line = "|".join(re.escape(mark) for mark in sorted(style.line, key=len, reverse=True)) or "(?!)"
    block = "|".join(re.escape(start) for start, _ in sorted(style.block, reverse=True)) or "(?!)"
    quotes = "" if '"' in style.line or "'" in style.line or style == _MARKUP else "\"'"
    strings = [rf"{quote}(?:[^{quote}\\\n]|\\.)*(?:{quote}|())" for quote in quotes if quote not in endless]
    return re.compile("|".join((f"(?P<block>{block})", f"(?P<line>{line})", *strings)))
