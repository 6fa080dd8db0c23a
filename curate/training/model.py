"""Llama: pre-norm RMSNorm, SwiGLU, rotary positions, grouped-query attention, no biases, untied output.

LLaMA §2.2, Llama-2 §2.2, Llama-3 §3.2. Parameters carry Hugging Face's names, and rotation is of the two halves of a
head, so an export needs no permutation.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import lru_cache

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.distributed.tensor import DTensor, Partial, Replicate, Shard

from curate.training.config import ModelConfig
from curate.training.cross_entropy import linear_cross_entropy

INITIAL_STD = 0.02


@dataclass(frozen=True)
class Documents:
    """Which positions may attend to which, where attention stays within documents: one form for CPU, one for CUDA.

    allowed: bool [batch, 1, T, T]; or bounds: int32 [documents + 1] into the flattened batch, longest: positions.
    """

    allowed: Tensor | None = None
    bounds: Tensor | None = None
    longest: int = 0

    @classmethod
    def of(cls, numbers: Tensor) -> Documents:
        """numbers: [batch, T], the same for positions of one document and rising along a row."""
        length = numbers.shape[1]
        if numbers.device.type != "cuda":
            same = numbers.unsqueeze(2) == numbers.unsqueeze(1)
            return cls(allowed=torch.tril(same).unsqueeze(1))
        return cls(bounds=document_bounds(numbers), longest=length)


def document_bounds(numbers: Tensor) -> Tensor:
    """Where documents begin in the flattened batch, and its end: int32 [documents + 1]; each row begins one."""
    starts = torch.ones_like(numbers, dtype=torch.bool)
    starts[:, 1:] = numbers[:, 1:] != numbers[:, :-1]
    places = starts.flatten().nonzero().squeeze(1)
    return torch.cat([places, places.new_tensor([numbers.numel()])]).to(torch.int32)


class Attention(nn.Module):
    """Causal attention; `kv_heads` groups of query heads share a key and a value."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.head_dim = config.head_dim
        queries, keys = config.heads * config.head_dim, config.kv_heads * config.head_dim
        self.q_proj = nn.Linear(config.dim, queries, bias=False)
        self.k_proj = nn.Linear(config.dim, keys, bias=False)
        self.v_proj = nn.Linear(config.dim, keys, bias=False)
        self.o_proj = nn.Linear(queries, config.dim, bias=False)

    def forward(self, x: Tensor, rotation: Tensor, documents: Documents | None) -> Tensor:
        rows, length, _ = x.shape
        # The number of heads is left open: a tensor-parallel rank holds some of them.
        query = rotate(self.q_proj(x).view(rows, length, -1, self.head_dim), rotation)
        key = rotate(self.k_proj(x).view(rows, length, -1, self.head_dim), rotation)
        value = self.v_proj(x).view(rows, length, -1, self.head_dim)
        if documents is not None and documents.bounds is not None:
            mixed = _within_documents(query, key, value, documents)
        else:
            mixed = F.scaled_dot_product_attention(
                query.transpose(1, 2),
                key.transpose(1, 2),
                value.transpose(1, 2),
                attn_mask=None if documents is None else documents.allowed,
                is_causal=documents is None,
                enable_gqa=query.shape[2] != key.shape[2],
            ).transpose(1, 2)
        out: Tensor = self.o_proj(mixed.reshape(rows, length, -1))
        return out


def _within_documents(query: Tensor, key: Tensor, value: Tensor, documents: Documents) -> Tensor:
    from torch.nn.attention.varlen import varlen_attn

    assert documents.bounds is not None
    mixed = varlen_attn(
        query.flatten(0, 1),
        key.flatten(0, 1),
        value.flatten(0, 1),
        documents.bounds,
        documents.bounds,
        documents.longest,
        documents.longest,
        window_size=(-1, 0),
        enable_gqa=query.shape[2] != key.shape[2],
    )
    assert isinstance(mixed, Tensor)
    return mixed.view(query.shape)


def rotate(x: Tensor, rotation: Tensor) -> Tensor:
    """Rotary positions (Su et al. 2021) of x [batch, T, heads, head_dim], by halves; rotation: [2, T, 1, head_dim]."""
    cos, sin = rotation
    first, second = x.float().chunk(2, dim=-1)
    rotated: Tensor = x.float() * cos + torch.cat((-second, first), dim=-1) * sin
    return rotated.to(x.dtype)


@lru_cache(maxsize=8)
def rotation_table(length: int, head_dim: int, theta: float, device: torch.device) -> Tensor:
    """cos and sin of every position and dimension, fp32 [2, T, 1, head_dim]."""
    with torch.inference_mode(False), torch.no_grad():
        # In double precision: at 8,192 positions an fp32 angle is off by half a thousandth.
        frequencies = theta ** -(torch.arange(0, head_dim, 2, dtype=torch.float64) / head_dim)
        angles = torch.outer(torch.arange(length, dtype=torch.float64), frequencies).repeat(1, 2)
        table: Tensor = torch.stack((angles.cos(), angles.sin())).float().unsqueeze(2).to(device)
        return table


class FeedForward(nn.Module):
    """SwiGLU (Shazeer 2020)."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.gate_proj = nn.Linear(config.dim, config.ffn, bias=False)
        self.up_proj = nn.Linear(config.dim, config.ffn, bias=False)
        self.down_proj = nn.Linear(config.ffn, config.dim, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.down_proj(F.silu(self.gate_proj(x)) * self.up_proj(x))
        return out


class Block(nn.Module):
    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.self_attn = Attention(config)
        self.mlp = FeedForward(config)
        self.input_layernorm = nn.RMSNorm(config.dim, config.norm_eps)
        self.post_attention_layernorm = nn.RMSNorm(config.dim, config.norm_eps)

    def forward(self, x: Tensor, rotation: Tensor, documents: Documents | None) -> Tensor:
        x = x + self.self_attn(self.input_layernorm(x), rotation, documents)
        out: Tensor = x + self.mlp(self.post_attention_layernorm(x))
        return out


class Output(nn.Linear):
    """Logits, or with targets the sum of the losses without ever holding the logits.

    As a tensor-parallel slice (its weight a DTensor) it takes this rank's part of the sequence.
    """

    def __init__(self, config: ModelConfig) -> None:
        super().__init__(config.dim, config.vocab, bias=False)

    def forward(self, hidden: Tensor, targets: Tensor | None = None) -> Tensor:  # type: ignore[override]
        weight, group, first = self.weight, None, 0
        if isinstance(weight, DTensor):
            mesh = weight.device_mesh
            whole = DTensor.from_local(hidden, mesh, [Shard(1)], run_check=False).redistribute(mesh, [Replicate()])
            hidden = whole.to_local(grad_placements=[Partial()])
            if targets is None:
                return hidden @ weight.full_tensor().t()
            pieces = weight.shape[0]
            weight, group = weight.to_local(), mesh.get_group()
            # As DTensor splits: ceil(pieces / ranks) each, the last ranks less.
            first = min(pieces, mesh.get_local_rank() * -(-pieces // mesh.size()))
        if targets is None:
            return F.linear(hidden, weight)
        return linear_cross_entropy(hidden.flatten(0, 1), weight, targets.flatten(), group=group, first=first)


class Decoder(nn.Module):
    """Embeddings, blocks and the last norm; a pipeline stage has some of them only, under the same names."""

    def __init__(self, config: ModelConfig, layers: range, *, first: bool, last: bool) -> None:
        super().__init__()
        self.config = config
        self.embed_tokens = nn.Embedding(config.vocab, config.dim) if first else None
        self.layers = nn.ModuleDict({str(number): Block(config) for number in layers})
        self.norm = nn.RMSNorm(config.dim, config.norm_eps) if last else None

    def forward(self, x: Tensor, length: int, documents: Documents | None) -> Tensor:
        if self.embed_tokens is not None:
            x = self.embed_tokens(x)
        rotation = rotation_table(length, self.config.head_dim, self.config.rope_theta, x.device)
        for block in self.layers.values():
            x = block(x, rotation, documents)
        return x if self.norm is None else self.norm(x)


class Llama(nn.Module):
    """A whole model, or a pipeline stage of one: blocks `layers`, embeddings if `first`, output if `last`."""

    def __init__(
        self, config: ModelConfig, layers: range | None = None, *, first: bool = True, last: bool = True
    ) -> None:
        super().__init__()
        self.config = config
        self.model = Decoder(config, range(config.layers) if layers is None else layers, first=first, last=last)
        self.lm_head = Output(config) if last else None

    def forward(
        self, x: Tensor, targets: Tensor | None = None, documents: Tensor | None = None, length: int | None = None
    ) -> Tensor:
        """Logits [batch, T, vocab]; with targets [batch, T] the sum of their losses, fp32 [1]; of a stage, hidden.

        x: ids [batch, T], or the stage before's output. documents: [batch, T] numbers, to attend within documents.
        length: T where x does not show it (a stage under sequence parallelism).
        """
        mask = None if documents is None else Documents.of(documents)
        x = self.model(x, length or x.shape[1], mask)
        if self.lm_head is None:
            return x
        out: Tensor = self.lm_head(x, targets)
        return out if targets is None else torch.stack([out])


@torch.no_grad()
def initialize(model: Llama, seed: int) -> None:
    """Normal weights of deviation 0.02, those that end a residual branch divided by sqrt(2 layers) (GPT-2 §2.3).

    Each parameter is drawn whole from a generator of its own name, then cut to the part held here: the values are the
    same for any number of ranks and any plan.
    """
    from torch.distributed.tensor._utils import compute_local_shape_and_global_offset

    for name, parameter in model.named_parameters():
        name = plain_name(name)
        local = parameter.to_local() if isinstance(parameter, DTensor) else parameter
        if name.endswith("norm.weight"):
            local.fill_(1.0)
            continue
        std = INITIAL_STD
        if name.endswith(("o_proj.weight", "down_proj.weight")):
            std /= (2 * model.config.layers) ** 0.5
        digest = hashlib.sha256(f"{seed}:{name}".encode()).digest()
        generator = torch.Generator(local.device).manual_seed(int.from_bytes(digest[:7], "big"))
        whole = torch.empty(parameter.shape, dtype=torch.float32, device=local.device)
        whole.normal_(0.0, std, generator=generator)
        if isinstance(parameter, DTensor):
            shape, offset = compute_local_shape_and_global_offset(
                parameter.shape, parameter.device_mesh, parameter.placements
            )
            for axis, (size, start) in enumerate(zip(shape, offset, strict=True)):
                whole = whole.narrow(axis, min(start, whole.shape[axis]), size)
        local.copy_(whole)


def plain_name(name: str) -> str:
    """A parameter's name without what activation checkpointing and compilation put into it."""
    return name.replace("_checkpoint_wrapped_module.", "").replace("_orig_mod.", "")
