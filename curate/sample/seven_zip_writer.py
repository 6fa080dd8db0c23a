"""Write a 7z archive: one folder, one coder, a plain header. For samples and tests; py7zr reads what it writes.

Format: 7zFormat.txt of the LZMA SDK (public domain). `curate.sources.seven_zip` reads it.
"""

from __future__ import annotations

import bz2
import lzma
import struct
import zlib
from collections.abc import Callable, Sequence

_FILTER = [{"id": lzma.FILTER_LZMA2, "preset": 6, "dict_size": 1 << 20}]
METHODS: dict[str, tuple[bytes, bytes, Callable[[bytes], bytes]]] = {
    "copy": (b"\x00", b"", bytes),
    "lzma2": (b"\x21", b"\x10", lambda data: lzma.compress(data, lzma.FORMAT_RAW, filters=_FILTER)),
    "bzip2": (b"\x04\x02\x02", b"", bz2.compress),
    "deflate": (b"\x04\x01\x08", b"", lambda data: _deflate(data)),
}
"""name -> (id, properties, packer)."""


def write_7z(files: Sequence[tuple[str, bytes]], method: str = "lzma2", packed: bytes | None = None) -> bytes:
    """An archive of these files, in order, packed as one. packed: instead of what the packer gives, for broken ones."""
    identity, properties, packer = METHODS[method]
    whole = b"".join(data for _, data in files)
    stream = packer(whole) if packed is None else packed
    return assemble(stream, header(files, identity, properties, len(stream), len(whole)))


def header(files: Sequence[tuple[str, bytes]], identity: bytes, properties: bytes, packed: int, unpacked: int) -> bytes:
    """The header of one folder with one coder. packed, unpacked: the sizes it states."""
    full = [data for _, data in files if data]
    coder = bytes([len(identity) | (0x20 if properties else 0)]) + identity
    coder += number(len(properties)) + properties if properties else b""
    streams = b"\x04\x06" + number(0) + number(1) + b"\x09" + number(packed) + b"\x00"
    streams += b"\x07\x0b" + number(1) + b"\x00" + number(1) + coder + b"\x0c" + number(unpacked) + b"\x00"
    streams += b"\x08\x0d" + number(len(full)) + b"\x09" + b"".join(number(len(data)) for data in full[:-1])
    streams += b"\x0a\x01" + b"".join(struct.pack("<I", zlib.crc32(data)) for data in full) + b"\x00\x00"
    names = b"\x00" + b"".join(name.encode("utf-16-le") + b"\x00\x00" for name, _ in files)
    listed = b"\x05" + number(len(files))
    if len(full) < len(files):
        empty = bits([not data for _, data in files])
        listed += b"\x0e" + number(len(empty)) + empty
        plain = bits([True] * (len(files) - len(full)))
        listed += b"\x0f" + number(len(plain)) + plain
    return b"\x01" + streams + listed + b"\x11" + number(len(names)) + names + b"\x00\x00"


def assemble(stream: bytes, head: bytes) -> bytes:
    """Signature, packed stream, header."""
    start = struct.pack("<QQI", len(stream), len(head), zlib.crc32(head))
    return b"7z\xbc\xaf\x27\x1c\x00\x04" + struct.pack("<I", zlib.crc32(start)) + start + stream + head


def number(value: int) -> bytes:
    """7z's number of variable length."""
    for extra in range(8):
        if value < 1 << (7 * (extra + 1)):
            high = value >> (8 * extra)
            return bytes([0xFF << (8 - extra) & 0xFF | high]) + (value & (1 << 8 * extra) - 1).to_bytes(extra, "little")
    return b"\xff" + value.to_bytes(8, "little")


def bits(flags: Sequence[bool]) -> bytes:
    out = bytearray((len(flags) + 7) // 8)
    for place, flag in enumerate(flags):
        out[place >> 3] |= (0x80 >> (place & 7)) if flag else 0
    return bytes(out)


def _deflate(data: bytes) -> bytes:
    packer = zlib.compressobj(9, zlib.DEFLATED, -15)
    return packer.compress(data) + packer.flush()
