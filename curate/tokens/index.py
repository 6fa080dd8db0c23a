"""Close a `tokens/v1` dataset: the seek index over its row groups, then the manifest that makes it whole."""

from __future__ import annotations

import hashlib
import io
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from curate.storage import atomic_write, filesystem, join, write_sealed
from curate.tokens.schema import (
    DELIMITERS,
    FORMAT,
    INDEX,
    INDEX_SCHEMA,
    MANIFEST,
    PartInfo,
    TokenizerInfo,
    TokenizerLike,
    index_rows,
    package_version,
    part_file,
    token_dtype,
)

# What `curate.storage.atomic_write` leaves beside a part when its process is killed.
_TEMPORARY = re.compile(r"part-\d{5}-of-\d{5}\.parquet\.tmp-[\d-]+")


def _complete(parts: Iterable[Mapping[str, Any]]) -> list[PartInfo]:
    """The parts in order; ValueError unless every source has each of its shards once."""
    infos = sorted((PartInfo.from_json(part) for part in parts), key=lambda part: (part.source, part.shard))
    shards: dict[str, list[int]] = {}
    for part in infos:
        if part.file != part_file(part.source, part.shard, part.shards):
            raise ValueError(f"{part.file} is not the file of shard {part.shard} of {part.source}")
        shards.setdefault(part.source, []).append(part.shard)
    for part in infos:
        if shards[part.source] != list(range(part.shards)):
            raise ValueError(f"source {part.source} has shards {shards[part.source]}, not each of {part.shards} once")
    return infos


def index_bytes(parts: Iterable[Mapping[str, Any]]) -> bytes:
    """`row_groups.parquet` of these parts: the same bytes in whatever order they are given."""
    table = pa.Table.from_pylist(list(index_rows(_complete(parts))), schema=INDEX_SCHEMA)
    out = io.BytesIO()
    pq.write_table(table, out, compression="zstd", compression_level=3, store_schema=False)
    return out.getvalue()


def write_index(root: str, parts: Sequence[Mapping[str, Any]]) -> str:
    """Write `row_groups.parquet` and return the dataset's fingerprint: the sha256 of that file, in hex.

    parts: `PartInfo.to_json()` of every part of the dataset, in any order.
    """
    data = index_bytes(parts)
    with atomic_write(join(root, INDEX)) as out:
        out.write(data)
    return hashlib.sha256(data).hexdigest()


def write_manifest(
    root: str,
    *,
    parts: Sequence[Mapping[str, Any]],
    fingerprint: str,
    tokenizer: TokenizerLike,
    delimiters: str,
    seed: int,
    extra: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """Write `manifest.json`, sealed and last, and return what it says. Part files half written by a killed run go.

    extra: JSON the caller wants to keep in it, under "extra".
    """
    infos = _complete(parts)
    if delimiters not in DELIMITERS:
        raise ValueError(f"delimiters {delimiters!r} is not one of {', '.join(DELIMITERS)}")
    _sweep(root)
    record = {
        "format": FORMAT,
        "fingerprint": fingerprint,
        "tokenizer": TokenizerInfo.of(tokenizer).to_json(),
        "dtype": token_dtype(tokenizer.vocab_size).name,
        "delimiters": delimiters,
        "order_seed": seed,
        "package_version": package_version(),
        **totals(infos),
        "sources": {
            source: totals([part for part in infos if part.source == source])
            for source in sorted({part.source for part in infos})
        },
        "files": {part.file: _file_record(part) for part in infos},
        "extra": dict(extra or {}),
    }
    write_sealed(join(root, MANIFEST), record)
    return record


def totals(parts: Sequence[PartInfo]) -> dict[str, int]:
    """Counts over parts, as the manifest states them for the dataset and for each source."""
    return {
        "documents": sum(part.documents for part in parts),
        "tokens": sum(part.tokens for part in parts),
        "bytes": sum(part.bytes for part in parts),
        "row_groups": sum(len(part.row_groups) for part in parts),
        "shards": len(parts),
    }


def _file_record(part: PartInfo) -> dict[str, Any]:
    return {
        "source": part.source,
        "shard": part.shard,
        "shards": part.shards,
        "documents": part.documents,
        "tokens": part.tokens,
        "bytes": part.bytes,
        "row_groups": len(part.row_groups),
        "sha256": part.sha256,
    }


def _sweep(root: str) -> None:
    fs, inner = filesystem(root)
    for path in fs.find(inner):
        if _TEMPORARY.fullmatch(path.rsplit("/", 1)[-1]):
            fs.rm(path)
