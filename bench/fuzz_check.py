"""One file read by its source, and what must hold of everything that comes of it, whatever the file holds."""

from __future__ import annotations

import bz2
import contextlib
import re
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field, fields
from functools import cache
from pathlib import Path
from typing import Any

from curate.document import Document
from curate.errors import SetAside
from curate.inputs import InputFile
from curate.sources.registry import source_class
from curate.sources.source import Dropped, Source

SECONDS = 10.0
MEMORY = 4 << 30
MOST_TEXT = 64 << 20
"""Characters of a document."""
MOST_METADATA = 4 << 20
MOST_SHORT = 64 << 10
"""Characters of any other field."""
_REASON = re.compile(r"[a-z][a-z0-9_]{1,40}")
SETTINGS: dict[str, dict[str, Any]] = {"books": {"licence": "CC0-1.0"}, "github": {"unknown_licence": True}}
"""So that most of what is read becomes documents."""
RANGES = (4 << 10, 32 << 20)


@dataclass
class Result:
    """What a file came to. problems: what should not be; seconds: of processor time."""

    outcomes: Counter[str] = field(default_factory=Counter)
    reasons: Counter[str] = field(default_factory=Counter)
    problems: list[str] = field(default_factory=list)
    seconds: float = 0.0
    memory: int = 0


@cache
def source_of(name: str, range_bytes: int) -> Source[Any]:
    kind = source_class(name)
    return kind(kind.Config.model_validate({**SETTINGS.get(name, {}), "range_bytes": range_bytes}))


def says_nothing(name: str, data: bytes) -> bool:
    """Whether nothing need be said of a file: it is blank, or a whole dump of a wiki without a page."""
    if name == "wikipedia" and data[:3] == b"BZh":
        with contextlib.suppress(OSError, ValueError):
            data = bz2.decompress(data)
            return b"<mediawiki" in data and b"</mediawiki>" in data and b"<page" not in data
    return not data.strip(b" \t\r\n\0")


def read_file(name: str, path: Path, range_bytes: int) -> Result:
    """Read a file by its source as a build does, and look at each outcome."""
    result = Result()
    began = time.process_time()
    found: set[str] = set()
    try:
        source = source_of(name, range_bytes)
        size = path.stat().st_size
        item = InputFile(str(path), path.name, size, "etag")
        source.survey([item])
        for piece in source.pieces(item, 0):
            for outcome in source.read(piece):
                result.outcomes[type(outcome).__name__] += 1
                if not isinstance(outcome, Document):
                    result.reasons[str(getattr(outcome, "reason", ""))] += 1
                for problem in wrong_with(source, outcome, path.name):
                    result.problems.append(problem)
                if isinstance(outcome, Document):
                    source.figures(outcome)
                    if outcome.id in found:
                        result.problems.append(f"two documents have the id {outcome.id}")
                    found.add(outcome.id)
        if not result.outcomes and not says_nothing(name, path.read_bytes()):
            result.problems.append("nothing is said of it")
    except Exception as error:  # what no file may bring about
        result.problems.append(f"raises {type(error).__name__}: {' '.join(str(error).split())[:200]}{_place(error)}")
    result.seconds = time.process_time() - began
    if result.seconds > SECONDS:
        result.problems.append(f"takes {result.seconds:.1f} s")
    return result


def _place(error: BaseException) -> str:
    trace, where = error.__traceback__, ""
    while trace is not None:
        code = trace.tb_frame.f_code
        if "/curate/" in code.co_filename:
            where = f" at {Path(code.co_filename).name}:{trace.tb_lineno}"
        trace = trace.tb_next
    return where


def wrong_with(source: Source[Any], outcome: object, file: str) -> Iterator[str]:
    """What should not be of an outcome: it is one of three, of known reason, can be stored, and has bounds."""
    if not isinstance(outcome, Document | Dropped | SetAside):
        yield f"an outcome is {type(outcome).__name__}"
        return
    kind = type(outcome).__name__
    for item in fields(outcome):
        value = getattr(outcome, item.name)
        if isinstance(value, str):
            most = {"text": MOST_TEXT, "metadata": MOST_METADATA}.get(item.name, MOST_SHORT)
            if len(value) > most:
                yield f"{kind}.{item.name} has {len(value):,} characters"
            try:
                value.encode()
            except UnicodeEncodeError:
                yield f"{kind}.{item.name} cannot be stored: {value[:80]!r}"
        elif isinstance(value, int) and not 0 <= value < 1 << 63:
            yield f"{kind}.{item.name} is {value}"
    if isinstance(outcome, Document):
        if not outcome.text.strip():
            yield "a document without text"
        if "\0" in outcome.text:
            yield "a document with NUL"
    elif not _REASON.fullmatch(str(outcome.reason)):
        yield f"{kind} for {outcome.reason!r}"
    if isinstance(outcome, Dropped) and outcome.reason not in source.reasons:
        yield f"Dropped for {outcome.reason!r}, which is none of the source's reasons"
    if isinstance(outcome, Document | SetAside) and outcome.file != file:
        yield f"{kind} of another file: {outcome.file[:80]!r}"
    if not isinstance(outcome, Document) and "\n" in outcome.detail:
        yield f"{kind}.detail is more than one line: {outcome.detail[:80]!r}"
