"""What every source has in common: from a piece of an input file to documents, and to the reasons why not."""

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar, Generic, TypeVar

from curate.document import Document, document_id, text_digest
from curate.errors import SetAside
from curate.inputs import InputFile
from curate.limits import Guard
from curate.sections import ExtractSection

Settings = TypeVar("Settings", bound=ExtractSection)
Result = TypeVar("Result")


@dataclass(frozen=True, slots=True)
class Piece:
    """A part of an input file that one worker reads: the records that begin in [start, end) of the stored bytes.

    path: what is opened; file: the input file's key, which ids are made of; file_index: its place among the inputs;
    end: -1 for the file's end; part: what a source needs to find its records where an offset is not enough (a row
    group, a bucket), "" otherwise.
    """

    path: str
    file: str
    file_index: int
    start: int = 0
    end: int = -1
    part: str = ""

    @property
    def size(self) -> int:
        return max(self.end - self.start, 0)


@dataclass(frozen=True, slots=True)
class Dropped:
    """A readable record that makes no document. reason: a short snake_case name out of the source's own enum; detail:
    what was found, one line; url: its address or name, by which it can be asked for, "" where there is nothing to ask.
    """

    reason: str
    detail: str
    url: str
    offset: int = 0


Outcome = Document | Dropped | SetAside


class Source(ABC, Generic[Settings]):
    """One of the seven sources. Pure but for reading its input: no Beam, no state between pieces.

    name: of the source, in ids and in tokens/v1; suffixes: of the files that a folder is searched for; reasons: every
    reason for which `read` drops a record; Config: its `extract` section in a manifest.
    """

    name: ClassVar[str]
    Config: ClassVar[type[ExtractSection]]
    suffixes: ClassVar[tuple[str, ...]]
    reasons: ClassVar[tuple[str, ...]]
    guard: Guard | None = None
    """Stops a record that takes too long; a worker has one."""

    def __init__(self, config: Settings) -> None:
        self.config = config

    def survey(self, inputs: Sequence[InputFile]) -> None:
        """Look at all input files once, before any is divided into pieces: a source that chooses among them does it
        here. Raises UserError where it is asked for what is not there."""

    def pieces(self, item: InputFile, index: int) -> Iterable[Piece]:
        """How a file is divided, in order; by default it is one piece. It must not depend on the number of workers."""
        yield Piece(item.path, item.file, index, 0, item.size)

    @abstractmethod
    def read(self, piece: Piece) -> Iterator[Outcome]:
        """Every record of the piece, in order, once. Never raises for what a file holds: what cannot be read is set
        aside with its offset and reason, and reading goes on where it can. Raises OSError where the file is not there.
        """

    def limited(self, file: str, offset: int, work: Callable[[], Result], part: str = "") -> Result | SetAside:
        """What a record comes to (`work()`), within the worker's limits. part: tells apart records of one offset."""
        return work() if self.guard is None else self.guard.run(file, offset, work, part)

    def figures(self, document: Document) -> Mapping[str, int]:
        """What is summed over a build's documents and told with its account, by what it is in words."""
        return {}

    def document(
        self,
        text: str,
        *,
        file: str,
        offset: int,
        index: int = 0,
        url: str = "",
        title: str = "",
        date: str = "",
        language: str = "",
        licence: str = "",
        metadata: Mapping[str, object] | None = None,
    ) -> Document:
        """A document of this source, its id made of where it was read. metadata: JSON-able; empty for none."""
        return Document(
            id=document_id(self.name, file, offset, index),
            source=self.name,
            url=url,
            title=title,
            text=text,
            date=date,
            language_declared=language,
            licence=licence,
            metadata=json.dumps(dict(metadata), sort_keys=True, ensure_ascii=False) if metadata else "",
            digest=text_digest(text),
            file=file,
            offset=offset,
            index=index,
        )
