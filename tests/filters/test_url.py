from pathlib import Path

import pytest

from curate.errors import UserError
from curate.text.page import Page
from filters.url import URL, URLConfig


def matched(url: str, **config: object) -> object:
    return URL(URLConfig.model_validate(config)).measure(Page("", url))["matched"]


def test_a_page_on_the_packaged_lists_is_dropped_and_any_other_kept() -> None:
    """RefinedWeb (Penedo et al. 2023, §3.1): domains and words of the URL."""
    filter = URL(URLConfig())
    filter.load()
    verdict = filter.decide(filter.measure(Page("", "https://de.xhamster.com/")))
    assert verdict is not None
    assert verdict.value == "xhamster.com"
    assert filter.decide(filter.measure(Page("", "https://example.org/"))) is None
    assert filter.decide(filter.measure(Page("", ""))) is None


def test_lists_come_from_files_and_from_the_manifest(tmp_path: Path) -> None:
    domains, words = tmp_path / "domains.txt", tmp_path / "words.txt"
    domains.write_text("# blocked\nBad.Example\n\nBÖSE.example\n", "utf-8")
    words.write_text("casino\n", "utf-8")
    files = {"domains_file": str(domains), "words_file": str(words)}
    assert matched("http://www.bad.example/", **files) == "bad.example"
    assert matched("http://böse.example/", **files) == "xn--bse-sna.example"
    assert matched("http://ok.example/casino", **files) == "casino"
    assert matched("http://xhamster.com/", **files) == ""
    assert matched("http://more.example/", domains=["more.example"]) == "more.example"
    assert matched("http://ok.example/Lottery/", words=["LOTTERY"]) == "lottery"


def test_an_allowed_entry_drops_no_page_and_none_switches_the_rule_off() -> None:
    measured = {"matched": "casino"}
    assert URL(URLConfig()).decide(measured) is not None
    assert URL(URLConfig(allowed=("", "casino"))).decide(measured) is None
    assert URL(URLConfig(allowed=None)).decide(measured) is None


def test_a_list_that_is_not_there_is_the_users_mistake(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="domains_file"):
        URL(URLConfig(domains_file=str(tmp_path / "none.txt"))).load()
    (tmp_path / "binary").write_bytes(b"\xff\xfe")
    with pytest.raises(UserError, match="words_file"):
        URL(URLConfig(words_file=str(tmp_path / "binary"))).load()
