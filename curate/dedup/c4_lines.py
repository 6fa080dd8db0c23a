"""C4's deduplication over packed rows: of each line one page keeps one, chosen by the hash of the pages' URLs.

Source: TensorFlow Datasets, `text/c4_utils.py`: `remove_duplicate_text`. The lines compared are those that C4's rules
leave (`filters.c4.lines_compared`), of pages that pass its page rules: no page keeps a line from another and is then
dropped for a bracket. Lines are known by 64 bits of their md5.

The paper (Raffel et al. 2020, §2.2) says "all but one of any three-sentence span": `spans` are those. A line goes when
every sentence of it lies in a span that goes; where a span begins or ends within a line, the line stays whole.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
import punkt

from curate.dedup.rows import ADDRESS, REPEATED, Packed, ordered, runs
from curate.text.c4 import line_key, page_rank

SPAN = 3
"""Sentences of a span."""

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


def sentences(lines: Iterable[tuple[int, str]]) -> list[tuple[int, str]]:
    """(number of the line, sentence) of a page's lines, as Punkt splits each."""
    return [(number, sentence) for number, line in lines for sentence in punkt.sent_tokenize(line)]


def spans(lines: Iterable[tuple[int, str]]) -> list[tuple[int, str]]:
    """(number of its first sentence, span) of every three sentences in a row, the whole page where it has fewer."""
    listed = [" ".join(sentence.split()) for _, sentence in sentences(lines)]
    last = max(len(listed) - SPAN, 0)
    return [(first, " ".join(listed[first : first + SPAN])) for first in range(last + 1)] if listed else []


def lines_covered(lines: Iterable[tuple[int, str]], dropped: Sequence[int]) -> list[tuple[int, int]]:
    """(number of the line, place in `dropped` of the first span that covers some of it) of the lines that go when the
    spans that begin with these sentences do."""
    listed = sentences(lines)
    by: list[int | None] = [None] * len(listed)
    for place, first in enumerate(dropped):
        for sentence in range(first, min(first + SPAN, len(listed))):
            by[sentence] = place if by[sentence] is None else by[sentence]
    covering: dict[int, int | None] = {}
    for (number, _), covered_by in zip(listed, by, strict=True):
        if number not in covering or covered_by is None:
            covering[number] = covered_by
    return [(number, covered_by) for number, covered_by in covering.items() if covered_by is not None]
