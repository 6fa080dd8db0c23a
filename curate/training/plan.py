"""What a run will take, before it takes it: parameters, tokens, steps, FLOPs, and memory by stage.

The model is really built and sharded, on the meta device and over a process group that only pretends, so the parameters
a rank holds are counted, not estimated; activations are estimated from what each layer keeps for its backward pass.
"""

from __future__ import annotations

import os
from dataclasses import dataclass

import torch
import torch.distributed as dist
from torch.distributed.tensor import DTensor

from curate.errors import UserError
from curate.training.config import ModelConfig, Parallel, TrainConfig
from curate.training.cross_entropy import CHUNK
from curate.training.metrics import training_flops
from curate.training.model import Llama
from curate.training.parallel import Ranks, build, layout, microbatches_of

GIB = 1 << 30
GRADIENT, MOMENTS, MASTER = 4, 8, 4
"""Bytes a parameter: all in fp32."""


@dataclass(frozen=True)
class StagePlan:
    """Bytes of a rank of a pipeline stage (its first, which holds the most where ranks do not divide a matrix)."""

    stage: int
    rank: int
    parameters: int
    """Numbers that this rank holds of them."""
    state: int
    """Master weights, gradients and both moments of AdamW."""
    gathered: int
    """Whole layers while they are used, and their gradients before they are reduced."""
    activations: int
    output: int
    """The output layer's gradient and one chunk of logits."""

    @property
    def total(self) -> int:
        return self.state + self.gathered + self.activations + self.output


@dataclass(frozen=True)
class Plan:
    config: TrainConfig
    ranks: int
    layout: dict[str, int]
    microbatches: int
    micro_batch: int
    flops: float
    """Of the whole run."""
    stages: tuple[StagePlan, ...]

    def lines(self) -> list[str]:
        """The plan as people read it."""
        config, model = self.config, self.config.model
        shape = f"{model.layers} layers of {model.dim}, {model.heads} heads ({model.kv_heads} kv), ffn {model.ffn}"
        axes = " x ".join(f"{axis} {size}" for axis, size in self.layout.items() if size > 1) or "one process"
        per_rank = self.micro_batch * self.microbatches
        lines = [
            f"{config.name}: {model.parameters:,} parameters: {shape}, vocabulary {model.vocab:,}",
            f"tokens      {config.steps * config.batch_sequences * config.sequence:,} in {config.steps:,} steps of "
            f"{config.batch_sequences:,} x {config.sequence:,}",
            f"compute     {self.flops:.3g} FLOPs",
            f"ranks       {self.ranks:,}: {axes}; {per_rank} sequences a step each, {self.micro_batch} at a time",
            f"precision   {config.parallel.precision}, recompute {config.parallel.recompute}, "
            f"{'compiled' if config.parallel.compile else 'not compiled'}",
            "memory per rank (GiB; state is counted, the rest estimated)",
            "  stage     rank     parameters     state  gathered  activations  output     total",
        ]
        for stage in self.stages:
            sizes = (stage.state, stage.gathered, stage.activations, stage.output, stage.total)
            state, gathered, activations, output, whole = (size / GIB for size in sizes)
            lines.append(
                f"  {stage.stage:5} {stage.rank:8,} {stage.parameters:14,} {state:9.3f} {gathered:9.3f} "
                f"{activations:12.3f} {output:7.3f} {whole:9.3f}"
            )
        if self.layout["pipeline"] > 1:
            idle = (self.layout["pipeline"] - 1) / (self.microbatches + self.layout["pipeline"] - 1)
            lines.append(f"pipeline    {self.microbatches} passes a step, idle {idle:.0%} of the time")
        return lines


def make_plan(config: TrainConfig, ranks: int) -> Plan:
    """The plan of a run on so many ranks. Must not be called where a process group exists."""
    sizes = layout(config, ranks)
    microbatches, micro_batch = microbatches_of(config, sizes["replicate"] * sizes["shard"])
    stages = []
    for stage in range(sizes["pipeline"]):
        rank = stage * (ranks // sizes["pipeline"])
        stages.append(_stage(config, ranks, rank, sizes, microbatches, micro_batch, stage))
    tokens = config.steps * config.batch_sequences * config.sequence
    flops = training_flops(config.model, config.sequence, tokens)
    return Plan(config, ranks, sizes, microbatches, micro_batch, flops, tuple(stages))


def refuse_what_cannot_fit(plan: Plan) -> None:
    """UserError where what a rank surely holds, weights and optimizer, is more than this machine has for it."""
    if torch.cuda.is_available():
        there, of = torch.cuda.get_device_properties(0).total_memory, "GPU"
    else:
        ranks_here = int(os.environ.get("LOCAL_WORLD_SIZE", "1"))
        there, of = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // ranks_here, "process"
    needed = max(stage.state for stage in plan.stages)
    if needed > there:
        raise UserError(
            f"{plan.config.name} on {plan.ranks:,} ranks takes {needed / GIB:,.0f} GiB of each for weights and "
            f"optimizer alone, and a {of} here has {there / GIB:,.0f}: take more ranks, or a smaller model"
        )


def _stage(
    config: TrainConfig, ranks: int, rank: int, sizes: dict[str, int], microbatches: int, micro_batch: int, stage: int
) -> StagePlan:
    plan, split = config.parallel, sizes["tensor"]
    model = _sharded(config, ranks, rank, sizes)
    mine = sum(p.to_local().numel() if isinstance(p, DTensor) else p.numel() for p in model.parameters())
    width = 2 if plan.precision == "bf16" else 4
    if ranks == 1 and plan.precision == "fp32":
        gathered = 0
    else:
        blocks = [sum(p.numel() for p in block.parameters()) // split for block in model.model.layers.values()]
        end = config.model.vocab * config.model.dim // split
        ends = end * ((model.model.embed_tokens is not None) + (model.lm_head is not None))
        if sizes["pipeline"] > 1:  # all of the stage, and its gradients in fp32, until its last pass
            gathered = (sum(blocks) + ends) * (width + GRADIENT)
        else:  # the layer in use, the next one, and the ends; the gradients of one, and their copy in fp32
            gathered = (2 * max(blocks) + ends) * width + max([*blocks, end]) * (width + GRADIENT)
    in_flight = min(microbatches, sizes["pipeline"] - stage)
    kept = activation_bytes(config.model, plan, split) * len(model.model.layers)
    # While a layer is worked out again, what it keeps is there once.
    again = 0 if plan.recompute == "none" else activation_bytes(config.model, Parallel(precision=plan.precision), split)
    tokens = micro_batch * config.sequence
    output = 0
    if model.lm_head is not None:
        # In bf16 a chunk and its part of the gradient stand beside their fp32 form.
        half = 0 if plan.precision == "fp32" else 2
        output = config.model.vocab * config.model.dim * (4 + half) // split + CHUNK["cuda"] * (4 + half)
    return StagePlan(
        stage=stage,
        rank=rank,
        parameters=mine,
        state=mine * (MASTER + GRADIENT + MOMENTS),
        gathered=gathered,
        activations=int(tokens * (kept * in_flight + again)),
        output=output,
    )


def _sharded(config: TrainConfig, ranks: int, rank: int, sizes: dict[str, int]) -> Llama:
    """This rank's part, on the meta device, in a world that is not there."""
    meta = torch.device("meta")
    if ranks == 1 and config.parallel.precision == "fp32":
        return build(config, None, meta)
    # The pretence of a group is PyTorch's own, made for such dry runs.
    from torch.testing._internal.distributed.fake_pg import FakeStore

    dist.init_process_group("fake", store=FakeStore(), rank=rank, world_size=ranks)
    try:
        return build(config, Ranks(sizes, "cpu"), meta)
    finally:
        dist.destroy_process_group()


def activation_bytes(model: ModelConfig, plan: Parallel, split: int = 1) -> float:
    """Bytes a block keeps for its backward pass for each token, over `split` tensor-parallel ranks.

    Between matrices a rank has its part of the sequence, at a matrix the whole of it (Korthikanti et al. 2022, §4.2).
    """
    width = 2 if plan.precision == "bf16" else 4
    keys = model.kv_heads * model.head_dim
    entry = model.dim / split
    attention = model.dim / split
    if plan.recompute == "full":
        return width * entry
    if plan.recompute == "selective":
        # Of q, k, v, o, gate, up and down every other output, and attention's.
        products = (model.dim + keys + model.ffn) / split + model.dim
        return width * (entry + attention + products) + 4 * model.heads / split
    matrices = 2 * model.dim + (model.dim + 2 * keys) / split + 4 * model.ffn / split
    # Both residuals, both normed inputs, q, k, v, attention's output and sums, gate, its silu, up and their product.
    return width * (2 * entry + attention + matrices) + 4 * model.heads / split
