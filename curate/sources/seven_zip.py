"""What a 7z archive holds: its header, found and unpacked with bounds, and nothing else.

A library (py7zr) was looked at first: it pushes whole members to a writer or to disk, reads a header of any stated
size, and brings nine packages; here a member is pulled piece by piece (`curate.sources.seven_zip_stream`), and py7zr is
the second opinion in the tests.
"""

from __future__ import annotations

import zlib
from typing import IO

from curate.sources.seven_zip_header import MAX_CODERS, START, Broken, Folder, Header, Member, SevenZipError
from curate.sources.seven_zip_stream import unpack

MAGIC = b"7z\xbc\xaf\x27\x1c"
MAX_HEADER = 16 << 20
"""Bytes of a header, packed or not; a million files have one of this size."""


def read_members(handle: IO[bytes]) -> list[Member]:
    """The files of an archive in their order, folders and anti-items left out. Raises SevenZipError.

    handle: seekable. Cost: two reads; memory is bounded by MAX_HEADER.
    """
    size = handle.seek(0, 2)
    handle.seek(0)
    start = handle.read(START.size)
    if len(start) < START.size or not start.startswith(MAGIC):
        raise SevenZipError(Broken.NOT_7Z, f"begins with {start[:6]!r}")
    _, _, _, crc, offset, length, header_crc = START.unpack(start)
    if zlib.crc32(start[12:]) != crc:
        raise SevenZipError(Broken.CORRUPT, "the start header's checksum is wrong")
    if length == 0:
        return []
    if START.size + offset + length > size:
        raise SevenZipError(Broken.TRUNCATED, f"the header ends at {START.size + offset + length}, the file at {size}")
    if length > MAX_HEADER:
        raise SevenZipError(Broken.BOMB, f"a header of {length} bytes")
    handle.seek(START.size + offset)
    header = handle.read(length)
    if zlib.crc32(header) != header_crc:
        raise SevenZipError(Broken.CORRUPT, "the header's checksum is wrong")
    for _ in range(MAX_CODERS):
        if header[:1] == b"\x01":
            return Header(header, size).members()
        if header[:1] != b"\x17":
            break
        header = _unpacked(handle, Header(header, size).folder())
    raise SevenZipError(Broken.CORRUPT, "no header where one should be")


def _unpacked(handle: IO[bytes], folder: Folder) -> bytes:
    if folder.size > MAX_HEADER:
        raise SevenZipError(Broken.BOMB, f"a header of {folder.size} bytes unpacked")
    return b"".join(unpack(handle, folder))
