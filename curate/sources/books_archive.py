"""ZIP archives that hold books, read without writing a byte of them to disk and within stated limits.

A member is decompressed as far as its limit and no further, so a bomb costs no more than the limit; the directory of
an archive is looked at only when it is of a size that books have; and a member whose name leads out of the archive is
refused by name, though nothing would be written there.
"""

from __future__ import annotations

import errno
import posixpath
import struct
import zipfile
import zlib
from enum import StrEnum
from typing import IO

MOST_MEMBERS = 65_535
MOST_DIRECTORY = 16 << 20
"""Bytes of an archive's directory: 65,535 members with names of 200 characters."""
_TAIL = 22 + 65_535
_END = b"PK\x05\x06"
_CHUNK = 1 << 20
_METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
MAGIC = b"PK\x03\x04"


class BadBook(StrEnum):
    """Why a file, or a book in it, could not be read."""

    BAD_ARCHIVE = "bad_archive"
    BAD_PACKAGE = "bad_package"
    BOMB = "bomb"
    ENCRYPTED = "encrypted"
    ENTITIES = "entities"
    NOT_TEXT = "not_text"
    TOO_DEEP = "too_deep"
    TOO_LARGE = "too_large"
    UNSAFE_PATH = "unsafe_path"


class Unreadable(Exception):
    """A book that cannot be read; `reason` is why, the message what exactly was wrong, in one line."""

    def __init__(self, reason: BadBook, detail: str) -> None:
        super().__init__(detail)
        self.reason = reason


class Archive:
    """An open archive. Raises Unreadable where it is none, or holds more than books do."""

    def __init__(self, stream: IO[bytes]) -> None:
        _check_directory(stream)
        try:
            self._zip = zipfile.ZipFile(stream)
        except (zipfile.BadZipFile, struct.error, ValueError, OverflowError, NotImplementedError, EOFError) as error:
            raise Unreadable(BadBook.BAD_ARCHIVE, one_line(error)) from error
        except OSError as error:
            raise _of_the_data(error) from error
        self.members = [item for item in self._zip.infolist() if not item.is_dir()]
        self._by_name = {item.filename: item for item in reversed(self.members)}

    def __contains__(self, name: str) -> bool:
        return name in self._by_name

    def names(self) -> list[str]:
        return [item.filename for item in self.members]

    def read(self, name: str | zipfile.ZipInfo, limit: int) -> bytes:
        """A member's bytes, decompressed. Raises Unreadable for more than `limit` of them, and for what is broken."""
        item = self._by_name.get(name) if isinstance(name, str) else name
        if item is None:
            raise Unreadable(BadBook.BAD_PACKAGE, f"no member {name!r}"[:200])
        if leads_out(item.filename):
            raise Unreadable(BadBook.UNSAFE_PATH, f"the member {item.filename[:100]!r} leads out of the archive")
        if item.flag_bits & 0x1:
            raise Unreadable(BadBook.ENCRYPTED, f"the member {item.filename[:100]!r} is encrypted")
        if item.compress_type not in _METHODS:
            raise Unreadable(BadBook.BAD_ARCHIVE, f"{item.filename[:100]!r}: method {item.compress_type}")
        parts: list[bytes] = []
        size = 0
        try:
            with self._zip.open(item) as member:
                while part := member.read(_CHUNK):
                    size += len(part)
                    if size > limit:
                        raise Unreadable(BadBook.BOMB, f"{item.filename[:100]!r} holds more than {limit:,} bytes")
                    parts.append(part)
        except (zipfile.BadZipFile, zlib.error, EOFError, RuntimeError, ValueError, struct.error) as error:
            raise Unreadable(BadBook.BAD_ARCHIVE, f"{item.filename[:100]!r}: {one_line(error)}") from error
        except OSError as error:
            raise _of_the_data(error) from error
        return b"".join(parts)


def leads_out(name: str) -> bool:
    """Whether a path in an archive would lead out of the folder it is unpacked into."""
    plain = name.replace("\\", "/")
    return plain.startswith("/") or plain[1:2] == ":" or posixpath.normpath(plain).startswith("..") or "\0" in name


def one_line(error: BaseException) -> str:
    return " ".join(f"{type(error).__name__} {error}".split())[:200]


def _of_the_data(error: OSError) -> Exception:
    """A place before the file's beginning, which a damaged directory may name, is the data's fault; others are not."""
    return Unreadable(BadBook.BAD_ARCHIVE, one_line(error)) if error.errno == errno.EINVAL else error


def _check_directory(stream: IO[bytes]) -> None:
    """Look at the end record before `zipfile` reads the whole directory into memory."""
    size = stream.seek(0, 2)
    stream.seek(max(0, size - _TAIL))
    tail = stream.read(_TAIL)
    stream.seek(0)
    at = tail.rfind(_END)
    if at < 0 or len(tail) - at < 22:
        raise Unreadable(BadBook.BAD_ARCHIVE, "no end of an archive: the file is cut off, or no archive")
    count, length = struct.unpack_from("<HI", tail, at + 10)
    if length == 0xFFFFFFFF or length > MOST_DIRECTORY:
        raise Unreadable(BadBook.BOMB, f"a directory of more than {MOST_DIRECTORY:,} bytes ({count:,} members)")
