"""Extraction: the main text and what the page says of itself; pages that must not hurt."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from curate.sources.html import (
    MAX_ATTRIBUTES,
    MAX_DEPTH,
    MAX_OPTIONS,
    MAX_TITLE,
    TooComplex,
    check_complexity,
    extract,
    one_line,
    tidy,
)

PARAGRAPH = "This paragraph has enough words in it to be taken for the main content of the page by any heuristic."
URL = "http://example.org/"


def page(body: str, head: str = "") -> str:
    return f"<!doctype html><html lang='en-GB'><head>{head}</head><body>{body}</body></html>"


def test_the_main_text_comes_without_navigation_header_and_footer():
    html = page(
        "<nav><ul><li><a href=/>Home</a></li><li><a href=/a>About</a></li></ul></nav>"
        f"<main><article><h1>Heading</h1><p>{PARAGRAPH}</p><p>{PARAGRAPH} Again.</p></article></main>"
        "<footer>Copyright</footer><script>var x = 'script';</script><style>p {}</style>"
    )
    text = extract(html, URL).text
    assert text.split("\n") == ["Heading", "", PARAGRAPH, "", f"{PARAGRAPH} Again."]


def test_lists_keep_their_bullets_and_numbers_and_images_lose_their_alternatives():
    html = page(
        f"<main><p>{PARAGRAPH}</p><ul><li>milk</li></ul><ol><li>first</li><li>second</li></ol>"
        f"<p><img src=x alt='a picture'>{PARAGRAPH} <a href='http://link.example/'>link</a></p></main>"
    )
    text = extract(html, URL).text
    assert [line.strip() for line in text.split("\n") if line.strip()] == [
        PARAGRAPH,
        "• milk",
        "1. first",
        "2. second",
        f"{PARAGRAPH} link",
    ]


@pytest.mark.parametrize(
    "frame",
    [
        "{}",
        "<body>{}",
        "<BODY class='a'>{}</BODY>",
        "<html><head><title>t</title></head>{}",
        "<body><div>{}</div></body>",
    ],
)
def test_a_list_directly_in_the_body_is_content(frame):
    html = frame.format(f"<p>{PARAGRAPH}</p><ul><li>milk</li><li>bread</li></ul>")
    assert [line.strip() for line in extract(html, URL).text.split("\n")][-2:] == ["• milk", "• bread"]


def test_preformatted_text_keeps_its_lines_and_indentation():
    html = page(f"<main><p>{PARAGRAPH}</p><pre>def f():\n    return 1</pre></main>")
    assert "def f():\n    return 1" in extract(html, URL).text


def test_the_title_is_one_line_of_bounded_length():
    assert extract(page(PARAGRAPH, "<title>\n A &amp;  B\n\tC </title>"), URL).title == "A & B C"
    assert len(extract(page(PARAGRAPH, f"<title>{'x' * (MAX_TITLE + 1)}</title>"), URL).title) == MAX_TITLE
    assert extract(page(PARAGRAPH), URL).title == ""


def test_what_the_page_declares_is_read():
    found = extract(
        page(
            PARAGRAPH,
            "<meta name=Robots content='NoIndex, follow'><meta name=googlebot content=noarchive>"
            "<meta name=otherbot content=noai><link rel=canonical href='http://example.org/c'>"
            "<meta property='article:published_time' content='2020-01-02'>",
        ),
        URL,
    )
    assert found.language_declared == "en-GB"
    assert found.robots == {"noindex", "follow", "noarchive"}
    assert found.canonical == "http://example.org/c"
    assert found.published == "2020-01-02"


def test_a_page_that_declares_nothing_says_nothing():
    found = extract(f"<p>{PARAGRAPH}", URL)
    assert (found.language_declared, found.robots, found.canonical, found.published) == ("", frozenset(), "", "")


def test_a_robots_tag_in_the_body_counts_and_one_in_a_comment_does_not():
    assert extract(page("<p>x</p><meta name=robots content=noai>"), URL).robots == {"noai"}
    assert extract(page("<p>x</p>", "<!-- <meta name=robots content=noai> -->"), URL).robots == frozenset()


def test_the_content_language_stands_in_for_a_missing_lang():
    assert extract("<meta http-equiv=Content-Language content=fr><p>x", URL).language_declared == "fr"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a  \nb\t\n", "a\nb"),
        ("a\n\n\n\nb", "a\n\nb"),
        ("a\n \n\t\n \nb", "a\n\nb"),
        ("\n\n  a", "  a"),
        ("a\r\nb\rc\x0bd\x0ce\x85f\u2028g\u2029h", "a\nb\nc\nd\ne\nf\ng\nh"),
        ("a\ud800b\0c", "a?bc"),
        ("", ""),
        (" \n ", ""),
    ],
)
def test_text_is_tidied(text, expected):
    assert tidy(text) == expected


@given(st.text(max_size=200))
def test_tidied_text_stays_as_it_is(text):
    once = tidy(text)
    assert tidy(once) == once
    assert "\n\n\n" not in once
    assert all(line == line.rstrip() for line in once.split("\n"))
    assert "\n" not in one_line(text)


@given(st.text(max_size=300), st.booleans())
def test_no_page_whatever_raises_or_gives_a_surrogate(html, wrapped):
    found = extract(page(html) if wrapped else html, URL)
    found.text.encode("utf-8")
    found.title.encode("utf-8")


@pytest.mark.parametrize("tag", ["div", "b", "span", "table><tr><td", "ul><li", "custom-tag", "DIV", "svg><g"])
def test_a_page_nested_100_000_deep_is_refused_at_once(tag):
    html = page(f"<{tag}>" * 100_000 + "text")
    start = time.process_time()
    with pytest.raises(TooComplex, match="deep"):
        extract(html, URL)
    assert time.process_time() - start < 5


def test_a_page_at_the_depth_limit_is_read_and_one_deeper_is_refused():
    check_complexity("<div>" * MAX_DEPTH + "x" + "</div>" * MAX_DEPTH)
    with pytest.raises(TooComplex):
        check_complexity("<div>" * (MAX_DEPTH + 1) + "x" + "</div>" * (MAX_DEPTH + 1))


@pytest.mark.parametrize("hidden", ["</x>" * 2000 + "{}", "{}</x>", "{}</b>"])
def test_stray_end_tags_do_not_hide_depth(hidden):
    with pytest.raises(TooComplex):
        check_complexity((hidden.format("<div>")) * (MAX_DEPTH + 1))


def test_an_inline_end_tag_does_not_close_the_block_around_it():
    with pytest.raises(TooComplex):
        check_complexity("<span><div></span>" * (MAX_DEPTH + 1))


@pytest.mark.parametrize(
    "many",
    [
        "<p>x",
        "<li>x",
        "<tr><td>x",
        "<br>",
        "<img src=x>",
        "<a href=x>x",
        "<div>x</div>",
        "<div><span>x</div>",
        "<dt>x<dd>y",
    ],
)
def test_a_long_page_is_not_taken_for_a_deep_one(many):
    check_complexity(page(many * 5000))


def test_a_tag_at_the_attribute_limit_is_read_and_one_more_is_refused():
    def tag(count: int) -> str:
        filler = " " * (256 << 10)
        return "<p " + " ".join(f'a{number}="> \' b c"' for number in range(count)) + ">x</p>" + filler

    check_complexity(tag(MAX_ATTRIBUTES - 1))
    with pytest.raises(TooComplex, match="attributes"):
        check_complexity(tag(MAX_ATTRIBUTES + 1))


def test_scripts_comments_and_long_values_are_no_attributes():
    words = "a b c " * 50_000
    for harmless in (f"<script>if (x<a) {{ {words} }}</script>", f"<!-- <p {words} -->", f'<p data-x="{words}">'):
        check_complexity(page(harmless))


def test_too_many_options_are_refused():
    check_complexity("<select>" + "<option>x" * (MAX_OPTIONS - 1))
    with pytest.raises(TooComplex, match="options"):
        check_complexity("<select>" + "<option>x" * (MAX_OPTIONS + 1))


def test_a_line_of_20_megabytes_is_read():
    assert len(extract("<p>" + "word " * 4_000_000, URL).text) == 20_000_000 - 1
