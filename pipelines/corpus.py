"""Corpus: what filters need to know of all pages together, added up between score and select.

For each filter that asks (`filters.corpus_filter`), one pipeline reads stored measurements only: shards count what
their pages give, buckets of groups add it up, and every shard gets back the totals of the groups that it has pages of.
Where groups are few (languages), counts are added up before they travel, and every worker reads the totals of all.
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


class SumCounts(beam.CombineFn):
    """(shard, counts)... -> (-1, their totals); what travels between workers is packed."""

    def create_accumulator(self, *_: Any) -> Totals:
        return Totals()

    def add_input(self, accumulator: Totals, element: tuple[int, Packed], *_: Any) -> Totals:
        for counted in unpack(element[1]):
            accumulator.add(counted)
        return accumulator

    def compact(self, accumulator: Totals, *_: Any) -> Packed:
        return pack(accumulator)

    def merge_accumulators(self, accumulators: Iterable[Totals | Packed], *_: Any) -> Totals:
        merged = Totals()
        for accumulator in accumulators:
            for counted in accumulator if isinstance(accumulator, Totals) else unpack(accumulator):
                merged.add(counted)
        return merged

    def extract_output(self, accumulator: Totals | Packed, *_: Any) -> tuple[int, Packed]:
        return -1, pack(accumulator) if isinstance(accumulator, Totals) else accumulator


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
        self.all: dict[str, Counts] | None = None

    def process(self, element: tuple[int, Iterable[Packed | None]]) -> Iterator[Record]:
        shard, chunks = element
        file = shard_file(folder(self.part.filter.name), shard)
        yield finished_record(self.part.output, file) or self.compare(shard, file, chunks)

    def compare(self, shard: int, file: str, chunks: Iterable[Packed | None]) -> Record:
        cpu = time.process_time()
        item = self.part.filter
        if item.few_groups:
            if self.all is None:
                self.all = {total.group: total for total in stored_totals(self.part.output, item.name)}
            totals = self.all
        else:
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
    arguments = (output, dict(filters), item.name)
    shared, back = item.few_groups, bool(item.corpus_columns) and not item.few_groups
    parallel = len(shards) > 16

    def spread(pipeline: beam.Pipeline) -> Any:
        return pipeline | "Shards" >> Tasks(shards, output, f"corpus-{item.name}")

    def compared(grouped: Any) -> Any:
        return (
            grouped
            | "CompareShard" >> beam.ParDo(CompareShard(*arguments))
            | "ShardKeys" >> beam.Map(lambda record: {**record, "shard": f"shard {record['shard']}"})
        )

    def count(pipeline: beam.Pipeline) -> None:
        numbers = spread(pipeline)
        counted = numbers | "CountShard" >> beam.ParDo(CountShard(*arguments, buckets))
        if shared:
            grouped = counted | "SumCounts" >> beam.CombinePerKey(SumCounts()) | beam.MapTuple(lambda k, v: (k, [v]))
        else:
            grouped = counted | "ByBucket" >> beam.GroupByKey()
        added = grouped | "AddUp" >> beam.ParDo(AddUp(output, item.name, back)).with_outputs(AddUp.RECORD, main="back")
        records = [added[AddUp.RECORD]]
        if back:
            every = numbers | "EveryShard" >> beam.Map(lambda shard: (shard, None))
            by_shard = (every, added["back"]) | "ShardsAndTotals" >> beam.Flatten() | "ByShard" >> beam.GroupByKey()
            records.append(compared(by_shard))
        records | "AllRecords" >> beam.Flatten() | "Records" >> WriteRecords(result)

    def compare(pipeline: beam.Pipeline) -> None:
        compared(spread(pipeline) | "Alone" >> beam.Map(lambda shard: (shard, []))) | "Records" >> WriteRecords(result)

    engine.run(f"corpus {item.name}", count, parallel=parallel)
    records = take_records(result, may_be_none=True)
    if shared and item.corpus_columns:
        engine.run(f"corpus {item.name} compared", compare, parallel=parallel)
        records += take_records(result, may_be_none=True)
    return records
