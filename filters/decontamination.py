"""Documents that hold items of benchmarks, by overlap of word n-grams with files that the user names."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from typing import Any, ClassVar

import pyarrow as pa
from pydantic import BaseModel, ConfigDict, Field, model_validator

from curate.errors import UserError
from curate.storage import exists
from curate.text.benchmarks import items
from curate.text.overlap import BenchmarkIndex
from curate.text.page import Page
from filters.filter import Filter, FilterConfig, Rule, Value


class Benchmark(BaseModel):
    """A file of items: `.txt` (one a line), `.jsonl`, `.json` or `.parquet`; fields: whose text counts, or all."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    path: str
    fields: tuple[str, ...] = ()

    @model_validator(mode="before")
    @classmethod
    def _path_alone(cls, given: Any) -> Any:
        return {"path": given} if isinstance(given, str) else given


class DecontaminationConfig(FilterConfig):
    """benchmarks: name -> a path, or `{path, fields}`. n: words of an n-gram: 13 is GPT-3's, 8 Llama-3's, 11 Llama-2's
    "more than 10". min_words: shorter items are left out, those between it and n are looked for whole.
    max_items: n-grams that stand in more items than that, such as a template's, are no evidence; null: all are.

    With `max_ngrams: null` documents are measured and stay, unless another limit is given.
    """

    benchmarks: Mapping[str, Benchmark] = Field(default_factory=dict)
    n: int = Field(13, ge=1)
    min_words: int = Field(8, ge=1)
    max_items: int | None = Field(None, ge=1)

    max_ngrams: int | None = Field(0, ge=0)
    max_share: float | None = Field(None, ge=0, le=1)
    max_item_share: float | None = Field(None, ge=0, le=1)


class Decontamination(Filter):
    """Overlap with benchmarks. Words are lower-cased, letters and digits only; look-ups are by 64-bit hash.

    Measurements: `ngrams`, places at which an n-gram of an item begins; `share`, of the document's words that lie in
    one; `longest`, words in the longest stretch of them; `item`, the item of which most is there (benchmark:line), and
    `item_share`, of its n-grams. The files' hashes are part of what the scores depend on.
    """

    name = "decontamination"
    Config = DecontaminationConfig
    columns: ClassVar[Mapping[str, pa.DataType]] = {
        "ngrams": pa.int32(),
        "share": pa.float64(),
        "longest": pa.int32(),
        "item": pa.string(),
        "item_share": pa.float64(),
    }
    rules: ClassVar[Sequence[Rule]] = (
        Rule("overlap", "ngrams", "<=", "max_ngrams", "GPT-3 (Brown et al. 2020, App. C): a 13-gram in common"),
        Rule("share", "share", "<=", "max_share", "Llama-2 (Touvron et al. 2023b, A.6): share of contaminated tokens"),
        Rule(
            "item", "item_share", "<=", "max_item_share", "Llama-3 (Dubey et al. 2024, §5.1.4): 8-grams of an example"
        ),
    )
    config: DecontaminationConfig

    def models(self) -> list[str]:
        """The benchmarks' files: their hashes are recorded like those of models. UserError where one is not usable."""
        if not self.config.benchmarks:
            raise UserError(f"{self._where}: name at least one file, such as {{gsm8k: gsm8k.jsonl}}")
        paths = []
        for name, benchmark in self.config.benchmarks.items():
            if not exists(benchmark.path):
                raise UserError(f"{self._where}.{name}: no file at {benchmark.path}")
            paths.append(benchmark.path if "/" in benchmark.path else f"./{benchmark.path}")
        self.load()
        return paths

    def load(self) -> None:
        _ = self._index

    @property
    def _where(self) -> str:
        return f"filters.{self.name}.benchmarks"

    @cached_property
    def _index(self) -> BenchmarkIndex:
        index = BenchmarkIndex(self._items(), self.config.n, self.config.min_words, self.config.max_items)
        if not index.names:
            raise UserError(f"{self._where}: no item has {self.config.min_words} words: lower min_words")
        return index

    def _items(self) -> Iterator[tuple[str, str]]:
        for name, benchmark in self.config.benchmarks.items():
            for number, text in items(benchmark.path, benchmark.fields, f"{self._where}.{name}"):
                yield f"{name}:{number}", text

    def measure(self, page: Page) -> Mapping[str, Value]:
        found = self._index.overlap(page.text)
        return {
            "ngrams": found.ngrams,
            "share": found.share,
            "longest": found.longest,
            "item": found.item,
            "item_share": found.item_share,
        }
