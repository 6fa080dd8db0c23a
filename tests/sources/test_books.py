"""Books of every form make one document each with its licence; what is broken or hostile is set aside and reading goes
on."""

from __future__ import annotations

import gzip
import io
import os
import re
import zipfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from curate.document import Document
from curate.errors import SetAside
from curate.sample import build_books as sample
from curate.sources import gutenberg
from curate.sources.books import Books, BooksExtract, Drop
from curate.sources.books_archive import BadBook
from curate.sources.books_html import looks_like_html
from curate.sources.books_rights import licence_of
from curate.sources.source import Dropped, Outcome, Piece

BODY = "Chapter I.\n\nThe mill stood still.\n\nNobody knew why."
MINE = BooksExtract(licence="CC-BY-4.0")


def read(folder: Path, name: str, data: bytes, config: BooksExtract = MINE) -> list[Outcome]:
    (folder / name).write_bytes(data)
    return list(Books(config).read(Piece(str(folder / name), name, 0, 0, len(data))))


def one(folder: Path, name: str, data: bytes, config: BooksExtract = MINE) -> Document:
    (found,) = read(folder, name, data, config)
    assert isinstance(found, Document), found
    return found


def aside(folder: Path, name: str, data: bytes, config: BooksExtract = MINE) -> str:
    (found,) = read(folder, name, data, config)
    assert isinstance(found, SetAside), found
    assert (found.file, found.offset) == (name, 0)
    assert "\n" not in found.detail
    return found.reason


def zipped(members: dict[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", method) as file:
        for name, data in members.items():
            file.writestr(name, data)
    return out.getvalue()


def epub(chapters: dict[str, str], rights: str = "", package: str | None = None, more: dict[str, bytes] | None = None):
    items = "".join(f'<item id="{name}" href="{name}" media-type="application/xhtml+xml"/>' for name in chapters)
    order = "".join(f'<itemref idref="{name}"/>' for name in chapters)
    opf = package or (
        '<package xmlns="http://www.idpf.org/2007/opf"><metadata xmlns:dc="http://purl.org/dc/elements/1.1/">'
        "<dc:title>The Mill</dc:title><dc:creator>A. Miller</dc:creator><dc:language>fr</dc:language>"
        f"<dc:date>2001-02-03</dc:date><dc:rights>{rights}</dc:rights></metadata>"
        f"<manifest>{items}</manifest><spine>{order}</spine></package>"
    )
    container = '<container xmlns="c"><rootfiles><rootfile full-path="o/content.opf"/></rootfiles></container>'
    members = {
        "mimetype": b"application/epub+zip",
        "META-INF/container.xml": container.encode(),
        "o/content.opf": opf.encode(),
        **{f"o/{name}": text.encode() for name, text in chapters.items()},
        **(more or {}),
    }
    return zipped(members)


PAGE = "<html><head><title>t</title></head><body><h2>Chapter I.</h2><p>The mill\nstood still.</p></body></html>"


# ---- forms ----


@pytest.mark.parametrize(
    ("encoding", "text"),
    [
        ("utf-8", "Où va l’œuvre ? Nulle part, à ce qu’il paraît."),
        ("utf-8-sig", "Où va l’œuvre ? Nulle part."),
        ("utf-16", "Où va l’œuvre ? Nulle part."),
        ("iso-8859-1", "Le moulin du vallon ne tournait plus depuis la Saint-Martin, et l'eau passait à côté."),
        ("cp1252", "“Où va-t-il ?” demanda l’homme à la clé. Le meunier ne répondit pas tout de suite, hélas."),
        ("cp1251", "Мельница стояла неподвижно всю зиму, и никто в деревне не знал, отчего это так."),
        ("shift_jis", "水車小屋は冬のあいだずっと止まっていた。村の誰もその理由を知らなかった。"),
    ],
)
def test_a_plain_book_of_any_encoding(tmp_path, encoding, text):
    assert one(tmp_path, "a.txt", f"Titre\n\n{text}\n".encode(encoding)).text == f"Titre\n\n{text}"


@pytest.mark.parametrize("ends", ["\n", "\r\n", "\r"])
def test_line_ends_of_any_system(tmp_path, ends):
    assert one(tmp_path, "a.txt", BODY.replace("\n", ends).encode()).text == BODY


def test_html_is_told_by_its_bytes_and_not_by_its_name(tmp_path):
    found = one(tmp_path, "a.txt", PAGE.encode())
    assert found.text == "Chapter I.\n\nThe mill stood still."
    assert found.title == "t"


def test_html_behind_comments_is_html_and_comments_without_end_cost_nothing(tmp_path):
    assert one(tmp_path, "a.txt", b'<?xml version="1.0"?>\n<!-- a --><!-- b -->\n' + PAGE.encode()).title == "t"
    assert not looks_like_html(b"<!---->" * 2000)
    assert not looks_like_html(b"<!--" * 4000)


def test_an_epub_is_its_spine_in_order_with_what_its_package_says(tmp_path):
    chapters = {"b.xhtml": PAGE, "a.xhtml": PAGE.replace("Chapter I.", "Chapter II.")}
    found = one(tmp_path, "a.epub", epub(chapters, "CC BY-SA 4.0"))
    assert found.text == "Chapter I.\n\nThe mill stood still.\n\nChapter II.\n\nThe mill stood still."
    assert (found.title, found.language_declared, found.date) == ("The Mill", "fr", "2001-02-03T00:00:00Z")
    assert found.licence == "CC-BY-SA-4.0"
    assert '"authors": ["A. Miller"]' in found.metadata


def test_a_zip_gives_each_of_its_texts_an_id_of_its_own(tmp_path):
    data = zipped({"a/one.txt": b"The first book.", "a/two.htm": PAGE.encode(), "a/cover.jpg": b"\xff\xd8"})
    found = read(tmp_path, "a.zip", data)
    assert [book.text.split("\n")[0] for book in found if isinstance(book, Document)] == [
        "The first book.",
        "Chapter I.",
    ]
    assert len({book.id for book in found if isinstance(book, Document)}) == len(found) == 2


def test_a_gzipped_text(tmp_path):
    assert one(tmp_path, "a.txt.gz", gzip.compress(BODY.encode())).text == BODY


@pytest.mark.parametrize("name", sorted(sample.files()))
def test_the_sample_is_what_its_script_writes(name):
    stored, made = (sample.FOLDER / "books" / name).read_bytes(), sample.files()[name]
    if made.startswith(b"PK") and name != "cut-off.epub":  # other versions of zlib give other bytes
        stored, made = (repr(_members(data)).encode() for data in (stored, made))
    assert stored == made or name == "cut-off.epub"


def _members(data: bytes) -> dict[str, bytes]:
    with zipfile.ZipFile(io.BytesIO(data)) as file:
        return {name: file.read(name) for name in file.namelist()}


def test_editions_of_the_sample_read_alike_in_every_form(tmp_path):
    folder = sample.FOLDER / "books"
    texts = {}
    for name in ("900001-0.txt", "saltm10.txt", "900004-h.zip", "900005.epub"):
        texts[name] = one(tmp_path, name, (folder / name).read_bytes(), BooksExtract()).text
    told = "The fishermen said it ran fast to please the excise men."
    assert told in texts["900001-0.txt"]
    assert told in texts["saltm10.txt"]
    verse = "I leaned a ladder on the morning,\nAnd climbed it rung by rung,"
    assert verse in texts["900004-h.zip"]
    assert verse in texts["900005.epub"]
    assert not re.search("gutenberg|transcriber|scanned|illustration", " ".join(texts.values()), re.IGNORECASE)


def test_lines_and_notes_are_kept_where_asked(tmp_path):
    data = (sample.FOLDER / "books" / "900001-0.txt").read_bytes()
    kept = one(tmp_path, "a.txt", data, BooksExtract(lines="keep", notes="keep")).text
    assert "The town of Saltmere kept two kinds of time. There was the time of the\ntide" in kept
    assert "TRANSCRIBER'S NOTE" in kept
    assert "[Illustration: The tower]" in kept
    assert "EBOOK" not in kept


# ---- licences ----


def plain(text: str, config: BooksExtract, folder: Path) -> str:
    (found,) = read(folder, "a.txt", text.encode(), config)
    return found.licence if isinstance(found, Document) else str(found.reason)  # type: ignore[union-attr]


def test_a_book_that_states_no_licence_goes_unless_the_user_gives_one(tmp_path):
    assert plain(BODY, BooksExtract(), tmp_path) == Drop.UNLICENSED
    assert plain(BODY, BooksExtract(licence="LicenseRef-Mine"), tmp_path) == "LicenseRef-Mine"


def test_what_a_book_states_goes_before_what_the_user_says(tmp_path):
    assert one(tmp_path, "a.epub", epub({"a.xhtml": PAGE}, "CC-BY-NC-4.0")).licence == "CC-BY-NC-4.0"
    assert one(tmp_path, "a.epub", epub({"a.xhtml": PAGE}, "All rights reserved")).licence == "CC-BY-4.0"


def test_copyrighted_books_of_project_gutenberg_go_whatever_the_user_says(tmp_path):
    data = sample.files()["900006-0.txt"]
    (found,) = read(tmp_path, "a.txt", data)
    assert isinstance(found, Dropped)
    assert (found.reason, found.url) == (Drop.COPYRIGHTED, "https://www.gutenberg.org/ebooks/900006")
    stated = epub({"a.xhtml": PAGE}, "Copyrighted. Read the copyright notice inside this book for details.")
    (found,) = read(tmp_path, "a.epub", stated)
    assert isinstance(found, Dropped)
    assert one(tmp_path, "a.txt", data, BooksExtract(keep_copyrighted=True)).licence == gutenberg.COPYRIGHTED


@pytest.mark.parametrize(
    ("rights", "licence"),
    [
        ("Public domain in the USA.", gutenberg.PUBLIC_DOMAIN_US),
        ("https://creativecommons.org/licenses/by-sa/3.0/", "CC-BY-SA-3.0"),
        ("http://creativecommons.org/licenses/by-nc-nd/2.5/ca/", "CC-BY-NC-ND-2.5"),
        ("see https://creativecommons.org/publicdomain/zero/1.0/", "CC0-1.0"),
        ("https://creativecommons.org/publicdomain/mark/1.0/", "CC-PDM-1.0"),
        ("CC BY 4.0", "CC-BY-4.0"),
        ("Public domain", "CC-PDM-1.0"),
        ("MIT OR Apache-2.0", "MIT OR Apache-2.0"),
        ("All rights reserved", ""),
        ("Copyright 2001, not in the public domain", ""),
        ("", ""),
    ],
)
def test_statements_of_rights(rights, licence):
    assert licence_of(rights) == licence


def test_a_licence_that_is_none_is_the_users_mistake():
    with pytest.raises(ValidationError, match="SPDX expression"):
        BooksExtract(licence="free for all")


# ---- what is broken, and what means harm ----


@pytest.mark.parametrize(
    ("name", "data", "reason"),
    [
        ("cut.epub", epub({"a.xhtml": PAGE})[:-40], BadBook.BAD_ARCHIVE),
        ("half.epub", epub({"a.xhtml": PAGE * 50})[:400], BadBook.BAD_ARCHIVE),
        ("no-spine.epub", epub({}), BadBook.BAD_PACKAGE),
        ("no-chapter.epub", epub({"a.xhtml": PAGE}).replace(b"o/a.xhtml", b"o/b.xhtml"), BadBook.BAD_PACKAGE),
        ("not-xml.epub", epub({"a.xhtml": PAGE}, package="<package"), BadBook.BAD_PACKAGE),
        ("deep.epub", epub({"a.xhtml": PAGE}, package="<a>" * 1000 + "</a>" * 1000), BadBook.TOO_DEEP),
        (
            "laugh.epub",
            epub({"a.xhtml": PAGE}, package='<!DOCTYPE p [<!ENTITY a "ha"><!ENTITY b "&a;&a;">]><p>&b;</p>'),
            BadBook.ENTITIES,
        ),
        (
            "laugh-in-chapter.epub",
            epub({"a.xhtml": '<?xml version="1.0"?><!DOCTYPE html [<!ENTITY a "ha">]><html><body>&a;</body></html>'}),
            BadBook.ENTITIES,
        ),
        (
            "outside.epub",
            epub(
                {},
                package='<package><manifest><item id="a" href="../../../etc/passwd" media-type="text/html"/></manifest>'
                '<spine><itemref idref="a"/></spine></package>',
            ),
            BadBook.UNSAFE_PATH,
        ),
        (
            "locked.epub",
            epub({"a.xhtml": PAGE}, more={"META-INF/encryption.xml": b'<e><r URI="o/a.xhtml"/></e>'}),
            BadBook.ENCRYPTED,
        ),
        ("nested.html", b"<html><body>" + b"<div>" * 3000, BadBook.TOO_DEEP),
        ("binary.txt", bytes(range(256)) * 40, BadBook.NOT_TEXT),
        ("cut.txt.gz", gzip.compress(os.urandom(5000))[:-700], BadBook.BAD_ARCHIVE),
        ("slip.zip", zipped({"../../a.txt": b"x"}), BadBook.UNSAFE_PATH),
        ("windows.zip", zipped({"c:\\a.txt": b"x"}), BadBook.UNSAFE_PATH),
    ],
)
def test_a_broken_or_hostile_file_is_set_aside_with_its_reason(tmp_path, name, data, reason):
    assert aside(tmp_path, name, data) == reason
    assert sorted(path.name for path in tmp_path.rglob("*")) == [name], "nothing is written anywhere"


SMALL = BooksExtract(licence="CC-BY-4.0", max_book_bytes=100_000)


@pytest.mark.parametrize(
    ("name", "data", "reason"),
    [
        ("line.txt", b"x" * 100_001, BadBook.TOO_LARGE),
        ("bomb.zip", zipped({"a.txt": b"0" * 5_000_000}), BadBook.BOMB),
        ("bomb.epub", epub({"a.xhtml": "0" * 5_000_000}), BadBook.BOMB),
        ("bomb.txt.gz", gzip.compress(b"0" * 5_000_000), BadBook.BOMB),
    ],
)
def test_what_is_larger_than_a_book_is_set_aside_before_it_is_held(tmp_path, name, data, reason):
    assert aside(tmp_path, name, data, SMALL) == reason


def test_chapters_together_are_no_larger_than_a_book(tmp_path):
    assert aside(tmp_path, "a.epub", epub({f"{n}.xhtml": PAGE + "y" * 30_000 for n in range(4)}), SMALL) == BadBook.BOMB


def test_books_in_an_archive_are_read_up_to_its_limit(tmp_path):
    config = BooksExtract(licence="CC-BY-4.0", max_archive_bytes=250)
    found = read(tmp_path, "a.zip", zipped({f"{n}.txt": b"word " * 20 for n in range(9)}), config)
    assert [type(item) for item in found] == [Document, Document, SetAside, SetAside]
    assert {item.reason for item in found[2:] if isinstance(item, SetAside)} == {BadBook.BOMB}


def test_an_archive_whose_directory_is_larger_than_any_is_not_opened(tmp_path):
    data = bytearray(zipped({"a.txt": b"x"}))
    at = data.rfind(b"PK\x05\x06")
    data[at + 12 : at + 16] = (1 << 30).to_bytes(4, "little")
    assert aside(tmp_path, "a.zip", bytes(data)) == BadBook.BOMB


def test_a_broken_member_does_not_end_the_archive(tmp_path):
    data = zipped({"one.txt": b"The first. " * 30, "two.txt": b"The second. " * 30, "three.txt": b"The third. " * 30})
    broken = bytearray(data)
    at = data.index(b"two.txt") + len("two.txt")
    broken[at : at + 8] = b"\xff" * 8
    found = read(tmp_path, "a.zip", bytes(broken))
    assert [type(item) for item in found] == [Document, SetAside, Document]


@pytest.mark.parametrize(
    ("name", "data", "reason"),
    [
        ("empty.txt", b"  \n", Drop.EMPTY),
        ("signs.txt", b"* * *\n\n---", Drop.EMPTY),
        ("pictures.zip", zipped({"a.jpg": b"\xff", "b.mp3": b"\0"}), Drop.NO_BOOK),
    ],
)
def test_what_holds_no_book_is_dropped_by_name(tmp_path, name, data, reason):
    (found,) = read(tmp_path, name, data)
    assert isinstance(found, Dropped)
    assert (found.reason, found.url) == (reason, name)


@pytest.fixture(scope="module")
def damaged(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("damaged")


@settings(max_examples=100, deadline=None)
@given(st.integers(0, 3), st.integers(0, 10**6), st.binary(max_size=12))
def test_no_damage_makes_reading_raise(damaged, which, place, junk):
    data = [
        epub({"a.xhtml": PAGE}, "CC0-1.0"),
        zipped({"a.txt": BODY.encode(), "b.htm": PAGE.encode()}),
        gzip.compress(BODY.encode()),
        PAGE.encode(),
    ][which]
    at = place % len(data)
    found = read(damaged, "a", data[:at] + junk + data[at + len(junk) :])
    assert found
    assert all(isinstance(item, Document | Dropped | SetAside) for item in found)


# ---- real books ----

LEFT = re.compile(
    r"project\s+gutenberg|gutenberg-tm|gutenberg\.(?:org|net)|pgdp\.net|proofreading team|transcriber.s note"
    r"|the small print!|start of th(?:e|is) project|end of th(?:e|is) project|etext #|ebook #|\[illustration"
    r"|public domain in the",
    re.IGNORECASE,
)


@pytest.mark.realdata
def test_real_books_keep_their_words_and_nothing_of_project_gutenberg(real_books):
    found: dict[str, Outcome] = {}
    for path in sorted(real_books.iterdir()):
        found[path.name] = next(
            iter(Books(BooksExtract()).read(Piece(str(path), path.name, 0, 0, path.stat().st_size)))
        )
    assert [name for name, book in found.items() if not isinstance(book, Document)] == ["pg5200.txt"]
    assert found["pg5200.txt"].reason == Drop.COPYRIGHTED  # type: ignore[union-attr]
    for name, book in found.items():
        if not isinstance(book, Document):
            continue
        assert not LEFT.search(book.text), (name, LEFT.search(book.text))
        assert book.licence == gutenberg.PUBLIC_DOMAIN_US
        assert book.title
        assert len(book.language_declared) == 2
        assert book.date > "1990"
        # Project Gutenberg's own words are some 20,000 characters; notes and pictures are less than a tenth of a book.
        before = int(re.search(r'"characters_before": (\d+)', book.metadata)[1])  # type: ignore[index]
        assert 0.9 * (before - 22_000) < len(book.text) < before - 15_000, name
