"""Checkpoints that are written while training goes on, and are there whole or not at all.

`save` copies this rank's part of the model and optimizer to memory of the CPU and returns. A thread then writes it with
torch.distributed.checkpoint, as those of all ranks do, and hashes its files; rank 0 seals their list and renames the
folder: `step-00000100` is a checkpoint, `.tmp-step-00000100` is what a kill left of one. Beside the tensors (see
`sharded`) there is `checkpoint.json`, sealed: step, the loop's own state, and size and xxh3-128 of each file.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import sys
import threading
from collections.abc import Sequence
from contextlib import suppress
from datetime import timedelta
from typing import Any

import torch
import torch.distributed as dist
import xxhash
from torch import Tensor, nn

from curate.errors import UserError
from curate.storage import TEMPORARY, BrokenSeal, canonical, read_sealed, write_sealed
from curate.training.sharded import METADATA, copy_local, read_tensors, stored_tensors, write_tensors

FORMAT = "checkpoint/v1"
RECORD = "checkpoint.json"
TIMEOUT = timedelta(hours=2)
"""How long ranks wait for the slowest disk."""


class CheckpointFailed(RuntimeError):
    """A checkpoint could not be written; the one before is as it was."""


class Checkpointer:
    """The checkpoints of a run in `folder`, which every rank sees; the `keep` newest stay.

    Every method but `poll` is called by all ranks alike, in the same order. UserError where `folder` is a URL.
    """

    def __init__(self, folder: str, keep: int) -> None:
        if "://" in folder:
            raise UserError(f"{folder}: checkpoints need a folder of a file system, not a URL")
        self.folder, self.keep = folder, keep
        self._ranks = _Ranks()
        self._copies: dict[str, Tensor] = {}
        self._thread: threading.Thread | None = None
        self._problem: str | None = None
        self._step = -1
        self._published: set[int] = set()
        self._taken_up: int | None = None
        self._verified: dict[str, Any] = {}

    def save(
        self, step: int, model_parts: Sequence[nn.Module], optimizer: torch.optim.Optimizer, state: dict[str, Any]
    ) -> None:
        """Copy everything and begin to write it as `step`; first waits for a checkpoint that is still being written.

        state: any JSON object; rank 0's is kept. ValueError or TypeError where it is none.
        """
        self.close()
        self._verified.clear()
        state = json.loads(canonical(state))
        tensors = stored_tensors(model_parts, optimizer)
        copy_local(tensors, self._copies)
        self._step, self._problem = step, "the thread that wrote it was ended"
        self._thread = threading.Thread(
            target=self._write, args=(step, tensors, self._copies, state), name=f"checkpoint-{step}", daemon=True
        )
        self._thread.start()

    def poll(self) -> bool:
        """Whether a checkpoint is being written of which this rank has no more to do. Local."""
        return self._thread is not None and not self._thread.is_alive()

    def complete(self, wait: bool = False) -> str | None:
        """The path of the checkpoint whose writing ended since it was last asked; None where there is none.

        A failure goes to stderr, for training can go on without one checkpoint; with `wait`, which waits for the end of
        writing, it is CheckpointFailed.
        """
        thread = self._thread
        if thread is None or (thread.is_alive() and not wait):
            return None
        thread.join()
        self._thread = None
        if self._problem is None:
            return self._path(self._step)
        said = f"checkpoint of step {self._step:,} was not written: {self._problem}"
        if wait:
            raise CheckpointFailed(said)
        self._say(said)
        return None

    def close(self) -> None:
        """Wait for a checkpoint that is being written; a failure goes to stderr."""
        if self._thread is not None:
            self._thread.join()
            self.complete()

    def newest(self) -> str | None:
        """The path of the newest checkpoint all of whose bytes are as written, or None.

        Ranks share the reading. A damaged one is told of on stderr, and the one before is taken.
        """
        self.close()
        for step in reversed(self._ranks.tell(_steps(self.folder) if self._ranks.first else None)):
            path = self._path(step)
            problem = self._verify(path)
            if problem is None:
                return path
            self._say(f"checkpoint {path} is damaged, taking the one before: {problem}")
        return None

    def load(
        self, path: str, model_parts: Sequence[nn.Module], optimizer: torch.optim.Optimizer | None = None
    ) -> dict[str, Any]:
        """Set parameters, and the optimizer's moments and steps, from a checkpoint; its state.

        Hyperparameters (rate, decay) are not part of a checkpoint. UserError where the checkpoint is damaged, or is not
        of this model.
        """
        self.close()
        if path not in self._verified:
            problem = self._verify(path)
            if problem is not None:
                raise UserError(f"checkpoint {path} is damaged or not there: {problem}")
        trouble: Exception | None = None
        try:
            read_tensors(path, model_parts, optimizer)
        except Exception as error:
            trouble = error
        problems = [problem for problem in self._ranks.share(trouble and _in_a_line(trouble)) if problem]
        if isinstance(trouble, UserError):
            raise trouble
        if problems:
            raise CheckpointFailed(f"cannot load {path}: {problems[0]}") from trouble
        record = self._verified[path]
        self._taken_up = record["step"]
        state: dict[str, Any] = record["state"]
        return state

    def _path(self, step: int) -> str:
        return os.path.join(self.folder, _name(step))

    def _say(self, line: str) -> None:
        if self._ranks.first:
            print(line, file=sys.stderr, flush=True)

    def _write(self, step: int, tensors: dict[str, Tensor], copies: dict[str, Tensor], state: dict[str, Any]) -> None:
        """What the thread does. Each exchange is met by all ranks: errors are carried to it."""
        temporary = os.path.join(self.folder, TEMPORARY + _name(step))
        try:
            write_tensors(temporary, tensors, copies, self._ranks.group)
            mine: dict[str, Any] | str
            try:
                mine = _described(temporary, self._ranks.rank)
            except OSError as error:
                mine = _in_a_line(error)
            parts = self._ranks.gather(mine)
            problem = None
            if self._ranks.first:
                try:
                    self._publish(step, temporary, parts, state)
                except Exception as error:
                    problem = _in_a_line(error)
            self._problem = self._ranks.tell(problem)
        except Exception as error:
            self._problem = _in_a_line(error)

    def _publish(self, step: int, temporary: str, parts: list[dict[str, Any] | str], state: dict[str, Any]) -> None:
        files: dict[str, Any] = {}
        for rank, part in enumerate(parts):
            if isinstance(part, str):
                raise CheckpointFailed(f"rank {rank}: {part}")
            for name, described in part.items():
                place = os.path.join(temporary, name)
                if not os.path.exists(place) or os.path.getsize(place) != described["bytes"]:
                    raise CheckpointFailed(f"rank 0 does not see what rank {rank} wrote: {self.folder} must be shared")
                files[name] = described
        record = {"format": FORMAT, "step": step, "ranks": len(parts), "state": state, "files": files}
        write_sealed(os.path.join(temporary, RECORD), record)
        _sync(temporary)
        path = self._path(step)
        if os.path.exists(path):
            self._discard(step)
        os.rename(temporary, path)
        _sync(self.folder)
        # It is there: an old one that cannot be removed is not a failure.
        with suppress(OSError):
            for old in self._superseded(step):
                self._discard(old)

    def _superseded(self, published: int) -> list[int]:
        """Steps to remove: all but the newest, and what a run that went back to an earlier step has left behind."""
        steps = _steps(self.folder)
        self._published.add(published)
        behind = [
            step
            for step in steps
            if self._taken_up is not None and step > self._taken_up and step not in self._published
        ]
        past = [step for step in steps if step <= published and step not in behind]
        return behind + past[: -self.keep]

    def _discard(self, step: int) -> None:
        # Renamed first: a kill in the middle of removing must not leave half of it under its name.
        gone = os.path.join(self.folder, f"{TEMPORARY}gone-{_name(step)}")
        shutil.rmtree(gone, ignore_errors=True)
        os.rename(self._path(step), gone)
        shutil.rmtree(gone, ignore_errors=True)

    def _verify(self, path: str) -> str | None:
        """What is wrong with a checkpoint, the same on every rank; its record is kept where nothing is."""
        found: dict[str, Any] | str | None = None
        if self._ranks.first:
            try:
                found = read_sealed(os.path.join(path, RECORD))
                if found.get("format") != FORMAT:
                    found = f"{RECORD} is not of {FORMAT}"
            except (OSError, BrokenSeal) as error:
                found = _in_a_line(error)
        record = self._ranks.tell(found)
        if isinstance(record, str):
            return record
        mine = sorted(record["files"].items())[self._ranks.rank :: self._ranks.size]
        wrong = next(filter(None, (_damage(path, name, described) for name, described in mine)), None)
        problems: list[str] = [problem for problem in self._ranks.share(wrong) if problem]
        if problems:
            return problems[0]
        self._verified[path] = record
        return None


class _Ranks:
    """Exchange of small objects between ranks, by a gloo group that training does not use; alone, with itself."""

    def __init__(self) -> None:
        self.group: dist.ProcessGroup | None = None
        self.rank, self.size = 0, 1
        if dist.is_available() and dist.is_initialized():
            group = dist.new_group(backend="gloo", timeout=TIMEOUT)
            assert isinstance(group, dist.ProcessGroup)
            self.group = group
            self.rank, self.size = dist.get_rank(), dist.get_world_size()

    @property
    def first(self) -> bool:
        return self.rank == 0

    def gather(self, value: Any) -> list[Any]:
        """Everyone's value on rank 0, nothing elsewhere."""
        if self.group is None:
            return [value]
        values: list[Any] = [None] * self.size
        dist.gather_object(value, values if self.first else None, dst=0, group=self.group)
        return values if self.first else []

    def tell(self, value: Any) -> Any:
        """Rank 0's value."""
        values = [value]
        if self.group is not None:
            dist.broadcast_object_list(values, src=0, group=self.group)
        return values[0]

    def share(self, value: Any) -> list[Any]:
        """Everyone's value, everywhere."""
        shared: list[Any] = self.tell(self.gather(value))
        return shared


def _name(step: int) -> str:
    return f"step-{step:08d}"


def _steps(folder: str) -> list[int]:
    """Steps of the checkpoints of a folder, whole or damaged, oldest first."""
    names = os.listdir(folder) if os.path.isdir(folder) else []
    return sorted(int(name[5:]) for name in names if re.fullmatch(r"step-[0-9]{8,18}", name))


def _described(folder: str, rank: int) -> dict[str, Any]:
    """Size and hash of each file that a rank wrote."""
    names = [name for name in os.listdir(folder) if name.startswith(f"__{rank}_") or (rank == 0 and name == METADATA)]
    return {
        name: {"bytes": os.path.getsize(os.path.join(folder, name)), "xxh3_128": _hash(os.path.join(folder, name))}
        for name in names
    }


def _damage(folder: str, name: str, described: dict[str, Any]) -> str | None:
    """What is wrong with a file, or None."""
    path = os.path.join(folder, name)
    try:
        if os.path.getsize(path) != described["bytes"]:
            return f"{name} has {os.path.getsize(path):,} bytes, not {described['bytes']:,}"
        return None if _hash(path) == described["xxh3_128"] else f"the bytes of {name} are not those written"
    except OSError as error:
        return _in_a_line(error)


def _hash(path: str) -> str:
    with open(path, "rb", buffering=0) as file:
        return hashlib.file_digest(file, xxhash.xxh3_128).hexdigest()


def _sync(folder: str) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _in_a_line(error: BaseException) -> str:
    return f"{type(error).__name__}: {' '.join(str(error).split())}"[:500]
