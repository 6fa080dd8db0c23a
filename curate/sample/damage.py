"""Breaks WARC files by hand, from their bytes, in the ways that real crawls and transfers break them."""

from __future__ import annotations

import zlib

GARBAGE = bytes((n * 37 + 11) % 251 for n in range(900))


def member(record: bytes) -> bytes:
    """One gzip member holding `record`."""
    gzipped = zlib.compressobj(9, zlib.DEFLATED, 16 + zlib.MAX_WBITS)
    return gzipped.compress(record) + gzipped.flush()


def response_record(url: str, date: str, identity: str, html: bytes, length_error: int = 0) -> bytes:
    """A response record written by hand; its Content-Length is wrong by `length_error` bytes."""
    http = b"HTTP/1.1 200 OK\r\nContent-Type: text/html; charset=utf-8\r\n\r\n" + html
    head = (
        f"WARC/1.0\r\nWARC-Type: response\r\nWARC-Record-ID: <urn:uuid:{identity}>\r\nWARC-Date: {date}\r\n"
        f"WARC-Target-URI: {url}\r\nContent-Type: application/http; msgtype=response\r\n"
        f"Content-Length: {len(http) + length_error}\r\n\r\n"
    )
    return head.encode() + http + b"\r\n\r\n"


def garbage_headers_record() -> bytes:
    """It begins like a WARC record, and then nothing is a header."""
    return b"WARC/1.0\r\n" + b"\xff\xfe\x00no colon here\r\n: : :\r\nContent-Length: many\r\n\r\n" + GARBAGE[:200]


def truncated(gzip_member: bytes) -> bytes:
    """The first half of the member, as a transfer that broke off leaves it."""
    return gzip_member[: len(gzip_member) // 2]


def bad_checksum(gzip_member: bytes) -> bytes:
    """The member with a wrong CRC-32 in its trailer."""
    return gzip_member[:-8] + bytes(byte ^ 0xFF for byte in gzip_member[-8:-4]) + gzip_member[-4:]
