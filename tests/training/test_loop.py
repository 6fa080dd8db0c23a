"""A run learns, tells what it does, can be stopped anywhere, and takes up as if it had not been."""

from __future__ import annotations

import math
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml

from curate.errors import UserError
from curate.training.checkpoint import Checkpointer
from curate.training.config import TrainConfig
from curate.training.loop import Trainer, read_config, settle, train
from curate.training.model import Llama
from curate.training.parallel import Passes
from curate.training.record import read_metrics
from tests.training.corpora import corpus, tiny

ROOT = Path(__file__).resolve().parents[2]
pytestmark = pytest.mark.filterwarnings("ignore:torch.distributed is disabled")


@pytest.fixture(autouse=True)
def _one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def quiet(line: str) -> None:
    pass


def final(config: TrainConfig) -> dict[str, torch.Tensor]:
    """The parameters in a run's newest checkpoint."""
    model = Llama(config.model)
    checkpoints = Checkpointer(f"{config.output}/checkpoints", 2)
    newest = checkpoints.newest()
    assert newest is not None
    assert newest.endswith(f"{config.steps:08d}")
    checkpoints.load(newest, [model])
    return {name: p.detach().clone() for name, p in model.named_parameters()}


def losses(output: str) -> list[float]:
    return [record["loss"] for record in read_metrics(f"{output}/metrics.jsonl") if record["kind"] == "train"]


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> tuple[TrainConfig, dict[str, torch.Tensor]]:
    """A run of one process that nothing interrupted."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    config = tiny(tmp_path_factory.mktemp("whole"))
    train(settle(config), say=quiet)
    torch.set_num_threads(threads)
    return config, final(config)


def beside(whole: tuple[TrainConfig, Any], output: str, **changes: Any) -> TrainConfig:
    """The config of that run in another folder."""
    return tiny(Path(whole[0].output).parent, output, **changes)


def equal(one: dict[str, torch.Tensor], other: dict[str, torch.Tensor]) -> bool:
    return one.keys() == other.keys() and all(torch.equal(one[name], other[name]) for name in one)


def test_a_run_learns_and_records_each_step_and_each_source(tmp_path):
    lines: list[str] = []
    config = tiny(tmp_path, tokens=60 * 6 * 32)
    result = train(settle(config), say=lines.append)
    assert result.step == result.steps == 60
    assert result.tokens == 60 * 6 * 32
    assert set(result.first) == set(result.validation) == {"book", "web"}
    for source, first in result.first.items():
        assert first == pytest.approx(math.log(64), abs=0.1)
        assert result.validation[source] < first - 0.5
    records = list(read_metrics(f"{config.output}/metrics.jsonl"))
    assert [r["step"] for r in records if r["kind"] == "train"] == list(range(1, 61))
    assert all(r["mfu"] is None for r in records if r["kind"] == "train")  # no peak is known of a CPU
    assert [r["step"] for r in records if r["kind"] == "validation"] == [0, *range(8, 60, 8), 60]
    assert any(line.startswith("step 60/60  loss") for line in lines)
    assert not any("MFU" in line for line in lines)


def test_one_batch_is_learnt_by_heart(tmp_path):
    config = tiny(tmp_path, batch_tokens=2 * 32, optimizer={"lr": 1e-2, "warmup": 5}, tokens=80 * 64)
    with_one = Trainer.__new__(Trainer)  # the loop's own step, given the same batch again and again
    from curate.training.data import Corpus
    from curate.training.ranks import World

    with_one.__init__(config, Corpus(config.data), World(torch.device("cpu"), 0, 1, None), quiet)  # type: ignore[misc]
    batch = next(iter(with_one.batches))
    first = last = math.nan
    for with_one.step in range(80):
        last, *_ = with_one._step(batch, False)
        first = last if with_one.step == 0 else first
    with_one.close()
    assert first == pytest.approx(math.log(64), abs=0.2)
    assert last < 0.1


def test_the_same_config_gives_the_same_parameters_to_the_bit(whole):
    config = beside(whole, "again")
    train(settle(config), say=quiet)
    assert equal(final(config), whole[1])


def test_a_run_that_was_asked_to_stop_goes_on_where_it_was(whole):
    config = beside(whole, "stopped")

    def stop_at_six(line: str) -> None:
        if line.startswith("step  6/16"):
            os.kill(os.getpid(), signal.SIGUSR1)

    result = train(settle(config), say=stop_at_six)
    assert result.stopped
    stopped = result.step
    assert stopped in (6, 7)
    lines: list[str] = []
    result = train(settle(config), say=lines.append)
    assert any(line.startswith(f"taking up from step {stopped}:") for line in lines)
    assert not result.stopped
    assert equal(final(config), whole[1])
    assert losses(config.output) == losses(whole[0].output)


def test_a_finished_run_is_not_run_again(whole):
    lines: list[str] = []
    before = losses(whole[0].output)
    result = train(settle(whole[0]), say=lines.append)
    assert result.step == 16
    assert any("all 16 steps are done" in line for line in lines)
    assert losses(whole[0].output) == before
    assert result.validation.keys() == result.first.keys() == {"book", "web"}
    assert all(result.validation[source] < result.first[source] for source in result.first)
    steps = [r["step"] for r in read_metrics(f"{whole[0].output}/metrics.jsonl") if r["kind"] == "validation"]
    assert steps == [0, 8, 16]


def test_a_step_that_is_not_finite_is_skipped_and_counted(whole, monkeypatch):
    config = beside(whole, "skipped")
    real, calls = Passes.train, []

    def third_is_nan(self: Passes, items: Any, count: torch.Tensor) -> torch.Tensor:
        calls.append(1)
        lost = real(self, items, count)
        if len(calls) == 3:
            for parameter in self.model.parameters():
                parameter.grad = torch.full_like(parameter, math.nan)
        return lost

    monkeypatch.setattr(Passes, "train", third_is_nan)
    result = train(settle(config), say=quiet)
    assert result.skipped == 1
    assert result.step == 16
    assert all(math.isfinite(loss) for loss in losses(config.output))
    assert all(torch.isfinite(p).all() for p in final(config).values())
    assert not equal(final(config), whole[1])
    assert losses(config.output)[:3] == losses(whole[0].output)[:3]


def test_documents_can_be_kept_apart(whole):
    config = beside(whole, "apart", document_mask=True)
    result = train(settle(config), say=quiet)
    assert result.step == 16
    assert losses(config.output) != losses(whole[0].output)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"data": []}, "nothing to train on"),
        ({"model": {"dim": 32, "layers": 1, "heads": 2, "kv_heads": 2, "ffn": 8, "vocab": 63, "context": 32}},
         "--set model.vocab=64"),
        ({"mixture": {"books": 1}}, "the data has book, web"),
        ({"parallel": {"tensor": 2}}, "1 ranks are not"),
    ],
)  # fmt: skip
def test_a_run_that_cannot_begin_says_why_in_one_line(tmp_path, changes, message):
    with pytest.raises(UserError, match=message) as error:
        train(tiny(tmp_path, **changes), say=quiet)
    assert "\n" not in str(error.value)


def test_a_run_folder_does_not_change_its_recipe_in_silence(whole):
    settings = whole[0].model_dump(by_alias=True)
    with pytest.raises(UserError, match="another optimizer, seed"):
        settle(TrainConfig.model_validate({**settings, "seed": 5, "optimizer": {"lr": 1.0}}))
    settle(TrainConfig.model_validate({**settings, "log_every": 5, "parallel": {"tensor": 2}}))
    assert read_config(whole[0].output) == whole[0]
    with pytest.raises(UserError, match=r"another parallel\.precision"):
        settle(TrainConfig.model_validate({**settings, "parallel": {"precision": "bf16"}}))
    with pytest.raises(UserError, match="not a run"):
        read_config(str(corpus(Path(whole[0].output).parent)))


def test_what_an_attempt_left_that_trained_nothing_is_replaced(tmp_path):
    wrong = tiny(tmp_path, data=["nowhere"])
    with pytest.raises(UserError, match="not a whole token dataset"):
        train(settle(wrong), say=quiet)
    right = tiny(tmp_path)
    settle(right)
    assert read_config(right.output) == right


def torchrun(config: TrainConfig, ranks: int, *more: str) -> subprocess.Popen[str]:
    """`torchrun … -m curate train` as a user types it."""
    file = Path(f"{config.output}.yaml")
    file.write_text(yaml.safe_dump(config.model_dump(mode="json", by_alias=True)))
    return subprocess.Popen(
        [
            sys.executable, "-m", "torch.distributed.run", "--standalone", f"--nproc-per-node={ranks}",
            "--max-restarts=3", "--monitor-interval=0.2", "-m", "curate", "train", f"--config={file}", *more,
        ],
        env={**os.environ, "OMP_NUM_THREADS": "1"}, cwd=ROOT, text=True,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
    )  # fmt: skip


def finished(process: subprocess.Popen[str]) -> str:
    output, _ = process.communicate(timeout=240)
    assert process.returncode == 0, output[-5000:]
    return output


def wait_for_step(config: TrainConfig, step: int, process: subprocess.Popen[str]) -> None:
    path, until = Path(config.output) / "metrics.jsonl", time.monotonic() + 120
    while time.monotonic() < until:
        if path.exists() and any(record["step"] >= step for record in read_metrics(path)):
            return
        assert process.poll() is None, process.communicate()[0][-5000:]
        time.sleep(0.02)
    process.kill()
    raise AssertionError(f"step {step} was not reached")


def ranks_of(launcher: int) -> list[int]:
    """The processes that a launcher started, by rank."""
    children = Path(f"/proc/{launcher}/task/{launcher}/children").read_text().split()
    found = {}
    for child in map(int, children):
        environment = Path(f"/proc/{child}/environ").read_bytes().decode(errors="replace")
        rank = re.search(r"(?:^|\0)RANK=(\d+)", environment)
        if rank:
            found[int(rank.group(1))] = child
    return [found[rank] for rank in sorted(found)]


LONG: dict[str, Any] = {"tokens": 40 * 6 * 32, "checkpoint": {"every": 4, "keep": 20}}
"""Long enough for a signal to come in the middle."""


@pytest.fixture(scope="module")
def on_two_ranks(whole: tuple[TrainConfig, Any]) -> TrainConfig:
    """A run of two processes that nothing interrupted."""
    config = beside(whole, "two", **LONG)
    finished(torchrun(config, 2))
    return config


@pytest.mark.slow
def test_a_killed_rank_is_restarted_and_the_parameters_end_the_same_to_the_bit(whole, on_two_ranks):
    killed = beside(whole, "killed", **LONG)
    process = torchrun(killed, 2)
    wait_for_step(killed, 10, process)
    os.kill(ranks_of(process.pid)[1], signal.SIGKILL)
    output = finished(process)
    assert "taking up from step" in output
    assert equal(final(killed), final(on_two_ranks))
    assert losses(killed.output) == losses(on_two_ranks.output)


@pytest.mark.slow
def test_a_run_on_two_ranks_goes_on_with_one_and_three_and_sees_the_same_batches(whole, on_two_ranks):
    alone = beside(whole, "alone", **LONG)
    train(settle(alone), say=quiet)
    config = beside(whole, "elastic", **LONG)
    process = torchrun(config, 2)
    wait_for_step(config, 5, process)
    for rank in ranks_of(process.pid):
        os.kill(rank, signal.SIGTERM)
    assert "stopped at step" in finished(process)
    finished(torchrun(config, 3))
    torch.testing.assert_close(losses(config.output), losses(alone.output), rtol=2e-3, atol=2e-3)
    stopped = beside(whole, "one", **LONG)
    shutil.copytree(on_two_ranks.output, stopped.output)
    for step in range(12, 41, 4):  # as if it had been killed at the eighth step, and one process went on
        shutil.rmtree(f"{stopped.output}/checkpoints/step-{step:08d}")
    lines: list[str] = []
    train(settle(stopped), say=lines.append)
    assert any(line.startswith("taking up from step 8:") for line in lines)
    torch.testing.assert_close(losses(stopped.output), losses(alone.output), rtol=2e-3, atol=2e-3)
    wanted = final(alone)
    for name, parameter in final(stopped).items():
        torch.testing.assert_close(parameter, wanted[name], rtol=5e-2, atol=2e-3)


@pytest.mark.slow
def test_one_rank_of_a_tensor_group_that_is_asked_to_stop_stops_all(whole):
    config = beside(whole, "asked", **LONG, parallel={"tensor": 2})
    process = torchrun(config, 2)
    wait_for_step(config, 5, process)
    os.kill(ranks_of(process.pid)[1], signal.SIGUSR1)
    assert "stopped at step" in finished(process)


@pytest.mark.slow
def test_bf16_and_a_pipeline_of_tensor_ranks_learn_as_one_process_does(whole):
    parallel = {"pipeline": 2, "tensor": 2, "precision": "bf16", "recompute": "selective"}
    config = beside(whole, "plan", parallel=parallel)
    finished(torchrun(config, 4))
    torch.testing.assert_close(losses(config.output), losses(whole[0].output), rtol=2e-2, atol=2e-2)
