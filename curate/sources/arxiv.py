"""ArXiv: the LaTeX of papers, from arXiv's bulk tars or from single papers.

`arXiv_src_YYMM_NNN.tar` holds a folder of papers, each gzip of a tar of its files or of its only file, or a PDF
(https://info.arxiv.org/help/bulk_data_s3.html). A large tar is divided into byte ranges: a paper belongs to the range
in which its header begins, and a reader walks the headers from the file's start, so that no paper's bytes can be taken
for a header.

LLaMA-1 (Touvron et al. 2023, §2.1): everything before the first section and the bibliography removed, comments removed,
definitions and macros written by users expanded inline.
"""

from __future__ import annotations

import posixpath
from collections.abc import Iterator
from enum import StrEnum
from functools import cached_property
from typing import IO, Any, Literal

from pydantic import Field

from curate.errors import SetAside
from curate.inputs import InputFile
from curate.sections import Bytes, ExtractSection
from curate.sources.arxiv_files import TEX_SUFFIXES, Files, Limits, NoSource, NotTex, unpack
from curate.sources.arxiv_ids import PaperId, paper_id
from curate.sources.arxiv_metadata import Metadata, check, date_of, licence_of, load, names_of
from curate.sources.arxiv_stream import PaperError, Stored, Unreadable
from curate.sources.arxiv_tar import BLOCK, Damaged, Member, is_header, members
from curate.sources.html import one_line
from curate.sources.latex import NoBody, NoText, Options, Paper, read_paper
from curate.sources.latex_redpajama import Compat, NotUtf8, clean
from curate.sources.source import Dropped, Outcome, Piece, Source
from curate.sources.tex_expand import Limits as MacroLimits
from curate.storage import filesystem


class Drop(StrEnum):
    """Why a readable paper makes no document."""

    NOT_A_FILE = "not_a_file"
    PDF = NotTex.PDF.value
    POSTSCRIPT = NotTex.POSTSCRIPT.value
    NOT_TEX = NotTex.NOT_TEX.value
    WITHDRAWN = NotTex.WITHDRAWN.value
    NOT_UTF8 = "not_utf8"
    NO_SECTION = NoText.NO_SECTION.value
    EMPTY = NoText.EMPTY.value


class ArxivExtract(ExtractSection):
    """How papers become documents."""

    metadata: str | None = None
    """arXiv's metadata, one JSON object a line: title, authors, categories, licence and date of every paper."""
    abstract: Literal["drop", "keep"] = "drop"
    """LLaMA-1 removes everything before the first section, the abstract too."""
    appendix: Literal["keep", "cut"] = "keep"
    """RedPajama-v1 cuts a paper at its appendix."""
    sectionless: Literal["drop", "keep"] = "drop"
    """A paper without a section has nothing behind the first; `keep` takes it whole."""
    max_paper_bytes: Bytes = 512 << 20
    """Of one paper unpacked, figures and all."""
    max_file_bytes: Bytes = 8 << 20
    max_text_bytes: Bytes = 16 << 20
    """Of a paper's text files together, of its files joined and of what its macros put in. A worker needs up to 60
    bytes of memory for each, where a text is all braces; 5 for a text of words."""
    max_files: int = Field(20_000, ge=1)
    max_expansions: int = Field(200_000, ge=0)
    """Calls of macros in one paper; a macro that expands for ever sets its paper aside."""

    compat: Compat = Compat()
    """What RedPajama-v1 does otherwise, switch by switch; `abstract` and `sectionless` are LLaMA-1's alone."""

    def files(self) -> list[tuple[str, str]]:
        return [] if self.metadata is None else [("metadata", self.metadata)]


class Arxiv(Source[ArxivExtract]):
    """arXiv's bulk source tars, and papers as `.gz`, `.tar.gz`, `.tar` or `.tex`."""

    name = "arxiv"
    suffixes = (".tar", ".gz", ".tgz", *TEX_SUFFIXES)
    reasons = tuple(Drop)
    Config = ArxivExtract

    def __init__(self, config: ArxivExtract) -> None:
        super().__init__(config)
        self._limits = Limits(config.max_paper_bytes, config.max_file_bytes, config.max_text_bytes, config.max_files)
        self._options = Options(
            config.abstract,
            config.appendix,
            config.sectionless,
            config.max_text_bytes,
            MacroLimits(config.max_expansions, config.max_text_bytes),
        )

    def pieces(self, item: InputFile, index: int) -> Iterator[Piece]:
        if index == 0 and self.config.metadata is not None:
            check(self.config.metadata)  # here, so that the mistake is told before any worker meets it
        step = self.config.range_bytes
        if not item.path.endswith(".tar") or item.size <= step:
            yield Piece(item.path, item.file, index, 0, item.size)
            return
        for start in range(0, item.size, step):
            yield Piece(item.path, item.file, index, start, min(start + step, item.size))

    def read(self, piece: Piece) -> Iterator[Outcome]:
        fs, inner = filesystem(piece.path)
        with fs.open(inner, "rb") as handle:
            size = handle.seek(0, 2)
            handle.seek(0)
            if is_header(handle.read(BLOCK)) and _holds_papers(handle, size):
                yield from self._bulk(handle, size, piece)
            elif piece.start == 0:
                # One paper, or what was to be a tar and is not one.
                yield self._paper(Stored(handle, 0, size), piece.file, piece.file, 0)

    def _bulk(self, handle: IO[bytes], size: int, piece: Piece) -> Iterator[Outcome]:
        for member in members(Stored(handle, 0, size)):
            if 0 <= piece.end <= member.offset:
                return
            if member.offset < piece.start:
                continue
            if isinstance(member, Damaged):
                yield SetAside(piece.file, member.offset, Unreadable.BAD_TAR.value, member.detail)
            elif member.folder:
                continue
            elif not member.plain:
                yield Dropped(Drop.NOT_A_FILE, "a link or a device", _url(member.name), member.offset)
            elif member.data + member.size > size:
                yield SetAside(piece.file, member.offset, Unreadable.TRUNCATED.value, "the tar ends inside this paper")
            else:
                stream = Stored(handle, member.data, member.size)
                yield self._paper(stream, member.name, piece.file, member.offset)

    def _paper(self, stream: Stored, name: str, file: str, offset: int) -> Outcome:
        """What a paper comes to, within the worker's limits. name: of the stored paper, which says its identifier."""
        return self.limited(file, offset, lambda: self._read_paper(stream, name, file, offset))

    def _read_paper(self, stream: Stored, name: str, file: str, offset: int) -> Outcome:
        known = paper_id(name)
        url = known.url if known else ""
        try:
            files = unpack(stream, name, self._limits)
            paper = self._redpajama(files) if self.config.compat.any else read_paper(files.texts, self._options)
        except PaperError as error:
            shown = one_line(name.encode("utf-8", "replace").decode())[:100]
            return SetAside(file, offset, error.reason.value, f"{shown}: {one_line(error.detail)[:200]}")
        except (NoSource, NoBody) as error:
            return Dropped(error.reason, one_line(error.detail)[:200], url or f"{file}@{offset}", offset)
        except NotUtf8 as error:
            return Dropped(Drop.NOT_UTF8, one_line(_clean(str(error)))[:200], url or f"{file}@{offset}", offset)
        return self._document(paper, files, known, file, offset)

    def _redpajama(self, files: Files) -> Paper:
        options = self._options
        text = clean(files.texts, self.config.compat, options.macros, cut_appendix=options.appendix == "cut")
        if not text:
            raise NoBody(NoText.NO_SECTION, "no file has a section")
        return Paper(text=text)

    def _document(self, paper: Paper, files: Files, known: PaperId | None, file: str, offset: int) -> Outcome:
        record = self._metadata.of(known.identifier) if known and self._metadata else None
        said: dict[str, Any] = record or {}
        facts = {
            "id": known.identifier if known else "",
            "version": known.version if known else "",
            "authors": names_of(said) or [_clean(name) for name in paper.authors],
            "categories": str(said.get("categories") or "").split(),
            "doi": _clean(str(said.get("doi") or "")),
            "licence_url": _clean(str(said.get("license") or "")),
            "main": [_clean(name) for name in paper.main],
            "other_mains": paper.others,
            "missing_files": [_clean(name) for name in paper.missing],
            "unsafe_names": files.unsafe,
            "macros_expanded": paper.expanded,
            "macros_left": list(paper.left),
        }
        return self.document(
            _clean(paper.text),
            file=file,
            offset=offset,
            url=known.url if known else "",
            title=one_line(_clean(str(said.get("title") or "") or paper.title)),
            date=date_of(said),
            licence=licence_of(str(said.get("license") or "")),
            metadata={key: value for key, value in facts.items() if value},
        )

    @cached_property
    def _metadata(self) -> Metadata | None:
        return None if self.config.metadata is None else load(self.config.metadata)


def _holds_papers(handle: IO[bytes], size: int) -> bool:
    """Whether a tar holds papers, as arXiv's do, and not the files of one: the first member that tells says it."""
    packed = False
    for member in members(Stored(handle, 0, size)):
        if isinstance(member, Member) and member.plain:
            name = posixpath.basename(member.name).lower()
            if name.endswith(TEX_SUFFIXES):
                return False
            if paper_id(member.name) or name.endswith((".tar.gz", ".tgz")):
                return True
            packed = packed or name.endswith(".gz")
    return packed


def _url(name: str) -> str:
    known = paper_id(name)
    return known.url if known else ""


def _clean(text: str) -> str:
    """Text that can be stored: names out of a tar may hold what is no UTF-8."""
    return text.encode("utf-8", "replace").decode()
