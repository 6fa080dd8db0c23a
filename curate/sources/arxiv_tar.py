"""The members of a tar, one after another, read forwards; nothing is ever written where their names say.

Headers are parsed by the standard library (`tarfile.TarInfo`); names too long for one come from GNU and pax headers.
Links, devices and what else is no plain file are told apart and never followed.
"""

from __future__ import annotations

import tarfile
from collections.abc import Iterator
from dataclasses import dataclass

from curate.sources.arxiv_stream import PaperError, Stream, Unreadable

BLOCK = 512
SEARCHED = 64 << 20
"""Bytes behind a damaged header in which the next one is looked for."""
_PIECE = 128 * BLOCK
_USTAR, _USTAR_AT = b"ustar", 257
_MAX_EXTENDED = 1 << 20
"""Bytes of a header that extends another; a name is at most 4,096."""
_EXTENDED = frozenset({tarfile.GNUTYPE_LONGNAME, tarfile.GNUTYPE_LONGLINK, tarfile.XHDTYPE, tarfile.XGLTYPE})
_SOLARIS = tarfile.SOLARIS_XHDTYPE
_PLAIN = frozenset({tarfile.REGTYPE, tarfile.AREGTYPE, tarfile.CONTTYPE})
_EMPTY = frozenset({tarfile.LNKTYPE, tarfile.SYMTYPE, tarfile.CHRTYPE, tarfile.BLKTYPE, tarfile.FIFOTYPE})
"""What has no bytes of its own, whatever its header gives for a size."""


@dataclass(frozen=True, slots=True)
class Member:
    """offset: of its header; data: of its first byte; size: of its bytes, all of which may not be there.

    plain: a file; not a link, a device or a folder. folder: a folder.
    """

    offset: int
    data: int
    name: str
    size: int
    plain: bool
    folder: bool = False


@dataclass(frozen=True, slots=True)
class Damaged:
    """From `offset` on there was no header, up to the next one that was found."""

    offset: int
    detail: str


def is_header(block: bytes) -> bool:
    """Whether a tar may begin like this: a header whose checksum is right."""
    try:
        return tarfile.TarInfo.frombuf(block, "utf-8", "surrogateescape").size >= 0
    except (tarfile.TarError, ValueError, OverflowError):
        return False


def members(stream: Stream) -> Iterator[Member | Damaged]:
    """Every member in order. The caller may read its bytes, up to `size`, from the stream before it asks for the next.

    Ends at a block of zeros or with the stream. Behind a damaged header, or zeros, the next one with a right checksum
    is looked for block by block, so what follows is not lost, and tars one behind the other are read as one.
    """
    name: str | None = None
    length: int | None = None
    start: int | None = None
    while True:
        offset = stream.position
        block = stream.read(BLOCK)
        if not block.strip(b"\0"):
            # The end, but for tars that were put one behind the other, and for headers that were lost.
            _skip_zeros(stream)
            if not is_header(stream.peek(BLOCK)):
                if not _find_header(stream):
                    return
                yield Damaged(offset, "zeros, and no header behind them")
            name = length = start = None
            continue
        try:
            info = tarfile.TarInfo.frombuf(block, "utf-8", "surrogateescape")
            problem = "a negative size" if info.size < 0 else ""
        except (tarfile.TarError, ValueError, OverflowError) as error:
            problem = f"no tar header: {error}"
        if problem:
            yield Damaged(offset, problem)
            if not _find_header(stream):
                return
            name = length = start = None
            continue
        if info.type in _EXTENDED or info.type == _SOLARIS:
            start = offset if start is None else start
            data = stream.read(min(info.size, _MAX_EXTENDED))
            stream.skip(_padded(info.size) - len(data))
            if info.type == tarfile.GNUTYPE_LONGNAME:
                name = _text(data)
            elif info.type == tarfile.XHDTYPE:
                pax = _pax(data)
                name = pax.get("path", name)
                length = int(pax["size"]) if pax.get("size", "").isdecimal() else length
            continue
        size = 0 if info.type in _EMPTY or info.type == tarfile.DIRTYPE else info.size if length is None else length
        member = Member(
            offset if start is None else start,
            stream.position,
            info.name if name is None else name,
            size,
            info.type in _PLAIN,
            info.type == tarfile.DIRTYPE,
        )
        name = length = start = None
        yield member
        stream.skip(_padded(size) - (stream.position - member.data))


def content(stream: Stream, member: Member) -> bytes:
    """The bytes of the member that `members` gave last. Raises PaperError where the archive ends within them."""
    data = stream.read(member.size)
    if len(data) < member.size:
        raise PaperError(Unreadable.TRUNCATED, "the tar ends inside a file")
    return data


def _skip_zeros(stream: Stream) -> None:
    """To the first block that holds anything."""
    while piece := stream.peek(_PIECE):
        rest = piece.lstrip(b"\0")
        zeros = len(piece) - len(rest)
        stream.skip(zeros - zeros % BLOCK if rest else zeros)
        if rest:
            return


def _find_header(stream: Stream) -> bool:
    """To the next header, a whole number of blocks on and within SEARCHED bytes."""
    end = stream.position + SEARCHED
    while stream.position < end and (piece := stream.peek(_PIECE)):
        at = piece.find(_USTAR)
        while at >= 0:
            start = at - _USTAR_AT
            if start >= 0 and start % BLOCK == 0 and is_header(piece[start : start + BLOCK]):
                stream.skip(start)
                return True
            at = piece.find(_USTAR, at + 1)
        stream.skip(len(piece))
    return False


def _padded(size: int) -> int:
    return -(-size // BLOCK) * BLOCK


def _text(data: bytes) -> str:
    return data.partition(b"\0")[0].decode("utf-8", "surrogateescape")


def _pax(data: bytes) -> dict[str, str]:
    """The records `LENGTH KEY=VALUE\\n` of a pax header (POSIX.1-2001); what is no record ends it."""
    found: dict[str, str] = {}
    while data:
        digits, _, _ = data[:20].partition(b" ")
        if not digits.isdigit() or not len(digits) < int(digits) <= len(data):
            break
        record, data = data[len(digits) + 1 : int(digits)], data[int(digits) :]
        key, _, value = record.rstrip(b"\n").partition(b"=")
        found[_text(key)] = _text(value)
    return found
