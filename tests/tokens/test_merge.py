"""Datasets joined: the same documents under one index, linked and not copied, and refused where they cannot be one."""

from __future__ import annotations

import os

import pytest

from curate.errors import UserError
from curate.tokens.merge import merge_datasets, parts_of
from curate.tokens.reader import TokenDataset
from curate.tokens.verify import verify_tokens

ONE = {"a": {f"a-{n}": [5 + n, 6, 7] for n in range(9)}}
TWO = {"b": {f"b-{n}": [50 + n] * 6 for n in range(5)}, "c": {"c-0": [9]}}


def test_the_joined_dataset_has_every_document_of_each_and_verifies(build, tmp_path):
    build(tmp_path / "one", ONE)
    build(tmp_path / "two", TWO, shards=3)
    merge_datasets(str(tmp_path / "all"), [str(tmp_path / "one"), str(tmp_path / "two")], {"mixture": {"a": 1.0}})
    assert verify_tokens(str(tmp_path / "all")) == []
    joined = TokenDataset.open(str(tmp_path / "all"))
    assert joined.sources == ["a", "b", "c"]
    assert joined.manifest["extra"] == {"mixture": {"a": 1.0}}
    for root in ("one", "two"):
        alone = TokenDataset.open(str(tmp_path / root))
        for source in alone.sources:
            pairs = [[(i, t.tolist()) for i, t in dataset.documents(source)] for dataset in (alone, joined)]
            assert pairs[0] == pairs[1]


def test_the_parts_read_back_are_the_parts_written(build, tmp_path):
    parts = build(tmp_path / "one", {**ONE, **TWO})
    key = lambda part: part["file"]  # noqa: E731
    assert sorted(parts_of(TokenDataset.open(str(tmp_path / "one"))), key=key) == sorted(
        ({**part, "row_groups": list(part["row_groups"])} for part in parts), key=key
    )


def test_joining_again_leaves_it_and_joining_others_redoes_it(build, tmp_path):
    for name, sources in (("one", ONE), ("two", TWO)):
        build(tmp_path / name, sources)
    root, folders = str(tmp_path / "all"), [str(tmp_path / "one"), str(tmp_path / "two")]
    first = merge_datasets(root, folders)
    written = os.stat(tmp_path / "all/manifest.json").st_mtime_ns
    assert merge_datasets(root, folders[::-1]) == first
    assert os.stat(tmp_path / "all/manifest.json").st_mtime_ns == written
    assert sorted(merge_datasets(root, folders[:1])["sources"]) == ["a"]
    assert verify_tokens(root) == []


def test_parts_are_linked_where_they_can_be_and_copied_where_not(build, tmp_path, monkeypatch):
    build(tmp_path / "one", ONE, shards=1)
    part = "source=a/part-00000-of-00001.parquet"
    merge_datasets(str(tmp_path / "linked"), [str(tmp_path / "one")])
    assert os.path.samefile(tmp_path / "one" / part, tmp_path / "linked" / part)

    def refuse(*_):
        raise OSError("another disk")

    monkeypatch.setattr(os, "link", refuse)
    merge_datasets(str(tmp_path / "copied"), [str(tmp_path / "one")])
    assert not os.path.samefile(tmp_path / "one" / part, tmp_path / "copied" / part)
    assert (tmp_path / "one" / part).read_bytes() == (tmp_path / "copied" / part).read_bytes()


def test_what_cannot_be_one_dataset_is_refused(build, tmp_path):
    build(tmp_path / "one", ONE)
    build(tmp_path / "same", ONE)
    build(tmp_path / "other", TWO, delimiters="eos")
    with pytest.raises(UserError, match="both hold a source a"):
        merge_datasets(str(tmp_path / "all"), [str(tmp_path / "one"), str(tmp_path / "same")])
    with pytest.raises(UserError, match="delimiters"):
        merge_datasets(str(tmp_path / "all"), [str(tmp_path / "one"), str(tmp_path / "other")])
    assert not (tmp_path / "all").exists()
