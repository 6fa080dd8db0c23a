"""Robots directives, in meta tags and in headers."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from curate.sources.robots import directives, header_directives, meta_agent


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ("noindex", {"noindex"}),
        ("NoIndex, NOFOLLOW", {"noindex", "nofollow"}),
        ("noai, noimageai", {"noai", "noimageai"}),
        ("none", {"none", "noindex", "nofollow"}),
        ("index,follow", {"index", "follow"}),
        ("noindex;noarchive", {"noindex", "noarchive"}),
        ("noindex nofollow", {"noindex", "nofollow"}),
        ("max-snippet:-1, noindex", {"max-snippet", "noindex"}),
        ("", set()),
        (",,,", set()),
    ],
)
def test_directives_of_a_meta_tag(content, expected):
    assert directives(content) == expected


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        (["noindex"], {"noindex"}),
        (["noindex", "noai"], {"noindex", "noai"}),
        (["googlebot: noindex, nofollow"], {"noindex", "nofollow"}),
        (["CCBot: noai"], {"noai"}),
        (["otherbot: noindex, nofollow"], set()),
        (["otherbot: noindex, googlebot: nofollow"], {"nofollow"}),
        (["noindex, otherbot: noai"], {"noindex"}),
        (["*: none"], {"none", "noindex", "nofollow"}),
        (["max-snippet: 20, noindex"], {"max-snippet", "noindex"}),
        (["unavailable_after: 25 Jun 2010 15:00:00 PST"], {"unavailable_after"}),
        ([], set()),
    ],
)
def test_directives_of_x_robots_tag_for_everyone_or_for_us(values, expected):
    assert header_directives(values) == expected


def test_whose_meta_tags_count():
    assert all(meta_agent(name) for name in ("robots", "ROBOTS", " googlebot ", "ccbot"))
    assert not any(meta_agent(name) for name in ("", "description", "otherbot"))


@given(st.text(max_size=100))
def test_no_value_raises_and_none_always_implies_noindex(value):
    for found in (directives(value), header_directives([value])):
        assert "none" not in found or "noindex" in found
