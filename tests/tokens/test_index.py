"""The index and the manifest close a dataset, and say the same in whatever order its parts came."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
import xxhash

from curate.storage import read_sealed
from curate.tokens.index import index_bytes, write_manifest
from curate.tokens.schema import INDEX_SCHEMA, TokenizerInfo

Build = Callable[..., list[dict[str, Any]]]

SOURCES = {"wiki": {f"w-{i}": [9] * i for i in range(9)}, "cc": {f"cc-{i}": [5, 6, 7] for i in range(20)}, "none": {}}


def test_the_index_can_be_rebuilt_from_the_footers(tmp_path: Path, build: Build) -> None:
    build(tmp_path, SOURCES, shards=3, row_group_tokens=10)
    index = pq.read_table(tmp_path / "row_groups.parquet")
    assert index.schema.remove_metadata().equals(INDEX_SCHEMA)
    assert index.column_names == [
        *("source", "file", "row_group", "documents", "tokens"),
        *("cum_tokens", "byte_offset", "compressed_bytes", "xxh64"),
    ]
    expected = []
    for source in sorted(SOURCES):
        cumulated = 0
        for path in sorted((tmp_path / f"source={source}").iterdir()):
            footer, data, start = pq.read_metadata(path), path.read_bytes(), 4
            for number in range(footer.num_row_groups):
                group = footer.row_group(number)
                columns = [group.column(i) for i in range(group.num_columns)]
                size = sum(column.total_compressed_size for column in columns)
                cumulated += columns[0].num_values
                expected.append(
                    {
                        "source": source,
                        "file": path.relative_to(tmp_path).as_posix(),
                        "row_group": number,
                        "documents": group.num_rows,
                        "tokens": columns[0].num_values,
                        "cum_tokens": cumulated,
                        "byte_offset": start,
                        "compressed_bytes": size,
                        "xxh64": xxhash.xxh64_intdigest(data[start : start + size]),
                    }
                )
                start += size
    assert index.to_pylist() == expected
    assert len(expected) > 10


def test_the_manifest_says_all_of_the_dataset(tmp_path: Path, build: Build) -> None:
    parts = build(tmp_path, SOURCES, shards=3, row_group_tokens=10)
    manifest = read_sealed(str(tmp_path / "manifest.json"))
    index = (tmp_path / "row_groups.parquet").read_bytes()
    assert manifest["format"] == "tokens/v1"
    assert manifest["fingerprint"] == hashlib.sha256(index).hexdigest()
    assert manifest["tokenizer"]["name"] == "test"
    assert (manifest["documents"], manifest["tokens"]) == (29, sum(range(9)) + 18 + 20 * 5)
    assert {s: (r["documents"], r["shards"]) for s, r in manifest["sources"].items()} == {
        "cc": (20, 3),
        "none": (0, 3),
        "wiki": (9, 3),
    }
    for part in parts:
        data = (tmp_path / part["file"]).read_bytes()
        assert manifest["files"][part["file"]]["sha256"] == hashlib.sha256(data).hexdigest()
        assert manifest["files"][part["file"]]["bytes"] == len(data)
    assert len(manifest["files"]) == 9


def test_the_order_of_parts_does_not_matter(tmp_path: Path, build: Build) -> None:
    parts = build(tmp_path, SOURCES, shards=3, row_group_tokens=10)
    assert index_bytes(parts) == index_bytes(parts[::-1]) == (tmp_path / "row_groups.parquet").read_bytes()


def test_a_dataset_that_lacks_a_shard_or_has_one_twice_is_not_closed(tmp_path: Path, build: Build) -> None:
    parts = build(tmp_path, SOURCES, shards=3)
    for wrong in (parts[1:], [*parts, parts[0]]):
        with pytest.raises(ValueError, match="not each of 3 once"):
            index_bytes(wrong)


def test_what_a_killed_writer_left_is_swept_when_the_dataset_is_closed(tmp_path: Path, build: Build) -> None:
    parts = build(tmp_path, SOURCES, shards=3)
    before = sorted(path for path in tmp_path.rglob("*"))
    manifest = read_sealed(str(tmp_path / "manifest.json"))
    left = tmp_path / "source=cc" / "part-00001-of-00003.parquet.tmp-4321"
    other = tmp_path / "source=cc" / "notes.tmp-4321"
    left.write_bytes(b"half")
    other.write_bytes(b"not ours to remove")
    info = TokenizerInfo.from_json(manifest["tokenizer"])
    write_manifest(
        str(tmp_path),
        parts=parts,
        fingerprint=manifest["fingerprint"],
        tokenizer=info,
        delimiters="bos_eos",
        seed=7,
    )
    assert sorted(path for path in tmp_path.rglob("*")) == sorted([*before, other])
    assert read_sealed(str(tmp_path / "manifest.json")) == manifest
