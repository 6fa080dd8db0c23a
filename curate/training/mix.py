"""Choose the mix (Llama-3, section 3.1.2): small models on many mixes, laws fitted to their losses, and a proposal.

A model trained on the proposal then says whether the law was right. What comes out depends on the data, the arguments
and the losses only; proxies that have a result are not trained again.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from curate.errors import UserError
from curate.storage import join, remove, write_sealed
from curate.training.config import TrainConfig
from curate.training.mix_analysis import analyse, checked
from curate.training.mix_report import write_report
from curate.training.proxies import (
    PROXY,
    Proxy,
    Results,
    TrainProxy,
    in_units,
    proxy_trainer,
    sample_mixtures,
    scaling_grid,
)
from curate.training.question import MAX_EPOCHS, Question

RECORD = "mix.json"
TRAINING = "training"
"""Of runs that are going on; gone at the end."""
RUNS_PER_CONSTANT = 3
LEAST_RUNS = 12

Say = Callable[[str], None]


def fit_mix(
    data: Sequence[str],
    output: str,
    *,
    proxy: TrainConfig = PROXY,
    runs: int | None = None,
    budget: int | None = None,
    target: Mapping[str, float] | None = None,
    max_epochs: float = MAX_EPOCHS,
    least_share: float = 0.0,
    seed: int = 0,
    scaling: bool = True,
    part: tuple[int, int] = (1, 1),
    train_proxy: TrainProxy | None = None,
    say: Say = print,
) -> dict[str, Any] | None:
    """Train proxies on the sources of `data`, fit, propose, and write mix.json, mix.html and mixture.yaml to `output`.

    runs: mixes to try; none: 3 for each constant of a law, 12 at least. budget: tokens; none: one epoch of all. target:
    weights of held-out losses; none: all alike. part: (i, n) trains every n-th proxy only and returns None: n such
    commands, on n machines that share `output`, then one without. Proxies that have a result are not trained again.
    Returns the content of mix.json. UserError where it cannot be done.
    """
    from curate.training.data import Corpus

    corpus = Corpus(tuple(data), proxy.held_out_shards)
    short = [name for name in corpus.names if not corpus.windows(name, proxy.sequence)]
    if short:
        raise UserError(f"{', '.join(short)}: not {proxy.sequence + 1} tokens in a row to train a proxy on")
    question = Question(
        corpus.tokens,
        budget or sum(corpus.tokens.values()),
        dict(target) if target else dict.fromkeys(corpus.names, 1.0),
        max_epochs,
        least_share,
    )
    config = proxy.model_copy(
        update={"data": tuple(data), "model": proxy.model.model_copy(update={"vocab": corpus.vocab_size}), "seed": seed}
    )
    train = train_proxy or proxy_trainer(config, corpus.fingerprint, join(output, TRAINING))
    results = Results(join(output, "proxies"), config, corpus.fingerprint)
    record = answer(question, results, train, output, runs, seed, scaling, part, say)
    if record is not None:
        remove(join(output, TRAINING))
    return record


def answer(
    question: Question,
    results: Results,
    train: TrainProxy,
    output: str,
    runs: int | None = None,
    seed: int = 0,
    scaling: bool = True,
    part: tuple[int, int] = (1, 1),
    say: Say = print,
) -> dict[str, Any] | None:
    """`fit_mix`, for sources that are known."""
    question.check()
    config = results.config
    sources = len(question.tokens)
    count = runs if runs is not None else max(LEAST_RUNS, RUNS_PER_CONSTANT * (sources + 1))
    if count < sources + 2:
        raise UserError(f"--runs {count} cannot tell {sources} sources apart: {sources + 2} at least")
    mixes = sample_mixtures(question.tokens, count, seed)
    grid = scaling_grid(mixes[0], config) if scaling else []
    tried = [Proxy(mix, config.model, config.steps) for mix in mixes]
    todo = tried + [proxy for proxy in grid if proxy not in tried]
    index, of = part
    _train_all(todo[index - 1 :: of], results, train, say)
    if of > 1:
        return None
    record = analyse(question, tried, grid, results, seed)
    proposal = Proxy(in_units(record["proportions"]), config.model, config.steps)
    losses, _ = results.obtain(proposal, train)
    record["check"] = checked(record, results.read(tried[0]) or {}, losses)
    write_sealed(join(output, RECORD), record)
    write_report(output, record)
    return record


def _train_all(proxies: Sequence[Proxy], results: Results, train: TrainProxy, say: Say) -> None:
    todo = [proxy for proxy in proxies if results.read(proxy) is None]
    if len(todo) < len(proxies):
        say(f"{len(proxies) - len(todo)} of {len(proxies)} proxies are trained already")
    # What is left, weighed by its FLOPs, says how long.
    work = [proxy.model.parameters * proxy.steps for proxy in todo]
    started = time.monotonic()
    for place, proxy in enumerate(todo, 1):
        losses, _ = results.obtain(proxy, train)
        left = (time.monotonic() - started) * sum(work[place:]) / sum(work[:place])
        shown = ", ".join(f"{name} {loss:.3f}" for name, loss in losses.items()) or "diverged"
        say(f"proxy {place}/{len(todo)}: {shown}; about {left / 60:.1f} min left")
