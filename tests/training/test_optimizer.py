"""The schedule and the parameter groups are LLaMA's, and a step is AdamW's."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from curate.training.config import ModelConfig, Optimizer
from curate.training.model import Llama, initialize
from curate.training.optimizer import clip, gradient_norm, learning_rate, make_optimizer, set_rate

MODEL = ModelConfig(dim=16, layers=1, heads=2, kv_heads=1, ffn=24, vocab=31, context=8)


def test_the_rate_rises_over_2000_steps_and_falls_on_a_cosine_to_a_tenth():
    recipe = Optimizer(lr=3e-4)
    rates = [learning_rate(step, 100_000, recipe) for step in range(100_000)]
    assert rates[0] == pytest.approx(3e-4 / 2001)
    assert rates[1999] == pytest.approx(3e-4 * 2000 / 2001)
    assert rates[2000] == max(rates) == pytest.approx(3e-4)
    assert rates[-1] == min(rates[2000:]) == pytest.approx(3e-5)
    middle = (2000 + 99_999) // 2
    assert rates[middle] == pytest.approx((3e-4 + 3e-5) / 2, rel=1e-3)


@given(steps=st.integers(1, 300), warmup=st.integers(0, 400), least=st.floats(0, 1))
def test_the_rate_is_never_zero_or_above_the_peak_before_the_last_step(steps, warmup, least):
    recipe = Optimizer(lr=1.0, warmup=warmup, min_lr=least)
    rates = [learning_rate(step, steps, recipe) for step in range(steps)]
    assert all(0 < rate <= 1 for rate in rates[:-1])
    peak = rates.index(max(rates))
    assert rates[: peak + 1] == sorted(rates[: peak + 1])
    assert rates[peak:] == sorted(rates[peak:], reverse=True)


def test_norms_do_not_decay_and_everything_is_optimized():
    model = Llama(MODEL)
    groups = make_optimizer(model, Optimizer()).param_groups
    decay = {id(p): group["weight_decay"] for group in groups for p in group["params"]}
    assert {name for name, p in model.named_parameters() if decay[id(p)] == 0.0} == {
        name for name, _ in model.named_parameters() if name.endswith("norm.weight")
    }
    assert len(decay) == len(list(model.parameters()))
    assert all(group["betas"] == (0.9, 0.95) for group in groups)


def test_a_step_is_adamw_as_written_in_its_paper():
    torch.manual_seed(0)
    model = Llama(MODEL)
    initialize(model, 1)
    recipe = Optimizer(lr=0.01, weight_decay=0.1, clip=0.5)
    optimizer = make_optimizer(model, recipe)
    before = {name: p.detach().clone().double() for name, p in model.named_parameters()}
    tokens = torch.randint(0, 31, (2, 8))
    model(tokens, tokens).sum().backward()
    norm = gradient_norm(model.parameters(), None)
    plain = math.sqrt(sum(float(p.grad.double().square().sum()) for p in model.parameters() if p.grad is not None))
    assert float(norm) == pytest.approx(plain, rel=1e-5)
    scale = min(1.0, 0.5 / (plain + 1e-6))
    expected = {}
    for name, p in model.named_parameters():
        assert p.grad is not None
        grad = p.grad.double() * scale
        decayed = before[name] * (1 - 0.02 * (0.0 if p.ndim < 2 else 0.1))
        # After one step both moments, corrected for their start at 0, are the gradient and its square.
        expected[name] = decayed - 0.02 * grad / (grad.abs() + 1e-8)
    clip(model.parameters(), norm, recipe.clip)
    set_rate(optimizer, 0.02)
    optimizer.step()
    for name, p in model.named_parameters():
        torch.testing.assert_close(p.detach().double(), expected[name], rtol=1e-4, atol=2e-5)


def test_a_small_gradient_is_left_alone_and_a_large_one_cut_to_the_limit():
    weight = torch.nn.Parameter(torch.zeros(4, 4))
    for size, after in ((0.25, 0.25), (8.0, 1.0)):
        weight.grad = torch.full((4, 4), size / 4)
        clip([weight], gradient_norm([weight], None), 1.0)
        assert float(gradient_norm([weight], None)) == pytest.approx(after, rel=1e-5)
