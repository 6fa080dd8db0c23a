"""The processes of a run: which device each has, and the mesh they form."""

from __future__ import annotations

import os
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta

import torch
import torch.distributed as dist
from torch.distributed import HashStore, PrefixStore, Store  # type: ignore[attr-defined]
from torch.distributed.rendezvous import rendezvous

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
    store: Store = HashStore()
    if "MASTER_ADDR" in os.environ:
        found, rank, size = next(rendezvous("env://", timeout=TIMEOUT))
        store = fresh_store(found, rank, size)
    dist.init_process_group(backend, store=store, rank=rank, world_size=size, timeout=TIMEOUT)
    try:
        yield World(device, rank, size, Ranks(sizes, device.type))
    finally:
        dist.destroy_process_group()


def fresh_store(store: Store, rank: int, size: int) -> Store:
    """A part of the store in which no one has written yet, the same for all ranks.

    A launcher keeps one store over restarts, and gloo would take the addresses of the dead that it finds there. Neither
    a count of attempts nor of arrivals is the same everywhere after a crash, so ranks ask under names of their own:
    rank 0 gives each of them the prefix that it has made up, until all say that they have it.
    """
    if rank != 0:
        name = uuid.uuid4().hex
        store.set(f"ask/{rank}", name)
        prefix = store.get(f"answer/{name}").decode()  # waits
        store.set(f"has/{prefix}/{rank}", "")
        return PrefixStore(prefix, store)
    prefix, missing = uuid.uuid4().hex, set(range(1, size))
    until = time.monotonic() + TIMEOUT.total_seconds()
    while missing:
        for other in sorted(missing):
            if store.check([f"has/{prefix}/{other}"]):
                missing.discard(other)
            elif store.check([f"ask/{other}"]):
                # It may be the question of one that is dead: that costs nothing, and the living ask again.
                store.set(f"answer/{store.get(f'ask/{other}').decode()}", prefix)
        if missing and time.monotonic() > until:
            raise TimeoutError(f"{len(missing)} of {size} ranks did not come, first of them rank {min(missing)}")
        time.sleep(0.01 if missing else 0)
    return PrefixStore(prefix, store)
