"""How a model is laid out over ranks: the recipe is `build`, from top to bottom.

Ranks form a mesh of pipeline x replicate x shard x tensor. A pipeline stage holds some blocks; its matrices are cut
over `tensor` ranks, which hold the sequence cut between matrices (Korthikanti et al. 2022); what remains is sharded
over `shard` ranks by FSDP2 and repeated over `replicate`. Gradients are summed, never averaged: the loss is divided by
the number of targets in the whole batch beforehand, so a step is the same on any number of ranks.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.distributed.device_mesh import DeviceMesh, init_device_mesh
from torch.distributed.fsdp import FSDPModule, MixedPrecisionPolicy, fully_shard
from torch.distributed.pipelining import PipelineStage, Schedule1F1B
from torch.distributed.tensor import Replicate, Shard, distribute_tensor
from torch.distributed.tensor.parallel import (
    ColwiseParallel,
    PrepareModuleInput,
    RowwiseParallel,
    SequenceParallel,
    parallelize_module,
)
from torch.utils.checkpoint import CheckpointPolicy, checkpoint, create_selective_checkpoint_contexts

from curate.errors import UserError
from curate.training.config import ModelConfig, Parallel, TrainConfig
from curate.training.model import Block, Llama

AXES = ("pipeline", "replicate", "shard", "tensor")


@dataclass(frozen=True)
class Microbatch:
    """What a rank takes in one pass: ids and targets [n, T], and document numbers [n, T] where attention needs them."""

    inputs: Tensor
    targets: Tensor
    documents: Tensor | None = None


def layout(config: TrainConfig, ranks: int) -> dict[str, int]:
    """The size of each axis of the mesh; UserError where ranks, model and batch do not divide."""
    wanted, model = config.parallel, config.model
    fixed = wanted.pipeline * wanted.replicate * wanted.tensor
    shard = wanted.shard or ranks // fixed
    if fixed * shard != ranks:
        raise UserError(
            f"{ranks} ranks are not pipeline {wanted.pipeline} x replicate {wanted.replicate} x "
            f"shard {wanted.shard or 'rest'} x tensor {wanted.tensor}: set parallel.* to a product of {ranks}"
        )
    if wanted.pipeline > model.layers:
        raise UserError(f"parallel.pipeline {wanted.pipeline} is more than the model's {model.layers} layers")
    for name, size in {"kv_heads": model.kv_heads, "ffn": model.ffn, "sequence": config.sequence}.items():
        if size % wanted.tensor:
            raise UserError(f"parallel.tensor {wanted.tensor} does not divide {name} {size}")
    return {"pipeline": wanted.pipeline, "replicate": wanted.replicate, "shard": shard, "tensor": wanted.tensor}


class Ranks:
    """The mesh of all ranks, with `data` (replicate x shard) and `loss` (pipeline x data) beside its own axes."""

    def __init__(self, sizes: dict[str, int], device_type: str) -> None:
        self.mesh = init_device_mesh(device_type, tuple(sizes[axis] for axis in AXES), mesh_dim_names=AXES)
        self._axes: dict[str, DeviceMesh] = {axis: self.mesh[axis] for axis in AXES}
        self._axes["data"] = self.mesh["replicate", "shard"]._flatten("data")
        # One reduction instead of two where a parameter lies over both.
        self.mesh["shard", "tensor"]._flatten("model")
        self.mesh["replicate", "shard", "tensor"]._flatten("replicas")
        self._axes["loss"] = self.mesh["pipeline", "replicate", "shard"]._flatten("loss")

    def axis(self, name: str) -> DeviceMesh:
        return self._axes[name]

    def size(self, axis: str) -> int:
        return self._axes[axis].size()

    def index(self, axis: str) -> int:
        """This rank's place along an axis."""
        return self._axes[axis].get_local_rank()

    def group(self, axis: str) -> dist.ProcessGroup:
        return self._axes[axis].get_group()


def total(value: Tensor, ranks: Ranks | None, axis: str) -> Tensor:
    """`value` summed over the ranks of an axis, in place."""
    if ranks is not None and ranks.size(axis) > 1:
        dist.all_reduce(value, group=ranks.group(axis))
    return value


def stage_layers(layers: int, stages: int, stage: int) -> range:
    """Blocks of a stage, as even as can be; the last stages, which keep fewer passes in memory, take what is over."""
    small, over = divmod(layers, stages)
    start = stage * small + max(0, stage - (stages - over))
    return range(start, start + small + (stage >= stages - over))


def build(config: TrainConfig, ranks: Ranks | None, device: torch.device) -> Llama:
    """This rank's part of the model, its parameters allocated on `device` (or left on "meta") but not yet set.

    Without ranks, the whole model in one process.
    """
    plan = config.parallel
    stage, stages = (0, 1) if ranks is None else (ranks.index("pipeline"), ranks.size("pipeline"))
    with torch.device("meta"):
        model = Llama(
            config.model,
            stage_layers(config.model.layers, stages, stage),
            first=stage == 0,
            last=stage == stages - 1,
        )
    if ranks is not None and ranks.size("tensor") > 1:
        split_matrices(model, ranks.axis("tensor"))
    for block in model.model.layers.values():
        assert isinstance(block, Block)
        forward: Callable[..., Tensor] = block.forward
        if plan.recompute != "none":
            forward = recomputed(forward, plan)
        if plan.compile:
            forward = torch.compile(forward, fullgraph=True)
        block.forward = forward  # type: ignore[method-assign]
    if ranks is not None:
        shard_parameters(model, ranks, plan)
    model.to_empty(device=device)
    return model


def split_matrices(model: Llama, mesh: DeviceMesh) -> None:
    """Tensor and sequence parallelism: between matrices a rank holds its part of the sequence, whole in width."""
    decoder, output = model.model, model.lm_head
    if decoder.embed_tokens is not None:
        vocabulary = RowwiseParallel(input_layouts=Replicate(), output_layouts=Shard(1))
        parallelize_module(decoder.embed_tokens, mesh, vocabulary)
        # What comes out is still on its way, and a compiled block that takes it so gives no gradient back.
        decoder.embed_tokens.register_forward_hook(lambda module, inputs, output: output.clone())
    gather = PrepareModuleInput(
        input_layouts=(Shard(1), None, None), desired_input_layouts=(Replicate(), None, None)
    )  # whole sequence, the rotation, the documents
    for block in decoder.layers.values():
        plan = {
            "input_layernorm": SequenceParallel(),
            "self_attn": gather,
            **{f"self_attn.{name}_proj": ColwiseParallel() for name in "qkv"},
            "self_attn.o_proj": RowwiseParallel(output_layouts=Shard(1)),
            "post_attention_layernorm": SequenceParallel(),
            "mlp": PrepareModuleInput(input_layouts=(Shard(1),), desired_input_layouts=(Replicate(),)),
            "mlp.gate_proj": ColwiseParallel(),
            "mlp.up_proj": ColwiseParallel(),
            "mlp.down_proj": RowwiseParallel(output_layouts=Shard(1)),
        }
        parallelize_module(block, mesh, plan)
    if output is not None:
        parallelize_module(decoder.norm, mesh, SequenceParallel(use_local_output=True))  # type: ignore[arg-type]
        # The output layer exchanges what its loss needs by itself.
        output.weight = nn.Parameter(distribute_tensor(output.weight, mesh, [Shard(0)], src_data_rank=None))


def recomputed(forward: Callable[..., Tensor], plan: Parallel) -> Callable[..., Tensor]:
    """Activation checkpointing of a block: keep its input (full), or also attention and every other product."""
    if plan.recompute == "full":
        return partial(checkpoint, forward, use_reentrant=False)
    return partial(checkpoint, forward, use_reentrant=False, context_fn=_selective)


def _selective() -> Any:
    return create_selective_checkpoint_contexts(_every_other_product())  # type: ignore[no-untyped-call]


def _every_other_product() -> Callable[..., CheckpointPolicy]:
    import torch.nn.attention.varlen  # which registers its operator

    aten = torch.ops.aten
    attention = {
        torch.ops.torch_attn._varlen_attn.default,
        aten._scaled_dot_product_flash_attention.default,
        aten._scaled_dot_product_efficient_attention.default,
        aten._scaled_dot_product_cudnn_attention.default,
        aten._scaled_dot_product_flash_attention_for_cpu.default,
        aten._scaled_dot_product_attention_math_for_mps.default,
        torch.ops._c10d_functional.reduce_scatter_tensor.default,
    }
    products = {False: 0, True: 0}

    def policy(context: Any, op: Any, *args: Any, **kwargs: Any) -> CheckpointPolicy:
        if op is aten.mm.default:
            products[context.is_recompute] += 1
            saved = products[context.is_recompute] % 2 == 1
        else:
            saved = op in attention
        return CheckpointPolicy.MUST_SAVE if saved else CheckpointPolicy.PREFER_RECOMPUTE

    return policy


def shard_parameters(model: Llama, ranks: Ranks, plan: Parallel) -> None:
    """FSDP2: every block a unit, embeddings one, the last norm with the output one."""
    axes = ("replicate", "shard") if ranks.size("replicate") > 1 else ("shard",)
    half = torch.bfloat16 if plan.precision == "bf16" else None
    wrap = partial(
        fully_shard,
        mesh=ranks.mesh[axes],
        # Inputs are of the right type by themselves; casting would spoil the rotation's fp32.
        mp_policy=MixedPrecisionPolicy(param_dtype=half, reduce_dtype=torch.float32, cast_forward_inputs=False),
        # A pipeline passes many times between gatherings.
        reshard_after_forward=ranks.size("pipeline") == 1,
    )
    decoder = model.model
    if decoder.embed_tokens is not None:
        wrap(decoder.embed_tokens)
    for block in decoder.layers.values():
        wrap(block)
    if model.lm_head is not None:
        wrap([decoder.norm, model.lm_head], reshard_after_forward=False)  # wanted again at once
    wrap(model)
    for module in model.modules():
        if isinstance(module, FSDPModule):
            module.set_gradient_divide_factor(1.0)
            module.set_force_sum_reduction_for_comms(True)


class Passes:
    """Forward and backward passes of this rank's part, with or without a pipeline."""

    def __init__(self, model: Llama, config: TrainConfig, ranks: Ranks | None, device: torch.device) -> None:
        self.model = model
        self.stages = 1 if ranks is None else ranks.size("pipeline")
        self._sequence = config.sequence
        self.microbatches, self.micro_batch = microbatches_of(config, 1 if ranks is None else ranks.size("data"))
        self._device = device
        self._count = torch.ones((), device=device)
        self._schedule: Schedule1F1B | None = None
        if ranks is not None and self.stages > 1:
            number = ranks.index("pipeline")
            stage = PipelineStage(model, number, self.stages, device, group=ranks.group("pipeline"))
            if self.microbatches < self.stages:
                raise UserError(
                    f"a pipeline of {self.stages} stages needs as many passes a step, and {self.microbatches} are "
                    "left: raise batch_tokens, or lower micro_batch or the number of ranks"
                )
            self._schedule = Schedule1F1B(stage, self.microbatches, loss_fn=self._share, scale_grads=False)

    def train(self, microbatches: Sequence[Microbatch], count: Tensor) -> Tensor:
        """Add the gradients of (sum of losses / count); this rank's sum of losses (0 before a last stage)."""
        if self._schedule is not None:
            return self._piped(microbatches, count, evaluate=False)
        total = torch.zeros((), device=self._device)
        for item in microbatches:
            loss = self.model(item.inputs, item.targets, item.documents).sum()
            (loss / count).backward()
            total += loss.detach()
        return total

    @torch.no_grad()
    def evaluate(self, microbatches: Sequence[Microbatch]) -> Tensor:
        """The sum of losses, without gradients. A pipeline takes as many microbatches as in training."""
        if self._schedule is not None:
            return self._piped(microbatches, torch.ones((), device=self._device), evaluate=True)
        total = torch.zeros((), device=self._device)
        for item in microbatches:
            total += self.model(item.inputs, item.targets, item.documents).sum()
        return total

    def _share(self, output: Tensor, target: Tensor) -> Tensor:
        return output.sum() / self._count

    def _piped(self, microbatches: Sequence[Microbatch], count: Tensor, *, evaluate: bool) -> Tensor:
        schedule = self._schedule
        assert schedule is not None
        self._count = count
        first, last = self.model.model.embed_tokens is not None, self.model.lm_head is not None
        losses: list[Tensor] = []
        run = schedule.eval if evaluate else partial(schedule.step, return_outputs=False)
        run(
            arg_mbs=[(item.inputs,) if first else () for item in microbatches],
            kwarg_mbs=[
                {"documents": item.documents, "length": self._sequence, **({"targets": item.targets} if last else {})}
                for item in microbatches
            ],
            target_mbs=[item.targets for item in microbatches] if last else None,
            losses=losses if last else None,
        )
        total = torch.zeros((), device=self._device)
        for loss in losses:
            total += loss.detach() * count
        return total


def microbatches_of(config: TrainConfig, data_ranks: int) -> tuple[int, int]:
    """Passes a step on every rank, and sequences in each: rounded up where ranks do not divide the batch."""
    per_rank = -(-config.batch_sequences // data_ranks)
    size = min(config.micro_batch, per_rank)
    return -(-per_rank // size), size


def model_shape(model: ModelConfig) -> str:
    heads = f"{model.heads} heads" + (f" ({model.kv_heads} kv)" if model.kv_heads != model.heads else "")
    return f"{model.layers} layers of {model.dim}, {heads}, ffn {model.ffn}, vocabulary {model.vocab:,}"
