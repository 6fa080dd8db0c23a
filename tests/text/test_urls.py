import pytest
from hypothesis import given
from hypothesis import strategies as st

from curate.text.urls import ascii_domain, blocked, default_domains, default_words, entries, host_and_path

DOMAINS = {"bad.example", "very.bad.example", "xn--bse-sna.example"}
WORDS = {"casino", "xxx"}


@pytest.mark.parametrize(
    ("url", "entry"),
    [
        ("http://bad.example/", "bad.example"),
        ("https://BAD.Example:8080/x", "bad.example"),
        ("https://user:pass@www.bad.example./x", "bad.example"),
        ("//a.very.bad.example", "very.bad.example"),
        ("bad.example/without/scheme", "bad.example"),
        ("http://böse.example/", "xn--bse-sna.example"),
        ("http://notbad.example/", None),
        ("http://bad.example.org/", None),
        ("http://ok.example/?to=bad.example", None),
        ("http://ok.example/bad.example", None),
        ("http://bad.example@ok.example/", None),
        ("http://ok.example/casino/1", "casino"),
        ("http://ok.example/best_CASINO-2.html", "casino"),
        ("http://casino.ok.example/", "casino"),
        ("http://ok.example/%63asino", "casino"),
        ("http://ok.example/casinos", None),
        ("http://ok.example/?q=casino", None),
        ("http://ok.example/#casino", None),
    ],
)
def test_domains_cover_subdomains_and_words_are_whole_tokens_of_host_or_path(url: str, entry: str | None) -> None:
    assert blocked(url, DOMAINS, WORDS) == entry


@pytest.mark.parametrize(
    "url", ["", "http://", "http://[::1", "http://[bad]/", "::::", "http://\x00\ud800/", "%", "//@:/", "http://%zz/%zz"]
)
def test_malformed_urls_are_not_blocked_and_do_not_raise(url: str) -> None:
    assert blocked(url, DOMAINS, WORDS) is None


@given(st.text())
def test_no_text_makes_blocked_raise(url: str) -> None:
    assert blocked(url, set(), set()) is None
    host_and_path("http://" + url)


@given(st.from_regex(r"[a-z]{1,8}(\.[a-z]{1,8}){1,3}", fullmatch=True), st.from_regex(r"[a-z]{1,5}", fullmatch=True))
def test_every_subdomain_of_a_blocked_domain_is_blocked(domain: str, label: str) -> None:
    assert blocked(f"http://{label}.{domain}/", {domain}, set()) == domain
    assert blocked(f"http://{label}{domain}/", {domain}, set()) is None


def test_an_address_literal_is_a_host() -> None:
    assert host_and_path("http://[2001:db8::1]:80/a")[0] == "[2001:db8::1]"


def test_comments_and_blank_lines_are_no_entries() -> None:
    assert entries(["# list", "", "  Bad.Example  ", "\t"]) == ["bad.example"]


def test_the_packaged_lists_are_in_the_form_that_is_compared() -> None:
    assert default_domains()
    assert default_words()
    assert all(ascii_domain(domain) == domain and "." in domain for domain in default_domains())
    assert all(word.isalnum() and word == word.lower() for word in default_words())


def test_a_host_longer_than_dns_allows_is_still_matched_at_its_end() -> None:
    assert blocked("http://" + "a." * 10_000 + "bad.example/", DOMAINS, WORDS) == "bad.example"
