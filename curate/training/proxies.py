"""Small models from which the mix is chosen: which to train, and each result kept, so that none is trained twice."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from curate.manifest import apply_settings
from curate.storage import BrokenSeal, canonical, exists, join, read_sealed, remove, write_sealed
from curate.training.config import (
    Checkpoint,
    ModelConfig,
    Optimizer,
    TrainConfig,
    Validate,
    load_config,
    parse_config,
    what_is_computed,
)

TrainProxy = Callable[[dict[str, float], ModelConfig, int], Mapping[str, float]]
"""(share of each source, model, steps) -> validation loss of each source, nats per token."""

PROXY = TrainConfig(
    name="proxy",
    model=ModelConfig(dim=64, layers=2, heads=2, kv_heads=2, ffn=176, context=128),
    sequence=128,
    batch_tokens=1024,
    micro_batch=8,
    tokens=1024 * 120,
    optimizer=Optimizer(lr=3e-3, warmup=12),
    validate=Validate(every=10**9, sequences=64),
    checkpoint=Checkpoint(every=10**9, keep=1),
    checksum_every=10**9,
)
"""What the sample's mixes are compared with: some seconds each on a CPU. RegMix's proxies have 1M parameters."""

CORNER = 0.8
"""Share of the source that a near-corner mix is nearly all of."""
CONCENTRATION = (0.2, 4.0)
"""Of the Dirichlet distributions mixes are drawn from, per source: few sources at a time, to nearly the same mix."""
TEMPERATURE = 0.5
"""Power of the tokens' shares that mixes are drawn around, so that small sources are seen (as RegMix does)."""
UNITS = 10_000
"""Shares are whole multiples of 1 / UNITS, so that they are the same in any file."""
_DRAWS = 100
"""Until a mix is one that was not tried: two runs of one mix tell nothing new, and cross-validation would see both."""
SIZES = (0.5, 1.0, 2.0)
LENGTHS = (0.25, 0.5, 1.0)
"""The grid of models and steps, relative to the proxy's, that Chinchilla's law is fitted on."""


@dataclass(frozen=True, slots=True)
class Proxy:
    """One small model to train. weights: share of each source."""

    weights: dict[str, float]
    model: ModelConfig
    steps: int


def configured(recipe: str | None, settings: Sequence[str] = ()) -> TrainConfig:
    """A proxy's training: of a recipe or YAML file, or PROXY, changed by settings as `load_config` takes them."""
    if recipe is not None:
        return load_config(recipe, settings)
    return parse_config(apply_settings(PROXY.model_dump(by_alias=True), settings), "--set")


def sample_mixtures(tokens: Mapping[str, int], runs: int, seed: int) -> list[dict[str, float]]:
    """Mixes to try: the tokens' own shares, one near each corner, then draws around the shares.

    tokens: of each source, above 0. Mix i does not depend on `runs`: more runs are the same ones and others.
    """
    names = sorted(tokens)
    shares = np.array([tokens[name] for name in names], dtype=np.float64)
    around = shares**TEMPERATURE / (shares**TEMPERATURE).sum()
    first = [shares / shares.sum(), *(CORNER * corner + (1 - CORNER) * around for corner in np.eye(len(names)))]
    mixes = [in_units(dict(zip(names, mix.tolist(), strict=True))) for mix in first[:runs]]
    low, high = np.log(CONCENTRATION)
    for number in range(len(mixes), runs):
        rng = np.random.default_rng([seed, number])
        for _ in range(_DRAWS):
            mix = rng.dirichlet(np.exp(rng.uniform(low, high)) * len(names) * around)
            drawn = in_units(dict(zip(names, mix.tolist(), strict=True)))
            if drawn not in mixes:
                break
        mixes.append(drawn)
    return mixes


def in_units(mix: Mapping[str, float]) -> dict[str, float]:
    """Shares in whole units that sum to one exactly: the largest remainders are rounded up."""
    total = sum(mix.values())
    exact = {name: share / total * UNITS for name, share in sorted(mix.items())}
    units = {name: math.floor(share) for name, share in exact.items()}
    left = UNITS - sum(units.values())
    for name in sorted(exact, key=lambda name: (units[name] - exact[name], name))[:left]:
        units[name] += 1
    return {name: count / UNITS for name, count in units.items()}


def scaled(model: ModelConfig, factor: float) -> ModelConfig:
    """A model `factor` times as wide and as deep, with heads of the same size."""
    heads = max(1, round(model.heads * factor))
    return model.model_copy(
        update={
            "dim": heads * model.head_dim,
            "heads": heads,
            "kv_heads": math.gcd(heads, max(1, round(model.kv_heads * factor))),
            "ffn": max(8, round(model.ffn * heads / model.heads / 8) * 8),
            "layers": max(1, round(model.layers * factor)),
        }
    )


def scaling_grid(weights: dict[str, float], config: TrainConfig) -> list[Proxy]:
    """Models and durations around the proxy's, on one mix; the proxy's own is one of them."""
    grid = [
        Proxy(weights, scaled(config.model, size), max(1, round(config.steps * length)))
        for size in SIZES
        for length in LENGTHS
    ]
    return [proxy for place, proxy in enumerate(grid) if proxy not in grid[:place]]


def config_of(config: TrainConfig, proxy: Proxy) -> TrainConfig:
    """The run of a proxy: the config with its model, mix and steps, validated at the end only.

    Warm-up takes a tenth of the steps at most.
    """
    warmup = min(config.optimizer.warmup, max(1, proxy.steps // 10))
    return config.model_copy(
        update={
            "model": proxy.model,
            "mixture": proxy.weights,
            "tokens": proxy.steps * config.batch_sequences * config.sequence,
            "optimizer": config.optimizer.model_copy(update={"warmup": warmup}),
            "validate_": config.validate_.model_copy(update={"every": proxy.steps}),
        }
    )


def key_of(config: TrainConfig, proxy: Proxy, fingerprint: str) -> str:
    """Names all that a proxy's loss depends on: the data, the mix, the model and how it is trained."""
    run = config_of(config, proxy)
    # The fingerprint says which data, wherever it lies.
    asked = {key: value for key, value in what_is_computed(run).items() if key not in ("name", "data")}
    asked["validate"] = run.validate_.model_dump(mode="json")
    return hashlib.sha256(canonical({"data": fingerprint, "run": asked})).hexdigest()[:24]


@dataclass(frozen=True)
class Results:
    """Sealed results of proxies, one file each in `folder`, by what they depend on."""

    folder: str
    config: TrainConfig
    fingerprint: str

    def path(self, proxy: Proxy) -> str:
        return join(self.folder, f"{key_of(self.config, proxy, self.fingerprint)}.json")

    def read(self, proxy: Proxy) -> dict[str, float] | None:
        """Losses by source, of those that are finite; None when the proxy is still to be trained."""
        path = self.path(proxy)
        if not exists(path):
            return None
        try:
            losses = read_sealed(path)["losses"]
        except BrokenSeal:
            return None
        return {str(name): float(loss) for name, loss in losses.items()}

    def obtain(self, proxy: Proxy, train: TrainProxy) -> tuple[dict[str, float], bool]:
        """Losses by source, and whether the proxy was trained for them now."""
        found = self.read(proxy)
        if found is not None:
            return found, False
        losses = {name: float(loss) for name, loss in sorted(train(proxy.weights, proxy.model, proxy.steps).items())}
        finite = {name: loss for name, loss in losses.items() if math.isfinite(loss)}
        record: dict[str, Any] = {"weights": proxy.weights, "steps": proxy.steps, "losses": finite}
        record["parameters"] = proxy.model.parameters
        write_sealed(self.path(proxy), record)
        return finite, True


def proxy_trainer(config: TrainConfig, fingerprint: str, folder: str) -> TrainProxy:
    """Trains proxies with the bundled trainer, each in a folder of its own that goes when it is done.

    A proxy that was killed takes up from its newest checkpoint, where the config has any. KeyboardInterrupt when a
    signal stopped it.
    """
    from curate.training.loop import train

    def train_proxy(weights: dict[str, float], model: ModelConfig, steps: int) -> dict[str, float]:
        proxy = Proxy(weights, model, steps)
        output = join(folder, key_of(config, proxy, fingerprint))
        result = train(config_of(config, proxy).model_copy(update={"output": output}), say=lambda line: None)
        if result.stopped:
            raise KeyboardInterrupt
        remove(output)
        return dict(result.validation)

    return train_proxy
