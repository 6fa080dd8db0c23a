"""From a dump's pages to documents, or to the reasons why not; what is broken is set aside and reading goes on."""

import bz2
import gzip
import json
import os
import re
from itertools import pairwise
from pathlib import Path
from xml.sax.saxutils import escape

import pytest

from curate.document import Document, document_id
from curate.errors import SetAside, UserError
from curate.inputs import InputFile
from curate.manifest import parse_manifest
from curate.sources import wikipedia
from curate.sources.source import Dropped, Piece
from curate.sources.wikipedia import Drop, Wikipedia, WikipediaExtract, address
from curate.sources.wikipedia_licence import licence_of
from curate.sources.wikipedia_xml import BadXml, Wiki, name_says, parse_page

REAL = Path(os.environ.get("CURATE_REAL_DATA", Path(__file__).parents[3] / "shared" / "data")) / "wikipedia"
needs_real = pytest.mark.skipif(not REAL.is_dir(), reason="no real dumps of Wikipedia here (CURATE_REAL_DATA)")

HEAD = (
    '<mediawiki xml:lang="{0}"><siteinfo><dbname>{0}wiki</dbname><base>https://{0}.wikipedia.org/wiki/Main</base>'
    '<generator>MediaWiki 1.39.0</generator><namespaces><namespace key="0" /><namespace key="1">Talk</namespace>'
    '<namespace key="6">File</namespace></namespaces></siteinfo>'
)


def page(
    title: str = "A page", text: str = "Some ''text''.", inside: str = "<ns>0</ns>", model: str = "wikitext"
) -> str:
    return (
        f"<page><title>{escape(title)}</title>{inside}<id>7</id><revision><id>8</id>"
        f"<timestamp>2020-01-02T03:04:05Z</timestamp><model>{model}</model>"
        f'<text xml:space="preserve">{escape(text)}</text></revision></page>'
    )


def dump(*pages: str, language: str = "en") -> bytes:
    return (HEAD.format(language) + "".join(pages) + "</mediawiki>").encode()


def read(path: Path, data: bytes, name: str = "enwiki-20220801-pages-articles.xml", **settings: object) -> list:
    file = path / name
    file.write_bytes(data)
    return list(Wikipedia(WikipediaExtract(**settings)).read(Piece(str(file), name, 0)))


def test_an_article_becomes_a_document_with_all_that_the_dump_says_of_it(tmp_path):
    name = "enwiki-20220801-pages-articles.xml.bz2"
    (found,) = read(tmp_path, bz2.compress(dump(page("Ä/b c", "A {{zork|b|c}} ''word''."))), name)
    assert isinstance(found, Document)
    assert found.id == document_id("wikipedia", name, 4, 0)
    assert (found.title, found.text, found.source) == ("Ä/b c", "A word.", "wikipedia")
    assert found.url == "https://en.wikipedia.org/wiki/%C3%84/b_c"
    assert (found.date, found.language_declared, found.licence) == ("2020-01-02T03:04:05Z", "en", "CC-BY-SA-3.0")
    metadata = json.loads(found.metadata)
    assert (metadata["page_id"], metadata["revision_id"], metadata["wiki"]) == ("7", "8", "enwiki")
    assert metadata["templates"] == {"shown": 0, "guessed": 0, "by_design": 0, "lost": 2, "lost_most": {"zork": 2}}
    assert metadata["template_loss"] == round(2 / (len(found.text) + 2), 6)


@pytest.mark.parametrize(
    ("written", "reason"),
    [
        (page(inside="<ns>1</ns>"), Drop.NOT_A_PAGE),
        (page(inside="<ns>10</ns>"), Drop.NOT_A_PAGE),
        (page("Talk:A", inside=""), Drop.NOT_A_PAGE),
        (page(inside='<ns>0</ns><redirect title="B" />'), Drop.REDIRECT),
        (page(text="#REDIRECT [[B]]", inside=""), Drop.REDIRECT),
        (page(text=" #WEITERLEITUNG: [[B]]", inside=""), Drop.REDIRECT),
        (page(text="#ПЕРЕНАПРАВЛЕНИЕ [[B]]"), Drop.REDIRECT),
        (page("B (disambiguation)"), Drop.DISAMBIGUATION),
        (page(text="'''B''' may be:\n* [[C]]\n{{disambiguation}}"), Drop.DISAMBIGUATION),
        (page(text="'''B''' may be:\n* [[C]]\n{{Hndis|B}}"), Drop.DISAMBIGUATION),
        (page(text="{{Begriffsklärung}}"), Drop.DISAMBIGUATION),
        (page(text="{{Неоднозначность}}"), Drop.DISAMBIGUATION),
        (page(text="x __DISAMBIG__"), Drop.DISAMBIGUATION),
        (page(model="Scribunto"), Drop.CONTENT_MODEL),
        (page(text="{{Infobox x|a=b}}"), Drop.EMPTY),
        (page(text=""), Drop.EMPTY),
        (page().replace('<text xml:space="preserve">', '<text deleted="deleted">'), Drop.DELETED),
    ],
)
def test_what_is_no_article_is_dropped_with_its_reason(tmp_path, written, reason):
    (found,) = read(tmp_path, dump(written))
    assert isinstance(found, Dropped)
    assert found.reason is reason
    assert bool(found.url) == (reason is not Drop.NOT_A_PAGE)


@pytest.mark.parametrize(
    "text",
    [
        "a {{disambiguation needed|date=May 2010}}",
        "{{Nota disambigua|x|y|z}} a",
        "# See [[B]]\n# and [[C]]",
        "#list [[B]]",
        "{{DP}}s",
    ],
)
def test_what_only_looks_like_it_stays(tmp_path, text):
    found = read(tmp_path, dump(page("Mercury (planet)", text)))[0]
    assert isinstance(found, Document) or text.startswith("{{DP")


def test_pages_that_tell_apart_stay_where_the_manifest_says_so(tmp_path):
    (found,) = read(tmp_path, dump(page(text="'''B''': [[C]] {{disambig}}")), disambiguation=True)
    assert isinstance(found, Document)


def test_languages_are_the_names_of_editions(tmp_path):
    data = dump(page(), language="de")
    name = "dewiki-20220801-pages-articles.xml"
    assert [getattr(found, "reason", "") for found in read(tmp_path, data, name, languages=("en",))] == ["language"]
    assert isinstance(read(tmp_path, data, name, languages=("de",))[0], Document)
    assert read(tmp_path, data, name)[0].language_declared == "de"
    with pytest.raises(UserError, match="language"):
        parse_manifest({"name": "x", "source": "wikipedia", "extract": {"languages": ["English!"]}}, "m.yaml")


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("enwiki-20220801-pages-articles-multistream.xml.bz2", ("en", "20220801")),
        ("a/b/zh_min_nanwiki-latest-pages-articles.xml.bz2", ("zh-min-nan", "")),
        ("simplewiki-pages-articles.xml", ("simple", "")),
        ("dump.xml", ("", "")),
    ],
)
def test_a_dumps_name_says_its_language_and_date(name, said):
    assert name_says(name) == said


@pytest.mark.parametrize(
    ("code", "tag"), [("simple", "en"), ("zh-min-nan", "nan"), ("als", "gsw"), ("pt", "pt"), ("be-tarask", "be-tarask")]
)
def test_editions_codes_become_tags_of_bcp_47(tmp_path, code, tag):
    name = f"{code.replace('-', '_')}wiki-20220801-pages-articles.xml"
    assert read(tmp_path, dump(page(), language=code), name)[0].language_declared == tag


@pytest.mark.parametrize(
    ("dumped", "generator", "revised", "licence"),
    [
        ("20230606", "", "2023-06-01", "CC-BY-SA-3.0"),
        ("20230607", "", "2001-01-01", "CC-BY-SA-4.0"),
        ("20090614", "", "2009-01-01", "GFDL-1.2-or-later"),
        ("20090615", "", "2009-01-01", "CC-BY-SA-3.0"),
        ("", "MediaWiki 1.41.0-wmf.20", "2010-01-01", "CC-BY-SA-4.0"),
        ("", "MediaWiki 1.40.0-wmf.1", "2010-01-01", "CC-BY-SA-3.0"),
        ("", "", "2023-06-07T00:00:00Z", "CC-BY-SA-4.0"),
        ("", "", "2023-06-06T00:00:00Z", "CC-BY-SA-3.0"),
        ("", "", "", "CC-BY-SA-3.0"),
    ],
)
def test_the_licence_is_that_of_the_dumps_day(dumped, generator, revised, licence):
    assert licence_of(Wiki(dumped=dumped, generator=generator), revised) == licence


def test_a_title_is_addressed_as_mediawiki_does():
    wiki = Wiki("enwiki", "en", "https://en.wikipedia.org/wiki/")
    assert address(wiki, "AC/DC (band): x?") == "https://en.wikipedia.org/wiki/AC/DC_(band):_x%3F"
    assert address(Wiki(), "A") == ""


# ---- what is broken or hostile ----


def test_an_entity_bomb_is_refused_and_nothing_is_expanded(tmp_path):
    bomb = '<!DOCTYPE x [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;">]>' + dump(page(text="x")).decode()
    (found,) = read(tmp_path, bomb.encode())
    assert (found.reason, found.offset) == ("doctype", 0)


def test_an_entity_that_was_never_declared_breaks_its_page_alone(tmp_path):
    found = read(tmp_path, dump(page(text="x").replace("x<", "&bomb;<"), page(text="good")))
    assert isinstance(found[0], SetAside)
    assert (found[0].reason, found[1].text) == ("bad_xml", "good")


@pytest.mark.parametrize("inside", ["<a></b>", "<a", "\x01", "&#0;", "<a b='1' b='2'/>"])
def test_a_page_that_is_not_well_formed_is_set_aside(tmp_path, inside):
    found = read(tmp_path, dump(page(inside=f"<ns>0</ns>{inside}"), page(text="good")))
    assert [type(one) for one in found] == [SetAside, Document]


def test_text_that_is_not_utf_8_is_set_aside(tmp_path):
    data = dump(page(text="caf?"), page(text="good")).replace(b"caf?", b"caf\xe9")
    assert [getattr(one, "reason", "kept") for one in read(tmp_path, data)] == ["bad_xml", "kept"]


def test_elements_nested_without_end_are_set_aside():
    with pytest.raises(BadXml):
        parse_page(b"<page>" + b"<a>" * 100_000 + b"</a>" * 100_000 + b"</page>")


def test_a_torn_dump_and_a_flipped_bit_are_set_aside_and_the_rest_is_read(tmp_path):
    parts = [
        HEAD.format("en"),
        page(text="one " * 500),
        page("B", "two " * 500),
        page("C", "three " * 500),
        "</mediawiki>",
    ]
    streams = [bz2.compress(part.encode()) for part in parts]
    name = "enwiki-20220801-pages-articles.xml.bz2"
    torn = b"".join(streams[:3]) + streams[3][:-20]
    assert [getattr(one, "reason", "kept") for one in read(tmp_path, torn, name)] == ["kept", "kept", "truncated"]
    flipped = bytearray(b"".join(streams))
    flipped[len(streams[0]) + len(streams[1]) // 2] ^= 8
    assert [getattr(one, "reason", "kept") for one in read(tmp_path, bytes(flipped), name)] == [
        "bad_block",
        "kept",
        "kept",
    ]
    head_gone = bytearray(b"".join(streams))
    head_gone[len(streams[0]) // 2] ^= 8
    found = read(tmp_path, bytes(head_gone), name)
    assert [getattr(one, "reason", "kept") for one in found] == ["bad_block", "kept", "kept", "kept"]
    assert found[1].language_declared == "en"


@pytest.mark.parametrize(
    "data", [b"", b"<html><body>no</body></html>", bz2.compress(b"no dump at all"), b"BZh9" + b"x" * 99]
)
def test_what_is_no_dump_is_set_aside_once(tmp_path, data):
    name = "enwiki-20220801-pages-articles.xml.bz2"
    found = read(tmp_path, data, name)
    assert [type(one) for one in found] in ([SetAside], [])
    assert found or data.startswith(b"BZh9")
    assert not list(Wikipedia(WikipediaExtract()).read(Piece(str(tmp_path / name), name, 0, 50, 90)))


@pytest.mark.parametrize("step", [100, 500, 2_000, 100_000])
@pytest.mark.parametrize(
    ("filler", "pages", "closed", "said"),
    [
        (100, [page()], True, ["kept"]),
        (900, [page()], False, ["kept"]),
        (3_000, [page()], False, ["kept", "not_a_dump"]),
        (100, [], False, ["not_a_dump"]),
        (100, [], True, []),  # a whole dump of a wiki without a page is no trouble
    ],
)
def test_a_dump_without_a_page_near_its_start_is_told_so_whatever_its_ranges(
    tmp_path, monkeypatch, step, filler, pages, closed, said
):
    monkeypatch.setattr(wikipedia, "_BEGINS_WITHIN", 2_000)
    data = dump(f"<!--{'x' * filler}-->", *pages)
    file = tmp_path / "enwiki.xml"
    file.write_bytes(data if closed else data.removesuffix(b"</mediawiki>"))
    source = Wikipedia(WikipediaExtract())
    starts = range(0, len(data), step)
    pieces = [Piece(str(file), file.name, 0, start, min(start + step, len(data))) for start in starts]
    assert sorted(getattr(one, "reason", "kept") for piece in pieces for one in source.read(piece)) == said


def test_templates_a_hundred_thousand_deep_cost_their_page_nothing_else(tmp_path):
    deep = "{{nowrap|" * 100_000 + "x" + "}}" * 100_000
    assert [one.text for one in read(tmp_path, dump(page(text=f"a {deep} b"), page("B", "good")))] == ["a b", "good"]


def test_an_index_of_streams_is_no_dump(tmp_path):
    (found,) = read(tmp_path, bz2.compress(b"600:1:A\n"), "enwiki-20220801-pages-articles-multistream-index.txt.bz2")
    assert found.reason is Drop.NOT_A_PAGE


def test_pieces_cover_a_file_and_only_gzip_is_left_whole(tmp_path):
    source = Wikipedia(WikipediaExtract(range_bytes=1000))
    plain, packed = tmp_path / "enwiki.xml", tmp_path / "enwiki.xml.gz"
    plain.write_bytes(dump(page()) + b" " * 5000)
    packed.write_bytes(gzip.compress(os.urandom(5000)))
    size = plain.stat().st_size
    pieces = list(source.pieces(InputFile(str(plain), "enwiki.xml", size, ""), 0))
    assert [one.start for one in pieces] == [0, *(one.end for one in pieces[:-1])]
    assert pieces[-1].end == size
    assert len(pieces) > 3
    (whole,) = source.pieces(InputFile(str(packed), "enwiki.xml.gz", packed.stat().st_size, ""), 0)
    assert (whole.start, whole.end) == (0, packed.stat().st_size)


# ---- real dumps ----

_LEFT = re.compile(
    r"\[\[|\]\]|\{\{|\}\}|\{\||\|\}|<ref|'''|</?(?:br|div|span|td|tr|small|big|center|font|gallery)\b[^<>]*>"
)
_FORMULA = re.compile(r"\$\$?[^$]+\$\$?")


@needs_real
@pytest.mark.realdata
@pytest.mark.slow
def test_no_markup_is_left_in_any_real_article():
    source = Wikipedia(WikipediaExtract())
    left, count = [], 0
    for file in sorted(REAL.rglob("*.bz2")):
        for one in source.read(Piece(str(file), str(file.relative_to(REAL)), 0)):
            assert not isinstance(one, SetAside)
            if isinstance(one, Document):
                count += 1
                prose = _FORMULA.sub("", one.text)
                left += [(one.title, prose[max(0, m.start() - 30) : m.end() + 30]) for m in _LEFT.finditer(prose)]
    assert count > 1000
    # An article on HTML shows a tag as text.
    assert [title for title, _ in left if title != "HTML"] == []


@needs_real
@pytest.mark.realdata
def test_ranges_of_a_real_dump_give_what_the_whole_does():
    file = next(REAL.glob("itwiki-small*"))
    size = file.stat().st_size
    source = Wikipedia(WikipediaExtract())
    whole = list(source.read(Piece(str(file), file.name, 0)))
    cuts = [0, size // 3, 2 * size // 3, size]
    parts = [one for a, b in pairwise(cuts) for one in source.read(Piece(str(file), file.name, 0, a, b))]
    assert parts == whole
