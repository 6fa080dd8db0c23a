"""Re-count and re-hash a `tokens/v1` dataset against what it says of itself.

Any flipped byte is found by the files' sha256; what a consistent rewrite could hide (a row moved, doubled or taken
out, an id in the wrong shard, a token outside the vocabulary, a missing delimiter) is found by reading the rows.
Costs one read of every file and one decoding; memory is bounded by one row group.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import IO, Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import xxhash

from curate.parquet import parquet_file, table_of
from curate.storage import BrokenSeal, filesystem, join, read_bytes, read_sealed
from curate.tokens.order import order_key, part_of
from curate.tokens.schema import (
    FORMAT,
    INDEX,
    INDEX_SCHEMA,
    MANIFEST,
    TokenizerInfo,
    delimiter_ids,
    part_file,
    part_metadata,
    part_schema,
    token_dtype,
)
from curate.tokens.writer import row_group_range

_BLOCK = 1 << 22


@dataclass(frozen=True, slots=True)
class Problem:
    """Something that is not as it was written. file: path within the dataset ("" for the whole); what: one line."""

    file: str
    what: str

    def __str__(self) -> str:
        return f"{self.file}: {self.what}" if self.file else self.what


def verify_tokens(root: str) -> list[Problem]:
    """Everything that is wrong with the dataset at `root`; an empty list says it is exactly what was written.

    Ids are unique within a source: across sources they differ by their prefix (`curate.document.document_id`).
    """
    try:
        manifest = read_sealed(join(root, MANIFEST))
    except FileNotFoundError:
        return [Problem(MANIFEST, "missing: the dataset is not whole")]
    except BrokenSeal:
        return [Problem(MANIFEST, "does not match its own checksum")]
    if manifest.get("format") != FORMAT:
        return [Problem(MANIFEST, f"is not a {FORMAT} manifest")]
    try:
        return list(_verify(root, manifest))
    except (KeyError, TypeError, AttributeError, ValueError) as error:
        return [Problem(MANIFEST, f"lacks what a {FORMAT} manifest holds: {error!r}")]


def _verify(root: str, manifest: dict[str, Any]) -> Iterator[Problem]:
    files: dict[str, dict[str, Any]] = manifest["files"]
    present = _present(root)
    for name in sorted({MANIFEST, INDEX, *files} - present):
        yield Problem(name, "missing")
    for name in sorted(present - {MANIFEST, INDEX, *files}):
        yield Problem(name, "not part of the dataset")
    yield from _verify_totals(manifest)

    groups: dict[str, list[dict[str, Any]]] | None = None
    if INDEX in present:
        data = read_bytes(join(root, INDEX))
        if hashlib.sha256(data).hexdigest() != manifest["fingerprint"]:
            yield Problem(INDEX, "sha256 is not the dataset's fingerprint")
        else:
            table = table_of(data)
            if not table.schema.remove_metadata().equals(INDEX_SCHEMA):
                yield Problem(INDEX, f"is not a {FORMAT} index")
                return
            rows = table.to_pylist()
            yield from _verify_index(rows, files)
            groups = {name: [] for name in files}
            for row in rows:
                groups.setdefault(row["file"], []).append(row)
    fs, inner = filesystem(root)
    for name in sorted(set(files) & present):
        own = None if groups is None else groups[name]
        with fs.open(join(inner, name), "rb") as stream:
            yield from (Problem(name, what) for what in _verify_part(stream, name, own, manifest))


def _present(root: str) -> set[str]:
    fs, inner = filesystem(root)
    prefix = inner.rstrip("/") + "/"
    return {path.removeprefix(prefix) for path in fs.find(inner)}


def _verify_totals(manifest: dict[str, Any]) -> Iterator[Problem]:
    """The manifest's sums against its own list of files, and every source's shards all there."""
    files = manifest["files"].items()
    scopes = [("the dataset", manifest, None), *((s, manifest["sources"][s], s) for s in manifest["sources"])]
    for scope, stated, source in scopes:
        held = [record for _, record in files if source in (None, record["source"])]
        counted = {key: sum(r[key] for r in held) for key in ("documents", "tokens", "bytes", "row_groups")}
        counted["shards"] = len(held)
        for key, value in counted.items():
            if stated[key] != value:
                yield Problem(MANIFEST, f"{key} of {scope} is {stated[key]}, its files sum to {value}")
    if sorted({record["source"] for _, record in files}) != sorted(manifest["sources"]):
        yield Problem(MANIFEST, "its files are not of its sources")
    for name, record in files:
        if name != part_file(record["source"], record["shard"], record["shards"]):
            yield Problem(MANIFEST, f"{name} is not the name of its shard")
        if manifest["sources"][record["source"]]["shards"] != record["shards"]:
            yield Problem(MANIFEST, f"{name} is one of {record['shards']} shards and they are not all there")


def _verify_index(rows: list[dict[str, Any]], files: dict[str, dict[str, Any]]) -> Iterator[Problem]:
    """Row groups in order, each file's all there and summing to what the manifest says, cumulated tokens right."""
    places = [(row["source"], row["file"], row["row_group"]) for row in rows]
    expected = [(r["source"], name, i) for name, r in files.items() for i in range(r["row_groups"])]
    if places != sorted(expected):
        yield Problem(INDEX, "row groups are not each there once and in order")
    cumulated: dict[str, int] = {}
    sums: dict[tuple[str, str], int] = {}
    for row in rows:
        cumulated[row["source"]] = cumulated.get(row["source"], 0) + row["tokens"]
        if row["cum_tokens"] != cumulated[row["source"]]:
            yield Problem(INDEX, f"cum_tokens of {row['file']} row group {row['row_group']} is not the sum")
        for key in ("documents", "tokens"):
            sums[row["file"], key] = sums.get((row["file"], key), 0) + row[key]
    for name, record in files.items():
        for key in ("documents", "tokens"):
            if sums.get((name, key), 0) != record[key]:
                yield Problem(INDEX, f"{key} of {name} do not sum to the manifest's")


def _verify_part(
    stream: IO[bytes], name: str, groups: list[dict[str, Any]] | None, manifest: dict[str, Any]
) -> Iterator[str]:
    """A part's bytes, then its rows; `groups` are its rows of the index, None where that is broken."""
    record = manifest["files"][name]
    size, digest = 0, hashlib.sha256()
    while block := stream.read(_BLOCK):
        size += len(block)
        digest.update(block)
    if size != record["bytes"]:
        yield f"{size} bytes, {record['bytes']} were written"
    for group in groups or []:
        if _xxh64(stream, group["byte_offset"], group["compressed_bytes"]) != group["xxh64"]:
            yield f"row group {group['row_group']} does not match its xxh64"
    if digest.hexdigest() != record["sha256"]:
        # Changed bytes are not worth parsing, nor safe to.
        yield "sha256 is not the one that was written"
        return
    if groups is None:
        return
    stream.seek(0)
    try:
        with parquet_file(stream) as file:
            yield from _verify_rows(file, groups, record, manifest)
    except (pa.ArrowException, OSError) as error:
        yield f"cannot be read as Parquet: {error}"


def _xxh64(stream: IO[bytes], offset: int, size: int) -> int:
    stream.seek(offset)
    hasher = xxhash.xxh64()
    while size > 0 and (block := stream.read(min(size, _BLOCK))):
        hasher.update(block)
        size -= len(block)
    return hasher.intdigest()


def _verify_rows(
    file: pq.ParquetFile, groups: list[dict[str, Any]], record: dict[str, Any], manifest: dict[str, Any]
) -> Iterator[str]:
    tokenizer = TokenizerInfo.from_json(manifest["tokenizer"])
    if manifest["dtype"] != token_dtype(tokenizer.vocab_size).name:
        yield f"the manifest's dtype {manifest['dtype']} is not that of a vocabulary of {tokenizer.vocab_size:,}"
    expected = part_metadata(
        tokenizer,
        delimiters=manifest["delimiters"],
        source=record["source"],
        shard=record["shard"],
        shards=record["shards"],
        documents=record["documents"],
        tokens=record["tokens"],
        package_version=manifest["package_version"],
        seed=manifest["order_seed"],
    )
    metadata = {key.decode(): value.decode() for key, value in (file.metadata.metadata or {}).items()}
    for key in sorted(expected.keys() | metadata.keys()):
        if metadata.get(key) != expected.get(key):
            yield f"metadata {key} is {metadata.get(key)!r}, not {expected.get(key)!r}"
    if not file.schema_arrow.remove_metadata().equals(part_schema(tokenizer.vocab_size)):
        yield "columns are not those of tokens/v1"
        return
    if file.num_row_groups != len(groups):
        yield f"{file.num_row_groups} row groups, the index has {len(groups)}"
        return
    last: tuple[int, str] = (-1, "")
    for number, group in enumerate(groups):
        if row_group_range(file.metadata.row_group(number)) != (group["byte_offset"], group["compressed_bytes"]):
            yield f"row group {number} does not lie where the index says"
        table = file.read_row_group(number, use_threads=False)
        ids: list[str] = table.column("id").to_pylist()
        yield from (f"row group {number}: {what}" for what in _verify_tokens_column(table, group, tokenizer, manifest))
        if bool(np.any(part_of(ids, record["shards"]) != record["shard"])):
            yield f"row group {number}: a document belongs to another shard"
        for row in zip(order_key(ids, manifest["order_seed"]).tolist(), ids, strict=True):
            if row <= last:
                yield f"row group {number}: document {row[1]!r} is out of order or there twice"
            last = row


def _verify_tokens_column(
    table: Any, group: dict[str, Any], tokenizer: TokenizerInfo, manifest: dict[str, Any]
) -> Iterator[str]:
    lists = table.column("tokens").combine_chunks()
    offsets = lists.offsets.to_numpy().astype(np.int64)
    tokens = lists.values.to_numpy()[offsets[0] : offsets[-1]]
    offsets = offsets - offsets[0]
    lengths = np.diff(offsets)
    if (len(lengths), len(tokens)) != (group["documents"], group["tokens"]):
        yield f"{len(lengths)} documents and {len(tokens)} tokens, the index says otherwise"
    if not np.array_equal(lengths, table.column("n_tokens").to_numpy()):
        yield "n_tokens is not the length of tokens"
    if len(tokens) and int(tokens.max()) >= tokenizer.vocab_size:
        yield f"a token id is outside the vocabulary of {tokenizer.vocab_size:,}"
    before, after = delimiter_ids(tokenizer, manifest["delimiters"])
    if len(lengths) == 0 or int(lengths.min()) < len(before) + len(after):
        yield "a document lacks its delimiters"
        return
    inside = np.ones(len(tokens), bool)
    for place, stated in [(offsets[:-1], before), (offsets[1:] - 1, after)]:
        for token in stated:
            if bool(np.any(tokens[place] != token)):
                yield f"a document lacks its delimiter {token}"
            inside[place] = False
    for token in {tokenizer.bos_id, tokenizer.eos_id} - {-1}:
        if bool(np.any(tokens[inside] == token)):
            yield f"delimiter {token} stands inside a document"
