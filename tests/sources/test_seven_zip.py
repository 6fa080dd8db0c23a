"""7z archives: as py7zr reads and writes them, and whatever a hostile one holds (7zFormat.txt of the LZMA SDK)."""

from __future__ import annotations

import io
import lzma
import random
import struct
import zlib
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from curate.sample.seven_zip_writer import METHODS, assemble, header, number, write_7z
from curate.sources import seven_zip_stream
from curate.sources.seven_zip import MAX_HEADER, read_members
from curate.sources.seven_zip_header import Broken, Header, SevenZipError
from curate.sources.seven_zip_stream import PIECE, read_member

py7zr = pytest.importorskip("py7zr")

TEXT = b"".join(b'<row Id="%d" Body="some words of post %d" />\r\n' % (i, i * i) for i in range(3000))


def contents(archive: bytes) -> dict[str, bytes]:
    handle = io.BytesIO(archive)
    return {member.name: b"".join(read_member(handle, member)) for member in read_members(handle)}


def written_by_py7zr(files: dict[str, bytes], filters: list[dict[str, Any]] | None, **options: Any) -> bytes:
    out = io.BytesIO()
    with py7zr.SevenZipFile(out, "w", filters=filters, **options) as archive:
        for name, data in files.items():
            archive.writestr(data, name)
    return out.getvalue()


def failure(archive: bytes) -> tuple[Broken, str]:
    with pytest.raises(SevenZipError) as caught:
        contents(archive)
    return caught.value.reason, caught.value.detail


FILES = {"Badges.xml": b"<badges>\r\n</badges>", "empty.xml": b"", "Posts.xml": TEXT, "deeper/Tags.xml": b"x" * 70_000}


@pytest.mark.parametrize(
    "filters",
    [
        None,
        [{"id": py7zr.FILTER_LZMA2, "preset": 1}],
        [{"id": py7zr.FILTER_LZMA, "preset": 1}],
        [{"id": py7zr.FILTER_X86}, {"id": py7zr.FILTER_LZMA2, "preset": 1}],
        [{"id": py7zr.FILTER_X86}, {"id": py7zr.FILTER_LZMA, "preset": 1}],
        [{"id": py7zr.FILTER_DELTA}, {"id": py7zr.FILTER_LZMA2, "preset": 1}],
        [{"id": py7zr.FILTER_BZIP2}],
        [{"id": py7zr.FILTER_DEFLATE}],
        [{"id": py7zr.FILTER_COPY}],
    ],
    ids=["default", "lzma2", "lzma", "x86+lzma2", "x86+lzma", "delta+lzma2", "bzip2", "deflate", "copy"],
)
def test_what_py7zr_writes_is_read_alike(filters: list[dict[str, Any]] | None) -> None:
    assert contents(written_by_py7zr(FILES, filters)) == FILES


@pytest.mark.parametrize("method", METHODS)
def test_py7zr_reads_what_the_samples_are_written_by(method: str, tmp_path: Path) -> None:
    (tmp_path / "a.7z").write_bytes(write_7z(list(FILES.items()), method))
    with py7zr.SevenZipFile(tmp_path / "a.7z") as archive:
        archive.extractall(tmp_path / "out")
    assert {name: (tmp_path / "out" / name).read_bytes() for name in FILES} == FILES


names = st.text("aé語\U0001f6f6./", min_size=1, max_size=8)


@settings(max_examples=40, deadline=None)
@given(st.dictionaries(names, st.binary(max_size=400), max_size=5), st.sampled_from(sorted(METHODS)))
def test_what_was_put_in_comes_out(files: dict[str, bytes], method: str) -> None:
    if any(files.values()):
        assert contents(write_7z(list(files.items()), method)) == files


@given(st.integers(0, 2**64 - 1))
def test_numbers_of_every_length_are_read_back(value: int) -> None:
    assert Header(number(value), 0).number() == value


def test_pieces_are_of_bounded_size_and_members_before_are_passed_over() -> None:
    handle = io.BytesIO(write_7z([("a", b"a" * (3 * PIECE)), ("b", b"b" * (2 * PIECE + 5))]))
    pieces = list(read_member(handle, read_members(handle)[1]))
    assert b"".join(pieces) == b"b" * (2 * PIECE + 5)
    assert max(map(len, pieces)) <= PIECE


@pytest.mark.parametrize("method", METHODS)
def test_an_archive_cut_anywhere_raises_and_never_anything_else(method: str) -> None:
    archive = write_7z([("Posts.xml", TEXT[:3000])], method)
    for cut in range(0, len(archive), 7):
        assert failure(archive[:cut])[0] in (Broken.NOT_7Z, Broken.TRUNCATED)


def test_a_stream_that_ends_early_gives_what_can_be_read_and_then_says_so() -> None:
    whole = METHODS["lzma2"][2](TEXT)
    archive = assemble(
        whole[: len(whole) // 2], header([("Posts.xml", TEXT)], b"\x21", b"\x10", len(whole) // 2, len(TEXT))
    )
    handle = io.BytesIO(archive)
    pieces: list[bytes] = []
    with pytest.raises(SevenZipError) as caught:
        pieces.extend(read_member(handle, read_members(handle)[0]))
    assert caught.value.reason is Broken.TRUNCATED
    read = b"".join(pieces)
    assert read
    assert TEXT.startswith(read)


@settings(max_examples=150, deadline=None)
@given(st.sampled_from(sorted(METHODS)), st.integers(0, 10_000), st.integers(1, 255))
def test_a_changed_byte_is_noticed_or_harmless(method: str, place: int, change: int) -> None:
    archive = bytearray(write_7z([("a.xml", TEXT[:500]), ("Posts.xml", TEXT[500:1500])], method))
    archive[place % len(archive)] ^= change
    try:
        found = contents(bytes(archive))
    except SevenZipError:
        return
    assert found == {"a.xml": TEXT[:500], "Posts.xml": TEXT[500:1500]}


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=120))
def test_a_header_of_any_bytes_is_refused_by_one_kind_of_error(data: bytes) -> None:
    for head in (b"\x01" + data, b"\x01\x04\x06" + data, b"\x17" + data):
        try:
            contents(assemble(b"some packed bytes", head))
        except SevenZipError:
            continue


def test_headers_that_claim_much_are_refused_before_anything_is_allocated() -> None:
    start = struct.pack("<QQI", 0, MAX_HEADER + 1, 0)
    claimed = b"7z\xbc\xaf\x27\x1c\x00\x04" + struct.pack("<I", zlib.crc32(start)) + start
    assert failure(claimed)[0] is Broken.TRUNCATED
    many = b"\x01\x05" + number(1 << 60)
    assert failure(assemble(b"", many))[0] is Broken.CORRUPT
    packed = lzma.compress(bytes(MAX_HEADER + 1), lzma.FORMAT_RAW, filters=[{"id": lzma.FILTER_LZMA2}])
    folder = b"\x06" + number(0) + number(1) + b"\x09" + number(len(packed)) + b"\x00"
    folder += b"\x07\x0b\x01\x00\x01\x21\x21\x01\x10\x0c" + number(MAX_HEADER + 1) + b"\x00\x00"
    assert failure(assemble(packed, b"\x17" + folder))[0] is Broken.BOMB


def test_a_bomb_is_not_unpacked_to_its_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(seven_zip_stream, "RATIO_FROM", 4 << 20)
    archive = write_7z([("Posts.xml", bytes(16 << 20))])
    assert len(archive) < 8192
    handle = io.BytesIO(archive)
    pieces: list[bytes] = []
    with pytest.raises(SevenZipError) as caught:
        pieces.extend(read_member(handle, read_members(handle)[0]))
    assert caught.value.reason is Broken.BOMB
    assert sum(map(len, pieces)) < 8 << 20


def test_a_window_larger_than_the_limit_is_refused_and_one_larger_than_the_text_is_not_held() -> None:
    stream = METHODS["lzma2"][2](TEXT)
    fits = header([("Posts.xml", TEXT)], b"\x21", b"\x28", len(stream), len(TEXT))  # 4 GB stated for 130 KB
    assert contents(assemble(stream, fits))["Posts.xml"] == TEXT
    large = header([("Posts.xml", TEXT)], b"\x21", b"\x28", len(stream), 1 << 40)
    assert failure(assemble(stream, large.replace(number(len(TEXT)), number(1 << 40))))[0] is Broken.UNSUPPORTED


def test_what_cannot_be_read_is_named() -> None:
    assert failure(written_by_py7zr({"Posts.xml": TEXT}, None, password="open"))[0] is Broken.ENCRYPTED
    ppmd = header([("Posts.xml", TEXT)], b"\x03\x04\x01", b"\x06\x00\x00\x00\x01", 5, len(TEXT))
    reason, detail = failure(assemble(b"12345", ppmd))
    assert reason is Broken.UNSUPPORTED
    assert "030401" in detail
    assert failure(b"PK\x03\x04 this is no 7z archive at all.........")[0] is Broken.NOT_7Z


def test_an_archive_of_nothing_holds_nothing() -> None:
    start = struct.pack("<QQI", 0, 0, 0)
    assert contents(b"7z\xbc\xaf\x27\x1c\x00\x04" + struct.pack("<I", zlib.crc32(start)) + start) == {}


@pytest.mark.realdata
def test_every_real_archive_is_read_as_py7zr_reads_it(real_stackexchange: Path, tmp_path: Path) -> None:
    archives = sorted(real_stackexchange.glob("*.7z"))
    assert archives
    for path in archives:
        folder = tmp_path / path.name
        with py7zr.SevenZipFile(path) as archive:
            archive.extractall(folder)
        with path.open("rb") as handle:
            for member in read_members(handle):
                crc = 0
                for piece in read_member(handle, member):
                    crc = zlib.crc32(piece, crc)
                assert crc == zlib.crc32((folder / member.name).read_bytes()), (path.name, member.name)


def test_random_bytes_behind_the_signature_are_refused() -> None:
    draw = random.Random(5)
    for _ in range(200):
        with pytest.raises(SevenZipError):
            contents(b"7z\xbc\xaf\x27\x1c" + draw.randbytes(60))
