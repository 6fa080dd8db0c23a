"""Counts what goes into the shuffles of a build that runs in this process."""

from __future__ import annotations

import itertools
from collections import Counter
from typing import Any

import apache_beam as beam

BYTES: Counter[str] = Counter()
"""stage -> bytes that went into its GroupByKeys: packed values, and 8 for a key."""
_stage = ""


def of(stage: str) -> None:
    """What is shuffled from now on is this stage's."""
    global _stage
    _stage = stage


def counted(element: Any) -> Any:
    value = element[1]
    BYTES[_stage] += 8 + (len(value) if isinstance(value, bytes) else len(repr(value)))
    return element


def count() -> None:
    """Count in every pipeline that is built from now on.

    A step goes before each GroupByKey, not into it: runners put their own in its place.
    """
    apply, numbers = beam.Pipeline.apply, itertools.count()

    def counting(self: Any, transform: Any, collection: Any = None, label: Any = None) -> Any:
        if isinstance(transform, beam.GroupByKey):
            collection = apply(self, beam.Map(counted), collection, f"Count{next(numbers)}")
        return apply(self, transform, collection, label)

    beam.Pipeline.apply = counting
