"""What the XML of a MediaWiki dump says: of one page, and of the wiki it comes from (export schema 0.3 to 0.11)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import IO
from urllib.parse import urlsplit
from xml.parsers import expat

from curate.sources.wikipedia_pages import Broken, stretches
from curate.storage import filesystem

_MAX_HEAD = 1 << 20
_MAX_DEPTH = 32
_FILE_NAME = re.compile(r"(?:^|/)([a-z][a-z0-9_]{0,40}?)(wiki(?:pedia)?)(?:-(?:(\d{8})|latest))?[-.]")
_DATABASE = re.compile(r"([a-z][a-z0-9_]{0,40}?)wiki")


@dataclass(frozen=True, slots=True)
class Wiki:
    """language: its code as in its host name ("en", "zh-min-nan"), "" where nothing says; base: what a title with
    underscores is appended to; namespaces: number -> name as the dump lists them; dumped: YYYYMMDD, or ""; generator:
    the software that wrote it, as it says.
    """

    database: str = ""
    language: str = ""
    base: str = ""
    namespaces: Mapping[int, str] = field(default_factory=dict)
    dumped: str = ""
    generator: str = ""


@dataclass(slots=True)
class XmlPage:
    """One page and its last revision, as the dump has them. ns: None in schemas before 0.6, where the title says it."""

    title: str = ""
    ns: int | None = None
    id: str = ""
    revision: str = ""
    timestamp: str = ""
    model: str = ""
    text: str = ""
    redirect: bool = False
    deleted: bool = False


class BadXml(Exception):
    """A page or head that is not well-formed."""


_TAKEN = {
    ("page", "title"): "title",
    ("page", "ns"): "ns",
    ("page", "id"): "id",
    ("page", "revision", "id"): "revision",
    ("page", "revision", "timestamp"): "timestamp",
    ("page", "revision", "model"): "model",
    ("page", "revision", "text"): "text",
}


def parse_page(data: bytes) -> XmlPage:
    """The page in `<page>…</page>`; of several revisions the last. Raises BadXml, one line.

    Nothing can be declared inside an element, so there are no entities to expand and none to fetch.
    """
    page = XmlPage()
    path: list[str] = []
    parts: list[str] = []
    wanted = ""

    def start(name: str, attributes: dict[str, str]) -> None:
        nonlocal wanted
        if len(path) >= _MAX_DEPTH:
            raise BadXml(f"over {_MAX_DEPTH} elements inside one another")
        path.append(name)
        parts.clear()
        wanted = _TAKEN.get(tuple(path), "") if len(path) < 4 else ""
        if name == "text":
            page.deleted = "deleted" in attributes
        elif name == "redirect" and len(path) == 2:
            page.redirect = True

    def end(name: str) -> None:
        nonlocal wanted
        path.pop()
        if wanted:
            value = "".join(parts)
            if wanted == "ns":
                page.ns = int(value) if re.fullmatch(r"\s*-?[0-9]{1,6}\s*", value) else None
            else:
                setattr(page, wanted, value if wanted == "text" else " ".join(value.split()))
            wanted = ""

    def characters(value: str) -> None:
        if wanted:
            parts.append(value)

    parser = expat.ParserCreate("utf-8")
    parser.buffer_text = True
    parser.buffer_size = 1 << 16
    parser.StartElementHandler = start
    parser.EndElementHandler = end
    parser.CharacterDataHandler = characters
    try:
        parser.Parse(data, True)
    except expat.ExpatError as error:
        raise BadXml(str(error)) from None
    return page


@lru_cache(maxsize=1024)
def read_wiki(path: str, file: str) -> tuple[Wiki, Broken | None]:
    """The wiki a dump is of, from its head and its name, and why it is no dump, where it is none.

    The name goes before the head: parts of dumps are often put under the head of another. A head that is damaged makes
    no dump worthless: the name says the language, and the pages are read one by one.
    """
    head = bytearray()
    broken = None
    fs, inner = filesystem(path)
    with fs.open(inner, "rb") as stream:
        for stretch in stretches(stream, 0):
            seen = max(0, len(head) - len(b"</siteinfo>"))  # of a million streams of a byte each, all is not seen again
            head += stretch.data
            broken = broken or stretch.broken
            ended = head.find(b"</siteinfo>", seen) >= 0 or head.find(b"<page>", seen) >= 0
            if stretch.broken or len(head) > _MAX_HEAD or ended:
                break
    before = bytes(head[:_MAX_HEAD]).partition(b"<page>")[0]
    if b"<!DOCTYPE" in before.upper():
        return Wiki(), Broken.DOCTYPE
    if b"<mediawiki" not in before and b"<page>" not in head and not broken:
        return Wiki(), Broken.NOT_A_DUMP
    return _wiki(before, file), None


def holds_no_page(stream: IO[bytes]) -> bool:
    """Whether a dump in which no page begins is whole all the same: its root opens and closes within its head."""
    head = bytearray()
    for stretch in stretches(stream, 0):
        head += stretch.data
        if stretch.broken or len(head) > _MAX_HEAD:
            return False
    return b"<mediawiki" in head and b"</mediawiki>" in head


def name_says(file: str) -> tuple[str, str]:
    """Language and date that the name of a dump states ("enwiki-20220801-…"), each "" where it does not."""
    found = _FILE_NAME.search(file)
    return (found[1].replace("_", "-"), found[3] or "") if found else ("", "")


def _wiki(head: bytes, file: str) -> Wiki:
    values: dict[str, str] = {}
    namespaces: dict[int, str] = {}
    begin, end = head.find(b"<siteinfo>"), head.find(b"</siteinfo>")
    if 0 <= begin < end:
        path: list[str] = []
        parts: list[str] = []
        key = [""]

        def start(name: str, attributes: dict[str, str]) -> None:
            path.append(name)
            key[0] = attributes.get("key", "")
            parts.clear()

        def finish(name: str) -> None:
            value = " ".join("".join(parts).split())
            if name == "namespace" and re.fullmatch(r"-?[0-9]{1,6}", key[0]) and value:
                namespaces[int(key[0])] = value
            elif len(path) == 2:
                values[name] = value
            path.pop()

        parser = expat.ParserCreate("utf-8")
        parser.buffer_text = True
        parser.StartElementHandler = start
        parser.EndElementHandler = finish
        parser.CharacterDataHandler = parts.append
        try:
            parser.Parse(head[begin : end + len(b"</siteinfo>")], True)
        except expat.ExpatError:
            values, namespaces = {}, {}
    host = urlsplit(values.get("base", "")).hostname or ""
    database = values.get("dbname", "")
    known = _DATABASE.fullmatch(database)
    said = host.partition(".")[0] if host.endswith(".wikipedia.org") else known[1].replace("_", "-") if known else ""
    named, dumped = name_says(file)
    generator = values.get("generator", "")
    if named and named != said:
        return Wiki(
            f"{named.replace('-', '_')}wiki",
            named,
            f"https://{named}.wikipedia.org/wiki/",
            namespaces,
            dumped,
            generator,
        )
    base = values.get("base", "").rpartition("/")[0] + "/" if host else ""
    if host.endswith(".wikipedia.org"):
        base = f"https://{host}/wiki/"
    database = database or f"{said.replace('-', '_')}wiki" * bool(said)
    return Wiki(database, said, base, namespaces, dumped, generator)
