"""No password, token or key of an address or an option is printed or kept."""

from __future__ import annotations

import logging

import pytest
from hypothesis import given
from hypothesis import strategies as st

from curate.hidden import HidingFormatter, hidden, hidden_in

WORDS = st.text(st.characters(categories=["L", "N", "P", "Z"]), max_size=60)


@pytest.mark.parametrize(
    "text",
    [
        "https://user:SECRET@host.example/a.warc.gz",
        "https://SECRET@host.example/a.warc.gz",
        "ftp://user:SECRET@host.example/",
        "https://host.example/a.warc.gz?X-Amz-Signature=SECRET",
        "https://host.example/a?x=1&token=SECRET&y=2 cannot be read",
        "url=URL('https://host.example/a?sig=SECRET')",
        "--aws_secret_access_key=SECRET",
        "--s3_secret_access_key SECRET",
        "['--job_endpoint=localhost:8099', '--s3_session_token=SECRET']",
        "--password='SECRET'",
        "-Dfs.s3a.secret.key=SECRET",
        "--hf_token=SECRET",
    ],
)
def test_a_secret_of_an_address_or_an_option_is_hidden(text: str) -> None:
    shown = hidden(text.replace("SECRET", "s3cr3tVa1ue"))
    assert "s3cr3tVa1ue" not in shown
    assert "…" in shown or "@" not in shown


@pytest.mark.parametrize(
    "text",
    [
        "https://host.example/a.warc.gz: the server answers 404; check the address",
        "s3://bucket/key with spaces/a.gz is not there",
        "--tokens.tokenizer=tokenizer-32k",
        "--set tokens.tokenizer=some",
        "tokenize: redone, because select: abc -> def",
        "mail someone@host.example about file@1234",
        "curate: corpus/out: No space left on device: make room",
    ],
)
def test_what_is_no_secret_is_left_as_it_is(text: str) -> None:
    assert hidden(text) == text


@given(WORDS, WORDS, st.text("abcdefghijklmnopqrstuvwxyz0123456789%+._~-", min_size=12, max_size=40))
def test_wherever_it_stands_and_hiding_twice_changes_nothing(before: str, after: str, secret: str) -> None:
    for text in (f"https://u:{secret}@h.example/x", f"https://h.example/x?t={secret}", f"--api_key={secret}"):
        shown = hidden(f"{before} {text} {after}")
        assert shown.count(secret) == (before + " " + after).count(secret)
        assert hidden(shown) == shown


def test_every_string_of_a_record_is_hidden_and_nothing_else_changes() -> None:
    given_ = {"a": ["https://u:p@h.example/x?y=z", 1, None, {"b": ("--secret=q", True)}], "n": 2.5}
    assert hidden_in(given_) == {"a": ["https://h.example/x?…", 1, None, {"b": ["--secret=…", True]}], "n": 2.5}


def test_a_logged_traceback_is_hidden() -> None:
    try:
        raise ValueError("https://u:s3cr3t@h.example/x?sig=s3cr3t")
    except ValueError as error:
        record = logging.LogRecord("n", logging.ERROR, "f", 1, "at --token=s3cr3t", None, None)
        record.exc_info = (type(error), error, error.__traceback__)
    shown = HidingFormatter(logging.BASIC_FORMAT).format(record)
    assert "ValueError" in shown
    assert "s3cr3t" not in shown
