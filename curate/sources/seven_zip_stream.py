"""The bytes of a member of a 7z archive, piece by piece, with bounds on memory and on what a few bytes may become.

LZMA, LZMA2 (each alone, or under the filters that liblzma has: x86 branches, delta), bzip2, which the archives of
Stack Exchange use, Deflate, and none. Cost: that of liblzma (about 80 MB of XML a second) or libbz2 (30 MB).
"""

from __future__ import annotations

import bz2
import lzma
import zlib
from collections.abc import Iterator
from typing import IO, Any

from curate.sources.seven_zip_header import Broken, Coder, Folder, Member, SevenZipError

PIECE = 1 << 20
"""Bytes of a piece at most."""
MAX_DICTIONARY = 1 << 28
"""Bytes of LZMA's window; 7-Zip's largest preset takes a quarter of this."""
MAX_RATIO = 500
"""Bytes out of one byte in, beyond the first RATIO_FROM: dumps of posts have 4 to 10."""
RATIO_FROM = 64 << 20
_FEED = 8 << 10
"""Bytes given to a decoder at a time: what is lost of a broken stream before where it breaks."""

_COPY, _LZMA, _LZMA2 = b"\x00", b"\x03\x01\x01", b"\x21"
_BZIP2, _DEFLATE, _DELTA, _X86 = b"\x04\x02\x02", b"\x04\x01\x08", b"\x03", b"\x03\x03\x01\x03"
_AES = b"\x06\xf1\x07\x01"
_FAILURES = (lzma.LZMAError, OSError, zlib.error, EOFError, ValueError)


def read_member(handle: IO[bytes], member: Member) -> Iterator[bytes]:
    """The member's bytes. Raises SevenZipError, after all that could be read, where some are missing or wrong."""
    if member.folder is None:
        return
    skip, left, crc = member.skip, member.size, 0
    for piece in unpack(handle, member.folder):
        if skip >= len(piece):
            skip -= len(piece)
            continue
        wanted = piece[skip : skip + left]
        skip = 0
        left -= len(wanted)
        crc = zlib.crc32(wanted, crc)
        if wanted:
            yield wanted
        if not left:
            break
    if member.crc is not None and crc != member.crc:
        raise SevenZipError(Broken.CORRUPT, f"{member.name}: the checksum is wrong")


def unpack(handle: IO[bytes], folder: Folder) -> Iterator[bytes]:
    """A folder's bytes, `folder.size` of them, in pieces of at most PIECE. Raises SevenZipError."""
    decoder = _decoder(folder)
    left, read, made = folder.size, 0, 0
    while left:
        feed = b""
        if decoder.needs_input:
            handle.seek(folder.offset + read)
            feed = handle.read(min(_FEED, folder.packed - read))
            read += len(feed)
            if not feed:
                raise SevenZipError(Broken.TRUNCATED, f"{left} of {folder.size} bytes are missing")
        try:
            piece = decoder.decompress(feed, min(PIECE, left))
        except _FAILURES as error:
            raise SevenZipError(Broken.CORRUPT, f"after {made} bytes: {error}") from None
        made += len(piece)
        left -= len(piece)
        if made > RATIO_FROM and made > MAX_RATIO * read:
            raise SevenZipError(Broken.BOMB, f"{read} bytes became {made}")
        if piece:
            yield piece
        elif decoder.eof:
            raise SevenZipError(Broken.TRUNCATED, f"{left} of {folder.size} bytes are missing")


def _decoder(folder: Folder) -> Any:
    """Something like `lzma.LZMADecompressor`: decompress(data, max_length), needs_input, eof."""
    methods = [coder.method for coder in folder.coders]
    if _AES in methods:
        raise SevenZipError(Broken.ENCRYPTED, "a password is needed")
    if len(methods) == 1 and methods[0] == _BZIP2:
        return _Bzip2()
    if len(methods) == 1 and methods[0] == _DEFLATE:
        return _Deflate()
    if len(methods) == 1 and methods[0] == _COPY:
        return _Copy()
    try:
        filters = [_filter(coder, folder.size) for coder in folder.coders]
        return lzma.LZMADecompressor(lzma.FORMAT_RAW, filters=filters)
    except (lzma.LZMAError, IndexError) as error:
        raise SevenZipError(Broken.CORRUPT, f"coders {_names(methods)}: {error}") from None


def _filter(coder: Coder, size: int) -> dict[str, int]:
    given = coder.properties
    if coder.method == _LZMA2:
        if len(given) != 1 or given[0] > 40:
            raise SevenZipError(Broken.CORRUPT, f"properties of LZMA2: {given.hex()}")
        window = (2 | given[0] & 1) << (given[0] // 2 + 11)
        return {"id": lzma.FILTER_LZMA2, "dict_size": _bounded(window, size)}
    if coder.method == _LZMA:
        if len(given) != 5 or given[0] >= 9 * 5 * 5:
            raise SevenZipError(Broken.CORRUPT, f"properties of LZMA: {given.hex()}")
        rest, lc = divmod(given[0], 9)
        pb, lp = divmod(rest, 5)
        window = int.from_bytes(given[1:], "little")
        return {"id": lzma.FILTER_LZMA1, "dict_size": _bounded(window, size), "lc": lc, "lp": lp, "pb": pb}
    if coder.method == _X86:
        return {"id": lzma.FILTER_X86}
    if coder.method == _DELTA and len(given) == 1:
        return {"id": lzma.FILTER_DELTA, "dist": given[0] + 1}
    raise SevenZipError(Broken.UNSUPPORTED, f"coder {coder.method.hex()}")


def _bounded(window: int, size: int) -> int:
    """No more of a window is ever looked back at than was written."""
    needed = max(4096, min(window, size))
    if needed > MAX_DICTIONARY:
        raise SevenZipError(Broken.UNSUPPORTED, f"a window of {needed} bytes")
    return needed


def _names(methods: list[bytes]) -> str:
    return ", ".join(method.hex() for method in methods)


class _Bzip2:
    """bzip2, one stream after another."""

    eof = False

    def __init__(self) -> None:
        self._inner = bz2.BZ2Decompressor()
        self._held = b""

    @property
    def needs_input(self) -> bool:
        return not self._held and (self._inner.eof or self._inner.needs_input)

    def decompress(self, data: bytes, most: int) -> bytes:
        if self._inner.eof:
            self._held, self._inner = self._inner.unused_data, bz2.BZ2Decompressor()
        data, self._held = self._held + data, b""
        return self._inner.decompress(data, most)


class _Deflate:
    def __init__(self) -> None:
        self._inner = zlib.decompressobj(-15)

    @property
    def eof(self) -> bool:
        return self._inner.eof

    @property
    def needs_input(self) -> bool:
        return not self._inner.unconsumed_tail

    def decompress(self, data: bytes, most: int) -> bytes:
        return self._inner.decompress(self._inner.unconsumed_tail or data, most)


class _Copy:
    eof = False

    def __init__(self) -> None:
        self._held = b""

    @property
    def needs_input(self) -> bool:
        return not self._held

    def decompress(self, data: bytes, most: int) -> bytes:
        data = self._held + data
        self._held = data[most:]
        return data[:most]
