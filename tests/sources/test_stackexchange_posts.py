"""What rows say, the licence by date at its boundaries, and sites by their names."""

from __future__ import annotations

from xml.sax.saxutils import quoteattr

import pytest

from curate.sources.stackexchange_posts import Post, licence_of, read_post
from curate.sources.stackexchange_rows import Bad, Row
from curate.sources.stackexchange_sites import full_name, language_of, site_of


def post(**attributes: str) -> Post | Bad:
    listed = " ".join(f"{name}={quoteattr(value)}" for name, value in attributes.items())
    return read_post(Row(5, f"<row {listed} />".encode()))


@pytest.mark.parametrize(
    ("date", "licence"),
    [
        ("2008-09-15T08:55:03Z", "CC-BY-SA-2.5"),
        ("2011-04-07T23:59:59Z", "CC-BY-SA-2.5"),
        ("2011-04-08T00:00:00Z", "CC-BY-SA-3.0"),
        ("2018-05-01T23:59:59Z", "CC-BY-SA-3.0"),
        ("2018-05-02T00:00:00Z", "CC-BY-SA-4.0"),
        ("2026-01-01T00:00:00Z", "CC-BY-SA-4.0"),
        ("", ""),
    ],
)
def test_the_licence_is_that_of_the_day(date: str, licence: str) -> None:
    """https://stackoverflow.com/help/licensing"""
    assert licence_of("", date) == licence


def test_a_stated_licence_goes_before_the_day_and_an_unknown_one_is_unknown() -> None:
    assert licence_of("CC BY-SA 4.0", "2010-01-01T00:00:00Z") == "CC-BY-SA-4.0"
    assert licence_of("CC BY-SA 2.5", "") == "CC-BY-SA-2.5"
    assert licence_of("All rights reserved", "2010-01-01T00:00:00Z") == ""


def test_an_edit_puts_a_post_under_the_licence_of_its_day() -> None:
    found = post(Id="1", PostTypeId="1", CreationDate="2011-04-07T01:00:00.123", LastEditDate="2018-05-02T00:00:00.000")
    assert isinstance(found, Post)
    assert found.licence == "CC-BY-SA-4.0"
    assert found.changed == "2018-05-02T00:00:00Z"


def test_a_question_is_read_with_all_that_is_kept_of_it() -> None:
    found = post(
        Id="12",
        PostTypeId="1",
        AcceptedAnswerId="14",
        Score="-3",
        Title=" A\n title ",
        Tags="<a><b-c>",
        CreationDate="2014-01-21T20:26:05.383",
        OwnerUserId="7",
        OwnerDisplayName="Ann",
        ClosedDate="2015-01-01T00:00:00",
    )
    assert isinstance(found, Post)
    assert (found.id, found.accepted, found.score, found.title, found.tags) == (12, 14, -3, "A title", ("a", "b-c"))
    assert found.closed == "2015-01-01T00:00:00Z"
    assert found.credit("a.example") == {
        "id": 12, "score": -3, "date": "2014-01-21T20:26:05Z", "licence": "CC-BY-SA-3.0",
        "author": "Ann", "author_id": 7, "author_url": "https://a.example/users/7",
    }  # fmt: skip
    newer = post(Id="12", PostTypeId="1", Tags="|a|b-c|")
    assert isinstance(newer, Post)
    assert newer.tags == ("a", "b-c")


@pytest.mark.parametrize(
    "attributes",
    [
        {"PostTypeId": "1"},
        {"Id": "1"},
        {"Id": "one", "PostTypeId": "1"},
        {"Id": "1", "PostTypeId": "2"},
        {"Id": "1", "PostTypeId": "1", "Score": "1e3"},
        {"Id": "9" * 40, "PostTypeId": "1"},
        {"Id": "-4", "PostTypeId": "1"},
    ],
)
def test_a_row_without_its_numbers_is_bad(attributes: dict[str, str]) -> None:
    found = post(**attributes)
    assert isinstance(found, Bad)
    assert (found.offset, found.reason) == (5, "bad_row")


@pytest.mark.parametrize(
    ("names", "site"),
    [
        (("beer.stackexchange.com.7z",), "beer.stackexchange.com"),
        (("beer.stackexchange.com-2016.7z",), "beer.stackexchange.com"),
        (("dump/meta.beer.stackexchange.com.7z",), "meta.beer.stackexchange.com"),
        (("stackoverflow.com-Posts.7z",), "stackoverflow.com"),
        (("ru.stackoverflow.com/Posts.xml",), "ru.stackoverflow.com"),
        (("mathoverflow.net.7z",), "mathoverflow.net"),
        (("Posts.xml", "/data/askubuntu.com/Posts.xml"), "askubuntu.com"),
        (("Posts.xml", "/data/posts/Posts.xml"), ""),
        (("evilstackexchange.company.7z",), ""),
    ],
)
def test_a_site_is_told_by_the_names_of_its_files(names: tuple[str, ...], site: str) -> None:
    assert site_of(*names) == site


@pytest.mark.parametrize(
    ("given", "host"),
    [
        ("beer", "beer.stackexchange.com"),
        ("beer.stackexchange", "beer.stackexchange.com"),
        ("stackoverflow", "stackoverflow.com"),
        ("ru.stackoverflow", "ru.stackoverflow.com"),
        ("mathoverflow", "mathoverflow.net"),
        ("meta.beer", "meta.beer.stackexchange.com"),
        ("https://math.stackexchange.com/", "math.stackexchange.com"),
    ],
)
def test_a_site_may_be_named_in_short(given: str, host: str) -> None:
    assert full_name(given) == host


@pytest.mark.parametrize(
    ("site", "language"),
    [
        ("beer.stackexchange.com", "en"),
        ("meta.beer.stackexchange.com", "en"),
        ("ru.stackoverflow.com", "ru"),
        ("ru.meta.stackoverflow.com", "ru"),
        ("rus.stackexchange.com", "ru"),
        ("pt.stackoverflow.com", "pt"),
        ("es.stackoverflow.com", "es"),
        ("ja.stackoverflow.com", "ja"),
        ("french.stackexchange.com", ""),
        ("", ""),
    ],
)
def test_the_language_is_the_sites(site: str, language: str) -> None:
    assert language_of(site) == language
