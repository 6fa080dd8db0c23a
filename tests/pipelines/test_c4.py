"""C4 built both ways: from its published files, and from a crawl by its rules, against those rules written anew."""

from __future__ import annotations

import gzip
import re
from collections import Counter
from hashlib import md5
from pathlib import Path
from typing import Any

import langdetect
import punkt
import pyarrow.parquet as pq
import pytest

from curate.sample.c4_pages import HERE, write
from curate.text.badwords import listed_words
from tests.conftest import ROOT
from tests.pipelines.building import build, digests, run, summary

PUBLISHED = str(ROOT / "manifests" / "c4.yaml")
FROM_CRAWL = str(ROOT / "manifests" / "c4-from-crawl.yaml")


def test_the_sample_is_what_its_texts_make(tmp_path: Path) -> None:
    written = write(tmp_path)
    assert len(written) == 2
    for path in written:
        assert gzip.decompress(path.read_bytes()) == gzip.decompress((HERE / path.name).read_bytes())


@pytest.mark.slow
def test_the_published_sample_builds_alike_with_any_workers_and_ranges(tmp_path: Path) -> None:
    build(PUBLISHED, tmp_path / "one", "--workers", "1")
    build(
        PUBLISHED, tmp_path / "two", "--workers", "2", "--set", "extract.range_bytes=64KB", "--set", "dedup.buckets=3"
    )
    assert digests(tmp_path / "one" / "tokens") == digests(tmp_path / "two" / "tokens")
    extracted = summary(tmp_path / "one")["stages"][0]
    assert extracted["dropped"] == {"empty": 1}
    assert extracted["set_aside_by_reason"] == {"bad_json": 1, "not_a_page": 1}
    rows = pq.read_table(tmp_path / "one" / "documents" / "shard-000000.parquet").to_pylist()
    assert {row["licence"] for row in rows} == {"ODC-By-1.0"}
    told = run("explain", str(tmp_path / "one"), rows[0]["url"]).stdout
    assert "=> " in told


# ---- the rules of C4 anew, from their description (recipes §4), page by page over a whole corpus ----


def normal_url(url: str) -> str:
    url = re.sub(r"https?://(www\.)?", "", url)
    return re.sub(r"\?(utm_|ref|feed).*", "", url).rstrip("/")


def clean_page(text: str, words: int, sentences: int) -> str | None:
    kept, count = [], 0
    if len(text) > 190_000:
        return None
    for line in text.splitlines():
        line = re.sub(r"\[\d*\]|\[edit\]|\[citation needed\]", "", line.strip())
        if any(len(word) > 1000 for word in line.split()) or not line.endswith((".", "?", "!", '"')):
            continue
        if line.endswith("...") or len(line.split()) < words:
            continue
        if "lorem ipsum" in line.lower():
            return None
        if "javascript" in line.lower():
            continue
        if "{" in line:
            return None
        notices = ("terms of use", "privacy policy", "cookie policy", "uses cookies", "use of cookies", "use cookies")
        if any(notice in line.lower() for notice in notices):
            continue
        kept.append(line)
        count += len(punkt.sent_tokenize(line))
    return "\n".join(kept).strip() if count >= sentences else None


def is_english(text: str) -> bool:
    langdetect.DetectorFactory.seed = 0
    try:
        best = langdetect.detect_langs(text)[0]
    except langdetect.lang_detect_exception.LangDetectException:
        return False
    return bool(best.lang == "en" and best.prob >= 0.99)


def c4_of(pages: list[dict[str, Any]], words: int, sentences: int) -> dict[str, str]:
    """id -> text of the pages that C4 keeps."""
    newest: dict[str, dict[str, Any]] = {}
    for page in pages:
        before = newest.get(normal_url(page["url"]))
        if before is None or page["date"] > before["date"]:
            newest[normal_url(page["url"])] = page
    cleaned = [(page, clean_page(page["text"], words, sentences)) for page in newest.values()]
    left = [(page, text) for page, text in cleaned if text]
    keepers: dict[str, str] = {}
    for page, text in left:
        for line in text.split("\n"):
            key = line.strip().lower()
            keepers[key] = min(
                keepers.get(key, page["url"]), page["url"], key=lambda url: md5(url.encode()).hexdigest()
            )
    blocked = re.compile(rf"(?:\W|^)({'|'.join(map(re.escape, sorted(listed_words('en'))))})(?:\W|$)")
    kept = {}
    for page, text in left:
        lines: dict[str, str] = {}
        for line in text.split("\n"):
            key = line.strip().lower()
            if keepers[key] == page["url"]:
                lines.setdefault(key, line)
        unique = "\n".join(lines.values())
        if sum(len(punkt.sent_tokenize(line)) for line in lines.values()) < sentences or not is_english(unique):
            continue
        if not blocked.search(unique.lower()):
            kept[page["id"]] = unique
    return kept


def documents(output: Path) -> list[dict[str, Any]]:
    return [row for path in sorted((output / "documents").glob("*.parquet")) for row in pq.read_table(path).to_pylist()]


def kept_ids(output: Path) -> set[str]:
    verdicts = [row for path in sorted((output / "scores" / "verdicts").glob("*.parquet"))
                for row in pq.read_table(path, columns=["id", "reason"]).to_pylist()]  # fmt: skip
    return {row["id"] for row in verdicts if row["reason"] is None}


@pytest.mark.slow
def test_from_a_crawl_it_keeps_what_the_rules_written_anew_keep(tmp_path: Path) -> None:
    output = tmp_path / "tfds"
    build(FROM_CRAWL, output, "--workers", "1")
    expected = c4_of(documents(output), words=5, sentences=3)
    selected = next(stage for stage in summary(output)["stages"] if stage["name"] == "select")
    assert len(expected) > 80
    assert kept_ids(output) == set(expected)
    assert selected["characters_out"] == sum(map(len, expected.values()))
    by_line = summary(output)["stages"][2]["lines_dropped"]
    assert by_line > 50
    dropped = Counter(selected["dropped"])
    assert {"c4.language", "c4.few_sentences", "c4.bad_word", "c4.brace", "c4.lorem_ipsum"} <= set(dropped)

    # The paper's first version: 3 words a line, 5 sentences a page (recipes §15, trap 12).
    build(FROM_CRAWL, output, "--workers", "1", "--set", "filters.c4.compat=arxiv_v1")
    swapped = c4_of(documents(output), words=3, sentences=5)
    assert kept_ids(output) == set(swapped)
    assert swapped != expected

    # Its three-sentence spans: a line between others that differ is no part of any that two pages have.
    build(FROM_CRAWL, output, "--workers", "1", "--set", "dedup.lines.rule=c4_spans")
    by_span = summary(output)["stages"][2]["lines_dropped"]
    assert by_span not in (0, by_line)
    assert run("verify", str(output)).returncode == 0
