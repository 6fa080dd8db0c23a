"""The training loop: what happens from `curate train` to the exported model.

A step takes a global batch, which does not depend on the ranks; divides each loss by the number of targets in the whole
of it; and moves the parameters if loss and gradient are finite. Every rank sees the same few sums at the end of a step,
so all decide alike.
"""

from __future__ import annotations

import json
import math
import os
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import torch
import torch.distributed as dist
import yaml

from curate.errors import UserError
from curate.storage import atomic_write, exists, join, listing, read_bytes, remove
from curate.training.checkpoint import Checkpointer
from curate.training.config import TrainConfig, parse_config, what_is_computed
from curate.training.cross_entropy import IGNORED
from curate.training.data import Batch, Batches, Corpus, targets
from curate.training.metrics import flops_per_token, mfu, peak_flops
from curate.training.model import initialize
from curate.training.optimizer import clip, gradient_norm, learning_rate, make_optimizer, set_rate
from curate.training.parallel import Microbatch, Passes, build, total
from curate.training.ranks import World, join_world
from curate.training.record import EVENTS, METRICS, Metrics, Progress, read_metrics
from curate.training.recover import Signals, Skips, check_replicas

CONFIG = "config.yaml"
CHECKPOINTS = "checkpoints"


@dataclass
class Result:
    """How a run ended. Losses are in nats per token.

    first, validation: of each source's held-out windows before the first step of the run and after its last.
    """

    output: str
    step: int
    steps: int
    tokens: int
    loss: float | None = None
    """Of the last step of this process; None where none was left."""
    validation: dict[str, float] = field(default_factory=dict)
    first: dict[str, float] = field(default_factory=dict)
    skipped: int = 0
    stopped: bool = False
    """A signal ended the run before its last step."""


def train(config: TrainConfig, *, say: Callable[[str], None] = print) -> Result:
    """Train, or take up training, as `config` says; on every rank of the run alike. UserError where it cannot begin."""
    if not config.data:
        raise UserError("nothing to train on: name a build or a token dataset with --data")
    corpus = Corpus(config.data, config.held_out_shards)
    if corpus.vocab_size > config.model.vocab:
        raise UserError(
            f"the tokens of {', '.join(config.data)} go up to {corpus.vocab_size:,} and the model's vocabulary to "
            f"{config.model.vocab:,}: --set model.vocab={corpus.vocab_size}"
        )
    if config.document_mask and config.parallel.precision == "fp32" and torch.cuda.is_available():
        raise UserError("on a GPU attention within documents is there in bf16 only: --set parallel.precision=bf16")
    # Matrix products in fp32 may take a GPU's faster, coarser units; on a CPU this says nothing.
    torch.set_float32_matmul_precision("high")
    with join_world(config) as world, Signals() as signals:
        quiet: Callable[[str], None] = say if world.rank == 0 else lambda line: None
        for name in corpus.names:
            quiet(f"{name}: {corpus.tokens[name]:,} tokens to train on; {corpus.splits[name].how}")
        trainer = Trainer(config, corpus, world, quiet)
        try:
            return trainer.run(signals)
        finally:
            trainer.close()


class Trainer:
    """One process's part of a run."""

    def __init__(self, config: TrainConfig, corpus: Corpus, world: World, say: Callable[[str], None]) -> None:
        self.config, self.corpus, self.world, self.say = config, corpus, world, say
        self.model = build(config, world.ranks, world.device)
        initialize(self.model, config.seed)
        self.optimizer = make_optimizer(self.model, config.optimizer)
        self.passes = Passes(self.model, config, world.ranks, world.device)
        self.checkpoints = Checkpointer(join(config.output, CHECKPOINTS), config.checkpoint.keep)
        self.step, self.skips = 0, Skips()
        state = self._take_up()
        index, of = world.data
        self.batches = Batches(
            corpus,
            config.mixture,
            config.sequence,
            config.batch_sequences,
            config.seed,
            index,
            of,
            self.passes.micro_batch,
            state=state and state["data"],
        )
        self.data_state: dict[str, Any] = self.batches.state
        self.windows = {
            name: corpus.held_out(name, config.sequence, config.validate_.sequences) for name in corpus.names
        }
        self._peak = peak_flops(world.name, config.parallel.precision)
        self.metrics = Metrics(config.output, resumed=self.step, enabled=world.rank == 0)

    def _take_up(self) -> dict[str, Any] | None:
        """The state of the newest whole checkpoint, loaded; None where there is none."""
        newest = self.checkpoints.newest()
        if newest is None:
            return None
        state = self.checkpoints.load(newest, [self.model], self.optimizer)
        self.step, self.skips = state["step"], Skips(state["skipped"])
        self.say(f"taking up from step {self.step:,}: {newest}")
        return state

    def run(self, signals: Signals) -> Result:
        """Train to the last step or to a signal, and leave a checkpoint of the end."""
        config, last = self.config, self.config.steps
        result = Result(config.output, self.step, last, 0)
        if self.step >= last:
            self.say(f"{config.output}: all {last:,} steps are done")
        measured = self._measured()
        result.first, result.validation = measured.get(0, {}), measured.get(self.step, {})
        # A run that was ended before it could validate makes up for it.
        if self.step not in measured and (self.step % config.validate_.every == 0 or self.step == last):
            self._validated(result)
        batches = iter(self.batches)
        while self.step < last and not result.stopped:
            started = time.perf_counter()
            batch = next(batches)
            loss, norm, count, result.stopped = self._step(batch, signals.asked)
            self.step += 1
            self.data_state = batch.state_after
            self.checkpoints.complete()
            result.loss = loss if math.isfinite(loss) else None
            progress = self._progress(loss, norm, count / (time.perf_counter() - started))
            self.metrics.train(progress)
            if self.step % config.log_every == 0 or self.step == last:
                self.say(progress.line())
            due = self.step % config.checkpoint.every == 0 or result.stopped or self.step == last
            if due or self.step % config.checksum_every == 0:
                check_replicas(self.model, self.optimizer, json.dumps(self._state()).encode(), self.world.ranks)
            if due:
                self._save()
            # Who is asked to stop has little time left: what was trained is safe first.
            if not result.stopped and (self.step % config.validate_.every == 0 or self.step == last):
                self._validated(result)
        self.checkpoints.complete(wait=True)
        result.step, result.skipped = self.step, self.skips.skipped
        result.tokens = self._tokens()
        return result

    def _measured(self) -> dict[int, dict[str, float]]:
        """Validation losses by step, as the run's record has them; the first rank's, on every rank."""
        found: list[Any] = [None]
        path = os.path.join(self.config.output, METRICS)
        if self.world.rank == 0 and os.path.exists(path):
            found = [{r["step"]: r["losses"] for r in read_metrics(path) if r["kind"] == "validation"}]
        if self.world.ranks is not None:
            dist.broadcast_object_list(found, src=0, device=self.world.device)
        return found[0] or {}

    def _tokens(self) -> int:
        return self.step * self.config.batch_sequences * self.config.sequence

    def _progress(self, loss: float, norm: float, rate: float) -> Progress:
        config = self.config
        return Progress(
            step=self.step,
            steps=config.steps,
            tokens=self._tokens(),
            loss=loss,
            lr=self.optimizer.param_groups[0]["lr"],
            grad_norm=norm,
            tokens_per_second=rate,
            mfu=mfu(flops_per_token(config.model, config.sequence), rate, self.world.size, self._peak),
            skipped=self.skips.skipped,
        )

    def close(self) -> None:
        self.batches.close()
        self.checkpoints.close()
        self.metrics.close()

    def _step(self, batch: Batch, asked: bool) -> tuple[float, float, int, bool]:
        """One optimizer step. (mean loss, gradient norm, targets, whether a rank was asked to stop)."""
        ranks, device = self.world.ranks, self.world.device
        set_rate(self.optimizer, learning_rate(self.step, self.config.steps, self.config.optimizer))
        items, count = self._microbatches(batch.tokens, batch.valid)
        count = total(count.to(device), ranks, "data")
        self.optimizer.zero_grad(set_to_none=True)
        lost = self.passes.train(items, count)
        norm = gradient_norm(self.model.parameters(), ranks)
        # In fp64, or a long sum of losses would show its rounding.
        sums = torch.stack([lost.double(), lost.new_tensor(float(asked)).double()])
        sums = total(sums, ranks, "loss")
        # Tensor-parallel ranks have the same loss, but each may have been asked by itself.
        total(sums[1:], ranks, "tensor")
        loss, stop = sums.tolist()
        mean, largest = loss / float(count), float(norm)
        if self.skips.allows(mean, largest):
            clip(self.model.parameters(), norm, self.config.optimizer.clip)
            self.optimizer.step()
        return mean, largest, int(count), stop > 0

    def _microbatches(self, tokens: torch.Tensor, valid: torch.Tensor) -> tuple[list[Microbatch], torch.Tensor]:
        """This rank's sequences as passes, and how many targets they hold."""
        config = self.config
        inputs, wanted, documents = targets(tokens, valid, config.document_mask, self.corpus.eos_id, self.corpus.bos_id)
        count = (wanted != IGNORED).sum()
        device, size = self.world.device, self.passes.micro_batch
        items = []
        for start in range(0, len(inputs), size):
            rows = slice(start, start + size)
            numbers = None if documents is None else documents[rows].to(device, non_blocking=True)
            items.append(
                Microbatch(
                    inputs[rows].to(device, non_blocking=True), wanted[rows].to(device, non_blocking=True), numbers
                )
            )
        return items, count

    def _validated(self, result: Result) -> None:
        losses = self.validate()
        result.validation = losses
        result.first = result.first or losses
        self.metrics.validation(self.step, self._tokens(), losses)
        if losses:
            shown = ", ".join(f"{source} {loss:.4f}" for source, loss in losses.items())
            self.say(f"step {self.step:,}: validation loss {shown}")

    def validate(self) -> dict[str, float]:
        """Loss of each source's held-out windows, nats per token."""
        index, of = self.world.data
        losses = {}
        # A pipeline takes exactly as many microbatches as in training.
        at_once = (self.passes.microbatches if self.passes.stages > 1 else 1) * self.passes.micro_batch
        self.model.eval()
        for source, windows in self.windows.items():
            sums = torch.zeros(2, dtype=torch.float64, device=self.world.device)
            for start in range(0, len(windows), at_once * of):
                places = range(start + index, start + at_once * of, of)
                rows = torch.from_numpy(windows[[place if place < len(windows) else 0 for place in places]])
                valid = torch.tensor([place < len(windows) for place in places])
                items, count = self._microbatches(rows, valid)
                sums[0] += self.passes.evaluate(items)
                # Every stage of a pipeline has the targets; its last one only has the loss.
                sums[1] += count if self.model.lm_head is not None else 0
            total(sums, self.world.ranks, "loss")
            loss, count = sums.tolist()
            if count:
                losses[source] = loss / count
        self.model.train()
        return losses

    def _save(self) -> None:
        self.checkpoints.save(self.step, [self.model], self.optimizer, self._state())

    def _state(self) -> dict[str, Any]:
        return {
            "step": self.step,
            "skipped": self.skips.skipped,
            "data": self.data_state,
            # So that a checkpoint can be exported where its data is not.
            "tokenizer": self.corpus.tokenizer.to_json(),
            "delimiters": "bos_eos" if self.corpus.bos_id >= 0 else "eos",
        }


def settle(config: TrainConfig) -> TrainConfig:
    """Give the run its folder, which the first rank writes; the config.

    UserError where the folder has checkpoints of another recipe. What an attempt left that had none is replaced.
    """
    path = join(config.output, CONFIG)
    first = os.environ.get("RANK", "0") == "0"
    new = what_is_computed(config)
    old = what_is_computed(read_config(config.output)) if exists(path) else new
    changed = sorted(key for key in new if old[key] != new[key])
    if changed and listing(join(config.output, CHECKPOINTS)):
        raise UserError(
            f"{config.output} holds a run with another {', '.join(changed)}: `curate train resume {config.output}` "
            "goes on with it, another --output starts anew"
        )
    if first and (changed or not exists(path)):
        for name in (METRICS, EVENTS):
            remove(join(config.output, name))
        with atomic_write(path) as out:
            out.write(yaml.safe_dump(config.model_dump(mode="json", by_alias=True), sort_keys=False).encode())
    return config


def read_config(output: str) -> TrainConfig:
    """The config of a run folder. UserError where it is none."""
    path = join(output, CONFIG)
    if not exists(path):
        raise UserError(f"{output} is not a run: it has no {CONFIG}")
    raw: Any = yaml.safe_load(read_bytes(path))
    return parse_config(raw, path)
