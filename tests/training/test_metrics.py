from __future__ import annotations

import pytest

from curate.training.config import RECIPES, ModelConfig
from curate.training.metrics import PEAK_FLOPS, flops_per_token, matmul_parameters, mfu, peak_flops, training_flops

MHA = ModelConfig(dim=48, layers=3, heads=4, kv_heads=4, ffn=80, vocab=101, context=64)
GQA = ModelConfig(dim=32, layers=2, heads=4, kv_heads=2, ffn=56, vocab=97, context=64)


def forward_products(model: ModelConfig, rows: int, length: int) -> list[tuple[int, int, int]]:
    """Every matrix product (m, k, n) of a forward pass, [m, k] times [k, n], one by one."""
    tokens, head = rows * length, model.dim // model.heads
    block = [
        (tokens, model.dim, model.heads * head),  # q
        (tokens, model.dim, model.kv_heads * head),  # k
        (tokens, model.dim, model.kv_heads * head),  # v
        *[(length, head, length)] * (rows * model.heads),  # scores
        *[(length, length, head)] * (rows * model.heads),  # mix
        (tokens, model.heads * head, model.dim),  # o
        (tokens, model.dim, model.ffn),  # gate
        (tokens, model.dim, model.ffn),  # up
        (tokens, model.ffn, model.dim),  # down
    ]
    return block * model.layers + [(tokens, model.dim, model.vocab)]


@pytest.mark.parametrize("model", [MHA, GQA], ids=["mha", "gqa"])
@pytest.mark.parametrize(("rows", "length"), [(1, 2), (3, 16), (2, 64)])
def test_flops_are_those_of_every_product_and_its_two_gradients(model: ModelConfig, rows: int, length: int) -> None:
    once = sum(2 * m * k * n for m, k, n in forward_products(model, rows, length))
    assert flops_per_token(model, length) * rows * length == 3 * once


@pytest.mark.parametrize("model", [MHA, GQA], ids=["mha", "gqa"])
def test_flops_are_those_that_torch_counts_on_the_model(model: ModelConfig) -> None:
    import torch
    from torch.nn.attention import SDPBackend, sdpa_kernel
    from torch.utils.flop_counter import FlopCounterMode

    from curate.training.model import Llama, initialize

    llama = Llama(model)
    initialize(llama, 0)
    rows, length = 2, 24
    ids = torch.arange(rows * length).view(rows, length) % model.vocab
    # The plain kernel shows torch its products; the fused ones recompute scores in the backward pass.
    with sdpa_kernel(SDPBackend.MATH), FlopCounterMode(display=False) as counter:
        llama(ids).sum().backward()
    assert counter.get_total_flops() == flops_per_token(model, length) * rows * length


@pytest.mark.parametrize("length", [1, 2, 7, 64])
def test_causal_flops_count_only_the_positions_before(length: int) -> None:
    seen = sum(position + 1 for position in range(length))
    attention = GQA.layers * seen * GQA.dim * 2 * 2 * 3
    assert flops_per_token(GQA, length, causal=True) * length == 6 * matmul_parameters(GQA) * length + attention


def test_matmul_parameters_are_all_but_norms_and_input_embedding() -> None:
    for recipe in RECIPES.values():
        model = recipe.model
        outside = model.vocab * model.dim + (2 * model.layers + 1) * model.dim
        assert matmul_parameters(model) == model.parameters - outside


def test_flops_of_llama_7b_by_hand() -> None:
    # 32 x (4 x 4096^2 + 3 x 4096 x 11008) + 32000 x 4096 = 6,607,077,376 parameters.
    # Attention: 12 x 32 x 4096 x 2048.
    model = RECIPES["llama1-7b"].model
    assert flops_per_token(model, 2048) == 6 * 6_607_077_376 + 3_221_225_472
    assert training_flops(model, 2048, 10**12) == flops_per_token(model, 2048) * 10**12


def test_mfu_of_llama_65b_as_its_authors_ran_it() -> None:
    # LLaMA section 2.4: about 380 tokens/s a GPU on 2,048 A100: 6 x 65.0B + 12 x 80 x 8192 x 2048 a token, of 312e12.
    model = RECIPES["llama1-65b"].model
    share = mfu(flops_per_token(model, 2048), 380 * 2048, 2048, peak_flops("NVIDIA A100-SXM4-80GB", "bf16"))
    assert share == pytest.approx(0.4946, abs=5e-4)


def test_mfu_is_one_when_the_peak_is_reached_by_every_rank() -> None:
    assert mfu(100, 50.0, 5, 1000.0) == 1.0


def test_no_mfu_without_a_known_peak() -> None:
    assert mfu(100, 50.0, 5, None) is None


@pytest.mark.parametrize(
    "device", ["cpu", "", "NVIDIA A100-SXM4-40GB MIG 1g.5gb", "NVIDIA H100", "NVIDIA A100-SXM-64GB"]
)
def test_no_peak_for_a_device_that_is_not_listed_whole(device: str) -> None:
    assert peak_flops(device, "bf16") is None


def test_peaks_are_for_bf16_only() -> None:
    assert all(peak_flops(device, "bf16") == peak for device, peak in PEAK_FLOPS.items())
    assert all(peak_flops(device, "fp32") is None for device in PEAK_FLOPS)
