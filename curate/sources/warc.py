"""WARC records from a byte range of a file (WARC 0.17 to 1.1; bare, gzip or zstd).

A record belongs to the range in which its member starts. The first member of a range is found by scanning, the others
by following: each begins where the last one ended. A scan can be deceived (a `.warc.gz` kept inside a stored deflate
block looks like members), so whoever reads ranges compares each range's first member with where the chain of the
ranges before it arrived (`chain_mismatches`) and reads a range that differs again with `exact_start`. What cannot be
read is set aside, and reading goes on at the next member found; nothing raises but failing storage.

Cost: 0.9 times FastWARC's rate on whole pages, half of it where records are a few KB.
Memory: a few times `max_record_bytes`, whatever the size of a member.
"""

from __future__ import annotations

import re
from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass

from curate.errors import SetAside
from curate.sources.members import BARE_RECORD, Archive, Blocks, Format, Member, MemberError, Unreadable
from curate.storage import filesystem

MAX_RECORD_BYTES = 32 << 20
MAX_HEADER_BYTES = 64 << 10
MAX_SKIPPED_BYTES = 1 << 30
"""A member in which more than this would have to be decompressed and thrown away is given up as a bomb."""
MAX_REOPENED = 8
"""How often one member is decompressed again because a length that lied made reading pass over its records."""
_OVERLAP = 64
_MAX_NEWLINES = 64 << 10

_VERSION = re.compile(r"WARC/[0-9]{1,2}\.[0-9]{1,2}[ \t]*", re.ASCII)
_FOLD = re.compile(r"\n[ \t]+")
_FIELD = re.compile(r"^([!#$%&'*+.^_`|~0-9A-Za-z-]{1,256})[ \t]*:[ \t]*([^\n]*)$", re.ASCII | re.MULTILINE)
_LENGTH = re.compile(r"[0-9]{1,18}", re.ASCII)
_HEADER_END = re.compile(rb"\r?\n\r?\n")
_NEWLINES = re.compile(rb"[\r\n]*")


@dataclass(frozen=True, slots=True)
class RawRecord:
    """One record as stored.

    offset: bytes from the start of the file to its member; index: its ordinal among the record headers of that
    member; type: WARC-Type in lower case; headers: the WARC header fields by lower-case name, the first of each;
    body: the record block, undecoded.
    """

    offset: int
    index: int
    type: str
    headers: Mapping[str, str]
    body: bytes


@dataclass(slots=True)
class RangeEnd:
    """Where the chain of members entered and left a range [start, end).

    first: offset of the first member that starts in it, None if there is none; next: offset where the member after
    it starts (>= end), or the file's size. Where first is None nothing was read and next is max(start, end).
    """

    first: int | None
    next: int


class _Problem(Exception):
    """A record that cannot be kept; `rescan` where its length is not to be trusted, so records may lie inside it."""

    def __init__(self, reason: Unreadable, detail: str, rescan: bool = True) -> None:
        super().__init__(detail)
        self.reason = reason
        self.detail = detail
        self.rescan = rescan


class _Window:
    """The bytes of a member from `mark` (kept) on, with `at` where reading stands; offsets are within `buffer`."""

    def __init__(self, archive: Archive, offset: int) -> None:
        self._archive = archive
        self._offset = offset
        self.reopened = 0
        self._open()

    def _open(self) -> None:
        self._member: Member = self._archive.member(self._offset)
        self._ended = False
        self.buffer = b""
        self.base = 0
        self.mark = 0
        self.at = 0

    @property
    def end(self) -> int | None:
        return self._member.end

    def ensure(self, count: int) -> bool:
        """Whether `count` bytes can be seen from `at`; reads as far as needed, dropping what lies before `mark`."""
        missing = self.at + count - len(self.buffer)
        if missing <= 0 or self._ended:
            return missing <= 0
        pieces: list[bytes] = []
        while missing > 0:
            piece = self._member.read()
            if not piece:
                self._ended = True
                break
            pieces.append(piece)
            missing -= len(piece)
        if pieces:
            kept = self.buffer[self.mark :]
            self.buffer = b"".join([kept, *pieces]) if kept else b"".join(pieces)
            self.base += self.mark
            self.at -= self.mark
            self.mark = 0
        return missing <= 0

    def begin(self) -> None:
        """Forget everything before `at`."""
        self.mark = self.at

    def skip(self, count: int) -> int:
        """Pass over up to `count` bytes without holding them; how many there were."""
        passed = 0
        while passed < count and self.ensure(1):
            step = min(count - passed, len(self.buffer) - self.at)
            self.at += step
            passed += step
            self.begin()
        return passed

    def seek(self, position: int) -> None:
        """Stand at a position counted from the member's start, decompressing it again if that has been dropped."""
        if position < self.base + self.mark:
            self.reopened += 1
            self._open()
        if position <= self.base + len(self.buffer):
            self.at = position - self.base
        else:
            self.skip(position - self.base - self.at)

    def newlines(self) -> None:
        """Pass over a run of carriage returns and line feeds."""
        passed = 0
        while self.ensure(1) and passed <= _MAX_NEWLINES:
            match = _NEWLINES.match(self.buffer, self.at)
            step = match.end() - self.at if match else 0
            if not step:
                return
            self.at += step
            passed += step

    def find_record(self) -> bool:
        """Go forward to what looks like the next record's first line. Raises _Problem (bomb) if that is too far."""
        passed = 0
        while self.ensure(_OVERLAP) or self.at < len(self.buffer):
            match = BARE_RECORD.search(self.buffer, self.at)
            if match:
                self.at = match.start()
                self.begin()
                return True
            last = not self.ensure(len(self.buffer) - self.at + 1)
            step = len(self.buffer) - self.at if last else max(1, len(self.buffer) - self.at - _OVERLAP)
            self.at += step
            self.begin()
            passed += step
            if passed > MAX_SKIPPED_BYTES:
                raise _Problem(Unreadable.BOMB, f"more than {MAX_SKIPPED_BYTES} bytes without a record")
        return False


def parse_header(block: bytes) -> dict[str, str]:
    """The fields of a WARC header block (its blank line left off), by lower-case name; the first of each name.

    Raises ValueError where it is not one: no `WARC/x.y`, a line without a name, two different Content-Length.
    """
    try:
        text = block.decode("utf-8")
    except UnicodeDecodeError:
        text = block.decode("latin-1")
    first, _, rest = text.replace("\r\n", "\n").partition("\n")
    if not _VERSION.fullmatch(first):
        raise ValueError("does not begin with WARC/ and a version")
    if "\n " in rest or "\n\t" in rest:
        rest = _FOLD.sub(" ", rest)
    found = _FIELD.findall(rest)
    if len(found) != rest.count("\n") + 1:
        raise ValueError("a header line without a name")
    fields: dict[str, str] = {}
    for name, value in found:
        kept = fields.setdefault(name.lower(), value.rstrip())
        if kept != value.rstrip() and name.lower() == "content-length":
            raise ValueError("two different lengths")
    if not fields.get("warc-type"):
        raise ValueError("no WARC-Type")
    if not _LENGTH.fullmatch(fields.get("content-length", "")):
        raise ValueError(f"no length, or not a number: {fields.get('content-length', '')[:40]!r}")
    return fields


def _read_header(window: _Window) -> dict[str, str]:
    """The header at the window's place, which moves past its blank line."""
    looked = 0
    while True:
        more = window.ensure(min(max(2 * looked, 2048), MAX_HEADER_BYTES))
        if looked == 0 and not window.buffer.startswith(b"WARC/", window.at):
            raise _Problem(
                Unreadable.BAD_HEADER, f"no record begins with {window.buffer[window.at : window.at + 16]!r}"
            )
        end = _HEADER_END.search(window.buffer, window.at, window.at + MAX_HEADER_BYTES)
        if end:
            break
        looked = len(window.buffer) - window.at
        if looked >= MAX_HEADER_BYTES:
            raise _Problem(Unreadable.BAD_HEADER, f"a header of more than {MAX_HEADER_BYTES} bytes")
        if not more:
            raise _Problem(Unreadable.BAD_HEADER, "the header has no end")
    try:
        fields = parse_header(window.buffer[window.at : end.start()])
    except ValueError as error:
        raise _Problem(Unreadable.BAD_HEADER, str(error)) from None
    window.at = end.end()
    return fields


def _at_a_border(window: _Window, bare: bool) -> bool:
    """Whether a record may end here; moves past the newlines that close it.

    Inside a compressed member nothing but newlines may come before the next record or the end. In a bare file the
    next record may be the damaged one, so the two newlines the standard asks for are enough.
    """
    window.ensure(4)
    closed = window.buffer.startswith(b"\r\n\r\n", window.at)
    if bare and closed:
        before = window.base + window.at
        window.newlines()
        if not window.ensure(1) or window.buffer.startswith(b"WARC/", window.at):
            return True
        window.seek(before + 4)
        return True
    window.newlines()
    return not window.ensure(1) or (window.ensure(5) and window.buffer.startswith(b"WARC/", window.at))


def _read_record(window: _Window, offset: int, index: int, most: int, bare: bool) -> RawRecord:
    """The record at the window's place, which moves to the next. Raises _Problem or MemberError."""
    fields = _read_header(window)
    length = int(fields["content-length"])
    if length > most:
        if not bare and length > MAX_SKIPPED_BYTES:
            raise _Problem(Unreadable.BOMB, f"a record of {length} bytes")
        if window.skip(length) < length:
            raise _Problem(Unreadable.BAD_LENGTH, f"says {length} bytes, and there are fewer")
        if not _at_a_border(window, bare):
            raise _Problem(Unreadable.BAD_LENGTH, f"says {length} bytes, and does not end there")
        raise _Problem(Unreadable.TOO_LARGE, f"{length} bytes, more than {most}", rescan=False)
    if not window.ensure(length):
        held = len(window.buffer) - window.at
        raise _Problem(Unreadable.BAD_LENGTH, f"says {length} bytes, and there are {held}")
    start = window.at - window.mark
    window.at += length
    border = _at_a_border(window, bare)
    if not border:
        raise _Problem(Unreadable.BAD_LENGTH, f"says {length} bytes, and does not end there")
    body = window.buffer[window.mark + start : window.mark + start + length]
    return RawRecord(offset, index, fields["warc-type"].lower(), fields, body)


def _read_member(
    archive: Archive, file: str, offset: int, most: int
) -> Generator[RawRecord | SetAside, None, int | None]:
    """All records of a compressed member; returns the offset after it, or None if it was given up."""
    window = _Window(archive, offset)
    index = 0

    def aside(problem: _Problem | MemberError) -> SetAside:
        where = f"record {index} of the member: " if index else ""
        return SetAside(file, offset, problem.reason.value, where + problem.detail)

    try:
        window.newlines()
        while window.ensure(1):
            window.begin()
            place = window.base + window.at
            try:
                yield _read_record(window, offset, index, most, bare=False)
            except _Problem as problem:
                yield aside(problem)
                if problem.reason is Unreadable.BOMB:
                    return None
                if problem.rescan:
                    if place + 1 < window.base + window.mark and window.reopened >= MAX_REOPENED:
                        window.find_record()
                    else:
                        window.seek(place + 1)
                        window.find_record()
            index += 1
    except MemberError as error:
        yield aside(error)
        return None
    except _Problem as problem:
        yield aside(problem)
        return None
    return window.end


def _read_bare(
    archive: Archive, file: str, offset: int, most: int
) -> Generator[RawRecord | SetAside, None, int | None]:
    """The one record at `offset` of an uncompressed file; returns the offset of the next, None if that is unsure."""
    size = archive.blocks.size
    window = _Window(archive, offset)
    try:
        fields = _read_header(window)
        end = offset + window.base + window.at + int(fields["content-length"])
        if end > size:
            missing = end - size
            raise _Problem(Unreadable.TRUNCATED, f"the file ends {missing} bytes before the record does")
        if end - offset > most + MAX_HEADER_BYTES:
            # Skipped by a seek; only what follows is read, to see whether the length was true.
            after = _Window(archive, end)
            if not _at_a_border(after, bare=True):
                raise _Problem(Unreadable.BAD_LENGTH, f"says {fields['content-length']} bytes, and does not end there")
            yield SetAside(file, offset, Unreadable.TOO_LARGE.value, f"{end - offset} bytes, more than {most}")
            return end + after.base + after.at
        window.seek(0)
        yield _read_record(window, offset, 0, most, bare=True)
    except _Problem as problem:
        yield SetAside(file, offset, problem.reason.value, problem.detail)
        if problem.rescan:
            return None
    return offset + window.base + window.at


def read_range(
    path: str,
    file: str,
    start: int,
    end: int | None,
    *,
    exact_start: bool = False,
    max_record_bytes: int = MAX_RECORD_BYTES,
) -> Generator[RawRecord | SetAside, None, RangeEnd]:
    """Yield the records whose members start in [start, end) of the file at `path`, in order; return the RangeEnd.

    path: what fsspec opens; file: the input file's key, written into what is set aside. end: None for the file's end.
    exact_start: `start` is where the chain of members stands, so nothing is looked for before it; at 0 it always is.
    Raises OSError (or what the storage raises) only where the file cannot be read; bad bytes are set aside.
    """
    fs, inner = filesystem(path)
    with fs.open(inner, "rb") as handle:
        blocks = Blocks(handle)
        size = blocks.size
        end = size if end is None else min(end, size)
        if start >= end:
            return RangeEnd(None, start)
        archive = Archive(blocks)
        if archive.format is Format.UNKNOWN:
            if start == 0:
                yield SetAside(file, 0, Unreadable.NOT_WARC.value, f"begins with {blocks.read(0, 16)!r}")
            return RangeEnd(0 if start == 0 else None, size if start == 0 else end)
        place = start if exact_start or start == 0 else archive.find(start, end)
        if place is None:
            return RangeEnd(None, end)
        first = place
        while place < end:
            place = yield from _read_at(archive, file, place, max_record_bytes)
        return RangeEnd(first, place)


def _read_at(archive: Archive, file: str, place: int, most: int) -> Generator[RawRecord | SetAside, None, int]:
    """What stands at `place`: a member, a skippable frame, padding or garbage; returns where the next thing stands."""
    blocks = archive.blocks
    skipped = archive.skippable(place)
    if skipped is not None:
        return skipped
    if archive.starts(place):
        read = _read_bare if archive.format is Format.BARE else _read_member
        after = yield from read(archive, file, place, most)
        if after is not None:
            return after
        found = archive.find(place + 1)
        return blocks.size if found is None else found
    found = archive.find(place + 1)
    after = blocks.size if found is None else found
    padding = b"\0\r\n" if archive.format is Format.BARE else b"\0"
    if not blocks.only(place, after, padding):
        detail = f"{after - place} bytes that are no record, beginning {blocks.read(place, 16)!r}"
        yield SetAside(file, place, Unreadable.GARBAGE.value, detail)
    return after


def plan_ranges(path: str, size: int, range_bytes: int) -> list[tuple[int, int]]:
    """[start, end) ranges of at most `range_bytes` that cover a file of `size` bytes; none for an empty file.

    Borders need not lie between members. `path` does not matter: every format is found by scanning.
    """
    if range_bytes < 1:
        raise ValueError("a range holds at least one byte")
    return [(start, min(start + range_bytes, size)) for start in range(0, size, range_bytes)]


def chain_mismatches(ends: Sequence[tuple[int, int, RangeEnd]]) -> list[tuple[int, int]]:
    """Which ranges of one file must be read again, and where from.

    ends: (start, end, RangeEnd) of all its ranges in order, from 0. Returns [(position in `ends`, exact start)]: the
    earliest wrong range only, because what follows it is judged by where the repaired one arrives; read it again
    with `exact_start`, put its new RangeEnd in and ask again, until the list is empty. An exact start at or beyond
    the range's end means that the range holds nothing.
    """
    arrived = 0
    for number, (_, end, reached) in enumerate(ends):
        if reached.first is None:
            if arrived < end:
                return [(number, arrived)]
            continue
        if reached.first != arrived:
            return [(number, arrived)]
        arrived = reached.next
    return []
