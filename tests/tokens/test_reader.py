"""A dataset reads back as it was written, by document and by row group, and agrees with plain pyarrow."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import fsspec
import numpy as np
import pyarrow.dataset
import pyarrow.parquet as pq
import pytest

from curate.errors import UserError
from curate.storage import join
from curate.tokens.reader import TokenDataset

Build = Callable[..., list[dict[str, Any]]]

SOURCES = {
    "wiki": {f"wiki-{i}": list(range(3, 3 + i)) for i in range(30)},
    "cc": {f"cc-{i}": [100 + i] * (i % 5) for i in range(40)},
    "none": {},
}


@pytest.fixture
def dataset(tmp_path: Path, build: Build) -> TokenDataset:
    build(tmp_path, SOURCES, shards=3, row_group_tokens=20)
    return TokenDataset.open(str(tmp_path))


def test_every_document_is_there_once_with_its_tokens(dataset: TokenDataset) -> None:
    assert dataset.sources == ["cc", "none", "wiki"]
    for source, documents in SOURCES.items():
        read = [(i, tokens.tolist()) for i, tokens in dataset.documents(source)]
        assert sorted(read) == sorted((i, [1, *tokens, 2]) for i, tokens in documents.items())
    assert [i for i, _ in dataset.documents()] == [i for s in dataset.sources for i, _ in dataset.documents(s)]


def test_it_is_a_map_style_dataset(dataset: TokenDataset) -> None:
    assert len(dataset) == 70
    in_order = [tokens.tolist() for _, tokens in dataset.documents()]
    assert [dataset[i].tolist() for i in range(len(dataset))] == in_order
    assert [tokens.tolist() for tokens in dataset] == in_order
    assert dataset[-1].tolist() == in_order[-1]
    assert dataset[-70].tolist() == in_order[0]
    for beyond in (70, -71):
        with pytest.raises(IndexError):
            dataset[beyond]


def test_any_order_of_access_gives_the_same_documents(dataset: TokenDataset) -> None:
    in_order = [tokens.tolist() for tokens in dataset]
    for i in np.random.default_rng(0).integers(0, 70, 300).tolist():
        assert dataset[i].tolist() == in_order[i]


def test_row_groups_read_flat_with_offsets(dataset: TokenDataset) -> None:
    for source in dataset.sources:
        sizes = dataset.tokens_in_row_groups(source)
        assert dataset.row_groups(source).column("cum_tokens").to_pylist() == np.cumsum(sizes).tolist()
        documents = []
        for i, size in enumerate(sizes.tolist()):
            tokens, offsets = dataset.read_row_group(source, i)
            assert tokens.dtype == np.uint16
            assert len(tokens) == size == offsets[-1]
            assert offsets[0] == 0
            documents += [tokens[a:b].tolist() for a, b in pairwise(offsets.tolist())]
        assert documents == [tokens.tolist() for _, tokens in dataset.documents(source)]
        with pytest.raises(IndexError):
            dataset.read_row_group(source, len(sizes))
    assert len(dataset.tokens_in_row_groups("wiki")) > 3


def test_plain_pyarrow_reads_the_same_tokens(dataset: TokenDataset) -> None:
    for file in dataset.manifest["files"]:
        table = pq.read_table(join(dataset.root, file), partitioning=None)
        expected = {i: tokens.tolist() for i, tokens in dataset.documents()}
        for i, tokens, n in zip(*(table.column(c).to_pylist() for c in ("id", "tokens", "n_tokens")), strict=True):
            assert tokens == expected[i]
            assert n == len(tokens)
    files = [join(dataset.root, file) for file in dataset.manifest["files"]]
    whole = pyarrow.dataset.dataset(files, partitioning="hive").to_table()
    assert whole.num_rows == 70
    assert set(whole.column("source").to_pylist()) == {"cc", "wiki"}


def test_a_copy_in_another_process_reads_the_same(dataset: TokenDataset) -> None:
    first = dataset[0].tolist()
    copy = pickle.loads(pickle.dumps(dataset))
    assert copy[0].tolist() == first
    assert copy.fingerprint == dataset.fingerprint


def test_it_reads_from_a_url(build: Build) -> None:
    root = "memory://corpus/tokens"
    build(root, SOURCES, shards=3, row_group_tokens=20)
    try:
        dataset = TokenDataset.open(root)
        assert len(dataset) == 70
        assert sorted(i for i, _ in dataset.documents("cc")) == sorted(SOURCES["cc"])
    finally:
        fsspec.filesystem("memory").rm("/corpus", recursive=True)


def test_the_vocabulary_past_16_bits_reads_as_uint32(tmp_path: Path, build: Build) -> None:
    build(tmp_path, {"cc": {"a": [100_000]}}, vocab_size=128_256)
    assert TokenDataset.open(str(tmp_path))[0].tolist() == [1, 100_000, 2]
    assert TokenDataset.open(str(tmp_path))[0].dtype == np.uint32


def test_what_is_not_a_whole_dataset_does_not_open(tmp_path: Path, build: Build) -> None:
    with pytest.raises(UserError, match=r"has no manifest\.json"):
        TokenDataset.open(str(tmp_path))
    build(tmp_path, SOURCES)
    with pytest.raises(UserError, match="has no source 'books'; it has cc, none, wiki"):
        TokenDataset.open(str(tmp_path)).row_groups("books")
    index = tmp_path / "row_groups.parquet"
    data = index.read_bytes()
    index.write_bytes(data[:-1] + b"X")
    with pytest.raises(UserError, match="is not the index"):
        TokenDataset.open(str(tmp_path))
    index.write_bytes(data)
    manifest = tmp_path / "manifest.json"
    manifest.write_bytes(manifest.read_bytes().replace(b"bos_eos", b"eos_bos"))
    with pytest.raises(UserError, match="not as it was written"):
        TokenDataset.open(str(tmp_path))
