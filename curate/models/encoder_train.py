"""Training an encoder classifier from nothing: the same examples give the same bytes (on a CPU)."""

from __future__ import annotations

import contextlib
import math
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import save
from torch import Tensor
from torch.nn import functional

from curate.errors import UserError
from curate.models.encoder_file import MOST_IDS, MOST_LABELS, EncoderFile, Sizes
from curate.models.encoder_model import Encoder, Ids, TokenRows, one_thread, token_ids
from curate.models.registry import resolve
from curate.tokens.tokenizer import load_tokenizer

# Without `epoch` about so many steps are taken, and each example is seen so often at least and at most.
STEPS, LEAST_EPOCHS, MOST_EPOCHS = 300, 2, 40
WARMUP, WEIGHT_DECAY, CLIP = 0.1, 0.01, 1.0
# So many tokens of an example are unknown to it, in place of those that new documents will have.
HIDDEN = 0.1


def epochs_of(examples: int, settings: Mapping[str, int | float]) -> int:
    """How often each example is seen."""
    wanted = math.ceil(STEPS * settings["batch"] / examples)
    return int(settings.get("epoch", min(max(wanted, LEAST_EPOCHS), MOST_EPOCHS)))


def train_encoder(
    examples: Sequence[tuple[str, str]],
    output: Path,
    tokenizer: str,
    settings: Mapping[str, int | float],
    *,
    half: bool = True,
    seed: int = 0,
    device: str = "cpu",
    progress: Callable[[str], None] = lambda line: None,
) -> EncoderFile:
    """Train on (label, text) pairs and write the model, whose bytes a CPU makes again.

    An epoch shows one window of each example, from a place drawn anew. tokenizer: reference; settings:
    `encoder_file.SETTINGS`; half: weights of 16 bits; device: `cpu` (one thread) or `cuda`, whose sums have no fixed
    order.
    """
    labels = tuple(sorted({label for label, _ in examples}))
    if len(labels) > MOST_LABELS:
        raise UserError(f"an encoder has at most {MOST_LABELS} labels; here are {len(labels)}")
    if settings["dim"] % settings["heads"]:
        raise UserError(f"--set dim={settings['dim']} is no multiple of heads={settings['heads']}")
    file = resolve(tokenizer)
    loaded = load_tokenizer(str(file.path), file.name)
    length, windows = int(settings["length"]), int(settings["windows"])
    ids = {text: token_ids(loaded, text, length, windows) for _, text in examples}
    known = _known(list(ids.values()), int(settings["minCount"]))
    sizes = Sizes(int(settings["layers"]), int(settings["dim"]), int(settings["heads"]), length, windows, len(known))
    rows = TokenRows(loaded, sizes, known)
    # A text that has no token gives no example.
    documents = [(labels.index(label), rows(text)) for label, text in examples if len(ids[text])]
    on_gpu = device != "cpu"
    with torch.random.fork_rng(devices=[torch.device(device)] if on_gpu else []), _threads(on_gpu):
        torch.manual_seed(seed)
        network = Encoder(sizes, len(labels), float(settings["dropout"]))
        torch.nn.init.normal_(network.tokens.weight, std=0.02)
        torch.nn.init.normal_(network.positions.weight, std=0.02)
        _learn(network.to(device).train(), documents, settings, length, device, progress)
    described = EncoderFile(sizes, labels, tokenizer, file.sha256)
    tensors = {name: tensor.cpu().contiguous() for name, tensor in network.state_dict().items()}
    if not all(bool(torch.isfinite(tensor).all()) for tensor in tensors.values()):
        raise UserError(f"the training diverged at lr={settings['lr']:g}: give a lower one with --set lr=")
    kept = {name: tensor.half() if half else tensor for name, tensor in tensors.items()}
    kept["ids"] = torch.from_numpy(known.astype(np.int32))
    output.write_bytes(save(kept, metadata=described.metadata()))
    return described


def _known(documents: Sequence[Ids], least: int) -> Ids:
    """The ids that so many different documents have, ascending."""
    counts = Counter(int(token) for ids in documents for token in np.unique(ids))
    found = sorted(token for token, count in counts.items() if count >= least)
    if not found:
        raise UserError(f"no token is in {least} documents or more: give a lower --set minCount=")
    return np.array(found[:MOST_IDS], np.int64)


def _learn(
    network: Encoder,
    documents: Sequence[tuple[int, Ids]],
    settings: Mapping[str, int | float],
    length: int,
    device: str,
    progress: Callable[[str], None],
) -> None:
    epochs, batch = epochs_of(len(documents), settings), int(settings["batch"])
    steps = epochs * math.ceil(len(documents) / batch)
    optimizer = torch.optim.AdamW(network.parameters(), lr=float(settings["lr"]), weight_decay=WEIGHT_DECAY)
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: _rate(step, steps))
    for epoch in range(epochs):
        losses = 0.0
        order = torch.randperm(len(documents)).tolist()
        for start in range(0, len(order), batch):
            chosen = [documents[place] for place in order[start : start + batch]]
            inputs, mask = _windows([rows for _, rows in chosen], length)
            targets = torch.tensor([label for label, _ in chosen])
            logits = network(inputs.to(device), mask.to(device))
            loss = functional.cross_entropy(logits, targets.to(device))
            optimizer.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            torch.nn.utils.clip_grad_norm_(network.parameters(), CLIP)
            optimizer.step()
            schedule.step()
            losses += loss.item() * len(chosen)
        progress(f"epoch {epoch + 1} of {epochs}: loss {losses / len(documents):.4f}")


def _rate(step: int, steps: int) -> float:
    """The share of the learning rate: up a line, down a cosine."""
    warm = max(WARMUP * steps, 1)
    if step < warm:
        return (step + 1) / (warm + 1)
    return 0.5 + 0.5 * math.cos(math.pi * min((step - warm) / max(steps - warm, 1), 1))


def _windows(documents: Sequence[Ids], length: int) -> tuple[Tensor, Tensor]:
    """One window of each, from a random place, filled up to the longest, and which of its rows are tokens."""
    starts = [int(torch.randint(max(len(rows) - length, 0) + 1, ())) for rows in documents]
    taken = [rows[start : start + length] for rows, start in zip(documents, starts, strict=True)]
    sizes = torch.tensor([len(rows) for rows in taken])
    inputs = torch.zeros(len(taken), int(sizes.max()), dtype=torch.int64)
    for place, rows in enumerate(taken):
        inputs[place, : len(rows)] = torch.from_numpy(rows)
    inputs[torch.rand(inputs.shape) < HIDDEN] = 0
    return inputs, torch.arange(inputs.shape[1])[None, :] < sizes[:, None]


@contextlib.contextmanager
def _threads(on_gpu: bool) -> Iterator[None]:
    with contextlib.nullcontext() if on_gpu else one_thread():
        yield
