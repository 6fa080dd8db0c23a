"""From the HTML of a post to text: tags gone, code as it was typed.

LLaMA-1 (Touvron et al. 2023, §2.1: "We … remove the HTML tags from text") and RedPajama-v1 (`data_prep/stack_exchange`:
the words of the parsed HTML, an item of a list on a line of its own behind `*`). Beyond that: white space as a browser
shows it, code blocks with their indentation, items of ordered lists behind their number, rows of tables on a line,
`10<sup>6</sup>` as `10^6`. Links and emphasis are their words; pictures and frames are nothing.
Cost: 1.3 ms for 6,000 characters, nearly all of it walking the parsed tree.
"""

from __future__ import annotations

import re
from typing import Any

from resiliparse.parse.html import HTMLTree, NodeType

from curate.sources.html import check_complexity

_BLOCKS = frozenset(
    {"p", "div", "h1", "h2", "h3", "h4", "h5", "h6", "blockquote", "hr", "table", "dl", "pre", "ul", "ol", "details"}
    | {"section", "article", "figure", "figcaption", "center", "address", "header", "footer"}
)
"""Set apart by a blank line."""
_LINES = frozenset({"li", "tr", "dt", "dd", "caption", "summary", "thead", "tbody", "tfoot", "option"})
"""On a line of their own."""
_NOTHING = frozenset({"script", "style", "img", "iframe", "object", "noscript", "template", "title", "svg", "video"})
_ORDINALS = frozenset({"st", "nd", "rd", "th", "tm", "er", "re", "e", "o", "a"})
_BREAKS = re.compile("\r\n?|[\x0b\x0c\x1c-\x1e\x85\u2028\u2029]")
_INDENT = "  "


def post_text(html: str) -> str:
    """The text of a post: blocks apart by a blank line, none at the ends, no surrogates and no NUL.

    Raises `curate.sources.html.TooComplex`.
    """
    html = html.encode("utf-8", "replace").decode("utf-8").replace("\0", "")
    if "<" not in html and "&" not in html:
        return " ".join(html.split())
    check_complexity(html)
    tree = HTMLTree.parse(html)
    writer = _Writer()
    if tree.body is not None:
        _walk(tree.body, writer)
    return writer.text()


def _walk(root: Any, writer: _Writer) -> None:
    """Every node below `root`, in order, without recursion: what lies open is on a stack, as each look at a node is
    a call into the parser."""
    text, element = NodeType.TEXT, NodeType.ELEMENT
    node = root.first_child
    opened: list[tuple[Any, str]] = []
    while node is not None:
        kind = node.type
        if kind == text:
            writer.words(node.value or "")
        elif kind == element:
            tag = node.tag
            if tag not in _NOTHING:
                writer.start(tag, node)
                below = node.first_child
                if below is not None:
                    opened.append((node, tag))
                    node = below
                    continue
                writer.end(tag)
        node = node.next
        while node is None and opened:
            parent, tag = opened.pop()
            writer.end(tag)
            node = parent.next


class _Writer:
    """Text in the making: finished parts, and the white space that the next word will be set apart by."""

    def __init__(self) -> None:
        self._parts: list[str] = []
        self._gap = ""  # "", " ", "\n" or "\n\n"
        self._pre: list[int] = []
        self._lists: list[int | None] = []
        self._marker = ""
        self._raised: list[int] = []

    def text(self) -> str:
        return "".join(self._parts).strip("\n")

    def start(self, tag: str, node: Any) -> None:
        if tag == "br":
            self._break("\n")
        elif tag in _BLOCKS:
            # A list in an item, and the first block of an item, stand where the item does.
            self._break("\n" if self._marker or (tag in ("ul", "ol") and self._lists) else "\n\n")
            if tag == "pre":
                gap = self._take_gap()
                self._parts.append(gap.rstrip(" ") + "\n" if gap.endswith(("* ", ". ")) else gap.rstrip(" "))
                self._pre.append(len(self._parts))
            elif tag in ("ul", "ol"):
                self._lists.append(_first_number(node) if tag == "ol" else None)
        elif tag in _LINES:
            self._break("\n")
            if tag == "li":
                self._item()
        elif tag in ("td", "th"):
            if self._parts and not self._gap.startswith("\n"):
                self._gap = "\t"
        elif tag == "sup":
            self._raised.append(len(self._parts))

    def end(self, tag: str) -> None:
        if tag == "pre":
            if self._pre:
                since = self._pre.pop()
                code = "".join(self._parts[since:]).rstrip()
                self._parts[since:] = ["\n".join([line.rstrip() for line in code.split("\n")])]
            self._break("\n\n")
        elif tag in ("ul", "ol"):
            self._marker = ""
            if self._lists:
                self._lists.pop()
            self._break("\n" if self._lists else "\n\n")
        elif tag in _BLOCKS:
            self._break("\n\n")
        elif tag in _LINES:
            self._marker = ""
            self._break("\n")
        elif tag == "sup" and self._raised:
            self._raise(self._raised.pop())

    def words(self, value: str) -> None:
        if self._pre:
            self._parts.append(_BREAKS.sub("\n", value))
            return
        if "$$" not in value:
            self._flow(value)
            return
        parts = value.split("$$")
        for place, part in enumerate(parts):
            if place:
                self._put("$$")
            if place % 2 and place < len(parts) - 1 and "\n" in part:
                self._parts.append("\n".join([line.rstrip() for line in _BREAKS.sub("\n", part).split("\n")]))
            else:
                self._flow(part)

    def _flow(self, value: str) -> None:
        words = value.split()
        if not words:
            if value:
                self._gap = self._gap or " "
            return
        if value[0].isspace():
            self._gap = self._gap or " "
        self._put(" ".join(words))
        if value[-1].isspace():
            self._gap = " "

    def _put(self, word: str) -> None:
        gap = self._take_gap()
        self._parts.append(gap + word)

    def _take_gap(self) -> str:
        """The white space and the item's marker that come before the next word."""
        gap = self._gap if self._parts else ""
        self._gap = ""
        if self._marker:
            gap, self._marker = gap + self._marker, ""
        elif "\n" in gap and self._lists and not self._pre:
            gap += _INDENT * len(self._lists)
        return gap

    def _break(self, gap: str) -> None:
        if len(gap) > len(self._gap) or not self._gap.startswith("\n"):
            self._gap = gap

    def _item(self) -> None:
        depth = max(len(self._lists), 1)
        number = self._lists[-1] if self._lists else None
        self._marker = _INDENT * (depth - 1) + ("* " if number is None else f"{number}. ")
        if number is not None:
            self._lists[-1] = number + 1

    def _raise(self, since: int) -> None:
        raised = "".join(self._parts[since:])
        before = self._parts[since - 1][-1:] if since else ""
        if raised and not raised[0].isspace() and (before.isalnum() or before in (")", "]")):
            if raised.isalpha() and (raised.lower() in _ORDINALS or len(raised) > 2):
                return
            self._parts[since] = "^" + self._parts[since]


def _first_number(node: Any) -> int:
    start = node.getattr("start") or ""
    return int(start) if re.fullmatch(r"[0-9]{1,9}", start) else 1
