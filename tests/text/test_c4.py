"""C4's keys, against the definitions in TensorFlow Datasets (text/c4_utils.py, text/c4.py)."""

from hashlib import md5

import pytest
from hypothesis import given
from hypothesis import strategies as st

from curate.text.c4 import SPLITS, line_keeper, line_key, normal_url, split_of


@pytest.mark.parametrize(
    ("url", "normal"),
    [
        ("http://www.example.org/a/", "example.org/a"),
        ("https://example.org//", "example.org"),
        ("https://example.org/?utm_source=x&id=3", "example.org"),
        ("https://example.org/a?ref=b", "example.org/a"),
        ("https://example.org/a?feed=rss", "example.org/a"),
        ("https://example.org/a?id=3&utm_source=x", "example.org/a?id=3&utm_source=x"),
        ("http://www2.example.org/", "www2.example.org"),
        ("ftp://www.example.org/", "ftp://www.example.org"),
        ("http://archive.example/web/http://www.example.org/", "archive.example/web/example.org"),
        ("", ""),
    ],
)
def test_urls_of_one_page_have_one_normal_form(url: str, normal: str) -> None:
    assert normal_url(url) == normal


def test_lines_are_the_same_whatever_their_case_and_margins() -> None:
    assert line_key("  One Line.\t") == line_key("one line.") == md5(b"one line.").digest()
    assert line_key("one  line.") != line_key("one line.")


def test_the_page_with_the_smallest_md5_keeps_a_line() -> None:
    urls = [f"http://example.org/{number}" for number in range(20)]
    assert line_keeper(reversed(urls)) == min(urls, key=lambda url: md5(url.encode()).hexdigest())


@given(st.text())
def test_the_split_is_the_md5_of_the_normal_url_modulo_1000(url: str) -> None:
    expected = int(md5(normal_url(url).encode("utf-8", "surrogatepass")).hexdigest(), 16) % 1000
    assert split_of(url) == expected
    assert SPLITS == 1000


def test_lone_surrogates_have_keys() -> None:
    assert len(line_key("\ud800")) == 16
    assert 0 <= split_of("http://example.org/\udfff") < SPLITS
