"""A filter that needs to know the corpus: pages are compared with others of their host, or of their language.

What one page gives is measured in the score stage, like everything. Between score and select the stage `corpus` adds
up what the pages give that the filters before keep, group by group, and then either gives every page further
measurements (`against`) or turns settings into numbers (`settled`). Both read stored measurements, never a text.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterable, Mapping
from typing import Any, ClassVar

from curate.corpus_counts import Counts
from filters.filter import Filter, FilterConfig, Value


class CorpusFilter(Filter):
    """`corpus_columns` are the measurements that `against` gives, None for a page that a filter before drops.

    few_groups: whether there are so few groups that every worker may hold the totals of all, as there are languages; of
    hosts there are too many, and a shard gets those of its own.
    """

    few_groups: ClassVar[bool] = False

    def asks(self) -> bool:
        """Whether these settings need the corpus at all."""
        return True

    def counting(self) -> dict[str, Any]:
        """The settings that counts, comparisons and settled numbers depend on."""
        return self.measuring()

    @abstractmethod
    def counts(self, measured: Mapping[str, Value]) -> Counts | None:
        """What a page with these measurements adds to its group; None where it belongs to none."""

    def against(self, measured: Mapping[str, Value], total: Counts) -> Mapping[str, Value]:
        """One value for each of `corpus_columns`. total: of the page's group, the page included."""
        return {}

    def settled(self, totals: Iterable[Counts]) -> FilterConfig | None:
        """The settings with their numbers, from the totals of all groups; None where there is nothing to settle."""
        return None
