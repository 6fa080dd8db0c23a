"""Rows of GitHub's BigQuery export, and of data sets made of it: Parquet by row group, or JSON lines.

Columns are known by any of the names that published data sets have: repo_name, path, content, license(s), ref, size and
binary of BigQuery's `contents` joined with `files`; max_stars_repo_name and so on of The Stack.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import pyarrow as pa

from curate.licences.detect import joined, normal_expression
from curate.parquet import parquet_file
from curate.sources.github_archive import Bad, BadFile, Unreadable
from curate.sources.json_lines import Bad as BadLine
from curate.sources.json_lines import read_lines
from curate.storage import filesystem

COLUMNS: Mapping[str, tuple[str, ...]] = {
    "repository": ("repo_name", "repository_name", "max_stars_repo_name", "repo"),
    "path": ("path", "max_stars_repo_path", "file_path", "filename"),
    "content": ("content", "code", "text"),
    "licence": ("license", "licenses", "max_stars_repo_licenses", "detected_licenses"),
    "binary": ("binary",),
    "ref": ("ref", "max_stars_repo_head_hexsha", "revision_id", "commit_id"),
}
ROWS_AT_ONCE = 32
MAX_ROW_GROUP_BYTES = 4 << 30
"""Unpacked, as the file says; a row group is held by its pages."""
MAX_LINE_BYTES = 16 << 20
_MAX_FIELD = 4096


@dataclass(frozen=True, slots=True)
class Row:
    """offset: a row's number in its Parquet file, or the byte at which its line begins; licence: SPDX, "" for none."""

    offset: int
    repository: str
    path: str
    content: str | bytes | None
    licence: str
    binary: bool
    ref: str


def row_groups(path: str) -> int:
    """How many row groups a Parquet file has; 0 where it is none."""
    try:
        with _opened(path) as file:
            return int(file.num_row_groups)
    except BadFile:
        return 0


def parquet_rows(path: str, group: int) -> Iterator[Row | Bad]:
    """The rows of one row group, in order."""
    number = 0
    try:
        with _opened(path) as file:
            if group >= file.num_row_groups:
                raise BadFile(Unreadable.BAD_PARQUET, "no row group")
            number = sum(file.metadata.row_group(each).num_rows for each in range(group))
            named = _columns(file.schema_arrow.names)
            size = file.metadata.row_group(group).total_byte_size
            if size > MAX_ROW_GROUP_BYTES:
                raise BadFile(Unreadable.TOO_LARGE, f"a row group of {size} bytes")
            if "content" not in named or "path" not in named:
                raise BadFile(Unreadable.NO_CONTENT, f"columns {', '.join(file.schema_arrow.names)[:200]}")
            wanted = list(named.values())
            for batch in file.iter_batches(ROWS_AT_ONCE, row_groups=[group], columns=wanted, use_threads=False):
                for values in batch.to_pylist():
                    yield _row(number, {field: values.get(column) for field, column in named.items()})
                    number += 1
    except BadFile as error:
        yield Bad(number, error.reason, error.detail, last=True)
    except _PARQUET_ERRORS as error:
        yield Bad(number, Unreadable.BAD_PARQUET, " ".join(str(error).split())[:200], last=True)


def json_rows(path: str, start: int, end: int) -> Iterator[Row | Bad]:
    """The rows of the lines that begin in a range of the file."""
    for line in read_lines(path, start, end, MAX_LINE_BYTES):
        if isinstance(line, BadLine):
            yield Bad(line.offset, Unreadable(line.reason.value), line.detail)
            continue
        if not line.data.strip():
            continue
        try:
            values = json.loads(line.data)
        except (ValueError, RecursionError) as error:
            yield Bad(line.offset, Unreadable.BAD_JSON, " ".join(str(error).split())[:200])
            continue
        if not isinstance(values, dict):
            yield Bad(line.offset, Unreadable.BAD_JSON, "not an object")
            continue
        named = _columns(list(values))
        if "content" not in named or "path" not in named:
            yield Bad(line.offset, Unreadable.NO_CONTENT, f"keys {', '.join(values)[:200]}")
            continue
        yield _row(line.offset, {field: values[column] for field, column in named.items()})


_PARQUET_ERRORS = (pa.ArrowException, OSError, ValueError, KeyError, OverflowError, MemoryError)


class _opened:
    """A Parquet file that is closed after; BadFile where it is none, OSError where it is not there."""

    def __init__(self, path: str) -> None:
        fs, inner = filesystem(path)
        self._handle = fs.open(inner, "rb")

    def __enter__(self) -> Any:
        try:
            self._file = parquet_file(self._handle)
        except _PARQUET_ERRORS as error:
            self._handle.close()
            raise BadFile(Unreadable.BAD_PARQUET, " ".join(str(error).split())[:200]) from None
        return self._file

    def __exit__(self, *_: object) -> None:
        self._file.close()
        self._handle.close()


def _columns(names: list[str]) -> dict[str, str]:
    return {
        field: next(name for name in known if name in names)
        for field, known in COLUMNS.items()
        if any(name in names for name in known)
    }


def _row(offset: int, values: Mapping[str, Any]) -> Row:
    content = values.get("content")
    return Row(
        offset,
        _text(values.get("repository")),
        _text(values.get("path")).lstrip("/"),
        content if isinstance(content, str | bytes) else None,
        _licence(values.get("licence")),
        values.get("binary") in (True, "true", 1),
        _text(values.get("ref")),
    )


def _text(value: Any) -> str:
    text = value if isinstance(value, str) else ""
    return " ".join(text[:_MAX_FIELD].encode("utf-8", "replace").decode().split("\n"))


def _licence(value: Any) -> str:
    """BigQuery's are lower-case identifiers ("apache-2.0"); of a list, all hold."""
    each = value if isinstance(value, list) else [value]
    known = [normal_expression(item) or _UNNAMED + item[:60] for item in each[:16] if isinstance(item, str) and item]
    return joined(_SPELLED.get(item, item) for item in known)


_UNNAMED = "LicenseRef-"
# GitHub's names of licence families without a version, as SPDX has them now.
_SPELLED = {
    f"LicenseRef-{old}": new
    for old, new in {
        "gpl-2.0": "GPL-2.0-only",
        "gpl-3.0": "GPL-3.0-only",
        "lgpl-2.1": "LGPL-2.1-only",
        "lgpl-3.0": "LGPL-3.0-only",
        "agpl-3.0": "AGPL-3.0-only",
    }.items()
}
