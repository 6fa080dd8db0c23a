"""Shard files: one Parquet file a shard, written whole, with its own account inside it."""

from __future__ import annotations

import hashlib
import io
import json
import resource
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from curate.storage import atomic_write, exists, filesystem, join, read_bytes

_RECORD = b"curate"
Record = dict[str, Any]


def shard_path(folder: str, shard: int, prefix: str = "shard") -> str:
    return join(folder, f"{prefix}-{shard:06d}.parquet")


def write_shard(path: str, table: pa.Table, record: Record) -> Record:
    """Write a shard with its record in the file's metadata; returns the record with the file's size and sha256."""
    metadata = {**(table.schema.metadata or {}), _RECORD: json.dumps(record, sort_keys=True).encode()}
    buffer = io.BytesIO()
    pq.write_table(table.replace_schema_metadata(metadata), buffer, compression="zstd", row_group_size=2048)
    data = buffer.getvalue()
    with atomic_write(path) as out:
        out.write(data)
    return {**record, "bytes": len(data), "sha256": hashlib.sha256(data).hexdigest()}


def finished_record(path: str) -> Record | None:
    """The record of a shard that is already there, with its size and sha256; None where it is not."""
    if not exists(path):
        return None
    data = read_bytes(path)
    record = json.loads(pq.read_schema(io.BytesIO(data)).metadata[_RECORD])
    return {**record, "bytes": len(data), "sha256": hashlib.sha256(data).hexdigest()}


def read_shard(path: str, columns: list[str] | None = None) -> pa.Table:
    fs, inner = filesystem(path)
    with fs.open(inner, "rb") as source:
        return pq.ParquetFile(source).read(columns=columns)


def column(table: pa.Table, name: str) -> np.ndarray:
    """A numeric column as numpy."""
    return np.asarray(table.column(name).to_numpy())


def peak_memory() -> int:
    """Bytes this process has held at most."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
