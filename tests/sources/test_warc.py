"""Reading by ranges gives each record once, whatever the ranges and whatever is wrong with the file."""

import gzip
import hashlib
import io
import os
import struct
import zlib
from pathlib import Path

import pytest
import zstandard
from hypothesis import given, settings
from hypothesis import strategies as st
from warcio.archiveiterator import ArchiveIterator

import curate.sources.warc as warc
from curate.errors import SetAside
from curate.sources.warc import RangeEnd, RawRecord, chain_mismatches, parse_header, plan_ranges, read_range

REAL = Path(os.environ.get("CURATE_REAL_DATA", Path(__file__).parents[3] / "shared" / "data")) / "cc"
REAL_FILES = sorted(REAL.glob("*.gz")) if REAL.is_dir() else []


def record(number: int, body: bytes = b"", length: int | None = None, kind: str = "resource") -> bytes:
    length = len(body) if length is None else length
    head = f"WARC/1.0\r\nWARC-Type: {kind}\r\nWARC-Target-URI: http://example.org/{number}\r\nContent-Length: {length}"
    return head.encode() + b"\r\n\r\n" + body + b"\r\n\r\n"


def stored_gzip(content: bytes) -> bytes:
    """A gzip member whose content lies uncompressed in stored blocks."""
    packed = zlib.compressobj(0, zlib.DEFLATED, 31)
    return packed.compress(content) + packed.flush()


def one_range(path: Path, start: int, end: int | None, **options) -> tuple[list[RawRecord | SetAside], RangeEnd]:
    reading = read_range(str(path), "key", start, end, **options)
    found = []
    while True:
        try:
            found.append(next(reading))
        except StopIteration as stop:
            return found, stop.value


def by_ranges(path: Path, range_bytes: int, **options) -> list[RawRecord | SetAside]:
    """What the pipeline does: read all ranges, compare the chain, read again what differs."""
    ranges = plan_ranges(str(path), path.stat().st_size, range_bytes)
    read = [one_range(path, start, end, **options) for start, end in ranges]
    for _ in range(2 * len(ranges) + 1):
        wrong = chain_mismatches(
            [(start, end, reached) for (start, end), (_, reached) in zip(ranges, read, strict=True)]
        )
        if not wrong:
            return [item for items, _ in read for item in items]
        for number, start in wrong:
            read[number] = one_range(path, start, ranges[number][1], exact_start=True, **options)
    raise AssertionError("the chain never agreed")


def uris(items) -> list[str]:
    return [item.headers["warc-target-uri"].rsplit("/", 1)[1] for item in items if isinstance(item, RawRecord)]


def reasons(items) -> list[str]:
    return [item.reason for item in items if isinstance(item, SetAside)]


@pytest.fixture
def write(tmp_path):
    def write_file(data: bytes) -> Path:
        path = tmp_path / "input"
        path.write_bytes(data)
        return path

    return write_file


FORMS = {"gzip": gzip.compress, "stored": stored_gzip, "zstd": zstandard.compress, "bare": bytes}


# -- Real files ------------------------------------------------------------------------------------------------------


def as_warcio_reads(path: Path) -> list[tuple[int, str, str, str]]:
    found = []
    with path.open("rb") as handle:
        archive = ArchiveIterator(handle, no_record_parse=True)
        for item in archive:
            body = item.content_stream().read()
            uri = (item.rec_headers.get_header("WARC-Target-URI") or "").strip("<>")
            found.append((archive.get_record_offset(), item.rec_type, uri, hashlib.sha1(body).hexdigest()))
    return found


@pytest.mark.realdata
@pytest.mark.skipif(not REAL_FILES, reason="no real crawl captures here (CURATE_REAL_DATA)")
@pytest.mark.parametrize("path", REAL_FILES, ids=lambda path: path.name)
def test_real_files_give_what_warcio_reads_whatever_the_ranges(path):
    expected = as_warcio_reads(path)
    small = path.stat().st_size < 150_000
    for range_bytes in ([1024, 3072] if small else []) + [64 << 10, 1 << 20, path.stat().st_size]:
        items = by_ranges(path, range_bytes)
        assert reasons(items) == []
        found = [
            (
                item.offset,
                item.type,
                item.headers.get("warc-target-uri", "").strip("<>"),
                hashlib.sha1(item.body).hexdigest(),
            )
            for item in items
        ]
        assert found == expected, range_bytes


# -- Ranges ----------------------------------------------------------------------------------------------------------


@settings(deadline=None, max_examples=60)
@given(
    st.lists(st.binary(max_size=300), max_size=12),
    st.sampled_from(sorted(FORMS)),
    st.integers(1, 700),
    st.booleans(),
)
def test_every_split_gives_the_records_of_the_whole(tmp_path_factory, bodies, form, range_bytes, padded):
    data = b"".join(FORMS[form](record(number, body)) for number, body in enumerate(bodies)) + b"\0" * 40 * padded
    path = tmp_path_factory.mktemp("split") / "input"
    path.write_bytes(data)
    items = by_ranges(path, range_bytes)
    if bodies:
        assert [item.body for item in items] == bodies
        assert items == by_ranges(path, max(1, len(data)))


@pytest.mark.parametrize("form", sorted(FORMS))
def test_a_warc_nested_in_another_is_never_taken_for_records_of_its_own(write, form):
    inner = b"".join(FORMS[form](record(100 + number, b"nested" * 20)) for number in range(6))
    pack = stored_gzip if form in ("gzip", "stored") else FORMS[form]
    data = FORMS[form](record(0, b"a")) + pack(record(1, inner)) + FORMS[form](record(2, b"b"))
    path = write(data)
    deceived = one_range(path, data.index(inner) - 1, len(data))[0] if form != "zstd" else None
    if deceived is not None:
        assert uris(deceived)[0] == "100", "the scan alone is deceived, or this test tests nothing"
    for range_bytes in (1, 10, 64, 200, 333, len(data)):
        items = by_ranges(path, range_bytes)
        assert uris(items) == ["0", "1", "2"]
        assert reasons(items) == []


def test_a_range_s_end_tells_where_it_was_entered_and_left(write):
    members = [gzip.compress(record(number, b"x" * 50)) for number in range(3)]
    first, second, size = len(members[0]), len(members[0] + members[1]), len(b"".join(members))
    path = write(b"".join(members))
    assert one_range(path, 0, None)[1] == RangeEnd(0, size)
    assert one_range(path, 0, first)[1] == RangeEnd(0, first)
    assert one_range(path, 0, first + 1)[1] == RangeEnd(0, second)
    assert one_range(path, 1, first)[1] == RangeEnd(None, first)
    assert one_range(path, 1, first + 1)[1] == RangeEnd(first, second)
    assert one_range(path, first, size, exact_start=True)[1] == RangeEnd(first, size)
    assert one_range(path, second + 1, size)[1] == RangeEnd(None, size)
    items, end = one_range(path, 50, 40, exact_start=True)
    assert (items, end) == ([], RangeEnd(None, 50))


def test_an_exact_start_is_not_looked_for(write):
    data = gzip.compress(record(0)) + b"garbage" + gzip.compress(record(1))
    start = data.index(b"garbage")
    items, end = one_range(write(data), start, len(data), exact_start=True)
    assert reasons(items) == ["garbage"]
    assert uris(items) == ["1"]
    assert end.first == start


def test_the_chain_names_the_first_range_that_does_not_follow_from_the_ones_before():
    assert chain_mismatches([]) == []
    assert chain_mismatches([(0, 10, RangeEnd(0, 12)), (10, 20, RangeEnd(12, 20))]) == []
    assert chain_mismatches([(0, 10, RangeEnd(0, 12)), (10, 20, RangeEnd(13, 20))]) == [(1, 12)]
    # A member that spans a whole range: the empty range hands on where the one before arrived.
    spanning = [(0, 10, RangeEnd(0, 20)), (10, 20, RangeEnd(None, 20)), (20, 30, RangeEnd(20, 30))]
    assert chain_mismatches(spanning) == []
    spanning[0] = (0, 10, RangeEnd(0, 19))
    assert chain_mismatches(spanning) == [(1, 19)]
    spanning[0] = (0, 10, RangeEnd(0, 21))
    assert chain_mismatches(spanning) == [(2, 21)]


def test_ranges_cover_a_file_without_overlap():
    assert plan_ranges("x", 0, 10) == []
    assert plan_ranges("x", 10, 10) == [(0, 10)]
    assert plan_ranges("x", 11, 10) == [(0, 10), (10, 11)]
    with pytest.raises(ValueError, match="one byte"):
        plan_ranges("x", 10, 0)


# -- Damage ----------------------------------------------------------------------------------------------------------


@settings(deadline=None, max_examples=150)
@given(st.sampled_from(sorted(FORMS)), st.integers(0, 10**6), st.integers(1, 255), st.integers(20, 2000))
def test_a_flipped_byte_costs_at_most_the_record_it_is_in(tmp_path_factory, form, place, flip, range_bytes):
    members = [FORMS[form](record(number, b"some words of text %d " % number * 9)) for number in range(5)]
    path = tmp_path_factory.mktemp("flip") / "input"
    path.write_bytes(b"".join(members))
    undamaged = by_ranges(path, 10**6)
    data = bytearray(path.read_bytes())
    place %= len(data)
    data[place] ^= flip
    path.write_bytes(data)
    others = [
        item
        for item, member in zip(undamaged, members, strict=True)
        if not item.offset <= place < item.offset + len(member)
    ]
    items = by_ranges(path, len(data))
    assert len(undamaged) == 5
    assert len(others) == 4
    assert [item for item in items if item in others] == others
    assert by_ranges(path, range_bytes) == items


@pytest.mark.parametrize("form", sorted(FORMS))
def test_a_file_cut_anywhere_loses_the_cut_record_only(write, form):
    members = [FORMS[form](record(number, b"text " * 20)) for number in range(3)]
    data = b"".join(members)
    for length in range(len(data)):
        path = write(data[:length])
        items = by_ranges(path, max(1, length))
        complete = sum(length >= sum(map(len, members[: number + 1])) for number in range(3))
        assert uris(items)[:complete] == ["0", "1", "2"][:complete]
        assert len(uris(items)) <= complete + (form == "bare")
        assert by_ranges(path, 100) == items


def test_a_cut_member_is_set_aside_as_truncated_and_a_corrupt_one_as_corrupt(write):
    member = gzip.compress(record(0, b"text " * 50))
    good = gzip.compress(record(1))
    items = by_ranges(write(good + member[:-20]), 10**6)
    assert reasons(items) == ["truncated"]
    assert items[-1].offset == len(good)
    broken = member[:-8] + b"\0" * 4 + member[-4:]
    items = by_ranges(write(broken + good), 10**6)
    assert (reasons(items), uris(items)) == (["corrupt_gzip"], ["1"])
    frame = bytearray(zstandard.ZstdCompressor(write_checksum=True).compress(record(0, b"text " * 50)))
    frame[-1] ^= 1
    items = by_ranges(write(bytes(frame) + zstandard.compress(record(1))), 10**6)
    assert (reasons(items), uris(items)) == (["corrupt_zstd"], ["1"])


@pytest.mark.parametrize("form", sorted(FORMS))
@pytest.mark.parametrize("wrong", [-20, -1, 5, 3000])
def test_a_length_that_lies_costs_its_own_record_only(write, form, wrong):
    body = b"some text that is long enough for this"
    liar = record(1, body, length=len(body) + wrong)
    data = b"".join(FORMS[form](part) for part in (record(0), liar, record(2), record(3)))
    for range_bytes in (40, 10**6):
        items = by_ranges(write(data), range_bytes)
        assert uris(items) == ["0", "2", "3"]
        assert reasons(items) == (["truncated"] if form == "bare" and wrong == 3000 else ["bad_length"])


@pytest.mark.parametrize("form", sorted(FORMS))
def test_writers_that_count_the_closing_newlines_or_leave_them_out_are_read(write, form):
    counted = record(0, b"text\r\n\r\n")[:-4]
    left_out = record(1, b"text")[:-4]
    line_feeds = record(2, b"text").replace(b"\r\n", b"\n")
    items = by_ranges(write(b"".join(FORMS[form](part) for part in (counted, left_out, line_feeds, record(3)))), 50)
    assert (uris(items), reasons(items)) == (["0", "1", "2", "3"], [])


@pytest.mark.parametrize("wrong", [-20, 30, 150, 5000])
def test_a_length_that_lies_inside_one_long_member_costs_its_own_record_only(write, wrong):
    parts = [record(number, b"some text that is long enough") for number in range(6)]
    parts[2] = record(2, b"some text that is long enough", length=29 + wrong)
    for most in (32 << 20, 100):
        items = by_ranges(write(gzip.compress(b"".join(parts))), 10**6, max_record_bytes=most)
        assert uris(items) == ["0", "1", "3", "4", "5"], most
        assert reasons(items) == ["bad_length"]


@pytest.mark.parametrize(
    "header",
    [
        b"WARC/1.0\r\nWARC-Type: resource\r\n\r\n",
        b"WARC/1.0\r\nContent-Length: 0\r\n\r\n",
        b"WARC/1.0\r\nWARC-Type: resource\r\nContent-Length: -1\r\n\r\n",
        b"WARC/1.0\r\nWARC-Type: resource\r\nContent-Length: 1e3\r\n\r\n",
        b"WARC/1.0\r\nWARC-Type: resource\r\nContent-Length: " + b"9" * 5000 + b"\r\n\r\n",
        b"WARC/1.0\r\nWARC-Type: resource\r\nContent-Length: 0\r\nContent-Length: 1\r\n\r\n",
        b"WARC/1.0\r\nWARC-Type: resource\r\nno colon here\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\n\r\n",
        b"\xff\xfe\x00\x01" * 30,
    ],
)
@pytest.mark.parametrize("form", sorted(FORMS))
def test_a_header_that_is_none_is_set_aside_once_and_the_neighbours_stay(write, form, header):
    data = b"".join(FORMS[form](part) for part in (record(0), header + b"\r\n\r\n", record(1)))
    items = by_ranges(write(data), 10**6)
    assert uris(items) == ["0", "1"]
    assert len(reasons(items)) == 1
    assert reasons(items)[0] in ("bad_header", "garbage")


def test_the_largest_header_is_64_kilobytes(write):
    def long_header(size: int) -> bytes:
        start = b"WARC/1.0\r\nWARC-Type: resource\r\nWARC-Target-URI: http://example.org/0\r\nContent-Length: 0\r\nX: "
        return start + b"x" * (size - len(start) - 4) + b"\r\n\r\n" + b"\r\n\r\n"

    assert uris(by_ranges(write(gzip.compress(long_header(warc.MAX_HEADER_BYTES))), 10**6)) == ["0"]
    items = by_ranges(write(gzip.compress(long_header(warc.MAX_HEADER_BYTES + 1))), 10**6)
    assert reasons(items) == ["bad_header"]


@pytest.mark.parametrize("form", sorted(FORMS))
def test_a_record_at_the_limit_is_read_and_one_byte_more_is_set_aside(write, form):
    limit = 100_000
    data = b"".join(FORMS[form](record(number, b"x" * (limit + number))) for number in (0, 1)) + FORMS[form](record(2))
    items = by_ranges(write(data), 10**6, max_record_bytes=limit)
    assert (uris(items), reasons(items)) == (["0", "2"], ["too_large"])


def test_a_bare_record_that_is_passed_over_by_a_seek_is_set_aside_once(write):
    data = record(0, b"x" * 300_000) + record(1)
    items = by_ranges(write(data), 10**6, max_record_bytes=1000)
    assert (uris(items), reasons(items)) == (["1"], ["too_large"])


@pytest.mark.parametrize("form", ["gzip", "zstd"])
def test_a_bomb_is_given_up_and_what_follows_is_read(write, form, monkeypatch):
    monkeypatch.setattr(warc, "MAX_SKIPPED_BYTES", 1 << 20)
    pack = FORMS[form]
    garbage = pack(b"\0" * (3 << 20))
    declared = pack(record(0, b"\0" * (3 << 20)))
    items = by_ranges(write(garbage + declared + pack(record(1))), 10**9, max_record_bytes=1000)
    assert uris(items) == ["1"]
    assert [(item.offset, item.reason) for item in items if isinstance(item, SetAside)] == [
        (0, "bad_header"),
        (0, "bomb"),
        (len(garbage), "bomb"),
    ]


def test_a_long_member_of_many_records_is_streamed_and_numbered(write):
    bodies = [b"%d " % number * 5000 for number in range(200)]
    data = gzip.compress(b"".join(record(number, body) for number, body in enumerate(bodies)))
    path = write(data)
    for range_bytes in (500, 10**9):
        items = by_ranges(path, range_bytes)
        assert [item.body for item in items] == bodies
        assert [item.index for item in items] == list(range(200))
        assert {item.offset for item in items} == {0}


@pytest.mark.parametrize("form", sorted(FORMS))
def test_garbage_at_the_end_is_set_aside_once_and_zero_padding_is_not(write, form):
    data = FORMS[form](record(0))
    assert reasons(by_ranges(write(data + b"\0" * 5000), 1000)) == []
    assert reasons(by_ranges(write(data + b"\0" * 5000 + b"some garbage " * 500), 700)) == ["garbage"]


def test_a_file_that_is_no_warc_is_set_aside_once(write):
    path = write(b"\x89PNG\r\n" + b"\x01" * 10_000)
    assert reasons(by_ranges(path, 500)) == ["not_warc"]
    assert by_ranges(write(b""), 500) == []


@settings(deadline=None, max_examples=150)
@given(
    st.binary(max_size=400),
    st.sampled_from([b"", b"WARC/1.0\r\n", b"\x1f\x8b\x08\0", b"\x28\xb5\x2f\xfd", b"\x5d\x2a\x4d\x18"]),
)
def test_no_bytes_whatever_raise(tmp_path_factory, data, start):
    path = tmp_path_factory.mktemp("noise") / "input"
    path.write_bytes(start + data)
    assert by_ranges(path, 37) == by_ranges(path, 10**6)


# -- Forms of the standard -------------------------------------------------------------------------------------------


def dictionary_frame(content: bytes) -> bytes:
    return b"\x5d\x2a\x4d\x18" + struct.pack("<I", len(content)) + content


@pytest.mark.parametrize("packed", [False, True])
def test_a_zstd_file_with_a_dictionary_frame_is_read_in_any_split(write, packed):
    samples = [record(number, b"words that repeat %d " % number * 10) for number in range(200)]
    words = zstandard.train_dictionary(4096, samples)
    pack = zstandard.ZstdCompressor(dict_data=words)
    frame = dictionary_frame(zstandard.compress(words.as_bytes()) if packed else words.as_bytes())
    path = write(frame + b"".join(pack.compress(sample) for sample in samples[:20]))
    for range_bytes in (50, 900, 10**6):
        items = by_ranges(path, range_bytes)
        assert uris(items) == [str(number) for number in range(20)]
        assert reasons(items) == []


def test_header_fields_are_found_by_name_in_any_order_and_version():
    for version in ("0.17", "0.18", "1.0", "1.1"):
        block = f"WARC/{version}\r\ncontent-length: 5\r\nX-New: a: b\r\nwarc-TYPE:  response \r\nLong: one\r\n  two"
        assert parse_header(block.encode()) == {
            "content-length": "5",
            "x-new": "a: b",
            "warc-type": "response",
            "long": "one two",
        }


def test_header_values_are_utf_8_or_else_latin_1_and_the_first_of_a_name_counts():
    base = b"WARC/1.0\nWARC-Type: response\nContent-Length: 1\nX: "
    assert parse_header(base + "é".encode())["x"] == "é"
    assert parse_header(base + b"\xe9")["x"] == "é"
    assert parse_header(base + b"a\nX: b")["x"] == "a"


def test_agreement_with_warcio_on_a_whole_file_gzip(write):
    path = write(gzip.compress(b"".join(record(number, b"abc" * number) for number in range(10))))
    with path.open("rb") as handle:
        data = io.BytesIO(gzip.decompress(handle.read()))
    expected = [item.content_stream().read() for item in ArchiveIterator(data, no_record_parse=True)]
    assert [item.body for item in by_ranges(path, 10**6)] == expected
