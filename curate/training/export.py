"""A trained model as a folder that `transformers`, vLLM and others read: config.json, safetensors, tokenizer.

Parameters carry Hugging Face's names already, so nothing is permuted. One file of weights is in memory at a time, and
the folder appears when it is whole.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal

import torch
from safetensors.torch import save_file
from torch import Tensor

from curate.errors import UserError
from curate.models.registry import resolve
from curate.storage import TEMPORARY
from curate.tokens.schema import DELIMITERS, TokenizerInfo
from curate.tokens.tokenizer import load_tokenizer
from curate.training.checkpoint import Checkpointer
from curate.training.config import ModelConfig
from curate.training.model import Llama
from curate.training.sharded import read_parameters
from curate.training.tokenizer_json import tokenizer_config, tokenizer_json
from curate.training.vocabulary import read_vocabulary

TOKENIZER = "tokenizer.model"
WEIGHTS = "model.safetensors"
INDEX = "model.safetensors.index.json"

Dtype = Literal["bfloat16", "float32"]
Getter = Callable[[Sequence[str]], Mapping[str, Tensor]]
"""The tensors of these names: those of one file of weights."""


def export_model(
    tensors: Mapping[str, Tensor] | Getter,
    config: ModelConfig,
    out: str,
    *,
    tokenizer: str | None = None,
    info: TokenizerInfo | None = None,
    delimiters: str = "bos_eos",
    dtype: Dtype = "bfloat16",
    max_shard_bytes: float = 5e9,
    replace: bool = False,
) -> None:
    """Write a Hugging Face folder at `out`, a local path.

    tokenizer: a SentencePiece model or tiktoken file to go with it; info: what the tokens it was trained on record of
    theirs, which the file must be; delimiters: theirs, so that a text begins as documents did. A file of weights holds
    at most max_shard_bytes, but always one tensor. UserError where `out` is there already (unless `replace`), where the
    tokenizer is another one, or has more ids than the model.
    """
    get: Getter = tensors if callable(tensors) else lambda names: {name: tensors[name] for name in names}
    with _appearing(out, replace) as folder:
        if tokenizer is not None:
            info = _write_tokenizer(folder, tokenizer, info, delimiters, config)
        _write_weights(folder, get, config, dtype, max_shard_bytes)
        ids = {
            # A model whose documents begin without it has never seen it.
            "bos_token_id": info.bos_id
            if info is not None and info.bos_id >= 0 and DELIMITERS[delimiters][0]
            else None,
            "eos_token_id": info.eos_id if info is not None and info.eos_id >= 0 else None,
        }
        _write_json(folder / "generation_config.json", ids)
        _write_json(folder / "config.json", {**_hugging_face(config), **ids, "dtype": dtype, "torch_dtype": dtype})


def export_checkpoint(checkpoint: str, config: ModelConfig, out: str, *, verify: bool = True, **options: Any) -> None:
    """`export_model` from a checkpoint's folder, whatever plan and number of ranks wrote it; needs no process group.

    Its bytes are verified first. UserError where it is damaged, or is not of this model.
    """
    if verify:
        Checkpointer(os.path.dirname(os.path.abspath(checkpoint)), 1).load(os.path.abspath(checkpoint), [])
    expected = shapes(config)

    def get(names: Sequence[str]) -> dict[str, Tensor]:
        return read_parameters(checkpoint, {name: expected[name] for name in names})

    export_model(get, config, out, **options)


def export_run(
    run: str,
    *,
    step: int | None = None,
    out: str | None = None,
    tokenizer: str | None = None,
    dtype: Dtype = "bfloat16",
    max_shard_bytes: float = 5e9,
    replace: bool = False,
) -> str:
    """Export a run's newest whole checkpoint, or that of `step`, to `out` (default: RUN/model-step-N); where it is.

    The tokenizer is the one that the run's tokens name, looked up among the models, unless a file is given. UserError
    where run, checkpoint or tokenizer are not there.
    """
    from curate.training.loop import CHECKPOINTS, read_config

    config = read_config(run)
    folder = os.path.join(os.path.abspath(run), CHECKPOINTS)
    checkpoints = Checkpointer(folder, 1)
    path = checkpoints.newest() if step is None else os.path.join(folder, f"step-{step:08d}")
    if path is None or not os.path.isdir(path):
        raise UserError(f"{run} has no checkpoint{'' if step is None else f' of step {step:,}'}")
    state = checkpoints.load(path, [])  # verified
    info = TokenizerInfo.from_json(state["tokenizer"])
    if tokenizer is None:
        try:
            tokenizer = str(resolve(f"{info.name}@sha256:{info.sha256}").path)
        except UserError as error:
            raise UserError(f"the tokenizer of the tokens is not here: {error}; or name it with --tokenizer") from None
    out = out or os.path.join(run, f"model-{os.path.basename(path)}")
    export_checkpoint(
        path,
        config.model,
        out,
        verify=False,
        tokenizer=tokenizer,
        info=info,
        delimiters=state["delimiters"],
        dtype=dtype,
        max_shard_bytes=max_shard_bytes,
        replace=replace,
    )
    return out


def shapes(config: ModelConfig) -> dict[str, tuple[int, ...]]:
    """The shape of every parameter, by name, in the order of the model."""
    with torch.device("meta"):
        return {name: tuple(parameter.shape) for name, parameter in Llama(config).named_parameters()}


def shards(sizes: Mapping[str, int], most: float) -> list[list[str]]:
    """Names in order, in runs whose sizes sum to at most `most`; one that is larger alone."""
    runs: list[list[str]] = []
    filled = 0.0
    for name, size in sizes.items():
        if not runs or filled + size > most:
            runs.append([])
            filled = 0.0
        runs[-1].append(name)
        filled += size
    return runs


def _write_weights(folder: Path, get: Getter, config: ModelConfig, dtype: Dtype, most: float) -> None:
    kind: torch.dtype = getattr(torch, dtype)
    expected = shapes(config)
    sizes = {name: torch.Size(shape).numel() * kind.itemsize for name, shape in expected.items()}
    runs = shards(sizes, most)
    home: dict[str, str] = {}
    for number, names in enumerate(runs, 1):
        file = WEIGHTS if len(runs) == 1 else f"model-{number:05d}-of-{len(runs):05d}.safetensors"
        found = get(names)
        for name in names:
            if tuple(found[name].shape) != expected[name]:
                raise ValueError(f"{name} is {list(found[name].shape)}, not {list(expected[name])}")
        part = {name: found[name].detach().to("cpu", kind).contiguous() for name in names}
        del found
        save_file(part, folder / file, metadata={"format": "pt"})
        home.update(dict.fromkeys(names, file))
    if len(runs) > 1:
        _write_json(folder / INDEX, {"metadata": {"total_size": sum(sizes.values())}, "weight_map": home})


def _hugging_face(config: ModelConfig) -> dict[str, Any]:
    return {
        "architectures": ["LlamaForCausalLM"],
        "model_type": "llama",
        "vocab_size": config.vocab,
        "hidden_size": config.dim,
        "intermediate_size": config.ffn,
        "num_hidden_layers": config.layers,
        "num_attention_heads": config.heads,
        "num_key_value_heads": config.kv_heads,
        "head_dim": config.head_dim,
        "max_position_embeddings": config.context,
        "rms_norm_eps": config.norm_eps,
        # The first for transformers before 5, the second from 5 on.
        "rope_theta": config.rope_theta,
        "rope_parameters": {"rope_type": "default", "rope_theta": config.rope_theta},
        "hidden_act": "silu",
        "attention_bias": False,
        "mlp_bias": False,
        "attention_dropout": 0.0,
        "tie_word_embeddings": False,
        "use_cache": True,
    }


def _write_tokenizer(
    folder: Path, path: str, info: TokenizerInfo | None, delimiters: str, config: ModelConfig
) -> TokenizerInfo:
    """The tokenizer's own file, which `curate` reads, and the same for transformers."""
    tokenizer = load_tokenizer(path, info.name if info else Path(path).stem)
    if info is not None and tokenizer.sha256 != info.sha256:
        raise UserError(f"{path} is not the tokenizer {info.name} of the tokens: its sha256 is another")
    if tokenizer.vocab_size > config.vocab:
        raise UserError(f"{path} has {tokenizer.vocab_size:,} ids and the model {config.vocab:,}")
    data = Path(path).read_bytes()
    vocabulary = read_vocabulary(data)
    bos = tokenizer.bos_id if DELIMITERS[delimiters][0] and tokenizer.bos_id >= 0 else None
    (folder / TOKENIZER).write_bytes(data)
    _write_json(folder / "tokenizer.json", tokenizer_json(vocabulary, bos))
    _write_json(folder / "tokenizer_config.json", tokenizer_config(vocabulary, bos, tokenizer.eos_id, config.context))
    return TokenizerInfo.of(tokenizer)


def _write_json(path: Path, value: dict[str, Any]) -> None:
    path.write_text(json.dumps(value, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


@contextmanager
def _appearing(out: str, replace: bool) -> Iterator[Path]:
    """A new folder that stands at `out` when the block ends without an exception."""
    target = Path(out)
    if "://" in out:
        raise UserError(f"{out}: export to a local folder, and copy that")
    if target.exists() and not replace:
        raise UserError(f"{out} is there already: remove it, or name another folder")
    target.parent.mkdir(parents=True, exist_ok=True)
    for torn in target.parent.glob(f"{target.name}{TEMPORARY}*"):
        shutil.rmtree(torn)
    temporary = target.with_name(f"{target.name}{TEMPORARY}{os.getpid()}")
    temporary.mkdir()
    try:
        yield temporary
        for path in temporary.iterdir():
            with open(path, "rb") as written:
                os.fsync(written.fileno())
        if target.exists():
            old = target.with_name(f"{target.name}{TEMPORARY}{os.getpid()}-old")
            target.rename(old)
            temporary.rename(target)
            shutil.rmtree(old)
        else:
            temporary.rename(target)
    except BaseException:
        shutil.rmtree(temporary, ignore_errors=True)
        raise
