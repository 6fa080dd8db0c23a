"""Chinchilla's law of a grid of proxies: its constants, a band around it, and the model a budget is optimal for."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from curate.training.mixture_law import Array
from curate.training.proxies import Proxy, Results
from curate.training.scaling import ChinchillaLaw, bootstrap_chinchilla, fit_chinchilla

INTERVAL = (0.05, 0.95)
BOOTSTRAPS = 100
_REACH = 10.0
"""The band goes to so many times the tokens of the longest proxy."""
_TELLING = 10.0
"""Most that the ends of an interval of the optimal size may be apart, as a ratio."""


def scaling_of(
    grid: Sequence[Proxy], results: Results, weights: Mapping[str, float], budget: int, seed: int
) -> dict[str, Any]:
    """Chinchilla's law of the loss weighed over sources; N counts embeddings. Its parts are None where it has none.

    extrapolation: the budget over the tokens of the longest proxy; the law is trusted less, the larger it is.
    """
    a_step = results.config.batch_sequences * results.config.sequence
    points = []
    for proxy in grid:
        losses = results.read(proxy) or {}
        if all(name in losses for name, weight in weights.items() if weight):
            loss = sum(weight * losses[name] for name, weight in weights.items() if weight)
            points.append((proxy.model.parameters, proxy.steps * a_step, loss))
    found: dict[str, Any] = {
        "points": [{"parameters": n, "tokens": d, "loss": rounded(loss)} for n, d, loss in points],
        "law": None,
    }
    if len(points) < 5:
        return found
    n, d, measured = np.array(points, dtype=np.float64).T
    fit = fit_chinchilla(n, d, measured)
    law, ensemble = fit.law, bootstrap_chinchilla(n, d, measured, fit, BOOTSTRAPS, seed)
    constants = {name: float(f"{getattr(law, name):.6g}") for name in ("E", "A", "alpha", "B", "beta")}
    if not all(math.isfinite(value) for value in constants.values()):
        return found
    tokens = np.geomspace(d.min(), _REACH * d.max(), 25).round()
    return found | {
        "law": constants,
        "objective": float(f"{fit.objective:.6g}"),
        "error": rounded(float(np.sqrt(((law.loss(n, d) - measured) ** 2).mean()))),
        "curves": [
            {"parameters": size, "tokens": int(count), "loss": rounded(float(law.loss(size, count)))}
            | band([float(one.loss(size, count)) for one in ensemble])
            for size in np.unique(n).astype(int).tolist()
            for count in tokens
        ],
        "extrapolation": rounded(budget / float(d.max())),
        "optimum": _optimum(law, ensemble, budget),
    }


def _optimum(law: ChinchillaLaw, ensemble: Sequence[ChinchillaLaw], budget: int) -> dict[str, Any] | None:
    """The model that the budget is optimal for; None when the points do not tell its size to within a factor of 10."""
    best = _parameters(law, budget)
    low, high = np.quantile([_parameters(one, budget) for one in ensemble], INTERVAL, method="nearest")
    if not 1 <= best < math.inf or max(high, best) > _TELLING * min(low, best):
        return None
    return {
        "parameters": round(best),
        "low": round(low),
        "high": round(high),
        "loss": rounded(float(law.loss(best, budget))),
    }


def _parameters(law: ChinchillaLaw, budget: int) -> float:
    try:
        return law.parameters_for(budget)
    except ValueError:
        return math.inf


def band(values: Array | Sequence[float]) -> dict[str, float]:
    """The interval of an ensemble's losses; a law without bound is at most 1e9."""
    low, high = np.quantile(np.nan_to_num(values, nan=1e9, posinf=1e9), INTERVAL)
    return {"low": rounded(float(low)), "high": rounded(float(high))}


def rounded(value: float) -> float:
    """Six digits after the point: what is below is noise, and differs between machines."""
    return round(value, 6)
