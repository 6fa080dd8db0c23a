"""A tar is read as the standard library reads it, from any stream, and damage costs only what is damaged."""

from __future__ import annotations

import gzip
import io
import tarfile

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from curate.sources import arxiv_tar
from curate.sources.arxiv_files import Limits, NoSource, safe_name, unpack
from curate.sources.arxiv_stream import Inflated, PaperError, Stored
from curate.sources.arxiv_tar import Damaged, Member, content, is_header, members

LIMITS = Limits(paper=1 << 20, file=1 << 16, text=1 << 17, files=50)
FORMATS = {"gnu": tarfile.GNU_FORMAT, "pax": tarfile.PAX_FORMAT, "ustar": tarfile.USTAR_FORMAT}


def tar_of(files: list[tuple[str, bytes]], form: int = tarfile.GNU_FORMAT) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=form) as archive:
        for name, data in files:
            member = tarfile.TarInfo(name)
            member.size = len(data)
            archive.addfile(member, io.BytesIO(data))
    return out.getvalue()


def stored(data: bytes) -> Stored:
    return Stored(io.BytesIO(data), 0, len(data))


def read(data: bytes) -> list[tuple[str, int, bytes] | str]:
    found: list[tuple[str, int, bytes] | str] = []
    stream = stored(data)
    for member in members(stream):
        found.append(
            member.detail if isinstance(member, Damaged) else (member.name, member.data, content(stream, member))
        )
    return found


names = st.text(alphabet="abcé/.", min_size=1, max_size=180).filter(
    lambda name: name.strip("./") and not name.endswith("/")
)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(names, st.binary(max_size=1500)), max_size=6), st.sampled_from(["gnu", "pax"]))
def test_members_are_those_that_the_standard_library_finds(files: list[tuple[str, bytes]], form: str) -> None:
    data = tar_of(files, FORMATS[form])
    with tarfile.open(fileobj=io.BytesIO(data)) as archive:
        expected = [(item.name, item.offset_data, archive.extractfile(item).read()) for item in archive if item.isreg()]  # type: ignore[union-attr]
    assert [(found[0].rstrip("/"), *found[1:]) for found in read(data) if not isinstance(found, str)] == expected


@settings(max_examples=40, deadline=None)
@given(
    st.lists(st.binary(max_size=2000), min_size=1, max_size=5), st.lists(st.integers(1, 4000), min_size=1, max_size=9)
)
def test_a_stream_gives_its_bytes_however_they_are_asked_for(parts: list[bytes], asked: list[int]) -> None:
    data = b"".join(parts)
    packed = b"".join(gzip.compress(part) for part in parts)
    for stream in (stored(data), Inflated(stored(packed), 1 << 20)):
        at = 0
        for number, count in enumerate(asked * 20):
            assert stream.position == min(at, len(data))
            if number % 3 == 0:
                assert stream.peek(count) == data[at : at + count]
            elif number % 3 == 1:
                assert stream.read(count) == data[at : at + count]
                at += count
            else:
                assert stream.skip(count) == len(data[at : at + count])
                at += count


@settings(max_examples=40, deadline=None)
@given(
    st.lists(st.lists(st.tuples(names, st.binary(max_size=1500)), max_size=3), min_size=1, max_size=4),
    st.sampled_from(["gnu", "pax", "ustar"]),
    st.integers(0, 700),
)
def test_tars_one_behind_the_other_are_read_as_one(
    archives: list[list[tuple[str, bytes]]], form: str, zeros: int
) -> None:
    files = [[(name[:90], data) for name, data in archive] for archive in archives]
    data = b"".join(tar_of(archive, FORMATS[form]) + bytes(zeros * 512) for archive in files)
    with tarfile.open(fileobj=io.BytesIO(data), ignore_zeros=True) as archive:
        expected = [(item.name, item.offset_data, archive.extractfile(item).read()) for item in archive if item.isreg()]  # type: ignore[union-attr]
    assert [(found[0].rstrip("/"), *found[1:]) for found in read(data) if not isinstance(found, str)] == expected


def test_a_header_that_zeros_took_the_place_of_is_told_and_what_follows_is_read() -> None:
    data = bytearray(tar_of([("a", b"one"), ("b", b"two" * 400), ("c", b"three")]))
    data[1024:1536] = bytes(512)  # the second
    assert [found if isinstance(found, str) else found[0] for found in read(bytes(data))] == [
        "a",
        "zeros, and no header behind them",
        "c",
    ]
    whole = tar_of([("a", b"one")])
    for behind in (b"no tar" * 1000, b"ustar" * 1000, bytes(300)):
        assert [found[0] for found in read(whole + behind)] == ["a"]


def test_a_header_is_not_looked_for_without_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(arxiv_tar, "SEARCHED", 1 << 20)
    first, last = tar_of([("a", b"one")]), tar_of([("b", b"two")])
    for far, found in ((1 << 19, ["a", "damaged", "b"]), (1 << 21, ["a"])):
        data = first + b"x" * far + last
        assert ["damaged" if isinstance(each, str) else each[0] for each in read(data)] == found


def test_what_follows_a_damaged_header_is_still_read() -> None:
    data = bytearray(tar_of([("a", b"1" * 600), ("b", b"2" * 600), ("c", b"3")]))
    second = data.index(b"b\0")
    data[second + 100 : second + 108] = b"garbage!"
    found = read(bytes(data))
    assert [item if isinstance(item, str) else item[0] for item in found] == ["a", found[1], "c"]
    assert isinstance(found[1], str)
    assert "no tar header" in found[1]


def test_links_devices_and_folders_are_told_apart_and_have_no_bytes() -> None:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as archive:
        for name, kind in (
            ("l", tarfile.SYMTYPE),
            ("h", tarfile.LNKTYPE),
            ("c", tarfile.CHRTYPE),
            ("f", tarfile.FIFOTYPE),
            ("d", tarfile.DIRTYPE),
        ):
            member = tarfile.TarInfo(name)
            member.type, member.linkname, member.size = kind, "/etc/passwd", 0
            archive.addfile(member)
        member = tarfile.TarInfo("plain")
        archive.addfile(member)
    found = [member for member in members(stored(out.getvalue())) if isinstance(member, Member)]
    assert [member.plain for member in found] == [False] * 5 + [True]
    assert [member.folder for member in found] == [False] * 4 + [True, False]


@pytest.mark.parametrize("size", [-1, -512, 1 << 62])
def test_a_size_that_cannot_be_does_no_harm(size: int) -> None:
    member = tarfile.TarInfo("a.tex")
    member.size = size
    data = member.tobuf(tarfile.GNU_FORMAT) + b"x" * 512
    assert is_header(data[:512]) is (size > 0)
    stream = stored(data)
    for found in members(stream):
        if isinstance(found, Member):
            with pytest.raises(PaperError):
                content(stream, found)


@settings(max_examples=100, deadline=None)
@given(st.integers(0, 4000), st.binary(min_size=1, max_size=40), st.booleans())
def test_any_damage_is_set_aside_or_changes_only_what_is_read(at: int, garbage: bytes, packed: bool) -> None:
    data = bytearray(tar_of([("a.tex", b"\\section{A}" * 60), ("b.tex", b"b" * 900)]))
    if packed:
        data = bytearray(gzip.compress(bytes(data), mtime=0))
    at %= len(data)
    data[at : at + len(garbage)] = garbage
    try:
        files = unpack(stored(bytes(data)), "x.gz", LIMITS)
    except (PaperError, NoSource):
        return
    assert sum(map(len, files.texts.values())) <= LIMITS.text


@pytest.mark.parametrize("cut", [1, 10, 100, 300])
def test_a_gzip_that_ends_too_early_is_truncated(cut: int) -> None:
    packed = gzip.compress(tar_of([("a.tex", bytes(range(256)) * 4)]))
    with pytest.raises(PaperError) as torn:
        unpack(stored(packed[:-cut]), "x.gz", LIMITS)
    assert torn.value.reason == "truncated"


def test_a_wrong_checksum_is_corrupt_and_bytes_behind_the_gzip_are_nothing() -> None:
    packed = gzip.compress(b"\\section{A}" * 50)
    with pytest.raises(PaperError) as broken:
        unpack(stored(packed[:-8] + b"\1\2\3\4" + packed[-4:]), "x.gz", LIMITS)
    assert broken.value.reason == "corrupt_gzip"
    assert unpack(stored(packed + b"\0" * 100), "x.gz", LIMITS).texts == {"main.tex": b"\\section{A}" * 50}


def test_bombs_are_stopped_at_the_limit() -> None:
    figure = tar_of([("figure.eps", b"\0" * (2 << 20))])
    with pytest.raises(PaperError) as bomb:
        unpack(stored(gzip.compress(figure)), "x.gz", LIMITS)
    assert bomb.value.reason == "bomb"
    with pytest.raises(PaperError) as long:
        unpack(stored(gzip.compress(b"x" * (LIMITS.file + 1))), "x.gz", LIMITS)
    assert long.value.reason == "too_large"
    with pytest.raises(PaperError) as many:
        unpack(stored(tar_of([(f"{n}.tex", b"") for n in range(51)])), "x.tar", LIMITS)
    assert many.value.reason == "too_many_files"
    with pytest.raises(PaperError) as heavy:
        unpack(stored(tar_of([(f"{n}.tex", b"x" * LIMITS.file) for n in range(3)])), "x.tar", LIMITS)
    assert heavy.value.reason == "too_large"


def test_limits_hold_exactly() -> None:
    whole = b"x" * LIMITS.file
    assert unpack(stored(gzip.compress(whole)), "x.gz", LIMITS).texts == {"main.tex": whole}
    data = tar_of([("a.tex", whole), ("b.tex", whole)])
    assert len(unpack(stored(data), "x.tar", LIMITS).texts) == 2
    assert unpack(stored(gzip.compress(data)), "x.gz", Limits(len(data), LIMITS.file, LIMITS.text, 2)).texts
    with pytest.raises(PaperError):
        unpack(stored(gzip.compress(data)), "x.gz", Limits(len(data) - 1, LIMITS.file, LIMITS.text, 2))


@pytest.mark.parametrize(
    ("name", "safe"),
    [
        ("a.tex", "a.tex"),
        ("./a.tex", "a.tex"),
        ("s/../a.tex", "a.tex"),
        ("s//a.tex", "s/a.tex"),
        ("../a.tex", None),
        ("s/../../a.tex", None),
        ("/etc/passwd", None),
        ("..", None),
        (".", None),
        ("C:\\a.tex", None),
        ("C:/a.tex", None),
        ("a\\..\\b", None),
    ],
)
def test_names_that_lead_outside_are_no_names(name: str, safe: str | None) -> None:
    assert safe_name(name) == safe


def test_files_that_are_never_text_are_not_held() -> None:
    files = [
        ("a.tex", b"a"),
        ("f.eps", b"%!PS"),
        ("._a.tex", b"\0\5"),
        (".git/x.tex", b"g"),
        ("__MACOSX/a.tex", b"m"),
        ("raw", b"\0\1"),
        ("t.txt", b"t"),
        ("../o.tex", b"o"),
        ("anc/a.tex", b"n"),
        ("00README.json", b"{}"),
    ]
    found = unpack(stored(tar_of(files)), "x.tar", LIMITS)
    assert list(found.texts) == ["a.tex", "t.txt", "00README.json"]
    assert found.unsafe == 1
