"""What is trained: model sizes and recipes by name, any field of which can be set.

Sizes are LLaMA's (Touvron et al. 2023a, table 2), Llama-2's (2023b, §2.2) and Llama-3's (Grattafiori et al. 2024, table
3); so are learning rates, warm-up, batch of 4M tokens, and the tokens that each was trained on.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from curate.counts import Count
from curate.errors import UserError
from curate.manifest import apply_settings, read_yaml, validated
from curate.sections import nearest


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class ModelConfig(_Section):
    """A Llama's shape. `context` is the longest sequence it is made for."""

    dim: int = Field(ge=8)
    layers: int = Field(ge=1)
    heads: int = Field(ge=1)
    kv_heads: int = Field(ge=1)
    ffn: int = Field(ge=8)
    vocab: int = Field(32_000, ge=2)
    context: int = Field(2048, ge=2)
    rope_theta: float = Field(1e4, gt=0)
    norm_eps: float = Field(1e-5, gt=0)

    @model_validator(mode="after")
    def _divides(self) -> ModelConfig:
        if self.dim % self.heads or self.heads % self.kv_heads or self.head_dim % 2:
            raise ValueError(
                f"dim {self.dim} must be an even multiple of heads {self.heads}, and heads of kv_heads {self.kv_heads}"
            )
        return self

    @property
    def head_dim(self) -> int:
        return self.dim // self.heads

    @property
    def layer_parameters(self) -> int:
        """Parameters of one block: q, k, v, o; gate, up, down; two norms."""
        return 2 * self.dim * (self.heads + self.kv_heads) * self.head_dim + 3 * self.dim * self.ffn + 2 * self.dim

    @property
    def parameters(self) -> int:
        """All parameters: blocks, input and (untied) output embeddings, the last norm."""
        return self.layers * self.layer_parameters + 2 * self.vocab * self.dim + self.dim


class Optimizer(_Section):
    """AdamW and its schedule: linear warm-up, then a cosine to `min_lr` of the peak (LLaMA §2.3)."""

    lr: float = Field(3e-4, gt=0)
    min_lr: float = Field(0.1, ge=0, le=1)
    warmup: int = Field(2000, ge=0)
    beta1: float = Field(0.9, ge=0, lt=1)
    beta2: float = Field(0.95, ge=0, lt=1)
    eps: float = Field(1e-8, gt=0)
    weight_decay: float = Field(0.1, ge=0)
    """Not on norms."""
    clip: float = Field(1.0, gt=0)
    """Largest norm of the gradient."""


class Parallel(_Section):
    """How ranks are laid out: pipeline x replicate x shard x tensor. `shard` 0 takes all ranks that are left."""

    replicate: int = Field(1, ge=1)
    shard: int = Field(0, ge=0)
    tensor: int = Field(1, ge=1)
    """Ranks that share each matrix; the sequence is split over the same ranks between them."""
    pipeline: int = Field(1, ge=1)
    recompute: Literal["none", "selective", "full"] = "none"
    """Activation checkpointing: `full` keeps each block's input only, `selective` every other matmul too."""
    compile: bool = False
    precision: Literal["fp32", "bf16"] = "fp32"
    """bf16: parameters and activations of each pass; master weights, reductions and the optimizer stay fp32."""


class Validate(_Section):
    every: int = Field(1000, ge=1)
    sequences: int = Field(1024, ge=1)
    """At most this many held-out windows of each source."""


class Checkpoint(_Section):
    every: int = Field(1000, ge=1)
    keep: int = Field(3, ge=1)


class TrainConfig(_Section):
    """A whole run. `tokens` is the budget: `steps` batches of `batch_tokens`."""

    name: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$")
    model: ModelConfig
    data: tuple[str, ...] = ()
    """Folders of builds, or of tokens/v1 datasets."""
    output: str = ""
    mixture: Mapping[str, Annotated[float, Field(ge=0)]] = Field(default_factory=dict)
    """Share of each source; empty: as the data states where it is a built mixture, else by their tokens."""
    held_out_shards: int = Field(1, ge=0)
    """Last parts of each source, kept for validation."""
    sequence: int = Field(2048, ge=2)
    batch_tokens: Count = 4_194_304
    micro_batch: int = Field(1, ge=1)
    """Sequences a rank takes in one pass."""
    tokens: Count = 10**12
    document_mask: bool = False
    """Attend within documents only (Llama-3 §3.2)."""
    seed: int = 0
    optimizer: Optimizer = Optimizer()
    parallel: Parallel = Parallel()
    validate_: Validate = Field(Validate(), alias="validate")
    checkpoint: Checkpoint = Checkpoint()
    checksum_every: int = Field(100, ge=1)
    """Steps between comparisons of what ranks hold in common."""
    log_every: int = Field(10, ge=1)

    @model_validator(mode="after")
    def _fits(self) -> TrainConfig:
        if self.sequence > self.model.context:
            raise ValueError(f"sequence {self.sequence} is longer than the model's context {self.model.context}")
        if self.batch_tokens < self.sequence:
            raise ValueError(f"batch_tokens {self.batch_tokens} is less than one sequence of {self.sequence}")
        return self

    @property
    def batch_sequences(self) -> int:
        """Sequences of a global batch."""
        return self.batch_tokens // self.sequence

    @property
    def steps(self) -> int:
        """Optimizer steps of the run."""
        return max(1, round(self.tokens / (self.batch_sequences * self.sequence)))


def _model(*shape: int, vocab: int = 32_000, context: int = 2048, theta: float = 1e4, eps: float = 1e-5) -> ModelConfig:
    dim, layers, heads, kv_heads, ffn = shape
    return ModelConfig(
        dim=dim, layers=layers, heads=heads, kv_heads=kv_heads, ffn=ffn, vocab=vocab, context=context,
        rope_theta=theta, norm_eps=eps,
    )  # fmt: skip


def _recipe(name: str, model: ModelConfig, tokens: float, lr: float) -> TrainConfig:
    return TrainConfig(
        name=name,
        model=model,
        sequence=model.context,
        tokens=int(tokens),
        optimizer=Optimizer(lr=lr),
        parallel=Parallel(precision="bf16", recompute="selective", compile=True),
    )


_7B, _13B = (4096, 32, 32, 32, 11008), (5120, 40, 40, 40, 13824)
_30B, _65B = (6656, 60, 52, 52, 17920), (8192, 80, 64, 64, 22016)
_34B, _70B = (8192, 48, 64, 8, 22016), (8192, 80, 64, 8, 28672)
_8B = (4096, 32, 32, 8, 14336)

TINY = TrainConfig(
    name="tiny",
    model=_model(128, 4, 4, 2, 352, context=256),
    sequence=256,
    batch_tokens=2048,
    micro_batch=8,
    tokens=2048 * 100,
    optimizer=Optimizer(lr=2e-3, warmup=10),
    validate=Validate(every=25, sequences=64),
    checkpoint=Checkpoint(every=50, keep=2),
    checksum_every=50,
)
"""A model of 9M parameters that a laptop trains on the bundled sample in a minute."""

RECIPES: dict[str, TrainConfig] = {
    recipe.name: recipe
    for recipe in (
        TINY,
        _recipe("llama1-7b", _model(*_7B, eps=1e-6), 1.0e12, 3e-4),
        _recipe("llama1-13b", _model(*_13B, eps=1e-6), 1.0e12, 3e-4),
        _recipe("llama1-30b", _model(*_30B, eps=1e-6), 1.4e12, 1.5e-4),
        _recipe("llama1-65b", _model(*_65B, eps=1e-6), 1.4e12, 1.5e-4),
        _recipe("llama2-7b", _model(*_7B, context=4096), 2.0e12, 3e-4),
        _recipe("llama2-13b", _model(*_13B, context=4096), 2.0e12, 3e-4),
        _recipe("llama2-34b", _model(*_34B, context=4096), 2.0e12, 1.5e-4),
        _recipe("llama2-70b", _model(*_70B, context=4096), 2.0e12, 1.5e-4),
        _recipe("llama3-8b", _model(*_8B, vocab=128_256, context=8192, theta=5e5), 15e12, 3e-4),
        _recipe("llama3-70b", _model(*_70B, vocab=128_256, context=8192, theta=5e5), 15e12, 1.5e-4),
    )
}


def load_config(name: str, settings: Sequence[str] = ()) -> TrainConfig:
    """A recipe by name, or a YAML file (with `recipe:` to start from one), changed by `key.subkey=value` settings.

    `steps=N` stands for a budget of N batches, and a new `model.context` without a `sequence` is the sequence too.
    UserError in one line on any mistake.
    """
    raw: dict[str, Any] = {}
    base = name
    if name not in RECIPES:
        path = Path(name)
        if not path.is_file():
            raise UserError(f"no recipe or file {name!r}{nearest(name, list(RECIPES))}")
        raw = read_yaml(path, "a training recipe is a mapping")
        base = raw.pop("recipe", "")
        if base and (not isinstance(base, str) or base not in RECIPES):
            raise UserError(f"{name}: no recipe {base!r}{nearest(str(base), list(RECIPES))}")
    start = RECIPES[base].model_dump(by_alias=True) if base else {}
    asked = apply_settings(raw, settings)
    whole = _merged(start, asked)
    if isinstance(asked.get("model"), dict) and "context" in asked["model"] and "sequence" not in asked:
        whole["sequence"] = asked["model"]["context"]
    return parse_config(whole, name)


def parse_config(raw: Mapping[str, Any], where: str) -> TrainConfig:
    """A validated config, whose budget `steps` may say; UserError naming the key and the nearest known one."""
    config = validated(TrainConfig, {key: value for key, value in raw.items() if key != "steps"}, where)
    steps = raw.get("steps")
    if steps is None:
        return config
    if not isinstance(steps, int) or steps < 1:
        raise UserError(f"{where}: steps: must be a whole number above 0, not {steps!r}")
    return config.model_copy(update={"tokens": steps * config.batch_sequences * config.sequence})


def what_is_computed(config: TrainConfig) -> dict[str, Any]:
    """The settings, as JSON, on which the parameters of a run depend; how ranks are laid out changes but rounding."""
    settings = config.model_dump(mode="json", by_alias=True)
    parallel = settings["parallel"]
    for free in ("output", "parallel", "micro_batch", "checkpoint", "validate", "checksum_every", "log_every"):
        del settings[free]
    return {**settings, "parallel.precision": parallel["precision"]}


def _merged(base: Mapping[str, Any], change: Mapping[str, Any]) -> dict[str, Any]:
    merged = dict(base)
    for key, value in change.items():
        old = merged.get(key)
        # A mixture is one thing: shares that were not named anew are not kept.
        together = isinstance(old, Mapping) and isinstance(value, Mapping) and key != "mixture"
        merged[key] = _merged(old, value) if together else value  # type: ignore[arg-type]
    return merged
