"""Near duplicates: the same article as another site would carry it, with small changes in known places."""

from __future__ import annotations

import re
from collections.abc import Sequence

_SWAPS = {
    "but": "yet",
    "many": "several",
    "because": "since",
    "often": "frequently",
    "small": "little",
    "also": "too",
    "about": "around",
    "begins": "starts",
    "large": "big",
    "old": "ancient",
    "every": "each",
    "while": "whereas",
}


def rejoined(paragraphs: Sequence[str], first: int = 2) -> list[str]:
    """The same words in other lines: `first` paragraphs run together, then two by two, so that no line stays."""
    joined = [" ".join(paragraphs[:first])]
    rest = list(paragraphs[first:])
    while rest:
        take = 3 if len(rest) == 3 else 2
        if len(rest) == 1:
            joined[-1] += " " + rest.pop()
        else:
            joined.append(" ".join(rest[:take]))
            del rest[:take]
    return joined


def reworded(paragraphs: Sequence[str], most: int = 1) -> list[str]:
    """At most `most` words of each run of paragraphs replaced by another; the runs are `rejoined`."""
    changed = []
    for line in rejoined(paragraphs):
        left = most
        for word, other in _SWAPS.items():
            line, count = re.subn(rf"\b{word}\b", other, line, count=1) if left else (line, 0)
            left -= count
        changed.append(line)
    return changed


def one_paragraph_changed(paragraphs: Sequence[str], other: str) -> list[str]:
    """The last paragraph cut to its first half and `other` added; all other lines stay as they are."""
    words = paragraphs[-1].split()
    return [*paragraphs[:-1], " ".join(words[: len(words) // 2]) + " " + other]


def later_version(paragraphs: Sequence[str], share: float, other: str) -> list[str]:
    """The last `share` of the words replaced by `other`, in new lines."""
    lines = rejoined(paragraphs)
    words = lines[-1].split()
    cut = int(share * sum(len(line.split()) for line in lines))
    return [*lines[:-1], " ".join([*words[:-cut], other])]


def earlier_version(paragraphs: Sequence[str], share: float, other: str) -> list[str]:
    """The first `share` of the words replaced by `other`, in lines other than those of `later_version`."""
    lines = rejoined(paragraphs, first=3)
    words = lines[0].split()
    cut = int(share * sum(len(line.split()) for line in lines))
    return [" ".join([other, *words[cut:]]), *lines[1:]]
