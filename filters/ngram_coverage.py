"""Lines that repeat themselves: logs, error messages, lists of keywords (Llama-3, Dubey et al. 2024, §3.1.1).

"Duplicated n-gram coverage ratio (Rae et al., 2021) to remove lines that consist of repeated content such as logging or
error messages. Those lines could be very long and unique, hence cannot be filtered by line-dedup." The paper gives
neither n nor a threshold; the ones here are this project's, chosen by reading what they take from real pages.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import ClassVar

import pyarrow as pa
from pydantic import Field

from curate.text.ngrams import WordNgrams
from curate.text.page import Page
from filters.filter import Filter, FilterConfig, Rule, Value

SOURCE = "Llama-3 (Dubey et al. 2024, §3.1.1): duplicated n-gram coverage; the numbers are this project's"
_DIGITS = re.compile(r"\d+")


class NgramCoverageConfig(FilterConfig):
    """n: words of an n-gram. line_coverage: the share of a line's words in n-grams that the line has twice or more,
    above which the line goes; null keeps every line. min_words: shorter lines are not looked at. digits: whether
    numbers that differ make words different; time stamps do in logs, so they do not by default.

    max_dropped: a page goes when more than this share of its words was in such lines.
    """

    n: int = Field(default=3, ge=1, le=32)
    line_coverage: float | None = Field(default=0.7, ge=0, le=1)
    min_words: int = Field(default=20, ge=2)
    digits: bool = False
    max_dropped: float | None = Field(default=0.5, ge=0, le=1)


class NgramCoverage(Filter):
    """Drops lines most of whose words lie in n-grams that the same line repeats, and pages that are mostly such lines.

    Words are between white space, in lower case; all occurrences of a repeated n-gram count, the first too, overlapping
    ones once. Measurements: `coverage`, the largest of a line of the page; `lines` that are dropped, and `dropped`,
    the share of the page's words in them.
    """

    name = "ngram_coverage"
    Config = NgramCoverageConfig
    columns: ClassVar[Mapping[str, pa.DataType]] = {
        "coverage": pa.float64(),
        "lines": pa.int32(),
        "dropped": pa.float64(),
    }
    rules: ClassVar[Sequence[Rule]] = (Rule("repeats_itself", "dropped", "<=", "max_dropped", SOURCE),)
    config: NgramCoverageConfig

    def __init__(self, config: NgramCoverageConfig) -> None:
        super().__init__(config)
        self._last: tuple[Page, list[int]] | None = None

    def measure(self, page: Page) -> dict[str, Value]:
        most, gone, words = 0.0, 0, 0
        repeating: list[int] = []
        for number, line in enumerate(page.lines):
            split = line.split()
            words += len(split)
            coverage = self.coverage(split)
            most = max(most, coverage)
            if self.config.line_coverage is not None and coverage > self.config.line_coverage:
                repeating.append(number)
                gone += len(split)
        self._last = (page, repeating)
        return {"coverage": most, "lines": len(repeating), "dropped": gone / max(words, 1)}

    def coverage(self, words: Sequence[str]) -> float:
        """The share of these words that lie in an n-gram which occurs again among them; 0 for a short line."""
        n = self.config.n
        if len(words) < max(self.config.min_words, n + 1):
            return 0.0
        plain = [word.lower() for word in words]
        if not self.config.digits:
            plain = [_DIGITS.sub("0", word) for word in plain]
        # A word in a repeated n-gram occurs again itself, so half of those words at most are new: most lines of prose
        # need not be looked at closer.
        if len(set(plain)) > len(plain) * (1 - (self.config.line_coverage or 0.0) / 2):
            return 0.0
        ngrams = WordNgrams(plain)
        positions = ngrams.repeated(n).positions
        covered, reached = 0, 0
        for position in positions.tolist():
            covered += position + n - max(position, reached)
            reached = position + n
        return covered / len(plain)

    def edit(self, page: Page) -> str | None:
        # `measure` and `edit` are called one after the other with the same page; a Page is never changed.
        if self._last is None or self._last[0] is not page:
            self.measure(page)
        assert self._last is not None
        gone = set(self._last[1])
        if not gone:
            return None
        return "\n".join(line for number, line in enumerate(page.lines) if number not in gone)
