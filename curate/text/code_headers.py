"""Licence headers of source files: the comments at the top that speak of copyright and licences, and nothing else.

LLaMA-1 (Touvron et al. 2023, §2.1): "we removed boilerplate, such as headers, with regular expressions". What is taken
is whole paragraphs of comments before the first line of code: from the first that speaks of a licence to the last that
does. A `#!` line, an encoding line, `<?php`, an XML declaration and a doctype stay, and so do comments that explain;
code is never looked into, so neither `#include` nor a string with `/*` in it can be taken for a comment.

RedPajama-v1 (`data_prep/github`) does it by its own rule, which eats `#include`, `#define` and `#!`: `redpajama_v1`.
"""

from __future__ import annotations

import re

from curate.text.code_comments import Style, style_of

MAX_HEADER = 32_768
"""Characters of a file in which a header is looked for: the GPL's whole text is as long."""
_STAYS = re.compile(
    r"#!|<\?php|<\?xml|<!doctype|['\"]use strict['\"]|@charset|\ufeff"
    r"|(?:#|//|--|;+|%|\"|!).{0,80}?(?:coding[:=]|-\*-|vim?:|frozen_string_literal|@flow|@ts-|eslint)"
    r"|#\s*(?:-\*-|cython:|distutils:|type:|pragma|syntax=|escape=)|<\?hh|%!",
    re.IGNORECASE,
)
"""Lines at the top that tools read, and that are no header."""
_SPEAKS = re.compile(
    r"copyright|\(c\)\s{0,4}\d{4}|©|licen[sc]e|spdx-|all rights reserved|warrant(?:y|ies)|permission is hereby"
    r"|redistribution and use|free software|without limitation|public domain|redistributions? (?:of|in)|liable"
    r"|contributors may be used|terms and conditions|may not use this file|apache\.org/licenses",
    re.IGNORECASE,
)


def without_header(text: str, language: str) -> str:
    """The text without its licence header; the same text where it has none, or its comments are not known."""
    style = style_of(language)
    if style is None:
        return text
    kept: list[str] = []
    at = taken = 0
    while at < min(len(text), MAX_HEADER):
        end = _end_of_line(text, at)
        line = text[at:end]
        stripped = line.strip()
        if not stripped or _STAYS.match(stripped):
            kept.append(line)
            at = end
            continue
        comment = _block(text, at, style) or _lines(text, at, style)
        if comment is None:
            break
        paragraphs, end = comment
        left = _without_licence(paragraphs)
        if left is None:
            kept.append(text[at:end])
        else:
            kept.append(left)
            taken += 1
        at = end
    if not taken:
        return text
    head = "".join(kept)
    # What stood between a header and the code, and what is left before it, is one blank line at most.
    before = head.strip("\n")
    rest = text[at:].lstrip("\n")
    if not before:
        return rest
    blank = head.endswith("\n\n") or text[at : at + 1] == "\n"
    return before + ("\n\n" if blank else "\n") + rest if rest else before + "\n"


def redpajama_v1(text: str) -> str:
    """RedPajama-v1's rule, for its numbers: where the file has a `/*…*/` anywhere, the first goes if it holds
    "copyright"; only where it has none, the leading lines go that are blank or begin with `//`, `#` or `--`."""
    start = text.find("/*")
    end = text.find("*/", start + 2) if start >= 0 else -1
    if end >= 0:
        end += 2
        return text[:start] + text[end:] if "copyright" in text[start:end].lower() else text
    lines = text.split("\n")
    skipped = 0
    while skipped < len(lines) and (not lines[skipped] or lines[skipped].startswith(("//", "#", "--"))):
        skipped += 1
    return "\n".join(lines[skipped:])


def _end_of_line(text: str, at: int) -> int:
    end = text.find("\n", at)
    return len(text) if end < 0 else end + 1


def _block(text: str, at: int, style: Style) -> tuple[list[str], int] | None:
    """(the paragraphs, where it ends) of an enclosed comment that begins on this line and shares it with no code."""
    begin = at + len(text[at : _end_of_line(text, at)]) - len(text[at : _end_of_line(text, at)].lstrip())
    for opening, closing in sorted(style.block, reverse=True):
        if not text.startswith(opening, begin):
            continue
        close = text.find(closing, begin + len(opening), at + MAX_HEADER)
        if close < 0:
            return None
        end = _end_of_line(text, close)
        if text[close + len(closing) : end].strip():
            return None
        inside = text[begin + len(opening) : close]
        first = len(inside) - len(inside.lstrip("*!-=\n "))
        parts = _paragraphs(inside[first:].rstrip("*-= \n\t"), "* \t#-=|!", marks=())
        return [text[at:begin] + opening + inside[:first], *parts, closing + text[close + len(closing) : end]], end
    return None


def _lines(text: str, at: int, style: Style) -> tuple[list[str], int] | None:
    """(the paragraphs, where they end) of the line comments from here on."""
    end = at
    lines: list[str] = []
    while end < len(text) and end - at < MAX_HEADER:
        stop = _end_of_line(text, end)
        line = text[end:stop]
        stripped = line.strip()
        if not stripped.startswith(style.line) and stripped not in {mark.strip() for mark in style.line}:
            break
        if _STAYS.match(stripped) or any(stripped.startswith(opening) for opening, _ in style.block):
            break
        lines.append(line)
        end = stop
    if not lines or not style.line:
        return None
    return ["", *_paragraphs("".join(lines), "#/-;%!'\"*=~+|@:. \t", marks=style.line), ""], end


def _paragraphs(text: str, decoration: str, marks: tuple[str, ...]) -> list[str]:
    """Stretches of lines, each with the empty or merely decorated lines after it."""
    del marks
    found: list[str] = []
    open_paragraph = False
    for line in text.splitlines(keepends=True):
        empty = not line.strip(decoration + "\n")
        if empty and found:
            found[-1] += line
            open_paragraph = False
        elif open_paragraph and found:
            found[-1] += line
        else:
            found.append(line)
            open_paragraph = not empty
    return found


def _without_licence(paragraphs: list[str]) -> str | None:
    """The comment without its paragraphs about a licence: "" where nothing is left, None where it has none."""
    opening, *inner, closing = paragraphs
    about = [number for number, paragraph in enumerate(inner) if _SPEAKS.search(paragraph)]
    if not about:
        return None
    left = inner[: about[0]] + inner[about[-1] + 1 :]
    if not any(re.search(r"\w", paragraph) for paragraph in left):
        return ""
    body = "".join(left)
    if closing and not body.endswith((" ", "\n", "\t")):
        body += "\n " if "\n" in body or "\n" in opening else " "
    return opening + body + closing
