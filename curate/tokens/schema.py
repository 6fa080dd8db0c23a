"""What a `tokens/v1` dataset is made of: its columns, its file names, and the records that describe its parts.

    <root>/
      manifest.json                          written last: its presence says the dataset is whole
      row_groups.parquet                     one row per row group: the seek index
      source=<name>/part-00000-of-00064.parquet

Nothing else may lie in <root>. A row is one document with its delimiters baked in.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from importlib.metadata import PackageNotFoundError, version
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt
import pyarrow as pa

FORMAT = "tokens/v1"
MANIFEST = "manifest.json"
INDEX = "row_groups.parquet"

# A row group closes at the first document boundary at or past this many tokens.
ROW_GROUP_TOKENS = 4_194_304

# The largest vocabulary whose ids fit 16 bits.
UINT16_VOCABULARY = 65_536

# Delimiter conventions: which of (bos, eos) stand around a document's tokens. LLaMA writes both.
DELIMITERS: dict[str, tuple[bool, bool]] = {"bos_eos": (True, True), "eos": (False, True)}

_SOURCE = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.+-]{0,99}", re.ASCII)
_MAX_SHARDS = 100_000

INDEX_SCHEMA = pa.schema(
    [
        pa.field("source", pa.string(), nullable=False),
        pa.field("file", pa.string(), nullable=False),
        pa.field("row_group", pa.uint32(), nullable=False),
        pa.field("documents", pa.uint64(), nullable=False),
        pa.field("tokens", pa.uint64(), nullable=False),
        pa.field("cum_tokens", pa.uint64(), nullable=False),
        pa.field("byte_offset", pa.uint64(), nullable=False),
        pa.field("compressed_bytes", pa.uint64(), nullable=False),
        pa.field("xxh64", pa.uint64(), nullable=False),
    ]
)


class TokenizerLike(Protocol):
    """What the files record of a tokenizer; `bos_id` is -1 where it has none."""

    @property
    def name(self) -> str: ...
    @property
    def sha256(self) -> str: ...
    @property
    def vocab_size(self) -> int: ...
    @property
    def bos_id(self) -> int: ...
    @property
    def eos_id(self) -> int: ...


@dataclass(frozen=True, slots=True)
class TokenizerInfo:
    """A tokenizer's identity without the tokenizer: enough to write and to check a dataset."""

    name: str
    sha256: str
    vocab_size: int
    bos_id: int
    eos_id: int

    @classmethod
    def of(cls, tokenizer: TokenizerLike) -> TokenizerInfo:
        return cls(tokenizer.name, tokenizer.sha256, tokenizer.vocab_size, tokenizer.bos_id, tokenizer.eos_id)

    def to_json(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> TokenizerInfo:
        return cls(**value)


@dataclass(frozen=True, slots=True)
class RowGroup:
    """One row group of a part: `compressed_bytes` bytes from `byte_offset` of its file hash to `xxh64`.

    xxh64: XXH64 with seed 0, as 16 lower-case hex digits.
    """

    documents: int
    tokens: int
    byte_offset: int
    compressed_bytes: int
    xxh64: str


@dataclass(frozen=True, slots=True)
class PartInfo:
    """What one part file holds. `file` is its path within the dataset; `bytes` and `sha256` are of the whole file."""

    source: str
    shard: int
    shards: int
    file: str
    documents: int
    tokens: int
    bytes: int
    sha256: str
    row_groups: tuple[RowGroup, ...]

    def to_json(self) -> dict[str, Any]:
        """The same as plain dicts, lists, strings and integers."""
        return {**asdict(self), "row_groups": [asdict(group) for group in self.row_groups]}

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> PartInfo:
        return cls(**{**value, "row_groups": tuple(RowGroup(**group) for group in value["row_groups"])})


def package_version() -> str:
    """The version of this package, or "0" where it runs from a folder without being installed."""
    try:
        return version("curate")
    except PackageNotFoundError:
        return "0"


def token_dtype(vocab_size: int) -> np.dtype[Any]:
    """uint16, or uint32 when the vocabulary passes 65,536."""
    return np.dtype(np.uint16 if vocab_size <= UINT16_VOCABULARY else np.uint32)


def part_schema(vocab_size: int) -> pa.Schema:
    """The columns of a part: `tokens` list<uint16 or uint32>, `n_tokens` uint32, `id` string; nothing is null."""
    item = pa.field("element", pa.from_numpy_dtype(token_dtype(vocab_size)), nullable=False)
    return pa.schema(
        [
            pa.field("tokens", pa.list_(item), nullable=False),
            pa.field("n_tokens", pa.uint32(), nullable=False),
            pa.field("id", pa.string(), nullable=False),
        ]
    )


def part_file(source: str, shard: int, shards: int) -> str:
    """`source=<name>/part-00000-of-00064.parquet`; ValueError for a name or a number that cannot stand in it."""
    if not _SOURCE.fullmatch(source):
        raise ValueError(f"source name {source!r} must be letters, digits, '_', '.', '+', '-', and begin with no mark")
    if not 0 <= shard < shards <= _MAX_SHARDS:
        raise ValueError(f"shard {shard} of {shards} is not one of at most {_MAX_SHARDS:,} shards")
    return f"source={source}/part-{shard:05d}-of-{shards:05d}.parquet"


def delimiter_ids(tokenizer: TokenizerLike, delimiters: str) -> tuple[list[int], list[int]]:
    """The ids that stand before and after every document: ([bos], [eos]) or ([], [eos]).

    ValueError for an unknown convention or a tokenizer that lacks the token it asks for.
    """
    if delimiters not in DELIMITERS:
        raise ValueError(f"delimiters {delimiters!r} is not one of {', '.join(DELIMITERS)}")
    bos, eos = DELIMITERS[delimiters]
    before, after = [tokenizer.bos_id] * bos, [tokenizer.eos_id] * eos
    if any(not 0 <= token < tokenizer.vocab_size for token in before + after):
        raise ValueError(f"tokenizer {tokenizer.name} has no token for delimiters {delimiters!r}")
    return before, after


def part_metadata(
    tokenizer: TokenizerLike,
    *,
    delimiters: str,
    source: str,
    shard: int,
    shards: int,
    documents: int,
    tokens: int,
    package_version: str,
    seed: int,
) -> dict[str, str]:
    """The key-value metadata of a part file."""
    return {
        "schema": FORMAT,
        "tokenizer": tokenizer.name,
        "tokenizer_sha256": tokenizer.sha256,
        "vocab_size": str(tokenizer.vocab_size),
        "bos_id": str(tokenizer.bos_id),
        "eos_id": str(tokenizer.eos_id),
        "delimiters": delimiters,
        "dtype": token_dtype(tokenizer.vocab_size).name,
        "source": source,
        "shard": str(shard),
        "shards": str(shards),
        "documents": str(documents),
        "tokens": str(tokens),
        "package_version": package_version,
        "order_seed": str(seed),
    }


def index_rows(parts: list[PartInfo]) -> Iterator[dict[str, Any]]:
    """The rows of `row_groups.parquet`, by source, shard and row group.

    cum_tokens: tokens of the same source up to and including this row group.
    """
    cumulated: dict[str, int] = {}
    for part in sorted(parts, key=lambda part: (part.source, part.shard)):
        for number, group in enumerate(part.row_groups):
            cumulated[part.source] = cumulated.get(part.source, 0) + group.tokens
            yield {
                "source": part.source,
                "file": part.file,
                "row_group": number,
                "documents": group.documents,
                "tokens": group.tokens,
                "cum_tokens": cumulated[part.source],
                "byte_offset": group.byte_offset,
                "compressed_bytes": group.compressed_bytes,
                "xxh64": int(group.xxh64, 16),
            }


Tokens = npt.NDArray[Any]
