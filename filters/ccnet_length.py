"""CCNet's length rule: what is left of a document after line deduplication must still be a document."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import ClassVar

import pyarrow as pa

from curate.text.page import Page
from filters.filter import Filter, FilterConfig, Rule, Value


class CCNetLengthConfig(FilterConfig):
    """min_characters: code points, newlines included (cc_net `mine.py`: min_len)."""

    min_characters: int | None = 300


class CCNetLength(Filter):
    """Drops documents under 300 characters (Wenzek et al. 2019; cc_net `mine.py`, `dedup.py`)."""

    name = "ccnet_length"
    Config = CCNetLengthConfig
    columns: ClassVar[Mapping[str, pa.DataType]] = {"characters": pa.int64()}
    rules: ClassVar[Sequence[Rule]] = (
        Rule("too_short", "characters", ">=", "min_characters", "cc_net mine.py: min_len 300"),
    )

    def measure(self, page: Page) -> Mapping[str, Value]:
        return {"characters": len(page.text)}
