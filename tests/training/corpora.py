"""A small corpus with something to learn in it, and a config of a model that learns it in a second."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from curate.training.config import TrainConfig
from tests.tokens.conftest import build

VOCABULARY = 64


def chain(source: int, document: int, length: int) -> list[int]:
    """Tokens that mostly follow one another by a rule of their source."""
    random = np.random.default_rng([source, document])
    tokens, token = [], int(random.integers(3, VOCABULARY))
    for _ in range(length):
        tokens.append(token)
        token = 3 + (token * (5 + 2 * source) + 1) % (VOCABULARY - 3)
        if random.random() < 0.1:
            token = int(random.integers(3, VOCABULARY))
    return tokens


def corpus(folder: Path, documents: int = 60, length: int = 80) -> Path:
    """Two sources, `book` and `web`, of a few row groups in three shards each."""
    root = folder / "tokens-of-two"
    if not root.exists():
        build(
            root,
            {
                name: {f"{name}-{i:04d}": chain(number, i, length) for i in range(documents)}
                for number, name in enumerate(("book", "web"))
            },
            shards=3,
            vocab_size=VOCABULARY,
            row_group_tokens=600,
        )
    return root


def tiny(folder: Path, output: str = "run", **changes: Any) -> TrainConfig:
    """Sixteen steps of six sequences; checkpoints at every fourth."""
    raw: dict[str, Any] = {
        "name": "test",
        "model": {"dim": 32, "layers": 2, "heads": 4, "kv_heads": 2, "ffn": 64, "vocab": VOCABULARY, "context": 32},
        "data": [str(corpus(folder))],
        "output": str(folder / output),
        "mixture": {"book": 0.25, "web": 0.75},
        "sequence": 32,
        "batch_tokens": 6 * 32,
        "micro_batch": 2,
        "tokens": 16 * 6 * 32,
        "optimizer": {"lr": 3e-3, "warmup": 4},
        "validate": {"every": 8, "sequences": 10},
        "checkpoint": {"every": 4, "keep": 2},
        "checksum_every": 4,
        "log_every": 1,
    }
    return TrainConfig.model_validate({**raw, **changes})
