"""The HTML of posts as text, against an independent parser on everything real."""

from __future__ import annotations

import re
from pathlib import Path

import lxml.html
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from curate.sources.html import TooComplex
from curate.sources.seven_zip import read_members
from curate.sources.seven_zip_stream import read_member
from curate.sources.stackexchange_html import post_text
from curate.sources.stackexchange_rows import Row, attributes, read_rows


@pytest.mark.parametrize(
    ("html", "text"),
    [
        ("<p>One  line\nand <b>bold</b><i> words</i>.</p>\n\n<p>Two</p>\n", "One line and bold words.\n\nTwo"),
        ("plain &amp; simple", "plain & simple"),
        ("<p>See <a href='https://e.example/x'>the manual</a>.</p>", "See the manual."),
        ("<p>a<br>b<br />\nc</p>", "a\nb\nc"),
        ("<p>x</p><hr><blockquote>\n<p>said</p>\n</blockquote>", "x\n\nsaid"),
        ("<h2>Head</h2>\n<p>text</p>", "Head\n\ntext"),
        ("<p>a <img src='x.png' alt='a picture'> b</p><script>x()</script><style>y</style>", "a b"),
        ("<ul>\n<li>a</li>\n<li>b</li>\n</ul>", "* a\n* b"),
        ("<p>x</p><ol><li>a</li><li>b</li></ol><p>y</p>", "x\n\n1. a\n2. b\n\ny"),
        ('<ol start="3"><li>c</li><li>d</li></ol>', "3. c\n4. d"),
        ("<ul><li>a<ul><li>b</li><li>c</li></ul></li><li>d</li></ul>", "* a\n  * b\n  * c\n* d"),
        ("<ul><li><p>a</p><p>b</p></li><li><p>c</p></li></ul>", "* a\n\n  b\n\n* c"),
        ("<table><tr><th>A</th><th>B</th></tr><tr><td>1</td><td>2</td></tr></table>", "A\tB\n1\t2"),
        ("<p>10<sup>6</sup>, x<sup>2n</sup>, 1<sup>st</sup>, H<sub>2</sub>O</p>", "10^6, x^2n, 1st, H2O"),
        ("<p>press <kbd>Ctrl</kbd>+<kbd>C</kbd>, <strike>or</strike> not</p>", "press Ctrl+C, or not"),
        ("<p>a&nbsp;b &lt;div&gt; c</p>", "a b <div> c"),
        ("<p>x $$a\n= b$$ y\nz</p>", "x $$a\n= b$$ y z"),
        ("<p>a\u2028b\x0bc</p>", "a b c"),
        ("<p>nul\0byte</p>", "nulbyte"),
        ("", ""),
        ("<p>  </p>", ""),
    ],
)  # fmt: skip
def test_tags_go_and_words_stay(html: str, text: str) -> None:
    assert post_text(html) == text


def test_code_blocks_keep_their_lines_and_indentation() -> None:
    code = "def f(x):\n    if x &lt; 2:\n\treturn 1\n\n\n\n    return  f(x - 1)\n"
    expected = "before\n\ndef f(x):\n    if x < 2:\n\treturn 1\n\n\n\n    return  f(x - 1)\n\nafter"
    assert post_text(f"<p>before</p>\n\n<pre><code>{code}</code></pre>\n\n<p>after</p>") == expected
    assert post_text(f"<pre class='lang-py'><code>  {code}</code></pre>").startswith("  def f(x):")
    assert post_text("<p>use <code>a  &lt;= b</code></p>") == "use a <= b"


def test_code_in_a_list_begins_on_a_line_of_its_own() -> None:
    html = "<ol><li><p>do</p>\n<pre><code>  a\n    b\n</code></pre></li><li><pre><code>c</code></pre></li></ol>"
    assert post_text(html) == "1. do\n\n  a\n    b\n\n2.\nc"


def test_code_that_shows_tags_shows_them() -> None:
    assert post_text("<pre><code>&lt;p&gt;hi&lt;/p&gt;</code></pre>") == "<p>hi</p>"


@pytest.mark.parametrize("html", ["<p>a\ud800b</p>", "a\udfffb", "<p>a&#xd800;b</p>", "<p>a&#0;b</p>"])
def test_characters_that_are_none_are_replaced(html: str) -> None:
    text = post_text(html)
    assert text.encode("utf-8").decode() == text
    assert (text[0], text[-1]) == ("a", "b")
    assert "\0" not in text


def test_a_post_nested_too_deep_is_refused() -> None:
    with pytest.raises(TooComplex):
        post_text("<div>" * 5000)


TAGS = ["p", "b", "pre", "code", "ul", "ol", "li", "sup", "table", "tr", "td", "blockquote", "br", "script", "div"]
pieces = st.sampled_from(
    [*(f"<{t}>" for t in TAGS), *(f"</{t}>" for t in TAGS), "a", " ", "\n", "$$", "&lt;", "<", "é"]
)


@settings(max_examples=150, deadline=None)
@given(st.lists(pieces, max_size=40).map("".join))
def test_any_html_gives_text_and_no_script(html: str) -> None:
    text = post_text(html)
    text.encode()
    assert text == text.strip("\n")
    assert "<script" not in text


def words(text: str) -> str:
    """Letters and signs alone: without white space, marks of lists, and `^`."""
    return re.sub(r"[\s*^]|(?m:^\s*\d+\. )|\d+\.", "", text)


_NAMES = "p|a|b|i|em|strong|div|span|li|ul|ol|code|pre|br|img|h[1-6]|su[bp]|blockquote|hr|table|t[drh]|kbd|del|strike"
TAG = re.compile(rf"</?(?:{_NAMES})(?:\s[^<>]*)?/?>", re.IGNORECASE)


@pytest.mark.realdata
def test_of_every_real_post_all_words_stay_and_no_tag_does(real_stackexchange: Path) -> None:
    posts = different = 0
    tags: list[tuple[str, int, str]] = []
    for path in sorted(real_stackexchange.glob("*.7z")):
        with path.open("rb") as handle:
            member = next(member for member in read_members(handle) if member.name == "Posts.xml")
            for row in read_rows(read_member(handle, member), 1 << 24):
                assert isinstance(row, Row), row
                found = attributes(row)
                assert isinstance(found, dict)
                html = found.get("Body", "")
                if not html.strip():
                    continue
                posts += 1
                tree = lxml.html.fragment_fromstring(html, create_parent="div")
                for element in tree.iter("br", "li", "p", "td", "th", "tr", "pre"):
                    element.tail = " " + (element.tail or "")
                text = post_text(html)
                different += words(text) != words(tree.text_content())
                if shown := TAG.search(text):
                    tags.append((path.name, row.offset, shown[0]))
    assert posts > 6000
    assert different == 0
    assert tags == []
