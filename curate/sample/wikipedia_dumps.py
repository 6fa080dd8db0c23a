"""Makes the sample dumps of `wikipedia/sources`: `python -m curate.sample.wikipedia_dumps [--output DIR]`."""

from __future__ import annotations

import argparse
import bz2
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from xml.sax.saxutils import escape

from curate.sample.reading import HERE

SOURCES = HERE / "wikipedia" / "sources"
_PAGES_A_STREAM = 2
_NAMES = {
    "en": (("Talk", 1), ("File", 6), ("Template", 10), ("Category", 14), ("Module", 828)),
    "de": (("Diskussion", 1), ("Datei", 6), ("Vorlage", 10), ("Kategorie", 14), ("Modul", 828)),
    "fr": (("Discussion", 1), ("Fichier", 6), ("Modèle", 10), ("Catégorie", 14), ("Module", 828)),
}


@dataclass(frozen=True, slots=True)
class Page:
    """extra: elements beside title and namespace; text: None where it is hidden."""

    title: str
    text: str | None
    ns: int = 0
    extra: str = ""
    model: str = "wikitext"


def _others(language: str) -> list[Page]:
    """Pages that are no articles."""
    if language == "en":
        return [
            Page("Counting Eye", "#REDIRECT [[Harrow Point Light]]", extra='<redirect title="Harrow Point Light" />'),
            Page(
                "Template:Lighthouses of Senna",
                "{{Navbox|title=Lighthouses of Senna|list1=[[Harrow Point Light]]}}",
                10,
            ),
            Page("Category:Canals", "Waterways that were dug.", 14),
            Page("Module:Tide", "return { high = 2.4 }", 828, model="Scribunto"),
            Page("A hidden page", None),
        ]
    if language == "de":
        return [Page("Zählendes Auge", "#WEITERLEITUNG [[Leuchtturm Harrow Point]]")]
    return [Page("Modèle:Écluses", "Une boîte.", 10)]


def pages(language: str) -> list[Page]:
    """Every page of a wiki: its articles by title, then what else it has."""
    articles = sorted((SOURCES / language).glob("*.wiki"))
    return [*(Page(file.stem, file.read_text(encoding="utf-8")) for file in articles), *_others(language)]


def page_xml(page: Page, number: int) -> str:
    text = '<text deleted="deleted" />'
    if page.text is not None:
        text = f'<text bytes="{len(page.text.encode())}" xml:space="preserve">{escape(page.text)}</text>'
    return (
        f"  <page>\n    <title>{escape(page.title)}</title>\n    <ns>{page.ns}</ns>\n    <id>{number}</id>\n"
        + (f"    {page.extra}\n" if page.extra else "")
        + f"    <revision>\n      <id>{1000 + number}</id>\n"
        f"      <timestamp>2021-03-{number % 28 + 1:02}T10:{number % 60:02}:00Z</timestamp>\n"
        f"      <contributor><username>Sample</username><id>1</id></contributor>\n"
        f"      <model>{page.model}</model>\n      <format>text/x-wiki</format>\n      {text}\n"
        "    </revision>\n  </page>\n"
    )


def head(language: str) -> str:
    names = "".join(
        f'      <namespace key="{key}" case="first-letter">{name}</namespace>\n' for name, key in _NAMES[language]
    )
    return (
        '<mediawiki xmlns="http://www.mediawiki.org/xml/export-0.10/" version="0.10" xml:lang="' + language + '">\n'
        f"  <siteinfo>\n    <sitename>Samplewiki</sitename>\n    <dbname>{language}wiki</dbname>\n"
        f"    <base>https://{language}.samplewiki.example/wiki/Main_Page</base>\n"
        "    <generator>MediaWiki 1.39.0</generator>\n    <case>first-letter</case>\n    <namespaces>\n"
        '      <namespace key="0" case="first-letter" />\n' + names + "    </namespaces>\n  </siteinfo>\n"
    )


def multistream(parts: Sequence[str]) -> tuple[bytes, list[int]]:
    """Each part a stream of its own, and where each begins."""
    packed: list[bytes] = []
    begins: list[int] = []
    for part in parts:
        begins.append(sum(map(len, packed)))
        packed.append(bz2.compress(part.encode()))
    return b"".join(packed), begins


def dumps() -> dict[str, bytes]:
    """Name and bytes of every file."""
    files: dict[str, bytes] = {}
    for language in ("en", "de", "fr"):
        listed = pages(language)
        written = [page_xml(page, number) for number, page in enumerate(listed, 1)]
        groups = range(0, len(written), _PAGES_A_STREAM)
        streams = ["".join(written[at : at + _PAGES_A_STREAM]) for at in groups]
        if language == "de":
            broken = "  <page>\n    <title>Zerrissen</title>\n    <ns>0</ns>\n    <b>&nbsp;</i>\n  </page>\n"
            whole = head(language) + "".join(streams) + broken + "</mediawiki>\n"
            files["dewiki-20220801-pages-articles.xml.bz2"] = bz2.compress(whole.encode())
            continue
        data, begins = multistream([head(language), *streams, "</mediawiki>\n"])
        name = f"{language}wiki-20220801-pages-articles-multistream"
        if language == "fr":
            data = data[: (begins[-2] + begins[-1]) // 2]
        files[f"{name}.xml.bz2"] = data
        index = "".join(
            f"{begins[1 + place // _PAGES_A_STREAM]}:{place + 1}:{page.title}\n" for place, page in enumerate(listed)
        )
        files[f"{name}-index.txt.bz2"] = bz2.compress(index.encode())
    return files


def build(output: Path) -> None:
    """Write the dumps into `output`."""
    output.mkdir(parents=True, exist_ok=True)
    for name, data in dumps().items():
        (output / name).write_bytes(data)


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--output", type=Path, default=HERE / "wikipedia")
    build(parser.parse_args().output)


if __name__ == "__main__":
    main()
