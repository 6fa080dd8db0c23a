"""The blocks of a bzip2 file from any place on, so that a file of one stream can be read in parallel.

A bzip2 stream is a header, blocks of up to 900 kB that are packed bit by bit, and an end; each block begins with 48
bits (0x314159265359) at any bit offset, followed by the CRC of what it unpacks to. A block needs nothing of the blocks
before it: with a header before and an end after it, it is a stream of its own, whose CRCs the decompressor verifies.
Streams one after another (multistream dumps) need no care of their own.

The 48 bits may also come up inside a block. What shows that they do is that the block around them unpacks, CRC and
all, when it ends at a later mark. Which marks are false is decided by the bytes near them alone, so it is the same
from wherever reading begins.
"""

from __future__ import annotations

import bz2
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import IO

BLOCK = 0x314159265359
END = 0x177245385090
MAX_STORED = 4 << 20
"""Bytes of one stored block: 900,001 symbols of at most 20 bits, and the tables."""
MAX_BLOCK = 8 << 20
"""Bytes a block may unpack to. Text stays near 900 kB; runs of one byte can make it 45 MB, which no dump does."""
FALSE_MARKS = 2
"""How many false marks one block may hold: one is expected in 35 TB."""
_CHUNK = 1 << 19
_STEP = 1 << 17
_MARK_BYTES = 7  # that 48 bits at any bit offset touch


class Damage(StrEnum):
    """Why a block cannot be read."""

    BAD_BLOCK = "bad_block"
    TRUNCATED = "truncated"
    BOMB = "bomb"


@dataclass(frozen=True, slots=True)
class Block:
    """offset: of its first byte in the file (its first bit lies in that byte; no two blocks begin in one byte);
    data: what it unpacks to, b"" where `damage` says why it does not; work: bytes that were unpacked to find out, of
    every attempt, and of one that failed at least 128 kB."""

    offset: int
    data: bytes
    damage: Damage | None = None
    work: int = 0


def blocks(stream: IO[bytes], start: int = 0) -> Iterator[Block]:
    """Every block that begins at byte `start` or later, in order, to the end of the file; stop when you have enough.

    Memory is bounded by a few blocks. Raises OSError where the stream cannot be read, never for what it holds.
    """
    window = _Window(stream, start)
    marks: deque[tuple[int, bool]] = deque()
    unknown = FALSE_MARKS + 1  # marks ahead that a block which begins before `start` may hold
    while window.fill(marks, 1):
        first, ends_stream = marks[0]
        if ends_stream:
            marks.popleft()
            unknown -= 1
            window.forget(first)
            continue
        data, taken, damage, work = _unpack_from(window, marks)
        if damage is not None and unknown > 0:
            inside = _inside_another(stream, first)
            window.resume()
            if inside:
                marks.popleft()
                unknown -= 1
                continue
        unknown = unknown - taken if damage is not None else 0
        yield Block(first >> 3, data, damage, work)
        for _ in range(taken):
            marks.popleft()
        window.forget(marks[0][0] if marks else first + 48)


def _unpack_from(window: _Window, marks: deque[tuple[int, bool]]) -> tuple[bytes, int, Damage | None, int]:
    """The block at marks[0]: its data, how many marks it takes up, what is wrong with it, and the work it took."""
    first = marks[0][0]
    work = 0
    damage = Damage.TRUNCATED
    for taken in range(1, FALSE_MARKS + 2):
        if not window.fill(marks, taken + 1) or marks[taken][0] - first > MAX_STORED * 8:
            break
        damage = Damage.BAD_BLOCK
        data, unpacked = unpack(window.bits(first, marks[taken][0]), marks[taken][0] - first)
        work += unpacked
        if unpacked > MAX_BLOCK:
            return b"", taken, Damage.BOMB, work
        if data is not None:
            return data, taken, None, work
    return b"", 1, damage, work


def unpack(bits: int, length: int) -> tuple[bytes | None, int]:
    """What a block of `length` bits unpacks to, None where that is no block, and how many bytes were unpacked to see.

    Over MAX_BLOCK of them it is a bomb. One that is no block counts as 128 kB more than it gave: what it takes before
    its first byte.
    """
    if length < 80:
        return None, _STEP
    crc = bits >> (length - 80) & 0xFFFFFFFF
    whole = (((int.from_bytes(b"BZh9", "big") << length | bits) << 48 | END) << 32) | crc
    total = 32 + length + 80
    stream = (whole << (-total % 8)).to_bytes((total + 7) // 8, "big")
    unpacker = bz2.BZ2Decompressor()
    parts, unpacked = [], 0
    try:
        while not unpacker.eof and unpacked <= MAX_BLOCK:
            part = unpacker.decompress(stream, _STEP)  # by steps: what fails at last gives nothing of its last step
            if not part and not unpacker.eof:
                break  # it needs more than there is
            parts.append(part)
            unpacked += len(part)
            stream = b""
    except (OSError, EOFError):
        return None, unpacked + _STEP
    whole_block = unpacker.eof and not unpacker.unused_data
    return (b"".join(parts), unpacked) if whole_block and unpacked <= MAX_BLOCK else (None, unpacked + _STEP)


def _inside_another(stream: IO[bytes], mark: int) -> bool:
    """Whether a block that begins before `mark` (in bits) ends after it, and so the mark is none."""
    window = _Window(stream, max(0, (mark >> 3) - MAX_STORED))
    before: deque[tuple[int, bool]] = deque()
    while window.fill(before, FALSE_MARKS + 1) and before[FALSE_MARKS][0] < mark:
        before.popleft()
    while before and before[0][0] < mark:
        if not before[0][1]:
            data, taken, _, _ = _unpack_from(window, before)
            if data and before[taken][0] > mark:
                return True
        before.popleft()
        window.fill(before, FALSE_MARKS + 1)
    return False


class _Window:
    """The part of a file between the first mark that is still needed and where it has been read to."""

    def __init__(self, stream: IO[bytes], start: int) -> None:
        self._stream = stream
        self._base = start
        self._data = bytearray()
        self._searched = start
        self._ended = False
        stream.seek(start)

    def fill(self, marks: deque[tuple[int, bool]], count: int) -> bool:
        """Read on until there are `count` marks, or none can follow within reach; whether there are."""
        while len(marks) < count:
            reach = (marks[0][0] >> 3) + (FALSE_MARKS + 1) * MAX_STORED if marks else self._searched + 1
            if self._ended or self._searched > reach:
                return False
            if not marks:
                self.forget(self._searched * 8)
            chunk = self._stream.read(_CHUNK)
            self._ended = not chunk
            self._data += chunk
            begin = self._searched - self._base
            marks.extend((at + self._base * 8, kind) for at, kind in find_marks(self._data, begin))
            self._searched = max(self._searched, self._base + len(self._data) - _MARK_BYTES + 1)
            if self._ended and len(self._data) >= 6:
                # A mark at the very end, on a byte boundary, has no seventh byte.
                last = len(self._data) - 6
                if last + self._base >= self._searched and bytes(self._data[last:]) == END.to_bytes(6, "big"):
                    marks.append(((last + self._base) * 8, True))
        return True

    def resume(self) -> None:
        """Read on from where this window ends: another may have moved the stream."""
        self._stream.seek(self._base + len(self._data))

    def forget(self, bit: int) -> None:
        """Let go of what lies before this bit."""
        drop = (bit >> 3) - self._base
        if drop > 0:
            del self._data[:drop]
            self._base += drop

    def bits(self, begin: int, end: int) -> int:
        low = (begin >> 3) - self._base
        high = ((end + 7) >> 3) - self._base
        value = int.from_bytes(self._data[low:high], "big") >> (-end % 8)
        return value & ((1 << (end - begin)) - 1)


def _patterns() -> list[tuple[bytes, int, int, int, int, bool]]:
    """For each mark at each bit offset: the five whole bytes within, and first and last byte with their masks."""
    found = []
    for mark, ends in ((BLOCK, False), (END, True)):
        for shift in range(8):
            seven = (mark << (8 - shift)).to_bytes(7, "big")
            first_mask, last_mask = 0xFF >> shift, (0xFF << (8 - shift)) & 0xFF
            found.append((seven[1:6], seven[0], first_mask, seven[6], last_mask, ends))
    return found


_PATTERNS = _patterns()


def find_marks(data: bytes | bytearray, start: int = 0) -> list[tuple[int, bool]]:
    """(bit offset, whether it ends a stream) of every mark that lies whole in `data` with a byte to spare, sorted."""
    found: list[tuple[int, bool]] = []
    for shift, (middle, first, first_mask, last, last_mask, ends) in enumerate(_PATTERNS):
        at = data.find(middle, start + 1)
        while at >= 0 and at + 5 < len(data):
            if data[at - 1] & first_mask == first and data[at + 5] & last_mask == last:
                found.append(((at - 1) * 8 + shift % 8, ends))
            at = data.find(middle, at + 1)
    found.sort()
    return found
