"""Language identification with fastText's lid.176, as CCNet does it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import ClassVar

import pyarrow as pa
from pydantic import Field

from curate.models.language_id import LanguageIdentifier
from curate.models.registry import resolve
from curate.text.page import Page
from filters.filter import Filter, FilterConfig, Rule, Value


class LanguageConfig(FilterConfig):
    """model: reference of a fastText language identifier. keep: ISO 639 codes as the model writes them, or all.

    sample_characters: what is read of a longer text, in eight windows; None reads all of it, as CCNet does.
    `python -m bench.language` says how often that is the language of the whole text, and in what share of the time.
    """

    model: str = "lid.176"
    sample_characters: int | None = Field(default=2000, ge=8)
    min_score: float | None = Field(default=0.5, ge=0, le=1)
    keep: tuple[str, ...] | None = None


class Language(Filter):
    """Top-1 language, newlines as spaces, score rounded to 2 decimals, kept from 0.5 (Wenzek et al. 2019, 3.3).

    language is "" and score 0 for a text without a word.
    """

    name = "language"
    Config = LanguageConfig
    columns: ClassVar[Mapping[str, pa.DataType]] = {"language": pa.string(), "score": pa.float64()}
    rules: ClassVar[Sequence[Rule]] = (
        Rule("low_score", "score", ">=", "min_score", "cc_net mine.py: lang_threshold 0.5"),
        Rule("not_kept_language", "language", "in", "keep", "cc_net mine.py: lang_whitelist"),
    )
    config: LanguageConfig

    def models(self) -> list[str]:
        return [self.config.model]

    def load(self) -> None:
        _ = self._identify

    @cached_property
    def _identify(self) -> LanguageIdentifier:
        return LanguageIdentifier(resolve(self.config.model).path, self.config.sample_characters)

    def measure(self, page: Page) -> Mapping[str, Value]:
        language, score = self._identify(page.text)
        return {"language": language, "score": score}
