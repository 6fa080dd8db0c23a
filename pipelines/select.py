"""Select: the manifest's thresholds over the stored measurements; what is kept is encoded, shard by shard."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import apache_beam as beam
import numpy as np
import pyarrow as pa

from curate.models.registry import resolve
from curate.storage import join, remove
from curate.text.page import Page
from curate.tokens.tokenizer import load_tokenizer
from filters.perplexity import Perplexity, percentile_cutoffs
from pipelines.chain import build_chain, decide, edited
from pipelines.collect import WriteRecords, take_records
from pipelines.engine import Engine
from pipelines.score import FOLDER as SCORES
from pipelines.score import Survivors
from pipelines.shards import Record, finished_record, peak_memory, read_shard, shard_path, write_shard
from pipelines.stage import merge

FOLDER = "_work/encoded"
Filters = Mapping[str, Mapping[str, Any]]


class CountPerplexities(beam.DoFn):
    """shard -> (language, {rounded perplexity: documents}) of what the filters before perplexity keep."""

    def __init__(self, output: str, filters: Filters) -> None:
        self.output = output
        self.filters = filters

    def process(self, shard: int) -> Iterator[tuple[str, dict[float, int]]]:
        chain = build_chain(self.filters, "manifest")
        before = chain[: [item.name for item in chain].index(Perplexity.name)]
        counts: dict[str, Counter[float]] = {}
        for row in read_shard(shard_path(join(self.output, SCORES), shard)).to_pylist():
            value = row["perplexity.perplexity"]
            if value is not None and value == value and decide(before, row) is None:
                counts.setdefault(row["language.language"], Counter())[value] += 1
        for language, counter in sorted(counts.items()):
            yield language, dict(counter)


def corpus_cutoffs(
    engine: Engine, shards: list[int], filters: Filters, percentiles: tuple[float, float], output: str
) -> dict[str, tuple[float, float]]:
    """language -> the perplexities at these percentiles of this corpus, exact."""
    result = join(output, SCORES, "_cutoffs.json")

    def add(element: tuple[str, Iterable[dict[float, int]]]) -> Record:
        language, counters = element
        total: Counter[float] = Counter()
        for counter in counters:
            total.update(counter)
        return {"shard": 0, "language": language, "cutoffs": list(percentile_cutoffs(total, percentiles))}

    def build(pipeline: beam.Pipeline) -> None:
        (
            pipeline
            | "Shards" >> beam.Create(shards)
            | "SpreadShards" >> beam.Reshuffle()
            | "CountPerplexities" >> beam.ParDo(CountPerplexities(output, filters))
            | "ByLanguage" >> beam.GroupByKey()
            | "AddUp" >> beam.Map(add)
            | "Records" >> WriteRecords(result)
        )

    engine.run("cutoffs", build, parallel=len(shards) > 256)
    return {record["language"]: tuple(record["cutoffs"]) for record in take_records(result)}


class EncodeShard(beam.DoFn):
    """shard -> its Record; writes the token ids of the documents that every rule keeps."""

    def __init__(self, output: str, filters: Filters, tokenizer: str) -> None:
        self.output = output
        self.filters = filters
        self.tokenizer_reference = tokenizer

    def setup(self) -> None:
        self.chain = build_chain(self.filters, "manifest")
        for item in self.chain:
            item.load()
        model = resolve(self.tokenizer_reference)
        self.tokenizer = load_tokenizer(model.path, model.name)

    def process(self, shard: int) -> Iterator[Record]:
        path = shard_path(join(self.output, FOLDER), shard)
        yield finished_record(path) or self.encode(shard, path)

    def encode(self, shard: int, path: str) -> Record:
        cpu = time.process_time()
        scores = read_shard(shard_path(join(self.output, SCORES), shard)).to_pylist()
        verdicts = {row["row"]: decide(self.chain, row) for row in scores}
        measured = {row["row"]: row for row in scores}
        dropped: Counter[str] = Counter()
        gone: Counter[str] = Counter()
        ids: list[str] = []
        texts: list[str] = []
        if any(verdict is None for verdict in verdicts.values()):
            for row, document, text in Survivors(self.output, shard):
                if row in verdicts and verdicts[row] is None:
                    page = Page(text, document["url"], title=document["title"])
                    ids.append(document["id"])
                    texts.append(edited(self.chain, page, measured[row]))
        for row, verdict in verdicts.items():
            if verdict is not None:
                dropped[verdict.reason] += 1
                gone[verdict.reason] += measured[row]["characters"]
        # A document whose every line was taken out by an edit has nothing to train on.
        empty = [index for index, text in enumerate(texts) if not text.strip()]
        if empty:
            dropped["nothing_left"] += len(empty)
            ids = [id for index, id in enumerate(ids) if index not in set(empty)]
            texts = [text for text in texts if text.strip()]
        encoded = self.tokenizer.encode_batch(texts)
        lengths = [len(tokens) for tokens in encoded]
        offsets = pa.array(np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64), pa.int64())
        kind = pa.uint32() if self.tokenizer.vocab_size > 1 << 16 else pa.uint16()
        flat = pa.array(np.concatenate([np.zeros(0, np.int64), *encoded]), kind)
        characters_in = sum(row["characters"] for row in scores)
        characters_out = sum(map(len, texts))
        edits = characters_in - characters_out - sum(gone.values())
        if edits:
            gone["edits"] = edits
        return write_shard(
            path,
            pa.table({"id": pa.array(ids, pa.string()), "tokens": pa.LargeListArray.from_arrays(offsets, flat)}),
            {
                "shard": shard,
                "in": len(scores),
                "out": len(ids),
                "dropped": dict(dropped),
                "dropped_characters": dict(gone),
                "set_aside": 0,
                "characters_in": characters_in,
                "characters_out": characters_out,
                "tokens": sum(lengths),
                "peak_memory": peak_memory(),
                "cpu_seconds": time.process_time() - cpu,
            },
        )


def run_select(engine: Engine, shards: list[int], filters: Filters, tokenizer: str, output: str) -> Record:
    result = join(output, "_work", "_records.json")

    def build(pipeline: beam.Pipeline) -> None:
        (
            pipeline
            | "Shards" >> beam.Create(shards)
            | "SpreadShards" >> beam.Reshuffle()
            | "EncodeShard" >> beam.ParDo(EncodeShard(output, dict(filters), tokenizer))
            | "Records" >> WriteRecords(result)
        )

    engine.run("select", build)
    records = take_records(result)
    tokens = sum(record["tokens"] for record in records)
    return {**merge(records), "tokens": tokens, "shards": records}


def clear(output: str) -> None:
    """Remove what only the steps between selection and tokens/ need."""
    remove(join(output, "_work"))
