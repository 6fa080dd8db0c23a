"""Language identification: fastText's lid.176 as CCNet does it, and a model of neighbours where it is not sure.

CCNet (Wenzek et al. 2019; cc_net mine.py) takes lid.176's answer on the whole text. By default a second model is asked
where lid.176 is not sure, and the longest paragraph must agree; the threshold on the score is CCNet's either way.
`compat: ccnet` gives what CCNet does.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Any, ClassVar, Literal

import pyarrow as pa
from pydantic import Field, model_validator

from curate.models.language_near import PageLanguage
from curate.models.registry import resolve
from curate.text.page import Page
from filters.filter import Filter, FilterConfig, Rule, Value

_CCNET = {"neighbours": None, "paragraph": False, "sample_characters": None}


class LanguageConfig(FilterConfig):
    """model: reference of a fastText language identifier. keep: ISO 639 codes as the model writes them, or all.

    neighbours: reference of a model of languages that the first one takes for each other, asked where it is not sure;
    null asks none. paragraph: where the longest paragraph is in another language than the page, the score is no more
    than what the paragraph gives the page's. sample_characters: what is read of a longer text, in eight windows; null
    reads all of it. `python -m bench.language` says how often that is the language of the whole text, and in what
    share of the time. compat: `ccnet` sets what is not set beside it of these three to null, false and null.
    """

    model: str = "lid.176"
    neighbours: str | None = "lid-near"
    paragraph: bool = True
    sample_characters: int | None = Field(default=2000, ge=8)
    min_score: float | None = Field(default=0.5, ge=0, le=1)
    keep: tuple[str, ...] | None = None
    compat: Literal["ccnet"] | None = None

    @model_validator(mode="before")
    @classmethod
    def _as_ccnet(cls, data: Any) -> Any:
        return {**_CCNET, **data} if isinstance(data, dict) and data.get("compat") == "ccnet" else data


class Language(Filter):
    """Newlines as spaces, score rounded to 2 decimals, kept from 0.5 (Wenzek et al. 2019, 3.3).

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
        return [self.config.model, *([self.config.neighbours] if self.config.neighbours else [])]

    def load(self) -> None:
        _ = self._identify

    @cached_property
    def _identify(self) -> PageLanguage:
        config = self.config
        second = resolve(config.neighbours).path if config.neighbours else None
        return PageLanguage(resolve(config.model).path, second, config.sample_characters, paragraph=config.paragraph)

    def measure(self, page: Page) -> Mapping[str, Value]:
        language, score = self._identify(page.text)
        return {"language": language, "score": score}
