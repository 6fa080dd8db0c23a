"""Several `tokens/v1` datasets as one: the same part files under one index, so that one reader samples from all."""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping, Sequence
from typing import Any

from curate.errors import UserError
from curate.storage import atomic_write, exists, filesystem, is_local, join, read_sealed, remove
from curate.tokens.index import index_bytes, write_index, write_manifest
from curate.tokens.reader import TokenDataset
from curate.tokens.schema import MANIFEST

_COPY = 8 << 20


def parts_of(dataset: TokenDataset) -> list[dict[str, Any]]:
    """`PartInfo.to_json()` of every part of a whole dataset, from its manifest and index."""
    files: Mapping[str, Mapping[str, Any]] = dataset.manifest["files"]
    groups: dict[str, list[dict[str, Any]]] = {file: [] for file in files}
    for row in dataset.index.to_pylist():
        groups[row["file"]].append(
            {
                **{key: row[key] for key in ("documents", "tokens", "byte_offset", "compressed_bytes")},
                "xxh64": f"{row['xxh64']:016x}",
            }
        )
    wanted = ("source", "shard", "shards", "documents", "tokens", "bytes", "sha256")
    return [
        {**{key: record[key] for key in wanted}, "file": file, "row_groups": groups[file]}
        for file, record in sorted(files.items())
    ]


def merge_datasets(root: str, folders: Sequence[str], extra: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """Write the dataset of all sources of the datasets in `folders` to `root`, and return its manifest.

    Local part files are linked, and copied where they cannot be; nothing is decoded. A `root` that is this dataset
    already is left as it is. UserError for tokenizers, delimiters or order seeds that differ, and for a source that
    two of them have.
    """
    datasets = [TokenDataset.open(folder) for folder in folders]
    first = datasets[0]
    for other in datasets[1:]:
        for what in ("tokenizer", "delimiters", "order_seed"):
            ours, theirs = first.manifest[what], other.manifest[what]
            if ours != theirs:
                raise UserError(f"{first.root} and {other.root} cannot be one dataset: {what} {ours} and {theirs}")
    places: dict[str, str] = {}
    for dataset in datasets:
        for source in dataset.sources:
            if source in places:
                raise UserError(f"{places[source]} and {dataset.root} both hold a source {source}: name them apart")
            places[source] = dataset.root
    parts = [part for dataset in datasets for part in parts_of(dataset)]
    if _is_whole(root, parts, extra or {}):
        return read_sealed(join(root, MANIFEST))
    remove(root)
    for part in parts:
        _put(join(places[part["source"]], part["file"]), join(root, part["file"]))
    return write_manifest(
        root,
        parts=parts,
        fingerprint=write_index(root, parts),
        tokenizer=first.tokenizer,
        delimiters=first.delimiters,
        seed=first.manifest["order_seed"],
        extra=extra,
    )


def _is_whole(root: str, parts: Sequence[Mapping[str, Any]], extra: Mapping[str, Any]) -> bool:
    if not exists(join(root, MANIFEST)):
        return False
    try:
        dataset = TokenDataset.open(root)
    except UserError:
        return False
    if dataset.manifest["extra"] != dict(extra) or index_bytes(parts_of(dataset)) != index_bytes(parts):
        return False
    there = {part["file"]: part["sha256"] for part in parts_of(dataset)}
    return all(there[part["file"]] == part["sha256"] and exists(join(root, part["file"])) for part in parts)


def _put(source: str, target: str) -> None:
    """The same bytes at `target`, whole or absent."""
    (fs, inside), (to, outside) = filesystem(source), filesystem(target)
    if is_local(fs) and is_local(to):
        os.makedirs(os.path.dirname(outside), exist_ok=True)
        try:
            os.link(inside, outside)
        except OSError:  # another disk, or one without links
            pass
        else:
            return
    with fs.open(inside, "rb") as there, atomic_write(target) as out:
        shutil.copyfileobj(there, out, _COPY)
