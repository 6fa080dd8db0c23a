"""Select: the manifest's thresholds over the stored measurements; what is kept is encoded, shard by shard."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

import apache_beam as beam
import numpy as np
import pyarrow as pa

from curate.errors import SetAside
from curate.limits import guard_for
from curate.manifest import Limits, Tokens
from curate.models.registry import resolve
from curate.storage import join, remove
from curate.text.page import Page
from curate.tokens.tokenizer import load_tokenizer
from curate.topics import topic_of
from filters.filter import Verdict
from pipelines.chain import build_chain, decide, edited
from pipelines.collect import WriteRecords, take_records
from pipelines.corpus import measured_rows
from pipelines.engine import Engine
from pipelines.extract import aside_table
from pipelines.score import Survivors, limited
from pipelines.shards import (
    Files,
    Record,
    finished_record,
    peak_memory,
    shard_file,
    write_beside,
    write_shard,
)
from pipelines.stage import merge
from pipelines.tasks import Tasks

FOLDER = "_work/encoded"
VERDICTS = "scores/verdicts"
_VERDICT_SCHEMA = pa.schema(
    [
        pa.field("row", pa.uint32()),
        pa.field("id", pa.string()),
        pa.field("reason", pa.string()),
        pa.field("measurement", pa.string()),
        pa.field("value", pa.string()),
        pa.field("keep", pa.string()),
        pa.field("threshold", pa.string()),
        pa.field("source", pa.string()),
        pa.field("tokens", pa.uint32()),
        pa.field("topic", pa.string()),
    ]
)
"""What was decided on each scored row. reason is null for a kept one, and the limit that one set aside passed; the rest
says which measurement failed which comparison with which threshold, and where the rule comes from. tokens: of a kept
document, without delimiters; topic: where the manifest's topics send it, null for none."""
Filters = Mapping[str, Mapping[str, Any]]


class EncodeShard(beam.DoFn):
    """shard -> its Record; writes the token ids of the documents that every rule keeps."""

    def __init__(self, output: str, filters: Filters, tokens: dict[str, Any], limits: Limits) -> None:
        self.output = output
        self.filters = filters
        self.config = tokens
        self.limits = limits

    def setup(self) -> None:
        self.guard = guard_for(self.limits.document_seconds, self.limits.worker_memory, self.output)
        self.chain = build_chain(self.filters, "manifest")
        for item in self.chain:
            item.load()
        self.tokens = Tokens.model_validate(self.config)
        model = resolve(self.tokens.tokenizer)
        self.tokenizer = load_tokenizer(str(model.path), model.name)

    def process(self, shard: int) -> Iterator[Record]:
        file = shard_file(FOLDER, shard)
        yield finished_record(self.output, file) or self.encode(shard, file)

    def encode(self, shard: int, file: str) -> Record:
        cpu = time.process_time()
        scores = measured_rows(self.output, shard, self.chain)
        decided = {row["row"]: Decision(row, decide(self.chain, row)) for row in scores}
        kept: list[Decision] = []
        texts: list[str] = []
        if any(decision.reason is None for decision in decided.values()):
            for row, document, text in Survivors(self.output, shard):
                decision = decided.get(row)
                if decision is None or decision.reason is not None:
                    continue
                left = self.edited(document, text, decision.scores)
                if isinstance(left, SetAside):
                    decision.reason, decision.aside = left.reason, left
                elif left.strip():
                    decision.topic = topic_of(self.tokens.topics, decision.scores)
                    kept.append(decision)
                    texts.append(left)
                else:
                    decision.reason = "nothing_left"
        encoded = self.tokenizer.encode_batch(texts)
        for decision, tokens in zip(kept, encoded, strict=True):
            decision.tokens = len(tokens)
        topics: dict[str, list[int]] = {}
        for decision, text, tokens in zip(kept, texts, encoded, strict=True):
            sums = topics.setdefault(decision.topic or "", [0, 0, 0])
            topics[decision.topic or ""] = [sums[0] + 1, sums[1] + len(text), sums[2] + len(tokens)]
        aside = [decision.aside for decision in decided.values() if decision.aside is not None]
        beside = self.write_verdicts(shard, decided)
        beside |= write_beside(self.output, shard_file("set_aside", shard, "select"), aside_table(aside))
        characters_aside = 0
        dropped: Counter[str] = Counter()
        gone: Counter[str] = Counter()
        for decision in decided.values():
            if decision.aside is not None:
                characters_aside += decision.scores["characters"]
            elif decision.reason is not None:
                dropped[decision.reason] += 1
                gone[decision.reason] += decision.scores["characters"]
        ids = [decision.scores["id"] for decision in kept]
        lengths = [len(tokens) for tokens in encoded]
        offsets = pa.array(np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64), pa.int64())
        kind = pa.uint32() if self.tokenizer.vocab_size > 1 << 16 else pa.uint16()
        flat = pa.array(np.concatenate([np.zeros(0, np.int64), *encoded]), kind)
        characters_in = sum(row["characters"] for row in scores)
        characters_out = sum(map(len, texts))
        edits = characters_in - characters_aside - characters_out - sum(gone.values())
        if edits:
            gone["edits"] = edits
        return write_shard(
            self.output,
            file,
            pa.table(
                {
                    "id": pa.array(ids, pa.string()),
                    "topic": pa.array([decision.topic or "" for decision in kept], pa.string()),
                    "tokens": pa.LargeListArray.from_arrays(offsets, flat),
                }
            ),
            {
                "shard": shard,
                "in": len(scores),
                "out": len(ids),
                "dropped": dict(dropped),
                "dropped_characters": dict(gone),
                "set_aside": len(aside),
                "set_aside_by_reason": dict(Counter(item.reason for item in aside)),
                "characters_in": characters_in,
                "characters_out": characters_out,
                "tokens": sum(lengths),
                "topics": dict(sorted(topics.items())),
                "peak_memory": peak_memory(),
                "cpu_seconds": time.process_time() - cpu,
            },
            beside,
        )

    def edited(self, document: Mapping[str, Any], text: str, scores: Mapping[str, Any]) -> str | SetAside:
        """What the filters' edits leave of a document, which was measured so before."""
        return limited(self.guard, "select", document, lambda: edited(self.chain, Page.of(document, text), scores))

    def write_verdicts(self, shard: int, decided: Mapping[int, Decision]) -> Files:
        rows = [decision.as_row() for decision in decided.values()]
        table = pa.Table.from_pylist(rows, schema=_VERDICT_SCHEMA)
        return write_beside(self.output, shard_file(VERDICTS, shard), table)


class Decision:
    """What becomes of one scored row."""

    def __init__(self, scores: Mapping[str, Any], verdict: Verdict | None) -> None:
        self.scores = scores
        self.verdict = verdict
        self.reason = verdict.reason if verdict else None
        self.tokens: int | None = None
        self.topic: str | None = None
        self.aside: SetAside | None = None

    def as_row(self) -> dict[str, Any]:
        row = {"row": self.scores["row"], "id": self.scores["id"], "reason": self.reason, "tokens": self.tokens}
        row["topic"] = self.topic
        if self.verdict is not None:
            rule = self.verdict.rule
            row |= {"measurement": rule.measurement, "keep": rule.keep, "source": rule.source}
            row |= {"value": shown(self.verdict.value), "threshold": shown(self.verdict.threshold)}
        return row


def shown(value: Any) -> str:
    """A measurement or threshold as an explanation prints it."""
    if isinstance(value, float):
        return f"{value:.6g}"
    return ", ".join(map(shown, value)) if isinstance(value, list | tuple | set | frozenset) else str(value)


def run_select(
    engine: Engine, shards: list[int], filters: Filters, config: Tokens, output: str, limits: Limits
) -> Record:
    """Decide and encode. The record's `topics`: topic ("" for none) -> [documents, characters, tokens] kept."""
    result = join(output, "_work", "_records.json")

    def build(pipeline: beam.Pipeline) -> None:
        (
            pipeline
            | "Shards" >> Tasks(shards, output, "select")
            | "EncodeShard" >> beam.ParDo(EncodeShard(output, dict(filters), config.model_dump(mode="json"), limits))
            | "Records" >> WriteRecords(result)
        )

    engine.run("select", build)
    records = take_records(result)
    tokens = sum(record["tokens"] for record in records)
    account = merge(records)
    # What is encoded is only on its way to tokens/, and cleared when it is there.
    account["files"] = {file: marks for file, marks in account["files"].items() if not file.startswith(FOLDER)}
    topics: dict[str, list[int]] = {}
    for record in records:
        for topic, counted in record["topics"].items():
            topics[topic] = [a + b for a, b in zip(topics.get(topic, (0, 0, 0)), counted, strict=True)]
    return {**account, "tokens": tokens, "topics": dict(sorted(topics.items()))}


def clear(output: str) -> None:
    """Remove what only the steps between selection and tokens/ need."""
    remove(join(output, "_work"))
