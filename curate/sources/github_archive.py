"""The files of a tarball or zip, read where they lie: nothing is unpacked to disk, and no name is ever opened.

A tarball is read forwards, a zip by its own directory. An archive that unpacks to more than is allowed, or holds more
members, is set aside from there on; links, devices and encrypted members are told apart and never followed.
"""

from __future__ import annotations

import zipfile
import zlib
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import IO, Any

from curate.sources.arxiv_stream import PaperError, Stored, Stream
from curate.sources.arxiv_tar import Damaged, content, members
from curate.sources.packed_stream import unpacked
from curate.storage import filesystem

TAR_SUFFIXES = (".tar.gz", ".tgz", ".tar", ".crate", ".tar.bz2", ".tbz2", ".tar.xz", ".txz", ".tar.zst", ".tzst")
ZIP_SUFFIXES = (".zip", ".whl", ".jar")
MAX_NAME = 4096
_MAX_DIRECTORY = 64 << 20
"""Bytes of a zip's directory: 100,000 members take up 10 MB."""
_ENCRYPTED = 0x1
_PIECE = 1 << 20
_METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA)


class Unreadable(StrEnum):
    """Why a file, or the rest of an archive or export, is set aside."""

    TRUNCATED = "truncated"
    CORRUPT_GZIP = "corrupt_gzip"
    CORRUPT_STREAM = "corrupt_stream"
    BAD_ARCHIVE = "bad_archive"
    BOMB = "bomb"
    TOO_MANY_MEMBERS = "too_many_members"
    UNSAFE_NAME = "unsafe_name"
    ENCRYPTED = "encrypted"
    TOO_LARGE = "too_large"
    GARBAGE = "garbage"
    BAD_JSON = "bad_json"
    BAD_PARQUET = "bad_parquet"
    NO_CONTENT = "no_content"


class BadFile(Exception):
    """What cannot be read of a file. detail: one line."""

    def __init__(self, reason: Unreadable, detail: str) -> None:
        super().__init__(detail)
        self.reason = reason
        self.detail = detail


@dataclass(frozen=True, slots=True)
class Entry:
    """One member. offset: of its header, in the tar as unpacked or in the zip; plain: a file, not a link or a device;
    read: its bytes, at most `most` of them, only before the next entry is asked for. Raises BadFile."""

    path: str
    size: int
    offset: int
    plain: bool
    read: Callable[[int], bytes]


@dataclass(frozen=True, slots=True)
class Bad:
    """What could not be read; `last` where nothing after it can be."""

    offset: int
    reason: Unreadable
    detail: str
    last: bool = False


def archive_of(path: str, max_members: int, max_unpacked: int) -> Archive:
    """How to read the archive at this path."""
    kind = Zip if path.lower().endswith(ZIP_SUFFIXES) else Tar
    return kind(path, max_members, max_unpacked)


class Archive(ABC):
    """An archive that may be gone through several times."""

    def __init__(self, path: str, max_members: int, max_unpacked: int) -> None:
        self.path = path
        self.max_members = max_members
        self.max_unpacked = max_unpacked

    def entries(self) -> Iterator[Entry | Bad]:
        """Every file, link and device in order (no folders), and what cannot be read. Raises OSError where it is not
        there, never for what it holds."""
        fs, inner = filesystem(self.path)
        count = 0
        with fs.open(inner, "rb") as handle:
            for item in self._entries(handle, int(fs.size(inner) or 0)):
                count += 1
                if count > self.max_members:
                    yield Bad(item.offset, Unreadable.TOO_MANY_MEMBERS, f"over {self.max_members}", last=True)
                    return
                if isinstance(item, Entry) and (problem := _unsafe(item.path)):
                    yield Bad(item.offset, Unreadable.UNSAFE_NAME, f"{problem}: {item.path[:200]!r}")
                else:
                    yield item

    @abstractmethod
    def _entries(self, handle: IO[bytes], size: int) -> Iterator[Entry | Bad]: ...


def _unsafe(path: str) -> str:
    if len(path) > MAX_NAME:
        return "a long name"
    if path.startswith("/") or "\\" in path or (path[1:2] == ":" and path[:1].isalpha()):
        return "an absolute path" if "\\" not in path else "a backslash"
    return "a path that goes up" if ".." in path.split("/") else "no name" if not path.strip("/.") else ""


def _normal(name: str) -> str:
    # A name that is not UTF-8 has its odd bytes spelled out: names are stored as text.
    name = name.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace").replace("\0", "")
    while name.startswith("./"):
        name = name[2:]
    return name


class Tar(Archive):
    """A tar, plain or packed: what it begins with says how, not its name."""

    def _entries(self, handle: IO[bytes], size: int) -> Iterator[Entry | Bad]:
        stream: Stream = Stored(handle, 0, size)
        broken: list[BadFile] = []
        try:
            stream = unpacked(stream, self.max_unpacked)
            empty = True
            for member in members(stream):
                empty = False
                if isinstance(member, Damaged):
                    yield Bad(member.offset, Unreadable.BAD_ARCHIVE, member.detail)
                elif not member.folder:

                    def read(most: int, member: Any = member) -> bytes:
                        try:
                            return _member(stream, member, most)
                        except PaperError as error:
                            broken.append(_bad_file(error))
                            raise broken[0] from None

                    yield Entry(_normal(member.name), member.size, member.offset, member.plain, read)
                    if broken:  # whoever read it was told, and nothing can be read behind it
                        return
            while stream.some(_PIECE):  # to the end, where packings keep a checksum
                pass
            if empty:
                yield Bad(0, Unreadable.BAD_ARCHIVE, "nothing is in it", last=True)
        except PaperError as error:
            bad = _bad_file(error)
            yield Bad(stream.position, bad.reason, bad.detail, last=True)


_REASONS = {reason.value: reason for reason in Unreadable}


def _bad_file(error: PaperError) -> BadFile:
    return BadFile(_REASONS.get(error.reason.value, Unreadable.BAD_ARCHIVE), error.detail)


def _member(stream: Stream, member: Any, most: int) -> bytes:
    if member.size > most:
        return stream.read(most)
    return content(stream, member)


class Zip(Archive):
    """A zip: GitHub's, a Go module, a wheel."""

    def _entries(self, handle: IO[bytes], size: int) -> Iterator[Entry | Bad]:
        try:
            archive = zipfile.ZipFile(_Limited(handle))
        except (zipfile.BadZipFile, BadFile, ValueError, EOFError, NotImplementedError, UnicodeError) as error:
            yield Bad(0, Unreadable.BAD_ARCHIVE, _line(error), last=True)
            return
        left = [self.max_unpacked]
        with archive:
            for info in sorted(archive.infolist(), key=lambda info: (info.header_offset, info.filename)):
                if info.is_dir():
                    continue
                offset = max(info.header_offset, 0)  # a damaged directory names places before the file's beginning
                if info.flag_bits & _ENCRYPTED:
                    yield Bad(offset, Unreadable.ENCRYPTED, info.filename[:200])
                    continue
                if left[0] <= 0:
                    detail = f"unpacks to more than {self.max_unpacked} bytes"
                    yield Bad(offset, Unreadable.BOMB, detail, last=True)
                    return
                # The upper half of the attributes is a Unix mode where a Unix made the zip; 0o12 begins a link's.
                kind = info.external_attr >> 28
                plain = kind in (0, 0o10)

                def read(most: int, info: zipfile.ZipInfo = info) -> bytes:
                    data = _unzip(archive, info, most)
                    left[0] -= len(data)
                    return data

                yield Entry(_normal(info.filename), info.file_size, offset, plain, read)


def _unzip(archive: zipfile.ZipFile, info: zipfile.ZipInfo, most: int) -> bytes:
    if info.compress_type not in _METHODS:
        raise BadFile(Unreadable.BAD_ARCHIVE, f"method {info.compress_type}")
    parts: list[bytes] = []
    size = 0
    try:
        with archive.open(info) as member:
            while size <= most and (piece := member.read(min(_PIECE, most + 1 - size))):
                parts.append(piece)
                size += len(piece)
    except (zipfile.BadZipFile, zlib.error, EOFError, OSError, ValueError, NotImplementedError, RuntimeError) as error:
        raise BadFile(Unreadable.BAD_ARCHIVE, _line(error)) from None
    if size > most:
        raise BadFile(Unreadable.BOMB, f"says {info.file_size} bytes and unpacks to more than {most}")
    return b"".join(parts)


class _Limited:
    """A file of which no one read may ask for more than a zip's directory needs: the size is the archive's to say."""

    def __init__(self, handle: IO[bytes]) -> None:
        self._handle = handle
        self.seek, self.tell, self.seekable = handle.seek, handle.tell, handle.seekable

    def read(self, count: int = -1) -> bytes:
        if not 0 <= count <= _MAX_DIRECTORY:
            start = self._handle.tell()
            left = self._handle.seek(0, 2) - start
            self._handle.seek(start)
            if left > _MAX_DIRECTORY and not 0 <= count <= _MAX_DIRECTORY:
                raise BadFile(Unreadable.BAD_ARCHIVE, f"a directory of over {_MAX_DIRECTORY} bytes")
        return self._handle.read(count)

    def close(self) -> None:
        pass


def _line(error: Exception) -> str:
    return " ".join(f"{type(error).__name__}: {error}".split())[:200]
