"""The items of benchmark files: what a model will be asked, and so must not have read.

Text files have an item a line; JSON lines, a JSON array and Parquet an object an item, of which all text counts, or
that of the fields that are named. Compressed by gzip or not.
"""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import pyarrow as pa

from curate.errors import UserError
from curate.parquet import parquet_file
from curate.storage import exists, read_bytes

_BATCH = 1024


def items(path: str, fields: Sequence[str], where: str) -> Iterator[tuple[int, str]]:
    """(number, text) of each item: the line's, or the row's, from 1. where: how messages call the setting.

    Raises UserError where there is no such file, it cannot be read as what its name says, or a field is not there.
    """
    if not exists(path):
        raise UserError(f"{where}: no file at {path}")
    data = read_bytes(path)
    name = path.lower()
    if name.endswith(".gz"):
        name = name.removesuffix(".gz")
        try:
            data = gzip.decompress(data)
        except (OSError, EOFError) as error:
            raise UserError(f"{where}: {path} is no gzip file: {' '.join(str(error).split())}") from error
    if name.endswith(".parquet"):
        rows: Iterator[tuple[int, Any]] = enumerate(_rows(data, path, where), 1)
    elif name.endswith((".jsonl", ".ndjson", ".json")):
        rows = _objects(data, path, where, array=name.endswith(".json"))
    elif name.endswith((".txt", ".text")):
        if fields:
            raise UserError(f"{where}: {path} is a text file and has no fields: leave them out")
        rows = _lines(data, path, where)
    else:
        raise UserError(f"{where}: {path}: name a .txt, .jsonl, .json or .parquet file (the first three may be .gz)")
    for number, row in rows:
        if fields:
            if not isinstance(row, Mapping) or any(field not in row for field in fields):
                there = ", ".join(row) if isinstance(row, Mapping) else "none"
                raise UserError(f"{where}: {path}: item {number} lacks a field of {', '.join(fields)} (has: {there})")
            row = [row[field] for field in fields]
        text = "\n".join(_texts(row))
        if text.strip():
            yield number, text


def _lines(data: bytes, path: str, where: str) -> Iterator[tuple[int, str]]:
    try:
        yield from enumerate(data.decode("utf-8-sig").split("\n"), 1)
    except UnicodeDecodeError as error:
        raise UserError(f"{where}: {path} is not UTF-8 (byte {error.start})") from error


def _objects(data: bytes, path: str, where: str, array: bool) -> Iterator[tuple[int, Any]]:
    try:
        if array and data.lstrip()[:1] == b"[":
            yield from enumerate(json.loads(data), 1)
            return
        for number, line in _lines(data, path, where):
            if line.strip():
                yield number, json.loads(line)
    except (ValueError, RecursionError) as error:
        raise UserError(f"{where}: {path} is not JSON: {' '.join(str(error).split())[:200]}") from error


def _rows(data: bytes, path: str, where: str) -> Iterator[Any]:
    try:
        with parquet_file(pa.BufferReader(data)) as file:
            for batch in file.iter_batches(_BATCH, use_threads=False):
                yield from batch.to_pylist()
    except (OSError, ValueError) as error:
        raise UserError(f"{where}: {path} is not Parquet: {' '.join(str(error).split())[:200]}") from error


def _texts(value: Any) -> Iterator[str]:
    """All text in a value, in order."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for inner in value.values():
            yield from _texts(inner)
    elif isinstance(value, list | tuple):
        for inner in value:
            yield from _texts(inner)
