"""Labels that nobody gave: what is put into text, what is left out, and which pages are adult by their host."""

from __future__ import annotations

import random
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from curate.errors import UserError
from curate.models.fasttext_model import plain_words
from curate.models.texts import TrainingText
from curate.models.weak_labels import (
    LENGTHS,
    MOST_ORDINARY,
    MOST_PIECES,
    Blindfold,
    adult_pages,
    clean_pieces,
    packaged,
    read_list,
    salted,
    sample_pages,
    split_entries,
    strung,
)
from curate.text.badwords import listed_words

WORDS = st.sampled_from("the of to Zorb zorbs, mild-zorb tea".split())  # noqa: SIM905


@given(st.lists(st.text("ab c", min_size=1, max_size=9), max_size=120))
def test_posts_are_strung_together_without_losing_one(posts: list[str]) -> None:
    found = strung(posts)
    assert "\n".join(found) == "\n".join(posts)
    lengths = [text.count("\n") + 1 for text in found[:5]]
    assert lengths[: len(lengths) - 1] == [1, 2, 4, 8, 16][: max(len(lengths) - 1, 0)]


@given(st.lists(WORDS, min_size=1), st.floats(0, 0.5), st.integers(0, 99))
def test_salt_is_added_and_the_text_stays(words: list[str], share: float, seed: int) -> None:
    made = salted(" ".join(words), ["XX"], share, random.Random(seed)).split()
    assert [word for word in made if word != "XX"] == " ".join(words).split()
    assert made.count("XX") == max(1, round(share * len(words)))


def test_entries_that_clean_text_has_often_are_not_put_into_it() -> None:
    clean = ["a page on sex, education"] * (MOST_ORDINARY + 1) + ["a two word entry here"] * MOST_ORDINARY + ["zorbs"]
    salt, ordinary = split_entries(["Sex", "zorb", "two word", "two-word", ""], clean)
    assert salt == ["two word", "zorb"], "`zorbs` is no `zorb`"
    assert ordinary == ["sex", "two word"]


@given(st.lists(WORDS, max_size=30))
def test_a_blindfold_takes_whole_words_and_nothing_else(words: list[str]) -> None:
    plain = plain_words(" ".join(words))
    left = Blindfold(["Zorb"])(plain).split()
    assert left == [word for word in plain.split() if word != "zorb"]
    assert Blindfold([])(plain).split() == plain.split()


def test_pieces_are_of_every_length_and_no_document_has_more_than_its_share() -> None:
    document = TrainingText("a", "books", "en", "\n".join("x" * 99 for _ in range(3000)))
    found = clean_pieces([document])
    assert len(found) == MOST_PIECES * len(LENGTHS)
    assert {min(LENGTHS, key=lambda length: abs(length - len(piece))) for piece in found} == set(LENGTHS)


def test_pages_of_listed_hosts_and_those_below_them_are_adult() -> None:
    urls = [
        "http://zorb.example/",
        "https://www.zorb.example/a",
        "http://xzorb.example/",
        "",
        "http://tea.example/zorb",
    ]
    pages = [TrainingText(url, "crawl", "en", "text", url) for url in urls]
    assert [page.url for page in adult_pages(pages, ["Zorb.example"])] == urls[:2]
    assert not list(adult_pages(pages, []))


def test_a_list_has_an_entry_a_line_and_says_when_it_has_none(tmp_path: Path) -> None:
    path = tmp_path / "list.txt"
    path.write_text("# comment\n\n Zorb \ntwo words\n")
    assert read_list(path, "--words") == ["zorb", "two words"]
    for content in (b"# nothing\n", b"\xff\xfe"):
        path.write_bytes(content)
        with pytest.raises(UserError, match=r"--words .*list\.txt"):
            read_list(path, "--words")
    with pytest.raises(UserError, match="--words"):
        read_list(tmp_path / "absent", "--words")


def test_the_lists_of_the_package_are_there_for_the_languages_that_have_them() -> None:
    assert packaged("groups", "xx") == packaged("dialect", "xx") == frozenset()
    assert {"muslim", "gay", "deaf", "woman"} <= packaged("groups", "en")
    assert not packaged("groups", "en") & packaged("dialect", "en")


def test_a_slur_is_no_name_of_a_group() -> None:
    """What the classifier must not know holds no entry of the list of explicit words."""
    for kind in ("groups", "dialect"):
        assert not packaged(kind, "en") & listed_words("en"), kind


def test_the_sample_has_adult_and_toxic_pages_and_each_is_one_or_the_other() -> None:
    pages = sample_pages()
    assert {page.kind for page in pages} == {"nsfw", "toxic"}
    assert len(pages) >= 8
    assert all(page.text and page.url.startswith("http") and "\nkind:" not in page.text for page in pages)
