"""RedPajama-v1's rules for code at their boundaries, and the options beside them (recipes §5)."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from curate.text.page import Page
from filters.code import Code, CodeConfig, alphanumerics, visible_share
from filters.code_header import CodeHeader, CodeHeaderConfig
from filters.secrets import Secrets, SecretsConfig


def reason(text: str, url: str = "a.py", **settings: object) -> str | None:
    item = Code(CodeConfig.model_validate(settings))
    item.load()
    verdict = item.decide(item.measure(Page(text, url)))
    return None if verdict is None else verdict.rule.reason


def test_a_line_of_1000_characters_is_kept_and_one_more_is_not() -> None:
    short = "x = 1\n" * 40
    assert reason(short + "yes " * 250) is None
    assert reason(short + "yes " * 250 + "y") == "long_line"


def test_100_characters_a_line_on_average_are_kept_and_more_are_not() -> None:
    """The average is the file's characters over its lines, as in RedPajama-v1."""
    assert reason("y" * 99 + "\n" + "y" * 100) is None  # 200 characters in two lines
    assert reason("y" * 100 + "\n" + "y" * 100) == "long_lines"


def test_a_quarter_alphanumeric_is_kept_and_less_is_not() -> None:
    assert reason("a---" * 10) is None
    assert reason("a---" * 10 + "-") == "alphanumeric"


@given(st.text())
def test_alphanumerics_are_those_of_the_reference(text: str) -> None:
    assert alphanumerics(text) == sum(map(str.isalnum, text))


def test_letters_a_token_are_measured_only_with_a_tokenizer() -> None:
    digits = "1 2 3 4 5 6 7 8 9\n" * 20
    assert reason(digits) is None
    assert reason(digits, tokenizer="tokenizer-32k") == "letters_per_token"
    assert reason("the harbour clock shows the tide\n" * 20, tokenizer="tokenizer-32k") is None


def test_fertility_is_judged_by_the_languages_own_threshold() -> None:
    text = "the harbour clock shows the tide\n" * 20
    assert reason(text, "a.py", tokenizer="tokenizer-32k", min_fertility={"Java": 99.0}) is None
    assert reason(text, "a.java", tokenizer="tokenizer-32k", min_fertility={"Java": 99.0}) == "fertility"


def test_comment_shares_are_options() -> None:
    assert reason("x = 1\n" * 20) is None
    assert reason("x = 1\n" * 20, min_comments=0.01) == "few_comments"
    assert reason("# why\n" * 20, max_comments=0.8) == "many_comments"
    assert reason("anything at all", "a.unknown", min_comments=0.01) is None


def test_long_runs_of_encoded_data_are_no_code() -> None:
    line = "0x1f, 0x8b, 0x08, 0x00, 0x42, 0x17, 0x99, 0xee,\n"
    assert reason("static int a;\n" + line * 40, "a.c") == "encoded"
    assert reason("static int a;\n" * 200 + line * 3, "a.c") is None


def test_html_of_which_little_is_seen_goes_and_other_languages_are_not_asked() -> None:
    tags = "<div class='a'></div>\n" * 20
    assert reason(tags, "a.html") == "invisible"
    assert reason(tags + "Words that a reader sees.\n" * 20, "a.html") is None
    assert reason(tags, "a.md") is None
    assert visible_share("<script>var a;</script>ab<!-- c -->") == 2 / len("<script>var a;</script>ab<!-- c -->")


def test_xml_goes_where_asked() -> None:
    text = '<?xml version="1.0"?>\n<a>word</a>\n'
    assert reason(text, "a.xml") is None
    assert reason(text, "a.xml", max_xml=0) == "xml"


def test_the_header_filter_goes_by_the_language_that_the_source_names() -> None:
    text = "// Copyright 2020\nint a;\n"
    item = CodeHeader(CodeHeaderConfig())
    assert item.edit(Page(text, "a.c")) == "int a;\n"
    assert item.edit(Page(text, "a.py")) is None
    assert item.edit(Page(text, "a.py", metadata='{"language": "C"}')) == "int a;\n"
    assert item.edit(Page(text, "a.c", metadata="not json")) == "int a;\n"
    assert item.measure(Page(text, "a.c")) == {"characters": len("// Copyright 2020\n")}


def test_the_header_filter_does_as_redpajama_only_where_asked() -> None:
    text = "#include <a.h>\nint a;\n"
    assert CodeHeader(CodeHeaderConfig()).edit(Page(text, "a.c")) is None
    assert CodeHeader(CodeHeaderConfig(compat="redpajama_v1")).edit(Page(text, "a.c")) == "int a;\n"


KEY = "ghp_" + "q7Zt3mVx9Lc2Rk8WbN4yHd6PfS1aJg5EuTiO"


def test_secrets_and_addresses_are_masked_and_counted() -> None:
    page = Page(f"token = '{KEY}'\n# by keeper@quay.example, cloned from git@github.com:a/b\n")
    item = Secrets(SecretsConfig())
    assert item.measure(page) == {"secrets": 1, "emails": 1}
    assert item.edit(page) == "token = '<KEY>'\n# by <EMAIL>, cloned from git@github.com:a/b\n"
    assert item.edit(Page("no secrets here")) is None


def test_each_kind_may_be_left_and_files_full_of_keys_dropped() -> None:
    page = Page(f"{KEY} a@quay.example")
    assert Secrets(SecretsConfig(email_placeholder="")).edit(page) == "<KEY> a@quay.example"
    assert Secrets(SecretsConfig(placeholder="")).edit(page) == f"{KEY} <EMAIL>"
    strict = Secrets(SecretsConfig(max_secrets=0))
    assert strict.decide(strict.measure(page)) is not None
    assert Secrets(SecretsConfig(assigned=False)).measure(Page("api_key = 'q7Zt3mVx9Lc2Rk8W'"))["secrets"] == 0


@given(st.lists(st.sampled_from([KEY, "a@quay.example", "word", "\n", "@", "-----BEGIN"]), max_size=12).map(" ".join))
def test_masking_leaves_nothing_to_mask(text: str) -> None:
    item = Secrets(SecretsConfig())
    edited = item.edit(Page(text))
    assert (edited is None) == (KEY not in text and "a@quay.example" not in text)
    assert edited is None or item.edit(Page(edited)) is None


@pytest.mark.parametrize("kind", [Code, CodeHeader, Secrets])
@pytest.mark.parametrize("text", ["", "\x00", "\ud800", "x" * 100_000, "<" * 50_000, "\n" * 50_000])
def test_any_text_is_measured(kind: type, text: str) -> None:
    item = kind(kind.Config())
    assert set(item.measure(Page(text, "a.html"))) == set(kind.columns)
    item.edit(Page(text, "a.html"))
