"""Small `tokens/v1` datasets, and a SentencePiece model trained on text made here."""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import sentencepiece

from curate.storage import join
from curate.tokens.index import write_index, write_manifest
from curate.tokens.order import part_of
from curate.tokens.schema import TokenizerInfo, part_file
from curate.tokens.writer import sorted_rows, write_part

Documents = Mapping[str, list[int]]


def build(
    root: str | Path,
    sources: Mapping[str, Documents],
    *,
    shards: int = 2,
    vocab_size: int = 32_000,
    delimiters: str = "bos_eos",
    seed: int = 7,
    row_group_tokens: int = 8,
) -> list[dict[str, Any]]:
    """Write a whole dataset of these documents (id → ids of its text) and return its parts."""
    info = TokenizerInfo("test", "0" * 64, vocab_size, 1, 2)
    parts = []
    for source, documents in sources.items():
        homes = part_of(list(documents), shards).tolist()
        for shard in range(shards):
            ids = [i for i, home in zip(documents, homes, strict=True) if home == shard]
            flat = np.array([token for i in ids for token in documents[i]], np.uint32)
            lengths = np.array([len(documents[i]) for i in ids], np.int64)
            part = write_part(
                join(str(root), part_file(source, shard, shards)),
                source=source,
                shard=shard,
                shards=shards,
                rows=sorted_rows(ids, flat, lengths, seed),
                tokenizer=info,
                delimiters=delimiters,
                seed=seed,
                row_group_tokens=row_group_tokens,
            )
            parts.append(part.to_json())
    fingerprint = write_index(str(root), parts)
    write_manifest(str(root), parts=parts, fingerprint=fingerprint, tokenizer=info, delimiters=delimiters, seed=seed)
    return parts


@pytest.fixture(name="build")
def build_fixture() -> Callable[..., list[dict[str, Any]]]:
    return build


WORDS = [
    "the",
    "a",
    "corpus",
    "of",
    "small",
    "words",
    "that",
    "grow",
    "into",
    "longer",
    "ones",
    "café",
    "東京",
    "мир",
    "1234",
]


@pytest.fixture(scope="session")
def sentencepiece_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """BPE with LLaMA's settings: digits split, byte fallback, no normal form; 360 pieces."""
    lines = [" ".join(WORDS[(i * 7 + k * k) % len(WORDS)] for k in range(12)) for i in range(300)]
    out = io.BytesIO()
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(lines),
        model_writer=out,
        model_type="bpe",
        vocab_size=360,
        split_digits=True,
        byte_fallback=True,
        normalization_rule_name="identity",
        remove_extra_whitespaces=False,
        allow_whitespace_only_pieces=True,
        num_threads=1,
        minloglevel=2,
    )
    path = tmp_path_factory.mktemp("model") / "tiny.model"
    path.write_bytes(out.getvalue())
    return path
