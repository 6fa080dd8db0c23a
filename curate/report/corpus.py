"""Read a finished output folder one shard at a time: what became of every document, and excerpts of some."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from curate.dedup.captures import Reason
from curate.dedup.lines import without_lines
from curate.errors import UserError
from curate.parquet import read_table
from curate.storage import BrokenSeal, exists, join, listing, read_sealed

Address = tuple[int, int]
"""(shard, row): where a document lies in documents/."""
EXCERPT = 4_000
"""Characters that are held of a text; a sample shows fewer."""
UNMEASURABLE = "unmeasurable"


@dataclass(frozen=True, slots=True)
class Excerpt:
    """The beginning of one document: its text as extracted, as line dedup left it, and the lines asked for."""

    id: str
    url: str
    title: str
    text: str
    left: str
    lines: Mapping[int, str] = field(default_factory=dict)


class Corpus:
    """An output folder. Raises UserError where it holds no finished build."""

    def __init__(self, output: str) -> None:
        self.output = output
        path = join(output, "summary.json")
        if not exists(path):
            raise UserError(f"{output} holds no finished build (no summary.json): run `curate build` first")
        try:
            self.summary = read_sealed(path)
        except BrokenSeal as error:
            raise UserError(f"{error}: run `curate verify {output}`") from error
        names = listing(join(output, "documents"))
        self.shards = sorted(
            int(digits)
            for name in names
            if name.startswith("shard-") and (digits := name[6:].removesuffix(".parquet")).isdecimal()
        )

    def selection(self) -> Mapping[str, Any]:
        """The commit record of the select stage, with the filters' settings as used; empty where it is not there."""
        path = join(self.output, "stages", "select", "_done.json")
        try:
            return read_sealed(path) if exists(path) else {}
        except BrokenSeal as error:
            raise UserError(f"{error}: run `curate verify {self.output}`") from error

    def read(self, folder: str, shard: int, columns: list[str] | None = None, prefix: str = "shard") -> pa.Table | None:
        """A shard's table, with those of the columns that it has; None where the file is not there."""
        path = join(self.output, folder, f"{prefix}-{shard:06d}.parquet")
        return read_table(path, columns) if exists(path) else None

    def scores(self, shard: int) -> pa.Table | None:
        """A shard's measurements, with those against the whole corpus behind them."""
        table = self.read("scores", shard)
        if table is None:
            return None
        for name in listing(join(self.output, "scores/corpus")):
            more = self.read(f"scores/corpus/{name}", shard)
            if more is not None and more["row"].equals(table["row"]):
                for column_name in more.column_names[1:]:
                    table = table.append_column(column_name, more[column_name])
        return table

    def excerpts(self, wanted: Mapping[Address, set[int]]) -> dict[Address, Excerpt]:
        """Excerpts of the documents at these addresses, with these lines of each; addresses that are none are left out.

        Reads each shard that is asked for once, so memory is one shard and the excerpts.
        """
        by_shard: dict[int, list[int]] = {}
        for shard, row in sorted(wanted):
            by_shard.setdefault(shard, []).append(row)
        found: dict[Address, Excerpt] = {}
        for shard, rows in by_shard.items():
            table = self.read("documents", shard, ["id", "url", "title", "text"])
            if table is None:
                continue
            rows = [row for row in rows if row < table.num_rows]
            gone: dict[int, list[int]] = {}
            if (removed := self.read("duplicates/lines", shard, ["row", "lines"])) is not None:
                chosen = removed.filter(pc.is_in(removed["row"], value_set=pa.array(rows, removed["row"].type)))
                gone = dict(zip(chosen["row"].to_pylist(), chosen["lines"].to_pylist(), strict=True))
            for row, document in zip(rows, table.take(rows).to_pylist(), strict=True):
                text = document["text"]
                lines = text.split("\n")
                found[shard, row] = Excerpt(
                    document["id"],
                    document["url"],
                    document["title"],
                    text[:EXCERPT],
                    without_lines(text, np.array(gone.get(row, []), np.int64))[:EXCERPT],
                    {number: lines[number][:EXCERPT] for number in wanted[shard, row] if number < len(lines)},
                )
        return found


class Shard:
    """One shard's documents and what became of each.

    fates: shape (documents,), of object: None for a kept document, else the reason it is not in the corpus.
    tokens: shape (documents,): of a kept document.
    """

    def __init__(self, corpus: Corpus, number: int) -> None:
        self.number = number
        documents = corpus.read("documents", number, ["id", "url"])
        assert documents is not None
        self.ids: list[str] = documents["id"].to_pylist()
        self.urls: list[str] = documents["url"].to_pylist()
        self.fates = np.full(len(self.ids), None, dtype=object)
        self.tokens = np.zeros(len(self.ids), np.int64)
        self.displaced = corpus.read("duplicates/documents", number)
        self.lines = corpus.read("duplicates/lines", number)
        self.near = corpus.read("duplicates/near", number)
        self.books = corpus.read("duplicates/books", number)
        self.scores = corpus.scores(number)
        self.verdicts = corpus.read("scores/verdicts", number)
        if self.verdicts is not None:
            # Who is not among the verdicts and no duplicate either could not be measured.
            self.fates[:] = UNMEASURABLE
            rows = column(self.verdicts, "row")
            self.fates[rows] = self.verdicts["reason"].to_numpy(zero_copy_only=False)
            self.tokens[rows] = self.verdicts["tokens"].fill_null(0).to_numpy()
        if self.displaced is not None:
            labels = [Reason(value).label for value in self.displaced["reason"].to_pylist()]
            self.fates[column(self.displaced, "row")] = np.array(labels, dtype=object)
        if self.lines is not None:
            self.fates[column(self.lines, "row")[column(self.lines, "characters") == 0]] = Reason.EMPTY.label
        if self.near is not None:
            self.fates[column(self.near, "row")] = Reason.NEAR.label
        if self.books is not None:
            self.fates[column(self.books, "row")] = Reason.CONTAINED.label
        self.kept = np.array([fate is None for fate in self.fates], bool)


def column(table: pa.Table, name: str) -> np.ndarray:
    """A numeric column as numpy, without nulls."""
    return np.asarray(table[name].to_numpy())
