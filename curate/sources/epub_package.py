"""An EPUB's package document (OPF 2 and 3): what book it is, and which files make it up, in reading order.

Read by expat with entity declarations refused, so none can expand.
"""

from __future__ import annotations

import posixpath
from collections.abc import Callable
from dataclasses import dataclass, field
from urllib.parse import unquote
from xml.parsers import expat

from curate.sources.books_archive import BadBook, Unreadable

MAX_PACKAGE = 8 << 20
_MAX_DEPTH = 64
_MAX_FIELD = 2_000
_DUBLIN_CORE = "http://purl.org/dc/elements/1.1/ "
_KEPT = frozenset(
    {"title", "creator", "contributor", "language", "date", "rights", "identifier", "source", "publisher"}
)
_TEXT = frozenset({"application/xhtml+xml", "text/html", "application/xml", "text/x-oeb1-document"})


@dataclass(frozen=True, slots=True)
class Item:
    """A file of the book. path: within the archive."""

    path: str
    media_type: str
    properties: str


@dataclass(slots=True)
class Package:
    """metadata: Dublin Core element -> its values as written, in order; spine: the files to read, in order."""

    metadata: dict[str, list[str]] = field(default_factory=dict)
    spine: list[Item] = field(default_factory=list)

    def first(self, name: str) -> str:
        return next(iter(self.metadata.get(name, ())), "")


def root_file(container: bytes) -> str:
    """The package document's path, out of META-INF/container.xml; "" where it names none."""
    found: list[str] = []

    def start(name: str, attributes: dict[str, str]) -> None:
        if name.rpartition(" ")[2] == "rootfile" and "full-path" in attributes:
            found.append(attributes["full-path"])

    _parse(container, start, lambda name: None, lambda text: None)
    return found[0] if found else ""


def parse_package(data: bytes, path: str) -> Package:
    """The package document at `path`. Raises Unreadable where it is not well-formed or leads out of the archive."""
    package = Package()
    items: dict[str, Item] = {}
    order: list[str] = []
    told: list[str] = []
    current = ""
    folder = posixpath.dirname(path)

    def start(name: str, attributes: dict[str, str]) -> None:
        nonlocal current
        local = name.rpartition(" ")[2]
        if name.startswith(_DUBLIN_CORE) and local in _KEPT:
            current = local
            told.clear()
        elif local == "item" and "id" in attributes and "href" in attributes:
            items[attributes["id"]] = Item(
                resolved(folder, attributes["href"]),
                attributes.get("media-type", "").strip().lower(),
                attributes.get("properties", ""),
            )
        elif local == "itemref" and attributes.get("linear", "yes") != "no":
            order.append(attributes.get("idref", ""))

    def end(name: str) -> None:
        nonlocal current
        if current and name == _DUBLIN_CORE + current:
            value = " ".join("".join(told).split())[:_MAX_FIELD]
            if value:
                package.metadata.setdefault(current, []).append(value)
            current = ""

    _parse(data, start, end, lambda text: told.append(text) if current else None)
    seen: set[str] = set()
    for name in order:
        item = items.get(name)
        if item is None or item.path in seen or item.media_type not in _TEXT or "nav" in item.properties.split():
            continue
        seen.add(item.path)
        package.spine.append(item)
    if not package.spine:
        raise Unreadable(BadBook.BAD_PACKAGE, f"{path[:100]!r} names no text to read")
    return package


def resolved(folder: str, href: str) -> str:
    """Where a reference out of `folder` leads within the archive. Raises Unreadable where it leads out."""
    plain = unquote(href.partition("#")[0]).replace("\\", "/")
    path = posixpath.normpath(posixpath.join(folder, plain))
    if plain.startswith("/") or path.startswith("..") or "://" in plain:
        raise Unreadable(BadBook.UNSAFE_PATH, f"the reference {href[:100]!r} leads out of the archive")
    return path


def _parse(
    data: bytes,
    start: Callable[[str, dict[str, str]], None],
    end: Callable[[str], None],
    text: Callable[[str], None],
) -> None:
    parser = expat.ParserCreate(namespace_separator=" ")
    parser.buffer_text = True
    depth = 0

    def started(name: str, attributes: dict[str, str]) -> None:
        nonlocal depth
        depth += 1
        if depth > _MAX_DEPTH:
            raise Unreadable(BadBook.TOO_DEEP, f"elements nested more than {_MAX_DEPTH} deep in the package")
        start(name, attributes)

    def ended(name: str) -> None:
        nonlocal depth
        depth -= 1
        end(name)

    def declared(name: str, *_: object) -> None:
        raise Unreadable(BadBook.ENTITIES, f"the package declares the entity {name[:40]!r}")

    parser.StartElementHandler = started
    parser.EndElementHandler = ended
    parser.CharacterDataHandler = text
    parser.EntityDeclHandler = declared
    try:
        parser.Parse(data, True)
    except (expat.ExpatError, ValueError, LookupError) as error:
        raise Unreadable(BadBook.BAD_PACKAGE, f"not well-formed: {' '.join(str(error).split())[:150]}") from error
