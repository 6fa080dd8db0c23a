"""What wikitext hides from itself: comments, and extension tags whose content is no wikitext.

They go first, as in MediaWiki's preprocessor: nothing inside them opens or closes anything outside.
"""

from __future__ import annotations

import re
from html import unescape

from curate.sources.wikitext.marks import BREAK, Saved

_DROPPED = (
    "ref|references|gallery|timeline|imagemap|graph|mapframe|maplink|templatedata|templatestyles|hiero|categorytree|"
    "inputbox|score|indicator|includeonly|section|style|quiz|rss|phonos|chart|dynamicpagelist|listing|slideshow|tabs|"
    "tabber|choose|randomimage|videoflash|youtube"
)
_LITERAL = "nowiki|poem|pre|syntaxhighlight|source"
_MATHS = "math|chem|ce"
_TAG = re.compile(rf"<(?:!--|({_DROPPED}|{_LITERAL}|{_MATHS})(?![\w-])([^<>]*+)>)", re.IGNORECASE)
_CLOSING = {
    name: re.compile(rf"</{name}\s{{0,10}}>", re.IGNORECASE)
    for name in "|".join((_DROPPED, _LITERAL, _MATHS)).split("|")
}
_DISPLAY = re.compile(r"display\s*=\s*[\"']?block", re.IGNORECASE)
_HTML_TABLE = re.compile(r"<(/?)table(?![\w-])[^<>]*+>", re.IGNORECASE)


def take_out(text: str, saved: Saved, keep_math: bool = True) -> str:
    """The text without comments, references, galleries and the like; literal text, code and formulas are saved.

    Linear in the text: a tag whose end is not there is looked for once.
    """
    out: list[str] = []
    position = 0
    endless: set[str] = set()
    while found := _TAG.search(text, position):
        begin, after = found.span()
        name = found[1].lower() if found[1] else ""
        if not name:
            close = text.find("-->", after)
            end = len(text) if close < 0 else close + 3
            # A comment that has its line to itself takes the line with it.
            if begin and text[begin - 1] == "\n" and text.startswith("\n", end):
                end += 1
            out.append(text[position:begin])
            position = end
            continue
        out.append(text[position:begin])
        position = after
        if found[2].endswith("/") or name in endless:
            continue
        ending = _CLOSING[name].search(text, after)
        if ending is None:
            endless.add(name)
            continue
        out.append(_shown(name, found[2], text[after : ending.start()], saved, keep_math))
        position = ending.end()
    out.append(text[position:])
    return without_html_tables("".join(out))


def _shown(name: str, attributes: str, content: str, saved: Saved, keep_math: bool) -> str:
    if name == "poem":  # its lines are lines
        return "\n\n" + take_out(content.strip("\n"), saved, keep_math).replace("\n", BREAK) + "\n\n"
    if name == "nowiki":
        return saved.put(unescape(content)) if content else ""
    if name == "pre":
        content = content.replace("<nowiki>", "").replace("</nowiki>", "")
        return "\n\n" + saved.put(unescape(content).strip("\n")) + "\n\n"
    if name in ("syntaxhighlight", "source"):
        code = saved.put(content.strip("\n"))
        return code if "inline" in attributes.lower() or "\n" not in content.strip() else f"\n\n{code}\n\n"
    if name in ("math", "chem", "ce") and keep_math and content.strip():
        formula = " ".join(unescape(content).split())
        if name != "math":
            formula = rf"\ce{{{formula}}}"
        if _DISPLAY.search(attributes):
            return "\n\n" + saved.put(f"$${formula}$$") + "\n\n"
        return saved.put(f"${formula}$")
    return ""


def without_html_tables(text: str) -> str:
    """The text without its `<table>…</table>`, whatever they hold; one without an end is left."""
    if "<table" not in text and "<TABLE" not in text:
        return text
    out: list[str] = []
    position = 0
    begins: list[int] = []
    spans: list[tuple[int, int]] = []
    for found in _HTML_TABLE.finditer(text):
        if not found[1]:
            begins.append(found.start())
        elif begins:
            begin = begins.pop()
            while spans and spans[-1][0] > begin:
                spans.pop()
            spans.append((begin, found.end()))
    for begin, end in spans:
        out.append(text[position:begin])
        position = end
    out.append(text[position:])
    return "".join(out)
