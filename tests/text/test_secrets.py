"""Keys of known forms and what looks random are found; samples, words and hashes of code are left."""

import itertools
import random
import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from curate.text.secrets import looks_random, secrets

RANDOM = random.Random(1)


def some(count: int, letters: str = string.ascii_letters + string.digits) -> str:
    return "".join(RANDOM.choices(letters, k=count))


UPPER = string.ascii_uppercase + "234567"
KEYS = {
    "aws_key": "AKIA" + some(16, UPPER),
    "github": "ghp_" + some(36),
    "gitlab": "glpat-" + some(20),
    "slack": "xoxb-" + some(12, string.digits) + "-" + some(24),
    "jwt": "eyJ" + some(30) + ".eyJ" + some(40) + "." + some(43),
    "stripe": "sk_live_" + some(24),
    "google": "AIza" + some(35),
    "npm": "npm_" + some(36),
    "sendgrid": "SG." + some(22) + "." + some(43),
    "pypi": "pypi-AgEIcHlwaS5vcmc" + some(70),
}


@pytest.mark.parametrize("kind", KEYS)
def test_a_key_of_a_known_form_is_found_whole_and_nothing_beside_it(kind: str) -> None:
    for before, after in (("", ""), ("x = '", "'\n"), ("(", ")"), ("Bearer ", ";")):
        text = f"{before}{KEYS[kind]}{after}"
        found = secrets(text)
        assert [(text[each.start : each.end], each.kind) for each in found] == [(KEYS[kind], kind)]


def test_a_private_key_is_masked_between_its_lines_and_a_mention_is_not() -> None:
    body = "\n".join(some(64) for _ in range(10))
    text = f"-----BEGIN RSA PRIVATE KEY-----\n{body}\n-----END RSA PRIVATE KEY-----\n"
    (found,) = secrets(text)
    assert text[found.start : found.end].strip() == body
    assert secrets('if line == "-----BEGIN PRIVATE KEY-----": start()\n-----END x' + " word" * 40) == []
    assert secrets("-----BEGIN PRIVATE KEY-----\n" + "x y " * 5) == []


def test_a_password_in_a_url_is_found_and_a_placeholder_is_not() -> None:
    text = "postgres://keeper:h4rb0ur!9@db.example/quay"
    (found,) = secrets(text)
    assert text[found.start : found.end] == "h4rb0ur!9"
    for left in ("https://user:password@host", "ftp://a:<secret>@host", "http://a:$PASS@host", "https://host:8080/@x"):
        assert secrets(left) == []


@pytest.mark.parametrize(
    "line", ['api_key = "{}"', "'client_secret': '{}'", 'token: "{}"', "const apiKey = `{}`;", 'PASSWORD="{}"']
)
def test_a_random_value_with_a_name_that_says_secret_is_found(line: str) -> None:
    value = "q7Zt3mVx9Lc2Rk8WbN4y"
    text = line.format(value)
    assert [text[each.start : each.end] for each in secrets(text)] == [value]
    assert secrets(line.format("your_api_key_goes_here")) == []
    assert secrets(line.format("https://host.example/a1b2")) == []
    assert secrets(line.format("short1")) == []


def test_hashes_and_identifiers_without_such_a_name_stay() -> None:
    for text in (
        f'sha256 = "{some(64, "0123456789abcdef")}"',
        'version = "1.2.3-alpha.45.build.678"',
        "key = 'left-arrow-navigation'",
        "separator = 'aaaaaaaaaaaaaaaaaaaa1'",
    ):
        assert secrets(text) == []


def test_words_have_too_little_in_them_and_random_values_enough() -> None:
    assert looks_random("q7Zt3mVx9Lc2Rk8W")
    assert not looks_random("aaaaaaaaaaaaaaa1")
    assert not looks_random("exampleq7Zt3mVx9")
    assert not looks_random("left-arrow-navigation")


@given(st.text(), st.sampled_from(sorted(KEYS)), st.text())
def test_secrets_are_in_order_apart_and_inside_the_text(before: str, kind: str, after: str) -> None:
    found = secrets(f"{before} {KEYS[kind]} {after}")
    assert all(one.end <= two.start for one, two in itertools.pairwise(found))
    assert any(each.kind == kind for each in found)


@pytest.mark.parametrize(
    "text",
    ["eyJ" * 40_000, "secret" * 20_000, "a://b:" * 20_000, "xoxb-" * 20_000, "-----BEGIN PRIVATE KEY-----" * 4_000],
)
def test_hostile_text_is_searched_in_bounded_steps(text: str) -> None:
    secrets(text)
