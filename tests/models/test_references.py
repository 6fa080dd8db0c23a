"""What a dump's references cite: every form of them, what is no reference, and dumps that mean harm."""

from __future__ import annotations

import bz2
import contextlib
import gzip
import os
import re
import time
import tracemalloc
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from curate.errors import UserError
from curate.models.cited_urls import NotAPage, canonical, cited_page, lookup_key
from curate.models.references import Reference, ReferenceCounts, cited_urls, reference_texts, references
from curate.sources.wikipedia_dump import MAX_TEXT, Article, articles

ROOT = Path(__file__).resolve().parent.parent.parent
A, B, C = "http://a.example/1", "https://b.example/2?x=1&y=2", "http://c.example/3"


def cited(wikitext: str) -> list[str]:
    return [url for content in reference_texts(wikitext) for url in cited_urls(content)]


# Named after the sections of https://en.wikipedia.org/wiki/Help:Footnotes and Help:Citation_Style_1; links are as in
# Help:Link#External_links.
FORMS = {
    "inline": (f"Fact.<ref>Smith, {A}</ref>", [A]),
    "inline, in capitals, over lines": (f"<REF\n>{A}\n</Ref >", [A]),
    "bare link": (f"<ref>{A}</ref>", [A]),
    "bare link at the end of a sentence": (f"<ref>See {A}.</ref>", [A]),
    "bare link in brackets": (f"<ref>Smith ({A}), p. 3</ref>", [A]),
    "bare link that has brackets": ("<ref>http://a.example/x_(y)</ref>", ["http://a.example/x_(y)"]),
    "bare link in italics": (f"<ref>''{A}''</ref>", [A]),
    "link with a title": (f"<ref>[{B} Title]</ref>", [B]),
    "link with a bot's title": (f"<ref>[{A} Title<!-- Bot generated title -->]</ref>", [A]),
    "link without a title": (f"<ref>[{A}]</ref>", [A]),
    "protocol-relative link": ("<ref>[//a.example/1 Title]</ref>", ["//a.example/1"]),
    "link with a stop in it": ("<ref>[http://a.example/1. Title]</ref>", ["http://a.example/1."]),
    "link in capitals": ("<ref>HTTP://a.example/1</ref>", ["HTTP://a.example/1"]),
    "entities": ("<ref>[http://a.example/?x=1&amp;copy=2 T]</ref>", ["http://a.example/?x=1&copy=2"]),
    "no-break space after": (f"<ref>{A}&nbsp;– T</ref>", [A]),
    "several": (f"<ref>{A}; [{C} T]</ref><ref>{B}</ref>", [A, C, B]),
    "named": (f"<ref name=x>{A}</ref> <ref name=x />", [A]),
    "named, once": (f"<ref name='x'>{A}</ref> <ref name=\"x\">{A}</ref> <ref name=x>{A}</ref>", [A]),
    "named in two groups": (f"<ref name=x group=n>{A}</ref><ref group=m name=x>{C}</ref>", [A, C]),
    "named, empty first": (f"<ref name=x/>  <ref name=x></ref> <ref name = x >{A}</ref>", [A]),
    "named with a slash": (f'<ref name="a/b">{A}</ref>', [A]),
    "unnamed twice": (f"<ref>{A}</ref><ref>{A}</ref>", [A, A]),
    "list-defined": (f"<ref name=x/>\n<references>\n<ref name=x>{A}</ref>\n</references>", [A]),
    "list-defined in a template": (f"{{{{reflist|refs=\n<ref name=x>{{{{cite web|url={A}}}}}</ref>\n}}}}", [A]),
    "list": ("<references />", []),
    "inside another template": (f"{{{{refn|Note.<ref>{A}</ref>}}}}", [A]),
    "#tag": (f"{{{{#tag:ref|Note {{{{cite web|url={A}}}}} more|name=x}}}} {{{{#tag:ref||name=x}}}}", [A]),
    "cite web": (f"<ref>{{{{cite web | url = {A} | title = T}}}}</ref>", [A]),
    "cite web, last parameter": (f"<ref>{{{{cite web|title=T|url={A}}}}}</ref>", [A]),
    "cite web over lines": (f"<ref>{{{{cite web\n|url={A}\n|title=T\n}}}}</ref>", [A]),
    "German": (f"<ref>{{{{Internetquelle |url={A} |titel=T}}}}</ref>", [A]),
    "French": (f"<ref>{{{{Lien web |titre=T |url={A}}}}}</ref>", [A]),
    "Russian": (f"<ref>{{{{cite web|ссылка={A}|заглавие=З}}}}</ref>", [A]),
    "Persian": (f"<ref>{{{{یادکرد وب|نشانی={A}|عنوان=ع}}}}</ref>", [A]),
    "Hebrew": (f"<ref>{{{{קישור כללי|כתובת={A}|הכותב=ה}}}}</ref>", [A]),
    "French, by another name": (f"<ref>{{{{Ouvrage|titre=T|lire en ligne={A}}}}}</ref>", [A]),
    "url-status and archive-url": (
        f"<ref>{{{{cite web|archive-url=https://web.archive.org/web/2010/{C}|url={A}|url-status=dead}}}}</ref>",
        [A],
    ),
    "Spanish archive": (f"<ref>{{{{cita web|url={A}|urlarchivo=https://copy.example/x}}}}</ref>", [A]),
    "Persian archive": (f"<ref>{{{{یادکرد|نشانی={A}|نشانی بایگانی=https://copy.example/x}}}}</ref>", [A]),
    "archive alone": (f"<ref>{{{{cite web|archive-url={A}}}}}</ref>", [A]),
    "chapter-url": (f"<ref>{{{{cite book|chapter-url={A}|url={C}}}}}</ref>", [A, C]),
    "a publisher's page": (f"<ref>{{{{cite web|publisher=http://p.example|url={A}}}}}</ref>", [A]),
    "a link as title": (f"<ref>{{{{cite web|title=[{A} T]|date=2010}}}}</ref>", [A]),
    "url without scheme": ("<ref>{{cite web|url=www.a.example/1}}</ref>", ["http://www.a.example/1"]),
    "protocol-relative url": ("<ref>{{cite web|url=//a.example/1}}</ref>", ["//a.example/1"]),
    "a site's name": ("<ref>{{cite web|website=www.a.example|title=T}}</ref>", []),
    "{{URL}}": ("<ref>{{URL|a.example/1}}</ref>", ["http://a.example/1"]),
    "{{=}} and {{!}}": ("<ref>{{url|1=http://a.example/?x{{=}}1{{!}}2}}</ref>", ["http://a.example/?x=1%7C2"]),
    "wikilink with a bar": (f"<ref>{{{{cite web|work=[[A|B]]|url={A}}}}}</ref>", [A]),
    "template in a template": (f"<ref>{{{{cite web|title={{{{lang|de|T}}}}|url={A}}}}}</ref>", [A]),
    "template after a template": (
        f"<ref>{{{{cite web|url={A}}}}} {{{{dead link}}}} {{{{cite|url={C}}}}}</ref>",
        [A, C],
    ),
    "unclosed template": (f"<ref>{{{{cite web|url={A}</ref>", [A]),
    "book": ("<ref>{{cite book|isbn=1|title=T}}</ref>", []),
    "ftp": ("<ref>[ftp://a.example/1 T] mailto:x@a.example</ref>", []),
    "two slashes are no link": ("<ref>Smith // Journal.no 3</ref>", []),
    "not a reference": (f"{A} [{A} T] {{{{cite web|url={A}}}}}", []),
    "commented out": (f"<!-- <ref>{A}</ref> --><ref>{C}<!-- {A} --></ref>", [C]),
    "unclosed comment": (f"<ref>{C}</ref><!-- <ref>{A}</ref>", [C]),
    "shown, not used": (f"<nowiki><ref>{A}</ref></nowiki><pre><ref>{A}</ref></pre><ref>{C}</ref>", [C]),
    "unclosed nowiki": (f"<nowiki><ref>{A}</ref>", [A]),
    "unclosed reference": (f"<ref>{A} and on", []),
    "reference in maths": (f"<math><ref></math><ref>{A}</ref>", [A]),
    "refs are not references": (f"<references>{A}</references><reflist>{A}</reflist>", []),
}


@pytest.mark.parametrize("form", FORMS)
def test_a_reference_of_every_form_gives_the_urls_it_cites(form: str) -> None:
    wikitext, urls = FORMS[form]
    assert cited(wikitext) == urls


@pytest.mark.parametrize(
    ("url", "address"),
    [
        ("HTTP://User:Pw@WWW.Example.ORG:80/%7euser/%c3%a9?b=%2f#part", "http://www.example.org/~user/%C3%A9?b=%2F"),
        ("https://example.org:443", "https://example.org/"),
        ("https://example.org:80/", "https://example.org:80/"),
        ("//example.org/é", "http://example.org/%C3%A9"),
        ("http://böse.example/", "http://xn--bse-sna.example/"),
        ("http://https://example.org/", "https://example.org/"),
        ("http://example.org/?a=1&utm_source=x&fbclid=y#:~:text=z", "http://example.org/?a=1"),
        ("http://example.org/?utm_source=x", "http://example.org/"),
        ("http://example.org/100%", "http://example.org/100%"),
        ("https://web.archive.org/web/20100101000000/http://example.org/a", "http://example.org/a"),
        ("//web.archive.org/web/20070809021852/http://example.org/a?b=c", "http://example.org/a?b=c"),
        ("https://web.archive.org/web/20100101000000if_/https://example.org/a", "https://example.org/a"),
        ("https://web.archive.org/20100328065915/http://example.org:80/a", "http://example.org/a"),
        ("https://web.archive.org/web/20100101000000/www.example.org/a", "http://www.example.org/a"),
        ("https://web.archive.org/web/*/http://example.org/a", "http://example.org/a"),
        ("https://web.archive.org/web/http://example.org/a", "http://example.org/a"),
        ("https://web.archive.org/web/2010/http:/example.org/a", "http://example.org/a"),
        ("http://archive.org/web/20100101000000/http://example.org/a", "http://example.org/a"),
        ("https://web.archive.org/web/2011/http://archive.is/2010/http://example.org/a", "http://example.org/a"),
        ("https://archive.today/20200211182250/http://example.org/a", "http://example.org/a"),
        ("https://ghostarchive.org/archive/20221009/http://example.org/a", "http://example.org/a"),
        ("http://www.webcitation.org/query?url=http%3A%2F%2Fexample.org%2Fa&date=2011-01-21", "http://example.org/a"),
        ("https://archive.wikiwix.com/cache/?url=http%3A%2F%2Fexample.org%2Fa", "http://example.org/a"),
        ("https://giftbot.toolforge.org/deref.fcgi?url=http%3A%2F%2Fexample.org%2Fa", "http://example.org/a"),
        ("http://webcache.googleusercontent.com/search?q=cache:abcdefghijkl:example.org/a+b", "http://example.org/a"),
        ("https://archive.org/details/1984/page", "https://archive.org/details/1984/page"),
        ("http://example.org/web/20100101000000/http://other.example/", None),
    ],
)
def test_a_cited_address_has_one_spelling_and_archives_are_unwrapped(url: str, address: str | None) -> None:
    assert cited_page(url) == (address or url, lookup_key(address or url))


@pytest.mark.parametrize(
    ("url", "why"),
    [
        ("http://", "malformed"),
        ("ftp://example.org/", "malformed"),
        ("http://localhost/x", "malformed"),
        ("http://exam ple.org/", "malformed"),
        ("http://example.org:99999999/", "malformed"),
        ("http://[::1]/", "malformed"),
        ("http://example.org/" + "x" * 5000, "malformed"),
        ("http://www.webcitation.org/5kwDUj6WJ", "archive_only"),
        ("https://perma.cc/ABCD-EFGH", "archive_only"),
        ("https://archive.ph/AbCdE", "archive_only"),
        ("https://en.wikipedia.org/wiki/X", "own_wiki"),
    ],
)
def test_what_names_no_page_is_dropped_with_the_reason(url: str, why: str) -> None:
    with pytest.raises(NotAPage, match=f"^{why}$"):
        cited_page(url)


def test_a_citation_and_the_crawled_page_share_a_key_and_different_pages_do_not() -> None:
    assert lookup_key("http://www.example.org/a/") == lookup_key("https://EXAMPLE.org/a#x") == "example.org/a"
    assert lookup_key("http://example.org/a?b=1") != lookup_key("http://example.org/a?b=2")
    assert lookup_key("dns:example.org") == ""


@given(st.text() | st.text("http:/.%?#&=[]@w0aé\ud800\x00", max_size=40).map(lambda rest: "http://a.example" + rest))
def test_any_text_is_an_address_or_none_and_its_spelling_is_final(url: str) -> None:
    address = canonical(url)
    if address is not None:
        assert canonical(address) == address
        assert re.fullmatch(r"https?://[a-z0-9._-]+(:\d+)?/[!-~]*", address)
    with contextlib.suppress(NotAPage):
        assert cited_page(url)[1] == lookup_key(cited_page(url)[0])


PIECES = [
    "<ref>",
    "</ref>",
    "<ref name=x>",
    "<ref/>",
    "{{",
    "}}",
    "[[",
    "]]",
    "|",
    "url=",
    "[",
    "]",
    " ",
    "<!--",
    "-->",
]


@given(st.lists(st.sampled_from([*PIECES, "<nowiki>", "</nowiki>", "{{#tag:ref|", A, C, "//a.example", "''", "\n"])))
def test_no_wikitext_breaks_the_reading_and_all_that_is_cited_was_written(pieces: list[str]) -> None:
    wikitext = "".join(pieces)
    for url in cited(wikitext):
        assert url.removeprefix("http://") in wikitext


@pytest.mark.parametrize(
    "piece",
    ["<ref ", "<ref>", "<ref name=", "<!--", "{{#tag:ref|", "{{", "{{a|url=", "[[", "<nowiki>", "'", "http://", "//",
     "=//", "&", "<ref>{{", "{", "url|", "w.", "archive", "<ref name=\"", "= ", "url| ", "a.", "url|a."],
)  # fmt: skip
def test_time_is_linear_in_hostile_wikitext(piece: str) -> None:
    hostile = piece * (400_000 // len(piece))
    start = time.process_time()
    cited(f"<ref>{hostile}</ref>{hostile}")
    cited_urls(hostile)
    # A second or two; were it quadratic, many minutes.
    assert time.process_time() - start < 30


def page(text: str, title: str = "T", ns: str | None = "0", extra: str = "") -> str:
    space = "" if ns is None else f"<ns>{ns}</ns>"
    text = text.replace("&", "&amp;").replace("<", "&lt;")
    return f"<page><title>{title}</title>{space}{extra}<revision><text>{text}</text></revision></page>"


SITE = '<siteinfo><namespaces><namespace key="0" /><namespace key="1">Talk</namespace></namespaces></siteinfo>'


def dump(*pages: str) -> bytes:
    return f'<mediawiki xmlns="http://www.mediawiki.org/xml/export-0.10/">{SITE}{"".join(pages)}</mediawiki>'.encode()


def write(path: Path, data: bytes) -> Path:
    path.write_bytes(data)
    return path


WHOLE = dump(
    page(f"<ref>{A}</ref><ref>{{{{cite|url={A}|archive-url=https://web.archive.org/web/2010/{A}}}}} {C}</ref>", "One"),
    page(f"<ref>{C}</ref>", "Talk:One", "1"),
    page(f"#REDIRECT [[One]] <ref>{C}</ref>", "Two", extra='<redirect title="One" />'),
    page(f"<ref name=x>{B}#part</ref><ref name=x/><ref>Book</ref><ref>https://perma.cc/A-B</ref>", "Three"),
)
CITED = [Reference("One", A, "a.example/1"), Reference("One", A, "a.example/1"), Reference("One", C, "c.example/3")]
CITED += [Reference("Three", B, "b.example/2?x=1&y=2")]


@pytest.mark.parametrize(
    "stored",
    [WHOLE, gzip.compress(WHOLE), bz2.compress(WHOLE), bz2.compress(WHOLE[:300]) + bz2.compress(WHOLE[300:])],
    ids=["xml", "gz", "bz2", "multistream"],
)
def test_articles_alone_are_read_however_the_dump_is_compressed(tmp_path: Path, stored: bytes) -> None:
    counts = ReferenceCounts()
    assert list(references(write(tmp_path / "dump", stored), counts)) == CITED
    assert counts.pages == {"pages": 4, "articles": 2, "other_namespaces": 1, "redirects": 1}
    assert (counts.refs, counts.reused, counts.without_url, counts.only_dropped, counts.urls) == (5, 1, 1, 1, 4)
    assert counts.dropped == {"archive_only": 1}


def test_old_dumps_say_namespace_and_redirect_in_title_and_text_alone(tmp_path: Path) -> None:
    pages = [
        page("x", "Talk:A", None),
        page("#WEITERLEITUNG [[B]]", "B", None),
        page("# [[C]]", "Alien: C", None),
    ]
    assert list(articles(write(tmp_path / "dump", dump(*pages)))) == [Article("Alien: C", "# [[C]]")]


HOSTILE = {
    "entities": b'<!DOCTYPE m [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;">]><mediawiki>&b;</mediawiki>',
    "external entity": b'<!DOCTYPE m [<!ENTITY a SYSTEM "file:///etc/hostname">]><mediawiki>&a;</mediawiki>',
    "external document type": b'<!DOCTYPE m SYSTEM "http://a.example/m.dtd"><mediawiki/>',
    "unknown entity": b"<mediawiki>&a;</mediawiki>",
    "no dump": b"<html></html>",
    "no XML": b"PK\x03\x04",
    "empty": b"",
    "not UTF-8": b"<mediawiki>\xff</mediawiki>",
    "deep": b"<mediawiki>" + b"<a>" * 100_000,
    "torn": WHOLE[:-20],
    "torn bz2": bz2.compress(WHOLE)[:-20],
    "torn gzip": gzip.compress(WHOLE)[:-20],
    "corrupt gzip": gzip.compress(WHOLE)[:20] + b"\x00" * 200,
    "endless tag": b"<mediawiki><page a='" + b"x" * (20 << 20),
}


@pytest.mark.parametrize("kind", HOSTILE)
def test_a_dump_that_means_harm_is_refused_in_one_line(tmp_path: Path, kind: str) -> None:
    with pytest.raises(UserError) as refused:
        list(articles(write(tmp_path / "dump", HOSTILE[kind])))
    assert "\n" not in str(refused.value)


def test_a_missing_dump_is_named(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"no Wikipedia dump at .*nowhere"):
        list(articles(tmp_path / "nowhere"))


def test_an_endless_page_is_left_out_and_memory_stays_bounded(tmp_path: Path) -> None:
    head, _, tail = dump(page("@"), page("last", "Last")).partition(b"@")
    path = tmp_path / "dump.bz2"
    with bz2.open(path, "wb", compresslevel=1) as out:
        out.write(head)
        for _ in range(8):
            out.write(b"x" * (MAX_TEXT // 2))
        out.write(tail)
    counts = ReferenceCounts()
    tracemalloc.start()
    try:
        assert list(articles(path, counts.pages)) == [Article("Last", "last")]
        assert tracemalloc.get_traced_memory()[1] < 3 * MAX_TEXT
    finally:
        tracemalloc.stop()
    assert counts.pages["too_large"] == 1


def test_memory_does_not_grow_with_the_dump(tmp_path: Path) -> None:
    def peak(count: int) -> int:
        path = write(tmp_path / f"{count}", dump(*[page(f"<ref>{A}{n}</ref>" + "x" * 20_000) for n in range(count)]))
        tracemalloc.start()
        try:
            assert sum(1 for _ in references(path)) == count
            return tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()

    assert peak(800) < peak(100) + (1 << 20)


def real_dumps() -> list[Path]:
    folder = Path(os.environ.get("CURATE_REAL_DATA", ROOT.parent / "shared" / "data")) / "wikipedia"
    return sorted(folder.glob("**/*wiki*.bz2"))


@pytest.mark.realdata
def test_real_dumps_give_the_external_links_that_another_parser_finds_in_references() -> None:
    import mwparserfromhell

    dumps = [path for path in real_dumps() if path.name.startswith(("enwiki-2025", "nlwiki", "itwiki"))]
    if not dumps:
        pytest.skip("the real Wikipedia dumps are not here: set CURATE_REAL_DATA to their folder")
    links = missing = 0
    for path in dumps:
        for number, article in enumerate(articles(path)):
            if number % 3:
                continue
            for content in reference_texts(article.text):
                found = {url.rstrip(".,;:)") for url in cited_urls(content)}
                parsed = mwparserfromhell.parse(content, skip_style_tags=True)
                for link in parsed.filter_external_links(recursive=False):
                    url = str(link.url)
                    if url.lower().startswith("http"):
                        links += 1
                        missing += url.rstrip(".,;:)") not in found and "&" not in url
    assert links > 50
    assert missing <= links * 0.01


@pytest.mark.realdata
def test_real_dumps_of_many_languages_cite_pages() -> None:
    dumps = real_dumps()
    if not dumps:
        pytest.skip("the real Wikipedia dumps are not here: set CURATE_REAL_DATA to their folder")
    counts, languages = ReferenceCounts(), set()
    for path in dumps:
        for reference in references(path, counts):
            languages.add(path.name.split("wiki")[0])
            assert canonical(reference.url) == reference.url
            assert lookup_key(reference.url) == reference.key
            assert "archive.org/web" not in reference.url
    assert len(languages) >= 40
    assert counts.urls > 6000
    assert counts.dropped.total() < 0.01 * counts.urls
    assert counts.without_url < counts.refs / 2
