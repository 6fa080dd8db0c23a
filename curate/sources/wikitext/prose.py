"""From wikitext without templates, links and tables to lines of plain text: headings, paragraphs, lists.

A heading is a line of its own with a blank line around it, a paragraph one line, an item of a list a line that begins
with "• " or its number, indented by its depth. Sections that hold no prose go, and headings that nothing stands under.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from html import unescape

from curate.sources.wikitext.html_tags import without_tags
from curate.sources.wikitext.links import without_external
from curate.sources.wikitext.marks import BREAK, HOLE, TORN, Saved, unescaped
from curate.sources.wikitext.quotes import without_quotes
from curate.sources.wikitext.sections import is_end_matter

_TORN_BOX = re.compile(
    rf"{TORN}(?:{BREAK}|(?=[^\n{TORN}]*+\n[ \t]*+[|!}}]))[^\n{TORN}]*+(?:\n[ \t]*+[|!}}][^\n{TORN}]*+)*+"
)
_SWITCH = re.compile(r"__[^\W\d_]{4,40}__")
_VARIANTS = re.compile(r"-\{([^{}]{0,500})\}-")
_VARIANT = re.compile(r"[a-z]{2,3}(?:-[a-z]+)?\s*:")
_CONVERTED = frozenset(
    {"zh", "sr", "sh", "kk", "ku", "gan", "iu", "shi", "tg", "uz", "crh", "zh-classical", "wuu", "zh-yue"}
)
_HEADING = re.compile(r"(={1,6})(.+?)\1[ \t\ue004\ue006]*")
_ITEM = re.compile(r"[*#:;]+")
_BETWEEN = " \t\u00a0,;:"
_ENDS = frozenset(".!?)]”»…")
_MAX_INDENT = 4


@dataclass(slots=True)
class _Block:
    """level: of a heading, 0 for text."""

    level: int
    text: str
    item: bool = False


def plain_text(text: str, saved: Saved, language: str) -> str:
    """The text of a page whose templates, links and tables are done."""
    if TORN in text:
        text = _TORN_BOX.sub("\n" + HOLE, text).replace(TORN, HOLE)
    text = without_external(unescaped(text))
    if language in _CONVERTED and "-{" in text:
        text = _VARIANTS.sub(_variant, text)
    text = without_tags(text)
    if "__" in text:
        text = _SWITCH.sub(lambda found: "" if found[0].isupper() or not found[0].islower() else found[0], text)
    blocks = _without_end_matter(_blocks(text))
    out: list[str] = []
    before_item = False
    for block in blocks:
        if out:
            out.append("\n" if block.item and before_item else "\n\n")
        out.append(block.text)
        before_item = block.item
    return _tidy(saved.back("".join(out)))


def _variant(found: re.Match[str]) -> str:
    """`-{zh-hans:甲; zh-hant:乙}-`: the first; `-{T|…}-` and the like only set rules."""
    flag, bar, rest = found[1].rpartition("|")
    if bar and flag.strip() and flag.strip()[0] in "TAH-":
        return "" if flag.strip()[0] != "A" else _variant_text(rest)
    return _variant_text(rest)


def _variant_text(text: str) -> str:
    first = text.split(";", 1)[0]
    found = _VARIANT.match(first.strip())
    return first.strip()[found.end() :].strip() if found else text


def _blocks(text: str) -> list[_Block]:
    blocks: list[_Block] = []
    paragraph: list[str] = []
    numbers: list[int] = []

    def end_paragraph() -> None:
        if paragraph and paragraph[0][:1] == " ":
            lines = [_as_it_stands(line) for line in paragraph]
            if any(line.strip() for line in lines):
                blocks.append(_Block(0, "\n".join(lines).strip("\n")))
            paragraph.clear()
        if paragraph:
            lines = [shown for line in " ".join(paragraph).split(BREAK) if (shown := _shown(line))]
            if lines:
                blocks.append(_Block(0, "\n".join(lines)))
            paragraph.clear()

    for line in text.split("\n"):
        line = without_quotes(line)
        first = line[:1]
        if first == HOLE:
            line = line.lstrip(HOLE)
            if not line.strip():
                end_paragraph()
                continue
            first = line[:1]
            line = HOLE + line if first not in "*#:;= |" else line
        if first == "=" and (heading := _HEADING.fullmatch(line)):
            end_paragraph()
            numbers.clear()
            title = _shown(heading[2].replace(BREAK, " "))
            if title:
                blocks.append(_Block(len(heading[1]), title))
            continue
        if found := _ITEM.match(line) if first and first in "*#:;" else None:
            end_paragraph()
            _item(found[0], line[found.end() :], numbers, blocks)
            continue
        numbers.clear()
        if first == "|" or line.startswith(("{|", "!-")):
            end_paragraph()  # what is left of a table without a beginning
            continue
        if not line.strip() or line.startswith("----"):
            end_paragraph()
            continue
        if (first == " ") != (bool(paragraph) and paragraph[0][:1] == " "):
            end_paragraph()
        paragraph.append(line)
    end_paragraph()
    return blocks


def _item(prefix: str, line: str, numbers: list[int], blocks: list[_Block]) -> None:
    depth = len(prefix)
    kind = prefix[-1]
    if kind == "#":
        del numbers[depth:]
        numbers.extend([0] * (depth - len(numbers)) if depth <= 64 else [])
        if depth <= 64:
            numbers[depth - 1] += 1
    else:
        del numbers[depth:]
    marker = "• " if kind == "*" else f"{numbers[depth - 1]}. " if kind == "#" and depth <= 64 else ""
    term, _, definition = line.partition(" : ") if kind == ";" else (line, "", "")
    lines = [part for whole in (term, definition) for part in whole.split(BREAK)]
    indent = "  " * min(max(sum(sign in "*#" for sign in prefix) - 1, 0), _MAX_INDENT)
    shown = [text for part in lines if (text := _shown(part))]
    for place, text in enumerate(shown):
        blocks.append(_Block(0, indent + (marker if place == 0 else " " * len(marker)) + text, True))


def _shown(line: str) -> str:
    """A line's text: holes closed, one blank between words; "" where no word is left."""
    if HOLE in line:
        line = _closed(line)
    if "&" in line:
        line = unescape(line)
    line = " ".join(line.split())
    return line if line.strip(" ,;.:()[]|*-–—·•") else ""


def _as_it_stands(line: str) -> str:
    """A line that a blank begins, with its indentation."""
    return unescape(_closed(line[1:]) if HOLE in line else line[1:]).replace(BREAK, "\n").rstrip()


def _closed(line: str) -> str:
    """The line without holes, and without the blanks, commas and brackets that stood around what is gone.

    Nothing else is touched: "(; born 1990)" becomes "(born 1990)" only where something stood before the ";".
    """
    first, *parts = line.split(HOLE)
    body = first.rstrip(_BETWEEN)
    out = [body]
    run = [first[len(body) :]]
    for part in parts:
        rest = part.lstrip(_BETWEEN)
        run.append(part[: len(part) - len(rest)])
        if not rest:
            continue
        if out[-1].endswith("(") and rest[0] == ")":
            before = out[-1][:-1].rstrip()
            run = [out[-1][len(before) : -1]]
            out[-1], rest = before, rest[1:]
            tail = rest.lstrip(_BETWEEN)
            run.append(rest[: len(rest) - len(tail)])
            rest = tail
            if not rest:
                continue
        out.append(_gap("".join(run), out[-1][-1:], rest[0]))
        body = rest.rstrip(_BETWEEN)
        out.append(body)
        run = [rest[len(body) :]]
    out.append("".join(run).strip(" ,;\t\u00a0") if len(out) == 1 else "".join(run).strip(" \t\u00a0,"))
    return "".join(out)


def _gap(run: str, before: str, after: str) -> str:
    """What the blanks and commas around a hole come to."""
    if before == "(" or after == ")":
        return ""
    marks = run.split()
    if not marks:
        return "" if not run or after in _ENDS else " "
    return marks[0][0] + (" " if run[-1:].isspace() or (run[:1].isspace() and len(run) > 1) else "")


def _without_end_matter(blocks: list[_Block]) -> list[_Block]:
    kept: list[_Block] = []
    dropped_level = 0
    for block in blocks:
        if dropped_level:
            if not block.level or block.level > dropped_level:
                continue
            dropped_level = 0
        if block.level:
            if is_end_matter(block.text):
                dropped_level = block.level
                continue
            while kept and kept[-1].level >= block.level:
                kept.pop()  # a heading with nothing under it
        kept.append(block)
    while kept and kept[-1].level:
        kept.pop()
    return kept


_VERTICAL = re.compile(r"\r\n?|[\v\f\x1c-\x1e\x85\u2028\u2029]")
_MANY_LINES = re.compile(r"\n{3,}")


def _tidy(text: str) -> str:
    if not text.isascii():
        text = text.encode("utf-8", "replace").decode("utf-8")
    text = _VERTICAL.sub("\n", text)
    return (
        _MANY_LINES.sub("\n\n", "\n".join([line.rstrip() for line in text.split("\n")])).strip("\n").replace("\0", "")
    )
