"""Wikipedia, and any MediaWiki's dump: from a page to a document, or to the reason why it is none.

Input is `pages-articles.xml.bz2`, multistream or not, also `.xml` and `.xml.gz`, of any language. LLaMA-1 took 20
languages of the dumps of June to August 2022 and removed "hyperlinks, comments and other formatting boilerplate"
(Touvron et al. 2023, §2.1); what is kept of wikitext is said in `curate.sources.wikitext`.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator, Mapping
from enum import StrEnum
from functools import lru_cache, partial
from typing import IO
from urllib.parse import quote

from pydantic import field_validator

from curate.document import Document
from curate.errors import SetAside
from curate.inputs import InputFile
from curate.sections import ExtractSection
from curate.sources.source import Dropped, Outcome, Piece, Source
from curate.sources.wikipedia_licence import licence_of
from curate.sources.wikipedia_pages import Broken, RawPage, divisible, pages
from curate.sources.wikipedia_xml import BadXml, Wiki, XmlPage, holds_no_page, parse_page, read_wiki
from curate.sources.wikitext.disambiguation import is_disambiguation
from curate.sources.wikitext.page import Extracted, Wikitext
from curate.storage import filesystem

SOURCE = "wikipedia"
MAX_TITLE = 1_000
"""Characters; MediaWiki's own limit is 255 bytes."""
MAX_LISTED = 8
"""Templates whose loss a document's metadata names, the greatest first."""
# Before 2008 only the text said so, in the wiki's own language: `#REDIRECT [[…]]`, `#WEITERLEITUNG [[…]]`.
_REDIRECT = re.compile(r"\s{0,100}#(\s{0,10}[^\W\d_]{2,40})\s{0,10}:?\s{0,10}\[\[")
_LANGUAGE = re.compile(r"[a-z]{2,12}(?:-[a-z]{2,10}){0,3}")
_INDEX = re.compile(r"-index\d*\.txt(?:-p\d+p\d+)?(?:\.bz2|\.gz)?$")
_BEGINS_WITHIN = 32 << 20
"""Stored bytes of a dump in which a page begins, be it of any wiki."""
# Codes of editions that are no BCP 47 tags, or mean another language there.
_TAGS = {
    "simple": "en", "als": "gsw", "bat-smg": "sgs", "be-x-old": "be-tarask", "cbk-zam": "cbk", "eml": "egl",
    "fiu-vro": "vro", "map-bms": "jv-x-bms", "nrm": "nrf", "roa-rup": "rup", "zh-classical": "lzh", "zh-min-nan": "nan",
    "zh-yue": "yue", "mo": "ro", "roa-tara": "nap-x-tara",
}  # fmt: skip


class Drop(StrEnum):
    """Why a readable page makes no document."""

    NOT_A_PAGE = "not_a_page"
    """Another namespace: talk, templates, categories, ..."""
    LANGUAGE = "language"
    REDIRECT = "redirect"
    DISAMBIGUATION = "disambiguation"
    DELETED = "deleted"
    """The dump has the page, and its text is hidden."""
    CONTENT_MODEL = "content_model"
    """JSON, CSS, Lua, a Wikidata item: no wikitext."""
    EMPTY = "empty"


class WikipediaExtract(ExtractSection):
    """How pages become documents."""

    languages: tuple[str, ...] | None = None
    """Editions to take, by the code in their address (`en`, `zh-min-nan`); None: every one."""
    disambiguation: bool = False
    """Whether pages that only tell apart what has one name are kept."""
    math: bool = True
    """Whether formulas stay in the text, as LaTeX between `$`."""
    guess_templates: bool = True
    """Whether the only argument of a template that has no rule is kept, where it stands within a line and is short."""

    @field_validator("languages")
    @classmethod
    def _codes(cls, languages: tuple[str, ...] | None) -> tuple[str, ...] | None:
        for code in languages or ():
            if not _LANGUAGE.fullmatch(code):
                raise ValueError(f"{code!r} is no language of Wikipedia's: write it as in its address, such as en")
        return languages


class Wikipedia(Source[WikipediaExtract]):
    """The articles of Wikipedia's dumps."""

    name = SOURCE
    suffixes = (".xml.bz2", ".xml", ".xml.gz", ".bz2")
    reasons = tuple(Drop)
    Config = WikipediaExtract

    def pieces(self, item: InputFile, index: int) -> Iterator[Piece]:
        fs, inner = filesystem(item.path)
        with fs.open(inner, "rb") as stream:
            whole = not divisible(stream.read(4))
        if whole or item.size < 0:
            yield Piece(item.path, item.file, index, 0, -1 if item.size < 0 else item.size)
            return
        step = self.config.range_bytes
        # A rest of less than half a range goes with the one before it.
        starts = range(0, max(item.size - step // 2, 1), step)
        for start in starts:
            yield Piece(item.path, item.file, index, start, item.size if start == starts[-1] else start + step)

    def read(self, piece: Piece) -> Iterator[Outcome]:
        if _INDEX.search(piece.file):
            if piece.start == 0:
                yield Dropped(Drop.NOT_A_PAGE, "an index of streams", "")
            return
        wiki, broken = read_wiki(piece.path, piece.file)
        if broken is not None:
            if piece.start == 0:
                yield SetAside(piece.file, 0, broken.value, "no MediaWiki dump can be read here")
            return
        wanted = self.config.languages is None or wiki.language in self.config.languages
        fs, inner = filesystem(piece.path)
        with fs.open(inner, "rb") as stream:
            told = False
            for raw in pages(stream, piece.start, piece.end):
                told = told or raw.offset < _BEGINS_WITHIN
                work = partial(self.outcome, raw, wiki, piece.file, wanted)
                yield self.limited(piece.file, raw.offset, work, str(raw.index or ""))  # a block has many pages
            if piece.start == 0 and not told and not self._begins(stream, piece) and not holds_no_page(stream):
                yield SetAside(piece.file, 0, Broken.NOT_A_DUMP.value, "no page begins in it, or in its first 32 MB")

    @staticmethod
    def _begins(stream: IO[bytes], piece: Piece) -> bool:
        """Whether pages begin near the start of a file of which this first piece holds none."""
        if piece.end < 0 or piece.end >= min(stream.seek(0, os.SEEK_END), _BEGINS_WITHIN):
            return False
        return next(pages(stream, 0, _BEGINS_WITHIN), None) is not None

    def figures(self, document: Document) -> Mapping[str, int]:
        templates = json.loads(document.metadata)["templates"]
        return {
            "characters lost in templates that have no rule": templates["lost"],
            "characters shown of templates by rules": templates["shown"],
            "characters guessed of templates": templates["guessed"],
        }

    def outcome(self, raw: RawPage, wiki: Wiki, file: str, wanted: bool = True) -> Outcome:
        """What a page comes to under this manifest. wanted: its language is."""
        if raw.broken is not None:
            return SetAside(file, raw.offset, raw.broken.value, f"page {raw.index} of the block")
        try:
            page = parse_page(raw.data)
        except BadXml as error:
            return SetAside(file, raw.offset, "bad_xml", f"page {raw.index} of the block: {error}"[:200])
        title = page.title
        if len(title) > MAX_TITLE:
            return SetAside(file, raw.offset, "bad_xml", f"page {raw.index}: a title of {len(title):,} characters")
        if not _is_article(page, wiki):
            return Dropped(Drop.NOT_A_PAGE, f"namespace {page.ns}", "", raw.offset)
        url = address(wiki, title)
        reason, detail = self._why_not(page, wiki, wanted)
        if reason is not None:
            return Dropped(reason, detail, url, raw.offset)
        found = self._wikitext(wiki).extract(page.text, title, page.timestamp)
        if not found.text.strip():
            return Dropped(Drop.EMPTY, "no text", url, raw.offset)
        return self._document(page, wiki, url, found, raw, file)

    def _why_not(self, page: XmlPage, wiki: Wiki, wanted: bool) -> tuple[Drop | None, str]:
        if not wanted:
            return Drop.LANGUAGE, wiki.language
        if page.deleted:
            return Drop.DELETED, ""
        if page.model and page.model != "wikitext":
            return Drop.CONTENT_MODEL, page.model[:40]
        if page.redirect or _redirects(page):
            return Drop.REDIRECT, ""
        if not self.config.disambiguation and is_disambiguation(page.title, page.text):
            return Drop.DISAMBIGUATION, ""
        return None, ""

    def _wikitext(self, wiki: Wiki) -> Wikitext:
        namespaces = tuple(sorted(wiki.namespaces.items()))
        return _extractor(wiki.language or "en", namespaces, self.config.guess_templates, self.config.math)

    def _document(self, page: XmlPage, wiki: Wiki, url: str, found: Extracted, raw: RawPage, file: str) -> Document:
        count = found.count
        lost = sorted(found.lost.items(), key=lambda item: (-item[1], item[0]))[:MAX_LISTED]
        metadata: dict[str, object] = {
            "page_id": page.id,
            "revision_id": page.revision,
            "wiki": wiki.database,
            "template_loss": round(count.lost / (len(found.text) + count.lost), 6),
            "templates": {
                "shown": count.shown,
                "guessed": count.guessed,
                "by_design": count.by_design,
                "lost": count.lost,
                "lost_most": dict(lost),
            },
        }
        return self.document(
            found.text,
            file=file,
            offset=raw.offset,
            index=raw.index,
            url=url,
            title=page.title,
            date=page.timestamp,
            language=_TAGS.get(wiki.language, wiki.language),
            licence=licence_of(wiki, page.timestamp),
            metadata=metadata,
        )


@lru_cache(maxsize=64)
def _extractor(language: str, namespaces: tuple[tuple[int, str], ...], guess: bool, math: bool) -> Wikitext:
    return Wikitext(language, dict(namespaces), guess, math)


def _is_article(page: XmlPage, wiki: Wiki) -> bool:
    """Of namespace 0. Schema 0.3 has no `<ns>`: there the title's prefix says it."""
    if page.ns is not None:
        return page.ns == 0
    prefix, colon, _ = page.title.partition(":")
    return not colon or prefix.casefold() not in {name.casefold() for name in wiki.namespaces.values()}


def _redirects(page: XmlPage) -> bool:
    """Whether the text says so. Since schema 0.6 an element does, and articles may begin with a list, `# See [[B]]`."""
    found = _REDIRECT.match(page.text)
    return found is not None and (page.ns is None or found[1] == found[1].strip().upper())


def address(wiki: Wiki, title: str) -> str:
    """The page's URL as MediaWiki writes it: underscores for blanks, some signs as they are; "" for no known wiki."""
    return wiki.base + quote(title.replace(" ", "_"), safe=";@$!*(),/~:-._") if wiki.base and title else ""
