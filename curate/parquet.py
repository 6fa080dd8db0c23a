"""Whole Parquet tables and files, read so that no thread of Arrow's outlives the reading.

A thread of Arrow's that still holds a Python object (a stream, or bytes) when the interpreter ends aborts the process:
"terminate called without an active exception", in one run of eight where a small table was read from a `BytesIO`. So
only the calling thread reads ahead (Arrow's `pre_buffer` does so in its own) and decodes here, a local file is read by
Arrow itself, and every file is closed.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from curate.storage import filesystem, is_local


def parquet_file(source: Any) -> pq.ParquetFile:
    """A Parquet file of a path, a stream or Arrow's own file, which no thread of Arrow's reads ahead. Close it, and
    read it with `use_threads=False`. pyarrow.ArrowException or OSError where it is none."""
    return pq.ParquetFile(source, pre_buffer=False)


def table_of(data: bytes, columns: Sequence[str] | None = None) -> pa.Table:
    """The table in the bytes of a Parquet file; pyarrow.ArrowException or OSError where they are none."""
    with parquet_file(pa.BufferReader(data)) as file:
        return _read(file, columns)


def read_table(path: str, columns: Sequence[str] | None = None) -> pa.Table:
    """The table of a file, with those of the columns that it has. Errors as `opened`."""
    with opened(path) as file:
        return _read(file, columns)


@contextmanager
def opened(path: str) -> Iterator[pq.ParquetFile]:
    """A Parquet file at a path or URL, closed after. FileNotFoundError where it is not there; pyarrow.ArrowException
    or OSError where it is none. Read it with `use_threads=False`."""
    fs, inner = filesystem(path)
    with pa.OSFile(inner, "rb") if is_local(fs) else fs.open(inner, "rb") as source, parquet_file(source) as file:
        yield file


def _read(file: pq.ParquetFile, columns: Sequence[str] | None) -> pa.Table:
    names = None if columns is None else [name for name in columns if name in file.schema_arrow.names]
    return file.read(columns=names, use_threads=False)
