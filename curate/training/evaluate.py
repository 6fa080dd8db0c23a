"""How well a model predicts: of held-out windows, of plain text, of continuations; and what it writes by itself.

Sums are of natural logarithms. Perplexity is exp of the nats a token; bits a byte can be compared between tokenizers.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as F
from torch import Tensor

from curate.errors import UserError
from curate.tokens.tokenizer import Tokenizer
from curate.training.cross_entropy import IGNORED
from curate.training.data import Corpus, targets
from curate.training.model import Llama
from curate.training.vocabulary import Vocabulary

Ids = Sequence[int]


@dataclass(frozen=True, slots=True)
class Score:
    """nats: summed over `tokens` predicted ones, delimiters too; bytes: of their text, None where it is not known."""

    nats: float
    tokens: int
    bytes: int | None = None

    @property
    def loss(self) -> float:
        """Nats a token; nan of no tokens."""
        return self.nats / self.tokens if self.tokens else math.nan

    @property
    def perplexity(self) -> float:
        return math.inf if self.loss > 700 else math.exp(self.loss)

    @property
    def bits_per_byte(self) -> float | None:
        return self.nats / math.log(2) / self.bytes if self.bytes else None

    def line(self) -> str:
        """The three measures and the count."""
        bits = "" if self.bits_per_byte is None else f", {self.bits_per_byte:.4f} bits a byte"
        return f"{self.loss:.4f} nats a token, perplexity {self.perplexity:.2f}{bits} ({self.tokens:,} tokens)"


@torch.inference_mode()
def perplexity(
    model: Llama,
    windows: npt.NDArray[np.int64],
    *,
    batch: int = 8,
    vocabulary: Vocabulary | None = None,
    document_mask: bool = False,
    eos: int = -1,
    bos: int = -1,
) -> Score:
    """Score windows [n, T + 1]: every token but the first of each, given those before it in its window.

    vocabulary: to count bytes; document_mask: attend within documents, as a model was trained that way; eos, bos:
    where documents end and begin.
    """
    device, nats, count = _device(model), 0.0, 0
    for start in range(0, len(windows), batch):
        tokens = torch.from_numpy(windows[start : start + batch])
        valid = torch.ones(len(tokens), dtype=torch.bool)
        inputs, wanted, numbers = targets(tokens, valid, document_mask, eos, bos)
        documents = None if numbers is None else numbers.to(device)
        nats += float(model(inputs.to(device), wanted.to(device), documents))
        count += int((wanted != IGNORED).sum())
    size = None if vocabulary is None else vocabulary.text_bytes(windows[:, :-1].ravel(), windows[:, 1:].ravel())
    return Score(nats, count, size)


def evaluate_data(
    model: Llama,
    corpus: Corpus,
    *,
    sequence: int | None = None,
    limit: int = 1024,
    batch: int = 8,
    vocabulary: Vocabulary | None = None,
    document_mask: bool = False,
) -> dict[str, Score]:
    """Score at most `limit` held-out windows of every source that has one; sequence: by default the model's context."""
    if corpus.vocab_size > model.config.vocab:
        raise UserError(
            f"the tokens go up to {corpus.vocab_size:,} and the model's vocabulary to {model.config.vocab:,}"
        )
    scores = {}
    for name in corpus.names:
        windows = corpus.held_out(name, sequence or model.config.context, limit)
        if len(windows):
            scores[name] = perplexity(
                model,
                windows,
                batch=batch,
                vocabulary=vocabulary,
                document_mask=document_mask,
                eos=corpus.eos_id,
                bos=corpus.bos_id,
            )
    return scores


def score_text(
    model: Llama, tokenizer: Tokenizer, text: str, begin: int, *, stride: int | None = None, batch: int = 8
) -> Score:
    """Score a text of any length, by windows that move on by `stride` (default: half the context).

    begin: the id before it. Each token is scored once, given at least context - stride tokens where so many precede.
    """
    ids = [begin, *tokenizer.encode_batch([text])[0].tolist()]
    nats = score_ids(model, ids, stride=stride or max(1, model.config.context // 2), batch=batch)
    return Score(nats, len(ids) - 1, len(text.encode("utf-8", "replace")))


@torch.inference_mode()
def score_ids(model: Llama, ids: Ids, *, stride: int, batch: int = 8) -> float:
    """Nats of every id but the first, each given the ids before it: see `score_text`."""
    context, device = model.config.context, _device(model)
    windows = list(rolling(len(ids), context, stride))
    nats = 0.0
    for start in range(0, len(windows), batch):
        part = windows[start : start + batch]
        # What is to the right of the end is neither seen nor scored.
        longest = max(end - begin for begin, _, end in part)
        inputs = torch.zeros((len(part), longest), dtype=torch.int64)
        wanted = torch.full((len(part), longest), IGNORED)
        for row, (begin, first, end) in enumerate(part):
            inputs[row, : end - begin] = torch.tensor(ids[begin:end])
            wanted[row, first - 1 - begin : end - begin] = torch.tensor(ids[first : end + 1])
        nats += float(model(inputs.to(device), wanted.to(device)))
    return nats


def rolling(length: int, context: int, stride: int) -> Iterator[tuple[int, int, int]]:
    """(begin, first, end): of `length` ids, those from first to end are predicted from begin on, `context` at most."""
    if not 1 <= stride <= context:
        raise ValueError(f"a stride of {stride} is not one of 1 to {context}")
    for first in range(1, length, stride):
        end = min(first + stride, length) - 1
        yield max(0, end - context), first, end


@torch.inference_mode()
def score_continuations(model: Llama, pairs: Sequence[tuple[Ids, Ids]], *, batch: int = 8) -> list[tuple[float, bool]]:
    """(log-probability of the continuation, whether each of its ids is the likeliest) of (what is before, it) pairs.

    The ids before must not be none. Of a pair that is too long the begin is cut. ValueError for a continuation longer
    than the context.
    """
    context, device = model.config.context, _device(model)
    if any(not before or len(after) > context for before, after in pairs):
        raise ValueError(f"a continuation needs something before it, and at most {context} ids")
    results: list[tuple[float, bool]] = [(0.0, True)] * len(pairs)
    order = sorted(range(len(pairs)), key=lambda i: (-len(pairs[i][0]) - len(pairs[i][1]), i))
    for start in range(0, len(order), batch):
        part = order[start : start + batch]
        rows = [[*pairs[i][0], *pairs[i][1]][-context - 1 :] for i in part]
        inputs = torch.zeros((len(part), max(len(row) for row in rows) - 1), dtype=torch.int64)
        for number, row in enumerate(rows):
            inputs[number, : len(row) - 1] = torch.tensor(row[:-1])
        hidden = model.model(inputs.to(device), inputs.shape[1], None)
        for number, i in enumerate(part):
            size, end = len(pairs[i][1]), len(rows[number]) - 1
            wanted = torch.tensor(pairs[i][1], dtype=torch.int64, device=device)
            chances = _logits(model, hidden[number, end - size : end]).log_softmax(-1)
            log = float(chances.gather(1, wanted.unsqueeze(1)).double().sum())
            results[i] = log, bool((chances.argmax(-1) == wanted).all())
    return results


@torch.inference_mode()
def generate_ids(
    model: Llama,
    ids: Ids,
    tokens: int,
    *,
    temperature: float = 1.0,
    top_p: float = 1.0,
    seed: int = 0,
    stop: Callable[[list[int]], bool] = lambda written: False,
) -> list[int]:
    """Up to `tokens` ids that follow `ids`, one at a time, until stop(those written) says so.

    temperature 0: always the likeliest; top_p: of the likeliest that together reach this probability (Holtzman et al.
    2020). The same seed gives the same ids. Each takes a pass over the whole context: plain, not fast.
    """
    generator = torch.Generator().manual_seed(seed)
    written: list[int] = []
    while len(written) < tokens and not stop(written):
        seen = torch.tensor([[*ids, *written][-model.config.context :]], device=_device(model))
        hidden = model.model(seen, seen.shape[1], None)
        written.append(choose(_logits(model, hidden[0, -1]).cpu(), temperature, top_p, generator))
    return written


def generate(
    model: Llama,
    tokenizer: Tokenizer,
    prompt: str,
    tokens: int,
    *,
    begin: int,
    temperature: float = 0.8,
    top_p: float = 0.95,
    seed: int = 0,
) -> str:
    """The prompt and what the model writes after it: `tokens` tokens, or fewer where it ends the document."""
    ids = [begin, *tokenizer.encode_batch([prompt])[0].tolist()]
    written = generate_ids(
        model,
        ids,
        tokens,
        temperature=temperature,
        top_p=top_p,
        seed=seed,
        stop=lambda written: written[-1:] == [tokenizer.eos_id],
    )
    # A model may have more ids than its tokenizer.
    return tokenizer.decode([number for number in [*ids, *written] if number < tokenizer.vocab_size])


def choose(logits: Tensor, temperature: float, top_p: float, generator: torch.Generator) -> int:
    """An id by its logits [pieces], fp32 on the CPU."""
    if temperature <= 0:
        return int(logits.argmax())
    chances, ids = (logits / temperature).softmax(-1).sort(descending=True, stable=True)
    # The likeliest stays always: nothing precedes it.
    chances = chances.where(chances.cumsum(-1) - chances < top_p, 0.0)
    chances[0] = chances[0].clamp_min(torch.finfo(chances.dtype).tiny)
    return int(ids[torch.multinomial(chances, 1, generator=generator)])


def _logits(model: Llama, hidden: Tensor) -> Tensor:
    assert model.lm_head is not None
    return F.linear(hidden, model.lm_head.weight).float()


def _device(model: Llama) -> torch.device:
    return next(model.parameters()).device
