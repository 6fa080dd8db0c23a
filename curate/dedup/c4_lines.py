"""C4's line deduplication over packed rows: of each line one page keeps one, chosen by the hash of the pages' URLs.

Source: TensorFlow Datasets, `text/c4_utils.py`: `remove_duplicate_text`. The lines compared are those that C4's rules
leave (`filters.c4.lines_compared`), of pages that pass its page rules: no page keeps a line from another and is then
dropped for a bracket. Lines are known by 64 bits of their md5.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from curate.dedup.rows import ADDRESS, REPEATED, Packed, ordered, runs
from curate.text.c4 import line_key, page_rank

RANKED_LINE = np.dtype([("hash", "<u8"), ("rank", "<u8"), *ADDRESS, ("line", "<u4")])
"""One line of one document, and the rank of that document among all that have the line: the lowest keeps it."""


def ranked_lines(lines: Iterable[tuple[int, str]], url: str, shard: int, row: int) -> Packed:
    """RANKED_LINE rows of a page's lines: (number, line as compared) of each."""
    listed = list(lines)
    out = np.zeros(len(listed), RANKED_LINE)
    out["hash"] = [int.from_bytes(line_key(line)[:8], "big") for _, line in listed]
    out["line"] = [number for number, _ in listed]
    out["rank"], out["shard"], out["row"] = page_rank(url), shard, row
    return out


def surplus_lines(rows: Packed) -> Packed:
    """REPEATED records of all RANKED_LINE rows but one of each hash: the first line of the page with the lowest rank,
    ties by address. `other` is that page."""
    rows = ordered(rows, "hash", "rank", "shard", "row", "line")
    starts, lengths = runs(rows["hash"])
    copies, keeper = np.repeat(lengths, lengths), np.repeat(starts, lengths)
    dropped = np.ones(len(rows), bool)
    dropped[starts] = False
    out = np.zeros(int(dropped.sum()), REPEATED)
    for name in ("shard", "row", "line"):
        out[name] = rows[name][dropped]
    out["copies"] = copies[dropped]
    out["other_shard"], out["other_row"] = rows["shard"][keeper[dropped]], rows["row"][keeper[dropped]]
    return out
