"""Run a function in several processes that form a gloo group, quickly: they fork from a server with torch loaded."""

from __future__ import annotations

import multiprocessing
import os
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

_context = multiprocessing.get_context("forkserver")
_context.set_forkserver_preload(
    ["torch", "torch.distributed", "curate.training.parallel", "torch.distributed.checkpoint.state_dict"]
)


def run(world: int, folder: Path, function: Callable[..., Any], *args: Any, timeout: float = 180) -> list[Any]:
    """What function(*args) returned on each rank. It must be importable by name, its results picklable."""
    queue = _context.Queue()
    store = folder / f"store-{os.urandom(4).hex()}"
    processes = [
        _context.Process(target=_rank, args=(rank, world, str(store), queue, function, args)) for rank in range(world)
    ]
    for process in processes:
        process.start()
    try:
        results: dict[int, Any] = {}
        for _ in processes:
            rank, ok, value = queue.get(timeout=timeout)
            assert ok, f"rank {rank}:\n{value}"
            results[rank] = value
        return [results[rank] for rank in range(world)]
    finally:
        for process in processes:
            process.join(5)
            if process.is_alive():
                process.kill()


def _rank(rank: int, world: int, store: str, queue: Any, function: Callable[..., Any], args: Any) -> None:
    import torch
    import torch.distributed as dist

    torch.set_num_threads(1)
    os.environ.update(RANK=str(rank), WORLD_SIZE=str(world), LOCAL_RANK=str(rank))
    dist.init_process_group("gloo", store=dist.FileStore(store, world), rank=rank, world_size=world)
    try:
        queue.put((rank, True, function(*args)))
    except BaseException:
        queue.put((rank, False, traceback.format_exc()))
    finally:
        dist.destroy_process_group()
