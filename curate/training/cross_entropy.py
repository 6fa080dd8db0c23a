"""The output layer and its loss in one step, a few rows at a time, so that the logits never stand in memory whole.

For every chunk of rows the logits, their softmax and both gradients are worked out at once: three matrix products, as
forward and backward would do, but rows x vocabulary numbers are written and read once instead of half a dozen times.
With 128,256 pieces and 8,192 positions the logits alone would take 4 GB in fp32. Over a tensor-parallel group each
rank holds a slice of the vocabulary, and only a maximum, a sum and the target's logit of each row are exchanged.
"""

from __future__ import annotations

from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor

IGNORED = -100
# Logits in memory at a time, in numbers: what stays in a CPU's cache, or fills a GPU.
_CHUNK = {"cpu": 1 << 21, "cuda": 1 << 26}


def linear_cross_entropy(
    hidden: Tensor, weight: Tensor, targets: Tensor, *, group: dist.ProcessGroup | None = None, first: int = 0
) -> Tensor:
    """Sum over rows of -log softmax(hidden @ weight.T)[target], a scalar in fp32; targets of -100 count nothing.

    hidden: [rows, dim]; weight: [pieces, dim], with `group` this rank's slice from piece `first`; targets: [rows], ids
    of the whole vocabulary. With `group` the gradient of `hidden` is this rank's part of a sum.
    """
    # Asked here: within the function gradients are never enabled, and needs_input_grad does not look at it.
    needed = torch.is_grad_enabled() and (hidden.requires_grad or weight.requires_grad)
    loss: Tensor = _LinearCrossEntropy.apply(hidden, weight, targets, group, first, needed)  # type: ignore[no-untyped-call]
    return loss


class _LinearCrossEntropy(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any,
        hidden: Tensor,
        weight: Tensor,
        targets: Tensor,
        group: dist.ProcessGroup | None,
        first: int,
        needed: bool,
    ) -> Tensor:
        rows = max(16, _CHUNK.get(hidden.device.type, 1 << 24) // weight.shape[0])
        loss = torch.zeros((), dtype=torch.float32, device=hidden.device)
        grad_hidden = torch.empty_like(hidden) if needed else None
        grad_weight = torch.zeros_like(weight, dtype=torch.float32) if needed else None
        for start in range(0, len(targets), rows):
            part, wanted = hidden[start : start + rows], targets[start : start + rows]
            logits = torch.mm(part, weight.t()).float()
            counted = wanted != IGNORED
            local = wanted - first
            mine = counted & (local >= 0) & (local < weight.shape[0])
            place = torch.where(mine, local, 0).unsqueeze(1)
            total = _logsumexp(logits, group)
            at_target = torch.where(mine, logits.gather(1, place).squeeze(1), 0.0)
            if group is not None:
                dist.all_reduce(at_target, group=group)
            loss += torch.where(counted, total - at_target, 0.0).sum()
            if grad_hidden is None or grad_weight is None:
                continue
            logits.sub_(total.unsqueeze(1)).exp_()
            logits.scatter_add_(1, place, -mine.unsqueeze(1).to(logits.dtype))
            if not bool(counted.all()):
                logits.mul_(counted.unsqueeze(1))
            probabilities = logits.to(weight.dtype)
            torch.mm(probabilities, weight, out=grad_hidden[start : start + rows])
            if weight.dtype == torch.float32:
                grad_weight.addmm_(probabilities.t(), part)
            else:
                grad_weight += torch.mm(probabilities.t(), part)
        ctx.grads = (grad_hidden, grad_weight, weight.dtype)
        return loss

    @staticmethod
    def backward(ctx: Any, *grads: Any) -> Any:
        grad_hidden, grad_weight, dtype = ctx.grads
        ctx.grads = None
        (scale,) = grads
        return grad_hidden.mul_(scale), grad_weight.mul_(scale).to(dtype), None, None, None, None


def _logsumexp(logits: Tensor, group: dist.ProcessGroup | None) -> Tensor:
    """log sum exp of each row, over the slices of every rank."""
    if group is None:
        return torch.logsumexp(logits, 1)
    most = logits.amax(1)
    dist.all_reduce(most, op=dist.ReduceOp.MAX, group=group)
    total = (logits - most.unsqueeze(1)).exp().sum(1)
    dist.all_reduce(total, group=group)
    return most + total.log()
