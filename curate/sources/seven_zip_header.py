"""The header of a 7z archive: its members, and where and how their bytes are packed. Every number in it is bounded.

Format: 7zFormat.txt of the LZMA SDK (public domain). Only what archives of text use is read: coders in a chain, no
encryption, no multi-volume.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from enum import StrEnum
from typing import NoReturn

MAX_CODERS = 4
START = struct.Struct("<6s2BIQQI")


class Broken(StrEnum):
    """Why an archive or a member of it cannot be read."""

    NOT_7Z = "not_7z"
    TRUNCATED = "truncated"
    CORRUPT = "corrupt"
    ENCRYPTED = "encrypted"
    UNSUPPORTED = "unsupported"
    BOMB = "bomb"


class SevenZipError(Exception):
    """An archive or member that cannot be read (further)."""

    def __init__(self, reason: Broken, detail: str) -> None:
        super().__init__(detail)
        self.reason = reason
        self.detail = detail


@dataclass(frozen=True, slots=True)
class Coder:
    method: bytes
    properties: bytes


@dataclass(frozen=True, slots=True)
class Folder:
    """One packed stream. coders: the last to be applied first, so the one that reads the file is last; offset, packed:
    where its bytes lie in the file and how many; size: bytes unpacked; crc: of those, None where it is not stored."""

    coders: tuple[Coder, ...]
    offset: int
    packed: int
    size: int
    crc: int | None


@dataclass(frozen=True, slots=True)
class Member:
    """A file in an archive. skip: bytes of its folder before it; folder: None where it is empty."""

    name: str
    size: int
    crc: int | None
    skip: int
    folder: Folder | None


class Header:
    """A header's bytes, read from the front. size: of the whole file. Raises SevenZipError."""

    def __init__(self, data: bytes, size: int) -> None:
        self.data = data
        self.at = 0
        self.size = size

    def fail(self, detail: str) -> NoReturn:
        raise SevenZipError(Broken.CORRUPT, f"header, byte {self.at}: {detail}")

    def take(self, count: int) -> bytes:
        if count > len(self.data) - self.at:
            self.fail(f"{count} bytes wanted, {len(self.data) - self.at} left")
        self.at += count
        return self.data[self.at - count : self.at]

    def byte(self) -> int:
        return self.take(1)[0]

    def number(self) -> int:
        """7z's number: leading ones of the first byte say how many bytes follow, little-endian."""
        first = self.byte()
        value, mask = 0, 0x80
        for place in range(8):
            if not first & mask:
                return value | (first & (mask - 1)) << (8 * place)
            value |= self.byte() << (8 * place)
            mask >>= 1
        return value

    def count(self, what: str) -> int:
        """A number of things of which each takes at least a byte, or a bit, of what follows."""
        value = self.number()
        if value > 8 * len(self.data):
            self.fail(f"{value} {what}")
        return value

    def bits(self, count: int) -> list[bool]:
        data = self.take((count + 7) // 8)
        return [bool(data[i >> 3] & 0x80 >> (i & 7)) for i in range(count)]

    def digests(self, count: int) -> list[int | None]:
        defined = [True] * count if self.byte() else self.bits(count)
        return [int.from_bytes(self.take(4), "little") if known else None for known in defined]

    def folder(self) -> Folder:
        """The one folder of an encoded header."""
        self.take(1)
        folders, _ = self.streams()
        if len(folders) != 1:
            self.fail(f"{len(folders)} folders hold the header")
        return folders[0]

    def members(self) -> list[Member]:
        self.take(1)
        pieces: list[tuple[Folder, int, int, int | None]] = []
        while (kind := self.number()) not in (0x00, 0x05):
            if kind == 0x02:
                while self.number():
                    self.take(self.number())
            elif kind == 0x03:
                self.streams()
            elif kind == 0x04:
                _, pieces = self.streams()
            else:
                self.fail(f"unknown section {kind}")
        return self.files(pieces) if kind == 0x05 else []

    def streams(self) -> tuple[list[Folder], list[tuple[Folder, int, int, int | None]]]:
        """(folders, one (folder, bytes before it, size, checksum) a stream)."""
        offset, packed = 0, list[int]()
        folders: list[Folder] = []
        pieces: list[tuple[Folder, int, int, int | None]] | None = None
        while kind := self.number():
            if kind == 0x06:
                offset, packed = self.pack_info()
            elif kind == 0x07:
                folders = self.unpack_info(offset, packed)
            elif kind == 0x08:
                pieces = self.substreams(folders)
            else:
                self.fail(f"unknown part {kind} of the streams")
        if pieces is None:
            pieces = [(folder, 0, folder.size, folder.crc) for folder in folders]
        return folders, pieces

    def pack_info(self) -> tuple[int, list[int]]:
        offset = START.size + self.number()
        count, sizes = self.count("packed streams"), list[int]()
        while kind := self.number():
            if kind == 0x09:
                sizes = [self.number() for _ in range(count)]
            elif kind == 0x0A:
                self.digests(count)
            else:
                self.fail(f"unknown part {kind} of the packed streams")
        if offset + sum(sizes) > self.size:
            raise SevenZipError(Broken.TRUNCATED, f"packed streams end at {offset + sum(sizes)}, the file before")
        return offset, sizes

    def unpack_info(self, offset: int, packed: list[int]) -> list[Folder]:
        if self.number() != 0x0B:
            self.fail("no folders")
        count = self.count("folders")
        if self.byte():
            raise SevenZipError(Broken.UNSUPPORTED, "folders described elsewhere")
        chains = [self.chain() for _ in range(count)]
        if self.number() != 0x0C:
            self.fail("no sizes")
        sizes = [[self.number() for _ in range(coders)] for _, coders, _ in chains]
        crcs: list[int | None] = [None] * count
        while kind := self.number():
            if kind != 0x0A:
                self.fail(f"unknown part {kind} of the folders")
            crcs = self.digests(count)
        if len(packed) != count:
            raise SevenZipError(Broken.UNSUPPORTED, f"{len(packed)} packed streams for {count} folders")
        folders = []
        for (coders, _, last), size, crc, length in zip(chains, sizes, crcs, packed, strict=True):
            folders.append(Folder(coders, offset, length, size[last], crc))
            offset += length
        return folders

    def chain(self) -> tuple[tuple[Coder, ...], int, int]:
        """A folder's coders in the order of `Folder.coders`, how many there are, and the number of the last."""
        count = self.number()
        if not 0 < count <= MAX_CODERS:
            raise SevenZipError(Broken.UNSUPPORTED, f"{count} coders")
        coders = []
        for _ in range(count):
            flags = self.byte()
            method = self.take(flags & 15)
            if flags & 0xD0:
                raise SevenZipError(Broken.UNSUPPORTED, f"coder {method.hex()} of several streams")
            coders.append(Coder(method, self.take(self.number()) if flags & 0x20 else b""))
        feeds = {self.number(): self.number() for _ in range(count - 1)}
        last = next(iter(set(range(count)) - set(feeds.values())), 0)
        order = [last]
        while (following := feeds.get(order[-1])) is not None and len(order) < count:
            order.append(following)
        if sorted(order) != list(range(count)):
            self.fail("the coders make no chain")
        return tuple(coders[index] for index in order), count, last

    def substreams(self, folders: list[Folder]) -> list[tuple[Folder, int, int, int | None]]:
        kind = self.number()
        counts = [1] * len(folders)
        if kind == 0x0D:
            counts = [self.count("streams") for _ in folders]
            kind = self.number()
        sizes: list[list[int]] = []
        for folder, count in zip(folders, counts, strict=True):
            given = [self.number() for _ in range(count - 1)] if kind == 0x09 else []
            if len(given) < count - 1 or sum(given) > folder.size:
                self.fail("sizes of streams that do not fit their folder")
            sizes.append([*given, folder.size - sum(given)] if count else [])
        if kind == 0x09:
            kind = self.number()
        known = [folder.crc is not None and count == 1 for folder, count in zip(folders, counts, strict=True)]
        unknown = sum(count for count, whole in zip(counts, known, strict=True) if not whole)
        crcs: list[int | None] = [None] * unknown
        while kind:
            if kind != 0x0A:
                self.fail(f"unknown part {kind} of the streams in folders")
            crcs = self.digests(unknown)
            kind = self.number()
        left = iter(crcs)
        pieces = []
        for folder, lengths, whole in zip(folders, sizes, known, strict=True):
            before = 0
            for length in lengths:
                pieces.append((folder, before, length, folder.crc if whole else next(left)))
                before += length
        return pieces

    def files(self, pieces: list[tuple[Folder, int, int, int | None]]) -> list[Member]:
        count = self.count("files")
        names: list[str] = [""] * count
        without = [False] * count
        plain = [False] * count  # of those without a stream, empty files rather than folders
        while kind := self.number():
            length = self.number()
            part = Header(self.take(length), self.size)
            if kind == 0x0E:
                without = part.bits(count)
            elif kind == 0x0F:
                empty = iter(part.bits(sum(without)))
                plain = [gone and next(empty) for gone in without]
            elif kind == 0x11:
                if part.byte():
                    raise SevenZipError(Broken.UNSUPPORTED, "names stored elsewhere")
                listed = part.data[1:].decode("utf-16-le", "replace").split("\0")
                if len(listed) != count + 1:
                    self.fail(f"{len(listed) - 1} names for {count} files")
                names = listed[:-1]
        if count - sum(without) != len(pieces):
            self.fail(f"{len(pieces)} streams for {count - sum(without)} files")
        streams = iter(pieces)
        members = []
        for name, gone, file in zip(names, without, plain, strict=True):
            if not gone:
                folder, before, size, crc = next(streams)
                members.append(Member(name, size, crc, before, folder))
            elif file:
                members.append(Member(name, 0, None, 0, None))
        return members
