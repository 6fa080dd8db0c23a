"""Reads the sample's texts and special pages from this folder."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).parent


@dataclass(frozen=True, slots=True)
class Text:
    """language: ISO 639-1; slug: the file's name; low: meant to be a weak text; paragraphs: plain text, one a line."""

    language: str
    slug: str
    title: str
    paragraphs: tuple[str, ...]

    @property
    def low(self) -> bool:
        return self.slug.startswith("low-")

    @property
    def characters(self) -> int:
        return sum(map(len, self.paragraphs))


def parse_text(language: str, slug: str, source: str) -> Text:
    """First line the title, then paragraphs, one a line."""
    title, *lines = [line.strip() for line in source.splitlines() if line.strip()]
    return Text(language, slug, title, tuple(lines))


def read_texts() -> list[Text]:
    """Every text under texts/<language>/, sorted by language and name."""
    files = sorted(HERE.glob("texts/*/*.txt"), key=lambda path: (path.parent.name, path.name))
    return [parse_text(path.parent.name, path.stem, path.read_text(encoding="utf-8")) for path in files]


@dataclass(frozen=True, slots=True)
class SpecialPage:
    """A page with a purpose: `fields` are the lines `key: value` at its head (url, title, kind, fate, ...)."""

    fields: dict[str, str]
    body: str

    @property
    def paragraphs(self) -> list[str]:
        return [line for line in self.body.splitlines() if line.strip()]


def read_special_pages() -> list[SpecialPage]:
    """Every page under pages/, sorted by name."""
    pages = []
    for path in sorted(HERE.glob("pages/*.txt")):
        head, _, body = path.read_text(encoding="utf-8").partition("\n\n")
        fields = dict(line.split(": ", 1) for line in head.splitlines())
        pages.append(SpecialPage(fields, body.strip("\n")))
    return pages
