"""Batches of a mixture of sources: the same on any number of ranks, and resumed from one count per source."""

from __future__ import annotations

import queue
import threading
import weakref
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from curate.errors import UserError
from curate.training.corpus import Corpus, Source, Spans, Split, split
from curate.training.cross_entropy import IGNORED
from curate.training.order import Integers, Mixture, Order

__all__ = [
    "IGNORED", "Batch", "Batches", "Corpus", "Mixture", "Order", "Source", "Spans", "Split", "split",
    "targets",
]  # fmt: skip

_AHEAD = 2
"""Batches read ahead."""


@dataclass(frozen=True, slots=True)
class Batch:
    """A rank's part of a global batch of n sequences a rank.

    tokens: int64 [n, sequence + 1]; sources: int64 [n], positions in `Batches.names`; valid: bool [n], False for the
    sequences (of zeros, source -1) that make ranks equal; state_after: what resumes after this batch.
    """

    tokens: Tensor
    sources: Integers
    valid: Tensor
    state_after: dict[str, Any]


class Batches:
    """An endless iterator over the steps of one rank, read ahead in a thread. Close it, or use it in a `with`.

    Sample j of a global batch goes to rank j % ranks, so the global batch is the same on any number of ranks; ranks
    get equally many microbatches.

    weights: share of each source, none: by tokens; state: a batch's `state_after`. UserError for a source that is not
    there or too short for one window, and for a state of other data, sequence, seed or held-out shards. The weights may
    differ from those of the state's run: sources far behind then come first.
    """

    def __init__(
        self,
        corpus: Corpus,
        weights: Mapping[str, float],
        sequence: int,
        batch_sequences: int,
        seed: int,
        rank: int = 0,
        ranks: int = 1,
        micro_batch: int = 1,
        state: Mapping[str, Any] | None = None,
    ) -> None:
        made_of = {
            "fingerprint": corpus.fingerprint,
            "held_out_shards": corpus.held_out_shards,
            "sequence": sequence,
            "seed": seed,
        }
        counts = dict.fromkeys(corpus.names, 0) | _counts(corpus, made_of, state)
        shares = _shares(corpus, weights or corpus.mixture, sequence)
        mixture = Mixture(shares, counts)
        self.names: list[str] = mixture.names
        self.weights = {name: share / sum(shares.values()) for name, share in shares.items()}
        self.state: dict[str, Any] = {"counts": counts, **made_of}
        """What resumes after the last batch taken."""
        sources = [corpus.source(name, sequence, seed) for name in self.names]
        a_rank = -(-batch_sequences // (ranks * micro_batch)) * micro_batch

        def read() -> Batch:
            taken = list(mixture.counts.values())
            chosen = mixture.take(batch_sequences)
            places = np.empty(batch_sequences, np.int64)
            for i in range(len(sources)):
                rows = np.flatnonzero(chosen == i)
                places[rows] = taken[i] + np.arange(len(rows))
            mine, places = chosen[rank::ranks], places[rank::ranks]
            tokens = np.empty((a_rank, sequence + 1), np.int64)
            tokens[len(mine) :] = 0
            for i, source in enumerate(sources):
                rows = np.flatnonzero(mine == i)
                source.read(places[rows], tokens, rows)
            padding = np.full(a_rank - len(mine), -1)
            return Batch(
                torch.from_numpy(tokens),
                np.concatenate([mine, padding]),
                torch.arange(a_rank) < len(mine),
                {"counts": counts | mixture.counts, **made_of},
            )

        self._ahead: queue.Queue[Batch | BaseException] = queue.Queue(_AHEAD)
        self._stop = threading.Event()
        self._failure: BaseException | None = None
        self._thread = threading.Thread(
            target=_produce, args=(read, self._ahead, self._stop), name="batches", daemon=True
        )
        weakref.finalize(self, self._stop.set)
        self._thread.start()

    def __iter__(self) -> Iterator[Batch]:
        return self

    def __next__(self) -> Batch:
        if self._stop.is_set():
            raise StopIteration
        if self._failure is None:
            item = self._ahead.get()
            if isinstance(item, Batch):
                self.state = item.state_after
                return item
            self._failure = item
        raise self._failure

    def __enter__(self) -> Batches:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Stop reading ahead; no batch comes after."""
        self._stop.set()
        self._thread.join()


def _produce(read: Callable[[], Batch], ahead: queue.Queue[Batch | BaseException], stop: threading.Event) -> None:
    while not stop.is_set():
        try:
            item: Batch | BaseException = read()
        except BaseException as failure:  # whatever it is, it is the caller's
            item = failure
        while not stop.is_set():
            try:
                ahead.put(item, timeout=0.2)
                break
            except queue.Full:
                continue
        if isinstance(item, BaseException):
            return


def _shares(corpus: Corpus, weights: Mapping[str, float], sequence: int) -> dict[str, float]:
    unknown = sorted(set(weights) - set(corpus.names))
    if unknown:
        raise UserError(f"the mixture names {', '.join(unknown)}; the data has {', '.join(corpus.names)}")
    fits = [name for name in corpus.names if corpus.windows(name, sequence)]
    wanted = {name: float(weight) for name, weight in weights.items() if weight}
    short = sorted(set(wanted) - set(fits))
    if short or not fits:
        raise UserError(f"{', '.join(short or corpus.names)}: not {sequence + 1} tokens in a row to train on")
    if weights and not wanted:
        raise UserError("every weight of the mixture is 0")
    return wanted or {name: float(corpus.tokens[name]) for name in fits}


def _counts(corpus: Corpus, made_of: Mapping[str, Any], state: Mapping[str, Any] | None) -> dict[str, int]:
    if state is None:
        return {}
    for key, value in made_of.items():
        if state.get(key) != value:
            raise UserError(f"cannot resume: the checkpoint was made with {key} {state.get(key)}, this run has {value}")
    unknown = sorted(set(state["counts"]) - set(corpus.names))
    if unknown:
        raise UserError(f"cannot resume: the checkpoint counts {', '.join(unknown)}, which the data does not have")
    return dict(state["counts"])


def targets(
    tokens: Tensor, valid: Tensor, document_mask: bool, eos: int, bos: int = -1
) -> tuple[Tensor, Tensor, Tensor | None]:
    """What a model is given and asked, of windows of T + 1 tokens.

    tokens: int64 [n, T + 1]; valid: bool [n]; eos, bos: `Corpus.eos_id` and `bos_id`. Returns the inputs [n, T], the
    targets [n, T] (`IGNORED` in sequences that are not valid), and with document_mask the number of each input's
    document within its window [n, T]; then the last token of a document is not asked for the next one's first.
    """
    inputs, wanted = tokens[:, :-1], tokens[:, 1:].clone()
    wanted[~valid] = IGNORED
    if not document_mask:
        return inputs, wanted, None
    ends = inputs == eos
    if bos == eos:  # one token for both: a document ends where two of them meet
        ends &= tokens[:, 1:] == bos
    wanted[ends] = IGNORED
    return inputs, wanted, ends.long().cumsum(1) - ends.long()
