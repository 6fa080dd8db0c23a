"""Whether a page reads like what Wikipedia cites: the fastText classifier of LLaMA and RedPajama."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import ClassVar

import pyarrow as pa
from pydantic import Field

from curate.models.fasttext_model import FastTextModel
from curate.models.registry import resolve
from curate.text.page import Page
from filters.filter import Filter, FilterConfig, Rule, Value

LABEL = "wiki"


class QualityConfig(FilterConfig):
    """models: language -> reference of a classifier with the labels `wiki` and `cc`; "*" stands for all others."""

    models: dict[str, str] = Field(default_factory=lambda: {"en": "quality-en"})
    min_wiki: float | None = Field(default=0.25, ge=0, le=1)


class Quality(Filter):
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

    def models(self) -> list[str]:
        return [self.config.models[language] for language in sorted(self.config.models)]

    def load(self) -> None:
        _ = self._classifiers

    @cached_property
    def _classifiers(self) -> dict[str, FastTextModel]:
        return {language: FastTextModel(resolve(name).path) for language, name in self.config.models.items()}

    def measure(self, page: Page) -> Mapping[str, Value]:
        classifier = self._classifiers.get(page.language) or self._classifiers.get("*")
        return {"wiki": classifier.probability(page.text, LABEL) if classifier else None}
