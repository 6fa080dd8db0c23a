"""A part of a `tokens/v1` dataset that an earlier run finished: what `write_part` said of it, from the file itself."""

from __future__ import annotations

import hashlib

import pyarrow.parquet as pq
import xxhash

from curate.storage import filesystem, join
from curate.tokens.schema import PartInfo, RowGroup, part_file
from curate.tokens.writer import row_group_range

_BLOCK = 1 << 20


def finished_part(root: str, source: str, shard: int, shards: int) -> PartInfo | None:
    """The PartInfo of the part that is there; None where it is not, or is no whole Parquet file of that many rows.

    Reads the file once; memory is bounded by its footer.
    """
    file = part_file(source, shard, shards)
    fs, inner = filesystem(join(root, file))
    if not fs.exists(inner):
        return None
    with fs.open(inner, "rb") as stored:
        try:
            footer = pq.read_metadata(stored)
            said = {key.decode(): value.decode() for key, value in (footer.metadata or {}).items()}
            documents, tokens = int(said["documents"]), int(said["tokens"])
        except (ValueError, KeyError, OSError):  # Arrow's own errors are ValueErrors
            return None
        groups: list[RowGroup] = []
        for number in range(footer.num_row_groups):
            group = footer.row_group(number)
            start, size = row_group_range(group)
            stored.seek(start)
            passed = xxhash.xxh64()
            left = size
            while left and (block := stored.read(min(_BLOCK, left))):
                passed.update(block)
                left -= len(block)
            # A row group's tokens are the values of its first column, the leaf of the lists.
            groups.append(RowGroup(group.num_rows, group.column(0).num_values, start, size, passed.hexdigest()))
        stored.seek(0)
        whole = hashlib.sha256()
        while block := stored.read(_BLOCK):
            whole.update(block)
        size = stored.tell()
    if (documents, tokens) != (sum(group.documents for group in groups), sum(group.tokens for group in groups)):
        return None
    return PartInfo(source, shard, shards, file, documents, tokens, size, whole.hexdigest(), tuple(groups))
