"""Published C4, line by line: what becomes a document, what is dropped, and what is set aside."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import pytest

from curate.document import Document
from curate.errors import SetAside
from curate.inputs import InputFile
from curate.sources.c4 import C4, C4Extract, language_of
from curate.sources.source import Dropped, Outcome, Piece
from curate.text.c4 import split_name, split_of
from curate.text.page import Page
from filters.c4 import C4 as Rules
from filters.c4 import C4Config, clean

PAGE = {"text": "A line of the page.\nAnother line.", "timestamp": "2019-04-25T12:57:54Z", "url": "https://a.example/b"}


def outcomes(
    folder: Path, lines: list[bytes], name: str = "c4-train.00000-of-00001.json.gz", **config: Any
) -> list[Outcome]:
    path = folder / name
    text = b"".join(line + b"\n" for line in lines)
    path.write_bytes(gzip.compress(text) if name.endswith(".gz") else text)
    return list(C4(C4Extract(**config)).read(Piece(str(path), name, 0)))


def one(folder: Path, page: Any, **config: Any) -> Outcome:
    [found] = outcomes(folder, [page if isinstance(page, bytes) else json.dumps(page).encode()], **config)
    return found


def test_a_line_is_a_document_as_published(tmp_path: Path) -> None:
    first, second = outcomes(tmp_path, [json.dumps(PAGE).encode()] * 2)
    assert isinstance(first, Document)
    assert isinstance(second, Document)
    assert (first.text, first.url, first.date) == (PAGE["text"], PAGE["url"], PAGE["timestamp"])
    assert (first.source, first.licence, first.language_declared) == ("c4", "ODC-By-1.0", "en")
    assert (first.offset, second.offset) == (0, len(json.dumps(PAGE)) + 1)
    assert first.id != second.id


def test_a_line_without_address_or_time_is_a_document_too(tmp_path: Path) -> None:
    found = one(tmp_path, {"text": "words", "url": None, "timestamp": 7})
    assert isinstance(found, Document)
    assert (found.url, found.date) == ("", "")


@pytest.mark.parametrize("name", ["x.json.gz", "x.jsonl.gz", "x.json", "x.jsonl"])
def test_plain_and_zipped_files_are_read_alike(tmp_path: Path, name: str) -> None:
    [found] = outcomes(tmp_path, [json.dumps(PAGE).encode()], name)
    assert isinstance(found, Document)
    assert found.text == PAGE["text"]


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (b'{"text": "torn', "bad_json"),
        (b"\x00\x01\x02", "bad_json"),
        (b'{"text": "\xff\xfe"}', "bad_encoding"),
        (json.dumps(PAGE).encode("utf-16"), "bad_encoding"),
        (b"[" * 100_000, "bad_json"),
        (b'{"text": ' + b"9" * 100_000 + b"}", "bad_json"),
        (b'["text"]', "not_a_page"),
        (b'{"content": "words"}', "not_a_page"),
        (b'{"text": ["words"]}', "not_a_page"),
        (b'{"text": 5}', "not_a_page"),
        (b"null", "not_a_page"),
    ],
)
def test_what_is_no_page_is_set_aside_and_the_next_line_read(tmp_path: Path, line: bytes, reason: str) -> None:
    good = json.dumps(PAGE).encode()
    first, bad, last = outcomes(tmp_path, [good, line, good])
    assert isinstance(first, Document)
    assert isinstance(bad, SetAside)
    assert isinstance(last, Document)
    assert (bad.reason, bad.offset) == (reason, len(good) + 1)
    assert len(bad.detail) < 300
    assert "\n" not in bad.detail


def test_surrogates_are_joined_or_replaced_and_nul_goes(tmp_path: Path) -> None:
    found = one(tmp_path, b'{"text": "a\\ud83d\\ude00b\\ud800c\\u0000d"}')
    assert isinstance(found, Document)
    assert found.text == "a\U0001f600b\ufffdcd"


def test_a_page_without_words_is_dropped_and_blank_lines_are_no_pages(tmp_path: Path) -> None:
    found = outcomes(tmp_path, [b"", b"  ", json.dumps({**PAGE, "text": " \n"}).encode()])
    assert [(one.reason, one.url) for one in found if isinstance(one, Dropped)] == [("empty", PAGE["url"])]
    assert len(found) == 1


def test_the_split_is_by_the_hash_of_the_address(tmp_path: Path) -> None:
    """tensorflow_datasets/text/c4.py: 1 of 1,000 is validation."""
    held_out = next(url for n in range(10**6) if split_of(url := f"https://a.example/{n}") == 0)
    lines = [json.dumps({**PAGE, "url": url}).encode() for url in (held_out, PAGE["url"], "")]
    kept = {split: [d.url for d in outcomes(tmp_path, lines, split=split) if isinstance(d, Document)]
            for split in ("all", "train", "validation")}  # fmt: skip
    assert kept == {"all": [held_out, PAGE["url"], ""], "train": [PAGE["url"], ""], "validation": [held_out]}
    assert split_name(held_out) == "validation"
    filtered = Rules(C4Config(splits=("train",)))
    assert filtered.decide(filtered.measure(Page("x", url=held_out))).rule.reason == "other_split"  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("file", "language"),
    [
        ("en/c4-train.00000-of-01024.json.gz", "en"),
        ("c4-validation.00000-of-00008.json.gz", "en"),
        ("multilingual/c4-fr.tfrecord-00000-of-02048.json.gz", "fr"),
        ("multilingual/c4-zh-Latn.tfrecord-00000-of-00001.json.gz", "zh-Latn"),
        ("c4-de-validation.tfrecord-00000-of-00016.json.gz", "de"),
        ("pages.jsonl", ""),
    ],
)
def test_the_language_is_that_of_the_published_name(file: str, language: str) -> None:
    assert language_of(file) == language


def test_the_language_and_licence_may_be_given(tmp_path: Path) -> None:
    [found] = outcomes(tmp_path, [json.dumps(PAGE).encode()], "x.json", language="nl", licence="CC0-1.0")
    assert isinstance(found, Document)
    assert (found.language_declared, found.licence) == ("nl", "CC0-1.0")


def test_pieces_cover_a_file_of_any_size() -> None:
    source = C4(C4Extract(range_bytes=100))
    pieces = list(source.pieces(InputFile("x", "x", 250, ""), 3))
    assert [(piece.start, piece.end) for piece in pieces] == [(0, 100), (100, 200), (200, 250)]
    assert [(piece.start, piece.end) for piece in source.pieces(InputFile("x", "x", -1, ""), 0)] == [(0, -1)]
    assert list(source.pieces(InputFile("x", "x", 0, ""), 0)) == []


@pytest.mark.realdata
def test_all_real_c4_is_read(real_c4: Path) -> None:
    counts = {}
    for path in sorted(real_c4.glob("*.gz")):
        found = list(C4(C4Extract()).read(Piece(str(path), path.name, 0)))
        assert all(isinstance(item, Document) for item in found)
        with gzip.open(path) as lines:
            assert [item.text for item in found if isinstance(item, Document)] == [
                json.loads(line)["text"] for line in lines
            ]
        counts[path.name] = len(found)
    assert sum(counts.values()) > 1200


def agreement(path: Path, cut: bool) -> tuple[int, int, list[str]]:
    """(pages, lines, what C4's rules drop of them) of published C4. cut: texts that upstream cut in their last line,
    which is then left out; a page may have too few sentences without it."""
    rules = Rules(C4Config())
    pages = lines = 0
    exceptions: list[str] = []
    for item in C4(C4Extract()).read(Piece(str(path), path.name, 0)):
        assert isinstance(item, Document)
        text, last = item.text, item.text.rpartition("\n")[2]
        whole = not cut or bool(clean(last, rules.config).lines)
        page = Page(text if whole else text[: -len(last)], language="en")
        measured = rules.measure(page)
        pages += 1
        lines += int(measured["lines"] or 0)
        exceptions += ["line"] * (int(measured["lines"] or 0) - int(measured["lines_kept"] or 0))
        verdict = rules.decide(measured)
        if verdict is not None and (whole or verdict.rule.reason != "few_sentences"):
            exceptions.append(verdict.rule.reason)
    return pages, lines, exceptions


@pytest.mark.realdata
def test_published_pages_pass_the_rules_that_made_them(real_c4: Path) -> None:
    """The cross-check: of whole pages no line is dropped, and nothing but the blocklist drops a page (1 in 203)."""
    for name, pages, most in (("c4-en-full.00000-of-00001.json.gz", 200, 1), ("c4-train.first3.json.gz", 3, 0)):
        counted, lines, exceptions = agreement(real_c4 / name, cut=False)
        assert counted == pages
        assert lines > 4 * pages
        assert set(exceptions) <= {"bad_word"}
        assert len(exceptions) <= most


@pytest.mark.realdata
def test_pages_that_were_cut_pass_them_up_to_the_cut(real_c4: Path) -> None:
    counted, lines, exceptions = agreement(real_c4 / "c4-en-truncated.00000-of-00001.json.gz", cut=True)
    assert counted == 987
    assert lines > 4000
    assert exceptions.count("line") <= 2  # upstream lost a space in each
    assert set(exceptions) == {"line", "bad_word"}
    assert exceptions.count("bad_word") <= counted // 100
