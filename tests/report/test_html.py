"""report.html says what the folder holds, in one page that no crawled text can turn against its reader."""

from __future__ import annotations

import itertools
import math
import re
import unicodedata
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from lxml import html

from curate.errors import UserError
from curate.report.clean import clean, shorten
from curate.report.corpus import Corpus
from curate.report.histograms import Histogram, Spread, choose_axis
from curate.report.html import render, write_report
from curate.report.samples import Sample, Tally, rank
from curate.report.survey import Threshold, configured
from curate.report.views import cut, differences, duration, number_text, size
from curate.storage import read_sealed

ELEMENTS = re.compile(
    "html|head|meta|title|style|body|header|main|footer|section|nav|article|figure|figcaption|details|summary"
    "|h[1-4]|p|dl|dt|dd|div|span|strong|code|pre|ul|ol|li|a|table|thead|tbody|tr|th|td|blockquote|bdi|mark"
    "|wbr|svg|desc|rect|line|text"
)


def report(folder: Path) -> str:
    return Path(write_report(str(folder))).read_text("utf-8")


def said(page: str) -> str:
    """The text of a page, white space collapsed."""
    return " ".join(html.fromstring(page).text_content().split())


# ---- what it says ----


def test_the_head_names_the_corpus_its_tokens_documents_seconds_and_memory(tiny_corpus: Path) -> None:
    page = html.fromstring(report(tiny_corpus))
    assert page.findtext(".//h1") == "tiny-2020"
    assert page.findtext(".//title") == "tiny-2020: corpus report"
    tiles = {tile.findtext("dt"): tile.findtext("dd/strong") for tile in page.find_class("tiles")[0]}
    assert tiles == {"tokens": "36", "documents": "3", "input": "121 KB", "time": "12.5 s", "peak memory": "256 MB"}
    assert "15 records read = 3 kept + 9 dropped + 3 set aside" in page.text_content()


def test_every_stage_has_its_bar_and_every_reason_its_line(tiny_corpus: Path) -> None:
    page = html.fromstring(report(tiny_corpus))
    stages = page.find_class("stages")[0]
    assert [stage.findtext(".//h3") for stage in stages] == [
        "Extract",
        "Deduplicate documents",
        "Deduplicate lines",
        "Deduplicate near-duplicates",
        "Score",
        "Select",
        "Tokenize",
    ]
    kept = [float(stage.xpath(".//*[@class='bar'][1]/*[@class='kept']/@width")[0]) for stage in stages]
    assert kept == pytest.approx([100 * n / 15 for n in (11, 9, 8, 7, 6, 3, 3)], abs=1e-3)
    losses = {row.find("th/code").text_content(): row.findtext("td") for row in stages.iterfind(".//tbody/tr")}
    assert losses == {
        "status": "2",
        "truncated": "2",
        "url": "1",
        "exact": "1",
        "lines.nothing_left": "1",
        "near": "1",
        "unmeasurable": "1",
        "gopher_quality.few_words": "1",
        "language.not_kept_language": "1",
        "perplexity.tail": "1",
    }


def cards(page: str, reason: str) -> list[Any]:
    groups = html.fromstring(page).xpath("//section[@aria-labelledby='dropped']//details")
    return next(group for group in groups if group.findtext("summary/h3/code") == reason).find_class("card")


def test_a_dropped_sample_shows_title_address_text_and_measurement_against_threshold(tiny_corpus: Path) -> None:
    (card,) = cards(report(tiny_corpus), "gopher_quality.few_words")
    assert card.findtext("h4") == "Short"
    assert card.findtext("p/bdi") == "https://short.example/"
    assert card.findtext("blockquote") == "Too short to be read."
    facts = [(item.findtext("dt"), item.findtext("dd")) for item in card.iterfind("dl/div")]
    assert facts == [("gopher_quality.words", "12, kept when ≥ 50"), ("rule", "Gopher (Rae et al. 2021)")]


def test_a_document_of_which_nothing_was_left_shows_what_it_was(tiny_corpus: Path) -> None:
    (card,) = cards(report(tiny_corpus), "lines.nothing_left")
    assert card.findtext("blockquote") == "Menu of the page"


def test_a_duplicate_shows_what_stays_instead(tiny_corpus: Path) -> None:
    (card,) = cards(report(tiny_corpus), "exact")
    assert card.findtext("h4") == "The ferry, copied"
    assert card.findtext("dl/div/dd") == "The ferry, https://harbour.example/ferry"


def test_a_record_dropped_while_reading_shows_its_address_and_why(tiny_corpus: Path) -> None:
    found = {card.findtext("p/bdi"): card.findtext("dl/div/dd") for card in cards(report(tiny_corpus), "status")}
    assert found == {"https://gone.example/": "404", "https://broken.example/": "500"}


def section(page: str, name: str) -> Any:
    return html.fromstring(page).xpath(f"//section[@aria-labelledby='{name}']")[0]


def test_kept_documents_are_shown_as_line_dedup_left_them(tiny_corpus: Path) -> None:
    texts = {
        card.findtext("h3"): card.findtext("blockquote")
        for card in section(report(tiny_corpus), "kept").find_class("card")
    }
    assert set(texts) == {"The ferry", "The mail", "Lighthouse"}
    assert texts["The mail"].startswith("Letters came twice a week.")
    assert texts["The ferry"].startswith("Menu of the page")


def test_removed_lines_are_shown_once_with_their_copies(tiny_corpus: Path) -> None:
    shown = section(report(tiny_corpus), "lines")
    assert [(row.findtext("td"), row.findtext("td/span[@class='line']")) for row in shown.iterfind(".//tbody/tr")] == [
        ("7", "Menu of the page")
    ]


def test_near_duplicates_stand_side_by_side_with_their_differences_marked(tiny_corpus: Path) -> None:
    shown = section(report(tiny_corpus), "near")
    assert shown.findtext(".//h3") == "Estimated similarity 0.88"
    assert [card.findtext("h4") for card in shown.find_class("card")] == ["The ferry again", "The ferry"]
    assert [mark.text for mark in shown.iterfind(".//mark")] == ["ten", "nine"]


def test_records_set_aside_are_shown_with_file_offset_reason_and_detail(tiny_corpus: Path) -> None:
    shown = section(report(tiny_corpus), "aside")
    assert [heading.findtext("code") for heading in shown.iterfind("h3")] == ["truncated", "unmeasurable"]
    found = [[" ".join(cell.text_content().split()) for cell in row] for row in shown.iterfind(".//tbody/tr")]
    assert found == [
        ["b.warc.gz", "5", "ends too soon"],
        ["b.warc.gz", "99", "ends in the middle"],
        ["a.warc.gz", "6", "ValueError: odd"],
    ]


def table(page: str, name: str, number: int = 0) -> list[list[str]]:
    rows = section(page, name).findall(".//table")[number].iterfind("tbody/tr")
    return [[cell.xpath("string(code|bdi|self::td)") for cell in row] for row in rows]


def test_languages_are_counted_scored_and_kept(tiny_corpus: Path) -> None:
    rows = [row[:5] for row in table(report(tiny_corpus), "languages")]
    assert rows == [["en", "5", "3", "60.0%", "30"], ["de", "1", "–", "–", "–"]]


def test_perplexities_are_counted_by_bucket_head_below_and_tail_from_the_cutoff_on(corpus: Any, tmp_path: Path) -> None:
    for made, value in zip(corpus.shards[1], (299.9, 300.0, 499.9, 500.0), strict=True):
        made.perplexity, made.language = value, "en"
    rows = table(report(corpus.write(tmp_path)), "perplexity")
    assert [row[:7] for row in rows] == [["en", "3", "2", "1", "0", "300", "500"]]


def test_domains_count_pages_kept_and_dropped_by_whatever_stage(tiny_corpus: Path) -> None:
    page = report(tiny_corpus)
    assert table(page, "domains", 0) == [["harbour.example", "2", "2", "20"], ["light.example", "1", "0", "10"]]
    dropped = {row[0]: row[2] for row in table(page, "domains", 1)}
    assert dropped["harbour.example"] == "2"
    assert dropped["gone.example"] == dropped["odd.example"] == dropped["mirror.example"] == "1"
    assert "light.example" not in dropped


def test_requests_and_metadata_of_a_crawl_are_no_pages_of_a_domain(corpus: Any, tmp_path: Path) -> None:
    corpus.dropped = [("a.warc.gz", 1, "not_a_page", "request", "https://light.example/")]
    assert ["light.example", "1", "0", "10"] in table(report(corpus.write(tmp_path)), "domains")


def test_every_numeric_score_that_differs_has_a_chart_with_its_thresholds(tiny_corpus: Path) -> None:
    shown = section(report(tiny_corpus), "scores")
    names = [
        (item.findtext("figcaption/span"), item.findtext("figcaption/strong")) for item in shown.iterfind(".//figure")
    ]
    assert names == [
        ("document", "characters"),
        ("gopher_quality", "words"),
        ("gopher_quality", "hash_ratio"),
        ("perplexity", "perplexity"),
    ]
    assert "language.score is 0.9 in every document that has it" in " ".join(shown.text_content().split())
    limits = [[text.text for text in item.find_class("limit")] for item in shown.iterfind(".//figure")]
    assert limits == [[], ["≥ 50"], ["≤ 0.1"], []]
    assert "kept when ≤ 100,000, outside this chart" in shown.text_content()


def test_at_most_five_of_a_reason_are_shown_the_same_ones_each_time(corpus: Any, tmp_path: Path) -> None:
    made = corpus.shards[0][5]
    corpus.shards[0] += [type(made)(f"Short {i}", "Few.", "https://short.example/", made.fate) for i in range(40)]
    page = report(corpus.write(tmp_path))
    shown = cards(page, made.fate)
    assert len(shown) == 5
    assert report(tmp_path) == page
    ids = [f"commoncrawl-{card.find_class('id')[0].text_content().rpartition('-')[2]}" for card in shown]
    assert ids == sorted(ids, key=rank)


def test_a_long_text_is_shown_by_its_first_400_characters(corpus: Any, tmp_path: Path) -> None:
    corpus.shards[1][2].text = "a line that line dedup takes out\n" + "x" * 399 + "yz"
    page = report(corpus.write(tmp_path))
    texts = {card.findtext("h3"): card.findtext("blockquote") for card in section(page, "kept").find_class("card")}
    assert texts["Lighthouse"] == "x" * 399 + "y…"


def test_the_bytes_depend_on_the_folder_alone(corpus: Any, tmp_path: Path) -> None:
    one, other, later = (tmp_path / name for name in ("one", "other", "later"))
    pages = [report(corpus.write(folder)) for folder in (one, other)]
    assert pages[0] == pages[1]
    corpus.seconds = 99.0
    lines = zip(pages[0].splitlines(), report(corpus.write(later)).splitlines(), strict=True)
    differing = [line for line, after in lines if line != after]
    assert len(differing) == 1 + 7
    assert all("12.5" in line for line in differing)


def test_a_corpus_without_documents_has_a_report(corpus: Any, tmp_path: Path) -> None:
    corpus.shards, corpus.dropped, corpus.aside = [[]], [], []
    assert "0 records read = 0 kept + 0 dropped + 0 set aside" in said(report(corpus.write(tmp_path)))


def test_a_folder_without_a_finished_build_is_refused_in_one_line(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"holds no finished build .*run `curate build` first"):
        write_report(str(tmp_path))


@pytest.mark.parametrize("name", ["summary.json", "stages/select/_done.json"])
def test_a_changed_record_is_refused(tiny_corpus: Path, name: str) -> None:
    path = tiny_corpus / name
    path.write_bytes(path.read_bytes().replace(b"1", b"2", 1))
    with pytest.raises(UserError, match="curate verify"):
        write_report(str(tiny_corpus))


# ---- hostile text ----


def test_the_page_holds_only_its_own_elements_and_no_handler_link_or_resource(hostile_corpus: Path) -> None:
    page = html.fromstring(report(hostile_corpus))
    for element in page.iter():
        assert isinstance(element.tag, str), "no comment"
        assert ELEMENTS.fullmatch(element.tag), element.tag
        for name, value in element.attrib.items():
            assert not name.startswith("on")
            assert name not in ("src", "srcset", "data", "action", "formaction", "ping", "background", "style")
            if name in ("href", "xlink:href"):
                assert element.tag == "a"
                assert re.fullmatch(r"#[a-z]+", value)
    assert len(page.findall(".//style")) == len(page.findall(".//title")) - len(page.findall(".//svg//title")) == 1


def test_a_hostile_corpus_gives_the_same_elements_as_a_harmless_one_of_its_size(corpus: Any, tmp_path: Path) -> None:
    """Not one element more or less: so nothing of the text was read as markup."""

    def shape(page: str) -> list[str]:
        return [str(element.tag) for element in html.fromstring(page).iter()]

    plain, attacked = tmp_path / "plain", tmp_path / "attacked"
    expected = shape(report(corpus.write(plain)))
    for made in itertools.chain(*corpus.shards):
        made.title = "<h4>" + made.title + "</article><script>1</script>"
        made.text = made.text.replace("e", "<").replace("a", "&")
        made.url = made.url + '"><a href=//evil.example>'
    assert shape(report(corpus.write(attacked))) == expected


def test_attacks_are_shown_as_the_text_they_are(hostile_corpus: Path, attacks: tuple[str, ...]) -> None:
    text = said(report(hostile_corpus))
    for attack in attacks:
        assert " ".join(clean(attack).split()) in text


def test_nothing_of_the_page_turns_direction_or_is_a_control_character(hostile_corpus: Path) -> None:
    page = report(hostile_corpus)
    assert not [c for c in page if unicodedata.category(c) in ("Cc", "Cs") and c not in "\n\t"]
    assert not re.search("[\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]", page)


def test_the_page_allows_itself_no_script_and_no_network(tiny_corpus: Path) -> None:
    page = html.fromstring(report(tiny_corpus))
    meta = page.find(".//head").findall("meta")
    assert meta[0].get("charset") == "utf-8"
    assert meta[1].get("http-equiv") == "Content-Security-Policy"
    policy = [part.strip() for part in meta[1].get("content").split(";")]
    assert policy[:3] == ["default-src 'none'", "style-src 'unsafe-inline'", "img-src data:"]
    assert not re.search(r"url\(|@import|https?:", page.findtext(".//style"))


@given(st.text(st.characters(categories=["L", "N", "P", "S", "Z", "C", "M"]), max_size=60))
def test_clean_text_has_nothing_unseen_and_is_a_fixed_point(text: str) -> None:
    cleaned = clean(text)
    cleaned.encode("utf-8")
    assert clean(cleaned) == cleaned
    bidi = {"LRE", "RLE", "LRO", "RLO", "PDF", "LRI", "RLI", "FSI", "PDI"}
    for c in cleaned:
        assert c in "\n\t" or unicodedata.category(c) != "Cc"
        assert unicodedata.bidirectional(c) not in bidi


def test_clean_leaves_every_script_as_it_is() -> None:
    for text in ("naïve café", "Ωμέγα", "नमस्ते", "می‌خواهم", "👩‍🚀", "שלום", "日本語", "a\tb\nc", "<b>&amp;"):
        assert clean(text) == text


def test_shorten_counts_what_is_shown() -> None:
    assert shorten("a" * 400, 400) == "a" * 400
    assert shorten("a" * 401, 400) == "a" * 400 + "…"
    assert shorten("\x00" * 10 + "a" * 400, 400) == "a" * 400


# ---- for every reader ----


def test_headings_never_skip_a_level(tiny_corpus: Path) -> None:
    levels = [int(h.tag[1]) for h in html.fromstring(report(tiny_corpus)).xpath("//h1|//h2|//h3|//h4")]
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(after <= before + 1 for before, after in itertools.pairwise(levels))


def test_tables_and_charts_are_described_to_those_who_do_not_see_them(tiny_corpus: Path) -> None:
    page = html.fromstring(report(tiny_corpus))
    assert page.get("lang") == "en"
    ids = page.xpath("//@id")
    assert len(ids) == len(set(ids))
    for reference in page.xpath("//@aria-labelledby"):
        assert set(reference.split()) <= set(ids)
    for link in page.xpath("//a/@href"):
        assert link[1:] in ids
    for header in page.iterfind(".//th"):
        assert header.get("scope") in ("col", "row")
    for chart in page.iterfind(".//svg"):
        assert chart.get("role") == "img"
        assert chart.findtext("title")
    for chart in page.find_class("histogram"):
        assert "documents that were kept" in chart.findtext("desc")
    for region in page.find_class("scroll"):
        assert (region.get("role"), region.get("tabindex")) == ("region", "0")
        assert region.get("aria-label")


def luminance(colour: str) -> float:
    """WCAG 2.2, relative luminance."""
    parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


@pytest.mark.parametrize("scheme", [0, 1], ids=["light", "dark"])
def test_text_is_read_at_4_5_to_1_and_charts_at_3_to_1(tiny_corpus: Path, scheme: int) -> None:
    style = html.fromstring(report(tiny_corpus)).findtext(".//style")
    blocks = re.findall(r":root \{(.*?)\}", style, re.S)
    colours = dict(re.findall(r"--(\w+): (#\w{6});", blocks[scheme]))

    def contrast(one: str, other: str) -> float:
        low, high = sorted([luminance(colours[one]), luminance(colours[other])])
        return (high + 0.05) / (low + 0.05)

    for ground in ("ground", "surface", "soft"):
        for text in ("text", "muted", "accent"):
            assert contrast(text, ground) >= 4.5, (text, ground)
    for fill in ("kept", "dropped", "aside"):
        assert contrast(fill, "surface") >= 3, fill
    for text in ("kept", "dropped", "aside"):
        assert contrast(text, "surface") >= 4.5, text
    assert contrast("text", "mark") >= 4.5


# ---- how it counts ----


@given(st.permutations(range(50)))
def test_a_sample_is_the_same_in_whatever_order_it_is_offered(order: list[int]) -> None:
    sample: Sample[int] = Sample(5)
    for number in order:
        sample.add((rank(str(number)),), number)
    assert sample.items() == sorted(range(50), key=lambda number: rank(str(number)))[:5]
    assert sample.offered == 50


def test_a_sample_holds_little_however_much_is_offered() -> None:
    sample: Sample[int] = Sample(5)
    for number in range(10_000):
        sample.add((rank(str(number)),), number)
        assert len(sample._items) < 10


def test_a_tally_forgets_the_rarest_and_says_so() -> None:
    tally = Tally(2, 10)
    for number in range(10):
        tally.add(f"n{number}", number, 1)
    assert tally.exact
    tally.add("new", 1, 1)
    assert not tally.exact
    assert len(tally.sums) <= 10
    assert tally.top(2, 0) == [("n9", [9, 1]), ("n8", [8, 1])]


floats = st.floats(-1e12, 1e12, allow_nan=False).map(lambda x: 0.0 if abs(x) < 1e-12 else x)


@given(st.lists(floats, min_size=1, max_size=60), st.floats(0.01, 0.99))
def test_a_quantile_is_within_five_percent(values: list[float], share: float) -> None:
    spread = Spread()
    spread.add(np.array([*values, math.nan]), False)
    exact = sorted(values)[math.ceil(share * len(values) - 1e-9) - 1]
    assert spread.quantile(share) == pytest.approx(exact, rel=0.05)
    assert (spread.count, spread.missing, spread.least, spread.most) == (len(values), 1, min(values), max(values))


@given(st.lists(floats, min_size=1, max_size=60), st.lists(floats, max_size=3), st.booleans())
def test_a_histogram_counts_every_document_once(values: list[float], limits: list[float], whole: bool) -> None:
    numbers = np.array([*(np.round(values) if whole else values), math.nan, math.inf])
    spread = Spread()
    spread.add(numbers, whole)
    axis = choose_axis(spread, limits)
    assert axis is not None
    assert (np.diff(axis.edges) > 0).all()
    assert len(axis.edges) <= 200
    histogram = Histogram(axis)
    kept = np.arange(len(numbers)) % 3 == 0
    histogram.add(numbers, kept)
    assert histogram.kept.sum() + histogram.dropped.sum() + histogram.zeros == len(values)
    if not axis.apart:
        assert histogram.kept.sum() == kept[: len(values)].sum()


def test_a_value_on_an_edge_belongs_to_the_bin_that_begins_there() -> None:
    spread = Spread()
    spread.add(np.array([0.0, 1.0, 2.0, 2.0]), True)
    axis = choose_axis(spread, [])
    assert axis is not None
    assert axis.edges.tolist() == [-0.5, 0.5, 1.5, 2.5]
    histogram = Histogram(axis)
    histogram.add(np.array([0.5, 1.5, 0.4999]), np.array([True, True, True]))
    assert histogram.kept.tolist() == [1, 1, 1]


def test_a_column_without_values_has_no_chart() -> None:
    spread = Spread()
    spread.add(np.array([math.nan, math.inf]), False)
    assert choose_axis(spread, [1.0]) is None


def test_a_threshold_is_placed_on_its_axis_or_beyond_it() -> None:
    spread = Spread()
    spread.add(np.linspace(0, 1, 101), False)
    axis = choose_axis(spread, [0.5])
    assert axis is not None
    assert axis.place(0.5) == pytest.approx(0.5, abs=0.03)
    assert axis.place(50.0) is None


def test_thresholds_of_the_settings_are_those_named_after_the_measurement() -> None:
    filters = {"g": {"min_words": 50, "max_words": 100, "enabled": True, "min_other": 3, "max_flag": True}}
    assert configured("g.words", filters) == {Threshold(">=", 50.0), Threshold("<=", 100.0)}
    assert configured("g.flag", filters) == configured("h.words", filters) == configured("words", filters) == set()


words = st.lists(st.sampled_from(["a", "b", "ferry", "mail", ""]), max_size=20).map(" ".join)


@given(words, words)
def test_differences_hold_the_whole_of_both_texts(first: str, second: str) -> None:
    sides = differences(first, second)
    assert ["".join(text for _, text in side) for side in sides] == [first, second]
    if first.split() == second.split():
        assert not any(marked and text.strip() for side in sides for marked, text in side)


def test_white_space_alone_is_no_difference() -> None:
    assert differences("one two", "one\n\ntwo") == ([(False, "one two")], [(False, "one\n\ntwo")])


def test_a_run_of_words_that_differ_is_marked_as_one() -> None:
    assert differences("so it was long ago", "so it is ago") == (
        [(False, "so it "), (True, "was long"), (False, " "), (False, "ago")],
        [(False, "so it "), (True, "is"), (False, " "), (False, "ago")],
    )


def test_pieces_are_cut_at_the_character_and_say_so() -> None:
    pieces = [(False, "abc"), (True, "def")]
    assert cut(pieces, 6) == pieces
    assert cut(pieces, 5) == [(False, "abc"), (True, "de"), (False, "…")]
    assert cut(pieces, 3) == [(False, "abc"), (False, "…")]


def test_numbers_read_well() -> None:
    assert [number_text(value) for value in (0.0, 5.0, 0.123456, 1234.5, 12_345.6)] == [
        "0",
        "5",
        "0.123",
        "1,234",
        "12,346",
    ]
    assert [size(value) for value in (0, 1023, 1024, 1536 << 10, 5 << 40)] == [
        "0 B",
        "1,023 B",
        "1 KB",
        "1.5 MB",
        "5.0 TB",
    ]
    assert [duration(value) for value in (4.24, 59.9, 200, 7500)] == ["4.2 s", "59.9 s", "3 min 20 s", "2 h 5 min"]


# ---- a real build ----


def test_the_report_of_the_sample_shows_a_sample_for_every_rule_that_dropped_one(built: Path) -> None:
    summary = read_sealed(str(built / "summary.json"))
    page = render(Corpus(str(built)))
    shown = html.fromstring(page)
    for stage in summary["stages"]:
        for reason, documents in stage["dropped"].items():
            if reason == "near":
                assert len(shown.find_class("pair")) == min(documents, 5)
            elif stage["name"] != "extract":
                assert len(cards(page, reason)) == min(documents, 5)
            else:
                assert len(cards(page, reason)) <= 5
    assert said(page).count("records read =") == 2
