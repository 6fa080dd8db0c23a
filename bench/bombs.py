"""Files that are made to be hostile: bombs, lying sizes, archives that climb out, depth, long lines, one word for ever.

Compressed sizes are small and unpacked ones large: 10 GB and more out of some kilobytes.
"""

from __future__ import annotations

import bz2
import gzip
import io
import json
import lzma
import struct
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Collection, Iterator
from functools import cache
from xml.sax.saxutils import escape, quoteattr

import zstandard

from bench.fuzz_seeds import WORDS
from curate.sample.seven_zip_writer import assemble, header, number, write_7z

Made = tuple[str, str, str, bytes]
"""(source, kind, name, the file)."""
LENGTH = 1 << 20
DEEP = 100_000
LINE = 200 << 20
HUGE = 1 << 30
"""Bytes of a long line, and of the smaller bombs, unpacked."""
_ZEROS = 46_000_000
LAUGHS = b'<!DOCTYPE x [<!ENTITY a "haha">' + b"".join(
    b'<!ENTITY %c "%s">' % (98 + n, b"&%c;" % (97 + n) * 10) for n in range(10)
) + b"]>"  # fmt: skip
EXTERNAL = b'<!DOCTYPE x [<!ENTITY k SYSTEM "file:///etc/passwd">]>'
NAMES = {
    "commoncrawl": "a.warc.gz",
    "c4": "c4-train.00000-of-00001.json.gz",
    "github": "a.tar.gz",
    "wikipedia": "enwiki-20220801-pages-articles.xml.bz2",
    "books": "a.epub",
    "arxiv": "2401.00001.gz",
    "stackexchange": "a.stackexchange.com.7z",
}


def zeros_gzip(size: int, head: bytes = b"") -> bytes:
    """One gzip member of `head` and so many zero bytes, by megabytes: each is packed alike, so one is packed."""
    packer = zlib.compressobj(9, zlib.DEFLATED, -15)
    begin = packer.compress(head) + packer.flush(zlib.Z_FULL_FLUSH)
    block = bytes(1 << 20)
    one = packer.compress(block) + packer.flush(zlib.Z_FULL_FLUSH)
    checksum = zlib.crc32(head)
    for _ in range(size >> 20):
        checksum = zlib.crc32(block, checksum)
    end = struct.pack("<II", checksum, (len(head) + size) & 0xFFFF_FFFF)
    return b"\x1f\x8b\x08" + bytes(6) + b"\xff" + begin + one * (size >> 20) + packer.flush() + end


@cache
def bomb() -> bytes:
    """1 GB in a gzip member of 1 MB."""
    return zeros_gzip(HUGE)


@cache
def bomb_in_bomb() -> bytes:
    """The same in 4 KB or so: two layers."""
    return gzip.compress(bomb())


@cache
def zeros_bzip2(size: int) -> bytes:
    """Streams of zero bytes: 10 GB are 12 KB."""
    return bz2.compress(bytes(_ZEROS)) * (size // _ZEROS + 1)


def zeros_zstd(size: int) -> bytes:
    """One frame of zero bytes: each 128 KB are a block of four bytes."""
    block = ((128 << 10) << 3 | 1 << 1).to_bytes(3, "little") + b"\0"
    return b"\x28\xb5\x2f\xfd\x00\x38" + block * (size >> 17)


def zeros_xz(size: int) -> bytes:
    """Streams of zero bytes: 1 GB is 150 KB."""
    return lzma.compress(bytes(_ZEROS)) * (size // _ZEROS + 1)


def response(body: bytes, headers: str = "Content-Type: text/html", uri: str = "http://example.org/a") -> bytes:
    http = f"HTTP/1.1 200 OK\r\n{headers}\r\n\r\n".encode("utf-8", "surrogateescape") + body
    return warc(http, uri)


def warc(body: bytes, uri: str = "http://example.org/a", length: str = "", more: str = "") -> bytes:
    head = (
        "WARC/1.0\r\nWARC-Type: response\r\nWARC-Record-ID: <urn:uuid:1>\r\nWARC-Date: 2020-12-01T00:00:00Z\r\n"
        f"WARC-Target-URI: {uri}\r\nContent-Type: application/http\r\n{more}"
        f"Content-Length: {length or len(body)}\r\n\r\n"
    )
    return head.encode("utf-8", "surrogateescape") + body + b"\r\n\r\n"


def wiki(text: str | bytes, head: bytes = b"", title: str = "A") -> bytes:
    inner = escape(text).encode("utf-8", "surrogatepass") if isinstance(text, str) else text
    return (
        head + b'<mediawiki xmlns="http://www.mediawiki.org/xml/export-0.10/" xml:lang="en"><siteinfo><dbname>enwiki'
        b"</dbname><base>https://en.wikipedia.org/wiki/Main_Page</base></siteinfo>\n<page><title>" + title.encode() +
        b"</title><ns>0</ns><id>1</id><revision><id>2</id><timestamp>2022-08-01T00:00:00Z</timestamp><model>wikitext"
        b'</model><text xml:space="preserve">' + inner + b"</text></revision></page>\n</mediawiki>\n"
    )  # fmt: skip


def posts(body: str, head: bytes = b"", more: str = "") -> bytes:
    row = (
        f'<row Id="1" PostTypeId="1" CreationDate="2020-01-01T00:00:00.000" Score="3" Title="T" Body={quoteattr(body)}'
    )
    return (
        head
        + b'<?xml version="1.0" encoding="utf-8"?>\r\n<posts>\r\n'
        + f"{row} {more}/>\r\n</posts>".encode("utf-8", "surrogatepass")
    )


def tex(body: str) -> bytes:
    text = f"\\documentclass{{article}}\n\\begin{{document}}\n\\section{{One}}\nWords.\n{body}\n\\end{{document}}\n"
    return text.encode("utf-8", "surrogatepass")


def page(body: str) -> bytes:
    return f"<html><head><title>T</title></head><body><p>Words.</p>{body}</body></html>".encode(
        "utf-8", "surrogatepass"
    )


def zipped(files: list[tuple[str, bytes]]) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in files:
            archive.writestr(zipfile.ZipInfo(name), data, zipfile.ZIP_DEFLATED)
    return out.getvalue()


def tarred(members: list[tuple[tarfile.TarInfo, bytes]]) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=tarfile.GNU_FORMAT) as archive:
        for member, data in members:
            member.size = len(data)
            archive.addfile(member, io.BytesIO(data))
    return out.getvalue()


def member(name: str, kind: bytes = tarfile.REGTYPE, target: str = "") -> tarfile.TarInfo:
    found = tarfile.TarInfo(name)
    found.type, found.linkname = kind, target
    return found


def epub(chapter: bytes, package: bytes = b"", container: bytes = b"") -> bytes:
    package = package or (
        b'<package xmlns="http://www.idpf.org/2007/opf"><metadata/><manifest><item id="c" href="c.xhtml"'
        b' media-type="application/xhtml+xml"/></manifest><spine><itemref idref="c"/></spine></package>'
    )
    container = container or (
        b'<container xmlns="urn:oasis:names:tc:opendocument:xmlns:container"><rootfiles><rootfile full-path="p.opf"'
        b' media-type="application/oebps-package+xml"/></rootfiles></container>'
    )
    files = [("mimetype", b"application/epub+zip"), ("META-INF/container.xml", container)]
    return zipped([*files, ("p.opf", package), ("c.xhtml", chapter)])


CONTAINERS: dict[str, tuple[str, Callable[[str], bytes]]] = {
    "commoncrawl": ("a.warc.gz", lambda text: gzip.compress(response(page(text)), 1)),
    "c4": ("c4.json", lambda text: json.dumps({"text": text, "url": "http://example.org/"}).encode() + b"\n"),
    "github": ("a.py", lambda text: b"import os\n" + text.encode("utf-8", "surrogatepass")[: (1 << 20) - 64]),
    "wikipedia": ("enwiki-20220801-pages-articles.xml", wiki),
    "books": ("a.txt", lambda text: b"A book.\n\n" + text.encode("utf-8", "surrogatepass")),
    "arxiv": ("a.tex", tex),
    "stackexchange": ("Posts.xml", posts),
}
"""source -> the name of a file, and the file with a text in it where the texts of that source are."""
UNITS = (
    " ",
    "\n",
    "a",
    "a ",
    "-",
    ".",
    "0",
    "\t",
    "\u2028",
    "\r",
    "&",
    "<",
    "(",
    "[[",
    "A b, ",
    "é",
    "\u0301",
    "\U0001f600",
)
SURROGATES = "Words \ud800 and \udfff more."


def made(sources: Collection[str]) -> Iterator[Made]:
    """All that are for these sources, in one order."""
    for source in WORDS:
        if source in sources:
            yield from _anywhere(source)
            yield from _one_word(source)
            yield from of_its_own(source)


def of_its_own(source: str) -> Iterator[Made]:
    """Those that go against what only this source reads."""
    yield from {
        "commoncrawl": _crawl,
        "c4": _c4,
        "github": _github,
        "wikipedia": _wikipedia,
        "books": _books,
        "arxiv": _arxiv,
        "stackexchange": _stackexchange,
    }[source]()


def _anywhere(source: str) -> Iterator[Made]:
    name = NAMES[source]
    other, contained = CONTAINERS[source]
    for place in (name, other):
        yield source, "empty", place, b""
        for label, data in (("zeros", bytes(LENGTH)), ("0xff", b"\xff" * LENGTH), ("lines", b"\n" * LENGTH)):
            yield source, label, place, data
        for magic in (b"\x1f\x8b", b"BZh9", b"PK\x03\x04", b"7z\xbc\xaf\x27\x1c", b"PAR1", b"WARC/1.0", b"<mediawiki"):
            yield source, "magic alone", place, magic
            yield source, "magic and zeros", place, magic + bytes(1000)
    yield source, "gzip bomb", other if other.endswith(".gz") else f"{other}.gz", bomb()
    yield source, "gzip in gzip", f"{other}.gz", bomb_in_bomb()
    yield source, "bzip2 bomb", f"{other}.bz2", zeros_bzip2(10 * HUGE)
    yield source, "a text of surrogates", other, contained(SURROGATES)
    yield source, "a text with NUL", other, contained("Words \0 and \0\0 more. " * 20)


def _one_word(source: str) -> Iterator[Made]:
    """A long text of one word, alone and with others between, an end that none of them makes, and closed again."""
    name, contained = CONTAINERS[source]
    words = [word.decode() for word in WORDS[source]]
    for word in (*words, *UNITS):
        yield source, "one word for ever", name, contained(word * (LENGTH // len(word.encode())))
    for word in words:
        for between in ("x", "\n", " ", words[(words.index(word) + 1) % len(words)]):
            unit = word + between
            yield source, "two words for ever", name, contained(unit * (LENGTH // len(unit.encode())))


def _crawl() -> Iterator[Made]:
    def one(kind: str, record: bytes) -> Made:
        return "commoncrawl", kind, "a.warc.gz", gzip.compress(record, 1)

    yield one("a header of 1 MB", warc(b"", more=f"X: {'a' * LENGTH}\r\n"))
    yield one("headers of 1 MB", warc(b"", more="X: a\r\n" * (LENGTH // 6)))
    yield one("headers of 1 MB", response(b"words", "Content-Type: text/html\r\n" + "X: a\r\n" * (LENGTH // 6)))
    yield one("a header of 1 MB", response(b"words", f"Content-Type: {'a' * LENGTH}"))
    yield one("an address of 1 MB", response(b"<p>words", uri="http://example.org/" + "a" * LENGTH))
    yield one("an address of surrogates", response(b"<p>words", uri="http://example.org/\udcff\udc80"))
    for length in ("-1", "9" * 19, "9" * 400, "1e3", "0x10", " ", "5, 5"):
        yield one("a lying length", warc(b"HTTP/1.1 200 OK\r\n\r\nwords", length=length))
    yield "commoncrawl", "gzip bomb", "a.warc.gz", zeros_gzip(2 * HUGE, warc(b"", length=str(2 * HUGE))[:-4])
    yield "commoncrawl", "gzip members by thousands", "a.warc.gz", gzip.compress(b"WARC/1.0\r\n\r\n", 1) * (DEEP // 2)
    for coding in ("gzip", "x-gzip", "deflate", "br", "gzip, gzip", "gzip, deflate, br, gzip"):
        data = zlib.compress(bytes(HUGE // 4)) if coding == "deflate" else bomb()
        yield one("a page that is a bomb", response(data, f"Content-Type: text/html\r\nContent-Encoding: {coding}"))
    for size in ("f" * 16, "f" * 100_000, "-5", "", "0;x=" + "y" * LENGTH):
        chunked = "Content-Type: text/html\r\nTransfer-Encoding: chunked"
        yield one("a lying chunk", response(f"{size}\r\nwords\r\n".encode(), chunked))
    for tag in ("div", "b", "table><tr><td", "ul><li", "span", "font", "blockquote", "a", "select", "svg", "template"):
        last = tag.rpartition("<")[2]
        yield one("a page nested 100,000 deep", response(page(f"<{tag}>" * DEEP + "words" + f"</{last}>" * DEEP)))
    yield one("100,000 attributes", response(page("<p " + " ".join(f"a{n}=b" for n in range(DEEP)) + ">words")))
    yield one("a line of 200 MB", response(b"a" * (LINE), "Content-Type: text/plain"))
    yield one("a line of 16 MB", response(b"a " * (LINE // 25), "Content-Type: text/plain"))
    for charset in (
        "utf-7",
        "utf-16",
        "utf-32",
        "iso-2022-jp",
        "hz",
        "x-user-defined",
        "\0",
        "idna",
        "rot13",
        "a" * 5000,
    ):
        body = b"words \xd8\x00 +2AA- ~{ \x1b$B \xff\xfe" * 50
        yield one("an odd charset", response(body, f"Content-Type: text/html; charset={charset}"))
    yield one(
        "surrogates as entities", response(page("<p>words &#xD800; &#55296; &#x110000; &#0; &#99999999999;" * 20))
    )


def _c4() -> Iterator[Made]:
    def one(kind: str, line: bytes) -> Made:
        return "c4", kind, "c4-train.00000-of-00001.json.gz", gzip.compress(line + b"\n", 1)

    yield one("a line of 200 MB", b'{"text": "' + b"a" * (LINE) + b'"}')
    yield one("JSON 100,000 deep", b"[" * DEEP + b"]" * DEEP)
    yield one("JSON 100,000 deep", b'{"text": "words", "a": ' + b'{"a":' * DEEP + b"1" + b"}" * DEEP + b"}")
    yield one("a number of a million digits", b'{"text": "words", "timestamp": ' + b"9" * LENGTH + b"}")
    yield one(
        "surrogates escaped", b'{"text": "words \\ud800 \\udfff", "url": "http://a/\\ud800", "timestamp": "\\ud800"}'
    )
    yield one("an address of 1 MB", b'{"text": "words", "url": "http://a/' + b"a" * LENGTH + b'"}')
    yield one("the same key for ever", b'{"text": "words"' + b', "text": "words"' * DEEP + b"}")


def _github() -> Iterator[Made]:
    source = b"import os\n\nprint(os.name)\n"
    licence = (member("a-1/LICENSE"), b"SPDX-License-Identifier: MIT\n")
    hostile = [
        (member("../../out.py"), source), (member("/tmp/out.py"), source), (member("a-1/../../../out.py"), source),
        (member("a-1/l.py", tarfile.SYMTYPE, "/etc/passwd"), b""),
        (member("a-1/h.py", tarfile.LNKTYPE, "../../x"), b""),
        (member("a-1/c.py", tarfile.CHRTYPE), b""), (member("a-1/b.py", tarfile.BLKTYPE), b""),
        (member("a-1/f.py", tarfile.FIFOTYPE), b""), (member("a-1/" + "d/" * 120 + "x.py"), source),
        (member("a-1/\udcff.py"), source), (member("a-1/\nx.py"), source), (member("C:\\out.py"), source),
        (member("a-1/a.py\0b"), source), (member("a-1/" + "n" * (DEEP // 2) + ".py"), source),
    ]  # fmt: skip
    yield "github", "climbs out, links, devices", "a.tar.gz", gzip.compress(tarred([licence, *hostile]), 1)
    names = [(item.name.replace("\0", ""), data) for item, data in hostile if item.type == tarfile.REGTYPE]
    safe = [(name.encode("utf-8", "replace").decode(), data) for name, data in names]
    yield "github", "climbs out, links, devices", "a.zip", zipped([("a-1/LICENSE", licence[1]), *safe])
    yield "github", "zip bomb", "a.zip", zipped([("a-1/LICENSE", licence[1]), ("a-1/a.py", bytes(HUGE // 2))])
    yield "github", "100,000 files", "a.zip", zipped([(f"a-1/{n}.py", b"") for n in range(DEEP // 4)])
    begins = tarred([licence])[:1536]
    yield "github", "gzip bomb", "a.tar.gz", zeros_gzip(2 * HUGE, begins)
    yield "github", "bzip2 bomb", "a.tar.bz2", bz2.compress(begins) + zeros_bzip2(10 * HUGE)
    yield "github", "xz bomb", "a.tar.xz", lzma.compress(begins) + zeros_xz(2 * HUGE)
    yield "github", "Zstandard bomb", "a.tar.zst", zstandard.compress(begins) + zeros_zstd(10 * HUGE)
    head = bytearray(tarred([(member("a-1/a.py"), source)])[:512])
    for size in (
        b"77777777777\0",
        b"\x80" + b"\xff" * 11,
        b"-0000000001\0",
        b"99999999999\0",
        b"\x80" + bytes(3) + b"\x7f" * 8,
    ):
        head[124:136] = size
        head[148:156] = b" " * 8
        head[148:156] = b"%06o\0 " % sum(head)
        yield "github", "a lying size", "a.tar", bytes(head) + source + bytes(2048)
    row = {"repo_name": "a/b", "path": "a.py", "license": "mit", "ref": "refs/heads/main"}
    yield (
        "github",
        "surrogates escaped",
        "a.jsonl",
        json.dumps({**row, "content": SURROGATES, "path": "\ud800.py"}).encode(),
    )
    yield "github", "JSON 100,000 deep", "a.jsonl", b'{"content": ' + b"[" * DEEP + b"]" * DEEP + b"}"
    yield "github", "a line of 200 MB", "a.jsonl.gz", gzip.compress(b'{"content": "' + b"a" * (LINE) + b'"}', 1)
    for text in (b"(" * DEEP, b"x = " + b"-" * DEEP + b"1", b"'''" * DEEP, b"if a:\n" * 1000, b" " * 900_000 + b"#"):
        yield "github", "code 100,000 deep", "a.py", text


def _wikipedia() -> Iterator[Made]:
    name = "enwiki-20220801-pages-articles.xml"
    pairs = (
        ("{{a|", "}}"), ("[[a|", "]]"), ("{|\n|", "\n|}"), ("<ref>", "</ref>"), ("<div>", "</div>"), ("{{{a|", "}}}"),
        ("{{#if:a|", "}}"), ("''", "''"), ("<b>", "</b>"), ("[[File:a|", "]]"), ("<!--", "-->"), ("-{", "}-"),
    )  # fmt: skip
    for begin, end in pairs:
        yield "wikipedia", "100,000 deep", name, wiki("Words. " + begin * DEEP + "x" + end * DEEP)
        yield "wikipedia", "100,000 open", name, wiki("Words. " + begin * DEEP)
        yield "wikipedia", "100,000 closed", name, wiki("Words. " + end * DEEP)
    yield "wikipedia", "billion laughs", name, wiki(b"words &k;", LAUGHS)
    yield "wikipedia", "external entity", name, wiki(b"words &k;", EXTERNAL)
    yield "wikipedia", "billion laughs", name, wiki(LAUGHS + b"words &k;")
    yield "wikipedia", "surrogates as entities", name, wiki(b"words &#xD800; &#0; &#x110000; " * 20)
    yield "wikipedia", "XML 100,000 deep", name, wiki(b"<a>" * DEEP + b"</a>" * DEEP)
    yield "wikipedia", "a title of 1 MB", name, wiki("words", title="a" * LENGTH)
    yield "wikipedia", "a line of 200 MB", f"{name}.gz", gzip.compress(wiki("a" * (LINE)), 1)
    yield "wikipedia", "pages by the hundred thousand", name, b"<mediawiki>" + b"<page></page>" * DEEP
    yield "wikipedia", "bzip2 streams by thousands", f"{name}.bz2", bz2.compress(b"") * DEEP
    yield "wikipedia", "bzip2 blocks that are none", f"{name}.bz2", b"BZh9" + b"1AY&SY" * DEEP
    yield "wikipedia", "bzip2 streams of a byte", f"{name}.bz2", bz2.compress(b"x") * DEEP
    wrong = bytearray(bz2.compress(bytes(7_900_000)))
    wrong[10] ^= 1  # of the CRC, which is compared when all is unpacked
    yield "wikipedia", "bzip2 blocks of a wrong sum", f"{name}.bz2", bytes(wrong) * 1_000


def _books() -> Iterator[Made]:
    for head in (LAUGHS, EXTERNAL):
        yield "books", "entities", "a.epub", epub(head + b"<html><body><p>words &k;</p></body></html>")
        yield "books", "entities", "a.epub", epub(b"<p>words", head + b"<package>&k;</package>")
        yield "books", "entities", "a.epub", epub(b"<p>words", b"", head + b"<container>&k;</container>")
    for tag in (b"div", b"b", b"ul><li", b"table><tr><td"):
        chapter = b"<html><body>" + b"<" + tag + b">" * 1 + (b"<" + tag + b">") * DEEP + b"words"
        yield "books", "a page nested 100,000 deep", "a.epub", epub(chapter)
        yield "books", "a page nested 100,000 deep", "a.html", chapter
    yield "books", "XML 100,000 deep", "a.epub", epub(b"<p>words", b"<a>" * DEEP)
    yield "books", "zip bomb", "a.epub", epub(bytes(HUGE // 2))
    yield "books", "zip bomb", "a.zip", zipped([("a.txt", bytes(HUGE // 2)), ("b.txt", b"words")])
    climbing = [
        "../../a.txt",
        "/tmp/a.txt",
        "..\\a.txt",
        "C:\\a.txt",
        "a/../../b.txt",
        "\n.txt",
        "n" * (DEEP // 2) + ".txt",
    ]
    yield "books", "climbs out", "a.zip", zipped([(name, b"words of a book") for name in climbing])
    for target in ("../../../etc/passwd", "/etc/passwd", "file:///etc/passwd", "%2e%2e/%2e%2e/x", "a" * LENGTH):
        package = (
            f'<package><manifest><item id="c" href="{target}"/></manifest><spine><itemref idref="c"/></spine></package>'
        )
        yield "books", "climbs out", "a.epub", epub(b"words", package.encode())
    spine = b"<itemref idref='c'/>" * DEEP
    package = b'<package><manifest><item id="c" href="c.xhtml"/></manifest><spine>' + spine + b"</spine></package>"
    yield "books", "one chapter for ever", "a.epub", epub(b"<p>" + b"words " * 1000, package)
    yield "books", "a line of 200 MB", "a.txt.gz", gzip.compress(b"a" * (LINE), 1)
    yield "books", "a line of 16 MB", "a.txt.gz", gzip.compress(b"a b " * (LINE // 50), 1)
    yield "books", "lines of 16 MB", "a.txt.gz", gzip.compress(b"a b\n" * (LINE // 50), 1)
    mark = "*** START OF THE PROJECT GUTENBERG EBOOK A ***\n"
    yield "books", "beginnings by thousands", "a.txt", (mark * (DEEP // 5)).encode()
    stored = zipped([(f"{n}.txt", b"words") for n in range(DEEP // 5)])
    yield "books", "20,000 files", "a.zip", stored
    central = stored.find(b"PK\x01\x02")
    for at, field in (
        (20, b"\xff\xff\xff\x7f"),
        (24, b"\xff\xff\xff\xff"),
        (42, b"\xff\xff\xff\x7f"),
        (28, b"\xff\xff"),
    ):
        lying = stored[: central + at] + field + stored[central + at + len(field) :]
        yield "books", "a lying size", "a.zip", lying


def _arxiv() -> Iterator[Made]:
    grown = [f"\\def\\{chr(98 + n)}{{" + f"\\{chr(97 + n)} " * 10 + "}\n" for n in range(12)]
    laughs = "\\def\\a{ha ha }\n" + "".join(grown) + "\\m"
    bodies = {
        "macros that grow": laughs,
        "a macro for ever": "\\def\\x{\\x\\x}\\x",
        "a macro for ever, with arguments": "\\newcommand{\\x}[1]{\\x{#1#1}}\\x{words}",
        "two macros for ever": "\\def\\x{\\y}\\def\\y{\\x}\\x",
        "a file that reads itself": "\\input{a}\\input{a.tex}\\include{a}",
        "files that climb out": "\\input{/etc/passwd}\\input{../../../etc/passwd}\\input{|ls}",
        "100,000 macros": "".join(
            f"\\newcommand{{\\x{chr(97 + n % 26) * (n // 26 % 40 + 1)}}}{{a}}" for n in range(DEEP)
        ),
    }
    for kind, body in bodies.items():
        yield "arxiv", kind, "a.tex", tex(body)
    pairs = (
        ("{", "}"), ("\\begin{a}", "\\end{a}"), ("\\textbf{", "}"), ("$", "$"), ("\\[", "\\]"), ("\\footnote{", "}"),
        ("\\begin{equation}", "\\end{equation}"), ("\\iffalse ", "\\fi "), ("\\left(", "\\right)"),
        ("\\frac{", "}{x}"),
    )  # fmt: skip
    for begin, end in pairs:
        yield "arxiv", "100,000 deep", "a.tex", tex(begin * DEEP + "x" + end * DEEP)
        yield "arxiv", "100,000 open", "a.tex", tex(begin * DEEP)
        yield "arxiv", "100,000 closed", "a.tex", tex(end * DEEP)
    paper = tex("Words.")
    hostile = [(member("../../out.tex"), paper), (member("/tmp/out.tex"), paper), (member("a.tex"), paper)]
    hostile += [(member("l.tex", tarfile.SYMTYPE, "/etc/passwd"), b""), (member("d.tex", tarfile.CHRTYPE), b"")]
    hostile += [(member("\udcff.tex"), paper), (member("h.tex", tarfile.LNKTYPE, "../x"), b"")]
    yield "arxiv", "climbs out, links, devices", "2401.00001.tar.gz", gzip.compress(tarred(hostile), 1)
    many = [(member(f"{n}.tex"), b"") for n in range(DEEP // 4)]
    yield "arxiv", "25,000 files", "2401.00001.tar.gz", gzip.compress(tarred(many), 1)
    yield "arxiv", "one file of 1 GB", "2401.00001.gz", zeros_gzip(HUGE, b"\\documentclass{article}")
    large = tarred([(member("a.tex"), b"")])[:124] + b"77777777777\0"
    yield "arxiv", "a lying size", "2401.00001.tar", large + bytes(4096)
    bulk = [(member(f"2401/2401.{n:05}.gz"), zeros_gzip(HUGE // 16)) for n in range(20)]
    yield "arxiv", "a bulk of bombs", "arXiv_src_2401_001.tar", tarred(bulk)
    yield (
        "arxiv",
        "a line of 200 MB",
        "2401.00001.gz",
        gzip.compress(b"\\documentclass{article}" + b"a" * (LINE), 1),
    )


def _stackexchange() -> Iterator[Made]:
    for begin, end in (
        ("<ul><li>", "</li></ul>"),
        ("<blockquote>", "</blockquote>"),
        ("<b>", "</b>"),
        ("<pre><code>", ""),
    ):
        yield "stackexchange", "a page nested 100,000 deep", "Posts.xml", posts(begin * DEEP + "words" + end * DEEP)
    yield "stackexchange", "billion laughs", "Posts.xml", posts("words", LAUGHS, 'Tags="&k;" ')
    yield "stackexchange", "external entity", "Posts.xml", posts("words", EXTERNAL, 'Tags="&k;" ')
    yield "stackexchange", "surrogates as entities", "Posts.xml", posts("words", more='Tags="&#xD800;&#0;" ')
    yield "stackexchange", "a row of 20 MB", "Posts.xml", posts("a" * (LINE // 10))
    yield (
        "stackexchange",
        "100,000 attributes",
        "Posts.xml",
        posts("a", more=" ".join(f'a{n}="b"' for n in range(DEEP))),
    )
    for value in ("9" * 400, "-1", "1e5", "0x1", "\u0661", "18446744073709551616", ""):
        row = f'<row Id="{value}" PostTypeId="2" ParentId="{value}" Score="{value}" CreationDate="{value}" Body="a"/>'
        yield "stackexchange", "an odd number", "Posts.xml", f"<posts>{row}</posts>".encode()
    yield (
        "stackexchange",
        "one question's number for ever",
        "Posts.xml",
        b"<posts>" + b'<row Id="1" PostTypeId="1" Body="a"/>' * DEEP,
    )
    name = "a.stackexchange.com.7z"
    yield "stackexchange", "7z bomb", name, write_7z([("Posts.xml", bytes(HUGE // 4))], "lzma2")
    packed = zeros_bzip2(2 * HUGE)
    lying = header([("Posts.xml", b"x")], b"\x04\x02\x02", b"", len(packed), 2 * HUGE)
    yield "stackexchange", "7z bomb", name, assemble(packed, lying)
    yield "stackexchange", "a line of 200 MB", name, write_7z([("Posts.xml", posts("a" * (LINE)))], "deflate")
    plain = posts("words")
    for size in (0, 1, (1 << 62), (1 << 63) - 1):
        head = header([("Posts.xml", plain)], b"\x00", b"", size, size)
        yield "stackexchange", "a lying size", name, assemble(plain, head)
    for head in (
        b"\x01\x05" + number(1 << 60),
        b"\x17\x06" + number(0) + number(1 << 50),
        b"\x01" * DEEP,
        bytes(LENGTH),
    ):
        yield "stackexchange", "a lying header", name, assemble(plain, head)
    start = struct.pack("<QQI", 1 << 62, 1 << 62, 0)
    yield (
        "stackexchange",
        "a lying start",
        name,
        b"7z\xbc\xaf\x27\x1c\x00\x04" + struct.pack("<I", zlib.crc32(start)) + start,
    )
