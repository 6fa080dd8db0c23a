"""CCNet's line deduplication over packed rows (Wenzek et al. 2019, §3.1): every copy of a repeated line goes."""

from __future__ import annotations

import numpy as np

from curate.dedup.rows import REPEATED, Packed, ordered, runs


def repeated_lines(rows: Packed, max_copies: int = 1) -> Packed:
    """REPEATED records of the LINE rows whose hash occurs more than `max_copies` times, the first occurrence included.

    The rows must be all lines of one group that fall in one bucket. A line that occurs twice in the same document
    counts twice, as in cc_net.
    """
    rows = ordered(rows, "hash", "shard", "row", "line")
    starts, lengths = runs(rows["hash"])
    copies = np.repeat(lengths, lengths)
    first = np.repeat(starts, lengths)
    dropped = copies > max_copies
    out = np.zeros(int(dropped.sum()), REPEATED)
    for name in ("shard", "row", "line"):
        out[name] = rows[name][dropped]
    out["copies"] = copies[dropped]
    # The first document with this line; for lines of that first document, the last one with it (itself when alone).
    last = first + copies - 1
    in_first = (rows["shard"] == rows["shard"][first]) & (rows["row"] == rows["row"][first])
    other = np.where(in_first, last, first)[dropped]
    out["other_shard"], out["other_row"] = rows["shard"][other], rows["row"][other]
    return out


def without_lines(text: str, dropped: np.ndarray) -> str:
    """The text without the lines at these indices (of `text.split("\\n")`); runs of blank lines collapse to one.

    Blank lines separate paragraphs and carry no content, so they are never counted as duplicates; what separated a
    dropped line from the rest goes with it.
    """
    if len(dropped) == 0:
        return text
    gone = set(dropped.tolist())
    kept: list[str] = []
    for index, line in enumerate(text.split("\n")):
        if index in gone:
            continue
        if not line.strip() and (not kept or not kept[-1].strip()):
            continue
        kept.append(line)
    while kept and not kept[-1].strip():
        kept.pop()
    return "\n".join(kept)
