"""The loss worked out a few rows at a time is torch's own, and so are both of its gradients."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from curate.training import cross_entropy
from curate.training.cross_entropy import IGNORED, linear_cross_entropy


def both(
    hidden: Tensor, weight: Tensor, targets: Tensor, scale: float = 1.0
) -> tuple[tuple[Tensor, Tensor, Tensor], tuple[Tensor, Tensor, Tensor]]:
    """(loss, gradient of hidden, gradient of weight) by ours and by torch in double precision."""
    results = []
    for dtype in (hidden.dtype, torch.float64):
        h, w = (x.detach().clone().to(dtype).requires_grad_() for x in (hidden, weight))
        if dtype == torch.float64:
            loss = F.cross_entropy(h @ w.t(), targets, ignore_index=IGNORED, reduction="sum")
        else:
            loss = linear_cross_entropy(h, w, targets)
        (loss * scale).backward()
        assert h.grad is not None
        assert w.grad is not None
        results.append((loss.detach(), h.grad, w.grad))
    return results[0], results[1]


@settings(deadline=None)
@given(
    rows=st.integers(1, 70),
    pieces=st.integers(2, 40),
    chunk=st.sampled_from([1, 16 * 7, 40 * 17, 1 << 21]),
    scale=st.sampled_from([1.0, 0.25]),
    ignored=st.floats(0, 1),
    seed=st.integers(0, 1000),
)
def test_value_and_gradients_are_those_of_torch(
    rows: int, pieces: int, chunk: int, scale: float, ignored: float, seed: int
) -> None:
    generator = torch.Generator().manual_seed(seed)
    hidden, weight = torch.randn(rows, 12, generator=generator), torch.randn(pieces, 12, generator=generator)
    targets = torch.randint(0, pieces, (rows,), generator=generator)
    targets[torch.rand(rows, generator=generator) < ignored] = IGNORED
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(cross_entropy.CHUNK, "cpu", chunk)
        ours, expected = both(hidden, weight, targets, scale)
    for mine, theirs in zip(ours, expected, strict=True):
        torch.testing.assert_close(mine.double(), theirs, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("rows", [15, 16, 17, 31, 32, 33])
def test_rows_on_either_side_of_a_chunk_count_once(rows: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(cross_entropy.CHUNK, "cpu", 1)  # sixteen rows at a time, the least
    ours, expected = both(torch.randn(rows, 8), torch.randn(20, 8), torch.randint(0, 20, (rows,)))
    for mine, theirs in zip(ours, expected, strict=True):
        torch.testing.assert_close(mine.double(), theirs, rtol=1e-4, atol=1e-4)


def test_all_ignored_is_a_loss_of_nothing_and_no_gradient() -> None:
    (loss, hidden, weight), _ = both(torch.randn(20, 8), torch.randn(11, 8), torch.full((20,), IGNORED))
    assert loss == 0
    assert not hidden.any()
    assert not weight.any()


def test_no_rows_are_a_loss_of_nothing() -> None:
    weight = torch.randn(11, 8, requires_grad=True)
    loss = linear_cross_entropy(torch.randn(0, 8, requires_grad=True), weight, torch.zeros(0, dtype=torch.int64))
    loss.backward()
    assert loss == 0
    assert weight.grad is not None
    assert not weight.grad.any()


def test_in_bf16_the_loss_is_fp32_and_gradients_are_as_near_as_bf16_allows() -> None:
    generator = torch.Generator().manual_seed(0)
    hidden = torch.randn(100, 64, generator=generator).bfloat16()
    weight = (torch.randn(300, 64, generator=generator) * 0.2).bfloat16()
    targets = torch.randint(0, 300, (100,), generator=generator)
    ours, expected = both(hidden, weight, targets)
    assert ours[0].dtype == torch.float32
    assert ours[1].dtype == ours[2].dtype == torch.bfloat16
    assert float(ours[0]) == pytest.approx(float(expected[0]), rel=2e-3)
    for mine, theirs in zip(ours[1:], expected[1:], strict=True):
        assert float((mine.double() - theirs).norm() / theirs.norm()) < 0.01


def test_large_logits_do_not_overflow() -> None:
    hidden, weight = torch.full((3, 4), 100.0), torch.eye(4)[:3] * 100
    ours, expected = both(hidden, weight, torch.tensor([0, 1, 2]))
    assert float(ours[0]) == pytest.approx(float(expected[0]), abs=1e-3)  # of logits of 10,000
    assert all(bool(part.isfinite().all()) for part in ours)


def test_without_gradients_none_is_worked_out(monkeypatch: pytest.MonkeyPatch) -> None:
    hidden, weight = torch.randn(20, 8, requires_grad=True), torch.randn(11, 8, requires_grad=True)
    targets = torch.randint(0, 11, (20,))
    expected = linear_cross_entropy(hidden, weight, targets)
    products: list[int] = []
    multiply = torch.mm
    monkeypatch.setattr(torch, "mm", lambda *args, **kwargs: products.append(1) or multiply(*args, **kwargs))
    with torch.no_grad():
        assert linear_cross_entropy(hidden, weight, targets) == expected
    assert len(products) == 1  # the logits, of one chunk
