"""Templates keep the words the wiki shows: measures, dates, languages, numbers, quotations, in several languages."""

import math
import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from curate.sources.wikitext.expression import BadExpression, round_half_up, value_of
from curate.sources.wikitext.numbers import parse, with_separators, without_separators
from curate.sources.wikitext.page import Wikitext
from curate.sources.wikitext.units import UNITS, find


def shown(wikitext: str, language: str = "en") -> str:
    text = Wikitext(language).extract(f"x {wikitext} y", "Title", "2020-01-02T00:00:00Z").text
    return text.removeprefix("x").removesuffix("y").strip()


# What English Wikipedia shows of these.
CONVERTED = [
    ("5|km", "5 kilometres (3.1 mi)"),
    ("5|km|mi", "5 kilometres (3.1 mi)"),
    ("5|km|mi|sp=us", "5 kilometers (3.1 mi)"),
    ("5|km|mi|abbr=on", "5 km (3.1 mi)"),
    ("5|km|abbr=off", "5 kilometres (3.1 miles)"),
    ("1|mi", "1 mile (1.6 km)"),
    ("100|m|ft", "100 metres (330 ft)"),
    ("31|m|ft", "31 metres (102 ft)"),
    ("1.83|m", "1.83 metres (6 ft 0 in)"),
    ("10|mi|km|adj=on", "10-mile (16 km)"),
    ("10|mi|km|0", "10 miles (16 km)"),
    ("3|to|5|mi", "3 to 5 miles (4.8 to 8.0 km)"),
    ("3|-|5|mi|abbr=on", "3–5 mi (4.8–8.0 km)"),
    ("3-5|mi", "3–5 miles (4.8–8.0 km)"),
    ("7|x|8|m|ft", "7 by 8 metres (23 ft × 26 ft)"),
    ("6|ft|2|in|m", "6 feet 2 inches (1.88 m)"),
    ("6|ft|4|in|cm|0", "6 feet 4 inches (193 cm)"),
    ("90|F", "90 °F (32 °C)"),
    ("−40|C|F", "−40 °C (−40 °F)"),
    ("0|C", "0 °C (32 °F)"),
    ("10|C-change|0", "10 °C (18 °F)"),
    ("200|acre|ha", "200 acres (81 ha)"),
    ("2381741|km2|sqmi|0", "2,381,741 square kilometres (919,595 sq mi)"),
    ("22|e6acre|km2", "22 million acres (89,000 km²)"),
    ("70|kg", "70 kilograms (150 lb)"),
    ("1/2|in|mm", "1⁄2 inch (13 mm)"),
    ("1+1/2|mi", "1 1⁄2 miles (2.4 km)"),
    ("4|ft|m|disp=or", "4 feet or 1.2 m"),
    ("2000|ft|m|order=flip", "610 metres (2,000 ft)"),
    ("50|hp", "50 horsepower (37 kW)"),
    ("100|kn|km/h mph", "100 knots (190 km/h; 120 mph)"),
    ("1,300|mi|km", "1,300 miles (2,100 km)"),
    ("12.5|mm|in|sigfig=2", "12.5 millimetres (0.49 in)"),
]


@pytest.mark.parametrize(("arguments", "text"), CONVERTED)
def test_a_measure_is_shown_with_what_it_converts_to(arguments, text):
    assert shown(f"{{{{convert|{arguments}}}}}") == text


def test_a_unit_that_is_not_known_keeps_its_number_and_name():
    assert shown("{{convert|10|furble}}") == "10 furble"
    assert shown("{{convert|3|to|4|furble}}") == "3 to 4 furble"


@settings(max_examples=200, deadline=None)
@given(st.sampled_from(sorted(UNITS)), st.decimals(min_value="0.01", max_value=100_000, places=2, allow_nan=False))
def test_every_unit_converts_to_its_default_and_back(code, number):
    unit = find(code)
    for part in unit.becomes.split():
        target = find(part)
        assert target is not None
        assert target.kind == unit.kind
        there = (float(number) * unit.size + unit.offset - target.offset) / target.size
        back = (there * target.size + target.offset - unit.offset) / unit.size
        assert math.isclose(back, float(number), rel_tol=1e-9, abs_tol=1e-9)
    text = shown(f"{{{{convert|{number}|{code}}}}}")
    assert text.startswith(with_separators(str(number), "en"))
    assert "(" in text


RULES = [
    ("en", "{{lang|fr|mot juste}}", "mot juste"),
    ("en", "{{lang-ru|Москва}}", "Russian: Москва"),
    ("en", "{{langx|de|Wort|label=none}}", "Wort"),
    ("en", "{{transl|ru|ISO|Moskva}}", "Moskva"),
    ("en", "{{nowrap|a b}} {{small|c}} {{sc|d}} {{abbr|e|f}}", "a b c d e"),
    ("en", "{{circa|1850}} {{circa|1850|1860}} {{fl.|1700}}", "c. 1850 c. 1850 – c. 1860 fl. 1700"),
    ("en", "{{as of|2010|5}} {{as of|2010|lc=y}} {{as of|2010|5|3}}", "As of May 2010 as of 2010 As of 3 May 2010"),
    ("en", "{{birth date|1990|1|2}}", "January 2, 1990"),
    ("en", "{{birth date and age|1990|1|2|df=yes}}", "2 January 1990"),
    ("en", "{{death date and age|2000|1|2|1920|3|4}}", "January 2, 2000 (aged 79)"),
    ("en", "{{death date and age|2000|3|4|1920|3|4}}", "March 4, 2000 (aged 80)"),
    ("en", "{{OldStyleDate|2 February|1905|20 January}}", "2 February [O.S. 20 January] 1905"),
    ("en", "{{dts|2000|1|2}} {{date|2 May 1999}} {{date|2000-01-02}}", "January 2, 2000 2 May 1999 2 January 2000"),
    ("en", "{{IPAc-en|ˈ|ɔː|t|ɪ|z|əm}}", "/ˈɔːtɪzəm/"),
    ("en", "{{IPAc-en|lang|pron|audio=x.ogg|k|ae|t}}", "pronounced /kæt/"),
    ("en", "{{IPA|/x/}} {{IPA|fr|y}} {{IPA-de|z}}", "/x/ French: [y] German: [z]"),
    ("en", "{{respell|AW|tiz|əm}}", "AW-tiz-əm"),
    ("en", "{{sfrac|1|2}} {{frac|1|2}} {{frac|1|3|4}} {{sfrac|a + b|2}}", "1/2 1⁄2 1 3⁄4 (a + b)/2"),
    ("en", "{{val|1.2|0.1|e=5|u=m}}", "(1.2±0.1) × 10⁵ m"),
    ("en", "{{val|5|u=%}} {{val|-3|u=km|up=s}} {{val|2|+0.1|-0.2}}", "5% −3 km/s 2+0.1 −0.2"),
    ("en", "{{e|6}} {{val|e=18}}", "× 10⁶ 10¹⁸"),
    ("en", "{{chem|H|2|O}} {{chem|SO|4|2-}} {{chem2|Fe2O3}}", "H₂O SO₄²⁻ Fe₂O₃"),
    ("en", "{{ill|Foo|de|Bar}} {{ill|Foo|de|Bar|lt=shown}} {{ill|de|Bar|Baz}}", "Foo shown Baz"),
    ("en", "{{quote|To be|Hamlet}}", "To be\n\n— Hamlet"),
    ("en", "{{blockquote|text=To be|author=A|source=B}}", "To be\n\n— A, B"),
    ("en", "{{USS|Iowa|BB-61}} {{HMS|Ajax}} {{ship|SS|Great}}", "USS Iowa (BB-61) HMS Ajax SS Great"),
    ("en", "{{sclass|Iowa|ship}}", "Iowa-class ship"),
    ("en", "{{nihongo|Tea|茶|cha}} {{zh|c=茶|p=chá}}", "Tea (茶, cha) Chinese: 茶; pinyin: chá"),
    ("en", "{{coord|57|18|22|N|4|27|32|W}} {{coord|1.5|-2.5}}", "57°18′22″N 4°27′32″W 1.5°N 2.5°W"),
    ("en", "{{coord|57|18|N|4|27|W|display=title}}", ""),
    ("en", "{{ordinal|1}} {{ordinal|12}} {{ordinal|23}}", "1st 12th 23rd"),
    ("en", "{{US$|5}} {{£|7}} {{INR|9}}", "US$5 £7 ₹9"),
    ("en", "a{{snd}}b{{ndash}}c{{nbsp}}d {{!}} {{=}} {{'s}}", "a – b–c d | = 's"),
    ("en", "{{hlist|a|b}} {{angbr|c}} {{keypress|Ctrl|C}}", "a · b ⟨c⟩ Ctrl+C"),
    ("en", "{{sic|teh}} {{sic|teh|hide=y}}", "teh [sic] teh"),
    ("en", "{{height|ft=6|in=2}} {{percentage|1|3|1}}", "6 ft 2 in (1.88 m) 33.3%"),
    ("en", "{{nowrap|{{convert|5|km|abbr=on}} by {{lang|fr|train}}}}", "5 km (3.1 mi) by train"),
    ("en", "{{nowrap|1=a{{!}}b [[c|d]] e=f}}", "a|b d e=f"),
    ("de", "{{enS|word}} {{lang|fr|mot}} {{Höhe|1234|DE-NHN}} {{\"|Wort}}", "englisch word mot 1.234 m ü. NHN „Wort“"),
    ("de", "{{Zitat|Text|Autor=A}} {{formatnum:1234.5}}", "„Text“\n\n– A\n\n1.234,5"),
    ("de", "{{CHN|Ziel=Peking}}, {{ESP|Ziel=Madrid}}, {{FRA}}", "Peking, Madrid,"),
    ("it", "{{citazione necessaria|un testo che resta|2010}} {{chiarire|data=2010}}", "un testo che resta"),
    ("pt", "{{carece de fontes|um texto que fica|data=maio}} {{carece de fontes|maio de 2010}}", "um texto que fica"),
    ("fr", "{{unité|100000|km|2}} {{nombre|1234|habitants}} {{heure|14|30}}", "100 000 km² 1 234 habitants 14 h 30"),
    ("fr", "{{s-|XIX}} {{-s|II}} {{Ier}}", "XIXe siècle IIe siècle av. J.-C. Ier"),
    ("fr", "{{date|1|mai|1900}} {{citation|mot}} a{{incise|b}} c", "1er mai 1900 « mot » a – b – c"),
    ("fr", "{{date de naissance|11|novembre|1866}} {{langue|de|texte=Wort}}", "11 novembre 1866 Wort"),
    ("es", "{{siglo|XIX||s}} {{fecha|1|5|1900}}", "siglo XIX 1 de mayo de 1900"),
    ("es", "{{unidad|5000|km}} {{esd|a b}}", "5000 km a b"),
    ("it", "{{M|100|ul=km}} {{M|1|c|m}} {{Citazione|testo|autore}}", "100 km 1 cm\n\n«testo»\n\n(autore)"),
    ("pt", "{{séc|XX}} {{fmtn|12345|km}}", "século XX 12.345 km"),
    ("ru", "{{нп5|Имя|показано|en|Name}} {{s|слово}} {{lang-en|word}}", "показано слово word"),
    ("uk", "{{нп|Ім'я|показано}} {{lang-en|word}}", "показано word"),
]  # fmt: skip


@pytest.mark.parametrize(("language", "wikitext", "text"), RULES)
def test_a_template_keeps_the_words_its_wiki_shows(language, wikitext, text):
    assert shown(wikitext, language) == text


def test_an_age_that_changes_by_itself_is_left_out():
    assert "age" not in shown("{{birth date and age|1990|1|2}} {{birth year and age|1990}}")


_NUMBER = st.integers(0, 999).map(str) | st.decimals(0, 999, places=2, allow_nan=False).map(str)
_EXPRESSION = st.recursive(
    _NUMBER,
    lambda inner: st.one_of(
        st.tuples(inner, st.sampled_from("+-*"), inner).map(" ".join),
        inner.map(lambda e: f"({e})"),
        inner.map(lambda e: f"-({e})"),
    ),
    max_leaves=12,
)


@settings(max_examples=150, deadline=None)
@given(_EXPRESSION)
def test_arithmetic_agrees_with_pythons(expression):
    assert math.isclose(value_of(expression), eval(expression), rel_tol=1e-9, abs_tol=1e-9)


@pytest.mark.parametrize(
    "broken", ["", "1 +", "(1", "1)", "1 2", "x", "1 / 0", "9^9^9^9", "sqrt -1", "(" * 1000, "5 mod 0"]
)
def test_what_is_no_expression_has_no_value(broken):
    with pytest.raises(BadExpression):
        value_of(broken)


@pytest.mark.parametrize(
    ("expression", "value"),
    [("7 mod 3", 1), ("2 ^ 3", 8), ("not 0", 1), ("1 = 1 and 2 > 3", 0), ("2.5 round 0", 3), ("-2.5 round 0", -3),
     ("trunc 2.9", 2), ("ceil 2.1", 3), ("abs -4", 4), ("-2^2", 4), ("1e3", 1000), ("1 div 4", 0.25)],
)  # fmt: skip
def test_operators_bind_as_in_mediawiki(expression, value):
    assert value_of(expression) == value


@given(st.integers(0, 10**9), st.integers(0, 6))
def test_halves_are_rounded_away_from_zero(units, digits):
    value = units + 0.5
    assert round_half_up(value, 0) == units + 1
    assert round_half_up(-value, 0) == -units - 1


@given(st.integers(0, 10**12).map(str), st.sampled_from(["en", "de", "fr", "es", "pl", "ru", "sv"]))
def test_separators_come_off_as_they_went_on(number, language):
    assert without_separators(with_separators(number, language), language) == number


@pytest.mark.parametrize(
    ("text", "number"), [("1,234.5", 1234.5), ("−3", -3), ("1 000", 1000), ("x", None), ("", None), ("1e5", 1e5)]
)
def test_numbers_as_editors_write_them(text, number):
    assert parse(text) == number


@given(st.text("aé1_ ,;:.", max_size=30))
@settings(max_examples=300, deadline=None)
def test_a_passage_is_three_words_in_a_row_the_last_of_two_letters(text: str) -> None:
    found = re.search(r"[^\W\d_]+[ ,;:]+[^\W\d_]+[ ,;:]+[^\W\d_]{2}", text)
    assert (shown(f"{{{{chiarire|1={text}}}}}", "it") == "") == (found is None)


def test_a_passage_is_not_looked_for_from_every_letter_of_a_long_word() -> None:
    assert shown("{{chiarire|" + "a" * 1_000_000 + "}}", "it") == ""  # which would take minutes
