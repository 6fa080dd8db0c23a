"""Ranks that start again do not meet what the dead left in their launcher's store."""

from __future__ import annotations

import contextlib
import threading
from datetime import timedelta

import torch.distributed as dist

from curate.training.ranks import fresh_store


def meet(port: int, size: int, first: int = 0) -> dict[int, dist.Store]:
    """The fresh stores of ranks that come from `first` on, each with a connection of its own."""
    stores: dict[int, dist.Store] = {}
    seconds = 2 if first else 60  # without rank 0 they die waiting

    def join(rank: int) -> None:
        own = dist.TCPStore("127.0.0.1", port, is_master=False, timeout=timedelta(seconds=seconds))
        with contextlib.suppress(RuntimeError):
            stores[rank] = fresh_store(own, rank, size)

    threads = [threading.Thread(target=join, args=(rank,), daemon=True) for rank in range(first, size)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
        assert not thread.is_alive()
    return stores


def test_ranks_agree_on_a_part_of_the_store_that_is_empty_at_every_attempt():
    server = dist.TCPStore("127.0.0.1", 0, is_master=True, timeout=timedelta(seconds=20))
    for _ in range(3):
        stores = meet(server.port, 4)
        assert sorted(stores) == [0, 1, 2, 3]
        assert not any(store.check(["address"]) for store in stores.values())
        stores[1].set("address", "mine")
        assert stores[0].get("address") == stores[3].get("address") == b"mine"


def test_an_attempt_that_died_before_its_first_rank_came_does_not_mislead_the_next():
    server = dist.TCPStore("127.0.0.1", 0, is_master=True, timeout=timedelta(seconds=20))
    assert meet(server.port, 3, first=1) == {}  # they wait for rank 0 in vain
    stores = meet(server.port, 3)
    assert sorted(stores) == [0, 1, 2]
    stores[2].set("address", "mine")
    assert stores[0].get("address") == stores[1].get("address") == b"mine"
