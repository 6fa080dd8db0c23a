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

from curate.parquet import read_table
from curate.storage import atomic_write, exists, join, read_bytes

_RECORD = b"curate"
Record = dict[str, Any]
Files = dict[str, list[Any]]


def shard_file(folder: str, shard: int, prefix: str = "shard") -> str:
    """A shard's file, relative to the output folder."""
    return f"{folder}/{prefix}-{shard:06d}.parquet"


def write_beside(output: str, file: str, table: pa.Table) -> Files:
    """Write a file that goes with a shard, before the shard itself; returns {file: [bytes, sha256]}."""
    return {file: _write(join(output, file), table, b"{}")}


def write_shard(output: str, file: str, table: pa.Table, record: Record, beside: Files | None = None) -> Record:
    """Write a shard with its record in the file's metadata; its presence says that the shard is finished.

    Returns the record with `files`: {file: [bytes, sha256]} of the shard and what was written beside it.
    """
    kept = {**record, "files": beside or {}}
    marks = _write(join(output, file), table, json.dumps(kept, sort_keys=True).encode())
    return {**kept, "files": {**kept["files"], file: marks}}


def _write(path: str, table: pa.Table, record: bytes) -> list[Any]:
    metadata = {**(table.schema.metadata or {}), _RECORD: record}
    buffer = io.BytesIO()
    pq.write_table(table.replace_schema_metadata(metadata), buffer, compression="zstd", row_group_size=2048)
    data = buffer.getvalue()
    with atomic_write(path) as out:
        out.write(data)
    return [len(data), hashlib.sha256(data).hexdigest()]


def finished_record(output: str, file: str) -> Record | None:
    """The record of a shard that is already there, as `write_shard` gave it; None where it is not."""
    path = join(output, file)
    if not exists(path):
        return None
    data = read_bytes(path)
    record = json.loads(pq.read_schema(pa.BufferReader(data)).metadata[_RECORD])
    files = {**record["files"], file: [len(data), hashlib.sha256(data).hexdigest()]}
    return {**record, "files": files}


def read_shard(output: str, file: str, columns: list[str] | None = None) -> pa.Table:
    return read_table(join(output, file), columns)


def column(table: pa.Table, name: str) -> np.ndarray:
    """A numeric column as numpy."""
    return np.asarray(table.column(name).to_numpy())


def peak_memory() -> int:
    """Bytes this process has held at most."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
