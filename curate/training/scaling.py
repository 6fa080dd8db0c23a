"""Chinchilla's law: the loss of a model of N parameters trained on D tokens.

L(N, D) = E + A / N^alpha + B / D^beta (Hoffmann et al. 2022, section 3.3), fitted by the Huber loss, delta 1e-3, of
the log-loss (appendix D.3). A and B trade against their exponents and are weakly identified: compare predictions,
not constants. One fit of 240 points takes about a second, a refit of the bootstrap about 10 ms.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.optimize import minimize, nnls  # type: ignore[import-untyped]
from scipy.special import expit, logit  # type: ignore[import-untyped]

Array = NDArray[np.float64]

HUBER_DELTA = 1e-3
FLOPS_PER_PARAMETER_TOKEN = 6
"""C = 6 N D: forward and backward, without attention (Hoffmann et al., appendix F)."""
EXPONENTS = (0.2, 0.4, 0.8)
FLOORS = (0.3, 0.7, 0.97)
"""Starts: each exponent for alpha and beta, with E at each share of the least loss."""
_LARGEST_EXPONENT = 2.0
"""Exponents stay between 0 and this, the range of the paper's own starts: few points may ask for more."""
_TINY, _LEAST = 1e-6, 1e-300
_LOOK, _KEPT, _POLISH = 100, 3, 500
"""Iterations from each start; how many go on; to how many iterations."""


@dataclass(frozen=True, slots=True)
class ChinchillaLaw:
    """E in nats a token; A and B in nats; N counts all parameters, embeddings too, and D tokens."""

    E: float
    A: float
    alpha: float
    B: float
    beta: float

    def loss(self, N: ArrayLike, D: ArrayLike) -> Array:
        """Nats a token of models of N parameters after D tokens; N and D broadcast."""
        n, d = np.asarray(N, dtype=np.float64), np.asarray(D, dtype=np.float64)
        return np.asarray(self.E + self.A * n**-self.alpha + self.B * d**-self.beta)

    def optimum(self, flops: float) -> tuple[float, float]:
        """Parameters and tokens of least loss for 6 N D = flops (Hoffmann et al., equation 4).

        ValueError when an exponent is not positive: such a law has no optimum.
        """
        if min(self.alpha, self.beta, self.A, self.B) <= 0 or flops <= 0:
            raise ValueError("a law whose loss does not fall with both parameters and tokens has no optimum")
        work = flops / FLOPS_PER_PARAMETER_TOKEN
        # In logs: A and B of a poor fit may be far beyond what a power of them can hold.
        log_n = (np.log(self.alpha * self.A / (self.beta * self.B)) + self.beta * np.log(work)) / (
            self.alpha + self.beta
        )
        with np.errstate(over="ignore"):
            return float(np.exp(log_n)), float(np.exp(np.log(work) - log_n))

    def parameters_for(self, tokens: float) -> float:
        """Parameters of the model for which so many tokens are optimal. ValueError as `optimum`."""
        self.optimum(1.0)
        ratio = np.log(self.alpha * self.A / (self.beta * self.B))
        with np.errstate(over="ignore"):
            return float(np.exp((ratio + self.beta * np.log(tokens)) / self.alpha))


@dataclass(frozen=True, slots=True)
class ChinchillaFit:
    """objective: sum over points of the Huber loss of log predicted - log measured."""

    law: ChinchillaLaw
    objective: float


def fit_chinchilla(N: ArrayLike, D: ArrayLike, L: ArrayLike, delta: float = HUBER_DELTA) -> ChinchillaFit:
    """The law of least objective over several starts. N, D, L: [n] parameters, tokens, nats a token.

    ValueError for fewer than 5 points, or for values that are not finite and above 0.
    """
    points = _points(N, D, L)
    fits = [_fit(*points, start, delta, _LOOK) for start in _starts(*points)]
    best = sorted(fits, key=lambda fit: fit.objective)[:_KEPT]
    return min((_fit(*points, _constants(fit.law), delta) for fit in best), key=lambda fit: fit.objective)


def bootstrap_chinchilla(
    N: ArrayLike, D: ArrayLike, L: ArrayLike, fit: ChinchillaFit, times: int, seed: int, delta: float = HUBER_DELTA
) -> list[ChinchillaLaw]:
    """Laws refitted, each from the start `fit`, on `times` resamples of the points with replacement."""
    n, d, losses = _points(N, D, L)
    rng = np.random.default_rng(seed)
    start = _constants(fit.law)
    laws = []
    for _ in range(times):
        drawn = rng.integers(len(n), size=len(n))
        laws.append(_fit(n[drawn], d[drawn], losses[drawn], start, delta).law)
    return laws


def _points(N: ArrayLike, D: ArrayLike, L: ArrayLike) -> tuple[Array, Array, Array]:
    n, d, losses = (np.asarray(values, dtype=np.float64).ravel() for values in (N, D, L))
    if not len(n) == len(d) == len(losses) >= 5:
        raise ValueError("the law has 5 constants: give as many N, D and losses, 5 at least")
    whole = np.stack([n, d, losses])
    if not (np.isfinite(whole) & (whole > 0)).all():
        raise ValueError("parameters, tokens and losses must be finite and above 0")
    return n, d, losses


def _starts(n: Array, d: Array, losses: Array) -> Iterator[Array]:
    """Given E and the exponents the law is linear in A and B, which gives them."""
    for floor, alpha, beta in product(FLOORS, EXPONENTS, EXPONENTS):
        terms = np.stack([(n / n.mean()) ** -alpha, (d / d.mean()) ** -beta], axis=1)
        (a, b), _ = nnls(terms, losses - floor * losses.min())
        yield np.array(
            [
                np.log(max(a, _TINY)) + alpha * np.log(n.mean()),
                np.log(max(b, _TINY)) + beta * np.log(d.mean()),
                np.log(floor * losses.min()),
                alpha,
                beta,
            ]
        )


def _constants(law: ChinchillaLaw) -> Array:
    """log A, log B, log E, alpha, beta: what a fit moves."""
    return np.array([*np.log(np.maximum([law.A, law.B, law.E], _LEAST)), law.alpha, law.beta])


def _fit(n: Array, d: Array, losses: Array, start: Array, delta: float, steps: int = _POLISH) -> ChinchillaFit:
    log_n, log_d, log_l = np.log(n), np.log(d), np.log(losses)
    # About their means, or A and B move with their exponents and the search is slow.
    middle_n, middle_d = log_n.mean(), log_d.mean()
    log_n, log_d = log_n - middle_n, log_d - middle_d

    def objective(x: Array) -> tuple[float, Array]:
        a, b, e = x[:3]
        alpha, beta = _LARGEST_EXPONENT * expit(x[3:])
        terms = np.stack([a - alpha * log_n, b - beta * log_d, np.full_like(log_n, e)])
        log_sum = np.logaddexp.reduce(terms)
        residual = log_sum - log_l
        size = np.abs(residual)
        huber = np.where(size <= delta, residual**2 / 2, delta * (size - delta / 2))
        slope = np.clip(residual, -delta, delta) * np.exp(terms - log_sum)
        by_alpha, by_beta = -slope[0] @ log_n, -slope[1] @ log_d
        bend_alpha, bend_beta = (exponent * (1 - exponent / _LARGEST_EXPONENT) for exponent in (alpha, beta))
        gradient = [*slope.sum(axis=1), by_alpha * bend_alpha, by_beta * bend_beta]
        # In units of delta^2, so that tolerances mean the same for any delta.
        return float(huber.sum()) / delta**2, np.array(gradient) / delta**2

    a, b, e, alpha, beta = start
    bent = logit(np.clip([alpha, beta], _TINY, _LARGEST_EXPONENT - _TINY) / _LARGEST_EXPONENT)
    moved = np.array([a - alpha * middle_n, b - beta * middle_d, e, *bent])
    found = minimize(objective, moved, jac=True, method="BFGS", options={"gtol": 1e-4, "maxiter": steps})
    a, b, e = found.x[:3]
    alpha, beta = (_LARGEST_EXPONENT * expit(found.x[3:])).tolist()
    A, B, E = np.exp([a + alpha * middle_n, b + beta * middle_d, e]).tolist()
    return ChinchillaFit(ChinchillaLaw(E, A, alpha, B, beta), float(found.fun) * delta**2)
