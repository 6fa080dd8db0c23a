"""The table of posts in a file: a member of an archive or the file itself, and how many rows it has."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import closing
from functools import lru_cache
from typing import IO

from curate.inputs import InputFile
from curate.sources.seven_zip import MAGIC, read_members
from curate.sources.seven_zip_header import Member, SevenZipError
from curate.sources.seven_zip_stream import read_member
from curate.sources.stackexchange_posts import read_post
from curate.sources.stackexchange_rows import Bad, Row, Unreadable, read_rows
from curate.storage import filesystem

POSTS = "posts.xml"
_PIECE = 1 << 20
_SHORTEST_ROW = len('<row Id="1" PostTypeId="1" />')


def by_question(rows: Iterator[Row | Bad]) -> Iterator[tuple[int, Row | Bad]]:
    """(question that a row is, or answers; the row) of each."""
    for row in rows:
        post = row if isinstance(row, Bad) else read_post(row)
        yield (0, post) if isinstance(post, Bad) else (post.question, row)


def tables(path: str, size: int) -> list[tuple[Member | None, int]]:
    """(member, its bytes) of every table of posts in a file; (None, size) where it is one. Raises SevenZipError."""
    fs, inner = filesystem(path)
    with fs.open(inner, "rb") as handle:
        if handle.read(len(MAGIC)) != MAGIC and not path.lower().endswith(".7z"):
            return [(None, size)]
        members = read_members(handle)
    return [(member, member.size) for member in members if member.name.lower().split("/")[-1] == POSTS]


class Table:
    """An open table of posts."""

    def __init__(self, path: str, number: int) -> None:
        self._member = tables(path, -1)[number][0]
        self.name = self._member.name if self._member else ""
        fs, inner = filesystem(path)
        self._handle: IO[bytes] = fs.open(inner, "rb")

    def close(self) -> None:
        self._handle.close()

    def rows(self, max_row_bytes: int) -> Iterator[Row | Bad]:
        """Every row, and what is none; where the archive ends too early, or is wrong, that comes last."""
        failed: list[SevenZipError] = []
        chunks = self._chunks(failed)
        at, told = 0, False
        for row in read_rows(chunks, max_row_bytes):
            at = row.offset
            if failed and isinstance(row, Bad) and row.reason in (Unreadable.TRUNCATED, Unreadable.NOT_POSTS):
                row, told = Bad(row.offset, failed[0].reason, failed[0].detail), True
            yield row
        for _ in chunks:  # the checksum is that of all bytes
            pass
        if failed and not told:
            yield Bad(at, failed[0].reason, failed[0].detail)

    def _chunks(self, failed: list[SevenZipError]) -> Iterator[bytes]:
        if self._member is None:
            while chunk := self._handle.read(_PIECE):
                yield chunk
            return
        try:
            yield from read_member(self._handle, self._member)
        except SevenZipError as error:
            failed.append(error)


def largest_sites(dumps: Sequence[tuple[str, InputFile]], largest: int, max_row_bytes: int) -> list[tuple[str, int]]:
    """(site, posts) of the sites with the most posts, the most first, ties by name.

    dumps: (site, file); of several dumps of a site the one with the most posts counts. A dump that cannot reach the
    largest sites with the shortest rows that its size allows is not counted.
    """
    sizes: list[tuple[int, str, InputFile]] = []
    for site, item in dumps:
        try:
            sizes.append((sum(size for _, size in tables(item.path, item.size)), site, item))
        except SevenZipError:
            sizes.append((0, site, item))
    counts: dict[str, int] = {}
    for size, site, item in sorted(sizes, key=lambda entry: (-entry[0], entry[2].file)):
        least = sorted(counts.values(), reverse=True)[largest - 1] if len(counts) >= largest else 0
        if 0 <= size < _SHORTEST_ROW * least:
            continue
        counts[site] = max(counts.get(site, 0), count_posts(item.path, item.etag, max_row_bytes))
    return sorted(counts.items(), key=lambda pair: (-pair[1], pair[0]))[:largest]


@lru_cache(maxsize=4096)
def count_posts(path: str, etag: str, max_row_bytes: int) -> int:
    """Rows of every table of posts in a file, as far as it can be read. etag: of the content, so that it is not
    counted twice."""
    count = 0
    try:
        for number in range(len(tables(path, 0))):
            with closing(Table(path, number)) as table:
                count += sum(isinstance(row, Row) for row in table.rows(max_row_bytes))
    except SevenZipError:
        pass  # what can be read counts
    return count
