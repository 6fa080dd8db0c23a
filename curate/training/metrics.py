"""How much arithmetic a token takes, and what share of a device's peak a run reached (PaLM, 2022, appendix B).

Counted are the matrix products that a forward and a backward pass must do, and nothing that an implementation adds:
recomputed activations do not count (this is MFU, not hardware utilisation), nor do norms, softmax, rotary positions
and the input embedding, which is looked up. A multiplication and its addition are two operations.
"""

from __future__ import annotations

from typing import Literal

from curate.training.config import ModelConfig

PEAK_FLOPS: dict[str, float] = {
    "NVIDIA A100-SXM4-40GB": 312e12,
    "NVIDIA A100-SXM4-80GB": 312e12,
    "NVIDIA A100-PCIE-40GB": 312e12,
    "NVIDIA A100 80GB PCIe": 312e12,
    "NVIDIA H100 80GB HBM3": 989e12,
    "NVIDIA H100 PCIe": 756e12,
    "NVIDIA H100 NVL": 835e12,
    "NVIDIA H200": 989e12,
    "NVIDIA GH200 480GB": 989e12,
    "NVIDIA B200": 2250e12,
    # 383e12 is the module's; software sees its two dies as two devices.
    "AMD Instinct MI250X": 191.5e12,
    "AMD Instinct MI300X": 1307e12,
}
"""Dense bf16 operations per second that makers' data sheets state, by the name a driver gives a whole device.

Matched whole: a partition (MIG) or a variant with fewer units starts with the same words and has another peak.
"""


def matmul_parameters(model: ModelConfig) -> int:
    """Parameters that every token is multiplied with: blocks and the output, without norms and input embedding."""
    return model.layers * (model.layer_parameters - 2 * model.dim) + model.vocab * model.dim


def flops_per_token(model: ModelConfig, sequence: int, *, causal: bool = False) -> int:
    """Operations a token takes in training, in windows of `sequence` tokens: 6 N + 12 layers dim sequence.

    Forward 2 a parameter, backward 4; of attention, scores and mix of all `sequence` positions, as PaLM counts and
    published MFU figures mostly do. causal: only the (sequence + 1) / 2 positions that a token sees on average. Masks
    across documents change neither.
    """
    positions = sequence + 1 if causal else 2 * sequence
    return 6 * matmul_parameters(model) + 6 * model.layers * model.dim * positions


def training_flops(model: ModelConfig, sequence: int, tokens: int, *, causal: bool = False) -> int:
    """Operations of a whole run over `tokens` tokens."""
    return flops_per_token(model, sequence, causal=causal) * tokens


def peak_flops(device: str, precision: Literal["bf16", "fp32"]) -> float | None:
    """Dense operations per second of a device by its driver's name; None where no documented figure applies.

    None for fp32 on any device: what it reaches depends on whether products may be rounded to TF32.
    """
    return PEAK_FLOPS.get(device) if precision == "bf16" else None


def mfu(token_flops: int, tokens_per_second: float, ranks: int, peak: float | None) -> float | None:
    """Share of the peak that was used, 0 to 1, from the tokens per second of all ranks; None if no peak is known."""
    return None if peak is None else token_flops * tokens_per_second / (ranks * peak)
