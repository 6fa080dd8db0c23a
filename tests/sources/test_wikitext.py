"""Wikitext to text: what goes, what stays, and that nothing an editor or an enemy writes stops it."""

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from curate.sources.wikitext.page import Wikitext

ENGLISH = Wikitext("en")


def text(wikitext: str, language: str = "en") -> str:
    return (ENGLISH if language == "en" else Wikitext(language)).extract(wikitext, "Title", "2020-01-02T00:00:00Z").text


@pytest.mark.parametrize(
    ("wikitext", "shown"),
    [
        ("[[Foo]]", "Foo"),
        ("[[Foo bar|baz]]s", "bazs"),
        ("[[foo_bar]]", "foo bar"),
        ("[[Foo (bar)|]] x", "Foo x"),
        ("[[Foo, Bar|]] x", "Foo x"),
        ("[[:Category:Foo]]", "Category:Foo"),
        ("[[wikt:foo|bar]]", "bar"),
        ("x [[Category:Foo]] y", "x y"),
        ("x [[File:a.jpg|thumb|a [[link]] in {{nowrap|it}}]] y", "x y"),
        ("x [[fr:Foo]] y", "x y"),
        ("x [[Arkivo:a_b.JPG|thumb|c [[d]]]] y", "x y"),
        ("[[Foo: a.svg|b]]", "b"),
        ("[[a|b [[c]]]]", "b c"),
        ("[http://a.example/b?c=d label]", "label"),
        ("x [http://a.example/b]", "x"),
        ("[//a.example label], [mailto:a@b.example write]", "label, write"),
        ("[[http://a.example label]]", "label"),
        ("[[File:a.jpg|see [http://a.example b]]] x", "x"),
        ("http://a.example/b stays", "http://a.example/b stays"),
        ("arr[0] and [sic]", "arr[0] and [sic]"),
        ("[[unclosed and more", "unclosed and more"),
        ("no opening]] here", "no opening here"),
    ],
)
def test_a_link_shows_its_label_and_files_and_categories_nothing(wikitext, shown):
    assert text(wikitext) == shown


@pytest.mark.parametrize(
    ("language", "wikitext"),
    [
        ("de", "[[Datei:a.jpg|mini|b]]"),
        ("de", "[[Kategorie:B]]"),
        ("fr", "[[Fichier:a.jpg|b]]"),
        ("fr", "[[Catégorie:B]]"),
        ("ru", "[[Файл:a.jpg|b]]"),
        ("ru", "[[Категория:B]]"),
        ("es", "[[Archivo:a.jpg]]"),
        ("pl", "[[Plik:a.jpg]]"),
        ("uk", "[[Категорія:B]]"),
        ("hu", "[[Kép:a.jpg]]"),
        ("it", "[[Immagine:a.jpg]]"),
        ("en", "[[image:a.jpg|b|c]]"),
    ],
)
def test_files_and_categories_are_known_by_each_languages_name(language, wikitext):
    assert text(f"x {wikitext} y", language) == "x y"


def test_the_namespaces_of_the_dump_itself_are_known_too():
    wiki = Wikitext("xx", {6: "Bildo Nova", 14: "Speco"})
    assert wiki.extract("a [[Bildo Nova:x.jpg|b]] [[Speco:c]] d").text == "a d"


@pytest.mark.parametrize(
    ("wikitext", "shown"),
    [
        ("''a'' '''b''' '''''c'''''", "a b c"),
        ("L''amour''", "Lamour"),
        ("L'''amour''", "L'amour"),
        ("don't '''do''' it", "don't do it"),
        ("a<ref>b</ref><ref name=c /> d<ref name='e'>f {{g}}</ref>.", "a d."),
        ("a<!-- b -->c", "ac"),
        ("a <!-- never closed", "a"),
        ("a <gallery>\nFile:b.jpg|c\n</gallery> d", "a d"),
        ("a\n{|\n| b {{convert|5|km}}\n{|\n| c\n|}\n|}\nd", "a\n\nd"),
        ("a\n:{| class=x\n! b\n|}\nd", "a\n\nd"),
        ("a <table><tr><td>b</td></tr></table> c", "a c"),
        ("a <small>b</small> <span style='x'>c</span>", "a b c"),
        ("a<br/>b", "a\nb"),
        ("x<sup>2</sup> H<sub>2</sub>O 10<sup>−5</sup> 19<sup>th</sup>", "x² H₂O 10⁻⁵ 19th"),
        ("5&nbsp;km &amp; &lt;b&gt; &eacute;", "5 km & <b> é"),
        ("<nowiki>[[a]] {{b}}</nowiki>", "[[a]] {{b}}"),
        ("<math>x^{2} {{a}}</math>", "$x^{2} {{a}}$"),
        ("<windir> is text", "<windir> is text"),
        ("__NOTOC__ a __FORCETOC__", "a"),
        ("a\nb\n\nc", "a b\n\nc"),
        ("----\na", "a"),
        ("a\n b\n   c &lt;\n d\ne", "a\n\nb\n  c <\nd\n\ne"),
        ("a\n<poem>\nb<ref>c</ref>\n''d''\n</poem>\ne", "a\n\nb\nd\n\ne"),
    ],
)
def test_formatting_goes_and_the_words_stay(wikitext, shown):
    assert text(wikitext) == shown


def test_code_and_formulas_stay_as_they_are():
    code = 'def f(x):\n    return {"a": [[1]], "b": x | 2}'
    shown = f"a\n\n{code}\n\nb"
    assert text(f'a\n<syntaxhighlight lang="python">\n{code}\n</syntaxhighlight>\nb') == shown
    assert text(f"a\n<pre>\n{code}\n</pre>\nb") == shown
    assert text("a <code>b</code> <syntaxhighlight inline>c | d</syntaxhighlight>") == "a b c | d"
    assert Wikitext("en", math=False).extract("a <math>x</math> b").text == "a b"
    assert text("a\n<math display=block>x</math>\nb") == "a\n\n$$x$$\n\nb"


def test_headings_stand_on_lines_of_their_own_and_empty_ones_go():
    wikitext = "lead\n== A ==\n=== B ===\n== C ==\nc\n=== D ===\nd\n== E =="
    assert text(wikitext) == "lead\n\nC\n\nc\n\nD\n\nd"


@pytest.mark.parametrize(
    ("language", "heading"),
    [
        ("en", "See also"), ("en", "REFERENCES"), ("en", "External links"), ("de", "Weblinks"), ("fr", "Voir aussi"),
        ("es", "Enlaces externos"), ("it", "Voci correlate"), ("pt", "Ligações externas"), ("nl", "Zie ook"),
        ("pl", "Przypisy"), ("ru", "Примечания"), ("uk", "Примітки"), ("bg", "Източници"), ("cs", "Externí odkazy"),
        ("ro", "Legături externe"), ("sv", "Källor"), ("da", "Se også"), ("hu", "Források"), ("sl", "Zunanje povezave"),
        ("hr", "Vanjske poveznice"), ("sr", "Спољашње везе"), ("ca", "Enllaços externs"),
    ],
)  # fmt: skip
def test_sections_of_references_and_links_go_with_their_subsections(language, heading):
    wikitext = f"lead\n== {heading} ==\n* x\n=== More ===\ny\n== Life ==\nz"
    assert text(wikitext, language) == "lead\n\nLife\n\nz"


def test_lists_are_lines_with_their_marks_and_depth():
    wikitext = "a\n* b\n** c\n* d\n# e\n# f\n## g\n# h\n: i\n; j : k"
    assert text(wikitext) == "a\n\n• b\n  • c\n• d\n1. e\n2. f\n  1. g\n3. h\ni\nj\nk"


@pytest.mark.parametrize(
    ("wikitext", "shown"),
    [
        ("a (; b)", "a (; b)"),
        ("a ({{citation needed}}) b", "a b"),
        ("a ({{audio|x.ogg}}; born 1990)", "a (born 1990)"),
        ("a (b; {{audio|x.ogg}})", "a (b)"),
        ("a{{citation needed}}, b", "a, b"),
        ("a {{citation needed}}, b", "a, b"),
        ("a {{citation needed}} b", "a b"),
        ("a {{citation needed}}.", "a."),
        ("f(x , y) ; ( )", "f(x , y) ; ( )"),
    ],
)
def test_what_is_taken_out_leaves_no_scar_and_nothing_else_is_touched(wikitext, shown):
    assert text(wikitext) == shown


@pytest.mark.parametrize(
    "box",
    [
        "{{Infobox person\n| name = A\n| born = {{birth date|1990|1|2}}\n| x = [[b|c]]\n}}",
        "{{Unbekannte Box\n| a = 1\n| b = 2\n| c = Text\n}}",
        "{{Navbox|title=x|list1=[[a]]}}",
        "{{Main|Other page}}",
        "{{reflist|30em}}",
        "{{Infobox x|a={|\n|b\n|}\n}}",
        "{{cite web|url=http://a.example|title=b}}",
        "{{Use dmy dates|date=May 2010}}",
        "{{US-stub}}",
    ],
)
def test_boxes_navigation_and_references_go_by_design_and_are_no_loss(box):
    found = ENGLISH.extract(f"{box}\nprose")
    assert (found.text, found.count.lost) == ("prose", 0)
    assert found.count.by_design > 0 or "|" not in box


def test_what_has_no_rule_is_counted_as_lost_by_its_name():
    found = ENGLISH.extract("a {{zorkmid|b|cd}} e {{zorkmid|fgh|i}}")
    assert (found.text, found.count.lost, found.lost) == ("a e", 7, {"zorkmid": 7})


def test_what_lies_in_a_table_or_a_box_is_not_counted():
    found = ENGLISH.extract("{|\n| {{zorkmid|b|cd}}\n|}\n{{Infobox x|a={{zorkmid|b|cd}}}}")
    assert (found.text, found.count.lost, found.count.shown) == ("", 0, 0)


def test_the_only_argument_of_an_unknown_template_in_a_line_is_kept_unless_told_otherwise():
    wikitext = "the word {{zorkmid|hello}} here"
    assert ENGLISH.extract(wikitext).text == "the word hello here"
    assert ENGLISH.extract(wikitext).count.guessed == 5
    strict = Wikitext("en", guess=False).extract(wikitext)
    assert (strict.text, strict.count.lost) == ("the word here", 5)
    for no_words in ("http://a.example", "lccn/n92", "12", "GBR", "A note ends."):
        assert ENGLISH.extract(f"the word {{{{zorkmid|{no_words}}}}} here").text == "the word here"


@pytest.mark.parametrize(
    ("wikitext", "shown"),
    [
        ("{{#if: a | b | c}}", "b"),
        ("{{#if:   | b | c}}", "c"),
        ("{{#ifeq: 1 | 1.0 | b | c}}", "b"),
        ("{{#ifexpr: 2 > 1 | b | c}}", "b"),
        ("{{#switch: b | a = 1 | b | c = 2 | 3}}", "2"),
        ("{{#switch: z | a = 1 | 3}}", "3"),
        ("{{#expr: 1 + 2 * 3}}", "7"),
        ("{{#expr: 7 / 2 round 0}}", "4"),
        ("{{#expr: 1 / 0}} x", "x"),
        ("{{formatnum:1234567.5}}", "1,234,567.5"),
        ("{{formatnum:1,234|R}}", "1234"),
        ("{{uc:abc}}{{lc:DEF}}{{ucfirst:ghi}}", "ABCdefGhi"),
        ("{{PAGENAME}} in {{CURRENTYEAR}}", "Title in 2020"),
        ("{{padleft:7|3}}", "007"),
        ("{{#invoke:Foo|bar}} x", "x"),
        ("{{DEFAULTSORT:Foo, Bar}} x", "x"),
        ("{{{1|default}}} {{{x}}}", "default"),
    ],
)
def test_parser_functions(wikitext, shown):
    assert text(wikitext) == shown


@pytest.mark.parametrize(
    "wikitext",
    ["{{Infobox\n| a = 1\n| b = 2\nprose", "{|\n| a\n|-\n| b\nprose", "prose {{nowrap|a", "prose\n| a\n|}"],
)
def test_what_is_not_closed_leaves_no_braces_and_does_not_swallow_the_page(wikitext):
    shown = text(wikitext)
    assert "prose" in shown
    assert not re.search(r"\{\{|\{\||\|\}", shown)


def test_templates_deeper_than_mediawiki_allows_show_nothing():
    assert text("{{nowrap|" * 30 + "a" + "}}" * 30) == "a"
    assert text("x " + "{{nowrap|" * 100_000 + "a" + "}}" * 100_000) == "x"


_LOTS = 50_000
_HOSTILE = {
    "templates": "{{a|" * _LOTS, "links": "[[a|" * _LOTS, "alternating": "{{[[" * _LOTS,
    "deep": "[[a|" * _LOTS + "]]" * _LOTS,
    "tables": "\n{|" * _LOTS, "table ends": "\n|}" * _LOTS, "tables in one line": "{|" * _LOTS,
    "braces": "{" * 5 * _LOTS,
    "closing": "}" * 5 * _LOTS, "external": "[http:" * _LOTS, "comments": "<!--" * _LOTS, "references": "<ref>" * _LOTS,
    "tags": "<" * 5 * _LOTS, "quotes": "''a" * _LOTS, "holes": "[[File:a]] ," * (_LOTS // 4), "items": "\n*" * _LOTS,
    "gaps": "a [[File:a]]" + " ,;: " * _LOTS, "breaks": "*" + "<br>a" * _LOTS, "html tables": "<table>" * _LOTS,
    "torn boxes": "{{a\n|b\n" * _LOTS, "arguments": "{{nowrap" + "|a" * _LOTS + "}}",
    "switch": "{{#switch:" + "|b" * _LOTS + "}}",
    "parameters": "{{{{{" * _LOTS + "}}}}}" * _LOTS,
    "brackets": "{{#expr:" + "(" * _LOTS + "}}", "digits": "{{convert|" + "9" * _LOTS + "|km}}",
    "spaces": " " * 5 * _LOTS,
    "subscripts": "<sub>" * _LOTS, "entities": "&#" * _LOTS, "underscores": "__" * _LOTS,
    "colons": "[[" + "a:" * _LOTS + "]]",
}  # fmt: skip


@pytest.mark.parametrize("kind", _HOSTILE)
def test_much_of_what_never_ends_is_read_in_linear_time(kind):
    # What is quadratic would take hours here.
    assert len(text(_HOSTILE[kind])) <= len(_HOSTILE[kind])


_MARKUP = """
{{ }} [[ ]] {| |} | = <ref> </ref> <!-- --> \'\'\' \'\' * # == ] convert| 5 km nowrap| File:x <math> </math> <br> <sup>
</sup> &nbsp; #if: #expr: {{{ }}} ( ) , -{ }- quote| lang|fr| chem| H <nowiki> </nowiki> <table> </table> : ; __TOC__
val| coord| N frac| as of| m e6m
"""
_PIECES = st.sampled_from([*_MARKUP.split(), "\n", " ", "a b", "[http://a ", "\ue000", "\ue003", "* "])


@settings(max_examples=300, deadline=None)
@given(st.lists(_PIECES, max_size=40).map("".join), st.sampled_from(["en", "fr", "zh", "de"]))
def test_nothing_raises_and_no_mark_of_ours_is_left(wikitext, language):
    found = Wikitext(language).extract(wikitext, "T", "2020-01-01T00:00:00Z")
    assert not re.search("[\ue000-\ue006\0]", found.text)
    assert found == Wikitext(language).extract(wikitext, "T", "2020-01-01T00:00:00Z")
    assert min(found.count.lost, found.count.shown, found.count.guessed, found.count.by_design) >= 0
    assert found.count.lost == sum(found.lost.values())


_WORD = st.text(alphabet="abcdefgXYZ0123456789éßж", min_size=1, max_size=8)
_PLAIN = st.recursive(
    _WORD,
    lambda inner: st.one_of(
        inner.map(lambda t: f"'''{t}'''" if "'" not in t else t),
        st.tuples(_WORD, inner).map(lambda pair: f"[[{pair[0]}|{pair[1]}]]" if "[[" not in pair[1] else pair[1]),
        _WORD.map(lambda t: f"[[{t}]]"),
        inner.map(lambda t: f"<small>{t}</small>"),
        _WORD.map(lambda t: f"{t}<!-- {t} -->"),
        _WORD.map(lambda t: f"{t}<ref>{t}</ref>"),
        _WORD.map(lambda t: f"[http://a.example/{t} {t}]" if t.isascii() else t),
        _WORD.map(lambda t: f"{t} &amp; {t}&nbsp;{t}"),
        st.lists(inner, min_size=1, max_size=3).map(" ".join),
    ),
    max_leaves=12,
)


@settings(max_examples=150, deadline=None)
@given(st.lists(_PLAIN, min_size=1, max_size=4).map(" ".join))
def test_plain_constructs_come_out_as_mwparserfromhell_has_them(wikitext):
    mwparserfromhell = pytest.importorskip("mwparserfromhell")
    code = mwparserfromhell.parse(wikitext)
    for tag in code.filter_tags(recursive=True, matches=lambda node: str(node.tag) == "ref"):
        code.remove(tag)
    assert text(wikitext).split() == code.strip_code(normalize=True, collapse=False).split()
