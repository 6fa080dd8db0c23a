"""bzip2, xz and Zstandard are read as their own libraries read them, and hostile ones are left."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import os
import struct
from collections.abc import Callable

import pytest
import zstandard
from hypothesis import given, settings
from hypothesis import strategies as st

from curate.sources import packed_stream
from curate.sources.arxiv_stream import PaperError, Stored, Stream
from curate.sources.packed_stream import unpacked

PACK: dict[str, Callable[[bytes], bytes]] = {
    "gzip": gzip.compress,
    "bzip2": bz2.compress,
    "xz": lzma.compress,
    "zstd": zstandard.compress,
    "none": bytes,
}
PACKINGS = ["gzip", "bzip2", "xz", "zstd"]
LINES = b"".join(b"%d: words of a file\n" % n for n in range(40_000))


def opened(data: bytes, limit: int = 1 << 30) -> Stream:
    return unpacked(Stored(io.BytesIO(data), 0, len(data)), limit)


def whole(data: bytes, limit: int = 1 << 30) -> tuple[bytes, str]:
    """All that can be read, and why no more: "" at the end."""
    parts: list[bytes] = []
    try:
        stream = opened(data, limit)
        while piece := stream.some(1 << 16):
            parts.append(piece)
    except PaperError as error:
        return b"".join(parts), error.reason.value
    return b"".join(parts), ""


@settings(max_examples=60, deadline=None)
@given(
    st.sampled_from(list(PACK)),
    st.lists(st.binary(max_size=300) | st.just(LINES) | st.just(bytes(300_000)), min_size=1, max_size=4),
    st.lists(st.sampled_from([0, 1, 3, 512, 70_000, 1 << 20]), min_size=1, max_size=20),
)
def test_parts_are_read_in_any_steps_as_they_were_packed(packing: str, parts: list[bytes], steps: list[int]) -> None:
    if packing == "none":
        parts = [b"plain", *parts]
    stream = opened(b"".join(PACK[packing](part) for part in parts))
    held = b"".join(parts)
    at = 0
    for step in steps:
        assert stream.peek(step) == held[at : at + step]
        assert stream.position == at
        assert stream.read(step) == held[at : at + step]
        at = min(at + step, len(held))
    at += stream.skip(5)
    assert stream.read(len(held)) == held[at:]
    assert stream.read(1) == b""


@settings(max_examples=80, deadline=None)
@given(st.sampled_from(PACKINGS), st.floats(0, 1))
def test_what_is_cut_off_gives_what_lies_before_and_says_so(packing: str, share: float) -> None:
    data = PACK[packing](LINES)
    cut = data[: 6 + int(share * (len(data) - 7))]
    found, reason = whole(cut)
    assert LINES.startswith(found)
    assert reason == "truncated"


@settings(max_examples=80, deadline=None)
@given(st.sampled_from(PACKINGS), st.integers(0, 10**6), st.integers(1, 255))
def test_a_flipped_byte_raises_nothing_but_a_reason(packing: str, at: int, flip: int) -> None:
    data = bytearray(PACK[packing](LINES))
    data[at % len(data)] ^= flip
    found, reason = whole(bytes(data))
    assert reason in {"", "truncated", "corrupt_gzip", "corrupt_stream", "bomb"}
    # Zstandard keeps no checksum unless it is asked to, and gzip has bytes that say nothing (its time).
    if reason == "" and packing in ("bzip2", "xz"):
        assert found in (LINES, bytes(data))


@pytest.mark.parametrize("packing", PACKINGS)
def test_what_stands_behind_the_last_part_is_left_out(packing: str) -> None:
    for behind in (b"x", b"not packed at all", bytes(3)):
        assert whole(PACK[packing](LINES) + behind) == (LINES, "")


def test_padding_of_xz_and_frames_without_data_are_passed_over() -> None:
    two = lzma.compress(b"one") + bytes(8) + lzma.compress(b"two") + bytes(4)
    assert whole(two) == (b"onetwo", "")
    skipped = b"\x5a\x2a\x4d\x18" + struct.pack("<I", 70_000) + bytes(70_000)
    frames = skipped + zstandard.compress(b"one") + skipped + zstandard.compress(b"two") + skipped
    assert whole(frames) == (b"onetwo", "")


@pytest.mark.parametrize("packing", PACKINGS)
def test_it_ends_at_the_limit(packing: str) -> None:
    data = PACK[packing](bytes(3_000_000))
    assert whole(data, 3_000_000) == (bytes(3_000_000), "")
    found, reason = whole(data, 2_999_999)
    assert reason == "bomb"
    assert len(found) < 3_000_000


@pytest.mark.parametrize("packing", ["bzip2", "xz", "zstd"])
def test_few_bytes_that_become_very_many_are_a_bomb(packing: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(packed_stream, "RATIO_FROM", 1 << 20)
    assert whole(PACK[packing](bytes(1 << 20))) == (bytes(1 << 20), "")
    found, reason = whole(PACK[packing](bytes(16 << 20)))
    assert reason == "bomb"
    assert len(found) <= 2 << 20
    noise = os.urandom(2 << 20)
    assert whole(PACK[packing](noise)) == (noise, "")


def test_a_window_of_more_than_is_allowed_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(packed_stream, "MAX_WINDOW", 1 << 20)
    far = zstandard.ZstdCompressionParameters(window_log=24, compression_level=3)
    packer = zstandard.ZstdCompressor(compression_params=far).compressobj()
    assert whole(packer.compress(LINES * 4) + packer.flush())[1] == "corrupt_stream"
    filters = [{"id": lzma.FILTER_LZMA2, "dict_size": 64 << 20}]
    assert whole(lzma.compress(LINES, filters=filters))[1] == "corrupt_stream"
    near = [{"id": lzma.FILTER_LZMA2, "dict_size": 1 << 18}]
    assert whole(lzma.compress(LINES, filters=near)) == (LINES, "")
