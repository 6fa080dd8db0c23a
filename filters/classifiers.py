"""Any document classifiers, each under a name of the user's own: `curate models train classifier` makes them."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Annotated, Any, ClassVar, Self

import pyarrow as pa
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from curate.errors import UserError
from curate.models.document_classifier import Classifier, beside, open_classifier
from curate.models.labels import label_name
from curate.models.registry import card, locate, resolve
from curate.sections import nearest
from curate.text.page import Page
from filters.filter import Filter, FilterConfig, Rule, Value, Verdict

# What YAML reads as true and false; a label written so without quotes reaches us as a boolean.
_SPELLINGS = {"true": ("true", "yes", "on"), "false": ("false", "no", "off")}
SOURCE = "the manifest; figures for each threshold are in the model's card"


def _label(value: Any) -> Any:
    return value if value is None else label_name(value) or value


class LabelClassifier(BaseModel):
    """model: reference of a classifier, of fastText or an encoder, with any number of labels. label: whose probability
    is measured; the one that the model's card calls positive where none is given. languages: as a filter's own.

    A page is kept from min_probability up to max_probability, both included; with neither it is only measured.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)
    model: str
    label: Annotated[str | None, BeforeValidator(_label)] = None
    min_probability: float | None = Field(default=None, ge=0, le=1)
    max_probability: float | None = Field(default=None, ge=0, le=1)
    languages: tuple[str, ...] | None = None


Name = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,63}$")]


class ClassifiersConfig(FilterConfig):
    """models: by a name of your own, in lower case, which is the measurement's."""

    models: dict[Name, LabelClassifier] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _no_threshold_above_the_other(self) -> Self:
        for name, item in self.models.items():
            low, high = item.min_probability, item.max_probability
            if low is not None and high is not None and low > high:
                raise ValueError(f"{name}: min_probability is above max_probability")
        return self


class Classifiers(Filter):
    """P(label) of each of `models`, in a column of its name; one text classifier each, as in Llama-3 (Dubey et al.
    2024, 3.1.1) and DCLM.

    A model's settings are `model` (a reference), `label` (where none is given, the one its card calls positive),
    `min_probability`, `max_probability` (reasons `classifiers.<name>_too_low` and `_too_high`; with neither the model
    only measures) and `languages`. fastText reads the whole text, newlines as spaces; an encoder (which needs the
    `train` extra) at most as many windows of it as its file says, by default the first, the middle and the last, and
    costs many times as much. None for a page in another language and where no word is known.
    """

    name = "classifiers"
    Config = ClassifiersConfig
    columns: ClassVar[Mapping[str, pa.DataType]] = {}
    rules: ClassVar[Sequence[Rule]] = ()
    config: ClassifiersConfig

    def __init__(self, config: ClassifiersConfig) -> None:
        super().__init__(config)
        # Other filters have them from their class; here the manifest names them.
        self.columns = dict.fromkeys(sorted(config.models), pa.float64())  # type: ignore[misc]
        self.limits = [
            (Rule(f"{name}_too_{side}", name, keep, parameter, SOURCE), getattr(item, parameter))
            for name, item in config.models.items()
            for side, keep, parameter in (("low", ">=", "min_probability"), ("high", "<=", "max_probability"))
            if getattr(item, parameter) is not None
        ]

    def measuring(self) -> dict[str, Any]:
        models = {
            name: {"model": item.model, "label": self.labels[name], "languages": item.languages and [*item.languages]}
            for name, item in sorted(self.config.models.items())
        }
        return {**super().measuring(), "models": models}

    def models(self) -> list[str]:
        _ = self.labels  # a mistake in them is told before anything is built
        named = {item.model for item in self.config.models.values()}
        return sorted(named.union(*(beside(locate(name.partition("@")[0])) for name in named)))

    def load(self) -> None:
        _ = self._classifiers
        for name, item in sorted(self.config.models.items()):
            _known(name, self.labels[name], self._classifiers[item.model].labels(), item.model)

    @cached_property
    def _classifiers(self) -> dict[str, Classifier]:
        references = {item.model for item in self.config.models.values()}
        return {reference: open_classifier(resolve(reference).path) for reference in sorted(references)}

    @cached_property
    def labels(self) -> dict[str, str]:
        """The label that each name measures; UserError where a card has no such label, or names none as positive."""
        found: dict[str, str] = {}
        for name, item in sorted(self.config.models.items()):
            described = card(item.model) or {}
            label = item.label if item.label is not None else described.get("positive")
            if not isinstance(label, str):
                locate(item.model.partition("@")[0])  # a model that is not there has no card either
                raise UserError(f"filters.classifiers.models.{name}: give its label; {item.model} has no card with one")
            known = described.get("labels")
            found[name] = _known(name, label, frozenset(map(str, known)), item.model) if known else label
        return found

    def measure(self, page: Page) -> Mapping[str, Value]:
        asked: dict[str, dict[str, float]] = {}
        measured: dict[str, Value] = {}
        for name in self.columns:
            item = self.config.models[name]
            if item.languages is not None and page.language not in item.languages:
                measured[name] = None
                continue
            if item.model not in asked:
                asked[item.model] = self._classifiers[item.model].distribution(page.text)
            found = asked[item.model]
            measured[name] = found.get(self.labels[name], 0.0) if found else None
        return measured

    def decide(self, measured: Mapping[str, Value]) -> Verdict | None:
        for rule, threshold in self.limits:
            value = measured[rule.measurement]
            if not isinstance(value, float) or math.isnan(value):
                continue
            if value < threshold if rule.keep == ">=" else value > threshold:
                return Verdict(self.name, rule, value, threshold)
        return None


def _known(name: str, label: str, labels: frozenset[str], model: str) -> str:
    """The label as the model has it."""
    spelled = [other for other in sorted(labels) if other.lower() in _SPELLINGS.get(label, ())]
    if label in labels:
        return label
    if len(spelled) == 1:
        return spelled[0]
    raise UserError(
        f"filters.classifiers.models.{name}: {model} has no label {label!r}{nearest(label, sorted(labels))}"
    )
