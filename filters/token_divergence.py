"""Outliers by their tokens: the Kullback-Leibler divergence of a page from the corpus of its language.

Llama-3 (Dubey et al. 2024, §3.1.1): "We use a token-distribution Kullback-Leibler divergence to filter out documents
containing excessive numbers of outlier tokens compared to the training corpus distribution." The paper says no more.

A page of n tokens, of which c are t, in a corpus of N tokens, of which C are t, K different ones:

    q(t) = (C - c + 1) / (N - n + K)            the rest of the corpus, no token impossible
    p(t) = (c + m q(t)) / (n + m)               the page, with m tokens of the corpus added (`prior_tokens`)
    divergence = Σ p(t) ln(p(t) / q(t))         in nats

Without the page taken out of the corpus, a small corpus would excuse its longest outlier. Without the m tokens it is
the shortest pages that diverge most, whatever they say; with them, lists of names, code and other languages stand out.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import ClassVar

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from pydantic import Field

from curate.corpus_counts import Counts
from curate.models.language_id import windows
from curate.models.registry import resolve
from curate.text.page import Page
from curate.tokens.tokenizer import Tokenizer, load_tokenizer
from filters.corpus_filter import CorpusFilter
from filters.filter import FilterConfig, Rule, Value, Verdict

SOURCE = "Llama-3 (Dubey et al. 2024, §3.1.1): token-distribution Kullback-Leibler divergence; the number is our own"
_DECIMALS = 4
"""Logarithms differ in their last digits between processors; verdicts must not."""


class TokenDivergenceConfig(FilterConfig):
    """tokenizer: reference of the one whose tokens are counted. sample_characters: what is read of a longer text, in
    eight windows; null reads all of it. prior_tokens: see the module. min_corpus_tokens: a language of which the corpus
    has fewer is not judged, since its distribution is not known.
    """

    tokenizer: str = "tokenizer-32k"
    sample_characters: int | None = Field(default=4000, ge=8)
    prior_tokens: int = Field(default=100, ge=1)
    max_divergence: float | None = Field(default=2.5, ge=0)
    min_corpus_tokens: int = Field(default=100_000, ge=1)


class TokenDivergence(CorpusFilter):
    """Kullback-Leibler divergence, in nats, of a page's tokens from those of all other pages of its language.

    Measurements: `language`, `tokens` read of the page; `corpus_tokens` of the other pages, and `divergence` from them.
    Memory is one count for each token of the vocabulary and language.
    """

    name = "token_divergence"
    Config = TokenDivergenceConfig
    columns: ClassVar[Mapping[str, pa.DataType]] = {
        "language": pa.string(),
        "tokens": pa.int32(),
        "histogram": pa.binary(),
    }
    corpus_columns: ClassVar[Mapping[str, pa.DataType]] = {"corpus_tokens": pa.int64(), "divergence": pa.float64()}
    few_groups = True
    rules: ClassVar[Sequence[Rule]] = (Rule("outlier_tokens", "divergence", "<=", "max_divergence", SOURCE),)
    deciding: ClassVar[frozenset[str]] = frozenset({"prior_tokens", "min_corpus_tokens"})
    config: TokenDivergenceConfig

    def models(self) -> list[str]:
        return [self.config.tokenizer]

    def load(self) -> None:
        _ = self._tokenizer

    @cached_property
    def _tokenizer(self) -> Tokenizer:
        model = resolve(self.config.tokenizer)
        return load_tokenizer(str(model.path), model.name)

    def measure(self, page: Page) -> dict[str, Value]:
        (ids,) = self._tokenizer.encode_batch([windows(page.text, self.config.sample_characters)])
        keys, counts = np.unique(ids, return_counts=True)
        packed = keys.astype("<u4").tobytes() + counts.astype("<u4").tobytes()
        return {"language": page.language, "tokens": len(ids), "histogram": packed}

    def asks(self) -> bool:
        return self.config.max_divergence is not None

    def counting(self) -> dict[str, Value]:
        return {**self.measuring(), "prior_tokens": self.config.prior_tokens}

    def counts(self, measured: Mapping[str, Value]) -> Counts | None:
        """The page's tokens, in the group of its language."""
        packed = measured["histogram"]
        if not isinstance(packed, bytes) or not packed:
            return None
        keys, counts = np.split(np.frombuffer(packed, "<u4"), 2)
        return Counts(str(measured["language"] or ""), keys.astype(np.uint32), counts.astype(np.int64))

    def against(self, measured: Mapping[str, Value], total: Counts) -> Mapping[str, Value]:
        page = self.counts(measured)
        assert page is not None
        corpus = total.counts[np.searchsorted(total.keys, page.keys)]
        others = total.total - page.total
        found = divergence(page.counts, corpus, others, len(total.keys), self.config.prior_tokens)
        return {"corpus_tokens": others, "divergence": round(found, _DECIMALS)}

    def decide(self, measured: Mapping[str, Value]) -> Verdict | None:
        known = measured["corpus_tokens"]
        if not isinstance(known, int) or known < self.config.min_corpus_tokens:
            return None
        return super().decide(measured)


def divergence(page: NDArray[np.int64], corpus: NDArray[np.int64], others: int, kinds: int, prior: int) -> float:
    """The divergence of a page, in nats.

    page, corpus: how often the page, and the corpus with it, has each token of the page. others: tokens of the corpus
    without the page; kinds: different tokens of the corpus; prior: `prior_tokens`.
    """
    size = int(page.sum())
    q = (corpus - page + 1) / (others + kinds)
    p = (page + prior * q) / (size + prior)
    # All tokens that the page has not are as much rarer in it, by what was added.
    absent = max(1.0 - float(q.sum()), 0.0)
    added = prior / (size + prior)
    return float((p * np.log(p / q)).sum()) + added * absent * float(np.log(added))
