"""The data mixing law: the loss on each target from the proportions of the sources.

L_k(r) = c_k + exp(t_k . r + k_k), r on the simplex (Ye et al. 2024, Data Mixing Laws, who write exp(k_k) as k). Since
proportions sum to one, a shift of all t is a change of k: here each t_k sums to zero. Fitted by Huber's loss from
several starts. A fit of 512 runs over 17 sources takes about 50 ms a target.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.optimize import least_squares, minimize  # type: ignore[import-untyped]

Array = NDArray[np.float64]

ROBUST_SIGMAS = 3.0
"""Residuals past this many standard deviations (from their median deviation) count linearly."""
_SIGMA_PER_MEDIAN_DEVIATION = 1.4826
_FIRST_DELTA = 0.1
"""Of the spread of the losses: where Huber's loss turns linear before that of the residuals is known."""
_LARGEST_EXPONENT = 30.0


@dataclass(frozen=True, slots=True)
class MixtureLaw:
    """c, k: [targets]; t: [targets, sources]. Losses in nats a token."""

    c: Array
    k: Array
    t: Array

    def predict(self, proportions: ArrayLike) -> Array:
        """Losses [..., targets] of proportions [..., sources]."""
        exponent = np.asarray(proportions, dtype=np.float64) @ self.t.T + self.k
        return np.asarray(self.c + np.exp(np.minimum(exponent, _LARGEST_EXPONENT)))


def stack_laws(laws: Sequence[MixtureLaw]) -> MixtureLaw:
    """One law of all targets of all laws, in order: the mean over an ensemble is a target weight on each."""
    return MixtureLaw(*(np.concatenate([getattr(law, name) for law in laws]) for name in ("c", "k", "t")))


def fit_mixture(
    proportions: ArrayLike,
    losses: ArrayLike,
    *,
    starts: int = 5,
    sigmas: float = ROBUST_SIGMAS,
    ridge: float = 0.0,
    near: MixtureLaw | None = None,
) -> MixtureLaw:
    """The law that fits runs.

    proportions: [runs, sources], rows are divided by their sums; losses: [runs] or [runs, targets].
    sigmas: where Huber's loss turns linear; infinity for least squares. ridge: weight of |t|^2, in units of the
    losses' variance: with few runs it holds back effects that they do not show. near: start from this law only.
    ValueError for fewer than 3 runs or values that are not finite.
    """
    mix, measured = _runs(proportions, losses)
    return stack_laws(
        [
            _fit_target(
                mix, measured[:, k], starts, sigmas, ridge, None if near is None else np.r_[near.c[k], _free(near, k)]
            )
            for k in range(measured.shape[1])
        ]
    )


def bootstrap_mixture(
    proportions: ArrayLike, losses: ArrayLike, law: MixtureLaw, times: int, seed: int, *, ridge: float = 0.0
) -> tuple[list[MixtureLaw], NDArray[np.bool_]]:
    """Laws refitted, each from `law`, on `times` resamples of the runs with replacement.

    Also which runs each law saw, [times, runs]: the others test it.
    """
    mix, measured = _runs(proportions, losses)
    rng = np.random.default_rng(seed)
    laws, seen = [], np.zeros((times, len(mix)), dtype=np.bool_)
    for number in range(times):
        drawn = rng.integers(len(mix), size=len(mix))
        seen[number, drawn] = True
        laws.append(fit_mixture(mix[drawn], measured[drawn], ridge=ridge, near=law))
    return laws, seen


def cross_validate(
    proportions: ArrayLike, losses: ArrayLike, fit: Callable[[Array, Array], Callable[[Array], Array]], folds: int = 10
) -> Array:
    """Losses [runs, targets] predicted for each run by a law that did not see it. Run i is in fold i mod folds."""
    mix, measured = _runs(proportions, losses)
    predicted = np.empty_like(measured)
    fold = np.arange(len(mix)) % folds
    for held in range(min(folds, len(mix))):
        out = fold == held
        predicted[out] = fit(mix[~out], measured[~out])(mix[out])
    return predicted


def fit_linear(proportions: Array, losses: Array) -> Callable[[Array], Array]:
    """The baseline: losses linear in proportions, by least squares."""
    weights = np.linalg.lstsq(proportions, losses, rcond=None)[0]
    return lambda mix: np.asarray(mix @ weights)


def propose(
    law: MixtureLaw,
    target: ArrayLike,
    upper: ArrayLike | None = None,
    lower: ArrayLike | None = None,
    prior: ArrayLike | None = None,
) -> Array:
    """Proportions [sources] of the least predicted loss, weighed over targets by `target` [targets].

    upper, lower: bounds for each source; prior: where the search starts (the minimum does not depend on it, as the
    loss is convex in the proportions). ValueError when the bounds leave no proportions, or a weight is negative.
    """
    sources = law.t.shape[1]
    weights = np.asarray(target, dtype=np.float64)
    if (weights < 0).any() or not weights.sum() > 0:
        raise ValueError("target weights must be 0 or more, and not all 0")
    weights = weights / weights.sum()
    low = np.zeros(sources) if lower is None else np.maximum(np.asarray(lower, dtype=np.float64), 0)
    high = np.ones(sources) if upper is None else np.minimum(np.asarray(upper, dtype=np.float64), 1)
    if (low > high).any() or low.sum() > 1 + 1e-9 or high.sum() < 1 - 1e-9:
        raise ValueError("no proportions lie within these bounds and sum to one")

    def loss(mix: Array) -> tuple[float, Array]:
        slope = weights * (law.predict(mix) - law.c)
        return float(slope.sum()), slope @ law.t

    start = project(np.full(sources, 1 / sources) if prior is None else np.asarray(prior, dtype=np.float64), low, high)
    found = minimize(
        loss, start, jac=True, method="SLSQP", bounds=list(zip(low, high, strict=True)),
        constraints={"type": "eq", "fun": lambda mix: mix.sum() - 1, "jac": lambda mix: np.ones(sources)},
        options={"ftol": 1e-12, "maxiter": 1000},
    )  # fmt: skip
    best = project(found.x, low, high)
    return best if loss(best)[0] <= loss(start)[0] else start


def project(point: Array, lower: Array, upper: Array) -> Array:
    """The nearest point that sums to one with lower <= point <= upper, which must exist: clip(point - shift)."""
    left, right = float((point - upper).min()) - 1, float((point - lower).max()) + 1
    for _ in range(100):
        shift = (left + right) / 2
        left, right = (shift, right) if np.clip(point - shift, lower, upper).sum() > 1 else (left, shift)
    return np.asarray(np.clip(point - (left + right) / 2, lower, upper))


def _runs(proportions: ArrayLike, losses: ArrayLike) -> tuple[Array, Array]:
    mix, measured = np.asarray(proportions, dtype=np.float64), np.asarray(losses, dtype=np.float64)
    measured = measured[:, None] if measured.ndim == 1 else measured
    if mix.ndim != 2 or len(mix) != len(measured) or len(mix) < 3:
        raise ValueError("give proportions [runs, sources] and losses of the same runs, 3 at least")
    if not (
        np.isfinite(mix).all() and np.isfinite(measured).all() and (mix >= 0).all() and (mix.sum(axis=1) > 0).all()
    ):
        raise ValueError("proportions must be 0 or more and sum above 0, and losses finite")
    return mix / mix.sum(axis=1, keepdims=True), measured


def _free(law: MixtureLaw, target: int) -> Array:
    """k and t as the m numbers that a fit moves: on the simplex t . r + k = (t + k) . r."""
    return np.asarray(law.t[target] + law.k[target])


def _fit_target(mix: Array, losses: Array, starts: int, sigmas: float, ridge: float, near: Array | None) -> MixtureLaw:
    runs, sources = mix.shape
    scale = float(losses.std()) or 1.0
    penalty = np.sqrt(ridge) * scale * (np.eye(sources) - 1 / sources)

    def residuals(x: Array) -> Array:
        effect = np.exp(np.minimum(mix @ x[1:], _LARGEST_EXPONENT))
        return np.asarray(np.concatenate([x[0] + effect - losses, penalty @ x[1:]]))

    def jacobian(x: Array) -> Array:
        effect = np.exp(np.minimum(mix @ x[1:], _LARGEST_EXPONENT))
        rows = np.concatenate([np.ones((runs, 1)), mix * effect[:, None]], axis=1)
        return np.asarray(np.concatenate([rows, np.concatenate([np.zeros((sources, 1)), penalty], axis=1)]))

    def solve(start: Array, delta: float) -> tuple[float, Array]:
        def huber(squares: Array) -> Array:
            rho = np.stack([squares, np.ones_like(squares), np.zeros_like(squares)])
            far = np.flatnonzero(squares[:runs] > 1)
            root = np.sqrt(squares[far])
            rho[:, far] = 2 * root - 1, 1 / root, -0.5 / root**3
            return rho

        plain = not 0 < delta < np.inf
        found = least_squares(
            residuals, start, jac=jacobian, bounds=([0.0] + [-np.inf] * sources, np.inf), max_nfev=500, x_scale="jac",
            loss="linear" if plain else huber, f_scale=1.0 if plain else delta,
        )  # fmt: skip
        return float(found.cost), found.x

    # Where c is known the law is linear in the log of what is above it.
    guesses = [near] if near is not None else []
    for share in np.linspace(0.3, 0.97, starts) if near is None else ():
        c = share * losses.min()
        above = np.log(np.maximum(losses - c, 1e-3 * scale))
        guesses.append(np.r_[c, np.linalg.lstsq(mix, above, rcond=None)[0]])
    # Narrow first: from a wide start one diverged run is a spike that the exponential follows.
    delta = _FIRST_DELTA * _spread(losses) if np.isfinite(sigmas) else np.inf
    _, best = min((solve(np.maximum(guess, _floor(guess)), delta) for guess in guesses), key=lambda found: found[0])
    if np.isfinite(sigmas):
        spread = _spread(residuals(best)[:runs])
        if spread > 1e-9 * scale:  # else the law fits as it is
            _, best = solve(best, sigmas * spread)
    k = float(best[1:].mean())
    return MixtureLaw(np.array([best[0]]), np.array([k]), best[None, 1:] - k)


def _spread(values: Array) -> float:
    """Standard deviation, estimated from the median deviation: blind to a few far values."""
    return _SIGMA_PER_MEDIAN_DEVIATION * float(np.median(np.abs(values - np.median(values))))


def _floor(guess: Array) -> Array:
    """c stays inside its bound, as the solver wants its start strictly feasible."""
    return np.concatenate([[1e-9], np.full(len(guess) - 1, -np.inf)])
