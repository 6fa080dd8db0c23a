"""`verify_tokens` finds anything that is not as it was written, down to one flipped bit."""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import xxhash

from curate.storage import read_sealed, write_sealed
from curate.tokens.index import write_index, write_manifest
from curate.tokens.schema import PartInfo, RowGroup, TokenizerInfo
from curate.tokens.verify import Problem, verify_tokens
from curate.tokens.writer import row_group_range

Build = Callable[..., list[dict[str, Any]]]

ONE = {"cc": {f"cc-{i}": list(range(3, 5 + i)) for i in range(6)}}
TWO = {"cc": {f"cc-{i}": [5, 6, 7 + i] for i in range(8)}, "wiki": {f"w-{i}": [9] * i for i in range(5)}, "none": {}}
PART = "source=cc/part-00000-of-00001.parquet"
INFO = TokenizerInfo("test", "0" * 64, 32_000, 1, 2)


def files(root: Path) -> list[Path]:
    return sorted(path for path in root.rglob("*") if path.is_file())


def whats(root: Path) -> str:
    return "\n".join(map(str, verify_tokens(str(root))))


def test_a_dataset_as_written_has_no_problem(tmp_path: Path, build: Build) -> None:
    build(tmp_path / "a", TWO, shards=3)
    assert verify_tokens(str(tmp_path / "a")) == []
    build(tmp_path / "b", TWO, shards=1, delimiters="eos", vocab_size=128_256, seed=0, row_group_tokens=1)
    assert verify_tokens(str(tmp_path / "b")) == []
    build(tmp_path / "c", {"cc": {}}, shards=2)
    assert verify_tokens(str(tmp_path / "c")) == []


@pytest.mark.parametrize("source", ["cc", "empty"])
def test_one_flipped_bit_in_any_byte_of_any_file_is_found(tmp_path: Path, build: Build, source: str) -> None:
    build(tmp_path, ONE if source == "cc" else {"empty": {}}, shards=1)
    assert len(files(tmp_path)) == 3
    for path in files(tmp_path):
        data = path.read_bytes()
        with path.open("r+b", buffering=0) as out:
            for position, byte in enumerate(data):
                out.seek(position)
                out.write(bytes([byte ^ 1 << position % 8]))
                problems = verify_tokens(str(tmp_path))
                assert problems, f"bit {position % 8} of byte {position} of {path.name}"
                assert path.relative_to(tmp_path).as_posix() in {problem.file for problem in problems}
                out.seek(position)
                out.write(bytes([byte]))
    assert verify_tokens(str(tmp_path)) == []


def test_a_cut_or_a_longer_file_is_found(tmp_path: Path, build: Build) -> None:
    build(tmp_path, TWO)
    for path in files(tmp_path):
        data = path.read_bytes()
        for changed in (data[:-1], data + b"\0", b""):
            path.write_bytes(changed)
            assert verify_tokens(str(tmp_path))
        path.write_bytes(data)


def test_any_missing_file_is_found(tmp_path: Path, build: Build) -> None:
    build(tmp_path, TWO)
    for path in files(tmp_path):
        data = path.read_bytes()
        path.unlink()
        name = path.relative_to(tmp_path).as_posix()
        assert [p.file for p in verify_tokens(str(tmp_path)) if "missing" in p.what] == [name]
        path.write_bytes(data)
    assert verify_tokens(str(tmp_path / "nowhere")) == [Problem("manifest.json", "missing: the dataset is not whole")]


@pytest.mark.parametrize("name", ["x", "source=cc/part-00002-of-00002.parquet", "source=cc/.hidden", "new/file"])
def test_any_extra_file_is_found(tmp_path: Path, build: Build, name: str) -> None:
    build(tmp_path, TWO)
    (tmp_path / name).parent.mkdir(exist_ok=True)
    (tmp_path / name).write_bytes(b"")
    assert verify_tokens(str(tmp_path)) == [Problem(name, "not part of the dataset")]


def test_swapped_files_are_found(tmp_path: Path, build: Build) -> None:
    build(tmp_path, TWO)
    first, second = sorted((tmp_path / "source=cc").iterdir())
    shutil.move(first, tmp_path / "aside")
    shutil.move(second, first)
    shutil.move(tmp_path / "aside", second)
    assert "sha256 is not" in whats(tmp_path)


def reseal(root: Path, tables: list[pa.Table], metadata: dict[str, str] | None = None) -> None:
    """Replace the one part by these row groups and make every hash and count of the dataset agree with it."""
    path = root / PART
    documents, tokens = sum(t.num_rows for t in tables), sum(sum(t.column("n_tokens").to_pylist()) for t in tables)
    kept = {k.decode(): v.decode() for k, v in pq.read_metadata(path).metadata.items()}
    kept = {**kept, "documents": str(documents), "tokens": str(tokens), **(metadata or {})}
    with pq.ParquetWriter(path, tables[0].schema, compression="zstd", store_schema=False) as writer:
        for table in tables:
            writer.write_table(table, row_group_size=max(1, table.num_rows))
        writer.add_key_value_metadata(kept)
    data, footer = path.read_bytes(), pq.read_metadata(path)
    groups = []
    for i in range(footer.num_row_groups):
        start, size = row_group_range(footer.row_group(i))
        digest = f"{xxhash.xxh64_intdigest(data[start : start + size]):016x}"
        leaf = footer.row_group(i).column(0).num_values
        groups.append(RowGroup(footer.row_group(i).num_rows, leaf, start, size, digest))
    total = sum(group.tokens for group in groups)
    sha256 = hashlib.sha256(data).hexdigest()
    part = PartInfo("cc", 0, 1, PART, documents, total, len(data), sha256, tuple(groups)).to_json()
    fingerprint = write_index(str(root), [part])
    write_manifest(str(root), parts=[part], fingerprint=fingerprint, tokenizer=INFO, delimiters="bos_eos", seed=7)


def part_tables(root: Path) -> list[pa.Table]:
    file = pq.ParquetFile(root / PART)
    return [file.read_row_group(i).replace_schema_metadata(None) for i in range(file.num_row_groups)]


def replaced(table: pa.Table, row: int, tokens: list[int], n_tokens: int | None = None) -> pa.Table:
    rows = table.to_pylist()
    rows[row] = {**rows[row], "tokens": tokens, "n_tokens": len(tokens) if n_tokens is None else n_tokens}
    return pa.Table.from_pylist(rows, schema=table.schema)


@pytest.fixture
def one(tmp_path: Path, build: Build) -> Path:
    build(tmp_path, ONE, shards=1, row_group_tokens=12)
    assert len(part_tables(tmp_path)) > 1
    return tmp_path


def test_the_forger_of_these_tests_can_write_a_right_dataset(one: Path) -> None:
    reseal(one, part_tables(one))
    assert verify_tokens(str(one)) == []


def test_rows_swapped_within_a_row_group_are_found_though_every_hash_agrees(one: Path) -> None:
    tables = part_tables(one)
    assert tables[0].num_rows > 1
    reseal(one, [tables[0].take([1, 0, *range(2, tables[0].num_rows)]), *tables[1:]])
    assert "out of order" in whats(one)


def test_row_groups_swapped_are_found_though_every_hash_agrees(one: Path) -> None:
    tables = part_tables(one)
    reseal(one, [tables[1], tables[0], *tables[2:]])
    assert "out of order" in whats(one)


def test_a_doubled_row_is_found_though_every_hash_agrees(one: Path) -> None:
    tables = part_tables(one)
    reseal(one, [pa.concat_tables([tables[0].slice(0, 1), tables[0]]).combine_chunks(), *tables[1:]])
    assert "there twice" in whats(one)


def test_a_removed_row_is_found_by_the_counts(one: Path) -> None:
    manifest = read_sealed(str(one / "manifest.json"))
    index = (one / "row_groups.parquet").read_bytes()
    tables = part_tables(one)
    reseal(one, [tables[0].slice(1), *tables[1:]])
    (one / "row_groups.parquet").write_bytes(index)
    data = (one / PART).read_bytes()
    manifest["files"][PART] |= {"sha256": hashlib.sha256(data).hexdigest(), "bytes": len(data)}
    for scope in (manifest, manifest["sources"]["cc"]):
        scope["bytes"] = len(data)
    write_sealed(str(one / "manifest.json"), manifest)
    found = whats(one)
    assert "metadata documents is '5', not '6'" in found
    assert "the index says otherwise" in found
    assert "does not match its xxh64" in found


def test_a_row_of_another_shard_is_found(tmp_path: Path, build: Build) -> None:
    build(tmp_path, ONE, shards=1)
    tables = part_tables(tmp_path)
    manifest = read_sealed(str(tmp_path / "manifest.json"))
    manifest["files"][PART]["shards"] = 2
    write_sealed(str(tmp_path / "manifest.json"), manifest)
    assert "belongs to another shard" in whats(tmp_path)
    assert "not all there" in whats(tmp_path)
    assert tables


@pytest.mark.parametrize(
    ("tokens", "what"),
    [
        ([1, 31_999, 2], ""),
        ([1, 32_000, 2], "outside the vocabulary"),
        ([9, 9, 2], "lacks its delimiter 1"),
        ([1, 9, 9], "lacks its delimiter 2"),
        ([2, 9, 1], "lacks its delimiter"),
        ([1, 2], ""),
        ([1], "lacks its delimiters"),
        ([1, 9, 2, 9, 2], "delimiter 2 stands inside"),
        ([1, 9, 1, 9, 2], "delimiter 1 stands inside"),
        ([1, 1, 2], "delimiter 1 stands inside"),
    ],
)
def test_wrong_tokens_are_found_though_every_hash_agrees(one: Path, tokens: list[int], what: str) -> None:
    tables = part_tables(one)
    reseal(one, [replaced(tables[0], 0, tokens), *tables[1:]])
    assert what in whats(one)
    assert bool(what) == bool(verify_tokens(str(one)))


def test_a_wrong_length_is_found_though_every_hash_agrees(one: Path) -> None:
    tables = part_tables(one)
    tokens = tables[0].column("tokens").to_pylist()
    right = [len(t) for t in tokens]
    reseal(one, [replaced(tables[0], 0, tokens[0], right[0] + 1), *tables[1:]])
    assert "n_tokens is not the length" in whats(one)


@pytest.mark.parametrize(
    "key", ["schema", "tokenizer", "tokenizer_sha256", "bos_id", "delimiters", "source", "shard", "order_seed", "new"]
)
def test_wrong_file_metadata_is_found_though_every_hash_agrees(one: Path, key: str) -> None:
    reseal(one, part_tables(one), {key: "9"})
    assert f"metadata {key} is '9'" in whats(one)


def test_wrong_columns_are_found(one: Path) -> None:
    tables = [t.append_column("extra", pa.array(np.zeros(t.num_rows))) for t in part_tables(one)]
    reseal(one, tables)
    assert "columns are not those of tokens/v1" in whats(one)


@pytest.mark.parametrize("key", ["documents", "tokens", "bytes", "row_groups", "shards"])
def test_sums_that_do_not_add_up_are_found(one: Path, key: str) -> None:
    manifest = read_sealed(str(one / "manifest.json"))
    for scope in (manifest, manifest["sources"]["cc"], manifest["files"][PART]):
        right = scope[key]
        scope[key] += 1
        write_sealed(str(one / "manifest.json"), manifest)
        assert verify_tokens(str(one))
        scope[key] = right


def test_a_sealed_manifest_that_lacks_a_key_is_a_problem_and_not_a_crash(one: Path) -> None:
    manifest = read_sealed(str(one / "manifest.json"))
    for key in manifest:
        if key not in ("extra",):
            write_sealed(str(one / "manifest.json"), {k: v for k, v in manifest.items() if k != key})
            assert verify_tokens(str(one)), key
