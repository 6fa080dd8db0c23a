"""The pages of a dump: any range by itself, each page once, what is broken told and passed over."""

import bz2
import gzip
import io
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from curate.sources.wikipedia_pages import MAX_PAGE, Broken, RawPage, pages
from tests.sources.test_bzip2_blocks import noise

BODIES = [noise(size, size) for size in (10, 90_000, 2_000, 400_000, 5, 5, 5, 70_000, 12_345)]
PAGES = [b"<page><text>" + body + b"</text></page>" for body in BODIES]
XML = b"<mediawiki><siteinfo></siteinfo>\n" + b"\n".join(PAGES) + b"\n</mediawiki>"
FORMS = {
    "plain": XML,
    "one stream": bz2.compress(XML, 1),
    "nine": bz2.compress(XML, 9),
    "multistream": b"".join(bz2.compress(XML[at : at + 33_333], 1) for at in range(0, len(XML), 33_333)),
}


def read(data: bytes, start: int = 0, end: int = -1) -> list[RawPage]:
    return list(pages(io.BytesIO(data), start, end))


@pytest.mark.parametrize("form", [*FORMS, "gzip"])
def test_every_page_is_found_whole_in_its_order(form):
    found = read(gzip.compress(XML) if form == "gzip" else FORMS[form])
    assert [page.data for page in found] == PAGES
    assert len({(page.offset, page.index) for page in found}) == len(PAGES)


@settings(max_examples=40, deadline=None)
@given(st.sampled_from(sorted(FORMS)), st.data())
def test_ranges_that_meet_give_every_page_once_and_at_the_same_place(form, choice):
    data = FORMS[form]
    cuts = sorted(choice.draw(st.sets(st.integers(1, len(data) - 1), max_size=6)))
    bounds = [0, *cuts, len(data)]
    found = [page for start, end in pairwise(bounds) for page in read(data, start, end)]
    assert found == read(data)


def test_a_torn_dump_gives_its_whole_pages_and_says_where_it_ends():
    data = FORMS["multistream"]
    found = read(data[: len(data) * 2 // 3])
    whole = [page.data for page in found if not page.broken]
    assert whole == PAGES[: len(whole)]
    assert {page.broken for page in found if page.broken} <= {Broken.TRUNCATED, Broken.TRUNCATED_PAGE}
    assert any(page.broken for page in found)


def test_a_flipped_bit_costs_the_pages_of_its_block_and_no_others():
    data = bytearray(FORMS["multistream"])
    data[len(data) // 2] ^= 4
    found = read(bytes(data))
    kept = [page.data for page in found if not page.broken]
    assert Broken.BAD_BLOCK in {page.broken for page in found}
    assert len(kept) >= len(PAGES) - 3
    assert [page for page in PAGES if page in kept] == kept


def test_a_page_without_an_end_is_told_and_the_next_is_read():
    found = read(b"<mediawiki><page><text>a" + PAGES[0] + b"</mediawiki>")
    assert [(page.broken, page.data) for page in found] == [(Broken.TRUNCATED_PAGE, b""), (None, PAGES[0])]


LINE = noise(1 << 16) * 16


@pytest.mark.parametrize(
    ("pack", "megabytes"), [(gzip.compress, 200), (lambda data: bz2.compress(data, 9), 18)], ids=["gzip", "bzip2"]
)
def test_a_page_of_two_hundred_megabytes_in_one_line_is_passed_over(pack, megabytes):
    begin, end = b"<mediawiki>" + PAGES[0] + b"<page><text>", b"</text></page>" + PAGES[1] + b"</mediawiki>"
    assert megabytes << 20 > MAX_PAGE
    found = read(pack(begin) + pack(LINE) * megabytes + pack(end))
    kept = [(None, PAGES[0]), (Broken.PAGE_TOO_LARGE, b""), (None, PAGES[1])]
    assert [(page.broken, page.data) for page in found] == kept


def test_a_bomb_of_gzip_is_left():
    found = read(gzip.compress(b"<mediawiki>" + PAGES[0] + b"\0" * (80 << 20)))
    assert [page.broken for page in found] == [None, Broken.BOMB]


def test_a_bomb_of_many_streams_is_left_and_told_once_more():
    begin = bz2.compress(b"<mediawiki>" + PAGES[0])
    found = read(begin + bz2.compress(b"\0" * 46_000_000) * 40 + bz2.compress(PAGES[1]))
    assert found[0].data == PAGES[0]
    assert {page.broken for page in found[1:]} == {Broken.BOMB}
    assert len(found) < 12  # after 64 MB in vain, not after each of 40


def test_blocks_without_end_that_are_none_are_left():
    found = read(b"BZh9" + b"1AY&SY" * 20_000)
    assert [page.broken for page in found[-2:]] == [Broken.BAD_BLOCK, Broken.BOMB]
    assert len(found) < 1_000


@pytest.mark.parametrize("lines", [1, 30], ids=["small streams", "streams of dumps"])
def test_damage_in_every_other_stream_costs_no_page_of_the_rest(lines):
    pages_of = [b"<page><text>%d " % n + noise(700 * lines, n) + b"</text></page>" for n in range(120)]
    streams = [bytearray(bz2.compress(page)) for page in pages_of]
    for stream in streams[::2]:
        stream[len(stream) // 2] ^= 1
    found = read(b"".join(streams))
    assert [page.data for page in found if not page.broken] == pages_of[1::2]
    assert [page.broken for page in found if page.broken] == [Broken.BAD_BLOCK] * 60


def test_a_stream_that_is_a_bomb_between_streams_that_are_none_costs_itself_alone():
    data = bz2.compress(PAGES[0]) + bz2.compress(b"\0" * 46_000_000) + bz2.compress(PAGES[1])
    assert [(page.broken, page.data) for page in read(data)] == [(None, PAGES[0]), (Broken.BOMB, b""), (None, PAGES[1])]


class Counted(io.BytesIO):
    """read_to: the greatest place that has been read."""

    read_to = 0

    def read(self, size: int | None = -1) -> bytes:
        data = super().read(size)
        self.read_to = max(self.read_to, self.tell())
        return data


def test_a_page_that_never_ends_is_not_followed_past_its_range():
    data = b"<mediawiki><page><text>" + LINE * (2 * MAX_PAGE // len(LINE)) + b"</mediawiki>"
    cut = MAX_PAGE + (4 << 20)
    stream = Counted(data)
    assert [page.broken for page in pages(stream, 0, cut)] == [Broken.PAGE_TOO_LARGE]
    assert stream.read_to < cut + (4 << 20) < len(data)
