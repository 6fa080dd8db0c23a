"""Tokens per second of training on this machine: ours beside transformers' Llama and a model of torch.nn alone.

    python -m bench.training [--steps 30] [--config tiny]

All three have the same shape, batch, AdamW and clipping, and learn from the same random tokens. Steps alternate, so a
machine that drifts drifts for all. Then the loader beside a raw memory map (see bench/loader.py).
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from bench import loader
from curate.training.config import ModelConfig, TrainConfig, load_config
from curate.training.model import initialize
from curate.training.optimizer import clip, gradient_norm, make_optimizer
from curate.training.parallel import Microbatch, Passes, build

Step = Callable[[Tensor, Tensor], None]


def ours(config: TrainConfig) -> Step:
    device = torch.device("cpu")
    model = build(config, None, device)
    initialize(model, 0)
    passes, optimizer = Passes(model, config, None, device), make_optimizer(model, config.optimizer)

    def step(inputs: Tensor, targets: Tensor) -> None:
        optimizer.zero_grad(set_to_none=True)
        passes.train([Microbatch(inputs, targets)], (targets != -100).sum())
        norm = gradient_norm(model.parameters(), None)
        clip(model.parameters(), norm, config.optimizer.clip)
        optimizer.step()

    return step


def transformers_llama(config: TrainConfig) -> Step:
    from transformers import LlamaConfig, LlamaForCausalLM

    shape = config.model
    model = LlamaForCausalLM(
        LlamaConfig(
            vocab_size=shape.vocab,
            hidden_size=shape.dim,
            intermediate_size=shape.ffn,
            num_hidden_layers=shape.layers,
            num_attention_heads=shape.heads,
            num_key_value_heads=shape.kv_heads,
            max_position_embeddings=shape.context,
            rms_norm_eps=shape.norm_eps,
            tie_word_embeddings=False,
            use_cache=False,
        )
    )
    return plain(model, config, lambda inputs, targets: model(input_ids=inputs, labels=inputs).loss)


class TorchOnly(nn.Module):
    """A decoder of the same shape from torch.nn's parts, trained as nanoGPT does: logits, then cross-entropy."""

    def __init__(self, shape: ModelConfig) -> None:
        super().__init__()
        self.shape = shape
        self.embed = nn.Embedding(shape.vocab, shape.dim)
        self.position = nn.Embedding(shape.context, shape.dim)
        keys = shape.kv_heads * shape.head_dim
        self.blocks = nn.ModuleList(
            nn.ModuleDict(
                {
                    "norm": nn.RMSNorm(shape.dim),
                    "qkv": nn.Linear(shape.dim, shape.dim + 2 * keys, bias=False),
                    "out": nn.Linear(shape.dim, shape.dim, bias=False),
                    "norm2": nn.RMSNorm(shape.dim),
                    "up": nn.Linear(shape.dim, 2 * shape.ffn, bias=False),
                    "down": nn.Linear(shape.ffn, shape.dim, bias=False),
                }
            )
            for _ in range(shape.layers)
        )
        self.norm = nn.RMSNorm(shape.dim)
        self.head = nn.Linear(shape.dim, shape.vocab, bias=False)

    def forward(self, inputs: Tensor, targets: Tensor) -> Tensor:
        shape = self.shape
        rows, length = inputs.shape
        keys = shape.kv_heads * shape.head_dim
        x = self.embed(inputs) + self.position(torch.arange(length))
        for block in self.blocks:
            assert isinstance(block, nn.ModuleDict)
            q, k, v = block["qkv"](block["norm"](x)).split([shape.dim, keys, keys], -1)
            heads = [part.view(rows, length, -1, shape.head_dim).transpose(1, 2) for part in (q, k, v)]
            mixed = F.scaled_dot_product_attention(*heads, is_causal=True, enable_gqa=shape.heads != shape.kv_heads)
            x = x + block["out"](mixed.transpose(1, 2).reshape(rows, length, -1))
            gate, up = block["up"](block["norm2"](x)).chunk(2, -1)
            x = x + block["down"](F.silu(gate) * up)
        logits = self.head(self.norm(x))
        return F.cross_entropy(logits.view(-1, shape.vocab), targets.reshape(-1))


def torch_only(config: TrainConfig) -> Step:
    model = TorchOnly(config.model)
    return plain(model, config, model)


def plain(model: nn.Module, config: TrainConfig, loss_of: Callable[[Tensor, Tensor], Tensor]) -> Step:
    """A training step as tutorials have it, with the same fused AdamW as ours."""
    optimizer = torch.optim.AdamW(model.parameters(), lr=config.optimizer.lr, betas=(0.9, 0.95), fused=True)

    def step(inputs: Tensor, targets: Tensor) -> None:
        optimizer.zero_grad(set_to_none=True)
        loss_of(inputs, targets).backward()
        nn.utils.clip_grad_norm_(model.parameters(), config.optimizer.clip)
        optimizer.step()

    return step


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--steps", type=int, default=30)
    arguments.add_argument("--config", default="tiny")
    arguments.add_argument("--tokens", type=int, default=100, help="millions of tokens for the loader to read")
    options = arguments.parse_args()
    config = load_config(options.config)
    kinds = {"curate": ours, "transformers' Llama": transformers_llama, "torch.nn alone": torch_only}
    torch.manual_seed(0)
    tokens = torch.randint(0, config.model.vocab, (config.batch_sequences, config.sequence + 1))
    inputs, targets = tokens[:, :-1].contiguous(), tokens[:, 1:].contiguous()
    steps = {name: make(config) for name, make in kinds.items()}
    seconds: dict[str, list[float]] = {name: [] for name in kinds}
    for number in range(options.steps + 1):
        for name, step in steps.items():
            start = time.perf_counter()
            step(inputs, targets)
            if number:  # the first one warms up
                seconds[name].append(time.perf_counter() - start)
    print(
        f"{config.name}: {config.model.parameters:,} parameters, batch {config.batch_sequences} x {config.sequence}, "
        f"{torch.get_num_threads()} threads, median of {options.steps} steps"
    )
    own = statistics.median(seconds["curate"])
    for name, found in seconds.items():
        median = statistics.median(found)
        print(f"{name:22} {inputs.numel() / median:10,.0f} tokens/s   ours is {median / own:5.2f} times that")
    loader.measure(options.tokens * 10**6, [2048, config.sequence], 3)


if __name__ == "__main__":
    main()
