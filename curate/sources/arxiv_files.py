"""One paper's stored bytes, as the text files it is made of.

arXiv keeps a paper as gzip: of a tar of its files, or of the one file where there is only one
(https://info.arxiv.org/help/bulk_data_s3.html). Papers sent without their source are PDF. Names of files are keys of a
mapping here and nothing else: no file is written, no link followed, no folder left.
"""

from __future__ import annotations

import posixpath
import re
from dataclasses import dataclass, field
from enum import StrEnum

from curate.sources.arxiv_stream import GZIP_MAGIC, Inflated, PaperError, Stream, Unreadable
from curate.sources.arxiv_tar import BLOCK, Damaged, content, is_header, members

TEX_SUFFIXES = (".tex", ".ltx", ".latex")
_NOT_READ = frozenset(
    [
        "eps",
        "ps",
        "epsi",
        "epsf",
        "pdf",
        "png",
        "jpg",
        "jpeg",
        "gif",
        "tif",
        "tiff",
        "bmp",
        "svg",
        "ai",
        "xcf",
        "fig",
        "pgf",
        "pdf_tex",
        "pdf_t",
        "eps_tex",
        "pstex",
        "pstex_t",
        "mp",
        "mps",
        "asy",
        "dvi",
        "aux",
        "log",
        "out",
        "toc",
        "lof",
        "lot",
        "blg",
        "bib",
        "bst",
        "bbx",
        "cbx",
        "cls",
        "clo",
        "fd",
        "def",
        "cfg",
        "sty~",
        "tex~",
        "bak",
        "swp",
        "csv",
        "tsv",
        "dat",
        "xls",
        "xlsx",
        "doc",
        "docx",
        "ppt",
        "zip",
        "gz",
        "bz2",
        "xz",
        "7z",
        "tgz",
        "tar",
        "rar",
        "mp4",
        "avi",
        "mov",
        "mpg",
        "mpeg",
        "wav",
        "mp3",
        "py",
        "ipynb",
        "c",
        "h",
        "cpp",
        "f",
        "f90",
        "js",
        "html",
        "htm",
        "xml",
        "json",
        "yml",
        "yaml",
        "r",
        "m",
        "nb",
        "mat",
        "npy",
        "npz",
        "fits",
        "hdf5",
        "h5",
        "root",
        "ttf",
        "otf",
        "pfb",
        "tfm",
        "vf",
        "map",
        "enc",
    ]
)
"""Suffixes of what is never a part of a paper's text: figures, styles, bibliographies, data, programs."""
_ANCILLARY = "anc/"
"""What arXiv keeps beside a paper and does not set."""
_README_JSON = re.compile(r"00readme(?:\.[a-z]{1,8})?", re.IGNORECASE)


class NotTex(StrEnum):
    """What a paper is that has no LaTeX."""

    PDF = "pdf"
    POSTSCRIPT = "postscript"
    NOT_TEX = "not_tex"
    WITHDRAWN = "withdrawn"
    EMPTY = "empty"


class NoSource(Exception):
    """A paper that can be read, and has no LaTeX."""

    def __init__(self, reason: NotTex, detail: str) -> None:
        super().__init__(detail)
        self.reason = reason
        self.detail = detail


@dataclass(frozen=True, slots=True)
class Limits:
    """Bytes: of a paper unpacked, figures and all; of one text file; of the text files together. files: how many."""

    paper: int
    file: int
    text: int
    files: int


@dataclass(slots=True)
class Files:
    """texts: path in the paper -> bytes, of the files that may be text; unsafe: names that lead outside, left out."""

    texts: dict[str, bytes] = field(default_factory=dict)
    unsafe: int = 0


def safe_name(name: str) -> str | None:
    """A member's path in the paper, or None where it leads outside of it or is hidden."""
    if name.startswith("/") or "\\" in name or "\0" in name or re.match("[A-Za-z]:", name):
        return None
    path = posixpath.normpath(name)
    if path.startswith("../") or path in ("..", "."):
        return None
    return path


def unpack(stream: Stream, name: str, limits: Limits) -> Files:
    """The files of the paper that this stream holds. name: of the stored file, from which a single file is called.

    Raises PaperError where it cannot be read, NoSource where it is no LaTeX.
    """
    if stream.peek(2) == GZIP_MAGIC:
        stream = Inflated(stream, limits.paper)
    head = stream.peek(BLOCK)
    if is_header(head):
        return _from_tar(stream, limits)
    if not head:
        raise NoSource(NotTex.EMPTY, "no bytes")
    if kind := _kind(head):
        raise NoSource(kind, f"begins with {head[:16]!r}")
    data = stream.read(limits.file + 1)
    if len(data) > limits.file:
        raise PaperError(Unreadable.TOO_LARGE, f"a file of more than {limits.file} bytes")
    if b"%auto-ignore" in data[:4096]:
        raise NoSource(NotTex.WITHDRAWN, "%auto-ignore")
    if not data.strip():
        raise NoSource(NotTex.EMPTY, "nothing but spaces")
    base = posixpath.basename(name)
    return Files({base if base.lower().endswith(TEX_SUFFIXES) else "main.tex": data})


def _kind(head: bytes) -> NotTex | None:
    """What a file that begins so is, where it is surely no TeX."""
    if head.startswith(b"%PDF"):
        return NotTex.PDF
    if head.startswith((b"%!", b"\x04%!", b"\xc5\xd0\xd3\xc6")):
        return NotTex.POSTSCRIPT
    start = head.lstrip()[:15].lower()
    if b"\0" in head and not head.startswith((b"\xff\xfe", b"\xfe\xff")):
        return NotTex.NOT_TEX
    return NotTex.NOT_TEX if start.startswith((b"<!doctype html", b"<html", b"<?xml")) else None


def _from_tar(stream: Stream, limits: Limits) -> Files:
    found = Files()
    kinds: set[str] = set()
    held = count = 0
    for member in members(stream):
        if isinstance(member, Damaged):
            raise PaperError(Unreadable.BAD_TAR, f"at byte {member.offset} of the tar: {member.detail}")
        count += 1
        if count > limits.files:
            raise PaperError(Unreadable.TOO_MANY_FILES, f"more than {limits.files} files")
        if not member.plain:
            continue
        path = safe_name(member.name)
        if path is None:
            found.unsafe += 1
            continue
        suffix = posixpath.splitext(path)[1].lower()
        kinds.add(suffix)
        if not _wanted(path, suffix):
            continue
        if member.size > limits.file:
            if suffix in TEX_SUFFIXES:
                raise PaperError(Unreadable.TOO_LARGE, f"{path[:80]}: {member.size} bytes")
            continue
        data = content(stream, member)
        if b"\0" in data[:BLOCK] and not data.startswith((b"\xff\xfe", b"\xfe\xff")):
            continue
        held += len(data)
        if held > limits.text:
            raise PaperError(Unreadable.TOO_LARGE, f"more than {limits.text} bytes of text")
        found.texts[path] = data
    stream.skip(limits.paper + 1)  # behind the tar's end there may be a bomb, and there is the checksum of a gzip
    if not found.texts:
        reason = NotTex.PDF if ".pdf" in kinds else NotTex.POSTSCRIPT if ".ps" in kinds else NotTex.NOT_TEX
        raise NoSource(reason if count else NotTex.EMPTY, f"{count} files, none of them text")
    return found


def _wanted(path: str, suffix: str) -> bool:
    name = posixpath.basename(path)
    if path.startswith(_ANCILLARY):
        return False
    if name.startswith("._") or any(part.startswith(".") or part == "__MACOSX" for part in path.split("/")[:-1]):
        return False
    return suffix[1:] not in _NOT_READ or bool(_README_JSON.fullmatch(name))
