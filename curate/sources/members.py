"""Where the members of an archive begin and end: gzip members, zstd frames, or bare records.

A WARC file is a sequence of *members*: one gzip member or zstd frame (usually one record each), or one bare record
where the file is not compressed. The format is told by magic numbers, never by the file's name. Positions are byte
offsets in the file as stored.

Decompression is by ISA-L (`isal`), 2.2 times as fast as zlib on crawl files; its checksums are verified like zlib's.
"""

from __future__ import annotations

import re
from enum import StrEnum
from typing import IO, Any

import zstandard
from isal import isal_zlib

BLOCK = 1 << 20
"""Bytes read at a time."""
_HELD = 4
_FEED = 32 << 10
_ZSTD_FEED = 512
"""A zstd block of 4 bytes can stand for 128 KB, so 512 bytes give at most 16 MB; gzip is held by max_length."""
_PIECE = 4 << 20
_ZSTD_WINDOW = 1 << 27
_PROBE = 4 << 10
"""How much of a candidate member is looked at to see whether it begins with a record."""
_DETECT = 8 << 20
_DICTIONARY = 16 << 20

_GZIP = b"\x1f\x8b\x08"
_ZSTD = b"\x28\xb5\x2f\xfd"
_ZSTD_DICTIONARY = b"\x5d\x2a\x4d\x18"
"""Skippable frame 0x184D2A5D: a dictionary for the whole file (IIPC, Zstandard compression for WARC, 1.0)."""
_GzipError: Any = isal_zlib.error
_RECORD = b"WARC/"
BARE_RECORD = re.compile(rb"WARC/[01]\.[0-9]{1,2}\r?\n(?:WARC|Content)-[A-Za-z-]{2,30}[ \t]?:", re.IGNORECASE)
"""What a record is taken to start with where one is looked for in the middle of bytes; at most 64 bytes."""
_OVERLAP = 64


class Unreadable(StrEnum):
    """Why a record was set aside (`SetAside.reason`)."""

    TRUNCATED = "truncated"
    CORRUPT_GZIP = "corrupt_gzip"
    CORRUPT_ZSTD = "corrupt_zstd"
    GARBAGE = "garbage"
    NOT_WARC = "not_warc"
    BAD_HEADER = "bad_header"
    BAD_LENGTH = "bad_length"
    TOO_LARGE = "too_large"
    BOMB = "bomb"
    BAD_HTTP = "bad_http"
    BAD_ENCODING = "bad_encoding"
    TOO_DEEP = "too_deep"


class Format(StrEnum):
    GZIP = "gzip"
    ZSTD = "zstd"
    BARE = "bare"
    UNKNOWN = "unknown"


class MemberError(Exception):
    """A member that cannot be read to its end."""

    def __init__(self, reason: Unreadable, detail: str) -> None:
        super().__init__(detail)
        self.reason = reason
        self.detail = detail


class Blocks:
    """A file read by aligned blocks of 1 MB, the last few of which are held. `handle` must be seekable."""

    def __init__(self, handle: IO[bytes]) -> None:
        self._handle = handle
        self._held: dict[int, memoryview] = {}
        self.size: int = handle.seek(0, 2)

    def _block(self, number: int) -> memoryview:
        block = self._held.get(number)
        if block is None:
            self._handle.seek(number * BLOCK)
            wanted = min(BLOCK, self.size - number * BLOCK)
            data = self._handle.read(wanted)
            while len(data) < wanted:
                more = self._handle.read(wanted - len(data))
                if not more:
                    raise OSError(f"the file ended at byte {number * BLOCK + len(data)}, before its size {self.size}")
                data += more
            if len(self._held) >= _HELD:
                self._held.pop(next(iter(self._held)))
            block = self._held[number] = memoryview(data)
        return block

    def view(self, offset: int, most: int) -> memoryview:
        """1 to `most` bytes from `offset`, as many as lie in one block; empty at the end of the file."""
        if offset >= self.size:
            return memoryview(b"")
        number, within = divmod(offset, BLOCK)
        return self._block(number)[within : within + most]

    def read(self, offset: int, most: int) -> bytes:
        """`most` bytes from `offset`, fewer only at the end of the file."""
        parts = []
        while most > 0 and (part := self.view(offset, most)):
            parts.append(part)
            offset += len(part)
            most -= len(part)
        return b"".join(parts)

    def only(self, start: int, end: int, allowed: bytes) -> bool:
        """Whether bytes [start, end) hold nothing but `allowed`."""
        while start < end:
            part = self.view(start, end - start)
            if bytes(part).strip(allowed):
                return False
            start += len(part)
        return True


class Member:
    """The decompressed bytes of the member at `offset`, piece by piece (a bare file: its bytes from there on)."""

    def __init__(self, blocks: Blocks, offset: int, form: Format, dictionary: Any = None) -> None:
        self._blocks = blocks
        self._form = form
        self._at = offset
        self._waiting: bytes = b""
        self._inflate: Any = None
        self.end: int | None = None
        """The offset after this member, once `read` has returned b""."""
        if form is Format.GZIP:
            self._inflate = isal_zlib.decompressobj(31)
        elif form is Format.ZSTD:
            unzip = zstandard.ZstdDecompressor(dict_data=dictionary, max_window_size=_ZSTD_WINDOW)
            self._inflate = unzip.decompressobj(read_across_frames=False)

    def read(self) -> bytes:
        """The next bytes, at most 16 MB; b"" at the member's end, its checksum verified. Raises MemberError."""
        if self._form is Format.GZIP:
            return self._read_gzip()
        if self._form is Format.ZSTD:
            return self._read_zstd()
        piece = bytes(self._blocks.view(self._at, _FEED))
        self._at += len(piece)
        if not piece:
            self.end = self._at
        return piece

    def _read_gzip(self) -> bytes:
        inflate = self._inflate
        try:
            while not inflate.eof:
                feed: bytes | memoryview = self._waiting
                if not feed:
                    feed = self._blocks.view(self._at, _FEED)
                    self._at += len(feed)
                piece: bytes = inflate.decompress(feed, _PIECE)
                self._waiting = inflate.unconsumed_tail
                if piece:
                    return piece
                if not feed and not inflate.eof:
                    raise MemberError(Unreadable.TRUNCATED, "the file ends inside a gzip member")
        except _GzipError as error:
            raise MemberError(Unreadable.CORRUPT_GZIP, str(error)) from None
        if self.end is None:
            self.end = self._at - len(inflate.unused_data)
        return b""

    def _read_zstd(self) -> bytes:
        inflate = self._inflate
        try:
            while not inflate.eof:
                feed = self._blocks.view(self._at, _ZSTD_FEED)
                if not feed:
                    raise MemberError(Unreadable.TRUNCATED, "the file ends inside a zstd frame")
                self._at += len(feed)
                piece: bytes = inflate.decompress(feed)
                if piece:
                    return piece
        except zstandard.ZstdError as error:
            raise MemberError(Unreadable.CORRUPT_ZSTD, str(error)) from None
        if self.end is None:
            self.end = self._at - len(inflate.unused_data)
        return b""


class Archive:
    """A file of members: its format, and where members begin."""

    def __init__(self, blocks: Blocks) -> None:
        self.blocks = blocks
        self._dictionary: Any = None
        self.format = self._detect()

    def member(self, offset: int) -> Member:
        return Member(self.blocks, offset, self.format, self._dictionary)

    def skippable(self, offset: int) -> int | None:
        """The offset after the zstd skippable frame at `offset`, or None where there is none (or it is cut off)."""
        head = self.blocks.read(offset, 8)
        if self.format is not Format.ZSTD or len(head) < 8 or head[0] & 0xF0 != 0x50 or head[1:4] != b"\x2a\x4d\x18":
            return None
        end = offset + 8 + int.from_bytes(head[4:], "little")
        return end if end <= self.blocks.size else None

    def starts(self, offset: int) -> bool:
        """Whether the bytes at `offset` carry this format's magic number."""
        if self.format is Format.BARE:
            return self.blocks.read(offset, len(_RECORD)) == _RECORD
        magic = _GZIP if self.format is Format.GZIP else _ZSTD
        return self.blocks.read(offset, len(magic)) == magic

    def find(self, start: int, end: int | None = None) -> int | None:
        """The first position in [start, end) where a member begins whose content begins with a record, or None.

        A function of the file and of `start` alone, and for a later start the same answer as long as that is not
        before it: so every way to split a file resynchronises alike.
        """
        return self._find(self.format, start, self.blocks.size if end is None else min(end, self.blocks.size))

    def _find(self, form: Format, start: int, end: int) -> int | None:
        while start < end:
            window = self.blocks.read(start, min(BLOCK, end - start) + _OVERLAP)
            last = min(end - start, BLOCK)
            at = self._next_candidate(form, window, 0)
            while 0 <= at < last:
                if form is Format.BARE or self._begins_a_record(form, start + at):
                    return start + at
                at = self._next_candidate(form, window, at + 1)
            start += last
        return None

    @staticmethod
    def _next_candidate(form: Format, window: bytes, at: int) -> int:
        if form is Format.BARE:
            match = BARE_RECORD.search(window, at)
            return match.start() if match else -1
        return window.find(_GZIP if form is Format.GZIP else _ZSTD, at)

    def _begins_a_record(self, form: Format, offset: int) -> bool:
        head = b""
        try:
            probe = self.blocks.read(offset, _PROBE)
            if form is Format.GZIP:
                head = isal_zlib.decompressobj(31).decompress(probe, len(_RECORD))
            else:
                unzip = zstandard.ZstdDecompressor(dict_data=self._dictionary, max_window_size=_ZSTD_WINDOW)
                with unzip.stream_reader(probe, read_size=_ZSTD_FEED) as reader:
                    head = reader.read(len(_RECORD))
        except (_GzipError, zstandard.ZstdError):
            return False
        return head == _RECORD

    def _detect(self) -> Format:
        head = self.blocks.read(0, 8)
        if head.startswith((_ZSTD, _ZSTD_DICTIONARY)):
            self._dictionary = self._read_dictionary(head)
            return Format.ZSTD
        if head.startswith(_GZIP):
            return Format.GZIP
        if head.startswith(_RECORD):
            return Format.BARE
        # The first bytes are damaged: the format is that of the first member still found, near the front. A bare
        # record follows another's blank line; without one, it is the content of a member that did not shrink.
        limit = min(_DETECT, self.blocks.size)
        found = [(self._find(form, 0, limit), form) for form in (Format.GZIP, Format.ZSTD)]
        bare = self._find(Format.BARE, 0, limit)
        while bare is not None and self.blocks.read(max(0, bare - 4), min(4, bare)) != b"\r\n\r\n":
            bare = self._find(Format.BARE, bare + 1, limit)
        found.append((bare, Format.BARE))
        return min(((at, form) for at, form in found if at is not None), default=(0, Format.UNKNOWN))[1]

    def _read_dictionary(self, head: bytes) -> Any:
        length = int.from_bytes(head[4:], "little")
        if not head.startswith(_ZSTD_DICTIONARY) or len(head) < 8 or length > _DICTIONARY:
            return None
        content = self.blocks.read(8, length)
        try:
            if content.startswith(_ZSTD):
                unzip = zstandard.ZstdDecompressor(max_window_size=_ZSTD_WINDOW)
                with unzip.stream_reader(content) as reader:
                    content = reader.read(_DICTIONARY)
            return zstandard.ZstdCompressionDict(content) if content else None
        except (zstandard.ZstdError, ValueError):
            return None
