"""What a filter is: measurements now, a verdict later.

A filter measures a page in the score stage; its rules are applied to the stored measurements in the select stage, so
that a new threshold re-runs only what follows. A rule keeps a document when `measurement <keep> threshold` holds; the
threshold is the field of the filter's config that the rule names, and None there switches the rule off.
A filter may also edit (drop lines, mask): `edit` is a pure function of the page and the config, called after
`measure`; later filters and the tokenizer see the edited text.
"""

from __future__ import annotations

import math
import operator
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import pyarrow as pa
from pydantic import BaseModel, ConfigDict

from curate.text.page import Page
from curate.topics import Conditions, all_hold

Value = int | float | str | bool | bytes | None
"""bytes: packed numbers that only the filter itself reads (see filters.corpus_filter)."""

_OPERATORS: dict[str, Callable[[Any, Any], bool]] = {
    ">=": operator.ge,
    "<=": operator.le,
    ">": operator.gt,
    "<": operator.lt,
    "in": lambda value, allowed: value in allowed,
    "not in": lambda value, refused: value not in refused,
}


class FilterConfig(BaseModel):
    """Base of every filter's settings in a manifest; unknown keys are refused."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    enabled: bool = True
    languages: tuple[str, ...] | None = None
    """Pages in other languages (as the language filter before it says) are not measured, not edited, and pass: rules
    made for one language judge no other, and cost it nothing."""
    unless: tuple[Conditions, ...] = ()
    """Pages of which all of some conditions hold are measured and edited, and pass whatever the rules say: of a recipe
    that asks for pages like Wikipedia's, mathematics and code may be let off (`curate.topics` has the conditions)."""


@dataclass(frozen=True, slots=True)
class Rule:
    """Keep a document when `measurement keep config.<parameter>`.

    reason: snake_case name of the drop, unique within its filter; source: paper section or file it comes from.
    A measurement that is None or NaN (could not be taken, e.g. no model for this language) passes.
    """

    reason: str
    measurement: str
    keep: str
    parameter: str
    source: str

    def __post_init__(self) -> None:
        if self.keep not in _OPERATORS:
            raise ValueError(f"unknown comparison {self.keep!r}")


@dataclass(frozen=True, slots=True)
class Verdict:
    """Why a document is dropped: the filter, its rule, the measurement and the threshold it failed."""

    filter: str
    rule: Rule
    value: Value
    threshold: Any

    @property
    def reason(self) -> str:
        """`filter.rule`, as in the account."""
        return f"{self.filter}.{self.rule.reason}"

    def __str__(self) -> str:
        shown = f"{self.value:.6g}" if isinstance(self.value, float) else repr(self.value)
        return f"{self.reason}: {self.rule.measurement} = {shown}, kept when {self.rule.keep} {self.threshold}"


class Filter(ABC):
    """One filter of a manifest. Subclasses are pure: no I/O beyond loading their models once in `load`."""

    name: ClassVar[str]
    Config: ClassVar[type[FilterConfig]]
    columns: ClassVar[Mapping[str, pa.DataType]]
    """The measurements it writes; the score table's column is `<filter>.<measurement>`."""
    corpus_columns: ClassVar[Mapping[str, pa.DataType]] = {}
    """Measurements taken against the whole corpus, between score and select (see filters.corpus_filter)."""
    rules: ClassVar[Sequence[Rule]]
    deciding: ClassVar[frozenset[str]] = frozenset()
    """Config fields that only decide, beside those that rules name: changing one re-measures nothing."""

    def __init__(self, config: Any) -> None:
        self.config = config

    def measuring(self) -> dict[str, Any]:
        """The settings that measurements and edits depend on."""
        thresholds = {rule.parameter for rule in self.rules} | self.deciding | {"unless"}
        dumped: dict[str, Any] = self.config.model_dump(mode="json")
        return {key: value for key, value in dumped.items() if key not in thresholds}

    def models(self) -> list[str]:
        """References of the models that judge (see curate.models.registry), so that a corpus records their hashes."""
        return []

    def load(self) -> None:  # noqa: B027 - most filters have nothing to load
        """Load models; called once a worker, before the first `measure`. Not called where only `decide` is needed."""

    @abstractmethod
    def measure(self, page: Page) -> Mapping[str, Value]:
        """One value for each of `columns`."""

    def edit(self, page: Page) -> str | None:
        """The text with this filter's lines or spans taken out, or None when nothing changes."""
        return None

    def concerns(self, page: Page) -> bool:
        """Whether this filter looks at pages in this page's language."""
        languages: tuple[str, ...] | None = self.config.languages
        return languages is None or page.language in languages

    def lets_off(self, row: Mapping[str, Any]) -> bool:
        """Whether a page with these scores, by their columns' names, passes whatever it measures."""
        return any(all_hold(conditions, row) for conditions in self.config.unless)

    def decide(self, measured: Mapping[str, Value]) -> Verdict | None:
        """The first rule that drops a document with these measurements, or None to keep it."""
        for rule in self.rules:
            threshold = getattr(self.config, rule.parameter)
            value = measured[rule.measurement]
            if threshold is None or value is None or (isinstance(value, float) and math.isnan(value)):
                continue
            if not _OPERATORS[rule.keep](value, threshold):
                return Verdict(self.name, rule, value, threshold)
        return None
