"""The cheap bound on nesting never clears a page that is dangerously deep."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from curate.sources.html import _FLAT_NAMES, MAX_DEPTH, TooComplex, check_complexity
from curate.sources.nesting import depth_bound

names = st.sampled_from(["div", "span", "b", "DIV", "x-long-custom-name", "section", "p", "br", "li", "ul"])
well_formed = st.recursive(
    st.just(""),
    lambda inner: st.tuples(names, st.lists(inner, max_size=3)).map(
        lambda made: f"<{made[0]} class='x'>{''.join(made[1])}</{made[0]}>"
    ),
    max_leaves=30,
)


def depth(html: str) -> int:
    """Of a well-formed page: elements that nest and are open at once."""
    deepest = level = 0
    for part in html.split("<")[1:]:
        name = part.lstrip("/").split(">")[0].split(" ")[0].lower()
        if name in ("p", "br", "li"):
            continue
        level += -1 if part.startswith("/") else 1
        deepest = max(deepest, level)
    return deepest


@given(well_formed)
def test_the_bound_is_at_least_the_depth_of_a_well_formed_page(html):
    assert depth_bound(html, _FLAT_NAMES) >= depth(html)


def test_it_is_exact_for_known_names():
    assert depth_bound("<div><ul><li><span>x</span></li></ul></div><div></div>", _FLAT_NAMES) == 3
    assert depth_bound("", _FLAT_NAMES) == 0
    assert depth_bound("no < tags > here <", _FLAT_NAMES) == 0


@pytest.mark.parametrize(
    "block",
    [
        "<div>",
        "<DIV class='a'>",
        "<div></x>",
        "<div></span>",
        "<abcdefghX></abcdefghY>",
        "<span><div></span>",
        "<b><div></b>",
        "<div\n>",
        "<div/>",
    ],
)
def test_pages_made_to_hide_their_depth_are_refused(block):
    page = "<html><body>" + block * 20 * MAX_DEPTH
    with pytest.raises(TooComplex):
        check_complexity(page)
    with pytest.raises(TooComplex):
        check_complexity("</div></span></x></b>" * 20 * MAX_DEPTH + page)


def test_an_ordinary_page_of_many_tags_is_cleared():
    page = "<html><body>" + "<div><p>text<br><img src=x><b>y</b></div>" * 5000
    assert depth_bound(page, _FLAT_NAMES) < 10
    check_complexity(page)
