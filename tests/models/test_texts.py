"""What `--from` and `--on` read: every sort of file gives its documents, once each, in one order."""

from __future__ import annotations

import bz2
import gzip
import io
import json
import tarfile

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import zstandard

from curate.errors import UserError
from curate.models.texts import file_hashes, files_of, read_texts

_DUMP = """<mediawiki><siteinfo><namespaces><namespace key="4">Help</namespace></namespaces></siteinfo>
<page><title>Ferry</title><ns>0</ns><revision><text>'''Ferry''' is a [[boat]].{long}</text></revision></page>
<page><title>Help:Boats</title><ns>4</ns><revision><text>Help{long}</text></revision></page></mediawiki>"""


def _write(folder, name, data):
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    return path


def _warc(text):
    page = f"<html><title>T</title><body><p>{text}</p></body></html>".encode()
    http = b"HTTP/1.1 200 OK\r\nContent-Type: text/html; charset=utf-8\r\n\r\n" + page
    head = (
        "WARC/1.0\r\nWARC-Type: response\r\nWARC-Record-ID: <urn:uuid:1>\r\nWARC-Target-URI: http://a.org/b\r\n"
        "WARC-Date: 2020-12-01T00:00:00Z\r\nContent-Type: application/http; msgtype=response\r\n"
        f"Content-Length: {len(http)}\r\n\r\n"
    )
    return gzip.compress(head.encode() + http + b"\r\n\r\n")


@pytest.fixture
def folder(tmp_path):
    rows = "".join(json.dumps(row) + "\n" for row in ({"text": "one"}, {"text": "one"}, {"text": "two", "lang": "fr"}))
    _write(tmp_path, "c4/c4-en.json.gz", gzip.compress(rows.encode()))
    _write(tmp_path, "rows.jsonl.zst", zstandard.compress(json.dumps({"id": "x1", "text": "three"}).encode()))
    _write(tmp_path, "frwiki-2020.xml.bz2", bz2.compress(_DUMP.replace("{long}", " It floats." * 30).encode()))
    _write(
        tmp_path,
        "book.txt",
        b"The Project Gutenberg eBook\nLanguage: French\n*** START OF X\nUn\nbon _mot_.\n*** END OF X\nlicence",
    )
    _write(tmp_path, "plain.txt", b"Two\nlines.\n\nNext.")
    _write(tmp_path, "a.py", b"x = 1\n")
    _write(tmp_path, "pages.warc.gz", _warc("A page about ferries, their captains and the sea they cross."))
    _write(tmp_path, ".hidden/plain.txt", b"no")
    _write(tmp_path, "labels.csv", b"no")
    _write(tmp_path, "one.json", b"[1]")
    table = pa.table({"id": ["p1"], "text": ["four"], "url": ["http://c.org"], "source": ["commoncrawl"]})
    pq.write_table(table, tmp_path / "documents.parquet")
    archive = io.BytesIO()
    with tarfile.open(fileobj=archive, mode="w:gz") as tar:
        entry = tarfile.TarInfo("main.tex")
        entry.size = 4
        tar.addfile(entry, io.BytesIO(b"\\tex"))
    _write(tmp_path, "2004.00001.gz", archive.getvalue())
    return tmp_path


def test_every_sort_of_file_gives_its_documents_under_its_kind_and_language(folder):
    found = {text.key: (text.kind, text.language, text.text) for text in read_texts([folder])}
    article = found.pop("wikipedia:fr:Ferry")
    assert article[:2] == ("wikipedia", "fr")
    assert article[2].startswith("Ferry is a boat. It floats.")
    page = found.pop("pages.warc.gz#0:0")
    assert page == ("crawl", "", "A page about ferries, their captains and the sea they cross.")
    assert found == {
        "c4/c4-en.json.gz#1": ("c4", "", "one"),
        "c4/c4-en.json.gz#3": ("c4", "fr", "two"),
        "x1": ("text", "", "three"),
        "book.txt": ("books", "fr", "Un bon mot."),
        "plain.txt": ("text", "", "Two lines.\nNext."),
        "code#a.py": ("code", "py", "x = 1\n"),
        "p1": ("crawl", "", "four"),
        "2004.00001.gz#main.tex": ("arxiv", "en", "\\tex"),
    }


def test_kinds_choose_and_a_file_named_twice_is_read_once(folder):
    found = [text.key for text in read_texts([folder, folder / "a.py"], kinds=("code", "text"))]
    assert found == ["code#a.py", "plain.txt", "x1"]


def test_the_inputs_of_a_card_are_the_files_that_were_read(folder):
    hashes = file_hashes([folder])
    assert list(hashes) == list(files_of([folder]))
    assert "labels.csv" not in hashes
    assert "one.json" not in hashes
    assert ".hidden/plain.txt" not in hashes
    assert len(hashes["a.py"]) == 64


def test_an_article_that_two_dumps_have_comes_once(folder):
    (folder / "frwiki-2021.xml.bz2").write_bytes((folder / "frwiki-2020.xml.bz2").read_bytes())
    assert sum(text.kind == "wikipedia" for text in read_texts([folder])) == 1


@pytest.mark.parametrize(
    ("name", "data", "says"),
    [
        ("rows.jsonl", b'{"text": "one"}\n{"text": 2}\n', "rows.jsonl:2: not an object with a text"),
        ("rows.jsonl", b'{"text": ', "cannot be read to its end"),
        ("torn.json.gz", gzip.compress(b'{"text": "one"}' * 999, mtime=0)[:-20], "cannot be read to its end"),
        ("torn.parquet", b"PAR1", "cannot be read to its end"),
        ("torn.tar.gz", b"\x1f\x8bnothing", "cannot be read to its end"),
        ("notes.docx", b"x", "no text that is known"),
    ],
)
def test_a_torn_or_strange_file_is_one_line(tmp_path, name, data, says):
    path = _write(tmp_path, name, data)
    with pytest.raises(UserError, match=says) as raised:
        list(read_texts([path]))
    assert "\n" not in str(raised.value)


def test_two_files_of_one_name_are_refused_and_a_missing_one_is_told(tmp_path):
    one, two = _write(tmp_path, "x/a.txt", b"one"), _write(tmp_path, "y/a.txt", b"two")
    with pytest.raises(UserError, match="would both be known as"):
        files_of([one, two])
    with pytest.raises(UserError, match="no text at"):
        files_of([tmp_path / "absent.txt"])
    with pytest.raises(UserError, match="no text in the folder"):
        files_of([_write(tmp_path, "z/a.bin", b"").parent])
