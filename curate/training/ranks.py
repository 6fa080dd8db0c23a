"""The processes of a run: which device each has, and the mesh they form."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta

import torch
import torch.distributed as dist
from torch.distributed import HashStore  # type: ignore[attr-defined]

from curate.training.config import TrainConfig
from curate.training.parallel import Ranks, layout

TIMEOUT = timedelta(minutes=10)


@dataclass(frozen=True)
class World:
    """This process among those of the run. ranks: None where it is alone and needs no sharding."""

    device: torch.device
    rank: int
    size: int
    ranks: Ranks | None

    @property
    def name(self) -> str:
        """What the device is called; empty for a CPU."""
        return torch.cuda.get_device_name(self.device) if self.device.type == "cuda" else ""

    @property
    def data(self) -> tuple[int, int]:
        """Which slice of the batch is this rank's: (index, of)."""
        return (0, 1) if self.ranks is None else (self.ranks.index("data"), self.ranks.size("data"))


@contextmanager
def join_world(config: TrainConfig) -> Iterator[World]:
    """Join the ranks that `torchrun` started, or be alone; leave them at the end."""
    size, rank = int(os.environ.get("WORLD_SIZE", "1")), int(os.environ.get("RANK", "0"))
    sizes = layout(config, size)
    if torch.cuda.is_available():
        device = torch.device("cuda", int(os.environ.get("LOCAL_RANK", "0")))
        torch.cuda.set_device(device)
    else:
        device = torch.device("cpu")
    # bf16 with fp32 master weights is FSDP2's doing, also on one GPU.
    if size == 1 and config.parallel.precision == "fp32":
        yield World(device, 0, 1, None)
        return
    backend = "cpu:gloo,cuda:nccl" if device.type == "cuda" else "gloo"
    if "MASTER_ADDR" in os.environ:
        dist.init_process_group(backend, timeout=TIMEOUT)
    else:
        dist.init_process_group(backend, store=HashStore(), rank=rank, world_size=size, timeout=TIMEOUT)
    try:
        yield World(device, rank, size, Ranks(sizes, device.type))
    finally:
        dist.destroy_process_group()
