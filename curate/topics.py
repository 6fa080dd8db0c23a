"""Which topic a document is of, by rules on its measurements: the documents of one source go to several of a mixture.

Llama-3 (Dubey et al. 2024, §3.1.2) mixes by topic, not by where text is from: about 50 % general knowledge, 25 %
mathematics and reasoning, 17 % code, 8 % multilingual.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Annotated, Any, Self

from pydantic import BaseModel, ConfigDict, StringConstraints, model_validator

Name = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9_]{0,31}$")]


class Condition(BaseModel):
    """What a measurement must be: from min to max, both included; one of these; none of these. All that are given must
    hold, and for a document without the measurement none does."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    min: float | None = None
    max: float | None = None
    one_of: tuple[str, ...] | None = None
    none_of: tuple[str, ...] | None = None

    @model_validator(mode="after")
    def _says_something(self) -> Self:
        if all(value is None for value in (self.min, self.max, self.one_of, self.none_of)):
            raise ValueError("give min, max, one_of or none_of")
        return self

    def holds(self, value: Any) -> bool:
        if value is None or value != value:
            return False
        if self.one_of is not None and str(value) not in self.one_of:
            return False
        if self.none_of is not None and str(value) in self.none_of:
            return False
        if self.min is None and self.max is None:
            return True
        if isinstance(value, str | bytes):
            return False
        return (self.min is None or value >= self.min) and (self.max is None or value <= self.max)


Conditions = Mapping[str, Condition]
"""`<filter>.<measurement>` -> what it must be."""
Topics = Mapping[Name, Conditions]
"""Topic -> {`<filter>.<measurement>`: condition}, in the order they are tried in; one without any is for the rest."""


def all_hold(conditions: Conditions, measured: Mapping[str, Any]) -> bool:
    """Whether every condition holds of a document; it does where there are none."""
    return all(condition.holds(measured.get(key)) for key, condition in conditions.items())


def topic_of(topics: Topics, measured: Mapping[str, Any]) -> str | None:
    """The first topic all of whose conditions hold, None where none does."""
    for name, conditions in topics.items():
        if all_hold(conditions, measured):
            return name
    return None


def source_of(source: str, topic: str | None) -> str:
    """What tokens/ calls the documents of a source that are of a topic."""
    return source if topic is None else f"{source}-{topic}"


def unknown_measurements(conditions: Mapping[str, Conditions], known: Iterable[str]) -> list[tuple[str, str]]:
    """(its name, measurement) of every condition on what is not measured."""
    there = set(known)
    return [(name, key) for name, stated in conditions.items() for key in stated if key not in there]
