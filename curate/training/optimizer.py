"""AdamW, its schedule, and the norm of the gradient over every plan (LLaMA §2.3)."""

from __future__ import annotations

import math
from collections.abc import Iterable

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.distributed.tensor import DTensor

from curate.training.config import Optimizer
from curate.training.parallel import Ranks, total


def make_optimizer(model: nn.Module, config: Optimizer) -> torch.optim.AdamW:
    """AdamW whose decay leaves norms alone; fused where the device has it (CPU and CUDA do)."""
    parameters = list(model.parameters())
    groups = [
        {"params": [p for p in parameters if p.ndim >= 2], "weight_decay": config.weight_decay},
        {"params": [p for p in parameters if p.ndim < 2], "weight_decay": 0.0},
    ]
    return torch.optim.AdamW(
        [group for group in groups if group["params"]],
        lr=config.lr,
        betas=(config.beta1, config.beta2),
        eps=config.eps,
        fused=all(p.device.type in ("cpu", "cuda") for p in parameters),
    )


def learning_rate(step: int, steps: int, config: Optimizer) -> float:
    """The rate of step 0 <= step < steps: a line from 0 over the warm-up, then a cosine to `min_lr` of the peak.

    The warm-up takes at most half of a short run. The first step has a rate above 0, the last one the least.
    """
    warmup = min(config.warmup, steps // 2)
    if step < warmup:
        return config.lr * (step + 1) / (warmup + 1)
    done = (step - warmup) / max(1, steps - 1 - warmup)
    low = config.lr * config.min_lr
    return low + (config.lr - low) * 0.5 * (1 + math.cos(math.pi * min(1.0, done)))


def set_rate(optimizer: torch.optim.Optimizer, rate: float) -> None:
    for group in optimizer.param_groups:
        group["lr"] = rate


@torch.no_grad()
def gradient_norm(parameters: Iterable[nn.Parameter], ranks: Ranks | None) -> Tensor:
    """The 2-norm of the whole gradient, every parameter counted once, whatever holds it."""
    grads = [p.grad for p in parameters if p.grad is not None]
    norm = nn.utils.get_total_norm(grads)
    if isinstance(norm, DTensor):
        norm = norm.full_tensor()
    if ranks is not None and ranks.size("pipeline") > 1:
        norm = total(norm.square(), ranks, "pipeline").sqrt()
    if ranks is not None:
        # Replicas that add in another order would differ in the last bit, and drift apart.
        dist.broadcast(norm, src=0)
    return norm


@torch.no_grad()
def clip(parameters: Iterable[nn.Parameter], norm: Tensor, largest: float) -> None:
    """Scale the gradient down to `largest` where its norm is above."""
    nn.utils.clip_grads_with_norm_(parameters, largest, norm)
