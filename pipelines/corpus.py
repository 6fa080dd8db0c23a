"""Corpus: what filters need to know of all pages together, added up between score and select.

For each filter that asks (`filters.corpus_filter`), one pipeline reads stored measurements only: shards count what
their pages give, buckets of groups add it up, and every shard gets back the totals of the groups that it has pages of.
A bucket's distinct keys are in memory at a time; no text travels.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import apache_beam as beam
import pyarrow as pa
import xxhash

from curate.corpus_counts import Counts, Packed, Totals, from_table, pack, table, unpack
from curate.storage import join, listing
from filters.corpus_filter import CorpusFilter
from filters.filter import Filter
from pipelines.chain import build_chain, decide
from pipelines.collect import WriteRecords, take_records
from pipelines.engine import Engine
from pipelines.score import FOLDER as SCORES
from pipelines.shards import Record, finished_record, peak_memory, read_shard, shard_file, write_beside, write_shard
from pipelines.stage import merge
from pipelines.tasks import Tasks

FOLDER = f"{SCORES}/corpus"
TOTALS = "totals"
Filters = Mapping[str, Mapping[str, Any]]


def asking(chain: Sequence[Filter]) -> list[CorpusFilter]:
    """The filters of a chain that need the corpus, in order."""
    return [item for item in chain if isinstance(item, CorpusFilter) and item.asks()]


def folder(name: str) -> str:
    """Where a filter's totals and measurements lie."""
    return f"{FOLDER}/{name}"


def measured_rows(output: str, shard: int, chain: Sequence[Filter]) -> list[dict[str, Any]]:
    """A shard's scores with what the corpus says, for the filters of this chain."""
    rows: list[dict[str, Any]] = read_shard(output, shard_file(SCORES, shard)).to_pylist()
    for item in asking(chain):
        if item.corpus_columns:
            more = read_shard(output, shard_file(folder(item.name), shard)).to_pylist()
            for row, added in zip(rows, more, strict=True):
                assert row["row"] == added["row"]
                row.update(added)
    return rows


class Part:
    """The filter a pipeline is for, and those before it."""

    def __init__(self, output: str, filters: Filters, name: str) -> None:
        chain = build_chain(filters, "manifest")
        place = [item.name for item in chain].index(name)
        item = chain[place]
        assert isinstance(item, CorpusFilter)
        self.output, self.filter, self.before = output, item, chain[:place]

    def rows(self, shard: int) -> Iterator[tuple[dict[str, Any], dict[str, Any] | None]]:
        """(row, the filter's own measurements, None where a filter before drops the page)."""
        for row in measured_rows(self.output, shard, self.before):
            kept = decide(self.before, row) is None
            yield row, {name: row[f"{self.filter.name}.{name}"] for name in self.filter.columns} if kept else None


class CountShard(beam.DoFn):
    """shard -> (bucket, (shard, its groups' counts)) of what the filters before keep."""

    def __init__(self, output: str, filters: Filters, name: str, buckets: int) -> None:
        self.arguments = (output, filters, name)
        self.buckets = buckets

    def setup(self) -> None:
        self.part = Part(*self.arguments)

    def process(self, shard: int) -> Iterator[tuple[int, tuple[int, Packed]]]:
        totals = Totals()
        for _, measured in self.part.rows(shard):
            counted = self.part.filter.counts(measured) if measured is not None else None
            if counted is not None:
                totals.add(counted)
        buckets: dict[int, list[Counts]] = {}
        for counted in totals:
            number = xxhash.xxh64_intdigest(counted.group.encode("utf-8", "surrogatepass")) % self.buckets
            buckets.setdefault(number, []).append(counted)
        for number, held in sorted(buckets.items()):
            yield number, (shard, pack(held))


class AddUp(beam.DoFn):
    """(bucket, (shard, counts)...) -> (shard, the totals of its groups); writes the totals, and tags their Record."""

    RECORD = "record"

    def __init__(self, output: str, name: str, back: bool) -> None:
        """back: whether shards are to get the totals of their groups."""
        self.output, self.name, self.back = output, name, back

    def process(self, element: tuple[int, Iterable[tuple[int, Packed]]]) -> Iterator[Any]:
        cpu = time.process_time()
        bucket, chunks = element
        totals = Totals()
        wanted: dict[str, list[int]] = {}
        for shard, packed in chunks:
            for counted in unpack(packed):
                totals.add(counted)
                wanted.setdefault(counted.group, []).append(shard)
        found = list(totals)
        files = write_beside(self.output, shard_file(folder(self.name), bucket, TOTALS), table(found))
        shards: dict[int, list[Counts]] = {}
        for total in found if self.back else ():
            for shard in wanted[total.group]:
                shards.setdefault(shard, []).append(total)
        for shard, held in sorted(shards.items()):
            yield shard, pack(held)
        used = {"peak_memory": peak_memory(), "cpu_seconds": time.process_time() - cpu}
        yield beam.pvalue.TaggedOutput(self.RECORD, {"shard": f"{TOTALS} {bucket}", "files": files, **used})


class CompareShard(beam.DoFn):
    """(shard, totals of its groups) -> its Record; writes the measurements of its pages against the corpus."""

    def __init__(self, output: str, filters: Filters, name: str) -> None:
        self.arguments = (output, filters, name)

    def setup(self) -> None:
        self.part = Part(*self.arguments)

    def process(self, element: tuple[int, Iterable[Packed | None]]) -> Iterator[Record]:
        shard, chunks = element
        file = shard_file(folder(self.part.filter.name), shard)
        yield finished_record(self.part.output, file) or self.compare(shard, file, chunks)

    def compare(self, shard: int, file: str, chunks: Iterable[Packed | None]) -> Record:
        cpu = time.process_time()
        item = self.part.filter
        totals = {total.group: total for packed in chunks if packed is not None for total in unpack(packed)}
        columns = [pa.field(f"{item.name}.{name}", kind) for name, kind in item.corpus_columns.items()]
        schema = pa.schema([pa.field("row", pa.uint32()), *columns])
        values: dict[str, list[Any]] = {name: [] for name in schema.names}
        for row, measured in self.part.rows(shard):
            counted = item.counts(measured) if measured is not None else None
            values["row"].append(row["row"])
            found: Mapping[str, Any] = dict.fromkeys(item.corpus_columns)
            if measured is not None and counted is not None:
                found = item.against(measured, totals[counted.group])
            for name in item.corpus_columns:
                values[f"{item.name}.{name}"].append(found[name])
        return write_shard(
            self.part.output,
            file,
            pa.table(values, schema=schema),
            {
                "shard": shard,
                "compared": len(values["row"]),
                "peak_memory": peak_memory(),
                "cpu_seconds": time.process_time() - cpu,
            },
        )


def run_corpus(
    engine: Engine, shards: list[int], filters: Filters, buckets: int, scored: Record, output: str
) -> Record:
    """Run every filter's pipeline, in the manifest's order; returns the stage's account, and the settings that came to
    numbers (`settled`: filter -> settings).

    scored: the account of the score stage; every page that it measured leaves this stage too.
    """
    settled: dict[str, Any] = {}
    records: list[Record] = []
    for item in asking(build_chain(filters, "manifest")):
        made = _run(engine, shards, {**filters, **settled}, item, buckets, output)
        compared = sum(record.pop("compared", 0) for record in made)
        if item.corpus_columns and compared != scored["out"]:
            raise AssertionError(f"corpus: {scored['out']} pages were scored, and {item.name} compared {compared}")
        records += made
        config = item.settled(stored_totals(output, item.name))
        if config is not None:
            settled[item.name] = config.model_dump(mode="json")
    passed = {"in": scored["out"], "out": scored["out"]}
    passed |= {f"characters_{side}": scored["characters_out"] for side in ("in", "out")}
    return {**merge(records), **passed, "settled": settled}


def stored_totals(output: str, name: str) -> Iterator[Counts]:
    """The totals of all groups of a filter, a bucket after the other."""
    for file in listing(join(output, folder(name))):
        if file.startswith(f"{TOTALS}-"):
            yield from from_table(read_shard(output, f"{folder(name)}/{file}"))


def _run(
    engine: Engine, shards: list[int], filters: Filters, item: CorpusFilter, buckets: int, output: str
) -> list[Record]:
    result = join(output, folder(item.name), "_records.json")
    back = bool(item.corpus_columns)

    def build(pipeline: beam.Pipeline) -> None:
        numbers = pipeline | "Shards" >> Tasks(shards, output, f"corpus-{item.name}")
        added = (
            numbers
            | "CountShard" >> beam.ParDo(CountShard(output, dict(filters), item.name, buckets))
            | "ByBucket" >> beam.GroupByKey()
            | "AddUp" >> beam.ParDo(AddUp(output, item.name, back)).with_outputs(AddUp.RECORD, main="back")
        )
        records = [added[AddUp.RECORD]]
        if back:
            every = numbers | "EveryShard" >> beam.Map(lambda shard: (shard, None))
            records.append(
                (every, added["back"])
                | "ShardsAndTotals" >> beam.Flatten()
                | "ByShard" >> beam.GroupByKey()
                | "CompareShard" >> beam.ParDo(CompareShard(output, dict(filters), item.name))
                | "ShardKeys" >> beam.Map(lambda record: {**record, "shard": f"shard {record['shard']}"})
            )
        records | "AllRecords" >> beam.Flatten() | "Records" >> WriteRecords(result)

    engine.run(f"corpus {item.name}", build, parallel=len(shards) > 16)
    return take_records(result)
