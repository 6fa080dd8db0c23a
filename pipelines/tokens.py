"""Tokenize, the last step: encoded documents, shuffled to their parts and written as tokens/v1, a source a topic."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import apache_beam as beam
import numpy as np

from curate.errors import UserError
from curate.manifest import Tokens
from curate.models.registry import resolve
from curate.storage import join, listing, remove
from curate.tokens.finished import finished_part
from curate.tokens.index import write_index, write_manifest
from curate.tokens.order import part_of, sorted_rows
from curate.tokens.schema import MANIFEST, TokenizerInfo, part_file
from curate.tokens.tokenizer import load_tokenizer
from curate.tokens.writer import write_part
from curate.topics import source_of
from pipelines.collect import WriteRecords, take_records
from pipelines.engine import Engine
from pipelines.select import FOLDER as ENCODED
from pipelines.shards import Record, peak_memory, read_shard, shard_file
from pipelines.stage import merge
from pipelines.tasks import Tasks

FOLDER = "tokens"
Chunk = tuple[list[str], bytes, bytes]
"""Some documents on their way to a part: ids, lengths as uint32, token ids as uint32."""


Key = tuple[int, int]
"""A part: its source's number and its own."""


@dataclass(frozen=True)
class Wanted:
    """A source that is to be written: the documents of one topic ("" for none), and in how many parts."""

    topic: str
    source: str
    parts: int


class ReadEncoded(beam.DoFn):
    """shard -> ((source's number, part), Chunk); there: parts that are finished, whose documents need not travel."""

    def __init__(self, output: str, wanted: Sequence[Wanted], there: Iterable[Key] = ()) -> None:
        self.output = output
        self.wanted = wanted
        self.there = frozenset(there)

    def process(self, shard: int) -> Iterator[tuple[Key, Chunk]]:
        table = read_shard(self.output, shard_file(ENCODED, shard))
        if table.num_rows == 0:
            return
        ids = table.column("id").to_pylist()
        topics = np.array(table.column("topic").to_pylist(), object)
        lists = table.column("tokens").combine_chunks()
        flat = lists.values.to_numpy(zero_copy_only=False).astype(np.uint32)
        offsets = lists.offsets.to_numpy().astype(np.int64)
        for number, wanted in enumerate(self.wanted):
            parts = np.where(topics == wanted.topic, part_of(ids, wanted.parts).astype(np.int64), -1)
            for part in np.unique(parts[parts >= 0]).tolist():
                if (number, part) in self.there:
                    continue
                chosen = np.flatnonzero(parts == part).tolist()
                pieces = [flat[offsets[i] : offsets[i + 1]] for i in chosen]
                lengths = np.array([len(piece) for piece in pieces], np.uint32)
                chunk = [ids[i] for i in chosen], lengths.tobytes(), np.concatenate(pieces).tobytes()
                yield (number, part), chunk


class WritePart(beam.DoFn):
    """(key, Chunks) -> its Record; writes one part of tokens/v1, its rows in the order of hash(seed, id)."""

    def __init__(self, output: str, wanted: Sequence[Wanted], config: dict[str, Any]) -> None:
        self.output = output
        self.wanted = wanted
        self.config = config

    def setup(self) -> None:
        self.tokens = Tokens.model_validate(self.config)
        model = resolve(self.tokens.tokenizer)
        self.tokenizer = load_tokenizer(str(model.path), model.name)

    def process(self, element: tuple[Key, Iterable[Chunk | None]]) -> Iterator[Record]:
        cpu = time.process_time()
        (number, part), received = element
        wanted = self.wanted[number]
        ids: list[str] = []
        lengths, flat = [np.zeros(0, np.uint32)], [np.zeros(0, np.uint32)]
        for chunk in received:
            if chunk is not None:
                ids += chunk[0]
                lengths.append(np.frombuffer(chunk[1], np.uint32))
                flat.append(np.frombuffer(chunk[2], np.uint32))
        rows = sorted_rows(ids, np.concatenate(flat), np.concatenate(lengths), self.tokens.seed)
        info = write_part(
            join(self.output, FOLDER, part_file(wanted.source, part, wanted.parts)),
            source=wanted.source,
            shard=part,
            shards=wanted.parts,
            rows=rows,
            tokenizer=self.tokenizer,
            delimiters=self.tokens.delimiters,
            seed=self.tokens.seed,
        )
        yield {
            "shard": [number, part],
            "part": info.to_json(),
            "peak_memory": peak_memory(),
            "cpu_seconds": time.process_time() - cpu,
        }


class TakePart(beam.DoFn):
    """key of a part that an earlier run finished -> its Record."""

    def __init__(self, output: str, wanted: Sequence[Wanted]) -> None:
        self.output = output
        self.wanted = wanted

    def process(self, element: Key) -> Iterator[Record]:
        cpu = time.process_time()
        number, part = element
        wanted = self.wanted[number]
        info = finished_part(join(self.output, FOLDER), wanted.source, part, wanted.parts)
        if info is None:
            file = part_file(wanted.source, part, wanted.parts)
            raise UserError(f"{join(self.output, FOLDER, file)} is damaged: remove it and run the same command again")
        used = {"peak_memory": peak_memory(), "cpu_seconds": time.process_time() - cpu}
        yield {"shard": [number, part], "part": info.to_json(), **used}


def finished_keys(output: str, wanted: Sequence[Wanted]) -> list[Key]:
    """The parts that are there: files appear whole, and what they depend on is the same (`run_stage`)."""
    found: list[Key] = []
    for number, source in enumerate(wanted):
        names = set(listing(join(output, FOLDER, f"source={source.source}")))
        files = (part_file(source.source, part, source.parts) for part in range(source.parts))
        found += [(number, part) for part, file in enumerate(files) if file.rpartition("/")[2] in names]
    return found


def parts_for(characters: int, config: Tokens) -> int:
    """How many parts a source of this many characters is written in."""
    return config.shards or max(1, -(-characters // config.characters_per_shard))


def sources(source: str, config: Tokens, topics: Mapping[str, Sequence[int]]) -> list[Wanted]:
    """What is written of a source. topics: as the select stage counted them; one without documents has no source."""
    counted = {topic: numbers[1] for topic, numbers in sorted(topics.items())} or {"": 0}
    return [
        Wanted(topic, source_of(source, topic or None), parts_for(characters, config))
        for topic, characters in counted.items()
    ]


def run_tokens(engine: Engine, shards: list[int], wanted: Sequence[Wanted], config: Tokens, output: str) -> Record:
    """Write every part, the index, and last the manifest whose presence says that tokens/ is whole.

    Returns `documents` and `tokens` written, and the workers' peak memory and CPU seconds.
    """
    root = join(output, FOLDER)
    remove(join(root, MANIFEST))
    there = finished_keys(output, wanted)
    every_key = [(number, part) for number, source in enumerate(wanted) for part in range(source.parts)]
    keys = sorted(set(every_key) - set(there))
    result = join(output, "_work", "_parts.json")

    def build(pipeline: beam.Pipeline) -> None:
        every = (
            pipeline | "Parts" >> Tasks(keys, output, "parts") | "EveryPart" >> beam.Map(lambda key: (tuple(key), None))
        )
        chunks = (
            pipeline
            | "Shards" >> Tasks(shards, output, "tokenize")
            | "ReadEncoded" >> beam.ParDo(ReadEncoded(output, wanted, there))
        )
        written = (
            (every, chunks)
            | "PartsAndChunks" >> beam.Flatten()
            | "ByPart" >> beam.GroupByKey()
            | "WritePart" >> beam.ParDo(WritePart(output, wanted, config.model_dump(mode="json")))
        )
        if there:
            taken = (
                pipeline
                | "Finished" >> Tasks(there, output, "finished")
                | "TakePart" >> beam.ParDo(TakePart(output, wanted))
            )
            written = (written, taken) | "EveryRecord" >> beam.Flatten()
        written | "Records" >> WriteRecords(result)

    engine.run("tokens", build, parallel=len(keys) > 4)
    records = take_records(result, may_be_none=True)
    described = [record["part"] for record in records]
    model = resolve(config.tokenizer)
    tokenizer = TokenizerInfo.of(load_tokenizer(str(model.path), model.name))
    fingerprint = write_index(root, described)
    write_manifest(
        root,
        parts=described,
        fingerprint=fingerprint,
        tokenizer=tokenizer,
        delimiters=config.delimiters,
        seed=config.seed,
    )
    used = merge(records)
    return {
        "documents": sum(part["documents"] for part in described),
        "tokens": sum(part["tokens"] for part in described),
        "peak_memory": used["peak_memory"],
        "cpu_seconds": used["cpu_seconds"],
    }
