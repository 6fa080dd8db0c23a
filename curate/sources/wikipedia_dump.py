"""The articles of a MediaWiki dump (`pages-articles.xml`, also `.bz2`, multistream or not, and `.gz`), one at a time.

The format is MediaWiki's export schema 0.3 to 0.11 (https://www.mediawiki.org/xml/). A dump is hostile until proven
otherwise: a document type is refused, so there are no entities to expand and nothing outside to fetch, and every
length and depth is bounded, so memory does not grow with the dump.
"""

from __future__ import annotations

import bz2
import gzip
import re
import zlib
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, cast
from xml.parsers import expat

from curate.errors import UserError
from curate.storage import filesystem

MAX_TEXT = 16 << 20
"""Characters of one page's wikitext; MediaWiki's own limit (`$wgMaxArticleSize`) is 2 MB."""
_MAX_NAME = 4096
_MAX_DEPTH = 32
_CHUNK = 1 << 18
_MAX_TOKEN = 16 << 20
"""Bytes that one tag may take, which expat holds until it ends."""
_KEPT = frozenset({"title", "ns", "text", "namespace"})
# In dumps before 2008 only the text says so, in the wiki's own language: `#REDIRECT [[…]]`, `#WEITERLEITUNG [[…]]`.
_REDIRECT = re.compile(r"\s{0,100}#\s{0,10}[^\W\d_]{3,40}\s{0,10}:?\s{0,10}\[\[")


@dataclass(frozen=True, slots=True)
class Article:
    """A page of namespace 0 that is no redirect. text: wikitext of the last revision in the dump."""

    title: str
    text: str


def articles(path: str | Path, counts: Counter[str] | None = None) -> Iterator[Article]:
    """Every article in the order of the dump. Compression is told by the first bytes, not by the name.

    counts: filled with pages, articles, redirects, other_namespaces and too_large as they pass. Raises UserError, one
    line, where the file is missing, is no dump, has a document type, or ends early (after what came before).
    """
    fs, inner = filesystem(str(path))
    reader = _Reader(str(path), Counter() if counts is None else counts)
    try:
        with fs.open(inner, "rb") as stored, _plain(stored) as stream:
            while chunk := stream.read(_CHUNK):
                yield from reader.feed(chunk)
            yield from reader.feed(b"", final=True)
    except FileNotFoundError:
        raise UserError(f"no Wikipedia dump at {path}") from None
    except expat.ExpatError as error:
        raise UserError(f"{path} is no whole MediaWiki dump: {error}") from None
    except (EOFError, OSError, zlib.error) as error:
        raise UserError(f"{path} cannot be read to its end: {' '.join(str(error).split())[:120]}") from None


def _plain(stored: IO[bytes]) -> IO[bytes]:
    magic = stored.read(3)
    stored.seek(0)
    if magic == b"BZh":
        return cast(IO[bytes], bz2.BZ2File(stored))
    if magic.startswith(b"\x1f\x8b"):
        return cast(IO[bytes], gzip.GzipFile(fileobj=stored))
    return stored


class _Reader:
    def __init__(self, name: str, counts: Counter[str]) -> None:
        self._name = name
        self._counts = counts
        self._found: list[Article] = []
        self._namespaces: set[str] = set()
        self._path: list[str] = []
        self._parts: list[str] | None = None
        self._length = 0
        self._fed = 0
        self._new_page()
        parser = self._parser = expat.ParserCreate()
        parser.buffer_text = True
        parser.SetParamEntityParsing(expat.XML_PARAM_ENTITY_PARSING_NEVER)
        parser.StartDoctypeDeclHandler = self._refuse
        parser.StartElementHandler = self._start
        parser.EndElementHandler = self._end
        parser.CharacterDataHandler = self._characters

    def feed(self, data: bytes, final: bool = False) -> list[Article]:
        self._fed += len(data)
        self._parser.Parse(data, final)
        if self._fed - max(self._parser.CurrentByteIndex, 0) > _MAX_TOKEN:
            raise UserError(f"{self._name} is no MediaWiki dump: a tag of over {_MAX_TOKEN} bytes")
        found, self._found = self._found, []
        return found

    def _refuse(self, *_: object) -> None:
        raise UserError(f"{self._name} is no MediaWiki dump: it has a document type, and dumps have none")

    def _new_page(self) -> None:
        self._title, self._ns, self._text = "", "", ""
        self._redirect = self._too_large = False

    def _start(self, name: str, _: object) -> None:
        if not self._path and name != "mediawiki":
            raise UserError(f"{self._name} is no MediaWiki dump: it begins with <{name[:40]}>")
        if len(self._path) >= _MAX_DEPTH:
            raise UserError(f"{self._name} is no MediaWiki dump: over {_MAX_DEPTH} elements inside one another")
        self._path.append(name if len(name) < 40 else "")
        if name == "page":
            self._new_page()
        elif name == "redirect":
            self._redirect = True
        self._parts = [] if name in _KEPT else None
        self._length = 0

    def _characters(self, data: str) -> None:
        if self._parts is not None:
            self._length += len(data)
            if self._length <= (MAX_TEXT if self._path[-1] == "text" else _MAX_NAME):
                self._parts.append(data)
            else:
                self._parts.clear()
                self._too_large = True

    def _end(self, name: str) -> None:
        self._path.pop()
        value = "".join(self._parts or ())
        if name == "title":
            self._title = value
        elif name == "ns":
            self._ns = value.strip()
        elif name == "text":
            self._text = value
        elif name == "namespace" and value and len(self._namespaces) < 1000:
            self._namespaces.add(value.casefold())
        elif name == "page":
            self._page()
        self._parts = None

    def _page(self) -> None:
        self._counts["pages"] += 1
        # Schema 0.3 has no <ns>: there the title's prefix says it.
        in_main = self._ns == "0" if self._ns else self._title.partition(":")[0].casefold() not in self._namespaces
        if not in_main:
            self._counts["other_namespaces"] += 1
        elif self._too_large:
            self._counts["too_large"] += 1
        elif self._redirect or _REDIRECT.match(self._text):
            self._counts["redirects"] += 1
        else:
            self._counts["articles"] += 1
            self._found.append(Article(self._title, self._text))
        self._new_page()
