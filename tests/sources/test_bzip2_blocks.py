"""A bzip2 file is read from any byte on, block by block, and what is damaged is said to be."""

import bz2
import io
import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from curate.sources.bzip2_blocks import BLOCK, END, Block, Damage, blocks, find_marks


def noise(size: int, seed: int = 0) -> bytes:
    """Text that packs to about half."""
    source = random.Random(seed)
    words = ["".join(source.choices("abcdefghij", k=6)) for _ in range(2000)]
    return " ".join(source.choices(words, k=size // 7)).encode()


TEXT = noise(700_000)
ONE = bz2.compress(TEXT, 1)  # blocks of 100 kB
MANY = b"".join(bz2.compress(TEXT[at : at + 60_000], 1) for at in range(0, len(TEXT), 60_000))


def read(data: bytes, start: int = 0) -> list[Block]:
    return list(blocks(io.BytesIO(data), start))


@pytest.mark.parametrize(
    "data", [ONE, MANY, bz2.compress(b"x"), bz2.compress(TEXT, 9)], ids=["one", "many", "tiny", "nine"]
)
def test_all_blocks_together_are_what_bz2_unpacks(data):
    found = read(data)
    assert b"".join(block.data for block in found) == bz2.decompress(data)
    assert not any(block.damage for block in found)


def test_nothing_packed_is_no_block():
    assert read(bz2.compress(b"")) == []
    assert read(b"") == []
    assert read(b"no bzip2 at all" * 1000) == []


@settings(max_examples=40, deadline=None)
@given(st.sampled_from([ONE, MANY]), st.data())
def test_from_any_byte_on_the_same_blocks_follow(data, choice):
    start = choice.draw(st.integers(0, len(data)))
    assert read(data, start) == [block for block in read(data) if block.offset >= start]


def test_a_flipped_bit_costs_its_block_alone():
    whole = read(ONE)
    middle = (whole[2].offset + whole[3].offset) // 2
    damaged = bytearray(ONE)
    damaged[middle] ^= 1
    found = read(bytes(damaged))
    assert [block.damage for block in found] == [Damage.BAD_BLOCK if n == 2 else None for n in range(len(whole))]
    assert [block.data for block in found if not block.damage] == [b.data for n, b in enumerate(whole) if n != 2]


@pytest.mark.parametrize("cut", [11, 100, 20_000])
def test_an_end_that_is_torn_off_is_said(cut):
    found = read(ONE[:-cut])
    assert [block.damage for block in found[:-1]] == [None] * (len(found) - 1)
    assert found[-1].damage is Damage.TRUNCATED
    assert b"".join(block.data for block in found) == TEXT[: sum(len(block.data) for block in found)]


def test_an_end_that_lost_only_its_checksum_still_gives_every_block():
    assert b"".join(block.data for block in read(ONE[:-1])) == TEXT


def test_a_block_of_one_byte_over_and_over_is_a_bomb():
    found = read(bz2.compress(b"\0" * 60_000_000))
    assert found
    assert all(len(block.data) <= 8 << 20 for block in found)
    assert any(block.damage is Damage.BOMB for block in found)


def test_marks_are_found_at_every_bit_and_nowhere_else():
    for shift in range(8):
        for mark, ends in ((BLOCK, False), (END, True)):
            bits = (0b10101 << (48 + 9 + shift) | mark << (9 + shift)) << (-(5 + 48 + 9 + shift) % 8)
            data = bits.to_bytes(10, "big")
            place = bin(int.from_bytes(data, "big"))[2:].zfill(80).index(bin(mark)[2:].zfill(48))
            assert find_marks(data) == [(place, ends)]
    assert find_marks(TEXT) == []


def test_bytes_that_look_like_a_mark_inside_a_block_do_not_divide_it():
    # A block holds the mark as data only by chance; one is made by giving the reader a file in which a false mark
    # stands between two blocks' true ones: garbage after a stream, which ends in no block of its own.
    garbage = BLOCK.to_bytes(6, "big") + noise(1000, 5)
    found = read(bz2.compress(TEXT[:1000]) + garbage + bz2.compress(TEXT[1000:2000]))
    assert [block.data for block in found if not block.damage] == [TEXT[:1000], TEXT[1000:2000]]
    assert [block.damage for block in found].count(Damage.BAD_BLOCK) == 1


def test_what_a_block_took_is_what_it_unpacks_to():
    assert [block.work for block in read(ONE)] == [len(block.data) for block in read(ONE)]


def test_what_is_unpacked_in_vain_is_counted():
    bomb = bz2.compress(b"\0" * 30_000_000)
    assert [(block.damage, block.work > 8 << 20) for block in read(bomb)] == [(Damage.BOMB, True)]
    wrong = bytearray(bz2.compress(b"\0" * 7_000_000))
    wrong[10] ^= 1  # of the CRC, which is compared when all is unpacked
    found = read(bytes(wrong))
    assert [(block.damage, block.work >= 6_900_000) for block in found] == [(Damage.BAD_BLOCK, True)]
