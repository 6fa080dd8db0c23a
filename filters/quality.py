"""Whether a page reads like what Wikipedia cites: the fastText classifier of LLaMA and RedPajama."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import ClassVar

import pyarrow as pa
from pydantic import Field

from curate.text.page import Page
from filters.classifier import ClassifierFilter
from filters.filter import FilterConfig, Rule, Value

LABEL = "wiki"


class QualityConfig(FilterConfig):
    """models: language -> reference of a classifier with the labels `wiki` and `cc`; "*" stands for all others."""

    models: dict[str, str] = Field(default_factory=lambda: {"en": "quality-en"})
    min_wiki: float | None = Field(default=0.25, ge=0, le=1)


class Quality(ClassifierFilter):
    """P(wiki), newlines as spaces; 1 - P where the top label is `cc`; kept from 0.25.

    Source: Touvron et al. 2023, 2.1; RedPajama-v1 `data_prep/cc/classifier`. None for a language without a model.
    """

    name = "quality"
    Config = QualityConfig
    columns: ClassVar[Mapping[str, pa.DataType]] = {"wiki": pa.float64()}
    rules: ClassVar[Sequence[Rule]] = (
        Rule("unlike_wikipedia_references", "wiki", ">=", "min_wiki", "RedPajama-v1 data_prep/cc: 0.25"),
    )
    config: QualityConfig

    def measure(self, page: Page) -> Mapping[str, Value]:
        classifier = self.classifier(page)
        return {"wiki": classifier.probability(page.text, LABEL) if classifier else None}
