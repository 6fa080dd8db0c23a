"""What of a model and its optimizer is stored, and how torch.distributed.checkpoint (DCP) writes and reads it.

Tensors are stored by parameter name and by place in the whole tensor: what one plan wrote on some ranks, another reads
on more or fewer, or one process alone. `__R_0.distcp` holds the pieces of rank R, `.metadata` where each piece lies.
Nothing is unpickled but a fixed list of types.
"""

from __future__ import annotations

import os
import pickle
import shutil
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.distributed.checkpoint.api import CheckpointException
from torch.distributed.checkpoint.default_planner import DefaultLoadPlanner, DefaultSavePlanner
from torch.distributed.checkpoint.filesystem import FileSystemReader, FileSystemWriter
from torch.distributed.checkpoint.metadata import Metadata, TensorStorageMetadata
from torch.distributed.checkpoint.state_dict_loader import load
from torch.distributed.checkpoint.state_dict_saver import save
from torch.distributed.tensor import DTensor

from curate.errors import UserError
from curate.storage import TEMPORARY
from curate.training.model import plain_name

METADATA = ".metadata"
OPTIMIZER = "optimizer."

# DCP says so at every save and load of one process, where nothing is amiss.
warnings.filterwarnings("ignore", message="torch.distributed is disabled, unavailable or uninitialized")


def stored_tensors(model_parts: Sequence[nn.Module], optimizer: torch.optim.Optimizer | None) -> dict[str, Tensor]:
    """All that is stored: parameters by name, and `optimizer.<name>.<what>`; the very tensors, not copies."""
    tensors: dict[str, Tensor] = {}
    for part in model_parts:
        # First of all: it puts FSDP's parameters back to their shards, which after an evaluation they may not be.
        tensors.update({plain_name(name): tensor for name, tensor in part.state_dict().items()})
    if optimizer is not None:
        for name, parameter in _parameters(model_parts):
            for what, value in optimizer.state.get(parameter, {}).items():
                tensors[f"{OPTIMIZER}{name}.{what}"] = value
    return tensors


def copy_local(tensors: dict[str, Tensor], copies: dict[str, Tensor]) -> None:
    """Copy this rank's part of each tensor to CPU memory: into `copies`, which are used again the next time."""
    on_device = False
    for name, tensor in tensors.items():
        local = tensor.detach()
        if isinstance(local, DTensor):
            local = local.to_local()
        copy = copies.get(name)
        if copy is None or copy.shape != local.shape or copy.dtype != local.dtype:
            copy = copies[name] = torch.empty(local.shape, dtype=local.dtype, pin_memory=local.is_cuda)
        copy.copy_(local, non_blocking=True)
        on_device |= local.is_cuda
    if on_device:
        torch.cuda.synchronize()


def write_tensors(
    folder: str, tensors: dict[str, Tensor], copies: dict[str, Tensor], group: dist.ProcessGroup | None
) -> None:
    """Write all ranks' parts; every rank of `group` calls it, in any thread. An error on one is raised on all.

    tensors: for their layout only, values come from `copies`. What replicas hold in common is written once.
    """
    with _plain_errors():
        save(
            tensors,
            storage_writer=_Writer(folder),
            planner=_CopiesPlanner(copies),
            process_group=group,
            no_dist=group is None,
        )


def read_tensors(folder: str, model_parts: Sequence[nn.Module], optimizer: torch.optim.Optimizer | None) -> None:
    """Set parameters, and the optimizer's state of each, in place. Local: a rank reads what it needs of any file.

    UserError where the model is not the one that was stored.
    """
    reader = _Reader(folder)
    tensors = stored_tensors(model_parts, None)
    for name, tensor in tensors.items():
        described = reader.metadata.state_dict_metadata.get(name)
        if not isinstance(described, TensorStorageMetadata):
            raise UserError(f"{folder} is of another model: it has no {name}")
        if described.size != tensor.shape:
            raise UserError(
                f"{folder} is of another model: its {name} is {list(described.size)}, not {list(tensor.shape)}"
            )
    if optimizer is not None:
        _allocate_moments(model_parts, optimizer, reader.metadata)
        tensors = stored_tensors(model_parts, optimizer)
    planner = DefaultLoadPlanner(flatten_state_dict=False, flatten_sharded_tensors=False)
    with _plain_errors():
        load(tensors, storage_reader=reader, planner=planner, no_dist=True)


def read_parameters(folder: str, shapes: Mapping[str, Sequence[int]]) -> dict[str, Tensor]:
    """Some of the parameters, whole and on the CPU, as they were stored. UserError where one is not there so shaped."""
    reader = _Reader(folder)
    tensors: dict[str, Tensor] = {}
    for name, shape in shapes.items():
        described = reader.metadata.state_dict_metadata.get(name)
        if not isinstance(described, TensorStorageMetadata) or described.size != torch.Size(shape):
            raise UserError(f"{folder} is of another model: it has no {name} of {list(shape)}")
        tensors[name] = torch.empty(described.size, dtype=described.properties.dtype)
    planner = DefaultLoadPlanner(flatten_state_dict=False, flatten_sharded_tensors=False)
    with _plain_errors():
        load(tensors, storage_reader=reader, planner=planner, no_dist=True)
    return tensors


@contextmanager
def _plain_errors() -> Iterator[None]:
    """RuntimeError in one line for DCP's CheckpointException, which is no Exception and holds whole tracebacks."""
    try:
        yield
    except CheckpointException as failed:
        rank, (error, _) = min(failed.failures.items(), key=lambda failure: failure[0])
        where = f"rank {rank}: " if len(failed.failures) > 1 or rank else ""
        raise RuntimeError(f"{where}{type(error).__name__}: {' '.join(str(error).split())}"[:500]) from None


def _parameters(model_parts: Sequence[nn.Module]) -> Iterator[tuple[str, nn.Parameter]]:
    for part in model_parts:
        for name, parameter in part.named_parameters():
            yield plain_name(name), parameter


def _allocate_moments(model_parts: Sequence[nn.Module], optimizer: torch.optim.Optimizer, metadata: Metadata) -> None:
    """Give the optimizer the tensors that the checkpoint has for it, laid out as their parameters."""
    stored: dict[str, dict[str, TensorStorageMetadata]] = {}
    for name, described in metadata.state_dict_metadata.items():
        if name.startswith(OPTIMIZER) and isinstance(described, TensorStorageMetadata):
            parameter_name, _, what = name.removeprefix(OPTIMIZER).rpartition(".")
            stored.setdefault(parameter_name, {})[what] = described
    names = {parameter: name for name, parameter in _parameters(model_parts)}
    for group in optimizer.param_groups:
        # As torch.optim has it: counts of steps are on the device only where its kernels read them there.
        counts_on_device = group.get("fused") or group.get("capturable")
        for parameter in group["params"]:
            optimizer.state[parameter] = {
                what: torch.zeros_like(parameter, dtype=described.properties.dtype)
                if described.size == parameter.shape
                else torch.zeros(
                    described.size,
                    dtype=described.properties.dtype,
                    device=parameter.device if counts_on_device else "cpu",
                )
                for what, described in stored.get(names[parameter], {}).items()
            }


class _CopiesPlanner(DefaultSavePlanner):
    """Plans by the live tensors, whose layout does not change, and writes their copies."""

    def __init__(self, copies: dict[str, Tensor]) -> None:
        super().__init__(flatten_state_dict=False, flatten_sharded_tensors=False)
        self._copies = copies

    def lookup_object(self, index: Any) -> Any:
        return self._copies[index.fqn]


class _Writer(FileSystemWriter):
    """Writes one synced file a rank, into a folder from which rank 0 has swept what kills left."""

    def __init__(self, path: str) -> None:
        super().__init__(path, per_thread_copy_ahead=0)

    def prepare_local_plan(self, plan: Any) -> Any:
        folder = os.path.dirname(self.path)
        if not self.rank and os.path.isdir(folder):
            for left in os.listdir(folder):
                if left.startswith(TEMPORARY):
                    shutil.rmtree(os.path.join(folder, left))
        os.makedirs(self.path, exist_ok=True)
        return plan

    def storage_meta(self) -> Any:
        # Else a path of this machine and a random number would be stored.
        return None


class _Reader(FileSystemReader):
    def __init__(self, path: str) -> None:
        super().__init__(path)
        with open(os.path.join(path, METADATA), "rb") as file:
            metadata = _MetadataUnpickler(file).load()
        if not isinstance(metadata, Metadata):
            raise pickle.UnpicklingError(f"{METADATA} is none")
        self.metadata = metadata

    def read_metadata(self, *args: Any, **kwargs: Any) -> Metadata:
        return self.metadata


class _MetadataUnpickler(pickle.Unpickler):
    """Knows the types that describe tensors, and nothing that could do harm."""

    _KNOWN = frozenset(
        {
            *(
                ("torch.distributed.checkpoint.metadata", name)
                for name in (
                    "Metadata",
                    "MetadataIndex",
                    "TensorStorageMetadata",
                    "TensorProperties",
                    "ChunkStorageMetadata",
                    "_MEM_FORMAT_ENCODING",
                )
            ),
            ("torch.distributed.checkpoint.filesystem", "_StorageInfo"),
            ("torch", "Size"),
            ("torch.serialization", "_get_layout"),
        }
    )

    def find_class(self, module: str, name: str) -> Any:
        if (module, name) in self._KNOWN or (module == "torch" and isinstance(getattr(torch, name, None), torch.dtype)):
            return super().find_class(module, name)
        raise pickle.UnpicklingError(f"{METADATA} names {module}.{name}")
