"""Near-duplicates: signatures, candidate pairs, verification, connected components, and who stays.

Only band hashes, pairs of addresses and (for pairs to verify) signatures are shuffled.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Iterable, Iterator
from typing import Any

import apache_beam as beam
import numpy as np
import pyarrow as pa

from curate.dedup import components
from curate.dedup.candidates import band_rows, candidate_pairs
from curate.dedup.components import EDGE
from curate.dedup.minhash import band_hashes, estimated_jaccard, shingles_in_order, signatures
from curate.dedup.rows import BAND, PAIR, Packed, pack, split_by, unpack
from curate.manifest import Dedup, NearDedup
from curate.storage import atomic_write, join, listing, read_bytes, remove
from pipelines.collect import WriteRecords, take_records
from pipelines.dedup_lines import Remaining
from pipelines.engine import Engine
from pipelines.shards import Record, column, finished_record, peak_memory, read_shard, shard_file, write_shard
from pipelines.stage import merge
from pipelines.tasks import Tasks

FOLDER = "duplicates/near"
SIGNATURES = "duplicates/near/signatures"
EDGES = "duplicates/near/edges"
FEW_EDGES = 1 << 20
"""Up to this many (24 MB) edges are contracted in one process's memory; more go through passes by bucket."""
_SCHEMA = pa.schema(
    [
        ("row", pa.uint32()),
        ("by_shard", pa.uint32()),
        ("by_row", pa.uint32()),
        ("jaccard", pa.float32()),
        ("characters", pa.uint32()),
    ]
)


class Signatures:
    """The stored signatures of a shard, addressed by row."""

    def __init__(self, output: str, shard: int) -> None:
        table = read_shard(output, shard_file(SIGNATURES, shard))
        self.rows = column(table, "row")
        self.characters = column(table, "characters")
        flat = b"".join(table.column("signature").to_pylist())
        width = table.schema.field("signature").type.byte_width
        self.values = np.frombuffer(flat, np.uint32).reshape(len(self.rows), width // 4)

    def at(self, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """(signatures, characters) of these rows."""
        index = np.searchsorted(self.rows, rows)
        return self.values[index], self.characters[index]


class WriteSignatures(beam.DoFn):
    """shard -> shard, when its signatures are written; `records`: its Record."""

    def __init__(self, output: str, config: dict[str, Any]) -> None:
        self.output = output
        self.config = config

    def process(self, shard: int) -> Iterator[Any]:
        file = shard_file(SIGNATURES, shard)
        record = finished_record(self.output, file)
        if record is None:
            cpu = time.process_time()
            near = NearDedup.model_validate(self.config)
            remaining = Remaining(self.output, shard)
            texts = remaining.texts()
            count = near.bands * near.rows
            values = signatures([shingles_in_order(text, near.shingle_words) for text in texts], count, near.seed)
            table = pa.table(
                {
                    "row": pa.array(remaining.rows, pa.uint32()),
                    "characters": pa.array([len(text) for text in texts], pa.uint32()),
                    "signature": pa.array([row.tobytes() for row in values], pa.binary(count * 4)),
                }
            )
            record = write_shard(
                self.output,
                file,
                table,
                {"shard": shard, "peak_memory": peak_memory(), "cpu_seconds": time.process_time() - cpu},
            )
        yield beam.pvalue.TaggedOutput("records", record)
        yield shard


class ReadBands(beam.DoFn):
    """shard -> (bucket, packed BAND rows)."""

    def __init__(self, output: str, config: dict[str, Any]) -> None:
        self.output = output
        self.config = config

    def process(self, shard: int) -> Iterator[tuple[int, bytes]]:
        config = Dedup.model_validate(self.config)
        stored = Signatures(self.output, shard)
        # A text without words has all ones for a signature and is nobody's duplicate.
        wordy = ~(stored.values == 0xFFFFFFFF).all(axis=1)
        hashes = band_hashes(stored.values[wordy], config.near.bands, config.near.rows)
        rows = band_rows(hashes, shard, stored.rows[wordy], stored.characters[wordy])
        for bucket, chunk in split_by(rows, (rows["hash"] % np.uint64(config.buckets)).astype(np.int64)):
            yield bucket, pack(chunk)


class FindPairs(beam.DoFn):
    """(bucket, packed BAND rows) -> (shard of a, packed PAIR rows)."""

    def process(self, element: tuple[int, Iterable[bytes]]) -> Iterator[tuple[int, bytes]]:
        pairs = candidate_pairs(unpack(element[1], BAND))
        for shard, chunk in split_by(pairs, pairs["a_shard"].astype(np.int64)):
            yield shard, pack(chunk)


def _halfway(width: int) -> np.dtype[np.void]:
    """A pair on its way from a's shard to b's: a's address, length and signature, and b's row."""
    return np.dtype(
        [
            ("a_shard", "<u4"),
            ("a_row", "<u4"),
            ("a_characters", "<u4"),
            ("b_row", "<u4"),
            ("signature", "<u4", (width,)),
        ]
    )


class AttachSignature(beam.DoFn):
    """(shard of a, packed PAIR rows) -> (shard of b, packed half-way pairs with a's signature)."""

    def __init__(self, output: str, width: int) -> None:
        self.output = output
        self.width = width

    def process(self, element: tuple[int, Iterable[bytes]]) -> Iterator[tuple[int, bytes]]:
        shard, chunks = element
        pairs = np.unique(unpack(chunks, PAIR))
        stored = Signatures(self.output, shard)
        for other, chunk in split_by(pairs, pairs["b_shard"].astype(np.int64)):
            out = np.zeros(len(chunk), _halfway(self.width))
            out["a_shard"], out["a_row"], out["b_row"] = chunk["a_shard"], chunk["a_row"], chunk["b_row"]
            out["signature"], out["a_characters"] = stored.at(chunk["a_row"])
            yield other, pack(out)


class Compare(beam.DoFn):
    """(shard of b, packed half-way pairs) -> (shard of b, (half-way pairs, estimated Jaccard, b's characters))."""

    def __init__(self, output: str, width: int) -> None:
        self.output = output
        self.width = width

    def process(self, element: tuple[int, Iterable[bytes]]) -> Iterator[Any]:
        shard, chunks = element
        pairs = unpack(chunks, _halfway(self.width))
        values, characters = Signatures(self.output, shard).at(pairs["b_row"])
        yield shard, (pairs, estimated_jaccard(pairs["signature"], values), characters)


class PairsToEdges(beam.DoFn):
    """Compared pairs -> (bucket, packed EDGE rows) of those that are similar enough, contracted to stars."""

    def __init__(self, config: dict[str, Any]) -> None:
        self.config = config

    def process(self, element: Any) -> Iterator[tuple[int, bytes]]:
        config = Dedup.model_validate(self.config)
        shard, (pairs, jaccard, characters) = element
        similar = jaccard >= config.near.min_jaccard
        pairs, characters = pairs[similar], characters[similar]
        edges = np.zeros(len(pairs), EDGE)
        edges["u_rank"] = components.rank(pairs["a_characters"])
        edges["u_shard"], edges["u_row"] = pairs["a_shard"], pairs["a_row"]
        edges["v_rank"] = components.rank(characters)
        edges["v_shard"], edges["v_row"] = shard, pairs["b_row"]
        yield from _by_bucket(components.contract(components.orient(edges)), "u", config.buckets)


def _by_bucket(edges: Packed, side: str, buckets: int) -> Iterator[tuple[int, bytes]]:
    for bucket, chunk in split_by(edges, components.bucket_of(edges, side, buckets)):
        yield bucket, pack(chunk)


class WriteEdges(beam.DoFn):
    """(bucket, packed EDGE rows) -> a Record; writes the bucket's edges, oriented, sorted, distinct."""

    def __init__(self, folder: str) -> None:
        self.folder = folder

    def process(self, element: tuple[int, Iterable[bytes]]) -> Iterator[Record]:
        bucket, chunks = element
        edges = components.distinct(components.orient(unpack(chunks, EDGE)))
        data = pack(edges)
        with atomic_write(join(self.folder, f"bucket-{bucket:05d}.bin")) as out:
            out.write(data)
        yield {"shard": bucket, "edges": len(edges), "sha256": hashlib.sha256(data).hexdigest()}


class ReadEdges(beam.DoFn):
    """file name -> (bucket of u, packed EDGE rows, both ways)."""

    def __init__(self, folder: str, buckets: int) -> None:
        self.folder = folder
        self.buckets = buckets

    def process(self, name: str) -> Iterator[tuple[int, bytes]]:
        edges = unpack([read_bytes(join(self.folder, name))], EDGE)
        yield from _by_bucket(components.both_ways(edges), "u", self.buckets)


class LargeStar(beam.DoFn):
    """(bucket of u, packed EDGE rows both ways) -> (bucket of the larger node, packed EDGE rows)."""

    def __init__(self, buckets: int) -> None:
        self.buckets = buckets

    def process(self, element: tuple[int, Iterable[bytes]]) -> Iterator[tuple[int, bytes]]:
        edges = components.distinct(unpack(element[1], EDGE))
        turned = components.flip(components.orient(components.large_star(edges)))
        yield from _by_bucket(turned, "u", self.buckets)


class SmallStar(beam.DoFn):
    """(bucket of the larger node, packed EDGE rows) -> (bucket of the least node, packed EDGE rows)."""

    def __init__(self, buckets: int) -> None:
        self.buckets = buckets

    def process(self, element: tuple[int, Iterable[bytes]]) -> Iterator[tuple[int, bytes]]:
        edges = components.distinct(unpack(element[1], EDGE))
        yield from _by_bucket(components.orient(components.small_star(edges)), "u", self.buckets)


class ReadStars(beam.DoFn):
    """file name of final edges -> (shard of the keeper, packed PAIR rows: a keeper, b displaced)."""

    def __init__(self, folder: str) -> None:
        self.folder = folder

    def process(self, name: str) -> Iterator[tuple[int, bytes]]:
        edges = unpack([read_bytes(join(self.folder, name))], EDGE)
        pairs = np.zeros(len(edges), PAIR)
        for side, letter in (("u", "a"), ("v", "b")):
            pairs[f"{letter}_shard"], pairs[f"{letter}_row"] = edges[f"{side}_shard"], edges[f"{side}_row"]
        for shard, chunk in split_by(pairs, pairs["a_shard"].astype(np.int64)):
            yield shard, pack(chunk)


class WriteNear(beam.DoFn):
    """(shard, compared pairs of displaced documents with their keepers) -> its Record; writes duplicates/near/."""

    def __init__(self, output: str) -> None:
        self.output = output

    def process(self, element: tuple[int, Iterable[Any]]) -> Iterator[Record]:
        shard, groups = element
        file = shard_file(FOLDER, shard)
        yield finished_record(self.output, file) or self.write(shard, file, groups)

    def write(self, shard: int, file: str, groups: Iterable[Any]) -> Record:
        rows: list[tuple[int, int, int, float, int]] = []
        for group in groups:
            if group is not None:
                pairs, jaccard, characters = group
                rows += zip(
                    pairs["b_row"].tolist(),
                    pairs["a_shard"].tolist(),
                    pairs["a_row"].tolist(),
                    jaccard.tolist(),
                    characters.tolist(),
                    strict=True,
                )
        rows.sort()
        stored = Signatures(self.output, shard)
        total = int(stored.characters.sum())
        gone = sum(row[4] for row in rows)
        return write_shard(
            self.output,
            file,
            pa.table([list(values) for values in zip(*rows, strict=True)] or [[]] * 5, schema=_SCHEMA),
            {
                "shard": shard,
                "in": len(stored.rows),
                "out": len(stored.rows) - len(rows),
                "dropped": {"near": len(rows)} if rows else {},
                "dropped_characters": {"near": gone} if rows else {},
                "set_aside": 0,
                "characters_in": total,
                "characters_out": total - gone,
                "peak_memory": peak_memory(),
            },
        )


class Similarity(beam.PTransform):
    """(shard of a, packed PAIR rows) -> (shard of b, compared pairs)."""

    def __init__(self, output: str, width: int) -> None:
        super().__init__()
        self.output = output
        self.width = width

    def expand(self, pairs: Any) -> Any:
        return (
            pairs
            | "ByShardOfA" >> beam.GroupByKey()
            | "AttachSignature" >> beam.ParDo(AttachSignature(self.output, self.width))
            | "ByShardOfB" >> beam.GroupByKey()
            | "Compare" >> beam.ParDo(Compare(self.output, self.width))
        )


def run_dedup_near(engine: Engine, shards: list[int], config: Dedup, output: str) -> Record:
    """Signatures and edges, passes until every component is a star, then who stays; signature files are kept."""
    width = config.near.bands * config.near.rows
    remove(join(output, EDGES))
    signed, count = _sign_and_compare(engine, shards, config, output)
    rounds = 0
    while count:
        before = _digests(join(output, EDGES, str(rounds)))
        count = _star_round(engine, rounds, config, output, count)
        rounds += 1
        if _digests(join(output, EDGES, str(rounds))) == before:
            break
        remove(join(output, EDGES, str(rounds - 1)))
    final = join(output, EDGES, str(rounds))
    result = join(output, FOLDER, "_records.json")

    def build(pipeline: beam.Pipeline) -> None:
        every = (
            pipeline | "Shards" >> Tasks(shards, output, "near") | "EveryShard" >> beam.Map(lambda shard: (shard, None))
        )
        stars = (
            pipeline
            | "EdgeFiles" >> Tasks([name for name in listing(final) if name.endswith(".bin")], output, "stars")
            | "ReadStars" >> beam.ParDo(ReadStars(final))
            | "Similarity" >> Similarity(output, width)
        )
        (
            (every, stars)
            | "NearAndEvery" >> beam.Flatten()
            | "ByShard" >> beam.GroupByKey()
            | "WriteNear" >> beam.ParDo(WriteNear(output))
            | "Records" >> WriteRecords(result)
        )

    engine.run("dedup_near", build, parallel=len(shards) > 256)
    records = take_records(result)
    account = merge(records)
    account["peak_memory"] = max([account["peak_memory"], *(record["peak_memory"] for record in signed)])
    account["cpu_seconds"] = round(sum(record["cpu_seconds"] for record in signed), 3)
    for record in signed:
        account["files"] |= record["files"]
    remove(join(output, EDGES))
    return {**account, "rounds": rounds}


def _sign_and_compare(engine: Engine, shards: list[int], config: Dedup, output: str) -> tuple[list[Record], int]:
    """Write the signatures of every shard and the edges between similar documents.

    Signature files are read again behind a GroupByKey, which no batch runner passes before all that feeds it is done.
    Returns the signatures' Records and the number of edges.
    """
    signed, edges = join(output, FOLDER, "_records.json"), join(output, FOLDER, "_edges.json")
    dumped = config.model_dump(mode="json")
    width = config.near.bands * config.near.rows

    def build(pipeline: beam.Pipeline) -> None:
        written = (
            pipeline
            | "Shards" >> Tasks(shards, output, "signatures")
            | "WriteSignatures"
            >> beam.ParDo(WriteSignatures(output, dumped["near"])).with_outputs("records", main="shards")
        )
        written.records | "Records" >> WriteRecords(signed)
        if config.near.enabled:
            (
                written.shards
                | "ReadBands" >> beam.ParDo(ReadBands(output, dumped))
                | "ByBand" >> beam.GroupByKey()
                | "FindPairs" >> beam.ParDo(FindPairs())
                | "Similarity" >> Similarity(output, width)
                | "PairsToEdges" >> beam.ParDo(PairsToEdges(dumped))
                | "ByBucket" >> beam.GroupByKey()
                | "WriteEdges" >> beam.ParDo(WriteEdges(join(output, EDGES, "0")))
                | "EdgeRecords" >> WriteRecords(edges)
            )

    engine.run("signatures", build)
    count = sum(record["edges"] for record in take_records(edges, may_be_none=True)) if config.near.enabled else 0
    return take_records(signed), count


def _star_round(engine: Engine, number: int, config: Dedup, output: str, count: int) -> int:
    """One large-star and one small-star pass over all edges; returns how many are left.

    Few edges are contracted here and now: that gives the same stars, and starting a pipeline takes longer.
    """
    folder, turned = join(output, EDGES, str(number)), join(output, EDGES, str(number + 1))
    names = [name for name in listing(folder) if name.endswith(".bin")]
    if count <= FEW_EDGES:
        edges = components.contract(components.orient(unpack([read_bytes(join(folder, name)) for name in names], EDGE)))
        for bucket, packed in _by_bucket(edges, "u", config.buckets):
            for _ in WriteEdges(turned).process((bucket, [packed])):
                pass
        return len(edges)
    result = join(output, FOLDER, "_edges.json")

    def build(pipeline: beam.Pipeline) -> None:
        (
            pipeline
            | "EdgeFiles" >> Tasks(names, output, "edges")
            | "ReadEdges" >> beam.ParDo(ReadEdges(folder, config.buckets))
            | "ByLesser" >> beam.GroupByKey()
            | "LargeStar" >> beam.ParDo(LargeStar(config.buckets))
            | "ByLarger" >> beam.GroupByKey()
            | "SmallStar" >> beam.ParDo(SmallStar(config.buckets))
            | "ByBucket" >> beam.GroupByKey()
            | "WriteEdges" >> beam.ParDo(WriteEdges(turned))
            | "Records" >> WriteRecords(result)
        )

    engine.run("stars", build)
    return sum(record["edges"] for record in take_records(result, may_be_none=True))


def _digests(folder: str) -> dict[str, str]:
    """sha256 of each file of edges: equal folders mean that a round changed nothing."""
    return {
        name: hashlib.sha256(read_bytes(join(folder, name))).hexdigest()
        for name in listing(folder)
        if name.endswith(".bin")
    }


def near_rows(output: str, shard: int) -> np.ndarray:
    """Rows of a shard that near-duplicate dedup dropped, sorted."""
    return column(read_shard(output, shard_file(FOLDER, shard), ["row"]), "row")
