"""The mixture law: known laws are found again, RegMix's runs are ranked, and proposals are minima within bounds."""

from __future__ import annotations

import csv
import os
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import spearmanr

from curate.training.mixture_law import (
    MixtureLaw,
    bootstrap_mixture,
    cross_validate,
    fit_linear,
    fit_mixture,
    project,
    propose,
    stack_laws,
)

ROOT = Path(__file__).resolve().parents[2]
PILE_CC = "metric/the_pile_pile_cc_val_loss"
"""The loss that RegMix (Liu et al. 2024) predicts: the published rank correlations are of this one."""


def regmix(name: str) -> tuple[np.ndarray, np.ndarray]:
    """Proportions [runs, 17], as they were rounded, divided by their sums; and the Pile-CC loss [runs]."""
    folder = Path(os.environ.get("CURATE_REAL_DATA", ROOT.parent / "shared" / "data")) / "gold/regmix"
    if not folder.is_dir():
        pytest.skip("RegMix's runs are not here: set CURATE_REAL_DATA to their folder")
    split, size = name.split("_")
    with (folder / f"{split}_mixture_{size}.csv").open() as file:
        mixtures = [[float(value) for key, value in row.items() if key != "index"] for row in csv.DictReader(file)]
    with (folder / f"{split}_pile_loss_{size}.csv").open() as file:
        losses = [float(row[PILE_CC]) for row in csv.DictReader(file)]
    mix = np.array(mixtures)
    return mix / mix.sum(axis=1, keepdims=True), np.array(losses)


def a_law(seed: int, sources: int = 5, targets: int = 3) -> MixtureLaw:
    rng = np.random.default_rng(seed)
    t = rng.normal(0, 1.2, (targets, sources))
    return MixtureLaw(rng.uniform(2, 3, targets), rng.normal(0, 0.3, targets), t - t.mean(axis=1, keepdims=True))


def mixtures(seed: int, runs: int, sources: int = 5) -> np.ndarray:
    return np.random.default_rng(seed).dirichlet(np.full(sources, 0.7), runs)


@pytest.mark.realdata
@pytest.mark.parametrize(("size", "published"), [("1m", 0.966), ("60m", 0.960), ("1B", 0.988)])
def test_regmix_runs_held_out_are_ranked_as_published(size: str, published: float) -> None:
    mix, losses = regmix("train_1m")
    assert mix.shape == (512, 17)
    held, measured = regmix(f"test_{size}")
    by_least_squares = fit_mixture(mix, losses, sigmas=np.inf).predict(held)[:, 0]
    assert spearmanr(by_least_squares, measured)[0] == pytest.approx(published, abs=5e-4)
    robust = fit_mixture(mix, losses).predict(held)[:, 0]
    assert spearmanr(robust, measured)[0] > published - 5e-4


@pytest.mark.realdata
@pytest.mark.parametrize(("size", "published"), [("1m", 0.90), ("60m", 0.89), ("1B", 0.88)])
def test_a_linear_fit_ranks_regmix_runs_less_well(size: str, published: float) -> None:
    linear = fit_linear(*regmix("train_1m"))
    held, measured = regmix(f"test_{size}")
    assert spearmanr(linear(held), measured)[0] == pytest.approx(published, abs=5e-3)


@settings(max_examples=10, deadline=None)
@given(seed=st.integers(0, 10_000))
def test_losses_of_a_law_give_that_law(seed: int) -> None:
    law, mix = a_law(seed), mixtures(seed, 60)
    found = fit_mixture(mix, law.predict(mix))
    assert found.predict(mix) == pytest.approx(law.predict(mix), abs=1e-6)
    assert found.t.sum(axis=1) == pytest.approx(0, abs=1e-9)


def test_a_diverged_run_hardly_moves_the_law() -> None:
    law, mix = a_law(1), mixtures(1, 60)
    losses = law.predict(mix) + np.random.default_rng(2).normal(0, 0.01, (60, 3))
    losses[3] += 3
    fresh = mixtures(3, 200)

    def error(found: MixtureLaw) -> float:
        return float(np.abs(found.predict(fresh) - law.predict(fresh)).mean())

    assert error(fit_mixture(mix, losses)) < 0.01
    assert error(fit_mixture(mix, losses, sigmas=np.inf)) > 0.03


def test_rows_are_proportions_whatever_they_sum_to() -> None:
    law, mix = a_law(4), mixtures(4, 30)
    losses = law.predict(mix)
    once, scaled = fit_mixture(mix, losses), fit_mixture(mix * np.arange(1, 31)[:, None], losses)
    assert scaled.predict(mix) == pytest.approx(once.predict(mix), abs=1e-9)


def test_with_few_runs_a_ridge_holds_effects_back() -> None:
    law, mix = a_law(5), mixtures(5, 5)
    losses = law.predict(mix)
    sizes = [float(np.abs(fit_mixture(mix, losses, ridge=ridge).t).max()) for ridge in (0.01, 1, 100, 1e4)]
    assert sizes == sorted(sizes, reverse=True)
    assert sizes[-1] < 0.01


def test_a_loss_that_no_source_moves_has_no_effects() -> None:
    found = fit_mixture(mixtures(6, 20), np.full(20, 3.0))
    assert np.abs(found.t).max() < 1e-6
    assert found.predict(np.full(5, 0.2)) == pytest.approx(3.0)


def test_cross_validation_predicts_each_run_without_it() -> None:
    law, mix = a_law(7), mixtures(7, 40)
    losses = law.predict(mix)

    def fit(some: np.ndarray, of: np.ndarray):  # type: ignore[no-untyped-def]
        assert len(some) == 36
        return fit_mixture(some, of).predict

    assert cross_validate(mix, losses, fit) == pytest.approx(losses, abs=1e-5)
    # A run that is unlike the law is seen as an error of its own size.
    losses[11] += 1
    error = losses - cross_validate(mix, losses, lambda some, of: fit_mixture(some, of).predict)
    assert error[11] == pytest.approx(1, abs=0.05)


def test_the_bootstrap_is_the_same_for_a_seed_and_wider_for_noisier_runs() -> None:
    law, mix = a_law(8), mixtures(8, 40)

    def spread(noise: float) -> float:
        losses = law.predict(mix) + np.random.default_rng(9).normal(0, noise, (40, 3))
        fit = fit_mixture(mix, losses)
        laws, seen = bootstrap_mixture(mix, losses, fit, times=15, seed=1)
        again, _ = bootstrap_mixture(mix, losses, fit, times=15, seed=1)
        assert 0.5 < seen.mean() < 0.75  # 1 - 1/e of the runs
        assert np.array_equal(stack_laws(laws).t, stack_laws(again).t)
        return float(np.std([each.predict(np.full(5, 0.2)) for each in laws], axis=0).mean())

    assert spread(0.05) > 2 * spread(0.005) > 0


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 10_000), cap=st.floats(0.21, 1.0), floor=st.floats(0, 0.15))
def test_no_proportions_within_the_bounds_beat_the_proposal(seed: int, cap: float, floor: float) -> None:
    law = a_law(seed)
    rng = np.random.default_rng(seed)
    weights = rng.dirichlet(np.ones(3))
    upper, lower = np.full(5, cap), np.full(5, floor)
    best = propose(law, weights, upper, lower, prior=rng.dirichlet(np.ones(5)))
    assert best.sum() == pytest.approx(1, abs=1e-9)
    assert (best <= upper + 1e-12).all()
    assert (best >= lower - 1e-12).all()
    # The loss is convex, so it lies above its tangent: this bounds what any other point could gain.
    slope = (weights * (law.predict(best) - law.c)) @ law.t
    corner, left = lower.copy(), 1 - lower.sum()
    for source in np.argsort(slope):
        step = min(upper[source] - lower[source], left)
        corner[source] += step
        left -= step
    assert slope @ (best - corner) < 1e-4


def test_the_only_source_of_the_target_is_taken_to_its_bound() -> None:
    law = MixtureLaw(np.array([2.0, 2.0]), np.zeros(2), np.array([[-1.0, 1.0, 0.0], [1.0, -1.0, 0.0]]))
    assert propose(law, [1, 0]) == pytest.approx([1, 0, 0], abs=1e-6)
    assert propose(law, [0, 1], upper=[1, 0.25, 1]) == pytest.approx([0, 0.25, 0.75], abs=1e-6)
    balanced = propose(law, [1, 1], lower=[0.4, 0, 0])
    assert balanced[0] == pytest.approx(balanced[1], abs=1e-3)


def test_an_ensemble_is_a_law_of_the_mean_loss() -> None:
    laws = [a_law(seed) for seed in range(4)]
    mix = mixtures(1, 7)
    mean = np.mean([law.predict(mix) for law in laws], axis=0)
    assert stack_laws(laws).predict(mix).reshape(7, 4, 3).mean(axis=1) == pytest.approx(mean)


@given(
    st.lists(st.floats(-10, 10), min_size=2, max_size=8),
    st.floats(0, 1),
)
def test_a_projection_sums_to_one_within_bounds(point: list[float], tightness: float) -> None:
    size = len(point)
    upper = np.full(size, 1 / size + tightness * (1 - 1 / size))
    found = project(np.array(point), np.zeros(size), upper)
    assert found.sum() == pytest.approx(1, abs=1e-9)
    assert (found >= 0).all()
    assert (found <= upper).all()


def test_a_point_inside_the_bounds_is_its_own_projection() -> None:
    inside = np.array([0.2, 0.5, 0.3])
    assert project(inside, np.zeros(3), np.ones(3)) == pytest.approx(inside)


def test_bounds_that_leave_nothing_are_refused() -> None:
    law = a_law(1)
    with pytest.raises(ValueError, match="within these bounds"):
        propose(law, [1, 1, 1], upper=np.full(5, 0.19))
    with pytest.raises(ValueError, match="within these bounds"):
        propose(law, [1, 1, 1], lower=np.full(5, 0.21))
    with pytest.raises(ValueError, match="target weights"):
        propose(law, [0, 0, 0])
    with pytest.raises(ValueError, match="target weights"):
        propose(law, [1, 1, -1])


@pytest.mark.parametrize("bad", [float("nan"), float("inf")])
def test_runs_without_a_finite_loss_are_refused(bad: float) -> None:
    with pytest.raises(ValueError, match="finite"):
        fit_mixture(mixtures(1, 4), [1, 2, 3, bad])
    with pytest.raises(ValueError, match="3 at least"):
        fit_mixture(mixtures(1, 2), [1, 2])
