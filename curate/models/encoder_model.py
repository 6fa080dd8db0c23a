"""A small transformer encoder that classifies documents (Llama-3 uses DistilRoberta so, Dubey et al. 2024, 3.1.1).

Pre-norm blocks with learned positions, the mean over the tokens of a window, and one linear layer. A document's
probabilities are the mean over its windows (`encoder_file.windows_of`). A text is scored by itself, in windows of their
own length, one thread: what else is scored before, after or beside it changes nothing.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor, nn
from torch.nn import functional

from curate.errors import UserError
from curate.models.encoder_file import EncoderFile, Sizes, parts, read_encoder_file, windows_of
from curate.models.registry import resolve
from curate.tokens.tokenizer import Tokenizer, load_tokenizer

Ids = npt.NDArray[np.int64]


class Block(nn.Module):
    """Attention over all tokens of a window, then a feed-forward layer four times as wide."""

    def __init__(self, dim: int, heads: int, dropout: float) -> None:
        super().__init__()
        self.heads, self.dropout = heads, dropout
        self.attention_norm, self.feed_norm = nn.LayerNorm(dim), nn.LayerNorm(dim)
        self.query_key_value, self.out = nn.Linear(dim, 3 * dim), nn.Linear(dim, dim)
        self.up, self.down = nn.Linear(dim, 4 * dim), nn.Linear(4 * dim, dim)

    def forward(self, states: Tensor, mask: Tensor | None) -> Tensor:
        """states: [batch, tokens, dim]; mask: [batch, tokens], True for a token, None where all are."""
        batch, tokens, dim = states.shape
        joined = self.query_key_value(self.attention_norm(states))
        query, key, value = joined.view(batch, tokens, 3, self.heads, dim // self.heads).permute(2, 0, 3, 1, 4)
        seen = None if mask is None else mask[:, None, None, :]
        mixed = functional.scaled_dot_product_attention(query, key, value, attn_mask=seen)
        states = states + self._drop(self.out(mixed.transpose(1, 2).reshape(batch, tokens, dim)))
        return states + self._drop(self.down(functional.gelu(self.up(self.feed_norm(states)))))

    def _drop(self, states: Tensor) -> Tensor:
        return functional.dropout(states, self.dropout, self.training)


class Encoder(nn.Module):
    """Windows of token rows to a logit for each label."""

    def __init__(self, sizes: Sizes, labels: int, dropout: float = 0.0) -> None:
        super().__init__()
        self.tokens = nn.Embedding(sizes.ids + 1, sizes.dim)
        self.positions = nn.Embedding(sizes.length, sizes.dim)
        self.blocks = nn.ModuleList(Block(sizes.dim, sizes.heads, dropout) for _ in range(sizes.layers))
        self.norm, self.head = nn.LayerNorm(sizes.dim), nn.Linear(sizes.dim, labels)

    def forward(self, rows: Tensor, mask: Tensor | None = None) -> Tensor:
        """rows: int64 [batch, tokens]; mask: [batch, tokens], True for a token, None where all are. [batch, labels]."""
        states = self.tokens(rows) + self.positions.weight[: rows.shape[1]]
        for block in self.blocks:
            states = block(states, mask)
        states = self.norm(states)
        if mask is None:
            return self.head(states.mean(1))  # type: ignore[no-any-return]
        weights = mask.to(states.dtype)[:, :, None]
        return self.head((states * weights).sum(1) / weights.sum(1))  # type: ignore[no-any-return]


class TokenRows:
    """Texts to rows of the embedding: 0 for every id that is not among `known` (ascending)."""

    def __init__(self, tokenizer: Tokenizer, sizes: Sizes, known: Ids) -> None:
        self._tokenizer, self._sizes = tokenizer, sizes
        self._table = np.zeros(tokenizer.vocab_size, np.int64)
        self._table[known] = np.arange(1, len(known) + 1)

    def __call__(self, text: str) -> Ids:
        """The rows of a text's tokens, or of its `parts`."""
        return self._table[token_ids(self._tokenizer, text, self._sizes.length, self._sizes.windows)]


def token_ids(tokenizer: Tokenizer, text: str, length: int, windows: int) -> Ids:
    """The ids of what is read of a text."""
    encoded = tokenizer.encode_batch(parts(text, length, windows)) if text.strip() else []
    return np.concatenate([np.zeros(0, np.int64), *encoded]).astype(np.int64)


class EncoderModel:
    """A trained encoder. UserError where the file is not one, or its tokenizer is not here or is another."""

    def __init__(self, path: Path) -> None:
        described = read_encoder_file(path)
        self._labels, self._sizes = described.labels, described.sizes
        tokenizer = tokenizer_of(path, described)
        with torch.device("meta"):  # no weights are drawn that the file's replace
            self._network = Encoder(described.sizes, len(described.labels))
        try:
            with safe_open(path, framework="pt") as file:
                tensors = {name: file.get_tensor(name) for name in described.tensors()}
        except (SafetensorError, OSError) as error:
            raise UserError(f"{path} cannot be read: {' '.join(str(error).split())[:200]}") from None
        known = tensors.pop("ids").numpy().astype(np.int64)
        if known[0] < 0 or known[-1] >= tokenizer.vocab_size or not bool((np.diff(known) > 0).all()):
            raise UserError(f"{path} is not an encoder classifier: its ids are not ascending ids of its tokenizer")
        weights = {name: tensor.float() for name, tensor in tensors.items()}
        if not all(bool(torch.isfinite(tensor).all()) for tensor in weights.values()):
            raise UserError(f"{path} is not an encoder classifier: a weight is not finite")
        self._network.load_state_dict(weights, assign=True)
        self._network.eval()
        self._rows = TokenRows(tokenizer, described.sizes, known)

    def labels(self) -> frozenset[str]:
        """All labels."""
        return frozenset(self._labels)

    def distribution(self, text: str) -> dict[str, float]:
        """P of each label; empty where no token is known."""
        rows = self._rows(text)
        if not rows.any():
            return {}
        starts = windows_of(len(rows), self._sizes.length, self._sizes.windows)
        windows = np.stack([rows[start : start + self._sizes.length] for start in starts])
        with torch.inference_mode(), one_thread():
            logits = self._network(torch.from_numpy(windows))
            found = torch.softmax(logits.double(), 1).mean(0).tolist()
        return dict(zip(self._labels, (min(max(value, 0.0), 1.0) for value in found), strict=True))


def tokenizer_of(path: Path, described: EncoderFile) -> Tokenizer:
    """The tokenizer that an encoder was trained with; UserError where it is not here, or is another."""
    try:
        file = resolve(described.tokenizer)
    except UserError as error:
        raise UserError(f"{path} needs its tokenizer: {error}") from None
    if file.sha256 != described.tokenizer_sha256:
        raise UserError(
            f"{path} was trained with a tokenizer {described.tokenizer} of sha256 {described.tokenizer_sha256[:12]}…, "
            f"but the one here ({file.path}) is {file.sha256[:12]}…"
        )
    return load_tokenizer(str(file.path), file.name)


@contextmanager
def one_thread() -> Iterator[None]:
    """Torch on one thread: the pipeline's own workers use the cores, and sums have one order."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)
