"""Counting "dirty words", to find the adult sites that no list of domains has (Llama-3, Dubey et al. 2024, §3.1.1).

The paper counts the words of Raffel et al. (2020), which are LDNOOBW's, and gives no number. Here the words of an
ordinary page of medicine or law are not counted (`curate.text.badwords.explicit_words`), and since it is sites that are
sought, pages of one host are also counted together: a host goes when most of its pages are dirty.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import ClassVar

import pyarrow as pa
from pydantic import Field

from curate.corpus_counts import Counts
from curate.text.badwords import UNSPACED, explicit_words
from curate.text.page import Page
from curate.text.urls import site
from filters.corpus_filter import CorpusFilter
from filters.filter import FilterConfig, Rule, Value, Verdict

SOURCE = "Llama-3 (Dubey et al. 2024, §3.1.1): dirty word counting; the numbers are this project's"
_PAGES, _DIRTY = 0, 1


class DirtyWordsConfig(FilterConfig):
    """A page is dirty when it has more than max_count listed words and they are more than max_share of its words: one
    word of a novel is not, nor are ten of a very long book.

    max_host_share: every page of a host goes when more than this share of its pages are dirty; hosts with fewer than
    min_host_pages pages (of what the filters before keep) are not judged. null switches it off.
    """

    max_count: int = Field(default=3, ge=0)
    max_share: float | None = Field(default=0.01, ge=0, le=1)
    max_host_share: float | None = Field(default=0.3, ge=0, le=1)
    min_host_pages: int = Field(default=5, ge=1)


class DirtyWords(CorpusFilter):
    """Measurements: `words`, listed words on the page; `share` of all its words (0 where they are `max_count` or
    fewer); `host`; and of all pages of the host, `host_pages` and `host_share`, that of dirty ones.

    The list is LDNOOBW's of the page's language without entries that ordinary pages have too. None for a language
    without a list. Where no spaces are written, two characters are a word.
    """

    name = "dirty_words"
    Config = DirtyWordsConfig
    columns: ClassVar[Mapping[str, pa.DataType]] = {
        "words": pa.int32(),
        "share": pa.float64(),
        "host": pa.string(),
    }
    corpus_columns: ClassVar[Mapping[str, pa.DataType]] = {"host_pages": pa.int64(), "host_share": pa.float64()}
    rules: ClassVar[Sequence[Rule]] = (
        Rule("page", "share", "<=", "max_share", SOURCE),
        Rule("host", "host_share", "<=", "max_host_share", SOURCE),
    )
    deciding: ClassVar[frozenset[str]] = frozenset({"max_count", "min_host_pages"})
    config: DirtyWordsConfig

    def measure(self, page: Page) -> dict[str, Value]:
        listed = explicit_words(page.language)
        found = listed.count(page.text, page.tokens) if listed else None
        words = len(page.text) // 2 if page.language in UNSPACED else len(page.words)
        share = None if found is None else found / max(words, 1)
        return {"words": found, "share": share, "host": site(page.url)}

    def asks(self) -> bool:
        return self.config.max_host_share is not None

    def counting(self) -> dict[str, Value]:
        return {**self.measuring(), "max_count": self.config.max_count, "max_share": self.config.max_share}

    def counts(self, measured: Mapping[str, Value]) -> Counts | None:
        """Pages, and dirty ones, of each host."""
        host = str(measured["host"] or "")
        return Counts.of(host, {_PAGES: 1, _DIRTY: int(self._dirty(measured))}) if host else None

    def against(self, measured: Mapping[str, Value], total: Counts) -> Mapping[str, Value]:
        pages = total.get(_PAGES)
        return {"host_pages": pages, "host_share": total.get(_DIRTY) / pages}

    def _dirty(self, measured: Mapping[str, Value]) -> bool:
        words, share = measured["words"], measured["share"]
        if not isinstance(words, int) or not isinstance(share, float) or self.config.max_share is None:
            return False
        return words > self.config.max_count and share > self.config.max_share

    def decide(self, measured: Mapping[str, Value]) -> Verdict | None:
        page, host = self.rules
        if self._dirty(measured):
            return Verdict(self.name, page, measured["share"], self.config.max_share)
        pages, share, limit = measured["host_pages"], measured["host_share"], self.config.max_host_share
        if limit is None or not isinstance(pages, int) or not isinstance(share, float):
            return None
        if pages >= self.config.min_host_pages and share > limit:
            return Verdict(self.name, host, share, limit)
        return None
