"""Dedup of lines as CCNet or C4 does it: hashes of the lines of a group of files through one shuffle of packed rows."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import apache_beam as beam
import numpy as np
import pyarrow as pa

from curate.dedup.c4_lines import RANKED_LINE, lines_covered, ranked_lines, spans, surplus_lines
from curate.dedup.lines import repeated_lines, without_lines
from curate.dedup.rows import LINE, REPEATED, Packed, ordered, pack, runs, split_by, unpack
from curate.manifest import Dedup, LineDedup
from curate.storage import join
from curate.text.ccnet import line_hashes
from filters.c4 import C4Config, lines_compared
from pipelines.collect import WriteRecords, take_records
from pipelines.dedup_documents import displaced_rows
from pipelines.engine import Engine
from pipelines.shards import Record, column, finished_record, peak_memory, read_shard, shard_file, write_shard
from pipelines.stage import merge
from pipelines.tasks import Tasks

FOLDER = "duplicates/lines"
_LIST = pa.list_(pa.uint32())
_SCHEMA = pa.schema(
    [
        ("row", pa.uint32()),
        ("characters", pa.uint32()),
        ("lines", _LIST),
        ("copies", _LIST),
        ("other_shard", _LIST),
        ("other_row", _LIST),
    ]
)


def line_rows(texts: list[str], rows: np.ndarray, shard: int, config: LineDedup) -> Packed:
    """LINE rows of all lines that are not blank, of the documents at `rows`."""
    lines: list[str] = []
    counts = np.zeros(len(texts), np.int64)
    numbers: list[int] = []
    for index, text in enumerate(texts):
        before = len(lines)
        for number, line in enumerate(text.split("\n")):
            if line.strip():
                lines.append(line)
                numbers.append(number)
        counts[index] = len(lines) - before
    out = np.zeros(len(lines), LINE)
    out["hash"] = line_hashes(lines, accents=config.accents == "strip")
    out["shard"] = shard
    out["row"] = np.repeat(rows, counts)
    out["line"] = numbers
    return out


def ranked_rows(
    texts: list[str], urls: list[str], rows: np.ndarray, shard: int, rules: C4Config, in_spans: bool
) -> Packed:
    """RANKED_LINE rows of the lines that C4's rules leave, or of their spans, of the documents at `rows`."""
    ranked = [np.zeros(0, RANKED_LINE)]
    for text, url, row in zip(texts, urls, rows.tolist(), strict=True):
        lines = lines_compared(text, rules)
        ranked.append(ranked_lines(spans(lines) if in_spans else lines, url, shard, row))
    return np.concatenate(ranked)


def lines_of_spans(repeated: Packed, texts: pa.ChunkedArray, rules: C4Config) -> Packed:
    """REPEATED records of lines, from those of spans, ordered by row."""
    starts, lengths = runs(repeated["row"])
    lines = [np.zeros(0, REPEATED)]
    for start, length in zip(starts.tolist(), lengths.tolist(), strict=True):
        of_page = repeated[start : start + length]
        compared = lines_compared(texts[int(of_page["row"][0])].as_py(), rules)
        covered = lines_covered(compared, of_page["line"].tolist())
        out = of_page[[place for _, place in covered]]
        out["line"] = [number for number, _ in covered]
        lines.append(out)
    return ordered(np.concatenate(lines), "row", "line")


class ReadLines(beam.DoFn):
    """(shard, group) -> ((group, bucket), packed LINE or RANKED_LINE rows) of the documents that are still in."""

    def __init__(self, output: str, config: dict[str, Any], rules: dict[str, Any]) -> None:
        self.output = output
        self.config = config
        self.rules = rules

    def process(self, element: tuple[int, int]) -> Iterator[tuple[tuple[int, int], bytes]]:
        config = Dedup.model_validate(self.config)
        shard, group = element
        table = read_shard(self.output, shard_file("documents", shard), ["text", "url"])
        rows = np.setdiff1d(np.arange(len(table)), displaced_rows(self.output, shard))
        texts, urls = (column.to_pylist() for column in table.take(rows).columns)
        if config.lines.rule == "ccnet":
            lines = line_rows(texts, rows, shard, config.lines)
        else:
            rules = C4Config.model_validate(self.rules)
            lines = ranked_rows(texts, urls, rows, shard, rules, config.lines.rule == "c4_spans")
        for bucket, chunk in split_by(lines, (lines["hash"] % np.uint64(config.buckets)).astype(np.int64)):
            yield (group, bucket), pack(chunk)


class FindRepeated(beam.DoFn):
    """((group, bucket), packed LINE or RANKED_LINE rows) -> (shard, packed REPEATED rows)."""

    def __init__(self, rule: str, max_copies: int) -> None:
        self.rule = rule
        self.max_copies = max_copies

    def process(self, element: tuple[tuple[int, int], Iterable[bytes]]) -> Iterator[tuple[int, bytes]]:
        if self.rule == "ccnet":
            repeated = repeated_lines(unpack(element[1], LINE), self.max_copies)
        else:
            repeated = surplus_lines(unpack(element[1], RANKED_LINE))
        for shard, chunk in split_by(repeated, repeated["shard"].astype(np.int64)):
            yield shard, pack(chunk)


class WriteRepeated(beam.DoFn):
    """(shard, packed REPEATED chunks) -> its Record; writes duplicates/lines/: which lines of which row go."""

    def __init__(self, output: str, spans_by: dict[str, Any] | None = None) -> None:
        """spans_by: where what is repeated are spans, the rules of the lines that they are of."""
        self.output = output
        self.spans_by = spans_by

    def process(self, element: tuple[int, Iterable[bytes]]) -> Iterator[Record]:
        shard, chunks = element
        file = shard_file(FOLDER, shard)
        yield finished_record(self.output, file) or self.write(shard, file, chunks)

    def write(self, shard: int, file: str, chunks: Iterable[bytes]) -> Record:
        cpu = time.process_time()
        repeated = ordered(unpack(chunks, REPEATED), "row", "line")
        texts = read_shard(self.output, shard_file("documents", shard), ["text"]).column("text")
        if self.spans_by is not None:
            repeated = lines_of_spans(repeated, texts, C4Config.model_validate(self.spans_by))
        staying = np.setdiff1d(np.arange(len(texts)), displaced_rows(self.output, shard))
        before = {row: len(text) for row, text in zip(staying.tolist(), texts.take(staying).to_pylist(), strict=True)}
        starts, lengths = runs(repeated["row"])
        offsets = pa.array(np.append(starts, len(repeated)).astype(np.int32))
        rows = repeated["row"][starts]
        left: list[int] = []
        emptied = emptied_characters = 0
        after = dict(before)
        for row, start, length in zip(rows.tolist(), starts.tolist(), lengths.tolist(), strict=True):
            text = without_lines(texts[row].as_py(), repeated["line"][start : start + length])
            left.append(len(text))
            after[row] = len(text)
            if not text:
                emptied += 1
                emptied_characters += before[row]
        table = pa.table(
            [
                pa.array(rows, pa.uint32()),
                pa.array(left, pa.uint32()),
                *(
                    pa.ListArray.from_arrays(offsets, pa.array(repeated[name], pa.uint32()))
                    for name in ("line", "copies", "other_shard", "other_row")
                ),
            ],
            schema=_SCHEMA,
        )
        characters_in, characters_out = sum(before.values()), sum(after.values())
        return write_shard(
            self.output,
            file,
            table,
            {
                "shard": shard,
                "in": len(before),
                "out": len(before) - emptied,
                "dropped": {"lines.nothing_left": emptied} if emptied else {},
                "dropped_characters": {
                    "lines.repeated": characters_in - characters_out - emptied_characters,
                    **({"lines.nothing_left": emptied_characters} if emptied else {}),
                },
                "set_aside": 0,
                "lines_dropped": len(repeated),
                "characters_in": characters_in,
                "characters_out": characters_out,
                "peak_memory": peak_memory(),
                "cpu_seconds": time.process_time() - cpu,
            },
        )


class Remaining:
    """The documents of a shard as line dedup leaves them: row numbers and texts, in row order."""

    def __init__(self, output: str, shard: int) -> None:
        self.documents = read_shard(output, shard_file("documents", shard))
        lines = read_shard(output, shard_file(FOLDER, shard), ["row", "characters", "lines"])
        self._lines = dict(zip(lines.column("row").to_pylist(), lines.column("lines").to_pylist(), strict=True))
        emptied = column(lines, "row")[column(lines, "characters") == 0]
        gone = np.union1d(displaced_rows(output, shard), emptied)
        self.rows = np.setdiff1d(np.arange(self.documents.num_rows), gone)

    def text(self, row: int) -> str:
        text: str = self.documents.column("text")[row].as_py()
        return without_lines(text, np.array(self._lines.get(row, []), np.int64))

    def texts(self) -> list[str]:
        return [self.text(row) for row in self.rows.tolist()]


def run_dedup_lines(
    engine: Engine, shards: list[tuple[int, int]], config: Dedup, output: str, rules: Mapping[str, Any] | None = None
) -> Record:
    """shards: (shard, index of its input file). rules: settings of the filter `c4`, whose lines its rule compares."""
    result = join(output, FOLDER, "_records.json")
    spans_by = dict(rules or {}) if config.lines.rule == "c4_spans" else None
    grouped = [(shard, file_index // config.lines.group_files) for shard, file_index in shards]

    def build(pipeline: beam.Pipeline) -> None:
        numbers = pipeline | "Shards" >> Tasks(grouped, output, "dedup_lines")
        every = numbers | "EveryShard" >> beam.Map(lambda element: (element[0], b""))
        parts = [every]
        if config.lines.enabled:
            parts.append(
                numbers
                | "ReadLines" >> beam.ParDo(ReadLines(output, config.model_dump(mode="json"), dict(rules or {})))
                | "ByHash" >> beam.GroupByKey()
                | "FindRepeated" >> beam.ParDo(FindRepeated(config.lines.rule, config.lines.max_copies))
            )
        (
            parts
            | "Repeated" >> beam.Flatten()
            | "ByShard" >> beam.GroupByKey()
            | "WriteRepeated" >> beam.ParDo(WriteRepeated(output, spans_by))
            | "Records" >> WriteRecords(result)
        )

    engine.run("dedup_lines", build)
    records = take_records(result)
    return {
        **merge(records),
        "lines_dropped": sum(record["lines_dropped"] for record in records),
    }
