"""What proxies say about a mix: both laws with their uncertainty and held-out error, and proportions.

The proposal minimises the mean loss of an ensemble of mixture laws refitted on resampled runs, so that a mix whose loss
is uncertain is avoided. All intervals are 5 % to 95 % of the ensemble. Losses are in nats per token.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.stats import spearmanr  # type: ignore[import-untyped]

from curate.errors import UserError
from curate.training.mix_scaling import BOOTSTRAPS, INTERVAL, band, rounded, scaling_of
from curate.training.mixture_law import (
    Array,
    bootstrap_mixture,
    cross_validate,
    fit_linear,
    fit_mixture,
    propose,
    stack_laws,
)
from curate.training.proxies import Proxy, Results, in_units
from curate.training.question import Question

RIDGES = (0.0, 1e-3, 1e-2, 1e-1, 1.0)
"""Tried in cross-validation: the fewer the runs, the more helps."""


def analyse(
    question: Question, tried: Sequence[Proxy], grid: Sequence[Proxy], results: Results, seed: int
) -> dict[str, Any]:
    """Fit both laws to the results of `tried` and `grid`, and propose: the content of mix.json but its `check`.

    target: weights, summing to one. proportions: the proposal, within `bounds`; proportions_interval: of each law's own
    minimum. predicted: at the proposal. law: the one fitted to all runs. held_out: of runs the law did not see, beside
    a linear fit. runs: measured and held-out predicted target loss, and the interval of the laws that did not see it.
    UserError where too few proxies gave losses.
    """
    names = question.names
    measured = [results.read(proxy) or {} for proxy in tried]
    seen = {name for losses in measured for name in losses}
    missing = sorted(name for name, weight in question.target.items() if weight and name not in seen)
    if missing:
        raise UserError(f"{', '.join(missing)}: no held-out loss; take the source out of --target or hold out more")
    whole = [place for place, losses in enumerate(measured) if losses and seen <= losses.keys()]
    if len(whole) < len(names) + 2:
        raise UserError(f"{len(whole)} of {len(tried)} proxies gave a loss: too few to fit; lower optimizer.lr")
    targets = sorted(seen)
    mix = np.array([[tried[place].weights[name] for name in names] for place in whole])
    losses = np.array([[measured[place][name] for name in targets] for place in whole])
    weights = np.array([question.target.get(name, 0.0) for name in targets])
    weights = weights / weights.sum()

    ridge, predicted = _best_ridge(mix, losses)
    law = fit_mixture(mix, losses, ridge=ridge)
    ensemble, drawn = bootstrap_mixture(mix, losses, law, BOOTSTRAPS, seed, ridge=ridge)
    lower = np.full(len(names), question.least_share)
    start, upper = question.shares, question.upper
    best = propose(stack_laws(ensemble), np.tile(weights, BOOTSTRAPS), upper, lower, start)
    each = np.array([propose(one, weights, upper, lower, best) for one in ensemble])
    linear = cross_validate(mix, losses, fit_linear)

    def by_source(values: Any, labels: Sequence[str]) -> dict[str, Any]:
        return dict(zip(labels, values, strict=True))

    def losses_at(point: Array) -> dict[str, Any]:
        found = np.array([one.predict(point) for one in ensemble])
        return {
            "target": _interval(found @ weights),
            "by_source": by_source(map(_interval, found.T), targets),
        }

    return {
        "format": "mix/v1",
        "sources": by_source([question.tokens[name] for name in names], names),
        "budget": question.budget,
        "max_epochs": question.max_epochs,
        "least_share": question.least_share,
        "target": by_source(_all(weights), targets),
        "seed": seed,
        "proxy": {
            "parameters": tried[0].model.parameters,
            "steps": tried[0].steps,
            "model": tried[0].model.model_dump(mode="json"),
        },
        "proportions": by_source(_all(best), names),
        "proportions_interval": by_source([_all(np.quantile(each[:, i], INTERVAL)) for i in range(len(names))], names),
        "epochs": by_source(_all(best * question.budget / question.counts), names),
        "bounds": by_source(_all(upper), names),
        "tokens_shares": by_source(_all(start), names),
        "predicted": losses_at(best),
        "predicted_at_tokens_shares": losses_at(start),
        "law": {
            "ridge": ridge,
            "c": by_source(_all(law.c), targets),
            "k": by_source(_all(law.k), targets),
            "t": by_source([by_source(_all(row), names) for row in law.t], targets),
        },
        "held_out": {
            "target": _agreement(predicted @ weights, linear @ weights, losses @ weights),
            "by_source": by_source(map(_agreement, predicted.T, linear.T, losses.T), targets),
        },
        "runs": [
            {
                "weights": tried[place].weights,
                "losses": by_source(_all(losses[row]), targets),
                "target": rounded(float(losses[row] @ weights)),
                "predicted": rounded(float(predicted[row] @ weights)),
                **_unseen(np.array([one.predict(mix[row]) @ weights for one in ensemble]), drawn[:, row]),
            }
            for row, place in enumerate(whole)
        ],
        "diverged": len(tried) - len(whole),
        "scaling": scaling_of(grid, results, by_source(weights, targets), question.budget, seed) if grid else None,
    }


def _best_ridge(mix: Array, losses: Array) -> tuple[float, Array]:
    """The ridge of least held-out error, in units of each loss's variance, and its held-out predictions."""
    spread = np.maximum(losses.var(axis=0), 1e-12)

    def errors(ridge: float) -> tuple[float, float, Array]:
        predicted = cross_validate(mix, losses, lambda some, of: fit_mixture(some, of, starts=2, ridge=ridge).predict)
        return float(((predicted - losses) ** 2 / spread).mean()), ridge, predicted

    tried = [errors(ridge) for ridge in RIDGES]
    _, ridge, predicted = min(tried, key=lambda each: each[:2])
    return ridge, predicted


def checked(
    record: Mapping[str, Any], at_shares: Mapping[str, float], losses: Mapping[str, float]
) -> dict[str, Any] | None:
    """The proxy trained on the proposal beside what the law said, and beside the tokens' own shares."""
    weights = {name: weight for name, weight in record["target"].items() if weight}
    if not all(name in losses and name in at_shares for name in weights):
        return None
    measured = sum(weight * losses[name] for name, weight in weights.items())
    before = sum(weight * at_shares[name] for name, weight in weights.items())
    return {
        "weights": in_units(record["proportions"]),
        "losses": {name: rounded(loss) for name, loss in losses.items()},
        "target": rounded(measured),
        "predicted": record["predicted"]["target"],
        "at_tokens_shares": rounded(before),
        "gain": rounded(before - measured),
    }


def _unseen(values: Array, drawn: NDArray[np.bool_]) -> dict[str, float]:
    """The interval of the laws that did not see a run."""
    return band(values[~drawn] if not drawn.all() else values)


def _agreement(predicted: Array, linear: Array, measured: Array) -> dict[str, float | None]:
    """Of predictions of runs that the law did not see: root mean square error in nats, and rank correlation."""
    return {
        "error": rounded(float(np.sqrt(((predicted - measured) ** 2).mean()))),
        "spearman": _spearman(predicted, measured),
        "linear_error": rounded(float(np.sqrt(((linear - measured) ** 2).mean()))),
        "linear_spearman": _spearman(linear, measured),
    }


def _spearman(predicted: Array, measured: Array) -> float | None:
    """None where one of them does not vary."""
    if np.ptp(predicted) < 1e-9 or np.ptp(measured) < 1e-9:
        return None
    return rounded(float(spearmanr(predicted, measured)[0]))


def _interval(values: Array) -> dict[str, float]:
    return {"loss": rounded(float(np.median(values))), **band(values)}


def _all(values: Any) -> list[float]:
    return [rounded(float(value)) for value in values]
