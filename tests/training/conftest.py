"""A small Llama whose logits are far from even, beside a tokenizer of the package, or a tiktoken file made here."""

from __future__ import annotations

import base64
from itertools import pairwise
from pathlib import Path

import pytest
import torch

from curate.training.config import ModelConfig
from curate.training.model import Llama, initialize

TOKENIZER = Path(__file__).parents[2] / "curate" / "models" / "default" / "tokenizer-32k.model"
SHAPE = ModelConfig(dim=32, layers=2, heads=4, kv_heads=2, ffn=48, vocab=32_000, context=32)


@pytest.fixture(scope="session")
def tokenizer_file() -> Path:
    """The tokenizer that comes with the package."""
    return TOKENIZER


@pytest.fixture(scope="session")
def tiktoken_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiktoken file: bytes, and what merging the commonest neighbours of a text gives, 400 times."""
    text = (Path(__file__).parents[2] / "README.md").read_bytes()
    words = [[part.to_bytes(1, "big") for part in b" " + word] for word in text.split()[:3000]]
    ranks = {bytes([byte]): byte for byte in range(256)}
    while len(ranks) < 656:
        counts: dict[tuple[bytes, bytes], int] = {}
        for word in words:
            for pair in pairwise(word):
                counts[pair] = counts.get(pair, 0) + 1
        first, second = max(counts, key=lambda pair: (counts[pair], pair))
        ranks.setdefault(first + second, len(ranks))
        for word in words:
            place = 0
            while place < len(word) - 1:
                if (word[place], word[place + 1]) == (first, second):
                    word[place : place + 2] = [first + second]
                place += 1
    path = tmp_path_factory.mktemp("tiktoken") / "small.tiktoken"
    path.write_bytes(b"".join(b"%s %d\n" % (base64.b64encode(token), rank) for token, rank in ranks.items()))
    return path


@pytest.fixture(scope="session")
def model() -> Llama:
    """Tests must not change it."""
    made = Llama(SHAPE)
    initialize(made, 5)
    with torch.no_grad():
        for parameter in made.parameters():
            parameter.copy_(parameter * 12 if parameter.dim() > 1 else torch.rand_like(parameter) + 0.5)
    return made.eval().requires_grad_(False)
