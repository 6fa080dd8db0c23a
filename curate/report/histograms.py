"""Histograms of a column that is read twice, shard by shard: once for its spread, once to count into fixed bins."""

from __future__ import annotations

import itertools
import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
BINS = 32
_STEPS = 16
_SHIFT = 20_000


@dataclass
class Spread:
    """First pass: extremes exactly, quantiles within 5%, in memory that does not grow with the corpus.

    Values are counted by sign and by the 16th part of a power of two they fall in.
    """

    whole: bool = True
    count: int = 0
    missing: int = 0
    least: float = math.inf
    most: float = -math.inf
    sketch: Counter[int] = field(default_factory=Counter)

    def add(self, values: Floats, whole: bool) -> None:
        """values: NaN where there is none. whole: the column holds integers."""
        finite = values[np.isfinite(values)]
        self.whole &= whole
        self.count += len(finite)
        self.missing += len(values) - len(finite)
        if len(finite) == 0:
            return
        self.least = min(self.least, float(finite.min()))
        self.most = max(self.most, float(finite.max()))
        keys = np.zeros(len(finite), np.int64)
        there = finite != 0
        steps = np.floor(np.log2(np.abs(finite[there])) * _STEPS) + _SHIFT
        keys[there] = np.sign(finite[there]) * steps
        unique, counts = np.unique(keys, return_counts=True)
        self.sketch.update(dict(zip(unique.tolist(), counts.tolist(), strict=True)))

    @property
    def zeros(self) -> int:
        return self.sketch[0]

    def quantile(self, share: float, without_zeros: bool = False) -> float:
        """The value below which about this share of the values lies."""
        counts = [(key, count) for key, count in sorted(self.sketch.items()) if key or not without_zeros]
        wanted = share * sum(count for _, count in counts)
        running = itertools.accumulate(count for _, count in counts)
        key = next((key for (key, _), seen in zip(counts, running, strict=True) if seen >= wanted), 0)
        value = math.copysign(2 ** ((abs(key) - _SHIFT + 0.5) / _STEPS), key) if key else 0.0
        return min(max(value, self.least), self.most)


@dataclass(frozen=True)
class Axis:
    """Where the bins lie. Values beyond the edges are counted in the end bins.

    edges: shape (bins + 1,), ascending; ticks: (value, label); apart: zeros are so many that they are counted beside.
    """

    edges: Floats
    scale: Literal["linear", "log"]
    ticks: Sequence[tuple[float, str]]
    apart: bool = False

    def place(self, value: float) -> float | None:
        """Where a value lies, 0 at the left edge and 1 at the right one; None beyond the edges."""
        low, high = float(self.edges[0]), float(self.edges[-1])
        slack = (high - low) * 1e-9
        if not low - slack <= value <= high + slack:
            return None
        value = min(max(value, low), high)
        if self.scale == "log":
            return math.log(value / low) / math.log(high / low)
        return (value - low) / (high - low)


@dataclass
class Histogram:
    """Second pass: documents kept and dropped by bin."""

    axis: Axis
    kept: NDArray[np.int64] = field(init=False)
    dropped: NDArray[np.int64] = field(init=False)
    zeros: int = 0

    def __post_init__(self) -> None:
        self.kept = np.zeros(len(self.axis.edges) - 1, np.int64)
        self.dropped = self.kept.copy()

    def add(self, values: Floats, kept: NDArray[np.bool_]) -> None:
        shown = np.isfinite(values)
        if self.axis.apart:
            self.zeros += int((values == 0).sum())
            shown &= values != 0
        bins = np.searchsorted(self.axis.edges, values[shown], side="right") - 1
        bins = np.clip(bins, 0, len(self.kept) - 1)
        self.kept += np.bincount(bins[kept[shown]], minlength=len(self.kept))
        self.dropped += np.bincount(bins[~kept[shown]], minlength=len(self.kept))


def choose_axis(spread: Spread, thresholds: Sequence[float]) -> Axis | None:
    """Bins that show the middle 99% of the values and, where they are not far off, the thresholds.

    A column whose largest values are far from its middle gets a logarithmic axis. None where there are no values.
    """
    if spread.count == 0:
        return None
    few = spread.whole and spread.most - spread.least <= 12
    apart = spread.count / 2 < spread.zeros < spread.count and not few
    low, middle, high = (spread.quantile(share, apart) for share in (0.005, 0.5, 0.995))
    # A share of something reads best from 0 on, however it is spread; what has no upper end may need a logarithm.
    if low > 0 and spread.least >= 0 and spread.most > 1 and (high > 15 * middle or middle > 15 * low):
        near = [value for value in thresholds if low / 30 <= value <= high * 30 and value > 0]
        return _logarithmic(min([low, *near]), max([high, *near]), apart)
    reach = 4 * max(high - low, abs(high))
    near = [value for value in thresholds if low - reach <= value <= high + reach]
    if spread.least >= 0 and (low < high / 2 or spread.most <= 1):
        low = 0.0
    return _linear(min([low, *near]), max([high, *near]), apart, spread.whole)


def _linear(low: float, high: float, apart: bool, whole: bool) -> Axis:
    if whole and high - low <= 40:
        low, high = math.floor(low), math.ceil(high)
        edges = np.arange(low, high + 2, dtype=np.float64) - 0.5
        step = max(1.0, nice((high - low) / 5))
        ticks = [(float(v), label(v)) for v in np.arange(math.ceil(low / step) * step, high + 0.1, step)]
        return Axis(edges, "linear", ticks, apart)
    if high - low <= 1e-6 * max(abs(low), abs(high)):
        low, high = low - (abs(low) / 2 or 0.5), high + (abs(high) / 2 or 0.5)
    width = nice((high - low) / BINS)
    if whole:
        width = max(1.0, width)
    first, last = math.floor(low / width + 1e-9), math.ceil(high / width - 1e-9)
    edges = np.arange(first, last + 1, dtype=np.float64) * width
    step = nice((edges[-1] - edges[0]) / 4)
    marks = np.arange(math.ceil(edges[0] / step - 1e-9), math.floor(edges[-1] / step + 1e-9) + 1) * step
    return Axis(edges, "linear", [(float(v), label(v)) for v in marks], apart)


def _logarithmic(low: float, high: float, apart: bool) -> Axis:
    edges: Floats = np.geomspace(low / 1.02, high * 1.02, BINS + 1, dtype=np.float64)
    powers = range(math.floor(math.log10(edges[0])), math.ceil(math.log10(edges[-1])) + 1)
    digits = (1,) if len(powers) > 4 else (1, 3) if len(powers) > 2 else (1, 2, 5)
    marks = [digit * 10.0**power for power in powers for digit in digits]
    marks = [value for value in marks if edges[0] <= value <= edges[-1]]
    return Axis(edges, "log", [(value, label(value)) for value in marks[:: 1 + len(marks) // 7]], apart)


def nice(value: float) -> float:
    """The least of 1, 2, 2.5 and 5 times a power of ten that is not below the value."""
    power = 10.0 ** math.floor(math.log10(value)) if value > 0 else 1.0
    return next((power * digit for digit in (1, 2, 2.5, 5) if power * digit >= value * (1 - 1e-9)), power * 10)


def label(value: float) -> str:
    """A tick's value, short: 0.25, 300, 12k, 3M."""
    value = float(value)
    for size, unit in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if abs(value) >= size and (size > 1e3 or abs(value) >= 1e4):
            return f"{value / size:.3g}{unit}"
    return f"{value:.4g}" if abs(value) >= 1e-4 or value == 0 else f"{value:.1e}"
