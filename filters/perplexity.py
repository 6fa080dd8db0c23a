"""CCNet's perplexity filter: head, middle and tail of a corpus by how well a language model predicts each page."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any, ClassVar, Literal, Self

import pyarrow as pa
from pydantic import Field, model_validator

from curate.corpus_counts import MAX_KEY, Counts
from curate.errors import UserError
from curate.models.ccnet_cutoffs import PUBLISHED_CUTOFFS
from curate.models.perplexity import PerplexityModel, described, open_model, percentile_cutoffs, pieces_of
from curate.text.page import Page
from filters.corpus_filter import CorpusFilter
from filters.filter import FilterConfig, Rule, Value, Verdict

__all__ = ["PUBLISHED_CUTOFFS", "THIRDS", "LanguageModel", "Perplexity", "PerplexityConfig", "percentile_cutoffs"]

SOURCE = "cc_net perplexity.py:257-286"
Bucket = Literal["head", "middle", "tail"]
_BUCKETS: tuple[Bucket, ...] = ("head", "middle", "tail")
Cutoffs = dict[str, tuple[float, float]]

THIRDS = (100 / 3, 200 / 3)


class LanguageModel(FilterConfig):
    """References of a language's KenLM model and of its SentencePiece tokenizer; without one the model's card names it.

    In a manifest the model alone may stand for both: `models: {fr: kenlm-fr}`.
    """

    tokenizer: str = ""
    model: str

    @model_validator(mode="before")
    @classmethod
    def _by_name(cls, value: Any) -> Any:
        return {"model": value} if isinstance(value, str) else value

    @property
    def pieces(self) -> str:
        """The reference of the tokenizer. UserError where neither the manifest nor the card names one."""
        return self.tokenizer or pieces_of(self.model)


class PerplexityConfig(FilterConfig):
    """models: by language; "*" stands for all others.

    The cutoffs (P30, P60) of each language come from one of: `cutoffs`, numbers; `percentiles` of this corpus, which
    the pipeline turns into numbers (`with_cutoffs`); `published`, CCNet's table for every model; else the models'
    cards, and CCNet's table for its own models (`ccnet-kenlm-fr`) whose card has none. keep: the buckets kept.
    compat: "thirds" cuts this corpus at thirds, as the paper says, where the code has 30 and 60; "one_line" scores a
    document as one line without its newlines, as cc_net's pipeline does.
    """

    models: dict[str, LanguageModel] = Field(
        default_factory=lambda: {"en": LanguageModel(tokenizer="sp-en", model="kenlm-en")}
    )
    cutoffs: Cutoffs | None = None
    percentiles: tuple[float, float] | None = None
    published: bool = False
    keep: tuple[Bucket, ...] = Field(default=("head", "middle"), min_length=1)
    compat: tuple[Literal["thirds", "one_line"], ...] = ()

    @model_validator(mode="after")
    def _one_source_in_order(self) -> Self:
        named = [self.cutoffs is not None, self.percentiles is not None, self.published, "thirds" in self.compat]
        if sum(named) > 1:
            raise ValueError("give one of cutoffs, percentiles, published and compat thirds")
        for low, high in (self.cutoffs or {}).values():
            if not 0 < low <= high:
                raise ValueError("cutoffs are two positive perplexities in ascending order")
        if self.percentiles is not None and not 0 <= self.percentiles[0] <= self.percentiles[1] <= 100:
            raise ValueError("percentiles are two numbers from 0 to 100 in ascending order")
        return self

    @property
    def wanted_percentiles(self) -> tuple[float, float] | None:
        """The percentiles of this corpus that are still to be turned into cutoffs, or None."""
        return THIRDS if "thirds" in self.compat else self.percentiles

    def with_cutoffs(self, cutoffs: Mapping[str, tuple[float, float]]) -> PerplexityConfig:
        """The same settings with the numbers that the percentiles came to; languages without one keep every page."""
        compat = tuple(name for name in self.compat if name != "thirds")
        numbers = {language: (float(low), float(high)) for language, (low, high) in sorted(cutoffs.items())}
        return self.model_copy(update={"cutoffs": numbers, "percentiles": None, "published": False, "compat": compat})


class Perplexity(CorpusFilter):
    """Perplexity of the text, and its bucket: head < P30, middle < P60, tail from P60 on.

    Source: Wenzek et al. 2019, 3.4; cc_net `perplexity.py:257-286`. A page in a language without a model has no
    perplexity (None), one without cutoffs no bucket; both are kept, like CCNet's bucket "all".
    """

    name = "perplexity"
    Config = PerplexityConfig
    columns: ClassVar[Mapping[str, pa.DataType]] = {"perplexity": pa.float64(), "language": pa.string()}
    rules: ClassVar[Sequence[Rule]] = (
        Rule("head", "perplexity", ">=", "cutoffs", SOURCE),
        Rule("middle", "perplexity", "<", "cutoffs", SOURCE),
        Rule("tail", "perplexity", "<", "cutoffs", SOURCE),
    )
    deciding: ClassVar[frozenset[str]] = frozenset({"percentiles", "published", "keep"})
    few_groups = True
    config: PerplexityConfig

    def models(self) -> list[str]:
        languages = [self.config.models[language] for language in sorted(self.config.models)]
        return [reference for model in languages for reference in (model.pieces, model.model)]

    def load(self) -> None:
        _ = self._scorers

    @cached_property
    def _scorers(self) -> dict[str, PerplexityModel]:
        return {language: open_model(model.model, model.tokenizer) for language, model in self.config.models.items()}

    def measure(self, page: Page) -> Mapping[str, Value]:
        scorer = self._scorers.get(page.language) or self._scorers.get("*")
        value = scorer(page.text, "one_line" in self.config.compat) if scorer else None
        return {"perplexity": value, "language": page.language}

    def asks(self) -> bool:
        return self.config.wanted_percentiles is not None

    def counting(self) -> dict[str, Any]:
        return {**self.measuring(), "percentiles": self.config.wanted_percentiles}

    def counts(self, measured: Mapping[str, Value]) -> Counts | None:
        """Pages by perplexity, in tenths, of each language."""
        value = measured["perplexity"]
        if not isinstance(value, float) or value != value:
            return None
        return Counts.of(str(measured["language"] or ""), {min(round(value * 10), MAX_KEY): 1})

    def settled(self, totals: Iterable[Counts]) -> PerplexityConfig:
        """The percentiles of this corpus as numbers, exact."""
        wanted = self.config.wanted_percentiles
        assert wanted is not None
        cutoffs: dict[str, tuple[float, float]] = {}
        for total in totals:
            pages = zip(total.keys.tolist(), total.counts.tolist(), strict=True)
            low, high = percentile_cutoffs({key / 10: count for key, count in pages}, wanted)
            cutoffs[total.group] = low, high
        return self.config.with_cutoffs(cutoffs)

    @cached_property
    def cutoffs(self) -> Mapping[str, tuple[float, float]]:
        """(low, high) by language. UserError for a model whose card has none; ValueError before percentiles are."""
        if self.config.cutoffs is not None:
            return self.config.cutoffs
        if self.config.published:
            return PUBLISHED_CUTOFFS
        if self.config.wanted_percentiles is not None:
            raise ValueError("turn the percentiles of this corpus into numbers first: with_cutoffs")
        return {language: _cutoffs_of(model.model, language) for language, model in self.config.models.items()}

    def bucket(self, perplexity: float, language: str) -> Bucket | None:
        """head, middle or tail; None where the language has no cutoffs."""
        limits = self.cutoffs.get(language) or self.cutoffs.get("*")
        if limits is None:
            return None
        return "head" if perplexity < limits[0] else "middle" if perplexity < limits[1] else "tail"

    def decide(self, measured: Mapping[str, Value]) -> Verdict | None:
        value, language = measured["perplexity"], str(measured["language"] or "")
        if not isinstance(value, float) or value != value:
            return None
        bucket = self.bucket(value, language)
        if bucket is None or bucket in self.config.keep:
            return None
        low, high = self.cutoffs.get(language) or self.cutoffs["*"]
        kept_below = [name for name in _BUCKETS[: _BUCKETS.index(bucket)] if name in self.config.keep]
        if kept_below:
            keep, threshold = "<", low if kept_below[-1] == "head" else high
        else:
            keep, threshold = ">=", low if "middle" in self.config.keep and bucket == "head" else high
        return Verdict(self.name, Rule(bucket, "perplexity", keep, "cutoffs", SOURCE), value, threshold)


def _cutoffs_of(reference: str, language: str) -> tuple[float, float]:
    name = Path(reference.partition("@sha256:")[0]).name
    found = described(reference).get("cutoffs", {}).get(language)
    if found is None and name.split(".")[0] == f"ccnet-kenlm-{language}":
        found = PUBLISHED_CUTOFFS.get(language)
    if found is None:
        raise UserError(
            f"filters.perplexity: the card of {name} has no cutoffs for {language}: give cutoffs or percentiles, or "
            f"run `curate models calibrate {name} --on TEXT`"
        )
    return float(found[0]), float(found[1])
