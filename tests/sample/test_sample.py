"""The bundled sample crawl is what its README and EXPECTED.json promise, and the same bytes each time it is built."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import unicodedata
import zlib
from collections import Counter
from functools import cache
from html import unescape
from io import BytesIO
from pathlib import Path
from typing import Any

import brotli
import pytest
from warcio.archiveiterator import ArchiveIterator
from warcio.exceptions import ArchiveLoadFailed

from curate.sample import build, damage, machine, near
from curate.sample.reading import parse_text, read_special_pages, read_texts
from curate.text.badwords import bad_words

CRAWL = Path(build.__file__).parent / "crawl"
EXPECTED: dict[str, Any] = json.loads((CRAWL / "EXPECTED.json").read_text(encoding="utf-8"))
PAGES: list[dict[str, Any]] = EXPECTED["pages"]
GOOD = sorted(name for name in EXPECTED["records"] if name != build.DAMAGED)


@cache
def records(name: str) -> list[tuple[str, str, str, str, bytes]]:
    """Type, URL, date, id and decoded body of every record of a committed file, as warcio reads it."""
    return _decoded((CRAWL / name).read_bytes())


def _decoded(data: bytes) -> list[tuple[str, str, str, str, bytes]]:
    found = []
    for record in ArchiveIterator(BytesIO(data), check_digests="raise"):
        header = record.rec_headers.get_header
        url, date = header("WARC-Target-URI") or "", header("WARC-Date")
        coding = record.http_headers.get_header("Content-Encoding") if record.http_headers else None
        if record.rec_type == "revisit":
            body = b""
        elif coding == "br":  # warcio's own reading of brotli fails with current releases of it
            body = brotli.decompress(record.raw_stream.read())
        else:
            body = record.content_stream().read()
        found.append((record.rec_type, url, date, header("WARC-Record-ID"), body))
    return found


@cache
def bodies() -> dict[tuple[str, str], bytes]:
    """Body by URL and date, from the files that are whole and from the builder for the damaged one."""
    found = {(c.url, c.date): c.body for c in build.captures() if build.file_of(c) == build.DAMAGED}
    for name in GOOD:
        found |= {(url, date): body for kind, url, date, _, body in records(name) if kind in ("response", "conversion")}
    return found


def body_of(url: str, latest: bool = True) -> bytes:
    dates = sorted(date for known, date in bodies() if known == url)
    return bodies()[url, dates[-1 if latest else 0]]


def lines_of(url: str) -> list[str]:
    """The article's paragraphs, without boilerplate."""
    html = body_of(url).decode("utf-8", "replace")
    lines = [unescape(re.sub(r"<[^>]*>", "", line)).strip() for line in re.findall(r"<p>([^\n]*)", html)]
    return [line for line in lines if len(line) > 60 and line not in EXPECTED["boilerplate"]]


def shingles(url: str) -> set[tuple[str, ...]]:
    words = re.findall(r"\w+", " ".join(lines_of(url)).lower())
    return {tuple(words[at : at + 5]) for at in range(len(words) - 4)}


def jaccard(one: str, other: str) -> float:
    a, b = shingles(one), shingles(other)
    return len(a & b) / len(a | b)


def of_kind(*kinds: str) -> list[dict[str, Any]]:
    found = [page for page in PAGES if page["kind"] in kinds]
    assert found, kinds
    return found


def test_a_rebuild_gives_the_committed_files() -> None:
    rebuilt = build.crawl()
    assert sorted(rebuilt) == sorted(path.name for path in CRAWL.iterdir())
    if build.built_with() == EXPECTED["built_with"]:
        assert [name for name, data in rebuilt.items() if (CRAWL / name).read_bytes() != data] == []
    for name in GOOD:  # holds under any version of the compressors
        assert _decoded(rebuilt[name]) == records(name)


def test_the_bytes_do_not_depend_on_the_hash_seed(tmp_path: Path) -> None:
    for seed in ("1", "2"):
        command = [sys.executable, "-m", "curate.sample.build", "--output", str(tmp_path / seed)]
        subprocess.run(command, check=True, env={**os.environ, "PYTHONHASHSEED": seed}, cwd=Path(__file__).parents[2])
    for one in sorted((tmp_path / "1").iterdir()):
        assert one.read_bytes() == (tmp_path / "2" / one.name).read_bytes()


@pytest.mark.parametrize("name", GOOD)
def test_warcio_reads_every_record_of_a_whole_file_with_the_right_digests(name: str) -> None:
    kinds = Counter(kind for kind, *_ in records(name))
    pages = kinds["conversion"] if name == build.WET else kinds["response"]
    assert pages == EXPECTED["records"][name]
    assert kinds["warcinfo"] == 1
    if name != build.WET:
        assert kinds["request"] == kinds["metadata"] == kinds["response"]


def test_warcio_does_not_get_through_the_damaged_file() -> None:
    with pytest.raises((ArchiveLoadFailed, zlib.error)):
        _decoded((CRAWL / build.DAMAGED).read_bytes())


def test_record_ids_are_unique_and_all_dates_lie_in_2020() -> None:
    every = [record for name in GOOD for record in records(name)]
    assert len({identity for _, _, _, identity, _ in every}) == len(every)
    assert all(re.fullmatch(r"2020-\d\d-\d\dT\d\d:\d\d:\d\dZ", date) for _, _, date, _, _ in every)
    assert len({date[:7] for _, _, date, _, _ in every}) == 12


def members(data: bytes) -> list[bytes]:
    found = []
    while data:
        inflate = zlib.decompressobj(16 + zlib.MAX_WBITS)
        assert data[4:8] == bytes(4), "the gzip header holds a time"
        found.append(inflate.decompress(data))
        data = inflate.unused_data
    return found


@pytest.mark.parametrize("name", [name for name in GOOD if name.endswith(".gz")])
def test_each_record_is_one_gzip_member_without_a_time(name: str) -> None:
    parts = members((CRAWL / name).read_bytes())
    assert len(parts) == len(records(name))
    assert all(part.startswith(b"WARC/1.0\r\n") and part.endswith(b"\r\n\r\n") for part in parts)


def test_the_crawl_is_small() -> None:
    assert sum(path.stat().st_size for path in CRAWL.iterdir()) < 2_000_000
    assert 260 <= sum(EXPECTED["records"].values()) <= 400


def test_the_broken_records_lie_where_expected_says() -> None:
    data = (CRAWL / build.DAMAGED).read_bytes()
    assert [entry["kind"] for entry in EXPECTED["broken"]] == list(build.BROKEN)
    for entry in EXPECTED["broken"]:
        at = entry["offset"]
        if entry["kind"] == "garbage_between_members":
            assert data[at:].startswith(damage.GARBAGE + b"\x1f\x8b")
            continue
        inflate = zlib.decompressobj(16 + zlib.MAX_WBITS)
        if entry["kind"].startswith("truncated") or entry["kind"] == "bad_checksum":
            try:
                inflate.decompress(data[at:])
                assert not inflate.eof
            except zlib.error:
                pass
        else:
            record = inflate.decompress(data[at:])
            assert inflate.eof
            stated = re.search(rb"Content-Length: (\S+)", record)
            assert stated
            true = len(record) - record.index(b"\r\n\r\n") - 8
            assert stated[1] != str(true).encode()


def test_every_good_record_around_the_broken_ones_is_whole() -> None:
    data = (CRAWL / build.DAMAGED).read_bytes()
    urls = set()
    at = data.find(b"\x1f\x8b\x08")
    while at >= 0:
        inflate = zlib.decompressobj(16 + zlib.MAX_WBITS)
        try:
            record = inflate.decompress(data[at:])
        except zlib.error:
            record = b""
        if inflate.eof and record.startswith(b"WARC/1.0\r\nWARC-Type: response"):
            found = re.search(rb"WARC-Target-URI: (\S+)", record)
            assert found
            urls.add(found[1].decode())
        at = data.find(b"\x1f\x8b\x08", at + 1)
    good = {page["url"] for page in PAGES if page["file"] == build.DAMAGED}
    assert len(good) == EXPECTED["records"][build.DAMAGED]
    assert good <= urls
    assert {url.split("/")[2] for url in urls - good} == {"tornpages.example"}


def test_there_are_a_hundred_texts_in_ten_languages_and_six_scripts() -> None:
    texts = read_texts()
    scripts = {
        unicodedata.name(c).split()[0] for text in texts for line in text.paragraphs for c in line if c.isalpha()
    }
    assert len(texts) >= 100
    assert len({text.language for text in texts}) >= 13
    known = {"LATIN", "CYRILLIC", "GREEK", "ARABIC", "HEBREW", "DEVANAGARI", "HIRAGANA", "KATAKANA", "CJK", "HANGUL"}
    assert scripts >= known
    assert sum(text.language != "en" for text in texts) >= 45


def test_every_text_is_a_page_of_some_site() -> None:
    shown = {body_title for body in bodies().values() for body_title in re.findall(rb"<title>([^<]*)", body)}
    missing = []
    for text in read_texts():
        if text.language == "en" and not any(text.title.encode() in unescape_bytes(title) for title in shown):
            missing.append(text.slug)
    assert missing == []
    assert sum(page["language"] != "en" for page in PAGES if page["kind"].startswith(("article", "charset"))) >= 45


def unescape_bytes(title: bytes) -> bytes:
    return unescape(title.decode("utf-8", "replace")).encode()


@pytest.mark.parametrize("text", read_texts(), ids=lambda text: f"{text.language}/{text.slug}")
def test_a_text_is_clean(text: Any) -> None:
    whole = "\n".join([text.title, *text.paragraphs])
    assert not re.search(r"[{}<>\x00-\x09\x0b-\x1f\x7f-\x9f\ufeff\ufffd]", whole), "braces, tags or control characters"
    assert not re.search(r"â€|Ã[\x80-\xbf©¨¼¶¤]|Â[ «»°]", whole), "mojibake"
    assert whole == unicodedata.normalize("NFC", whole)
    if text.language != "de":
        assert whole.count("“") == whole.count("”")
    assert whole.count("«") == whole.count("»")
    assert whole.count("「") == whole.count("」")
    for line in text.paragraphs:
        assert line.count('"') % 2 == 0
    assert len(text.paragraphs) == len(set(text.paragraphs))
    if text.language not in ("en", "ja", "zh"):
        assert 120 <= sum(len(line.split()) for line in text.paragraphs) <= 350
    if text.language != "en":
        assert text.characters >= 300


def test_each_kind_that_the_recipe_must_handle_is_there() -> None:
    least = {
        "article": 50,
        "low_article": 8,
        "exact_duplicate": 8,
        "mirror": 5,
        "url_recaptured": 4,
        "url_variant": 3,
        "near_duplicate_reworded": 6,
        "near_duplicate_paragraph": 2,
        "near_duplicate_chain": 2,
        "machine_generated": 10,
        "nsfw": 5,
        "toxic": 3,
        "spam": 4,
        "very_short": 4,
        "robots": 4,
        "left_short": 3,
        "charset_wrong": 2,
        "charset_missing": 4,
        "charset_meta_only": 3,
        "charset_bom": 3,
        "broken_html": 3,
        "not_a_page": 15,
        "empty_body": 2,
        "blocked_url": 1,
        "lorem_ipsum": 1,
        "code_page": 1,
        "bullet_list": 1,
        "ellipsis": 1,
        "pii": 1,
    }
    counted = Counter(page["kind"] for page in PAGES)
    assert counted == EXPECTED["kinds"]
    assert {kind: counted[kind] for kind, number in least.items() if counted[kind] < number} == {}


def test_all_codings_occur() -> None:
    assert {page.get("coding", "") for page in PAGES} == {"", "gzip", "br", "chunked"}


@pytest.mark.parametrize("page", of_kind("exact_duplicate", "mirror", "url_variant"), ids=lambda page: page["url"])
def test_an_exact_copy_has_the_same_body_under_another_url(page: dict[str, Any]) -> None:
    original, copy = page["group"]
    assert copy == page["url"] != original
    assert body_of(original) == body_of(copy)


@pytest.mark.parametrize("page", of_kind("near_duplicate_reworded"), ids=lambda page: page["url"])
def test_a_reworded_copy_is_near_and_shares_no_line(page: dict[str, Any]) -> None:
    original, copy = page["group"]
    assert 0.85 <= jaccard(original, copy) < 1
    assert not set(lines_of(original)) & set(lines_of(copy))


@pytest.mark.parametrize("page", of_kind("near_duplicate_paragraph"), ids=lambda page: page["url"])
def test_a_copy_with_one_paragraph_changed_shares_the_others(page: dict[str, Any]) -> None:
    original, copy = page["group"]
    assert jaccard(original, copy) >= 0.8
    assert len(set(lines_of(original)) & set(lines_of(copy))) == page["lines_shared"]


def test_the_ends_of_the_chain_are_near_only_through_its_middle() -> None:
    a, b, c = of_kind("near_duplicate_chain")[0]["group"]
    assert jaccard(a, b) >= 0.8
    assert jaccard(b, c) >= 0.8
    assert jaccard(a, c) < 0.77


@pytest.mark.parametrize("page", of_kind("url_recaptured"), ids=lambda page: page["url"])
def test_a_recaptured_url_has_a_later_capture_with_another_text(page: dict[str, Any]) -> None:
    dates = [other["date"] for other in PAGES if other["url"] == page["url"]]
    assert len(dates) == 2
    assert page["date"] == min(dates) < max(dates)
    assert body_of(page["url"], latest=False) != body_of(page["url"])


@pytest.mark.parametrize("page", [page for page in PAGES if "encoding" in page], ids=lambda page: page["url"])
def test_a_page_in_another_charset_holds_its_text_in_that_charset(page: dict[str, Any]) -> None:
    html = unescape(body_of(page["url"]).decode(page["encoding"]))
    paragraphs = {text.paragraphs[0] for text in read_texts() if text.language == page["language"]}
    assert any(paragraph in html for paragraph in paragraphs)


@pytest.mark.parametrize("page", of_kind("charset_wrong"), ids=lambda page: page["url"])
def test_a_wrongly_declared_page_is_not_utf8(page: dict[str, Any]) -> None:
    with pytest.raises(UnicodeDecodeError):
        body_of(page["url"]).decode("utf-8")


@pytest.mark.parametrize("page", of_kind("left_short"), ids=lambda page: page["url"])
def test_a_page_left_short_is_long_only_through_lines_that_other_pages_share(page: dict[str, Any]) -> None:
    html = body_of(page["url"]).decode()
    shared = [line for line in EXPECTED["boilerplate"] if line in unescape(html)]
    assert sum(map(len, [*shared, *lines_of(page["url"])])) > 300
    assert sum(map(len, lines_of(page["url"]))) < 300
    for line in shared:
        assert sum(line.encode() in body for body in bodies().values()) > 5


@pytest.mark.parametrize("page", of_kind("nsfw", "toxic"), ids=lambda page: page["url"])
def test_an_adult_or_toxic_page_holds_words_of_the_word_list(page: dict[str, Any]) -> None:
    listed = {"sexy", "nude", "horny", "porn", "erotic", "boobs", "shit", "bitch", "bastard", "asshole", "bullshit"}
    words = set(re.findall(r"[a-z]+", body_of(page["url"]).decode().lower()))
    assert len(words & listed) >= 2


def test_no_page_to_keep_holds_a_word_of_the_word_list_unless_expected_says_so() -> None:
    listed = bad_words("en")
    assert listed
    for page in PAGES:
        if page["fate"] == "kept" and page["kind"] != "wet":
            found = listed.count("\n".join(lines_of(page["url"])))
            assert not found or "nsfw" in page.get("also", []), page["url"]


def test_robots_pages_say_so_in_their_meta_or_header() -> None:
    fields = [page.fields for page in read_special_pages() if page.fields["kind"] == "robots"]
    said = {field.get("robots") or field.get("x_robots") for field in fields}
    assert said == {"noindex, nofollow", "noai, noimageai", "noai, noindex", "none"}
    for field in fields:
        meta = b'<meta name="robots" content="' in body_of(field["url"])
        assert meta == ("robots" in field)


def test_all_hosts_are_reserved_names() -> None:
    assert {page["url"].split("/")[2].rsplit(".", 1)[1] for page in PAGES} == {"example"}


def test_every_fate_is_a_known_one() -> None:
    known = {
        "kept",
        "url_blocked",
        "robots",
        "non_page",
        "unreadable",
        "url_duplicate",
        "exact_duplicate",
        "near_duplicate",
        "line_deduplicated",
        "not_english",
        "low_quality",
        "nsfw",
    }
    assert {page["fate"] for page in PAGES} == known
    assert {fate for page in PAGES for fate in page.get("also", [])} <= known


def test_rejoined_paragraphs_keep_their_words_and_no_line() -> None:
    for count in range(3, 12):
        lines = [f"word{n} and more" for n in range(count)]
        for first in (2, 3):
            joined = near.rejoined(lines, first)
            assert " ".join(joined) == " ".join(lines)
            assert not set(joined) & set(lines)


def test_the_number_sequence_of_machine_pages_is_fixed() -> None:
    draw = machine.numbers(1)
    assert [next(draw) for _ in range(3)] == [137940948, 47175196, 82853010]


def test_a_text_file_is_a_title_and_paragraphs() -> None:
    text = parse_text("en", "low-x", "Title\n\nOne.\n\nTwo.\n")
    assert (text.title, text.paragraphs, text.low) == ("Title", ("One.", "Two."), True)
