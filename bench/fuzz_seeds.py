"""What is damaged: small files of every source, out of the bundled sample, and real ones where a folder is named.

A seed is kept unpacked, in parts (the members of a WARC, the files of an archive), so that what is inside can be
damaged and packed again: otherwise its checksum would keep nearly all damage from the code that reads what is inside.
"""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path

import zstandard

from curate.sample.seven_zip_writer import write_7z

SAMPLE = Path(__file__).resolve().parent.parent / "curate" / "sample"
MOST_REAL = 300_000
"""Bytes of a real file that is taken."""

WORDS: dict[str, tuple[bytes, ...]] = {
    "commoncrawl": (b"WARC/1.0\r\n", b"\r\n\r\n", b"Content-Length: 5\r\n", b"HTTP/1.1 200 OK\r\n", b"<div>", b"<!--",
                    b"Transfer-Encoding: chunked\r\n", b"Content-Encoding: gzip\r\n", b"<script>", b"</p>", b"&amp",
                    b"<table><tr><td>", b"<meta charset=utf-7>", b"<title>", b"<svg><style>", b"]]>", b"<a href=\""),
    "c4": (b'"', b"{", b"[", b"\n", b'\\"', b'{"text": ', b'"url": "', b"\\u0000", b"NaN", b"1e999", b"\r\n"),
    "github": (b"/*", b"*/", b'"""', b"//", b"#", b"\n", b'{"content": "', b"SPDX-License-Identifier: MIT", b"<<EOF",
               b"Copyright (c) ", b"\\", b"'", b"-----BEGIN RSA PRIVATE KEY-----", b"../", b"@generated "),
    "wikipedia": (b"<page>", b"</page>", b"{{", b"}}", b"[[", b"]]", b"{|", b"|}", b"|-", b"<ref>", b"</ref>", b"''",
                  b"<!--", b"-->", b"<nowiki>", b"=", b"&lt;", b"&amp;amp;", b"<text>", b"{{{", b"<![CDATA[", b"<math>",
                  b"&lt;math&gt;", b"<!DOCTYPE x [<!ENTITY a 'b'>]>", b"[[File:x|", b"{{#if:", b"&quot;", b"\n:*#;"),
    "books": (b"*** START OF THE PROJECT GUTENBERG EBOOK", b"*** END OF", b"[Illustration: ", b"_", b"\n\n\n", b"<p>",
              b"[Transcriber's Note: ", b"</", b"<!DOCTYPE html", b"<![CDATA[", b"&x;", b"{12}", b"    ", b"<itemref "),
    "arxiv": (b"\\", b"{", b"}", b"\\begin{", b"\\end{document}", b"\\def\\x#1{\\x{#1}}", b"%", b"$", b"$$",
              b"\\input{",
              b"\\newcommand{\\x}[9]{", b"\\section{", b"\\verb|", b"\\begin{verbatim}", b"#1", b"\\csname", b"^^M",
              b"\\\\",
              b"\\x", b"\\let\\x=\\y", b"\\begin{comment}", b"\\iffalse", b"\\fi", b"\\bibliography{", b"~", b"&"),
    "stackexchange": (b"<row ", b"/>", b'"', b"&lt;", b"&#xA;", b'Id="1" ', b'ParentId="1" ', b"<posts>", b"</posts>",
                      b"&lt;pre&gt;&lt;code&gt;", b"<!DOCTYPE x [<!ENTITY a 'b'>]>", b"&a;", b"<!--",
                      b"&lt;ul&gt;&lt;li&gt;",
                      b'PostTypeId="1" ', b'Score="x" ', b"&amp;lt;", b"<![CDATA["),
}  # fmt: skip


@dataclass(frozen=True)
class Seed:
    """A file before it is damaged. pack: its parts into the file."""

    source: str
    name: str
    parts: tuple[bytes, ...]
    pack: Callable[[Sequence[bytes]], bytes]


def joined(parts: Sequence[bytes]) -> bytes:
    return b"".join(parts)


def gzip_members(parts: Sequence[bytes]) -> bytes:
    return b"".join(gzip.compress(part, 1, mtime=0) for part in parts)


def bzip2_streams(parts: Sequence[bytes]) -> bytes:
    return b"".join(bz2.compress(part) for part in parts)


def seven_zip(parts: Sequence[bytes], method: str) -> bytes:
    return write_7z([("Posts.xml", parts[0]), *((f"Other{n}.xml", part) for n, part in enumerate(parts[1:]))], method)


def zipped(parts: Sequence[bytes], names: Sequence[str]) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, part in zip(names, parts, strict=True):
            archive.writestr(zipfile.ZipInfo(name), part)
    return out.getvalue()


def tarred(parts: Sequence[bytes], names: Sequence[str], packed: bool, members: bool = False) -> bytes:
    """members: each file is gzipped by itself, as arXiv's papers are."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=tarfile.GNU_FORMAT) as archive:
        for name, part in zip(names, parts, strict=True):
            data = gzip.compress(part, 1, mtime=0) if members else part
            member = tarfile.TarInfo(name)
            member.size = len(data)
            archive.addfile(member, io.BytesIO(data))
    return gzip.compress(out.getvalue(), 1, mtime=0) if packed else out.getvalue()


def packed_whole(
    parts: Sequence[bytes], join: Callable[[Sequence[bytes]], bytes], pack: Callable[[bytes], bytes]
) -> bytes:
    return pack(join(parts))


@cache
def seeds(real: Path | None = None) -> dict[str, list[Seed]]:
    """source -> its seeds, in an order that depends on the files alone. real: a folder of real files of each source."""
    found: dict[str, list[Seed]] = {source: [] for source in WORDS}
    for make in (_crawl, _c4, _github, _wikipedia, _books, _arxiv, _stackexchange):
        for seed in make():
            found[seed.source].append(seed)
    for source in sorted(found) if real else ():
        folder = real / {"commoncrawl": "cc"}.get(source, source)
        for path in sorted(folder.rglob("*")) if folder.is_dir() else ():
            if path.is_file() and path.stat().st_size <= MOST_REAL:
                found[source].append(Seed(source, path.name, (path.read_bytes(),), joined))
    return found


def _members(data: bytes) -> list[bytes]:
    found: list[bytes] = []
    while data:
        inflate = zlib.decompressobj(31)
        try:
            found.append(inflate.decompress(data))
        except zlib.error:  # the sample holds broken ones
            break
        data = inflate.unused_data
    return found


def _crawl() -> Iterator[Seed]:
    for path in sorted((SAMPLE / "crawl").glob("*.warc.gz")):
        records = [record for record in _members(path.read_bytes()) if len(record) < 12_000]
        for start in range(0, len(records), 6):
            parts = tuple(records[start : start + 6])
            yield Seed("commoncrawl", "a.warc.gz", parts, gzip_members)
            yield Seed("commoncrawl", "a.warc", parts, joined)
    (wet,) = (SAMPLE / "crawl").glob("*.wet.gz")
    yield Seed("commoncrawl", "a.warc.wet.gz", tuple(_members(wet.read_bytes())), gzip_members)


def _c4() -> Iterator[Seed]:
    for path in sorted((SAMPLE / "c4").glob("*.json.gz")):
        lines = tuple(gzip.decompress(path.read_bytes()).splitlines(keepends=True)[:8])
        yield Seed("c4", "c4-train.00000-of-00002.json.gz", lines, lambda parts: gzip_members([joined(parts)]))
        yield Seed("c4", "c4-de.tfrecord-00000-of-00002.json.gz", lines, gzip_members)
        yield Seed("c4", "c4.json", lines, joined)


def _github() -> Iterator[Seed]:
    folder = SAMPLE / "github"
    for path in sorted(folder.glob("*.tar.gz")) + sorted(folder.glob("*.tgz")) + sorted(folder.glob("*.crate")):
        try:
            with tarfile.open(path) as archive:
                files = {m.name: archive.extractfile(m).read() for m in archive if m.isfile()}  # type: ignore[union-attr]
        except (EOFError, tarfile.TarError, zlib.error):
            continue  # the sample holds a torn one
        names = tuple(files)
        yield Seed("github", path.name, tuple(files.values()), partial(tarred, names=names, packed=True))
        yield Seed("github", "a.tar", tuple(files.values()), partial(tarred, names=names, packed=False))
        for suffix, pack in (("bz2", bz2.compress), ("xz", lzma.compress), ("zst", zstandard.compress)):
            plain = partial(tarred, names=names, packed=False)
            yield Seed("github", f"a.tar.{suffix}", tuple(files.values()), partial(packed_whole, join=plain, pack=pack))
        yield Seed("github", "a.zip", tuple(files.values()), partial(zipped, names=names))
        for name, data in files.items():
            yield Seed("github", f"one/{name.rpartition('/')[2]}", (data,), joined)
    (export,) = folder.glob("*.jsonl")
    lines = tuple(export.read_bytes().splitlines(keepends=True))
    yield Seed("github", "export.jsonl", lines, joined)
    yield Seed("github", "export.jsonl.gz", lines, gzip_members)
    (table,) = folder.glob("*.parquet")
    yield Seed("github", "export.parquet", (table.read_bytes(),), joined)


def _streams(data: bytes) -> bytes:
    """What can be read of a file of bzip2 streams: the sample holds a torn one."""
    found = b""
    while data:
        unpack = bz2.BZ2Decompressor()
        try:
            found += unpack.decompress(data)
        except OSError:
            break
        data = unpack.unused_data
    return found


def _wikipedia() -> Iterator[Seed]:
    for path in sorted((SAMPLE / "wikipedia").glob("*articles*.xml.bz2")):
        head, *pages = _streams(path.read_bytes()).split(b"<page>")
        parts = (head, *(b"<page>" + page for page in pages[:8]))
        name = path.name.removesuffix(".bz2")
        yield Seed("wikipedia", name, parts, joined)
        yield Seed("wikipedia", f"{name}.gz", parts, lambda parts: gzip_members([joined(parts)]))
        yield Seed("wikipedia", f"{name}.bz2", parts, bzip2_streams)
        yield Seed("wikipedia", f"{name}.bz2", parts, lambda parts: bz2.compress(joined(parts)))


def _books() -> Iterator[Seed]:
    for path in sorted((SAMPLE / "books").iterdir()):
        if zipfile.is_zipfile(path):
            with zipfile.ZipFile(path) as archive:
                names = tuple(archive.namelist())
                parts = tuple(archive.read(name) for name in names)
            yield Seed("books", path.name, parts, partial(zipped, names=names))
        elif path.suffix == ".txt":
            yield Seed("books", path.name, (path.read_bytes(),), joined)
            yield Seed("books", f"{path.name}.gz", (path.read_bytes(),), gzip_members)


def _arxiv() -> Iterator[Seed]:
    papers = SAMPLE / "arxiv_papers"
    everything: dict[str, bytes] = {}
    for number, folder in enumerate(sorted(path for path in papers.iterdir() if path.is_dir())):
        files = {p.relative_to(folder).as_posix(): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}
        names, parts = tuple(files), tuple(files.values())
        yield Seed("arxiv", f"2401.0{number:04}.tar.gz", parts, partial(tarred, names=names, packed=True))
        yield Seed("arxiv", f"2401.0{number:04}.gz", parts, partial(tarred, names=names, packed=True))
        for name, data in files.items():
            if name.endswith(".tex"):
                yield Seed("arxiv", "paper.tex", (data,), joined)
                everything[f"2401/2401.{len(everything):05}.gz"] = data
    names, parts = tuple(everything), tuple(everything.values())
    yield Seed("arxiv", "arXiv_src_2401_001.tar", parts, partial(tarred, names=names, packed=False, members=True))


def _stackexchange() -> Iterator[Seed]:
    from curate.sample.stackexchange_dump import posts_xml, read_site

    for path in sorted((SAMPLE / "stackexchange" / "sources").iterdir()):
        site = read_site(path)
        xml = posts_xml(site.posts)
        yield Seed("stackexchange", "Posts.xml", tuple(xml.splitlines(keepends=True)), joined)
        for method in ("lzma2", "bzip2", "copy"):
            yield Seed("stackexchange", "a.stackexchange.com.7z", (xml, b"<votes/>"), partial(seven_zip, method=method))
