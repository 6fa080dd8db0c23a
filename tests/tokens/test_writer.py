"""A part holds its rows as training.md ("Token dataset tokens/v1") states, and its bytes depend on them alone."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import xxhash
from hypothesis import given, settings
from hypothesis import strategies as st

from curate.tokens.order import order_key, part_of, permutation
from curate.tokens.schema import ROW_GROUP_TOKENS, PartInfo, TokenizerInfo, part_file
from curate.tokens.writer import sorted_rows, write_part

LLAMA = TokenizerInfo("llama", "ab" * 32, 32_000, 1, 2)
LLAMA3 = TokenizerInfo("llama3", "cd" * 32, 128_256, 128_000, 128_001)


def put(root: Path, rows: Iterable[tuple[str, Any]], **changes: Any) -> tuple[PartInfo, Path]:
    options: dict[str, Any] = {"source": "cc", "shard": 0, "shards": 1, "tokenizer": LLAMA, "seed": 7}
    options = {**options, "delimiters": "bos_eos", **changes}
    path = root / part_file(options["source"], options["shard"], options["shards"])
    return write_part(str(path), rows=rows, **options), path


def documents(lengths: list[int], seed: int = 7, vocab_size: int = 32_000) -> list[tuple[str, Any]]:
    """Rows in order, the n-th of the n-th length."""
    ids = [f"cc-{i}" for i in range(len(lengths))]
    order = permutation(order_key(ids, seed), ids)
    rng = np.random.default_rng(0)
    return [(ids[i], rng.integers(3, vocab_size, n)) for i, n in zip(order.tolist(), lengths, strict=True)]


def rows_of(path: Path) -> list[tuple[str, list[int], int]]:
    """Read back with pyarrow alone."""
    table = pq.ParquetFile(path).read()
    columns = [table.column(name).to_pylist() for name in ("id", "tokens", "n_tokens")]
    return list(zip(*columns, strict=True))


def test_columns_are_those_of_the_format(tmp_path: Path) -> None:
    _, path = put(tmp_path, documents([3, 4]))
    schema = pq.read_schema(path)
    assert schema.names == ["tokens", "n_tokens", "id"]
    assert pa.types.is_list(schema.field("tokens").type)
    assert schema.field("tokens").type.value_type == pa.uint16()
    assert schema.field("n_tokens").type == pa.uint32()
    assert schema.field("id").type == pa.string()
    assert not any(field.nullable for field in [*schema, schema.field("tokens").type.value_field])


@pytest.mark.parametrize(("vocab_size", "dtype"), [(65_536, pa.uint16()), (65_537, pa.uint32())])
def test_ids_take_32_bits_when_the_vocabulary_passes_65536(tmp_path: Path, vocab_size: int, dtype: Any) -> None:
    info = TokenizerInfo("t", "", vocab_size, 1, 2)
    _, path = put(tmp_path, [("a", np.array([vocab_size - 1]))], tokenizer=info)
    assert pq.read_schema(path).field("tokens").type.value_type == dtype
    assert rows_of(path) == [("a", [1, vocab_size - 1, 2], 3)]


@given(
    st.dictionaries(
        st.text(st.characters(exclude_categories=("Cs",)), max_size=20),
        st.lists(st.integers(3, 31_999), max_size=30),
        max_size=12,
    ),
    st.integers(1, 60),
    st.sampled_from([("bos_eos", [1], [2]), ("eos", [], [2])]),
    st.randoms(use_true_random=False),
)
@settings(deadline=None, max_examples=60)
def test_any_documents_come_back_and_their_input_order_does_not_matter(
    tmp_path_factory: pytest.TempPathFactory,
    given_documents: dict[str, list[int]],
    row_group_tokens: int,
    convention: tuple[str, list[int], list[int]],
    random: Any,
) -> None:
    name, before, after = convention
    files = []
    for _ in range(2):
        ids = list(given_documents)
        random.shuffle(ids)
        flat = np.array([t for i in ids for t in given_documents[i]], np.uint16)
        lengths = np.array([len(given_documents[i]) for i in ids], np.int64)
        info, path = put(
            tmp_path_factory.mktemp("part"),
            sorted_rows(ids, flat, lengths, 7),
            delimiters=name,
            row_group_tokens=row_group_tokens,
        )
        files.append(path.read_bytes())
    assert files[0] == files[1]
    read = rows_of(path)
    assert {i: tokens for i, tokens, _ in read} == {i: before + t + after for i, t in given_documents.items()}
    assert all(n == len(tokens) for _, tokens, n in read)
    assert (info.documents, info.tokens) == (len(given_documents), sum(n for _, _, n in read))


def test_a_row_group_holds_4194304_tokens() -> None:
    assert ROW_GROUP_TOKENS == 4_194_304
    assert write_part.__kwdefaults__ == {"row_group_tokens": ROW_GROUP_TOKENS}


@pytest.mark.parametrize(
    ("lengths", "groups"),
    [
        ([97], [99]),  # one short of the limit of 100, with bos and eos: not closed before the end
        ([97, 1], [102]),  # so the next document joins it
        ([98, 1], [100, 3]),  # exactly at the limit: closed
        ([99, 1], [101, 3]),  # past it: closed after the document that passes it
        ([48, 48], [100]),  # the last document closes a group and no empty one follows
        ([1000, 1, 250], [1002, 255]),  # longer than a row group: whole, on its own
    ],
)
def test_a_row_group_closes_at_the_first_document_boundary_at_or_past_the_limit(
    tmp_path: Path, lengths: list[int], groups: list[int]
) -> None:
    info, path = put(tmp_path, documents(lengths), row_group_tokens=100)
    assert [group.tokens for group in info.row_groups] == groups
    metadata = pq.read_metadata(path)
    # The leaf's num_values is the token count for a list without nulls or empties.
    assert [metadata.row_group(i).column(0).num_values for i in range(metadata.num_row_groups)] == groups


def test_the_real_limit_closes_real_row_groups(tmp_path: Path) -> None:
    half = ROW_GROUP_TOKENS // 2 - 2  # two of these, with bos and eos, are exactly the limit
    ids = [f"cc-{i}" for i in range(3)]
    order = permutation(order_key(ids, 7), ids)
    info, _ = put(tmp_path, [(ids[i], np.full(half, 9, np.uint16)) for i in order.tolist()])
    assert [group.documents for group in info.row_groups] == [2, 1]
    info, _ = put(tmp_path, [(ids[i], np.full(half - 1, 9, np.uint16)) for i in order.tolist()])
    assert [group.documents for group in info.row_groups] == [3]


def test_a_row_group_of_more_than_a_million_documents_is_one_row_group(tmp_path: Path) -> None:
    n = (1 << 20) + 1  # pyarrow's own default limit of rows, passed by one
    ids = [str(i) for i in range(n)]
    info, _ = put(tmp_path, sorted_rows(ids, np.zeros(0, np.uint16), np.zeros(n, int), 7), delimiters="eos")
    assert [(group.documents, group.tokens) for group in info.row_groups] == [(n, n)]


def test_a_part_without_documents_is_a_valid_file(tmp_path: Path) -> None:
    info, path = put(tmp_path, [])
    assert rows_of(path) == []
    assert (info.documents, info.tokens, info.row_groups) == (0, 0, ())
    assert pq.read_schema(path).metadata[b"documents"] == b"0"


def test_a_document_without_tokens_is_its_delimiters(tmp_path: Path) -> None:
    _, path = put(tmp_path, [("a", np.array([]))])
    assert rows_of(path) == [("a", [1, 2], 2)]


@pytest.mark.parametrize(("info", "bits"), [(LLAMA, 15), (LLAMA3, 17)])
def test_the_dictionary_packs_the_bits_of_the_whole_vocabulary(tmp_path: Path, info: TokenizerInfo, bits: int) -> None:
    # Every id of the vocabulary occurs, so the dictionary is as large as it gets: it must fit its page of 1 MiB.
    every = np.random.default_rng(0).permutation(np.tile(np.arange(3, info.vocab_size - 256), 4))
    _, path = put(tmp_path, [("a", every)], tokenizer=info)
    chunk = pq.read_metadata(path).row_group(0).column(0)
    assert chunk.path_in_schema == "tokens.list.element"
    assert chunk.has_dictionary_page
    assert "RLE_DICTIONARY" in chunk.encodings
    # Had it fallen back to plain 32 bits within the chunk, the bytes before compression would pass this.
    assert chunk.total_uncompressed_size < len(every) * bits / 8 + 4 * info.vocab_size + 10_000


def test_compression_is_zstd_and_only_n_tokens_and_id_have_statistics(tmp_path: Path) -> None:
    _, path = put(tmp_path, documents([3, 4]))
    group = pq.read_metadata(path).row_group(0)
    columns = [group.column(i) for i in range(3)]
    assert {column.compression for column in columns} == {"ZSTD"}
    assert {column.path_in_schema: column.is_stats_set for column in columns} == {
        "tokens.list.element": False,
        "n_tokens": True,
        "id": True,
    }


def test_the_file_says_all_of_its_metadata(tmp_path: Path) -> None:
    rows = [row for row in documents([3] * 20, seed=11) if part_of([row[0]], 4)[0] == 3]
    info, path = put(tmp_path, rows, shard=3, shards=4, seed=11)
    metadata = pq.read_metadata(path).metadata
    assert metadata.pop(b"package_version")
    assert {key.decode(): value.decode() for key, value in metadata.items()} == {
        "schema": "tokens/v1",
        "tokenizer": "llama",
        "tokenizer_sha256": "ab" * 32,
        "vocab_size": "32000",
        "bos_id": "1",
        "eos_id": "2",
        "delimiters": "bos_eos",
        "dtype": "uint16",
        "source": "cc",
        "shard": "3",
        "shards": "4",
        "documents": str(len(rows)),
        "tokens": str(5 * len(rows)),
        "order_seed": "11",
    }
    assert info.documents == len(rows) > 0


def test_the_part_is_described_as_it_lies_on_disk(tmp_path: Path) -> None:
    info, path = put(tmp_path, documents([30, 40, 50, 60]), row_group_tokens=64)
    data = path.read_bytes()
    assert info.bytes == len(data)
    assert info.sha256 == hashlib.sha256(data).hexdigest()
    assert info.file == "source=cc/part-00000-of-00001.parquet"
    end = 4  # after the magic
    for group in info.row_groups:
        assert group.byte_offset == end
        end += group.compressed_bytes
        assert group.xxh64 == f"{xxhash.xxh64_intdigest(data[group.byte_offset : end]):016x}"
    assert len(info.row_groups) == 2
    assert end == len(data) - 8 - int.from_bytes(data[-8:-4], "little")  # where the footer begins


def test_a_part_info_survives_json(tmp_path: Path) -> None:
    info, _ = put(tmp_path, documents([30, 40, 50]), row_group_tokens=40)
    assert PartInfo.from_json(json.loads(json.dumps(info.to_json()))) == info


def test_the_bytes_do_not_depend_on_the_process(tmp_path: Path) -> None:
    program = (
        "import sys, numpy as np\n"
        "from curate.tokens.schema import TokenizerInfo\n"
        "from curate.tokens.writer import sorted_rows, write_part\n"
        "ids = list({f'd{i}' for i in range(50)})\n"
        "rows = sorted_rows(ids, np.array([int(i[1:]) + 3 for i in ids], np.uint16), np.ones(50, int), 7)\n"
        "info = TokenizerInfo('t', '', 32000, 1, 2)\n"
        "print(write_part(sys.argv[1] + '/source=cc/part-00000-of-00001.parquet', source='cc', shard=0, shards=1,\n"
        "    rows=rows, tokenizer=info, delimiters='eos', seed=7).sha256)\n"
    )
    path = os.pathsep.join(sys.path)
    runs = [
        subprocess.run(
            [sys.executable, "-c", program, str(tmp_path / seed)],
            env={**os.environ, "PYTHONHASHSEED": seed, "PYTHONPATH": path},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for seed in ("1", "2")
    ]
    assert len(runs[0].strip()) == 64
    assert runs[0] == runs[1]


def test_rows_that_are_not_in_order_are_refused_and_leave_no_file(tmp_path: Path) -> None:
    rows = documents([3, 3, 3])
    for wrong in ([rows[1], rows[0], rows[2]], [rows[0], rows[1], rows[1]]):
        with pytest.raises(ValueError, match="out of order or given twice"):
            put(tmp_path, wrong, row_group_tokens=5)
    assert [p for p in tmp_path.rglob("*") if p.is_file()] == []


def test_a_row_of_another_shard_is_refused(tmp_path: Path) -> None:
    shard = int(part_of(["a"], 4)[0])
    put(tmp_path, [("a", np.array([5]))], shard=shard, shards=4)
    with pytest.raises(ValueError, match="belongs to another"):
        put(tmp_path, [("a", np.array([5]))], shard=(shard + 1) % 4, shards=4)


@pytest.mark.parametrize("token", [-1, 32_000, 65_535, 65_536, 2**40])
def test_a_token_outside_the_vocabulary_is_refused(tmp_path: Path, token: int) -> None:
    with pytest.raises(ValueError, match="token id"):
        put(tmp_path, [("a", np.array([token]))])
    put(tmp_path, [("a", np.array([31_999]))])


@pytest.mark.parametrize("tokens", [np.array([1.5]), np.array([[3]])])
def test_what_is_not_a_flat_array_of_integers_is_refused(tmp_path: Path, tokens: Any) -> None:
    with pytest.raises(ValueError, match="flat array of integers"):
        put(tmp_path, [("a", tokens)])


def test_a_convention_the_tokenizer_cannot_keep_is_refused(tmp_path: Path) -> None:
    without_bos = TokenizerInfo("t", "", 100, -1, 2)
    with pytest.raises(ValueError, match="no token for delimiters"):
        put(tmp_path, [], tokenizer=without_bos)
    put(tmp_path, [], tokenizer=without_bos, delimiters="eos")
    with pytest.raises(ValueError, match="is not one of bos_eos, eos"):
        put(tmp_path, [], delimiters="none")


@pytest.mark.parametrize("source", ["", "../up", "a/b", "a=b", "a b", ".hidden", "é", "a\n"])
def test_a_source_that_could_leave_its_folder_is_refused(source: str) -> None:
    with pytest.raises(ValueError, match="source name"):
        part_file(source, 0, 1)


def test_a_path_that_is_not_the_parts_own_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="is not where"):
        write_part(
            str(tmp_path / "part-00000-of-00001.parquet"),
            source="cc",
            shard=0,
            shards=1,
            rows=[],
            tokenizer=LLAMA,
            delimiters="eos",
            seed=0,
        )
