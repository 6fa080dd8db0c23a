"""Trouble that raises no exception is found: flipped bits, ranks apart, steps that are not finite."""

from __future__ import annotations

import math
import os
import signal
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.distributed.tensor import DTensor

from curate.training.model import initialize
from curate.training.optimizer import make_optimizer
from curate.training.parallel import Ranks, build, layout
from curate.training.recover import (
    LONGEST_BAD_RUN,
    Diverged,
    Signals,
    SilentCorruption,
    Skips,
    check_replicas,
    checksum,
)
from tests.training.ranks import run
from tests.training.test_parallel import config


@given(place=st.integers(0, 41), bit=st.integers(0, 31))
def test_any_flipped_bit_changes_the_checksum(place, bit):
    values = torch.randn(42, generator=torch.Generator().manual_seed(1))
    before = checksum(values)
    values.view(torch.int32)[place] ^= torch.tensor(-(2**31) if bit == 31 else 1 << bit, dtype=torch.int32)
    assert checksum(values) != before


def corrupted(parallel: dict[str, Any], where: str, rank: int) -> str:
    """What the check says once one rank has one bit flipped in a parameter (or its moments, or its state)."""
    import torch.distributed as dist

    settings = config(parallel)
    ranks = Ranks(layout(settings, dist.get_world_size()), "cpu")
    model = build(settings, ranks, torch.device("cpu"))
    initialize(model, 1)
    optimizer = make_optimizer(model, settings.optimizer)
    for parameter in model.parameters():
        parameter.grad = torch.ones_like(parameter)
    optimizer.step()
    check_replicas(model, optimizer, b"state", ranks)  # nothing is wrong yet
    state = b"state"
    if dist.get_rank() == rank:
        parameter = dict(model.named_parameters())["model.layers.1.input_layernorm.weight"]
        if where == "state":
            state = b"another"
        else:
            tensor = parameter if where == "parameter" else optimizer.state[parameter][where]
            assert isinstance(tensor, DTensor)
            local = tensor.to_local().detach()
            assert local.numel()
            local.view(torch.int32)[0] ^= 1
    try:
        check_replicas(model, optimizer, state, ranks)
    except SilentCorruption as error:
        return str(error)
    return ""


@pytest.mark.parametrize("where", ["parameter", "exp_avg", "exp_avg_sq", "state"])
@pytest.mark.parametrize("parallel", [{"replicate": 2}, {"tensor": 2}])
def test_a_flipped_bit_on_one_rank_is_found_on_all_and_named(parallel, where, tmp_path):
    found = run(2, tmp_path, corrupted, parallel, where, 1)
    name = {"parameter": "", "state": "state of data"}.get(where, f"{where} of ")
    for message in found:
        assert name in message
        assert "state" in message or "model.layers.1.input_layernorm.weight" in message


def test_steps_that_are_not_finite_are_skipped_and_counted_until_the_run_is_lost():
    skips = Skips(3)
    assert skips.allows(1.0, 1.0)
    assert not skips.allows(math.nan, 1.0)
    assert not skips.allows(1.0, math.inf)
    assert skips.skipped == 5
    assert skips.allows(1.0, 0.0)
    for _ in range(LONGEST_BAD_RUN - 1):
        assert not skips.allows(1.0, math.nan)
    with pytest.raises(Diverged):
        skips.allows(1.0, math.nan)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGUSR1])
def test_a_scheduler_s_signal_asks_and_does_not_kill(number):
    before = signal.getsignal(number)
    with Signals() as signals:
        assert not signals.asked
        os.kill(os.getpid(), number)
        assert signals.asked
    assert signal.getsignal(number) == before
