"""Books: Project Gutenberg's texts, HTML and EPUBs, and any folder of books that the user has a licence for.

LLaMA-1 took Project Gutenberg and Books3 (Touvron et al. 2023, §2.1); the latter is not distributed. A file is one book
(text, HTML or EPUB, told by its bytes and not by its name), or a ZIP of texts and HTML pages as the project's mirrors
have them. Project Gutenberg's header and licence go, with the credits and notes of those who prepared the text.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import IO, Any, Literal

from pydantic import field_validator

from curate.document import Document
from curate.errors import SetAside
from curate.sections import Bytes, ExtractSection
from curate.sources import gutenberg
from curate.sources.books_archive import MAGIC, Archive, BadBook, Unreadable, leads_out, one_line
from curate.sources.books_html import book_text, looks_like_html
from curate.sources.books_lines import dedented, unwrapped
from curate.sources.books_rights import licence_of
from curate.sources.charset import decode
from curate.sources.epub_package import MAX_PACKAGE, Item, Package, parse_package, root_file
from curate.sources.gutenberg_notes import blocks_of, without_marks, without_notes
from curate.sources.html import MAX_TITLE, tidy
from curate.sources.http import looks_like_text
from curate.sources.source import Dropped, Outcome, Piece, Source
from curate.storage import filesystem
from curate.text.spdx import is_expression

_TEXTS = (".txt", ".text", ".txt.utf-8", ".txt.utf8")
_PAGES = (".html", ".htm", ".xhtml")
_BOTH_CASES = (*_TEXTS, *_PAGES, ".zip", ".epub")
SUFFIXES = (
    *_BOTH_CASES,
    *(suffix.upper() for suffix in _BOTH_CASES),
    *(".txt.gz", ".epub3", ".epub.images", ".epub.noimages", ".epub3.images"),
)
GUTENBERG_PAGE = "https://www.gutenberg.org/ebooks/"
_GZIP = b"\x1f\x8b"
_CHUNK = 1 << 20
_LINE_ENDS = re.compile("\r\n?|[\x0b\x0c\x85\u2028\u2029]")
_CONTAINER, _ENCRYPTION, _TYPE = "META-INF/container.xml", "META-INF/encryption.xml", "mimetype"


class Drop(StrEnum):
    """Why a readable book makes no document."""

    COPYRIGHTED = "copyrighted"
    """Project Gutenberg gives it away with its owner's leave, which is no licence to do as much."""
    UNLICENSED = "unlicensed"
    """Nothing says that it may be used: `extract.licence` does, for books that do not say so themselves."""
    EMPTY = "empty"
    NO_BOOK = "no_book"
    """An archive without text or HTML, such as one of pictures or sound."""


class BooksExtract(ExtractSection):
    """How files become books."""

    licence: str = ""
    """SPDX expression of the books that do not state one: a folder of one's own. "" drops those."""
    keep_copyrighted: bool = False
    """Keep Project Gutenberg's copyrighted books, as LicenseRef-PG-Copyrighted, for the licence filter to judge."""
    lines: Literal["unwrap", "keep"] = "unwrap"
    """Put the hard-wrapped lines of plain text back into paragraphs; verse, tables and headings stay as they are."""
    notes: Literal["remove", "keep"] = "remove"
    """Transcribers' notes, credits, and the marks of pictures and pages."""
    max_book_bytes: Bytes = 64 << 20
    """A book larger than this, decompressed, is set aside: the longest of Project Gutenberg has some 30 MB."""
    max_archive_bytes: Bytes = 4 << 30
    """Bytes that the books in one archive may have together."""

    @field_validator("licence")
    @classmethod
    def _known(cls, value: str) -> str:
        if value and not is_expression(value):
            raise ValueError("write an SPDX expression, such as CC-BY-4.0, CC0-1.0 or LicenseRef-MyContract")
        return value


@dataclass(frozen=True, slots=True)
class Described:
    """What a book's own metadata say of it, "" or empty where nothing."""

    title: str = ""
    authors: tuple[str, ...] = ()
    language: str = ""
    date: str = ""
    rights: str = ""
    number: int = 0
    form: str = "text"
    encoding: str = ""


class Books(Source[BooksExtract]):
    """One document a book, its id made of the file and the place of the book in it."""

    name = "books"
    Config = BooksExtract
    suffixes = SUFFIXES
    reasons = tuple(Drop)

    def read(self, piece: Piece) -> Iterator[Outcome]:
        fs, inner = filesystem(piece.path)
        with fs.open(inner, "rb") as stream:
            magic = stream.read(len(MAGIC))
            stream.seek(0)
            try:
                if magic == MAGIC:
                    yield from self._archive(stream, piece.file)
                    return
                body = self._inflated(stream) if magic[:2] == _GZIP else stream.read(self.config.max_book_bytes + 1)
                yield self._limited_book(body, piece.file, piece.file, 0, 0)
            except Unreadable as error:
                yield SetAside(piece.file, 0, error.reason.value, str(error))

    def _inflated(self, stream: IO[bytes]) -> bytes:
        """A gzipped book. Raises Unreadable where it is broken or larger than a book."""
        inflate = zlib.decompressobj(wbits=31)
        limit = self.config.max_book_bytes
        parts: list[bytes] = []
        size = 0
        try:
            while not inflate.eof:
                data = inflate.unconsumed_tail or stream.read(_CHUNK)
                if not data:
                    raise Unreadable(BadBook.BAD_ARCHIVE, "the gzip member is cut off")
                part = inflate.decompress(data, _CHUNK)
                size += len(part)
                if size > limit:
                    raise Unreadable(BadBook.BOMB, f"holds more than {limit:,} bytes")
                parts.append(part)
        except zlib.error as error:
            raise Unreadable(BadBook.BAD_ARCHIVE, one_line(error)) from error
        return b"".join(parts)

    # ---- archives ----

    def _archive(self, stream: IO[bytes], file: str) -> Iterator[Outcome]:
        archive = Archive(stream)
        if _CONTAINER in archive or _TYPE in archive:
            yield self.limited(file, 0, lambda: self._epub(archive, file))
            return
        budget = self.config.max_archive_bytes
        told = 0
        for index, member in enumerate(archive.members):
            name = member.filename
            offset = max(member.header_offset, 0)  # a damaged directory names places before the file's beginning
            lowered = name.lower()
            if leads_out(name):
                detail = f"the member {name[:100]!r} leads out of the archive"
                yield SetAside(file, offset, BadBook.UNSAFE_PATH.value, detail)
                told += 1
                continue
            if not lowered.endswith((*_TEXTS, *_PAGES)):
                continue
            told += 1
            try:
                body = archive.read(member, min(self.config.max_book_bytes, budget))
                budget -= len(body)
                yield self._limited_book(body, file, f"{file}!{name}", offset, index)
            except Unreadable as error:
                yield SetAside(file, offset, error.reason.value, f"{error}")
                if error.reason is BadBook.BOMB:
                    budget -= min(self.config.max_book_bytes, budget)
            if budget <= 0:
                detail = (
                    f"its books have more than {self.config.max_archive_bytes:,} bytes together; the rest is unread"
                )
                yield SetAside(file, offset, BadBook.BOMB.value, detail)
                return
        if not told:
            yield Dropped(Drop.NO_BOOK, f"{len(archive.members)} members, none of them text or HTML", file)

    def _epub(self, archive: Archive, file: str) -> Outcome:
        """One book out of an EPUB: the text of its spine."""
        path = root_file(archive.read(_CONTAINER, MAX_PACKAGE)) if _CONTAINER in archive else ""
        if path not in archive:
            path = next((name for name in archive.names() if name.lower().endswith(".opf")), path)
        if leads_out(path):
            raise Unreadable(BadBook.UNSAFE_PATH, f"the package {path[:100]!r} leads out of the archive")
        package = parse_package(archive.read(path, MAX_PACKAGE), path)
        locked = archive.read(_ENCRYPTION, MAX_PACKAGE) if _ENCRYPTION in archive else b""
        limit = self.config.max_book_bytes
        chapters: list[str] = []
        for item in package.spine:
            if item.path.encode() in locked:
                raise Unreadable(BadBook.ENCRYPTED, f"the chapter {item.path[:100]!r} is encrypted")
            body = self._chapter(archive, item, limit)
            limit -= len(body)
            chapters.append(book_text(body).text)
        return self._told("\n\n".join(chapters), _of_package(package), file, file, 0, 0)

    @staticmethod
    def _chapter(archive: Archive, item: Item, limit: int) -> bytes:
        if item.path not in archive:
            raise Unreadable(BadBook.BAD_PACKAGE, f"the chapter {item.path[:100]!r} is not there")
        return archive.read(item.path, limit)

    # ---- one book ----

    def _limited_book(self, body: bytes, file: str, name: str, offset: int, index: int) -> Outcome:
        return self.limited(file, offset, lambda: self._book(body, file, name, offset, index), str(index))

    def _book(self, body: bytes, file: str, name: str, offset: int, index: int) -> Outcome:
        """name: what a drop can be asked for by, the file's or that of the archive's member."""
        if len(body) > self.config.max_book_bytes:
            raise Unreadable(BadBook.TOO_LARGE, f"more than {self.config.max_book_bytes:,} bytes")
        if not body.strip():
            return Dropped(Drop.EMPTY, "nothing in it", name, offset)
        if looks_like_html(body):
            page = book_text(body)
            authors = (page.author,) if page.author else ()
            described = Described(page.title, authors, page.language, rights=page.rights, form="html")
            return self._told(page.text, described, file, name, offset, index)
        if not body.startswith((b"\xff\xfe", b"\xfe\xff")) and not looks_like_text(body):
            raise Unreadable(BadBook.NOT_TEXT, f"neither text nor HTML: {body[:16]!r}")
        text, codec = decode(body, html=False)
        return self._told(_LINE_ENDS.sub("\n", text), Described(encoding=codec), file, name, offset, index)

    def _told(self, text: str, described: Described, file: str, name: str, offset: int, index: int) -> Outcome:
        """The document of a book's whole text, or why it is none."""
        known = gutenberg.parse(text)
        url = f"{GUTENBERG_PAGE}{number}" if (number := known.number if known else described.number) else ""
        licence = licence_of(described.rights)
        says = "the book"
        if known is not None and licence != gutenberg.COPYRIGHTED:
            licence, says = gutenberg.LICENCES[known.status], "Project Gutenberg"
        if not licence:
            licence, says = self.config.licence, "the manifest"
        if licence == gutenberg.COPYRIGHTED and not self.config.keep_copyrighted:
            return Dropped(Drop.COPYRIGHTED, "Project Gutenberg says that it is copyrighted", url or name, offset)
        if not licence:
            detail = "no licence is stated: extract.licence says one for all such books"
            return Dropped(Drop.UNLICENSED, detail, url or name, offset)
        body = self._text(known.body if known else text, known is not None, described.form == "text")
        if not any(character.isalnum() for character in body):
            return Dropped(Drop.EMPTY, "nothing between its beginning and its end", url or name, offset)
        return self._document(text, body, known, described, licence, says, url, file, offset, index)

    def _text(self, text: str, from_gutenberg: bool, wrapped: bool) -> str:
        remove = self.config.notes == "remove"
        blocks = blocks_of(without_marks(text, from_gutenberg) if remove else text)
        if remove:
            blocks = without_notes(blocks, from_gutenberg)
        paragraphs = [block.text for block in blocks]
        if wrapped and self.config.lines == "unwrap":
            paragraphs = unwrapped(paragraphs)
        elif wrapped:
            paragraphs = [dedented(paragraph) for paragraph in paragraphs]
        return tidy("\n\n".join(paragraphs))

    def _document(
        self,
        whole: str,
        body: str,
        known: gutenberg.Gutenberg | None,
        described: Described,
        licence: str,
        says: str,
        url: str,
        file: str,
        offset: int,
        index: int,
    ) -> Document:
        metadata: dict[str, Any] = {
            "form": described.form,
            "authors": list(described.authors or (known.authors if known else ())),
            "licence_from": says,
        }
        if described.encoding:
            metadata["encoding"] = described.encoding
        if number := (known.number if known else described.number):
            metadata["gutenberg"] = number
        if known is not None:
            metadata |= {
                key: value
                for key, value in (("translators", list(known.translators)), ("updated", known.updated))
                if value
            }
            if not known.ended:
                metadata["end"] = "not marked"
        metadata["characters_before"] = len(whole)
        title = described.title if described.form == "epub" or known is None or not known.title else known.title
        return self.document(
            body,
            file=file,
            offset=offset,
            index=index,
            url=url,
            title=" ".join(title.split())[:MAX_TITLE],
            date=(known.released if known else "") or described.date,
            language=(known.language if known else "") or described.language,
            licence=licence,
            metadata=metadata,
        )


def _of_package(package: Package) -> Described:
    """What an EPUB's metadata say; of Project Gutenberg's also the number of the ebook."""
    named = " ".join([*package.metadata.get("identifier", ()), *package.metadata.get("source", ())])
    number = re.search(r"gutenberg\.org/(?:ebooks/|files/)?(\d{1,6})\b", named)
    return Described(
        title=package.first("title"),
        authors=tuple(package.metadata.get("creator", ())),
        language=package.first("language")[:64],
        date=gutenberg.iso_date(package.first("date")),
        rights=" ".join(package.metadata.get("rights", ())),
        number=int(number[1]) if number else 0,
        form="epub",
    )
