"""From a page's HTML to its title, main text and what it says of itself.

The extraction is resiliparse's: the page is parsed once, the main content is chosen by its heuristics. Choices:
list bullets stay (Gopher's bullet rule reads them, and numbers of ordered lists are content), `alt` texts, link
targets and form fields go (C4 and CCNet's texts have none), by-lines and comments of articles stay as text.
Cost: nearly all of it resiliparse's; `python -m bench.reading` tells both.

Both the parser and the extraction take time that grows with the square of the depth or of a tag's attributes, so
pages beyond what browsers take are refused before they are parsed.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

import numpy as np
from resiliparse.extract.html2text import extract_plain_text
from resiliparse.parse.html import HTMLTree

from curate.sources.nesting import depth_bound, flat_names
from curate.sources.robots import AGENTS, directives, meta_agent

MAX_DEPTH = 512
"""Browsers (Blink) stop nesting elements at 512."""
MAX_ATTRIBUTES = 4096
MAX_OPTIONS = 8192
MAX_TITLE = 1000
_ATTRIBUTES_FROM = 256 << 10
_MAX_METAS = 64
_DECLARATIONS = ", ".join(
    [f"meta[name~='{agent}' i]" for agent in sorted(AGENTS)]
    + ["meta[property='article:published_time']", "meta[http-equiv='content-language' i]", "link[rel~='canonical' i]"]
)

_TAG = re.compile(r"<(/?[a-zA-Z][a-zA-Z0-9:-]{0,31})")
_MARKUP = re.compile(r"<(?:!--|[a-zA-Z])")
_START_TAG = re.compile(r"""<([a-zA-Z][^\s/>]{0,31})(?:=\s*+"[^"]*+"|=\s*+'[^']*+'|[^>])*+""")
_WHOLE_TAG = re.compile(r"""<[a-zA-Z](?:=\s*+"[^"]*+"|=\s*+'[^']*+'|[^>])*+""")
_VALUE = re.compile(r"""=\s*+(?:"[^"]*+"|'[^']*+'|[^\s>]*+)""")
_QUOTED_END = re.compile(r"""=\s*+["'][^"'<>]*+>""")
_RAW_TEXT = ("script", "style", "textarea", "iframe", "noscript", "xmp")
_RAW_END = {name: re.compile(f"</{name}", re.IGNORECASE) for name in _RAW_TEXT}
_OPTION = re.compile(r"<opt(?:ion|group)", re.IGNORECASE)
_BLANK_LINES = re.compile(r"\n{3,}")
_PAGE_FOOTERS = ["body > div > div > div > footer", "body > div > div > div > * > footer"]
_BODY = re.compile(r"<body(?:\s[^<>]*)?>", re.IGNORECASE)
_HEAD_END = re.compile(r"</head\s*>", re.IGNORECASE)
_HEAD = re.compile(r"<(?:!doctype|html|head|meta|title|link|frameset)[\s>]", re.IGNORECASE)
_SPACES = re.compile(r"\s+")
_VERTICAL = re.compile("\r\n?|[\x0b\x0c\x85\u2028\u2029]")

# Elements that never hold others, or that the next of their kind closes: they do not make a page deep.
_FLAT = frozenset(
    {"area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "param", "source", "track", "wbr"}
    | {"p", "li", "dt", "dd", "tr", "td", "th", "tbody", "thead", "tfoot", "colgroup", "option", "optgroup", "rp", "rt"}
    | {"html", "head", "body", "script", "style"}
)
_FLAT_NAMES = flat_names(_FLAT)
_SURELY_SHALLOW = 128
"""A bound on the depth under which no page can be dangerously deep, though the bound be short by some times."""
_FLAT_TAGS = _FLAT | {f"/{name}" for name in _FLAT}
_ONE_AT_A_TIME = frozenset({"a", "nobr", "button"})
# The standard's "special" elements: an end tag does not reach past them to close an inline element.
_SPECIAL = frozenset(
    {"address", "applet", "article", "aside", "blockquote", "button", "caption", "center", "details", "dialog", "dir"}
    | {"div", "dl", "fieldset", "figcaption", "figure", "footer", "form", "frameset", "h1", "h2", "h3", "h4", "h5"}
    | {"h6", "header", "hgroup", "iframe", "main", "marquee", "menu", "nav", "noembed", "noframes", "noscript"}
    | {"object", "ol", "plaintext", "pre", "search", "section", "select", "summary", "table", "template", "textarea"}
    | {"title", "ul", "xmp"}
)


class TooComplex(Exception):
    """A page that parsing would take too long for; the message says why."""


@dataclass(frozen=True, slots=True)
class Extracted:
    """title: one line; text: lines joined by "\\n", no trailing space, no two blank lines in a row, none at the ends;
    language_declared: `<html lang>` as written; robots: directives of its meta tags; canonical: the URL it gives
    itself, as written; published: `article:published_time` as written. "" where the page says nothing.
    """

    title: str
    text: str
    language_declared: str
    robots: frozenset[str]
    canonical: str
    published: str


def extract(html: str, url: str) -> Extracted:
    """The page's main text and what it declares. `url` is where it was read. Raises TooComplex."""
    check_complexity(html)
    tree = HTMLTree.parse(_deepened(html))
    text = extract_plain_text(
        tree,
        preserve_formatting=True,
        main_content=True,
        list_bullets=True,
        alt_texts=False,
        skip_elements=_PAGE_FOOTERS if "<footer" in html or "<FOOTER" in html else None,
    )
    robots, published, http_language, canonical = _declared(tree)
    return Extracted(
        title=one_line(tree.title or "")[:MAX_TITLE],
        text=tidy(text),
        language_declared=_language(tree) or http_language,
        robots=robots,
        canonical=canonical,
        published=published,
    )


def _deepened(html: str) -> str:
    """The page with its body put three elements deeper.

    resiliparse (2.0) takes every `<ul>` within two levels of the body for navigation, and looks for other furniture
    below them only. A `<footer>` it takes for the page's at those levels only, so those are named to it. On 517
    real pages this changes 45: lists of the content come back, log-ins and menus go.
    """
    at = max(html.find("<body"), 0) or max(html.find("<BODY"), 0)
    body = _BODY.match(html, at) or _BODY.search(html) or _HEAD_END.search(html)
    if body is not None:
        return f"{html[: body.end()]}<div><div><div>{html[body.end() :]}"
    return html if _HEAD.search(html) else f"<div><div><div>{html}"


def tidy(text: str) -> str:
    """Line ends as "\\n", no space at line ends, at most one blank line in a row, none first or last, no surrogates."""
    if not text.isascii():
        text = text.encode("utf-8", "replace").decode("utf-8")
    text = _VERTICAL.sub("\n", text)
    text = "\n".join([line.rstrip() for line in text.split("\n")])
    return _BLANK_LINES.sub("\n\n", text).strip("\n").replace("\0", "")


def one_line(text: str) -> str:
    return _SPACES.sub(" ", text.encode("utf-8", "replace").decode("utf-8").replace("\0", "")).strip()


def check_complexity(html: str) -> None:
    """Raise TooComplex where elements are nested deeper than MAX_DEPTH, a tag has more than MAX_ATTRIBUTES, or
    there are more than MAX_OPTIONS options.

    Linear in the page; a page with at most MAX_DEPTH tags cannot be deep and is not looked at.
    """
    if html.count("<") > MAX_DEPTH and _may_be_deep(html) and _deeper_than(html, MAX_DEPTH):
        raise TooComplex(f"elements nested more than {MAX_DEPTH} deep")
    if html.count("<") > MAX_OPTIONS and len(_OPTION.findall(html)) > MAX_OPTIONS:
        raise TooComplex(f"more than {MAX_OPTIONS} options")
    if len(html) > _ATTRIBUTES_FROM and _a_tag_of_many_attributes(html, MAX_ATTRIBUTES):
        raise TooComplex(f"a tag with more than {MAX_ATTRIBUTES} attributes")


def _may_be_deep(html: str) -> bool:
    return depth_bound(html, _FLAT_NAMES) > _SURELY_SHALLOW


def _a_tag_of_many_attributes(html: str, most: int) -> bool:
    ends = np.flatnonzero(np.frombuffer(html.encode("utf-8", "replace"), np.uint8) == ord(">"))
    if np.diff(ends, prepend=0, append=len(html)).max() <= 2 * most and not _QUOTED_END.search(html):
        return False  # no tag is long enough
    if max(map(len, _WHOLE_TAG.findall(html)), default=0) <= 2 * most:
        return False
    # Some long tag, or something in a script that looks like one: look again, passing over comments and scripts.
    at = 0
    while opening := _MARKUP.search(html, at):
        if opening[0] == "<!--":
            at = html.find("-->", opening.end())
            if at < 0:
                return False
            continue
        tag = _START_TAG.match(html, opening.start())
        if tag is None:
            at = opening.end()
            continue
        at = tag.end()
        if at - tag.start() > 2 * most and len(_VALUE.sub("", tag[0]).split()) > most:
            return True
        raw_end = _RAW_END.get(tag[1].lower())
        if raw_end is not None:
            end = raw_end.search(html, at)
            if end is None:
                return False
            at = end.end()
    return False


def _deeper_than(html: str, most: int) -> bool:
    """Follow the tags as the standard's tree construction would, roughly: an end tag closes the nearest element of
    its name and all that it holds, but one of an inline element does not reach past a block."""
    tags = [tag for tag in map(str.lower, _TAG.findall(html)) if tag not in _FLAT_TAGS]
    if len(tags) <= most:
        return False
    stack: list[str] = []
    for name in tags:
        if name[0] == "/":
            name = name[1:]
            if stack and stack[-1] == name:
                stack.pop()
            else:
                _close(stack, name)
            continue
        if name in _ONE_AT_A_TIME:
            _close(stack, name)
        stack.append(name)
        if len(stack) > most:
            return True
    return False


def _close(stack: list[str], name: str) -> None:
    inline = name not in _SPECIAL
    for place in range(len(stack) - 1, -1, -1):
        if stack[place] == name:
            del stack[place:]
            return
        if inline and stack[place] in _SPECIAL:
            return


def _declared(tree: Any) -> tuple[frozenset[str], str, str, str]:
    """(robots directives, publication date, Content-Language, canonical URL) of the page's meta and link tags."""
    robots: frozenset[str] = frozenset()
    published = language = canonical = ""
    if tree.document is None:
        return robots, published, language, canonical
    # A slice is taken out in one go; iterating would run the query again for every element.
    for element in tree.document.query_selector_all(_DECLARATIONS)[:_MAX_METAS]:
        if element.tag == "link":
            canonical = canonical or one_line(element.getattr("href") or "")[:2048]
            continue
        content = element.getattr("content") or ""
        name = element.getattr("name") or element.getattr("property") or ""
        if meta_agent(name):
            robots |= directives(content)
        elif name == "article:published_time":
            published = published or one_line(content)[:64]
        elif (element.getattr("http-equiv") or "").lower() == "content-language":
            language = language or one_line(content)[:64]
    return robots, published, language, canonical


def _language(tree: Any) -> str:
    root = tree.document.document_element if tree.document is not None else None
    if root is None:
        return ""
    return one_line(root.getattr("lang") or root.getattr("xml:lang") or "")[:64]
