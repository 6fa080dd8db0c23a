"""Members: decompression agrees with zlib, what is found by scanning is what is there."""

import gzip
import io
import zlib

import pytest
import zstandard
from hypothesis import given, settings
from hypothesis import strategies as st

from curate.sources.members import BLOCK, Archive, Blocks, Format, Member, MemberError, Unreadable

RECORD = b"WARC/1.0\r\nWARC-Type: resource\r\nContent-Length: 2\r\n\r\nhi\r\n\r\n"


def blocks(data: bytes) -> Blocks:
    return Blocks(io.BytesIO(data))


def whole(member: Member) -> bytes:
    return b"".join(iter(member.read, b""))


@settings(deadline=None, max_examples=60)
@given(st.binary(max_size=5000), st.integers(0, 9), st.binary(max_size=50))
def test_a_gzip_member_gives_its_bytes_and_ends_where_zlib_says(content, level, behind):
    stored = gzip.compress(content, level)
    member = Member(blocks(stored + behind), 0, Format.GZIP)
    assert whole(member) == content
    assert member.end == len(stored)


@settings(deadline=None, max_examples=60)
@given(st.binary(max_size=5000), st.binary(max_size=50))
def test_a_zstd_frame_gives_its_bytes_and_ends_where_it_ends(content, behind):
    stored = zstandard.ZstdCompressor().compress(content)
    member = Member(blocks(stored + behind), 0, Format.ZSTD)
    assert whole(member) == content
    assert member.end == len(stored)


def test_a_member_that_expands_a_thousandfold_comes_in_bounded_pieces():
    content = b"\0" * (64 << 20)
    for form, stored in (
        (Format.GZIP, gzip.compress(content)),
        (Format.ZSTD, zstandard.ZstdCompressor().compress(content)),
    ):
        pieces = [len(piece) for piece in iter(Member(blocks(stored), 0, form).read, b"")]
        assert sum(pieces) == len(content)
        assert max(pieces) <= 16 << 20


@pytest.mark.parametrize("place", ["checksum", "length"])
def test_a_wrong_checksum_or_length_in_the_trailer_is_noticed(place):
    stored = bytearray(gzip.compress(b"text" * 100))
    stored[-8 if place == "checksum" else -4] ^= 1
    with pytest.raises(MemberError) as raised:
        whole(Member(blocks(bytes(stored)), 0, Format.GZIP))
    assert raised.value.reason is Unreadable.CORRUPT_GZIP


@pytest.mark.parametrize("form", [Format.GZIP, Format.ZSTD])
def test_a_member_cut_anywhere_is_truncated(form):
    stored = gzip.compress(b"some text " * 30) if form is Format.GZIP else zstandard.compress(b"some text " * 30)
    for length in range(len(stored)):
        with pytest.raises(MemberError) as raised:
            whole(Member(blocks(stored[:length]), 0, form))
        assert raised.value.reason is Unreadable.TRUNCATED


def test_a_member_across_the_border_of_two_blocks_is_found_and_read():
    stored = gzip.compress(RECORD)
    for before in range(BLOCK - len(stored) - 1, BLOCK + 2, 7):
        archive = Archive(blocks(gzip.compress(b"") + b"\xff" * (before - len(gzip.compress(b""))) + stored))
        assert archive.find(1) == before
        assert archive.find(before) == before
        assert archive.find(before + 1) is None
        assert archive.find(1, before) is None
        assert whole(archive.member(before)) == RECORD


def test_a_member_whose_content_is_no_record_is_not_found():
    other = gzip.compress(b"not a record, though compressed")
    archive = Archive(blocks(other + other + gzip.compress(RECORD)))
    assert archive.find(1) == 2 * len(other)


@pytest.mark.parametrize(
    ("data", "form"),
    [
        (gzip.compress(RECORD), Format.GZIP),
        (zstandard.compress(RECORD), Format.ZSTD),
        (RECORD, Format.BARE),
        (b"", Format.UNKNOWN),
        (b"\x89PNG\r\n\x1a\n" + b"x" * 1000, Format.UNKNOWN),
        (b"X" + gzip.compress(RECORD)[1:] + gzip.compress(RECORD), Format.GZIP),
        (b"X" + RECORD[1:] + RECORD, Format.BARE),
        (b"X" + zstandard.compress(RECORD)[1:] + zstandard.compress(RECORD), Format.ZSTD),
    ],
)
def test_the_format_is_told_by_magic_even_where_the_first_bytes_are_damaged(data, form):
    assert Archive(blocks(data)).format is form


def test_blocks_give_the_file_s_bytes():
    data = bytes(range(256)) * (3 * BLOCK // 256) + b"end"
    read = blocks(data)
    for offset, most in ((0, 10), (BLOCK - 3, 7), (BLOCK, BLOCK + 1), (len(data) - 2, 100), (len(data), 5)):
        assert read.read(offset, most) == data[offset : offset + most]


@pytest.mark.parametrize("level", [0, 1, 6, 9])
def test_long_content_of_every_level_agrees_with_zlib(level):
    content = b"".join(b"%d words of text, " % number for number in range(100_000))
    stored = zlib.compressobj(level, zlib.DEFLATED, 31)
    data = stored.compress(content) + stored.flush()
    assert whole(Member(blocks(data), 0, Format.GZIP)) == content
