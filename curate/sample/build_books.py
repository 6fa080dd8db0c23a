"""The sample of books: `python -m curate.sample.build_books [--output DIR]` writes curate/sample/books from book_texts.

Stories, verses and names are invented for this project, as are the numbers of the ebooks. Files are in the forms in
which Project Gutenberg's are found, old and new, and some are broken on purpose; README.md in the folder lists them.
The same bytes every time, wherever zlib is the same.
"""

from __future__ import annotations

import argparse
import io
import textwrap
import zipfile
from dataclasses import dataclass
from pathlib import Path

FOLDER = Path(__file__).resolve().parent
WIDTH = 72
_THEN = (2000, 1, 1, 0, 0, 0)
_LICENCE = (
    "This stands for the licence that files of Project Gutenberg end with. It is about their name, which may be used"
    " only with leave, and about copies that carry it. The text of the book is no part of it."
)


@dataclass(frozen=True)
class Book:
    """A source text: title, author, chapters as (heading, paragraphs); a paragraph of verse has line ends in it."""

    title: str
    author: str
    chapters: tuple[tuple[str, tuple[str, ...]], ...]

    @classmethod
    def read(cls, name: str) -> Book:
        title, author, *lines = (FOLDER / "book_texts" / f"{name}.txt").read_text(encoding="utf-8").splitlines()
        verse = "%" in lines
        chapters: list[tuple[str, list[str]]] = []
        for line in lines:
            if line.startswith("# "):
                chapters.append((line[2:], [""] if verse else []))
            elif line == "%":
                chapters[-1][1].append("")
            elif verse:
                before = chapters[-1][1][-1]
                chapters[-1][1][-1] = f"{before}\n{line}" if before else line
            else:
                chapters[-1][1].append(line)
        return cls(title, author, tuple((heading, tuple(paragraphs)) for heading, paragraphs in chapters))


def wrapped(book: Book, headings: str = "plain") -> str:
    """The book as plain text has it: hard-wrapped, two blank lines before a chapter."""
    parts = []
    for heading, paragraphs in book.chapters:
        parts.append("\n\n" + (heading.upper() if headings == "upper" else heading))
        for text in paragraphs:
            lines = text.split("\n") if "\n" in text else textwrap.wrap(text, WIDTH)
            parts.append("\n".join([f"  {line}" for line in lines] if "\n" in text else lines))
    return "\n\n".join(parts) + "\n"


def modern(book: Book, number: int, language: str, body: str, credit: str = "", note: str = "") -> str:
    """A file as of 2010 and later: markers, credits in the header or behind it, the licence at the end."""
    upper = book.title.upper()
    return (
        f"The Project Gutenberg eBook of {book.title}, by {book.author}\n\n"
        "This eBook is for the use of anyone anywhere in the United States at no cost.\n\n"
        f"Title: {book.title}\n\nAuthor: {book.author}\n\n"
        f"Release Date: March 7, 2011 [eBook #{number}]\n[Most recently updated: June 2, 2021]\n\n"
        f"Language: {language}\n\nCharacter set encoding: UTF-8\n\n{credit}"
        f"*** START OF THE PROJECT GUTENBERG EBOOK {upper} ***\n\n\n\n\n{body}\n\n{note}\n\n"
        f"*** END OF THE PROJECT GUTENBERG EBOOK {upper} ***\n\n"
        f"Updated editions will replace the previous one.\n\nSTART: FULL LICENSE\n\n{textwrap.fill(_LICENCE, WIDTH)}\n"
    )


def small_print(book: Book, number: int, body: str) -> str:
    """A file as of the nineties: the small print first, no marker before the book, a line behind it."""
    return (
        f"**The Project Gutenberg Etext of {book.title}, by {book.author}**\n\n"
        f"Please look over the notes below.\n\nFebruary, 1996  [Etext #{number}]\n\n"
        f"{textwrap.fill(_LICENCE, WIDTH)}\n\n"
        "*END*THE SMALL PRINT! FOR PUBLIC DOMAIN ETEXTS*Ver.04.29.93*END*\n\n\n\n"
        "Scanned by a hand of this sample\n\n\n\n"
        f"{body}\n\nEnd of the Project Gutenberg Etext of {book.title}\n"
    )


def html(book: Book, number: int) -> str:
    chapters = []
    for page, (heading, paragraphs) in enumerate(book.chapters, 1):
        chapters.append(f'<h2><span class="pagenum">[Pg {page}]</span>{heading}</h2>')
        chapters += [f"<p>{text.replace(chr(10), '<br/>')}</p>" for text in paragraphs]
    return (
        '<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8"/>'
        f"<title>The Project Gutenberg eBook of {book.title}, by {book.author}</title></head><body>\n"
        f"<pre>The Project Gutenberg eBook of {book.title}, by {book.author}\n\nTitle: {book.title}\n\n"
        f"Author: {book.author}\n\nRelease Date: May 1, 2012 [EBook #{number}]\n\nLanguage: English\n\n"
        f"*** START OF THIS PROJECT GUTENBERG EBOOK {book.title.upper()} ***\n</pre>\n"
        '<p class="transnote">Transcriber\'s note: page numbers are in the margin.</p>\n'
        f"<h1>{book.title}</h1>\n{chr(10).join(chapters)}\n"
        f"<pre>*** END OF THIS PROJECT GUTENBERG EBOOK {book.title.upper()} ***\n\n{_LICENCE}</pre>\n</body></html>\n"
    )


_CONTAINER = (
    '<?xml version="1.0"?><container version="1.0" xmlns="urn:oasis:names:tc:opendocument:xmlns:container"><rootfiles>'
    '<rootfile full-path="OEBPS/content.opf" media-type="application/oebps-package+xml"/></rootfiles></container>'
)


def package(title: str, authors: list[str], chapters: int, rights: str, identifier: str, prologue: str = "") -> str:
    items = "".join(
        f'<item id="c{n}" href="text/c{n}.xhtml" media-type="application/xhtml+xml"/>' for n in range(chapters)
    )
    return (
        f'<?xml version="1.0" encoding="utf-8"?>{prologue}'
        '<package xmlns="http://www.idpf.org/2007/opf" version="3.0" unique-identifier="id">'
        '<metadata xmlns:dc="http://purl.org/dc/elements/1.1/">'
        f'<dc:identifier id="id">{identifier}</dc:identifier><dc:title>{title}</dc:title>'
        + "".join(f"<dc:creator>{author}</dc:creator>" for author in authors)
        + f"<dc:language>en</dc:language><dc:date>2013-09-01</dc:date><dc:rights>{rights}</dc:rights></metadata>"
        f'<manifest><item id="nav" href="nav.xhtml" media-type="application/xhtml+xml" properties="nav"/>{items}'
        '</manifest><spine><itemref idref="nav"/>'
        + "".join(f'<itemref idref="c{n}"/>' for n in range(chapters))
        + "</spine></package>"
    )


def chapter(heading: str, paragraphs: tuple[str, ...]) -> str:
    body = "".join(f"<p>{text.replace(chr(10), '<br/>')}</p>" for text in paragraphs)
    return (
        '<?xml version="1.0" encoding="utf-8"?><!DOCTYPE html><html xmlns="http://www.w3.org/1999/xhtml">'
        f"<head><title>{heading}</title></head><body><h2>{heading}</h2>{body}</body></html>"
    )


def epub(title: str, books: list[Book], rights: str, identifier: str, prologue: str = "") -> bytes:
    chapters = [chapter(heading, paragraphs) for book in books for heading, paragraphs in book.chapters]
    authors = list(dict.fromkeys(book.author for book in books))
    members = {
        "mimetype": "application/epub+zip",
        "META-INF/container.xml": _CONTAINER,
        "OEBPS/content.opf": package(title, authors, len(chapters), rights, identifier, prologue),
        "OEBPS/nav.xhtml": chapter("Contents", ("Nothing but a list of chapters.",)),
        **{f"OEBPS/text/c{number}.xhtml": text for number, text in enumerate(chapters)},
    }
    return archive({name: text.encode() for name, text in members.items()})


def archive(members: dict[str, bytes]) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as file:
        for name, data in members.items():
            entry = zipfile.ZipInfo(name, _THEN)
            entry.compress_type = zipfile.ZIP_STORED if name == "mimetype" else zipfile.ZIP_DEFLATED
            file.writestr(entry, data)
    return out.getvalue()


def files() -> dict[str, bytes]:
    """name -> bytes of every file of the sample."""
    saltmere, orchard, lamplighter, moulin, leuchtturm, ferry, kite = map(
        Book.read, ("saltmere", "orchard", "lamplighter", "moulin", "leuchtturm", "ferry", "kite")
    )
    front = f"[Illustration: The tower]\n\n\n{saltmere.title.upper()}\n\nby {saltmere.author}\n\n\n"
    stressed = wrapped(saltmere).replace("Then the hour was real", "Then the hour _was_ real", 1)
    note = "\n\nTRANSCRIBER'S NOTE\n\nA comma was added on page 12.\n"
    new = modern(saltmere, 900001, "English", front + stressed, "Produced by: A hand of this sample\n\n", note)
    other = (
        "THE COAST LIBRARY, Volume 7\n\n\nTo the Reader\n\n"
        + textwrap.fill(
            "This new edition has been set from the old sheets, and has a preface, which is this one.", WIDTH
        )
        + "\n\n\n"
    )
    french = modern(
        moulin,
        900002,
        "French",
        f"Produced by a hand of this sample\n\n\n\n{moulin.title}\n\n{wrapped(moulin)}\n"
        f"Fin de {moulin.title}, Projet Gutenberg\n",
    ).replace("UTF-8", "ISO-8859-1")
    german = modern(leuchtturm, 900003, "German", wrapped(leuchtturm))
    owned = modern(ferry, 900006, "English", wrapped(ferry)).replace(
        "Title:", "** This is a COPYRIGHTED Project Gutenberg eBook, Details Below **\n\nTitle:", 1
    )
    both = "Songs and a Cat"
    free = "Public domain in the USA."
    whole = epub(both, [orchard, lamplighter], free, "http://www.gutenberg.org/900005")
    bomb = '<!DOCTYPE package [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;&a;">]>'
    return {
        "900001-0.txt": new.replace("\n", "\r\n").encode("utf-8-sig"),
        "900002-8.txt": french.replace("œ", "oe").replace("\n", "\r\n").encode("iso-8859-1"),
        "900003-0.txt": german.encode(),
        "900004-h.zip": archive(
            {"900004-h/900004-h.htm": html(orchard, 900004).encode(), "900004-h/cover.jpg": b"\xff"}
        ),
        "900005.epub": whole,
        "900006-0.txt": owned.encode(),
        "cut-off.epub": whole[: len(whole) // 2],
        "entities.epub": epub(both, [orchard], free, "http://www.gutenberg.org/900007", bomb),
        "kite.txt": f"{kite.title}\n\n{wrapped(kite)}".encode(),
        "saltm10.txt": small_print(saltmere, 900011, other + wrapped(saltmere, "upper")).encode("cp1252"),
        "slip.zip": archive({"../../escaped.txt": b"This text must never leave its archive.\n"}),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--output", type=Path, default=FOLDER / "books")
    output = parser.parse_args().output
    output.mkdir(parents=True, exist_ok=True)
    for name, data in files().items():
        (output / name).write_bytes(data)


if __name__ == "__main__":
    main()
