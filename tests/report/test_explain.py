"""`curate explain` answers for every kind of page: measurement, threshold, displacing document."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from curate.errors import UserError
from curate.report.explain import Story, explain

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def expected(sample_crawl: Path) -> dict:
    return json.loads((sample_crawl / "EXPECTED.json").read_text())


def fate(story: Story) -> str:
    """The name EXPECTED.json has for how a story ended."""
    last = story.steps[-1]
    reason = last.facts.get("reason", "")
    if last.outcome == "kept":
        return "kept"
    if last.outcome == "set aside":
        return "unreadable"
    if last.stage == "extract":
        return reason if reason in ("robots", "url_blocked") else "non_page"
    if last.stage == "dedup_documents":
        return f"{reason}_duplicate"
    if last.stage == "dedup_near":
        return "near_duplicate"
    if last.stage == "dedup_lines" or reason == "ccnet_length.too_short":
        return "line_deduplicated"
    if reason.startswith("language"):
        return "not_english"
    return "nsfw" if reason.startswith("nsfw") else "low_quality"


def first_of(built: Path, expected: dict, kind: str, wanted: str) -> Story:
    """The first page of this kind whose story ended as wanted."""
    for page in expected["pages"]:
        if page["kind"] == kind:
            for story in explain(str(built), page["url"]):
                if fate(story) == wanted:
                    return story
    raise AssertionError(f"no page of kind {kind} was {wanted}")


def test_a_kept_page_tells_every_stage_and_its_tokens(built, expected):
    story = first_of(built, expected, "article", "kept")
    assert [step.stage for step in story.steps] == [
        "extract",
        "dedup_documents",
        "dedup_lines",
        "dedup_near",
        "score",
        "select",
        "tokenize",
    ]
    assert story.steps[-1].facts["tokens"] > 100
    scores = story.steps[4].facts
    assert scores["language.language"] == "en"
    assert scores["perplexity.perplexity"] > 1
    assert 0 <= scores["quality.wiki"] <= 1.001


def test_a_near_duplicate_names_what_displaced_it_the_estimate_and_the_threshold(built, expected):
    story = first_of(built, expected, "near_duplicate_reworded", "near_duplicate")
    step = story.steps[-1]
    assert step.facts["jaccard"] >= 0.75
    assert step.facts["exact_jaccard"] > 0.6
    assert "0.75" in step.detail
    other = explain(str(built), step.facts["displaced_by"])[0]
    assert other.subject["url"] == step.facts["displaced_by_url"]
    assert other.subject["url"] != story.subject["url"]


def test_a_line_deduplicated_page_shows_its_lines_their_copies_and_where_else_they_are(built, expected):
    for page in expected["pages"]:
        if page["kind"] == "mostly_boilerplate":
            story = explain(str(built), page["url"])[0]
            step = next(step for step in story.steps if step.stage == "dedup_lines")
            if step.outcome != "kept":
                break
    assert step.facts["max_copies"] == 1
    assert step.facts["lines"]
    for line in step.facts["lines"]:
        assert line["copies"] > 1
        assert "commoncrawl-" in line["also_in"] or line["also_in"] == "this document itself"
        assert line["text"].strip()


@pytest.mark.parametrize(
    ("kind", "wanted", "measurement"),
    [
        ("article_other_language", "not_english", "language"),
        ("spam", "low_quality", None),
        ("low_article", "low_quality", None),
        ("nsfw", "nsfw", None),
    ],
)
def test_a_dropped_page_tells_the_measurement_the_threshold_and_the_source_of_the_rule(
    built, expected, kind, wanted, measurement
):
    facts = first_of(built, expected, kind, wanted).steps[-1].facts
    assert facts["measurement"] == (measurement or facts["measurement"])
    assert facts["value"] != ""
    assert facts["threshold"] != ""
    assert facts["keep"] in (">=", "<=", "<", ">", "in")
    assert facts["source"]


def test_an_unreadable_record_is_found_by_its_place_with_the_reason(built, expected):
    for broken in expected["broken"]:
        stories = explain(str(built), f"{broken['file']}@{broken['offset']}")
        assert [fate(story) for story in stories] == ["unreadable"], broken
        assert stories[0].steps[0].facts["reason"]


def test_an_older_capture_names_the_later_one(built, expected):
    stories = [
        story
        for page in expected["pages"]
        if page["kind"] == "url_recaptured"
        for story in explain(str(built), page["url"])
    ]
    older = next(story for story in stories if fate(story) == "url_duplicate")
    newer = explain(str(built), older.steps[-1].facts["displaced_by"])[0]
    assert newer.subject["date"] > older.subject["date"]


def test_a_page_at_a_blocked_address_names_the_entry(built, expected):
    story = first_of(built, expected, "blocked_url", "url_blocked")
    assert "casino" in story.steps[-1].detail


def test_every_page_of_the_sample_ended_as_was_meant_for_it(built, expected):
    """EXPECTED.json gives each page's fate and what may come instead (see curate/sample/README.md); any one page of a
    group of duplicates may be the one that stays."""
    grouped = {url for page in expected["pages"] for url in page.get("group", ())}
    wrong = []
    for page in expected["pages"]:
        allowed = {page["fate"], *page.get("also", ())}
        if page["url"] in grouped:
            allowed |= {"kept", "url_duplicate", "exact_duplicate", "near_duplicate"}
        found = {fate(story) for story in explain(str(built), page["url"])}
        if not found & allowed:
            wrong.append((page["url"], sorted(allowed), sorted(found)))
    assert wrong == []


def test_a_query_that_matches_nothing_says_so_in_one_line(built):
    with pytest.raises(UserError, match=r"nothing in .* has the URL"):
        explain(str(built), "https://nowhere.example/at-all")


def test_a_folder_without_a_build_says_so(tmp_path):
    with pytest.raises(UserError, match="holds no build"):
        explain(str(tmp_path), "x")


def test_the_command_prints_a_story_and_json(built, expected):
    url = next(page["url"] for page in expected["pages"] if page["kind"] == "article")
    base = [sys.executable, "-m", "curate.cli", "explain", str(built), url]
    plain = subprocess.run(base, capture_output=True, text=True, check=True, timeout=60).stdout
    assert "=> " in plain
    assert "\n  extract: kept" in plain
    told = json.loads(subprocess.run([*base, "--json"], capture_output=True, text=True, check=True, timeout=60).stdout)
    assert told[0]["steps"][0]["stage"] == "extract"
