"""What a mix is chosen for: the data there is, the run to come, and whose loss counts."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from curate.errors import UserError
from curate.sections import nearest
from curate.training.mixture_law import Array

MAX_EPOCHS = 4.0
"""Repeating data up to 4 times is nearly as good as new data (Muennighoff et al. 2023)."""


@dataclass(frozen=True)
class Question:
    """What the mix is for.

    tokens: to train on, by source; budget: tokens of the run to come; target: weight of each source's held-out loss;
    max_epochs: most passes over any source; least_share: share that every source keeps.
    """

    tokens: Mapping[str, int]
    budget: int
    target: Mapping[str, float]
    max_epochs: float = MAX_EPOCHS
    least_share: float = 0.0

    @property
    def names(self) -> list[str]:
        return sorted(self.tokens)

    @property
    def counts(self) -> Array:
        """Tokens of sources in order of name."""
        return np.array([self.tokens[name] for name in self.names], dtype=np.float64)

    @property
    def shares(self) -> Array:
        """The tokens' own shares."""
        return np.asarray(self.counts / self.counts.sum())

    @property
    def upper(self) -> Array:
        """Most share of each source that max_epochs allow."""
        return np.asarray(np.minimum(1.0, self.max_epochs * self.counts / self.budget))

    def check(self) -> None:
        """UserError when it cannot be answered."""
        if len(self.tokens) < 2:
            raise UserError(f"a mixture needs at least two sources; the data has {', '.join(self.tokens) or 'none'}")
        unknown = sorted(set(self.target) - set(self.tokens))
        if unknown:
            raise UserError(f"--target: no source {unknown[0]!r} in the data{nearest(unknown[0], self.names)}")
        if not all(0 <= weight < math.inf for weight in self.target.values()) or not sum(self.target.values()) > 0:
            raise UserError("--target: weights are 0 or more, and not all 0")
        if self.upper.sum() < 1:
            most = int(self.max_epochs * sum(self.tokens.values()))
            raise UserError(
                f"a budget of {self.budget:,} tokens is more than {self.max_epochs:g} epochs of all sources, {most:,}: "
                "lower --budget or raise --max-epochs"
            )
        if not 0 <= self.least_share * len(self.tokens) <= 1 or (self.upper < self.least_share).any():
            scarce = self.names[int(self.upper.argmin())]
            raise UserError(
                f"--least-share {self.least_share:g} cannot be: {len(self.tokens)} sources, and {scarce} can have "
                f"{self.upper.min():.4f} at most"
            )
