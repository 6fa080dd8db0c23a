"""Benchmark files of every form, the three limits, and that the scores depend on what the files hold."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from curate.errors import UserError
from curate.manifest import validated
from curate.models.registry import resolve
from curate.text.page import Page
from filters.decontamination import Decontamination, DecontaminationConfig

QUESTION = "A baker packs nine loaves in each of fourteen crates and sells all but five of them on Saturday morning"
ANSWER = "He has five loaves left when the market closes its gates behind the last of the carts"
OTHER = "Nothing here was ever asked of anyone and nobody will answer it either on this or any other day"


def write(folder: Path, name: str) -> str:
    rows = [{"id": "x1", "question": OTHER, "answer": "yes"}, {"id": "x2", "question": QUESTION, "answer": ANSWER}]
    path = folder / name
    plain = name.removesuffix(".gz")
    if plain.endswith(".txt"):
        data = f"{OTHER}\n\n{QUESTION}\n".encode()
    elif plain.endswith(".jsonl"):
        data = "".join(json.dumps(row) + "\n" for row in rows).encode()
    elif plain.endswith(".json"):
        data = json.dumps(rows).encode()
    else:
        pq.write_table(pa.Table.from_pylist(rows), path)
        data = path.read_bytes()
    path.write_bytes(gzip.compress(data) if name.endswith(".gz") else data)
    return str(path)


def filter_of(**settings) -> Decontamination:
    found = Decontamination(validated(DecontaminationConfig, settings, "manifest"))
    found.models()
    return found


@pytest.mark.parametrize(
    ("name", "item"),
    [
        ("b.txt", "mine:3"),
        ("b.txt.gz", "mine:3"),
        ("b.jsonl", "mine:2"),
        ("b.jsonl.gz", "mine:2"),
        ("b.json", "mine:2"),
        ("b.parquet", "mine:2"),
    ],
)
def test_every_form_of_file_is_read_and_the_item_is_named_by_its_line(tmp_path, name, item):
    found = filter_of(benchmarks={"mine": write(tmp_path, name)}).measure(Page(f"Once. {QUESTION}. End."))
    assert found["item"] == item
    assert found["ngrams"] == len(QUESTION.split()) - 12


def test_only_the_fields_that_are_named_count(tmp_path):
    path = write(tmp_path, "b.jsonl")
    answers = filter_of(benchmarks={"mine": {"path": path, "fields": ["answer"]}})
    assert answers.measure(Page(QUESTION))["ngrams"] == 0
    assert answers.measure(Page(ANSWER))["item"] == "mine:2"


def verdict(found: Decontamination, text: str) -> str | None:
    said = found.decide(found.measure(Page(text)))
    return said and said.reason


def test_one_ngram_in_common_drops_a_document_and_null_only_measures(tmp_path):
    path = write(tmp_path, "b.jsonl")
    assert verdict(filter_of(benchmarks={"mine": path}), QUESTION) == "decontamination.overlap"
    assert verdict(filter_of(benchmarks={"mine": path}), "Something else entirely.") is None
    measuring = filter_of(benchmarks={"mine": path}, max_ngrams=None)
    assert measuring.measure(Page(QUESTION))["ngrams"] > 0
    assert verdict(measuring, QUESTION) is None


def test_a_share_of_the_document_may_be_the_limit(tmp_path):
    path = write(tmp_path, "b.jsonl")
    count = len(QUESTION.split())
    half = QUESTION + " filler" * count
    assert verdict(filter_of(benchmarks={"mine": path}, max_ngrams=None, max_share=0.5), half) is None
    below = filter_of(benchmarks={"mine": path}, max_ngrams=None, max_share=0.49)
    assert verdict(below, half) == "decontamination.share"


def test_a_share_of_the_item_may_be_the_limit(tmp_path):
    path = write(tmp_path, "b.jsonl")
    settings = {"benchmarks": {"mine": {"path": path, "fields": ["question"]}}, "n": 8, "max_ngrams": None}
    words = QUESTION.split()
    half = " ".join(words[: 8 + (len(words) - 8) // 2])
    share = filter_of(**settings).measure(Page(half))["item_share"]
    assert 0.3 < share < 0.7
    assert verdict(filter_of(**settings, max_item_share=share), half) is None
    assert verdict(filter_of(**settings, max_item_share=share - 0.01), half) == "decontamination.item"


def test_the_file_is_what_a_build_depends_on(tmp_path):
    path = write(tmp_path, "b.jsonl")
    before = [resolve(reference).sha256 for reference in filter_of(benchmarks={"mine": path}).models()]
    with open(path, "a") as out:
        out.write(json.dumps({"question": "One more item that has rather more than eight words in it"}) + "\n")
    after = [resolve(reference).sha256 for reference in filter_of(benchmarks={"mine": path}).models()]
    assert before != after


@pytest.mark.parametrize(
    ("benchmarks", "says"),
    [
        ({}, "name at least one file"),
        ({"mine": "nowhere.jsonl"}, "filters.decontamination.benchmarks.mine: no file at nowhere.jsonl"),
        ({"mine": "{folder}/broken.jsonl"}, "is not JSON"),
        ({"mine": "{folder}/latin.txt"}, "is not UTF-8"),
        ({"mine": "{folder}/short.txt"}, "lower min_words"),
        ({"mine": "{folder}/what.csv"}, "name a .txt"),
        ({"mine": "{folder}/no.jsonl.gz"}, "is no gzip file"),
        ({"mine": "{folder}/no.parquet"}, "is not Parquet"),
        (
            {"mine": {"path": "{folder}/b.jsonl", "fields": ["text"]}},
            "lacks a field of text (has: id, question, answer)",
        ),
        ({"mine": {"path": "{folder}/short.txt", "fields": ["text"]}}, "has no fields"),
    ],
)
def test_a_file_that_cannot_be_used_is_the_users_mistake_in_one_line(tmp_path, benchmarks, says):
    write(tmp_path, "b.jsonl")
    for name, data in {
        "broken.jsonl": b'{"a": 1}\n{"b"',
        "latin.txt": b"caf\xe9",
        "short.txt": b"too short\n",
        "what.csv": b"a,b",
        "no.jsonl.gz": b"{}",
        "no.parquet": b"{}",
    }.items():
        (tmp_path / name).write_bytes(data)
    text = json.dumps(benchmarks).replace("{folder}", str(tmp_path))
    with pytest.raises(UserError) as raised:
        filter_of(benchmarks=json.loads(text))
    assert says in str(raised.value)
    assert "\n" not in str(raised.value)
