"""Labelled documents of a user's own: JSON lines, plain or compressed with gzip or Zstandard, or Parquet."""

from __future__ import annotations

import gzip
import io
import json
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import pyarrow as pa
import zstandard

from curate.errors import UserError
from curate.parquet import parquet_file
from curate.report.clean import printable

MOST_OF_A_LINE = 64 << 20
_PARQUET, _GZIP, _ZSTANDARD = b"PAR1", b"\x1f\x8b", b"\x28\xb5\x2f\xfd"
_DETAIL = 120
_ROWS = 1000


@dataclass(frozen=True, slots=True)
class LabelledText:
    """id: of the document's `id` key, else `file:line`; label: as `label_name` writes it."""

    id: str
    label: str
    text: str


@dataclass(frozen=True, slots=True)
class BadLine:
    """A line (a row of Parquet), counted from 1, that is no labelled document, and why.

    reason: not_json, not_an_object, line_too_long, no_text, text_not_a_string, no_label or not_a_label.
    """

    file: str
    line: int
    reason: str
    detail: str = ""

    def __str__(self) -> str:
        return f"{self.file}:{self.line}: {self.reason}{': ' * bool(self.detail)}{self.detail}"


def label_name(value: object) -> str | None:
    """A label as a fastText model can hold it: white space becomes `_`, true is `true`, 1 (and 1.0) is `1`.

    None where the value is no label: null, an object, a list, an empty string, a fraction.
    """
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if isinstance(value, int):
        return str(value) if abs(value) < 1 << 63 else None
    if not isinstance(value, str):
        return None
    name = "_".join(value.replace("\x00", " ").encode("utf-8", "replace").decode().split())
    return name if 0 < len(name) <= 200 else None


def read_labels(path: Path, text_key: str = "text", label_key: str = "label") -> Iterator[LabelledText | BadLine]:
    """Every line in order; what the file is, its first bytes say and not its name. Empty lines are passed over.

    UserError where the file is not there, is torn, or is Parquet without these columns.
    """
    if not path.is_file():
        raise UserError(f"no labelled documents at {path}")
    try:
        with path.open("rb") as stream:
            kind = stream.read(4)
        records = _parquet(path, text_key, label_key) if kind == _PARQUET else _json_lines(path)
        for number, record in records:
            yield record if isinstance(record, BadLine) else _labelled(path, number, record, text_key, label_key)
    except (pa.ArrowException, zstandard.ZstdError, zlib.error, EOFError, OSError) as error:
        detail = " ".join(str(error).split())[:_DETAIL]
        raise UserError(f"{path} cannot be read to its end: {detail or type(error).__name__}") from None


def _labelled(path: Path, number: int, record: Any, text_key: str, label_key: str) -> LabelledText | BadLine:
    def bad(reason: str, detail: str = "") -> BadLine:
        return BadLine(path.name, number, reason, detail)

    if not isinstance(record, dict):
        return bad("not_an_object", f"a {type(record).__name__}")
    text, given, name = record.get(text_key), record.get(label_key), record.get("id")
    if text is None:
        return bad("no_text", f"no {text_key!r} among {_shown(sorted(record))}")
    if not isinstance(text, str):
        return bad("text_not_a_string", f"a {type(text).__name__}")
    if not text.strip():
        return bad("no_text", f"{text_key!r} is blank")
    if given is None:
        return bad("no_label", f"no {label_key!r} among {_shown(sorted(record))}")
    label = label_name(given)
    if label is None:
        return bad("not_a_label", _shown(given))
    known = isinstance(name, str | int) and not isinstance(name, bool)
    return LabelledText(printable(str(name))[:200] if known else f"{path.name}:{number}", label, text)


def _json_lines(path: Path) -> Iterator[tuple[int, Any]]:
    with _plain(path) as lines:
        number = 0
        while line := lines.readline(MOST_OF_A_LINE + 1):
            number += 1
            if len(line) > MOST_OF_A_LINE:
                while line and not line.endswith(b"\n"):
                    line = lines.readline(1 << 20)
                yield number, BadLine(path.name, number, "line_too_long", f"over {MOST_OF_A_LINE} bytes")
                continue
            if number == 1:
                line = line.removeprefix(b"\xef\xbb\xbf")
            if not line.strip():
                continue
            try:
                yield number, json.loads(line)
            except (ValueError, RecursionError) as error:
                yield number, BadLine(path.name, number, "not_json", printable(str(error))[:_DETAIL])


@contextmanager
def _plain(path: Path) -> Iterator[IO[bytes]]:
    with path.open("rb") as stream:
        magic = stream.read(4)
        stream.seek(0)
        if magic.startswith(_GZIP):
            with gzip.open(stream) as lines:
                yield io.BufferedReader(lines)
        elif magic == _ZSTANDARD:
            yield io.BufferedReader(_Zstandard(stream), 1 << 16)
        else:
            yield stream


class _Zstandard(io.RawIOBase):
    """The frames of a Zstandard file; EOFError where the last is torn, which zstandard's own reader passes over."""

    def __init__(self, stream: IO[bytes]) -> None:
        self._stream = stream
        self._frame = zstandard.ZstdDecompressor().decompressobj()
        self._begun = False
        self._ready = b""
        self._packed = b""

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        while not self._ready:
            packed = self._packed or self._stream.read(1 << 14)
            self._packed = b""
            if not packed:
                if self._begun:
                    raise EOFError("it ends within a frame")
                return 0
            self._ready = self._frame.decompress(packed)
            self._begun = not self._frame.eof
            if self._frame.eof:
                self._packed = self._frame.unused_data
                self._frame = zstandard.ZstdDecompressor().decompressobj()
        taken = self._ready[: len(buffer)]
        buffer[: len(taken)] = taken
        self._ready = self._ready[len(taken) :]
        return len(taken)


def _parquet(path: Path, text_key: str, label_key: str) -> Iterator[tuple[int, Any]]:
    with parquet_file(path) as file:
        names = file.schema_arrow.names
        for key in (text_key, label_key):
            if key not in names:
                raise UserError(f"{path} has no column {key!r}; it has {_shown(names)}")
        wanted = list(dict.fromkeys([text_key, label_key, *(["id"] if "id" in names else [])]))
        number = 0
        for batch in file.iter_batches(_ROWS, columns=wanted, use_threads=False):
            for record in batch.to_pylist():
                number += 1
                yield number, record


def _shown(value: object) -> str:
    if isinstance(value, Sequence) and not isinstance(value, str):
        value = ", ".join(map(str, value)) or "nothing"
    return printable(str(value))[:_DETAIL]
