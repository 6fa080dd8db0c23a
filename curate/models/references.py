"""The pages that Wikipedia cites: URLs in the `<ref>`s of a dump.

Forms of references are those of https://en.wikipedia.org/wiki/Help:Footnotes and where they begin and end is as
MediaWiki's preprocessor finds it. Citation templates have another name in every language, so none is known here: any
URL in a reference is cited, and of a template's parameters those whose names say so (`url`, `chapter-url`) are taken
before others (a publisher's home page) and archived copies last.

Every scan goes forward once: time is linear in the wikitext, whatever it holds.
"""

from __future__ import annotations

import html
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from curate.models.cited_urls import NotAPage, cited_page
from curate.sources.wikipedia_dump import articles

# Extension tags whose content is not read as wikitext, so that a `<ref>` in it is none.
_TAGS = ("ref", "nowiki", "pre", "math", "chem", "source", "syntaxhighlight", "timeline", "score", "templatedata")
_OPENER = re.compile(
    rf"<!--|<({'|'.join(_TAGS)})(?=[\s/>])([^<>]*)>"
    r"|\{\{\s{0,20}#tag\s{0,20}:\s{0,20}ref\s{0,20}(?=\||\}\})",
    re.IGNORECASE,
)
_BRACES = re.compile(r"\{\{|\}\}")
_ATTRIBUTE = re.compile(r"""\b(name|group)\s{0,20}=\s{0,20}(?:"([^"]*)"|'([^']*)'|([^\s"'/|]+))""", re.IGNORECASE)
_PARAMETER = re.compile(r"""\|\s{0,20}(name|group)\s{0,20}=\s{0,20}"?([^|{}"]*)""", re.IGNORECASE)
_CHARACTER = r"(?:[^\s\x00-\x20\x7f\xa0<>\"\[\]|{}']|'(?!')|\{(?!\{)|\}(?!\}))"
_TOKEN = re.compile(
    rf"\{{\{{|\}}\}}|\[\[|\]\]|\||(?<![A-Za-z0-9])https?://{_CHARACTER}+|(?<=\[)//{_CHARACTER}+"
    rf"|(?<==)\s{{0,20}}//{_CHARACTER}+|(?<==)\s{{0,20}}www\.{_CHARACTER}+|(?<=url\|)\s{{0,20}}[\w-]+(?:\.[\w-]+)+(?:/{_CHARACTER}*)?",
    re.IGNORECASE,
)
_ENTITY = re.compile(r"&(#[0-9]{1,7}|#x[0-9a-f]{1,6}|[a-z][a-z0-9]{1,31});", re.IGNORECASE)
# MediaWiki ends a free link at an encoded <, > or no-break space (`Parser::makeFreeExternalLink`).
_ENCODED_END = re.compile(r"&(?:lt|gt|nbsp|#0*(?:60|62|160)|#x0*(?:3c|3e|a0));", re.IGNORECASE)
# "archive" as the names of parameters write it.
_ARCHIVE = (
    "archiv", "arkiv", "arquiv", "arxiu", "arhiv", "arhīv", "arşiv", "arxiv-url", "artxibo", "archyv", "cartlann",
    "архив", "архів", "архіў", "αρχει", "αρχεί", "أرشيف", "آرشیو", "بایگانی", "ארכיון", "wayback", "存档", "存檔",
    "アーカイブ", "보존", "아카이브", "lưu trữ", "lưutrữ",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Reference:
    """A cited page. article: title of the article that cites it; url: absolute; key: `lookup_key` of it."""

    article: str
    url: str
    key: str


@dataclass(slots=True)
class ReferenceCounts:
    """What was read. pages: of the dump, by what they are (see `articles`); refs: references that say something, named
    ones once an article; reused: further uses of a named one; without_url: of refs; only_dropped: of refs, with URLs
    none of which names a page; urls: cited pages, each once a reference; dropped: URLs by why (see `NotAPage`)."""

    pages: Counter[str] = field(default_factory=Counter)
    refs: int = 0
    reused: int = 0
    without_url: int = 0
    only_dropped: int = 0
    urls: int = 0
    dropped: Counter[str] = field(default_factory=Counter)


def references(path: str | Path, counts: ReferenceCounts | None = None) -> Iterator[Reference]:
    """Every page that the articles of a dump cite, in the dump's order, each once a reference. UserError as `articles`.

    counts: filled as the dump passes.
    """
    counts = ReferenceCounts() if counts is None else counts
    for article in articles(path, counts.pages):
        for content in reference_texts(article.text, counts):
            counts.refs += 1
            written = cited_urls(content)
            counts.without_url += not written
            keys: set[str] = set()
            for url in written:
                try:
                    address, key = cited_page(url)
                except NotAPage as why:
                    counts.dropped[str(why)] += 1
                    continue
                if key not in keys:
                    keys.add(key)
                    counts.urls += 1
                    yield Reference(article.title, address, key)
            counts.only_dropped += bool(written) and not keys


def reference_texts(wikitext: str, counts: ReferenceCounts | None = None) -> Iterator[str]:
    """The wikitext inside each `<ref>…</ref>` and `{{#tag:ref|…}}`, inline or list-defined, a named one once.

    Extension tags take the first closing tag after them, one without any is text, a comment without end hides the
    rest (MediaWiki, `Preprocessor_Hash::buildDomTreeArrayFromText`).
    """
    counts = ReferenceCounts() if counts is None else counts
    named: set[tuple[str, str]] = set()
    unclosed: set[str] = set()
    place = 0
    while opener := _OPENER.search(wikitext, place):
        place = opener.end()
        tag = (opener.group(1) or "").lower()
        if opener.group() == "<!--":
            place = _after(wikitext.find("-->", place), 3, wikitext)
            continue
        if not tag:
            if "{{" in unclosed:
                continue
            end = _closing_braces(wikitext, place)
            if end < 0:
                unclosed.add("{{")
                continue
            content, place = wikitext[place:end], end + 2
            names = {found.group(1).lower(): found.group(2).strip() for found in _PARAMETER.finditer(content)}
        else:
            attributes = opener.group(2)
            names = {name.lower(): "".join(value).strip() for name, *value in _ATTRIBUTE.findall(attributes)}
            content = ""
            if not attributes.endswith("/"):
                closer = None if tag in unclosed else _CLOSERS[tag].search(wikitext, place)
                if closer is None:
                    unclosed.add(tag)
                    continue
                content, place = wikitext[place : closer.start()], closer.end()
            if tag != "ref":
                continue
        content = without_comments(content)
        name = (names.get("group", ""), names.get("name", ""))
        if not content.strip(" \n\t|") or name in named:
            counts.reused += 1
            continue
        if name[1]:
            named.add(name)
        yield content


_CLOSERS = {tag: re.compile(rf"</{tag}\s{{0,50}}>", re.IGNORECASE) for tag in _TAGS}


def _after(place: int, length: int, text: str) -> int:
    return len(text) if place < 0 else place + length


def _closing_braces(text: str, place: int) -> int:
    depth = 1
    for braces in _BRACES.finditer(text, place):
        depth += 1 if braces.group() == "{{" else -1
        if depth == 0:
            return braces.start()
    return -1


def without_comments(wikitext: str) -> str:
    """The text without `<!-- … -->`."""
    parts = wikitext.split("<!--")
    return parts[0] + "".join(part.partition("-->")[2] for part in parts[1:])


@dataclass(slots=True)
class _Template:
    """Or the text outside of all. found: (place, URL) by what their parameter's name says."""

    start: int
    links: int = 0
    primary: list[tuple[int, str]] = field(default_factory=list)
    other: list[tuple[int, str]] = field(default_factory=list)
    archived: list[tuple[int, str]] = field(default_factory=list)

    def cited(self) -> list[tuple[int, str]]:
        return self.primary or self.other or self.archived


def cited_urls(content: str) -> list[str]:
    """The URLs that one reference cites, as written, in order. http and https only; `//host` in links and parameters.

    Bare URLs and `[URL title]` wherever they stand; of a template with a parameter named like a URL, only such; an
    archived copy only where the template has nothing else.
    """
    content = content.replace("{{!}}", "%7C").replace("{{=}}", "=")
    found: list[tuple[int, str]] = []
    open_templates: list[_Template] = []
    for token in _TOKEN.finditer(content):
        what, place = token.group(), token.start()
        template = open_templates[-1] if open_templates else None
        if what == "{{":
            open_templates.append(_Template(token.end()))
        elif template is not None and what == "}}":
            open_templates.pop()
            found += template.cited()
        elif template is not None and what == "[[":
            template.links += 1
        elif template is not None and what == "]]":
            template.links = max(0, template.links - 1)
        elif template is not None and what == "|":
            if not template.links:
                template.start = token.end()
        elif "." in what:
            bracketed = content[place - 1 : place] == "["
            url = _tidy(what.strip(), bracketed)
            if template is None:
                if url[:4].lower() == "http" or bracketed:
                    found.append((place, url))
                continue
            name, equals, _ = content[template.start : min(template.start + 64, place)].partition("=")
            name = name.strip().lower() if equals else ""
            relative = url[:4].lower() != "http"
            if relative and not url.startswith("//"):
                if equals and "url" not in name:
                    continue  # `|website=www.example.org` names a site, no page
                url = "http://" + url
            if any(word in name for word in _ARCHIVE):
                template.archived.append((place, url))
            else:
                (template.primary if "url" in name else template.other).append((place, url))
    for template in open_templates:
        found += template.cited()
    return [url for _, url in sorted(found)]


def _tidy(url: str, bracketed: bool) -> str:
    """Without what MediaWiki leaves out of a link: entities decoded, and the punctuation after a bare URL."""
    url = _ENCODED_END.split(url, maxsplit=1)[0]
    url = _ENTITY.sub(lambda entity: html.unescape(entity.group()), url)
    if not bracketed:
        url = url.rstrip(",;.:!?" if "(" in url else ",;.:!?)")
    return url
