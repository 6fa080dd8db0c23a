"""The text of a book's HTML: all of it, as a book has no furniture, but for page numbers and transcribers' notes."""

from __future__ import annotations

import re
from dataclasses import dataclass

from resiliparse.extract.html2text import extract_plain_text
from resiliparse.parse.html import HTMLTree

from curate.sources.books_archive import BadBook, Unreadable
from curate.sources.charset import decode
from curate.sources.html import TooComplex, check_complexity, one_line, tidy

NOT_THE_BOOK = (
    "nav", "script", "style", "template", "noscript",
    ".pagenum", ".pageno", ".pagenumber", ".page-number", ".pagebreak", ".pgnum", ".pb", "[role='doc-pagebreak']",
    ".transnote", ".tnote", ".tnbox", ".trans-note", ".transcriber-note", ".transcribers-note", ".transcriber",
)  # fmt: skip
"""What Project Gutenberg's producers call the numbers of printed pages and their own notes; and navigation."""
_ENTITY = re.compile(r"<!ENTITY\s", re.IGNORECASE)
_PROLOGUE = 64 << 10
_LOOKS_LIKE_HTML = re.compile(
    rb"\s{0,64}(?:\xef\xbb\xbf)?\s{0,64}(?:<\?xml[^>]{0,256}>\s{0,64})?(?>(?:<!--.{0,2000}?-->\s{0,64}){0,4})<(?:!doctype\s+html|html|head)[\s>]",
    re.IGNORECASE | re.DOTALL,
)
# From a run's first blank alone, or looking would cost the square of its length.
_NBSP = re.compile("(?<![ \u00a0]) *+\u00a0[ \u00a0]*+")


@dataclass(frozen=True, slots=True)
class HtmlText:
    """title, language, author, rights: what the page's own head says, "" where nothing."""

    text: str
    title: str
    language: str
    author: str
    rights: str


def looks_like_html(body: bytes) -> bool:
    return _LOOKS_LIKE_HTML.match(body[:8192]) is not None


def book_text(body: bytes) -> HtmlText:
    """A page, or a chapter of a book. Raises Unreadable for what should not be parsed."""
    html, _ = decode(body)
    if _ENTITY.search(html, 0, _PROLOGUE):
        raise Unreadable(BadBook.ENTITIES, "the page declares entities")
    try:
        check_complexity(html)
    except TooComplex as error:
        raise Unreadable(BadBook.TOO_DEEP, str(error)) from error
    tree = HTMLTree.parse(html)
    text = extract_plain_text(
        tree,
        preserve_formatting=True,
        main_content=False,
        list_bullets=True,
        alt_texts=False,
        skip_elements=list(NOT_THE_BOOK),
    )
    language = author = rights = ""
    if tree.document is not None:
        root = tree.document.document_element
        language = one_line((root.getattr("lang") or root.getattr("xml:lang") or "") if root is not None else "")[:64]
        for element in tree.document.query_selector_all("meta[name], link[rel='license' i], a[rel='license' i]")[:256]:
            name = (element.getattr("name") or element.getattr("rel") or "").lower()
            content = one_line(element.getattr("content") or element.getattr("href") or "")[:1000]
            if name in ("author", "dc.creator", "dcterms.creator", "marcrel.aut"):
                author = author or content
            elif name in ("license", "dc.rights", "dcterms.rights", "dcterms.license"):
                rights = rights or content
    return HtmlText(tidy(_NBSP.sub(" ", text)), one_line(tree.title or "")[:1000], language, author, rights)
