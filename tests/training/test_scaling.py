"""Chinchilla's law: known constants are found again, and the published points give the published fit."""

from __future__ import annotations

import csv
import os
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from curate.training.scaling import ChinchillaLaw, bootstrap_chinchilla, fit_chinchilla

ROOT = Path(__file__).resolve().parents[2]
HOFFMANN = ChinchillaLaw(E=1.69, A=406.4, alpha=0.34, B=410.7, beta=0.28)
"""Hoffmann et al. 2022, equation 10."""
GOPHER_FLOPS = 5.76e23


@pytest.fixture(scope="module")
def points() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Parameters, tokens and losses that Epoch read off figure 4 of Hoffmann et al., by tokens per parameter."""
    path = Path(os.environ.get("CURATE_REAL_DATA", ROOT.parent / "shared" / "data")) / "gold/chinchilla/points.csv"
    if not path.is_file():
        pytest.skip("the points of Chinchilla's figure 4 are not here: set CURATE_REAL_DATA to their folder")
    with path.open() as file:
        rows = list(csv.DictReader(file))
    n = np.array([float(row["Model Size"]) for row in rows])
    d = np.array([float(row["Training FLOP"]) for row in rows]) / (6 * n)
    losses = np.array([float(row["loss"]) for row in rows])
    order = np.argsort(d / n)
    return n[order], d[order], losses[order]


def grid(seed: int, count: int = 60) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    return 10 ** rng.uniform(7, 10, count), 10 ** rng.uniform(8.5, 11, count)


@pytest.mark.realdata
def test_the_published_points_give_the_published_fit(points: tuple[np.ndarray, ...]) -> None:
    n, d, losses = (values[5:] for values in points)
    assert len(n) == 240
    fit = fit_chinchilla(n, d, losses)
    assert fit.objective == pytest.approx(0.00101827, abs=5e-9)
    assert abs(fit.law.E - 1.817) < 5e-4
    assert fit.law.alpha == pytest.approx(0.347, abs=5e-4)
    assert fit.law.beta == pytest.approx(0.367, abs=5e-4)


@pytest.mark.realdata
def test_the_published_points_put_gophers_budget_at_72b_parameters(points: tuple[np.ndarray, ...]) -> None:
    fit = fit_chinchilla(*(values[5:] for values in points))
    parameters, tokens = fit.law.optimum(GOPHER_FLOPS)
    assert parameters == pytest.approx(72e9, rel=0.02)
    assert tokens == pytest.approx(1.33e12, rel=0.02)
    laws = bootstrap_chinchilla(*(values[5:] for values in points), fit, times=40, seed=0)
    low, high = np.quantile([law.optimum(GOPHER_FLOPS)[0] for law in laws], [0.05, 0.95])
    assert low < 72e9 < high
    assert high / low < 3


@pytest.mark.realdata
def test_the_five_points_of_fewest_tokens_per_parameter_raise_beta(points: tuple[np.ndarray, ...]) -> None:
    assert fit_chinchilla(*points).law.beta == pytest.approx(0.453, abs=5e-4)


def test_losses_of_a_law_give_that_law() -> None:
    n, d = grid(1)
    fit = fit_chinchilla(n, d, HOFFMANN.loss(n, d))
    assert abs(fit.law.E - HOFFMANN.E) < 1e-5
    assert (fit.law.alpha, fit.law.beta) == pytest.approx((0.34, 0.28), rel=1e-4)
    assert fit.objective < 1e-18


@settings(max_examples=8, deadline=None)
@given(
    E=st.floats(1, 3),
    share=st.floats(0.1, 0.9),
    alpha=st.floats(0.25, 0.6),
    beta=st.floats(0.25, 0.6),
    seed=st.integers(0, 99),
)
def test_predictions_reach_a_thousand_times_the_flops_for_any_law(
    E: float, share: float, alpha: float, beta: float, seed: int
) -> None:
    law = ChinchillaLaw(E, share * 3e8**alpha, alpha, (1 - share) * 3e9**beta, beta)
    n, d = grid(seed)
    found = fit_chinchilla(n, d, law.loss(n, d)).law
    assert found.loss(1e11, 3e12) == pytest.approx(float(law.loss(1e11, 3e12)), rel=1e-3)


def test_runs_that_diverged_hardly_move_the_law() -> None:
    n, d = grid(2)
    losses = HOFFMANN.loss(n, d)
    losses[:4] *= 1.5
    found = fit_chinchilla(n, d, losses).law
    assert found.loss(7e10, 1.4e12) == pytest.approx(float(HOFFMANN.loss(7e10, 1.4e12)), rel=5e-3)


@given(flops=st.floats(1e15, 1e27))
def test_no_other_model_of_the_same_flops_is_better_than_the_optimum(flops: float) -> None:
    parameters, tokens = HOFFMANN.optimum(flops)
    assert 6 * parameters * tokens == pytest.approx(flops)
    best = HOFFMANN.loss(parameters, tokens)
    for factor in (0.8, 0.99, 1.01, 1.25):
        assert HOFFMANN.loss(parameters * factor, tokens / factor) > best
    assert HOFFMANN.parameters_for(tokens) == pytest.approx(parameters)


def test_a_law_that_does_not_fall_with_tokens_has_no_optimum() -> None:
    with pytest.raises(ValueError, match="no optimum"):
        ChinchillaLaw(1.7, 400, 0.34, 410, -0.1).optimum(1e20)


def test_the_bootstrap_is_the_same_for_a_seed_and_covers_the_truth() -> None:
    n, d = grid(3)
    losses = HOFFMANN.loss(n, d) * np.exp(np.random.default_rng(4).normal(0, 0.002, len(n)))
    fit = fit_chinchilla(n, d, losses)
    laws = bootstrap_chinchilla(n, d, losses, fit, times=40, seed=5)
    assert laws == bootstrap_chinchilla(n, d, losses, fit, times=40, seed=5)
    predictions = [float(law.loss(1e10, 2e11)) for law in laws]
    assert min(predictions) < float(HOFFMANN.loss(1e10, 2e11)) < max(predictions)


@pytest.mark.parametrize(
    "losses", [[3, 3, 3, 3], [3, 3, 3, 3, float("nan")], [3, 3, 3, 3, float("inf")], [3, 3, 3, 3, 0]]
)
def test_too_few_or_impossible_points_are_refused(losses: list[float]) -> None:
    with pytest.raises(ValueError, match="5"):
        fit_chinchilla([1e6] * 4, [1e8] * 4, [3] * 4)
    with pytest.raises(ValueError, match=r"5|finite"):
        fit_chinchilla([1e6] * 5, [1e8] * 5, losses)
