"""What keeps a long run alive and honest: signals, steps that are not finite, and ranks that disagree.

A rank that dies takes its group down, `torchrun --max-restarts` starts the group again, and it takes up from the newest
whole checkpoint. What remains is trouble that no exception tells of, and that is looked for here.
"""

from __future__ import annotations

import hashlib
import math
import signal
from collections.abc import Iterator
from types import FrameType
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.distributed.tensor import DTensor

from curate.training.parallel import Ranks

LONGEST_BAD_RUN = 20
"""Steps in a row that may be skipped: a model that gives no finite gradient any more is lost."""


class SilentCorruption(RuntimeError):
    """Ranks hold different values of what must be the same: memory or a device is at fault."""


class Diverged(RuntimeError):
    """No step has been finite for so long that training cannot go on."""


class Signals:
    """SIGTERM and SIGUSR1 (what schedulers send before they take a machine away) ask for a checkpoint and an end."""

    def __init__(self) -> None:
        self.asked = False
        self._before: dict[int, Any] = {}

    def __enter__(self) -> Signals:
        for number in (signal.SIGTERM, signal.SIGUSR1):
            self._before[number] = signal.signal(number, self._ask)
        return self

    def __exit__(self, *exception: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def _ask(self, number: int, frame: FrameType | None) -> None:
        self.asked = True


class Skips:
    """Counts the steps that were skipped because their loss or gradient was not finite."""

    def __init__(self, skipped: int = 0) -> None:
        self.skipped = skipped
        self._in_a_row = 0

    def allows(self, loss: float, norm: float) -> bool:
        """Whether to take a step with this loss and gradient norm. Diverged after too many that may not be taken."""
        if math.isfinite(loss) and math.isfinite(norm):
            self._in_a_row = 0
            return True
        self.skipped += 1
        self._in_a_row += 1
        if self._in_a_row >= LONGEST_BAD_RUN:
            raise Diverged(
                f"{self._in_a_row} steps in a row had no finite loss or gradient: lower optimizer.lr, or see the data"
            )
        return False


def checksum(tensor: Tensor) -> Tensor:
    """A sum over the bits of a tensor, int64 []: any one flipped bit changes it."""
    words = {1: torch.int8, 2: torch.int16, 4: torch.int32, 8: torch.int64}[tensor.element_size()]
    return tensor.detach().contiguous().view(words).sum(dtype=torch.int64)


def check_replicas(model: nn.Module, optimizer: torch.optim.Optimizer, state: bytes, ranks: Ranks | None) -> None:
    """Compare everything that several ranks hold in common: replicated parameters with their moments, and `state`.

    SilentCorruption on every rank, naming what differs where it is shared. Sharded values have no second copy to be
    held against; their checkpoint's hashes guard them on disk.
    """
    if ranks is None:
        return
    device = next(model.parameters()).device
    digest = int.from_bytes(hashlib.sha256(state).digest()[:7], "big")
    wrong = _differing(["the state of data and schedule"], torch.tensor([digest], device=device), None)
    shared: dict[str, list[tuple[str, Tensor, dist.ProcessGroup]]] = {}
    for name, tensor in _tensors(model, optimizer):
        mesh = tensor.device_mesh
        for axis, placement in enumerate(tensor.placements):
            if placement.is_replicate() and mesh.size(axis) > 1:
                shared.setdefault((mesh.mesh_dim_names or ())[axis], []).append(
                    (name, tensor.to_local(), mesh.get_group(axis))
                )
    for axis_name in sorted(shared):
        items = shared[axis_name]
        sums = torch.stack([checksum(local) for _, local, _ in items])
        wrong += _differing([name for name, _, _ in items], sums, items[0][2])
    # All end together: one that went on would wait for the others in its next exchange.
    count = torch.tensor(len(wrong), device=device)
    dist.all_reduce(count, op=dist.ReduceOp.MAX)
    if int(count):
        more = f" and {len(wrong) - 1} more" if len(wrong) > 1 else ""
        where = f"{wrong[0]}{more}" if wrong else "what other ranks share"
        raise SilentCorruption(f"ranks differ in {where}, which must be the same on each")


def _differing(names: list[str], sums: Tensor, group: dist.ProcessGroup | None) -> list[str]:
    """Those of the named sums that are not the same on all ranks of the group."""
    least, most = sums.clone(), sums.clone()
    dist.all_reduce(least, op=dist.ReduceOp.MIN, group=group)
    dist.all_reduce(most, op=dist.ReduceOp.MAX, group=group)
    return [names[place] for place in (least != most).nonzero().flatten().tolist()]


def _tensors(model: nn.Module, optimizer: torch.optim.Optimizer) -> Iterator[tuple[str, DTensor]]:
    for name, parameter in model.named_parameters():
        if isinstance(parameter, DTensor):
            yield name, parameter
            for key, value in optimizer.state.get(parameter, {}).items():
                if isinstance(value, DTensor):
                    yield f"{key} of {name}", value
