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
    pattern = _scanner(style)
    total = 0
    at = 0
    while found := pattern.search(text, at):
        mark = found["line"] or found["block"]
        if mark is None:
            at = found.end()
        elif found["block"]:
            closing = next(end for start, end in style.block if start == mark)
            end = text.find(closing, found.end())
            at = len(text) if end < 0 else end + len(closing)
            total += at - found.start()
        else:
            end = text.find("\n", found.end())
            at = len(text) if end < 0 else end
            total += at - found.start()
    return total


@cache
def _scanner(style: Style) -> re.Pattern[str]:
    """Finds the next comment or quoted string. A string ends on its line, so that a lone quote does no harm."""
    line = "|".join(re.escape(mark) for mark in sorted(style.line, key=len, reverse=True)) or "(?!)"
    block = "|".join(re.escape(start) for start, _ in sorted(style.block, reverse=True)) or "(?!)"
    quoted = r'"(?:[^"\\\n]|\\.)*"|' + r"'(?:[^'\\\n]|\\.)*'"
    strings = "(?!)" if '"' in style.line or "'" in style.line or style == _MARKUP else quoted
    return re.compile(f"(?P<block>{block})|(?P<line>{line})|{strings}")
