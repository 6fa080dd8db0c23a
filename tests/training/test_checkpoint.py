"""A checkpoint is there whole or not at all, and any plan on any number of ranks reads it."""

from __future__ import annotations

import json
import os
import pickle
import shutil
import signal
import threading
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import torch.distributed as dist
import torch.distributed.checkpoint as dcp
from torch.distributed.tensor import DTensor

from curate.errors import UserError
from curate.storage import read_sealed, write_sealed
from curate.training import checkpoint
from curate.training.checkpoint import RECORD, Checkpointer, CheckpointFailed
from curate.training.config import ModelConfig, TrainConfig
from curate.training.model import Llama, initialize, plain_name
from curate.training.optimizer import make_optimizer
from curate.training.parallel import Microbatch, Passes, Ranks, build, layout
from tests.training import ranks
from tests.training.ranks import run

# DCP says so whenever it is used without a group.
pytestmark = pytest.mark.filterwarnings("ignore:torch.distributed is disabled")

# Neither 101 nor 36 divides by the number of ranks, and a norm of 2 elements a rank leaves a rank of three with none.
MODEL = ModelConfig(dim=16, layers=3, heads=4, kv_heads=2, ffn=36, vocab=101, context=16)
PLANS: dict[str, tuple[int, dict[str, Any]]] = {
    "alone": (1, {}),
    "fsdp 2": (2, {}),
    "tensor 2": (2, {"tensor": 2}),
    "pipeline 2": (2, {"pipeline": 2}),
    "fsdp 3": (3, {}),
    "shard 2, tensor 2": (4, {"tensor": 2}),
    "replicate 2, shard 2": (4, {"replicate": 2}),
    "pipeline 2, shard 2": (4, {"pipeline": 2}),
}
SAVED = ["alone", "fsdp 2", "tensor 2", "pipeline 2", "shard 2, tensor 2", "replicate 2, shard 2"]
LOADED = ["alone", "fsdp 3", "tensor 2", "pipeline 2, shard 2"]
STATE = {"step": 3, "data": {"counts": {"c4": 7}, "share": 0.1 + 0.2}, "done": [True, None, "\u00e9"]}


def settings(parallel: dict[str, Any], model: ModelConfig = MODEL) -> TrainConfig:
    return TrainConfig.model_validate(
        {"name": "test", "model": model, "sequence": 16, "batch_tokens": 64, "parallel": parallel}
    )


def make(seed: int, parallel: dict[str, Any] | None = None) -> tuple[Llama, torch.optim.AdamW]:
    """Another model for every seed, alone or on this rank's plan."""
    config = settings(parallel or {})
    mesh = Ranks(layout(config, dist.get_world_size()), "cpu") if dist.is_initialized() else None
    model = build(config, mesh, torch.device("cpu"))
    initialize(model, seed)
    return model, make_optimizer(model, config.optimizer)


def advance(model: Llama, optimizer: torch.optim.Optimizer, steps: int = 1) -> None:
    """Optimizer steps with some gradient or other."""
    for _ in range(steps):
        for parameter in model.parameters():
            parameter.grad = torch.sin(parameter.detach() * 1000)
        optimizer.step()
        optimizer.zero_grad()


def evaluate(model: Llama, parallel: dict[str, Any]) -> None:
    """FSDP leaves some of its parameters gathered after a pass without gradients."""
    config = settings(parallel)
    ids = torch.zeros(4, 16, dtype=torch.int64)
    mesh = Ranks(layout(config, dist.get_world_size()), "cpu")
    passes = Passes(model, config, mesh, torch.device("cpu"))
    count = passes.microbatches if passes.stages > 1 else 1
    passes.evaluate([Microbatch(ids[:1], ids[:1])] * count)


def values(model: Llama, optimizer: torch.optim.Optimizer) -> dict[str, np.ndarray]:
    """Whole parameters of this rank's stage, with their moments and counts of steps."""
    found = {}
    for name, parameter in model.named_parameters():
        for what, value in {"value": parameter.detach(), **optimizer.state[parameter]}.items():
            whole = value.full_tensor() if isinstance(value, DTensor) else value
            found[f"{plain_name(name)} {what}"] = whole.numpy().copy()
    return found


def same(found: dict[str, np.ndarray], expected: dict[str, np.ndarray]) -> bool:
    return found.keys() == expected.keys() and all(np.array_equal(found[key], expected[key]) for key in expected)


def save_on(folder: str, parallel: dict[str, Any]) -> dict[str, np.ndarray]:
    model, optimizer = make(1, parallel)
    advance(model, optimizer, 3)
    if dist.is_initialized():
        evaluate(model, parallel)
    checkpoints = Checkpointer(folder, 2)
    checkpoints.save(3, [model], optimizer, STATE)
    assert checkpoints.complete(wait=True) == os.path.join(folder, "step-00000003")
    return values(model, optimizer)


def load_on(folders: dict[str, str], parallel: dict[str, Any]) -> dict[str, tuple[dict[str, np.ndarray], Any]]:
    results = {}
    for plan, folder in folders.items():
        model, optimizer = make(2, parallel)
        if dist.is_initialized():
            evaluate(model, parallel)
        checkpoints = Checkpointer(folder, 2)
        path = checkpoints.newest()
        assert path is not None
        state = checkpoints.load(path, [model], optimizer)
        results[plan] = values(model, optimizer), state
    return results


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[str, dict[str, np.ndarray]]]:
    """By each plan: its folder, and what it held."""
    made = {}
    for number, plan in enumerate(SAVED):
        world, parallel = PLANS[plan]
        root = tmp_path_factory.mktemp("saved")
        folder = str(root / str(number))
        results = [save_on(folder, {})] if plan == "alone" else run(world, root, save_on, folder, parallel)
        whole = {key: value for result in results for key, value in result.items()}
        # 1 embedding, 3 blocks of 9, norm and output: each its value, two moments and a count.
        assert len(whole) == 30 * 4
        made[plan] = folder, whole
    return made


@pytest.mark.parametrize("plan", LOADED)
def test_what_any_plan_saved_every_plan_loads(plan, saved, tmp_path):
    world, parallel = PLANS[plan]
    folders = {name: folder for name, (folder, _) in saved.items()}
    results = [load_on(folders, {})] if plan == "alone" else run(world, tmp_path, load_on, folders, parallel)
    for name, (_, expected) in saved.items():
        loaded = {key: value for result in results for key, value in result[name][0].items()}
        assert same(loaded, expected), f"{name} on {plan}"
        assert all(result[name][1] == STATE for result in results)


def test_torch_itself_reads_a_checkpoint(saved):
    folder, expected = saved["shard 2, tensor 2"]
    model, _ = make(2)
    tensors = {f"optimizer.{name}.exp_avg": torch.empty_like(p) for name, p in model.named_parameters()}
    tensors |= model.state_dict()
    with warnings.catch_warnings(action="ignore"):
        dcp.load(tensors, checkpoint_id=os.path.join(folder, "step-00000003"))
    for name, _ in model.named_parameters():
        assert np.array_equal(tensors[name].numpy(), expected[f"{name} value"])
        assert np.array_equal(tensors[f"optimizer.{name}.exp_avg"].detach().numpy(), expected[f"{name} exp_avg"])


def test_replicas_are_written_once(saved):
    def stored(plan: str) -> int:
        folder = Path(saved[plan][0]) / "step-00000003"
        return sum(path.stat().st_size for path in folder.glob("*.distcp"))

    # The rest is the frame around each piece, twice as many of them.
    assert stored("replicate 2, shard 2") == pytest.approx(stored("fsdp 2"), rel=0.01)


def test_training_goes_on_as_if_it_had_not_stopped(tmp_path):
    model, optimizer = make(1)
    advance(model, optimizer, 2)
    write(tmp_path, 2, model, optimizer)
    advance(model, optimizer, 2)
    other, its = make(2)
    advance(other, its)  # what the optimizer had before does not matter
    take_up(tmp_path, other, its)
    advance(other, its, 2)
    assert same(values(other, its), values(model, optimizer))


def test_an_optimizer_saved_before_its_first_step_is_loaded_as_new(tmp_path):
    model, optimizer = make(1)
    write(tmp_path, 0, model, optimizer)
    other, its = make(2)
    advance(other, its)
    take_up(tmp_path, other, its)
    for one, another in ((model, optimizer), (other, its)):
        advance(one, another)
    assert same(values(other, its), values(model, optimizer))


def test_parameters_are_loaded_without_an_optimizer(tmp_path):
    model, optimizer = make(1)
    advance(model, optimizer)
    write(tmp_path, 1, model, optimizer)
    other, _ = make(2)
    checkpoints = Checkpointer(str(tmp_path), 2)
    checkpoints.load(str(tmp_path / "step-00000001"), [other])
    assert all(torch.equal(p, q) for p, q in zip(model.parameters(), other.parameters(), strict=True))


def write(folder: Path, step: int, model: Llama, optimizer: torch.optim.Optimizer, keep: int = 2) -> None:
    checkpoints = Checkpointer(str(folder), keep)
    checkpoints.save(step, [model], optimizer, {"step": step})
    checkpoints.complete(wait=True)


def take_up(folder: Path, model: Llama, optimizer: torch.optim.Optimizer) -> dict[str, Any]:
    checkpoints = Checkpointer(str(folder), 2)
    path = checkpoints.newest()
    assert path is not None
    return checkpoints.load(path, [model], optimizer)


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


# Writing while training


def test_a_checkpoint_is_of_the_moment_of_saving_and_training_does_not_wait(tmp_path, monkeypatch):
    go_on = threading.Event()
    real = checkpoint.write_tensors

    def slow(*args: Any) -> None:
        assert go_on.wait(60)
        real(*args)

    monkeypatch.setattr(checkpoint, "write_tensors", slow)
    model, optimizer = make(1)
    advance(model, optimizer)
    then, state = values(model, optimizer), {"step": 1, "counts": [1]}
    checkpoints = Checkpointer(str(tmp_path), 2)
    assert not checkpoints.poll()
    checkpoints.save(1, [model], optimizer, state)
    advance(model, optimizer, 2)
    state["counts"].append(2)
    assert not checkpoints.poll()
    assert checkpoints.complete() is None
    assert Checkpointer(str(tmp_path), 2).newest() is None
    go_on.set()
    while not checkpoints.poll():
        go_on.wait(0.01)
    assert checkpoints.complete() == str(tmp_path / "step-00000001")
    assert not checkpoints.poll()
    assert checkpoints.complete(wait=True) is None
    other, its = make(2)
    assert take_up(tmp_path, other, its) == {"step": 1, "counts": [1]}
    assert same(values(other, its), then)


def test_a_second_save_waits_for_the_first_and_both_are_there(tmp_path):
    model, optimizer = make(1)
    checkpoints = Checkpointer(str(tmp_path), 2)
    for step in (1, 2):
        checkpoints.save(step, [model], optimizer, {"step": step})
    checkpoints.complete(wait=True)
    assert names(tmp_path) == ["step-00000001", "step-00000002"]


@pytest.mark.parametrize("state", [{"loss": float("nan")}, {"tokens": {1, 2}}])
def test_a_state_that_json_cannot_hold_is_refused_at_once(state, tmp_path):
    model, optimizer = make(1)
    with pytest.raises((ValueError, TypeError)):
        Checkpointer(str(tmp_path), 2).save(1, [model], optimizer, state)
    assert names(tmp_path) == []


# Killed


DEATHS = {  # the function in which the process dies, at which of its calls, and the newest checkpoint afterwards
    "at the first tensor": ("torch.save", 1, 2),
    "amid the tensors": ("torch.save", 40, 2),
    "before the data is on disk": ("os.fsync", 1, 2),
    "before the metadata is in place": ("os.rename", 1, 2),
    "before hashing": ("curate.training.checkpoint._hash", 1, 2),
    "before the seal": ("curate.training.checkpoint.write_sealed", 1, 2),
    "before it has its name": ("os.rename", 2, 2),
    "before an old one goes": ("os.rename", 3, 3),
    "while an old one goes": ("os.unlink", 2, 3),
}


def die_at(function: str, call: int, folder: Path) -> None:
    """Write a checkpoint of step 3, and be killed at a call of a function."""
    module, _, name = function.rpartition(".")
    found = {"torch": torch, "os": os, "curate.training.checkpoint": checkpoint}[module]
    real, calls = getattr(found, name), [0]

    def deadly(*args: Any, **kwargs: Any) -> Any:
        calls[0] += 1
        if calls[0] == call:
            os.kill(os.getpid(), signal.SIGKILL)
        return real(*args, **kwargs)

    setattr(found, name, deadly)
    model, optimizer = make(3)
    advance(model, optimizer, 3)
    write(folder, 3, model, optimizer)


@pytest.mark.parametrize("when", DEATHS)
def test_a_kill_at_any_moment_leaves_whole_checkpoints_only(when, tmp_path):
    function, call, newest = DEATHS[when]
    expected = {}
    for step in (1, 2):
        model, optimizer = make(step)
        advance(model, optimizer, step)
        write(tmp_path, step, model, optimizer)
        expected[step] = values(model, optimizer)
    model, optimizer = make(3)
    advance(model, optimizer, 3)
    expected[3] = values(model, optimizer)

    process = ranks._context.Process(target=die_at, args=(function, call, tmp_path))
    process.start()
    process.join(60)
    assert process.exitcode == -signal.SIGKILL

    other, its = make(4)
    assert take_up(tmp_path, other, its) == {"step": newest}
    assert same(values(other, its), expected[newest])
    write(tmp_path, 4, other, its)
    assert names(tmp_path) == [f"step-{newest:08d}", "step-00000004"]


def die_on_rank_1(folder: Path) -> str:
    model, optimizer = make(1, {})
    checkpoints = Checkpointer(str(folder), 2)
    checkpoints.save(1, [model], optimizer, {})
    checkpoints.complete(wait=True)
    if dist.get_rank() == 1:
        checkpoint._hash = lambda path: os.kill(os.getpid(), signal.SIGKILL)  # type: ignore[assignment, return-value]
    checkpoints.save(2, [model], optimizer, {})
    try:
        checkpoints.complete(wait=True)
    except CheckpointFailed as error:
        return str(error)
    return ""


def test_a_rank_that_is_killed_while_writing_leaves_the_checkpoint_before(tmp_path):
    folder = tmp_path / "checkpoints"
    queue = ranks._context.Queue()
    processes = [
        ranks._context.Process(
            target=ranks._rank, args=(rank, 2, str(tmp_path / "store"), queue, die_on_rank_1, (folder,))
        )
        for rank in range(2)
    ]
    for process in processes:
        process.start()
    rank, ok, said = queue.get(timeout=60)
    for process in processes:
        process.join(20)
    assert (rank, ok) == (0, True)
    assert "step 2 was not written" in said
    assert processes[1].exitcode == -signal.SIGKILL
    assert Checkpointer(str(folder), 2).newest() == str(folder / "step-00000001")


# Damaged


@pytest.fixture(scope="module")
def two(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Checkpoints of steps 1 and 2, each by two ranks."""
    root = tmp_path_factory.mktemp("two")
    run(2, root, save_two, root / "checkpoints")
    return root / "checkpoints"


def save_two(folder: Path) -> None:
    model, optimizer = make(1, {})
    checkpoints = Checkpointer(str(folder), 2)
    for step in (1, 2):
        advance(model, optimizer)
        checkpoints.save(step, [model], optimizer, {"step": step})
    checkpoints.complete(wait=True)


def newest_on(folders: list[Path]) -> list[str | None]:
    return [Checkpointer(str(folder), 2).newest() for folder in folders]


FILES = ["__0_0.distcp", "__1_0.distcp", ".metadata", RECORD]


def damaged(two: Path, root: Path) -> dict[str, Path]:
    """Copies of `two` with one byte of the newest changed, cut off, or a file gone."""
    copies = {}
    for file in FILES:
        size = (two / "step-00000002" / file).stat().st_size
        for where in (0, size // 2, size - 1, "cut", "gone"):
            copy = root / f"{file} {where}"
            shutil.copytree(two, copy)
            path = copy / "step-00000002" / file
            if where == "gone":
                path.unlink()
            elif where == "cut":
                os.truncate(path, size - 1)
            else:
                data = bytearray(path.read_bytes())
                data[where] ^= 1
                path.write_bytes(data)
            copies[copy.name] = copy
    return copies


def test_one_flipped_bit_is_found_and_the_checkpoint_before_is_taken(two, tmp_path, capsys):
    copies = damaged(two, tmp_path)
    for name, copy in copies.items():
        assert Checkpointer(str(copy), 2).newest() == str(copy / "step-00000001"), name
        said = capsys.readouterr().err
        assert said.count("\n") == 1, name
        assert f"{copy / 'step-00000002'} is damaged" in said, name
        assert name.split()[0] in said, name


def test_ranks_share_the_reading_and_agree_on_what_is_damaged(two, tmp_path):
    copies = damaged(two, tmp_path)
    for found in run(3, tmp_path, newest_on, [*copies.values(), two, tmp_path / "none"]):
        assert found == [*(str(copy / "step-00000001") for copy in copies.values()), str(two / "step-00000002"), None]


def test_no_checkpoint_is_taken_where_all_are_damaged(two, tmp_path, capsys):
    copy = tmp_path / "copy"
    shutil.copytree(two, copy)
    for step in (1, 2):
        os.truncate(copy / f"step-0000000{step}" / "__1_0.distcp", 10)
    assert Checkpointer(str(copy), 2).newest() is None
    assert capsys.readouterr().err.count("is damaged") == 2


def test_a_damaged_checkpoint_that_is_named_is_refused(two, tmp_path):
    copy = tmp_path / "copy"
    shutil.copytree(two, copy)
    path = copy / "step-00000002" / "__0_0.distcp"
    path.write_bytes(path.read_bytes()[::-1])
    model, optimizer = make(2)
    before = [parameter.detach().clone() for parameter in model.parameters()]
    for wrong in (copy / "step-00000002", copy / "step-00000009"):
        with pytest.raises(UserError, match="is damaged or not there"):
            Checkpointer(str(copy), 2).load(str(wrong), [model], optimizer)
    assert all(torch.equal(p, q) for p, q in zip(model.parameters(), before, strict=True))


def test_a_damaged_one_counts_no_more_once_training_has_gone_on(two, tmp_path, capsys):
    copy = tmp_path / "copy"
    shutil.copytree(two, copy)
    os.truncate(copy / "step-00000002" / "__1_0.distcp", 10)
    model, optimizer = make(1)
    checkpoints = Checkpointer(str(copy), 2)
    path = checkpoints.newest()
    assert path == str(copy / "step-00000001")
    checkpoints.load(path, [model], optimizer)
    for step in (3, 2):
        # Also where the damaged one's own step is written again.
        checkpoints.save(step, [model], optimizer, {})
        checkpoints.complete(wait=True)
        assert Checkpointer(str(copy), 2).newest() == str(copy / "step-00000003")
    assert names(copy) == ["step-00000001", "step-00000002", "step-00000003"]
    assert "step-00000002 is damaged" in capsys.readouterr().err


class Harm:
    def __reduce__(self) -> Any:
        return os.system, (f"touch {self.path}",)

    def __init__(self, path: Path) -> None:
        self.path = path


@pytest.mark.parametrize("file", [".metadata", "__0_0.distcp"])
def test_a_checkpoint_runs_no_code_even_with_hashes_that_match(file, two, tmp_path):
    copy, touched = tmp_path / "copy", tmp_path / "touched"
    shutil.copytree(two, copy)
    path = copy / "step-00000002"
    size = (path / file).stat().st_size
    # The first tensor's bytes of a data file, as those that torch.save would have written.
    harm = pickle.dumps(Harm(touched))
    (path / file).write_bytes(harm + bytes(max(0, size - len(harm))))
    record = read_sealed(str(path / RECORD))
    record["files"][file] = {"bytes": size, "xxh3_128": checkpoint._hash(str(path / file))}
    write_sealed(str(path / RECORD), record)
    model, optimizer = make(2)
    checkpoints = Checkpointer(str(copy), 2)
    assert checkpoints.newest() == str(path)
    with pytest.raises(CheckpointFailed, match="cannot load"):
        checkpoints.load(str(path), [model], optimizer)
    assert not touched.exists()


# Kept, and refused


@pytest.mark.parametrize("keep", [1, 3])
def test_the_newest_are_kept(keep, tmp_path):
    model, optimizer = make(1)
    checkpoints = Checkpointer(str(tmp_path), keep)
    for step in range(5):
        checkpoints.save(step * 10, [model], optimizer, {})
        checkpoints.complete(wait=True)
    assert names(tmp_path) == [f"step-{step * 10:08d}" for step in range(5)][-keep:]


def test_a_run_that_goes_back_leaves_nothing_of_what_it_did_before(tmp_path):
    model, optimizer = make(1)
    for step in (10, 20, 30):
        write(tmp_path, step, model, optimizer, keep=3)
    checkpoints = Checkpointer(str(tmp_path), 3)
    checkpoints.load(str(tmp_path / "step-00000010"), [model], optimizer)
    assert names(tmp_path) == ["step-00000010", "step-00000020", "step-00000030"]
    checkpoints.save(15, [model], optimizer, {})
    checkpoints.complete(wait=True)
    assert names(tmp_path) == ["step-00000010", "step-00000015"]


def test_a_run_that_took_up_nothing_removes_no_later_checkpoint(tmp_path):
    model, optimizer = make(1)
    write(tmp_path, 30, model, optimizer)
    write(tmp_path, 10, model, optimizer, keep=1)
    assert names(tmp_path) == ["step-00000010", "step-00000030"]


def test_a_checkpoint_says_what_it_is_of(saved):
    path = Path(saved["fsdp 2"][0]) / "step-00000003"
    record = json.loads((path / RECORD).read_text())
    assert (record["format"], record["step"], record["ranks"]) == ("checkpoint/v1", 3, 2)
    assert record["state"] == STATE
    assert set(record["files"]) == {"__0_0.distcp", "__1_0.distcp", ".metadata"} == set(names(path)) - {RECORD}


def fail_on(rank: int, where: str, folder: Path) -> tuple[str, str | None, list[str]]:
    """Saves of steps 1 to 3, of which the second fails on one rank."""
    model, optimizer = make(1, {})
    checkpoints = Checkpointer(str(folder), 3)
    real = getattr(checkpoint, where)

    def full(*args: Any) -> Any:
        raise OSError(28, "No space left on device")

    said, path = "", None
    for step in (1, 2, 3):
        if dist.get_rank() == rank:
            setattr(checkpoint, where, full if step == 2 else real)
        checkpoints.save(step, [model], optimizer, {})
        try:
            path = checkpoints.complete(wait=True)
        except CheckpointFailed as error:
            said += str(error)
    return said, path, names(folder)


@pytest.mark.parametrize(("rank", "where"), [(1, "_hash"), (0, "_hash"), (0, "write_sealed")])
def test_a_failure_on_one_rank_fails_the_checkpoint_on_all_and_no_other(rank, where, tmp_path):
    folder = tmp_path / "checkpoints"
    for said, path, left in run(2, tmp_path, fail_on, rank, where, folder):
        assert "step 2 was not written" in said
        assert "No space left on device" in said
        assert path == str(folder / "step-00000003")
        assert left == ["step-00000001", "step-00000003"]


def test_a_failure_is_told_of_and_training_goes_on(tmp_path, monkeypatch, capsys):
    model, optimizer = make(1)
    (tmp_path / "file").write_text("")
    checkpoints = Checkpointer(str(tmp_path / "file"), 2)
    for _ in range(2):  # saving waits for the one before, and tells of it
        checkpoints.save(1, [model], optimizer, {})
    checkpoints.close()
    assert capsys.readouterr().err.count("checkpoint of step 1 was not written") == 2


@pytest.mark.parametrize(
    ("change", "message"),
    [({"layers": 4}, r"it has no model\.layers\.3"), ({"vocab": 103}, r"is \[101, 16\], not \[103, 16\]")],
)
def test_a_checkpoint_of_another_model_is_refused_in_one_line(change, message, saved):
    config = settings({}, MODEL.model_copy(update=change))
    model = build(config, None, torch.device("cpu"))
    folder = saved["fsdp 2"][0]
    with pytest.raises(UserError, match=message) as caught:
        Checkpointer(folder, 2).load(os.path.join(folder, "step-00000003"), [model])
    assert "\n" not in str(caught.value)


def test_a_url_is_refused():
    with pytest.raises(UserError, match="a folder of a file system"):
        Checkpointer("s3://bucket/run", 2)
