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
"""The target of a position that predicts nothing (`torch.nn.functional.cross_entropy`'s own)."""
# Logits in memory at a time, in numbers: what stays in a CPU's cache, or fills a GPU.
CHUNK = {"cpu": 1 << 23, "cuda": 1 << 27}


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
        rows = max(16, CHUNK.get(hidden.device.type, 1 << 24) // weight.shape[0])
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
            most = _reduced(logits.amax(1), dist.ReduceOp.MAX, group)
            at_target = _reduced(torch.where(mine, logits.gather(1, place).squeeze(1), 0.0), dist.ReduceOp.SUM, group)
            # exp is what costs beside the products: it is taken once, and what softmax divides by goes into the rows.
            exps = logits.sub_(most.unsqueeze(1)).exp_()
            total = _reduced(exps.sum(1), dist.ReduceOp.SUM, group)
            loss += torch.where(counted, most + total.log() - at_target, 0.0).sum()
            if grad_hidden is None or grad_weight is None:
                continue
            exps.scatter_add_(1, place, torch.where(mine, -total, 0.0).unsqueeze(1))
            share = torch.where(counted, total.reciprocal(), 0.0).unsqueeze(1)
            scaled = exps.to(weight.dtype)
            torch.mul(torch.mm(scaled, weight), share, out=grad_hidden[start : start + rows])
            shared = (part * share).to(weight.dtype)
            if weight.dtype == torch.float32:
                grad_weight.addmm_(scaled.t(), shared)
            else:
                grad_weight += torch.mm(scaled.t(), shared)
        ctx.grads = (grad_hidden, grad_weight, weight.dtype)
        return loss

    @staticmethod
    def backward(ctx: Any, *grads: Any) -> Any:
        grad_hidden, grad_weight, dtype = ctx.grads
        ctx.grads = None
        (scale,) = grads
        return grad_hidden.mul_(scale), grad_weight.mul_(scale).to(dtype), None, None, None, None


def _reduced(value: Tensor, how: dist.ReduceOp.RedOpType, group: dist.ProcessGroup | None) -> Tensor:
    """`value` over the slices of every rank."""
    if group is not None:
        dist.all_reduce(value, op=how, group=group)
    return value
