"""A plan counts what ranks really hold, up to sizes that no one machine has."""

from __future__ import annotations

import os
from typing import Any

import pytest
import torch

from curate.errors import UserError
from curate.training.config import ModelConfig, Parallel, load_config
from curate.training.model import Block, rotation_table
from curate.training.plan import activation_bytes, make_plan, refuse_what_cannot_fit
from tests.training.ranks import run
from tests.training.test_parallel import config


def test_65b_is_sharded_over_2048_ranks():
    plan = make_plan(load_config("llama1-65b"), 2048)
    assert plan.layout == {"pipeline": 1, "replicate": 1, "shard": 2048, "tensor": 1}
    (stage,) = plan.stages
    # No less than an even share, and no more than one row of each of its 723 parameters above.
    assert 65_285_660_672 / 2048 <= stage.parameters <= 65_285_660_672 / 2048 + 723 * 22016
    assert stage.state == 16 * stage.parameters
    assert "65,285,660,672 parameters" in plan.lines()[0]


def test_70b_is_cut_in_stages_matrices_and_shards_over_16384_ranks():
    settings = ["parallel.tensor=8", "parallel.pipeline=4", "batch_tokens=16777216"]
    plan = make_plan(load_config("llama3-70b", settings), 16_384)
    assert plan.layout == {"pipeline": 4, "replicate": 1, "shard": 512, "tensor": 8}
    assert [stage.rank for stage in plan.stages] == [0, 4096, 8192, 12288]
    held = sum(stage.parameters for stage in plan.stages) * 512 * 8
    assert 70_553_706_496 <= held < 1.1 * 70_553_706_496
    assert any("idle 43%" in line for line in plan.lines())


def really_held(parallel: dict[str, Any]) -> int:
    import torch.distributed as dist
    from torch.distributed.tensor import DTensor

    from curate.training.parallel import Ranks, build, layout

    settings = config(parallel)
    model = build(settings, Ranks(layout(settings, dist.get_world_size()), "cpu"), torch.device("cpu"))
    return sum(p.to_local().numel() if isinstance(p, DTensor) else p.numel() for p in model.parameters())


@pytest.mark.parametrize("parallel", [{}, {"tensor": 2}, {"pipeline": 2}, {"replicate": 2}])
def test_a_plan_counts_what_a_rank_of_a_real_group_holds(parallel, tmp_path):
    plan = make_plan(config(parallel), 2)
    held = run(2, tmp_path, really_held, parallel)
    for stage in plan.stages:
        assert stage.parameters == held[stage.rank]


def test_the_estimate_of_activations_is_what_a_block_keeps():
    model = ModelConfig(dim=64, layers=1, heads=4, kv_heads=2, ffn=160, vocab=100, context=128)
    block = Block(model)
    x = torch.randn(2, 128, 64, requires_grad=True)
    kept: dict[int, int] = {}
    own = {p.untyped_storage().data_ptr() for p in block.parameters()}
    rotation = rotation_table(128, 16, 1e4, x.device)
    own.add(rotation.untyped_storage().data_ptr())

    def keep(tensor: torch.Tensor) -> torch.Tensor:
        storage = tensor.untyped_storage()
        if storage.data_ptr() not in own:
            kept[storage.data_ptr()] = storage.nbytes()
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
        out = block(x, rotation, None)
    assert out.shape == x.shape
    estimated = activation_bytes(model, Parallel()) * 2 * 128
    assert estimated == pytest.approx(sum(kept.values()), rel=0.15)


def test_recomputing_keeps_less():
    model = load_config("llama1-65b").model
    none, some, full = (
        activation_bytes(model, Parallel(precision="bf16", recompute=mode)) for mode in ("none", "selective", "full")
    )
    assert none > some > full == 2 * model.dim


@pytest.mark.skipif(torch.cuda.is_available(), reason="a GPU has another limit")
def test_a_model_that_cannot_fit_is_refused_before_it_is_made(monkeypatch):
    monkeypatch.setattr(os, "sysconf", lambda name: {"SC_PAGE_SIZE": 4096, "SC_PHYS_PAGES": 1 << 22}[name])
    refuse_what_cannot_fit(make_plan(load_config("tiny"), 1))
    with pytest.raises(UserError, match=r"llama1-65b on 1 ranks takes 973 GiB of each .* here has 16"):
        refuse_what_cannot_fit(make_plan(load_config("llama1-65b"), 1))
