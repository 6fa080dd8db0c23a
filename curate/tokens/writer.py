"""Write one part of a `tokens/v1` dataset: a Parquet file whose bytes depend on its rows and on nothing else.

The file is hashed as it streams out, whole (sha256) and by row group (XXH64), so nothing is read back and memory is
bounded by one row group, or by one document where that is longer.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from typing import IO, Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import xxhash

from curate.storage import atomic_write
from curate.tokens.order import order_key, part_of, sorted_rows
from curate.tokens.schema import (
    ROW_GROUP_TOKENS,
    PartInfo,
    RowGroup,
    TokenizerLike,
    Tokens,
    delimiter_ids,
    package_version,
    part_file,
    part_metadata,
    part_schema,
    token_dtype,
)

__all__ = ["sorted_rows", "write_part"]

# Parquet's path of the leaf that holds the tokens.
TOKENS_LEAF = "tokens.list.element"

# A Parquet dictionary entry of an id takes 4 bytes: 128,256 of them must fit one dictionary page, or Parquet gives
# dictionary encoding up, and without it the ids lie 32 bits wide.
DICTIONARY_PAGE_BYTES = 1 << 20

ZSTD_LEVEL = 3


class _HashingSink:
    """A binary stream that hashes what passes through."""

    def __init__(self, out: IO[bytes]) -> None:
        self._out = out
        self.closed = False
        self.position = 0
        self.sha256 = hashlib.sha256()
        self.xxh64 = xxhash.xxh64()

    def write(self, data: bytes) -> int:
        self._out.write(data)
        self.sha256.update(data)
        self.xxh64.update(data)
        self.position += len(data)
        return len(data)

    def tell(self) -> int:
        return self.position

    def flush(self) -> None:
        self._out.flush()


class _Order:
    """Refuses a row that is out of order, doubled, or of another shard."""

    def __init__(self, shard: int, shards: int, seed: int) -> None:
        self._shard, self._shards, self._seed = shard, shards, seed
        self._last: tuple[int, str] = (-1, "")

    def check(self, ids: list[str]) -> None:
        if bool(np.any(part_of(ids, self._shards) != self._shard)):
            raise ValueError(f"a document given to shard {self._shard} of {self._shards} belongs to another")
        for row in zip(order_key(ids, self._seed).tolist(), ids, strict=True):
            if row <= self._last:
                raise ValueError(f"document {row[1]!r} is out of order or given twice")
            self._last = row


def _narrow(tokens: Tokens, dtype: np.dtype[Any]) -> Tokens:
    """The ids in the dataset's own type; ValueError for one that does not fit it."""
    if tokens.dtype == dtype and tokens.ndim == 1:
        return tokens
    if tokens.ndim != 1 or (tokens.dtype.kind not in "iu" and len(tokens)):
        raise ValueError(f"tokens are {tokens.dtype} with {tokens.ndim} dimensions, not a flat array of integers")
    if len(tokens) and not 0 <= int(tokens.min()) <= int(tokens.max()) <= np.iinfo(dtype).max:
        raise ValueError(f"a token id does not fit {dtype.name}")
    return tokens.astype(dtype)


def _batches(
    rows: Iterable[tuple[str, Tokens]], before: Tokens, after: Tokens, row_group_tokens: int
) -> Iterator[tuple[list[str], list[Tokens], list[int]]]:
    """The rows of each row group: ids, what to concatenate for their tokens, and their lengths with delimiters."""
    ids: list[str] = []
    pieces: list[Tokens] = []
    lengths: list[int] = []
    pending = 0
    for document, tokens in rows:
        ids.append(document)
        pieces += (before, _narrow(tokens, before.dtype), after)
        lengths.append(len(before) + len(tokens) + len(after))
        pending += lengths[-1]
        if pending >= row_group_tokens:
            yield ids, pieces, lengths
            ids, pieces, lengths, pending = [], [], [], 0
    if ids:
        yield ids, pieces, lengths


def _table(ids: list[str], tokens: Tokens, lengths: list[int], schema: pa.Schema) -> pa.Table:
    offsets = np.zeros(len(lengths) + 1, np.int32)
    np.cumsum(lengths, out=offsets[1:])
    lists = pa.ListArray.from_arrays(pa.array(offsets), pa.array(tokens), type=schema.field("tokens").type)
    return pa.Table.from_arrays([lists, pa.array(lengths, pa.uint32()), pa.array(ids, pa.string())], schema=schema)


def write_part(
    path: str,
    *,
    source: str,
    shard: int,
    shards: int,
    rows: Iterable[tuple[str, Tokens]],
    tokenizer: TokenizerLike,
    delimiters: str,
    seed: int,
    row_group_tokens: int = ROW_GROUP_TOKENS,
) -> PartInfo:
    """Write one part atomically and say what it holds.

    path: `<root>/source=<source>/part-<shard>-of-<shards>.parquet`. rows: (id, ids of its text without delimiters:
    this adds them), in the order of `sorted_rows`; there may be none. row_group_tokens: for tests.
    ValueError for a path that is not that part's, rows out of order or of another shard, an id twice, a token outside
    the vocabulary.
    """
    file = part_file(source, shard, shards)
    if path != file and not path.endswith("/" + file):
        raise ValueError(f"{path} is not where {file} goes")
    dtype = token_dtype(tokenizer.vocab_size)
    before, after = (np.array(ids, dtype) for ids in delimiter_ids(tokenizer, delimiters))
    order = _Order(shard, shards, seed)
    schema = part_schema(tokenizer.vocab_size)
    groups: list[RowGroup] = []
    with atomic_write(path) as out:
        sink = _HashingSink(out)
        with pq.ParquetWriter(
            sink,
            schema,
            compression="zstd",
            compression_level=ZSTD_LEVEL,
            use_dictionary=[TOKENS_LEAF],
            dictionary_pagesize_limit=DICTIONARY_PAGE_BYTES,
            write_statistics=["n_tokens", "id"],
            store_schema=False,
        ) as writer:
            for ids, pieces, lengths in _batches(rows, before, after, row_group_tokens):
                order.check(ids)
                tokens = np.concatenate(pieces)
                if int(tokens.max()) >= tokenizer.vocab_size:
                    raise ValueError(f"a token id is outside the vocabulary of {tokenizer.vocab_size:,}")
                start = sink.position
                sink.xxh64.reset()
                writer.write_table(_table(ids, tokens, lengths, schema), row_group_size=len(ids))
                digest = sink.xxh64.hexdigest()
                groups.append(RowGroup(len(ids), len(tokens), start, sink.position - start, digest))
            documents = sum(group.documents for group in groups)
            total = sum(group.tokens for group in groups)
            writer.add_key_value_metadata(
                part_metadata(
                    tokenizer,
                    delimiters=delimiters,
                    source=source,
                    shard=shard,
                    shards=shards,
                    documents=documents,
                    tokens=total,
                    package_version=package_version(),
                    seed=seed,
                )
            )
        _agree(groups, writer.writer.metadata)
    digest = sink.sha256.hexdigest()
    return PartInfo(source, shard, shards, file, documents, total, sink.position, digest, tuple(groups))


def row_group_range(group: Any) -> tuple[int, int]:
    """(first byte, bytes) of a row group, from its `pyarrow.parquet.RowGroupMetaData`."""
    columns = [group.column(i) for i in range(group.num_columns)]
    starts = [c.dictionary_page_offset if c.has_dictionary_page else c.data_page_offset for c in columns]
    return min(starts), sum(c.total_compressed_size for c in columns)


def _agree(groups: list[RowGroup], metadata: Any) -> None:
    """The byte ranges seen passing are those of the footer, or the hashes would be of something else."""
    footer = [row_group_range(metadata.row_group(i)) for i in range(metadata.num_row_groups)]
    if footer != [(group.byte_offset, group.compressed_bytes) for group in groups]:
        raise RuntimeError("this version of pyarrow lays row groups out in another way than tokens/v1 records")
