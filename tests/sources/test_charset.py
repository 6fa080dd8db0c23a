"""Charsets: the order of the signs, and what happens where they are wrong."""

import codecs

import pytest
from hypothesis import given
from hypothesis import strategies as st

from curate.sources.charset import META_BYTES, codec_of, declared_in_page, decode

RUSSIAN = "Съешь же ещё этих мягких французских булок, да выпей чаю. "
GERMAN = "Die Größe der Wörter hängt über dem Türrahmen. "
CHINESE = "這是一個測試頁面,裡面有足夠的文字可以判斷編碼。"
SIMPLE_CHINESE = "这是一个测试页面，里面有足够的文字可以判断编码。今天天气很好，我们去公园散步。"


def page(text: str, codec: str, declared: str = "") -> bytes:
    meta = f'<meta charset="{declared}">' if declared else ""
    return f"<html><head>{meta}<title>x</title></head><body>{text}</body></html>".encode(codec)


def test_a_byte_order_mark_beats_the_header_and_the_page():
    for mark, codec in (
        (codecs.BOM_UTF8, "utf-8"),
        (codecs.BOM_UTF16_LE, "utf-16-le"),
        (codecs.BOM_UTF16_BE, "utf-16-be"),
    ):
        text, used = decode(mark + page(RUSSIAN, codec, "koi8-r"), "windows-1251")
        assert RUSSIAN in text
        assert used == codec
        assert not text.startswith("\ufeff")


def test_the_header_beats_the_page():
    text, used = decode(page(RUSSIAN, "cp1251", "koi8-r"), "windows-1251")
    assert (RUSSIAN in text, used) == (True, "cp1251")


@pytest.mark.parametrize("declared", ["koi8-r", "KOI8-R", " koi8-r "])
def test_the_page_is_believed_where_the_header_is_silent_or_unknown(declared):
    for header in ("", "no-such-charset"):
        text, used = decode(page(RUSSIAN, "koi8-r", declared), header)
        assert (RUSSIAN in text, used) == (True, "koi8-r")


@pytest.mark.parametrize(
    "meta",
    [
        b"<meta charset=windows-1251>",
        b"<META CHARSET='windows-1251' />",
        b'<meta http-equiv="Content-Type" content="text/html; charset=windows-1251">',
        b'<meta content="text/html;charset = windows-1251" http-equiv=content-type>',
        b'<?xml version="1.0" encoding="windows-1251"?>',
        b"<!-- <meta charset=utf-8> --><meta charset=windows-1251>",
        b"<meta name=x content=y><meta charset=windows-1251>",
    ],
)
def test_every_way_to_declare_a_charset_in_the_page_is_read(meta):
    assert declared_in_page(meta) == "windows-1251"


def test_a_declaration_is_looked_for_in_the_first_4096_bytes():
    tag = b"<meta charset=koi8-r>"
    assert declared_in_page(b" " * (META_BYTES - len(tag)) + tag) == "koi8-r"
    assert declared_in_page(b" " * META_BYTES + tag) == ""


@pytest.mark.parametrize(
    ("label", "codec"),
    [
        ("utf8", "utf-8"),
        ("iso-8859-1", "cp1252"),
        ("us-ascii", "cp1252"),
        ("latin1", "cp1252"),
        ("gb2312", "gb18030"),
        ("gbk", "gb18030"),
        ("shift_jis", "cp932"),
        ("ks_c_5601-1987", "cp949"),
        ("iso-8859-9", "cp1254"),
        ("tis-620", "cp874"),
        ("nonsense", None),
        ("utf-7", None),
        ("", None),
    ],
)
def test_labels_mean_what_the_whatwg_standard_says(label, codec):
    assert codec_of(label) == codec


def test_a_charset_that_does_not_decode_falls_back_to_detection():
    text, _ = decode(page(RUSSIAN * 20, "cp1251", "utf-8"), "utf-8")
    assert RUSSIAN in text
    text, _ = decode(page(SIMPLE_CHINESE * 20, "gb18030", "utf-8"))
    assert SIMPLE_CHINESE in text


@pytest.mark.parametrize(
    ("text", "codec"),
    [(RUSSIAN, "cp1251"), (RUSSIAN, "koi8-r"), (GERMAN, "cp1252"), (CHINESE, "big5"), (SIMPLE_CHINESE, "gb18030")],
)
def test_a_page_that_declares_nothing_is_detected(text, codec):
    assert text in decode(page(text * 20, codec))[0]


def test_utf_8_declared_as_a_single_byte_charset_is_utf_8():
    assert GERMAN in decode(page(GERMAN, "utf-8", "iso-8859-1"), "iso-8859-1")[0]


def test_utf_8_with_few_broken_sequences_stays_utf_8():
    good = "é" * 98
    text, used = decode(good.encode() + b"\xff\xff", "utf-8")
    assert (text, used) == (good + "\ufffd\ufffd", "utf-8")
    text, used = decode(good.encode() + b"\xff\xff\xff    ", "utf-8")
    assert used != "utf-8", "3 broken in 101 are more than 1 in 50"


@pytest.mark.parametrize("codec", ["utf-8", "gb18030", "cp932", "euc_jp", "cp949", "big5hkscs"])
def test_a_last_character_cut_off_is_left_out(codec):
    text = {"cp949": "한국어 문서입니다"}.get(codec, "日本語的文")
    label = {"cp932": "shift_jis", "cp949": "euc-kr", "big5hkscs": "big5", "euc_jp": "euc-jp"}.get(codec, codec)
    assert decode(text.encode(codec)[:-1], label) == (text[:-1], codec)


def test_utf_16_in_a_meta_tag_read_as_ascii_means_utf_8():
    assert decode(page(RUSSIAN, "utf-8", "utf-16"))[1] == "utf-8"


def test_a_plain_text_file_s_meta_tags_are_text():
    body = b"<meta charset=koi8-r>" + GERMAN.encode("cp1252") * 5
    assert GERMAN in decode(body, html=False)[0]


@given(st.binary(max_size=400), st.sampled_from(["", "utf-8", "utf-16", "gbk", "shift_jis", "iso-2022-jp", "euc-kr"]))
def test_no_bytes_give_a_nul_or_a_surrogate_or_raise(body, label):
    text, _ = decode(body, label)
    assert "\0" not in text
    text.encode("utf-8")


@given(st.text(max_size=200))
def test_utf_8_comes_back_as_it_was(text):
    plain = text.replace("\0", "")
    if not plain.startswith("\ufeff"):
        assert decode(plain.encode(), "utf-8")[0] == plain
