"""Lines by ranges: every line once, whatever the ranges, and what cannot be read set aside in bounded memory."""

from __future__ import annotations

import gzip
import io
import random
import tracemalloc
import zlib
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from curate.sources import json_lines
from curate.sources.json_lines import FEED, Bad, Line, read_lines


def ranges(size: int, step: int) -> list[tuple[int, int]]:
    return [(start, min(start + step, size)) for start in range(0, size, step)]


def by_ranges(path: Path, step: int, most: int = 1 << 20) -> list[Line | Bad]:
    size = path.stat().st_size
    return [line for start, end in ranges(size, step) for line in read_lines(str(path), start, end, most)]


def whole(path: Path, most: int = 1 << 20) -> list[Line | Bad]:
    return list(read_lines(str(path), 0, -1, most))


@settings(max_examples=80, deadline=None)
@given(
    st.lists(st.binary(max_size=30).map(lambda data: data.replace(b"\n", b"")), max_size=30),
    st.booleans(),
    st.booleans(),
    st.integers(1, 60),
)
def test_every_line_is_read_once_at_its_place(tmp_path_factory, lines, last, zipped, step) -> None:
    text = b"\n".join(lines) + (b"\n" if last and lines else b"")
    path = tmp_path_factory.mktemp("lines") / "x"
    path.write_bytes(gzip.compress(text) if zipped or text.startswith(b"\x1f\x8b") else text)
    expected = [Line(at, line) for at, line in _placed(text)]
    assert whole(path) == expected
    assert by_ranges(path, step) == expected


def _placed(text: bytes) -> list[tuple[int, bytes]]:
    at, found = 0, []
    for line in text.split(b"\n"):
        found.append((at, line))
        at += len(line) + 1
    return found if found[-1][1] else found[:-1]


def long_text() -> bytes:
    draw = random.Random(3)
    return b"".join(draw.randbytes(draw.randrange(1, 6000)).hex().encode() + b"\n" for _ in range(300))


@pytest.mark.parametrize("step", [FEED // 2, FEED, FEED + 1, 3 * FEED, 1 << 30])
def test_ranges_of_a_zipped_file_meet_wherever_they_are_cut(tmp_path: Path, step: int) -> None:
    text = long_text()
    (tmp_path / "one.gz").write_bytes(gzip.compress(text, 1))
    (tmp_path / "plain").write_bytes(text)
    middle = text.index(b"\n", len(text) // 3) - 40
    (tmp_path / "two.gz").write_bytes(gzip.compress(text[:middle]) + gzip.compress(text[middle:]) + bytes(512))
    expected = [Line(at, line) for at, line in _placed(text)]
    for name in ("one.gz", "two.gz", "plain"):
        assert by_ranges(tmp_path / name, step) == expected, name


def test_several_ranges_do_have_lines(tmp_path: Path) -> None:
    (tmp_path / "x.gz").write_bytes(gzip.compress(long_text(), 1))
    counts = [len(list(read_lines(str(tmp_path / "x.gz"), start, end, 1 << 20))) for start, end in
              ranges((tmp_path / "x.gz").stat().st_size, FEED)]  # fmt: skip
    assert len(counts) > 5
    assert min(counts) > 0


@pytest.mark.parametrize("step", [FEED, 1 << 30])
def test_a_torn_file_gives_its_whole_lines_and_says_where_it_ends_once(tmp_path: Path, step: int) -> None:
    text = long_text()
    packed = gzip.compress(text, 1)
    (tmp_path / "x.gz").write_bytes(packed[: len(packed) // 2])
    found = by_ranges(tmp_path / "x.gz", step)
    lines = [line for line in found if isinstance(line, Line)]
    assert lines == [Line(at, line) for at, line in _placed(text)][: len(lines)]
    assert len(lines) > 100
    assert [one.reason for one in found if isinstance(one, Bad)] == ["truncated"]
    assert isinstance(found[-1], Bad)


@pytest.mark.parametrize("step", [FEED, 1 << 30])
def test_a_broken_stream_and_what_follows_a_member_are_told_once(tmp_path: Path, step: int) -> None:
    packed = bytearray(gzip.compress(long_text(), 1))
    (tmp_path / "garbage.gz").write_bytes(bytes(packed) + b"and more")
    assert [one.reason for one in by_ranges(tmp_path / "garbage.gz", step) if isinstance(one, Bad)] == ["garbage"]
    packed[-5] ^= 1  # the checksum
    (tmp_path / "broken.gz").write_bytes(packed)
    assert [one.reason for one in by_ranges(tmp_path / "broken.gz", step) if isinstance(one, Bad)] == ["corrupt_gzip"]


def test_a_line_of_the_limit_is_read_and_a_longer_one_is_not(tmp_path: Path) -> None:
    (tmp_path / "x").write_bytes(b"a" * 100 + b"\n" + b"b" * 101 + b"\nc\n")
    assert whole(tmp_path / "x", 100) == [
        Line(0, b"a" * 100),
        Bad(101, json_lines.Unreadable.TOO_LARGE, "a line of over 100 bytes"),
        Line(203, b"c"),
    ]


def test_a_line_of_200_megabytes_is_not_held(tmp_path: Path) -> None:
    packer = zlib.compressobj(1, zlib.DEFLATED, 31)
    out = io.BytesIO()
    draw = random.Random(1).randbytes(1 << 20)
    noise = bytes(byte | 32 for byte in draw)  # a ratio that is no bomb's
    out.write(packer.compress(b"first\n"))
    for _ in range(200):
        out.write(packer.compress(noise[: 1 << 15] + b" " * (31 << 15)))
    out.write(packer.compress(b"\nlast\n") + packer.flush())
    (tmp_path / "x.gz").write_bytes(out.getvalue())
    tracemalloc.start()
    found = whole(tmp_path / "x.gz", 1 << 20)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert [one.data if isinstance(one, Line) else one.reason for one in found] == [b"first", "too_large", b"last"]
    assert peak < 32 << 20


def test_a_bomb_is_not_unpacked_to_its_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(json_lines, "RATIO_FROM", 1 << 20)
    (tmp_path / "x.gz").write_bytes(gzip.compress(b"first\n" + b" " * (32 << 20)))
    found = whole(tmp_path / "x.gz", 64 << 20)
    assert found[0] == Line(0, b"first")
    assert isinstance(found[-1], Bad)
    assert found[-1].reason == "bomb"
    assert found[-1].offset < 16 << 20


def test_an_empty_file_has_no_lines(tmp_path: Path) -> None:
    (tmp_path / "x").write_bytes(b"")
    (tmp_path / "x.gz").write_bytes(gzip.compress(b""))
    assert whole(tmp_path / "x") == whole(tmp_path / "x.gz") == []
