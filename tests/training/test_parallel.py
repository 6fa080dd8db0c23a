"""Every plan gives the losses and gradients of one process."""

from __future__ import annotations

import shutil
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from torch.distributed.tensor import DTensor

from curate.errors import UserError
from curate.training.config import ModelConfig, TrainConfig
from curate.training.model import initialize, plain_name
from curate.training.optimizer import gradient_norm
from curate.training.parallel import (
    Microbatch,
    Passes,
    Ranks,
    _every_other_product,
    build,
    layout,
    microbatches_of,
    stage_layers,
    total,
)
from tests.training.ranks import run

MODEL = ModelConfig(dim=32, layers=3, heads=4, kv_heads=2, ffn=48, vocab=101, context=16)
SEQUENCES, LENGTH = 8, 16
PLANS: dict[str, tuple[int, dict[str, Any]]] = {
    "fsdp 2": (2, {}),
    "replicate 2": (2, {"replicate": 2}),
    "tensor 2": (2, {"tensor": 2}),
    "pipeline 2": (2, {"pipeline": 2}),
    "fsdp 2, recompute all": (2, {"recompute": "full"}),
    "tensor 2, recompute some": (2, {"tensor": 2, "recompute": "selective"}),
    "fsdp 4": (4, {}),
    "replicate 2, shard 2": (4, {"replicate": 2}),
    "shard 2, tensor 2": (4, {"tensor": 2}),
    "pipeline 2, shard 2": (4, {"pipeline": 2}),
    "pipeline 2, tensor 2": (4, {"pipeline": 2, "tensor": 2}),
    "pipeline 3": (3, {"pipeline": 3}),
    "fsdp 3": (3, {}),
}
COMPILED: dict[str, tuple[int, dict[str, Any]]] = {
    "fsdp 2, compiled, recompute some": (2, {"compile": True, "recompute": "selective"}),
    "tensor 2, compiled": (2, {"compile": True, "tensor": 2}),
}


def config(parallel: dict[str, Any], **more: Any) -> TrainConfig:
    return TrainConfig.model_validate(
        {
            "name": "test",
            "model": MODEL,
            "sequence": LENGTH,
            "batch_tokens": SEQUENCES * LENGTH,
            "parallel": parallel,
            **more,
        }
    )


def batch(*, documents: bool) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor | None]:
    generator = torch.Generator().manual_seed(5)
    inputs = torch.randint(0, MODEL.vocab, (SEQUENCES, LENGTH), generator=generator)
    targets = torch.randint(0, MODEL.vocab, (SEQUENCES, LENGTH), generator=generator)
    # Uneven: a mean of means would differ from the mean.
    targets[0, :10] = targets[5, 3:] = -100
    numbers = torch.randint(0, 2, (SEQUENCES, LENGTH), generator=generator).cumsum(1) if documents else None
    return inputs, targets, numbers


def step(parallel: dict[str, Any], documents: bool) -> tuple[float, float, float, dict[str, np.ndarray]]:
    """Loss, the same by evaluation, norm and gradients of one step on this rank's plan."""
    import torch.distributed as dist

    alone = not dist.is_initialized()
    settings = config(parallel)
    device = torch.device("cpu")
    ranks = None if alone else Ranks(layout(settings, dist.get_world_size()), "cpu")
    model = build(settings, ranks, device)
    initialize(model, seed=3)
    passes = Passes(model, settings, ranks, device)
    rank, of = (0, 1) if ranks is None else (ranks.index("data"), ranks.size("data"))
    inputs, targets, numbers = batch(documents=documents)
    count = (targets != -100).sum()
    items = []
    for number in range(microbatches_of(settings, of)[0]):
        place = number * of + rank
        if place < SEQUENCES:
            rows = slice(place, place + 1)
            items.append(Microbatch(inputs[rows], targets[rows], None if numbers is None else numbers[rows]))
        else:  # what a rank takes that has no sequence left
            items.append(
                Microbatch(inputs[:1], torch.full_like(targets[:1], -100), None if numbers is None else numbers[:1])
            )
    evaluated = total(passes.evaluate(items), ranks, "loss") / count
    loss = total(passes.train(items, count), ranks, "loss") / count
    norm = gradient_norm(model.parameters(), ranks)
    grads = {}
    for name, parameter in model.named_parameters():
        assert parameter.grad is not None, name
        grad = parameter.grad.full_tensor() if isinstance(parameter.grad, DTensor) else parameter.grad
        grads[plain_name(name)] = grad.numpy().copy()
    return float(loss), float(evaluated), float(norm), grads


def all_plans(names: list[str], documents: bool) -> dict[str, Any]:
    return {name: step({**PLANS, **COMPILED}[name][1], documents) for name in names}


@pytest.mark.parametrize("documents", [False, True])
@pytest.mark.parametrize("world", [2, 3, 4])
def test_every_plan_gives_the_losses_and_gradients_of_one_process(world, documents, tmp_path):
    agree([name for name, (ranks, _) in PLANS.items() if ranks == world], world, documents, tmp_path)


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("g++") is None, reason="torch.compile needs g++ on a CPU")
def test_compiled_plans_do_too(tmp_path):
    agree(list(COMPILED), 2, True, tmp_path)


def agree(names: list[str], world: int, documents: bool, folder: Path) -> None:
    torch.set_num_threads(1)
    loss, evaluated, norm, grads = step({}, documents)
    assert loss == pytest.approx(evaluated, rel=1e-6)
    results = run(world, folder, all_plans, names, documents)
    for name in names:
        seen: set[str] = set()
        for found in (result[name] for result in results):
            assert found[0] == pytest.approx(loss, rel=1e-5), name
            assert found[1] == pytest.approx(loss, rel=1e-5), name
            assert found[2] == pytest.approx(norm, rel=1e-4), name
            for key, grad in found[3].items():
                np.testing.assert_allclose(grad, grads[key], rtol=1e-4, atol=1e-7, err_msg=f"{name} {key}")
            seen |= set(found[3])
        assert seen == set(grads), name


def test_stages_share_the_blocks_evenly_and_in_order():
    for layers in range(1, 20):
        for stages in range(1, layers + 1):
            parts = [stage_layers(layers, stages, stage) for stage in range(stages)]
            assert [block for part in parts for block in part] == list(range(layers))
            assert max(map(len, parts)) - min(map(len, parts)) <= 1


@pytest.mark.parametrize(
    ("parallel", "ranks", "message"),
    [
        ({"tensor": 2}, 3, "3 ranks are not"),
        ({"shard": 3}, 4, "4 ranks are not"),
        ({"pipeline": 4}, 4, "more than the model's 3 layers"),
        ({"tensor": 4}, 4, "does not divide kv_heads 2"),
    ],
)
def test_a_plan_that_does_not_fit_is_refused_in_one_line(parallel, ranks, message):
    with pytest.raises(UserError, match=message):
        layout(config(parallel), ranks)


@pytest.mark.parametrize(
    ("micro_batch", "ranks", "expected"),
    [(1, 1, (8, 1)), (8, 1, (1, 8)), (8, 2, (1, 4)), (3, 2, (2, 3)), (4, 3, (1, 3)), (1, 16, (1, 1))],
)
def test_ranks_take_no_more_in_a_pass_than_their_share_of_the_batch(micro_batch, ranks, expected):
    assert microbatches_of(config({}, micro_batch=micro_batch), ranks) == expected


def test_selective_recomputation_keeps_attention_and_every_other_product():
    from torch.utils.checkpoint import CheckpointPolicy

    policy, forward, again = (
        _every_other_product(),
        SimpleNamespace(is_recompute=False),
        SimpleNamespace(is_recompute=True),
    )
    aten = torch.ops.aten
    for context in (forward, again):
        kept = [policy(context, aten.mm.default) is CheckpointPolicy.MUST_SAVE for _ in range(7)]
        assert kept == [True, False, True, False, True, False, True]
    for operator in (
        aten._scaled_dot_product_flash_attention.default,
        aten._scaled_dot_product_flash_attention_for_cpu.default,
        torch.ops.torch_attn._varlen_attn.default,
    ):
        assert policy(forward, operator) is CheckpointPolicy.MUST_SAVE
    assert policy(forward, aten.silu.default) is CheckpointPolicy.PREFER_RECOMPUTE
