"""Read a Llama back from a Hugging Face folder: one that we exported, or that transformers saved."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from pydantic import ValidationError
from safetensors import SafetensorError, safe_open

from curate.errors import UserError
from curate.tokens.tokenizer import Tokenizer, load_tokenizer
from curate.training.config import ModelConfig
from curate.training.export import INDEX, TOKENIZER, WEIGHTS
from curate.training.model import Llama


def load_model(folder: str, device: str = "cpu", dtype: torch.dtype = torch.float32) -> Llama:
    """The model of a folder, for evaluation, on a device. Its shape is `model.config`.

    UserError for a folder that holds no model, one of another architecture, or what our Llama has not: tied embeddings,
    biases, scaled rotary positions, quantized or missing weights.
    """
    config = read_model_config(folder)
    with torch.device("meta"):
        model = Llama(config)
    model.to(dtype).to_empty(device=device)
    wanted = dict(model.named_parameters())
    homes = _homes(folder)
    missing, over = wanted.keys() - homes.keys(), homes.keys() - wanted.keys()
    if missing or over:
        problem = f"lack {min(missing)}" if missing else f"hold {min(over)}, which is not of a Llama"
        raise UserError(f"{folder}: the weights {problem}")
    for file in sorted(set(homes.values())):
        try:
            with safe_open(Path(folder) / file, framework="pt") as held:
                names = held.keys()
                for name in names:
                    if homes.get(name) != file:
                        continue
                    tensor = held.get_tensor(name)
                    if tensor.shape != wanted[name].shape:
                        shape = list(wanted[name].shape)
                        raise UserError(f"{folder}: {name} is {list(tensor.shape)}, and config.json says {shape}")
                    wanted.pop(name).data.copy_(tensor)
        except (SafetensorError, OSError) as error:
            raise UserError(f"{folder}: {file} cannot be read: {error}") from None
    if wanted:
        raise UserError(f"{folder}: the weights lack {min(wanted)}")
    return model.eval().requires_grad_(False)


def load_tokenizer_of(folder: str, path: str | None = None) -> Tokenizer:
    """The tokenizer at `path`, or the one in a model's folder."""
    found = tokenizer_path(folder, path)
    if not found.is_file():
        raise UserError(f"there is no {found}: name a SentencePiece model or tiktoken file with --tokenizer")
    return load_tokenizer(str(found), Path(folder).name)


def tokenizer_path(folder: str, path: str | None = None) -> Path:
    """Where `load_tokenizer_of` looks."""
    return Path(path) if path else Path(folder) / TOKENIZER


def begins_with(folder: str, tokenizer: Tokenizer) -> int:
    """The id that stands before a text: bos, or eos where documents of the model have none."""
    raw = _json(Path(folder) / "config.json", f"{folder} has no config.json")
    for candidate in (raw.get("bos_token_id"), raw.get("eos_token_id"), tokenizer.bos_id):
        if isinstance(candidate, int) and 0 <= candidate < tokenizer.vocab_size:
            return candidate
    return tokenizer.eos_id


def read_model_config(folder: str) -> ModelConfig:
    """The shape that config.json tells; UserError for what our Llama cannot be."""
    path = Path(folder) / "config.json"
    hint = f"; `curate train export {folder}` makes one of a run" if (Path(folder) / "config.yaml").is_file() else ""
    raw = _json(path, f"{folder} is not a Hugging Face model folder: it has no config.json{hint}")
    architectures = raw.get("architectures") or [raw.get("model_type")]
    if architectures[0] not in ("LlamaForCausalLM", "llama"):
        raise UserError(f"{path}: the model is {architectures[0]}, not LlamaForCausalLM")
    rotation = raw.get("rope_parameters") or {}
    scaling = raw.get("rope_scaling") or rotation
    kind = scaling.get("rope_type", scaling.get("type", "default"))
    for wrong, what in (
        (raw.get("tie_word_embeddings"), "ties its output to its embeddings"),
        (raw.get("attention_bias") or raw.get("mlp_bias"), "has biases"),
        (kind != "default", f"scales its rotary positions ({kind})"),
        (raw.get("hidden_act", "silu") != "silu", f"is activated by {raw.get('hidden_act')}"),
        (raw.get("quantization_config"), "is quantized"),
    ):
        if wrong:
            raise UserError(f"{path}: the model {what}, which this Llama has not")
    try:
        config = ModelConfig(
            dim=raw["hidden_size"],
            layers=raw["num_hidden_layers"],
            heads=raw["num_attention_heads"],
            kv_heads=raw.get("num_key_value_heads") or raw["num_attention_heads"],
            ffn=raw["intermediate_size"],
            vocab=raw["vocab_size"],
            context=raw.get("max_position_embeddings", 2048),
            rope_theta=rotation.get("rope_theta") or raw.get("rope_theta") or 1e4,
            norm_eps=raw.get("rms_norm_eps", 1e-6),
        )
    except KeyError as error:
        raise UserError(f"{path} does not say {error}") from None
    except ValidationError as error:
        raise UserError(f"{path}: {error.errors()[0]['msg']}") from None
    if (raw.get("head_dim") or config.head_dim) != config.head_dim:
        raise UserError(f"{path}: heads of {raw['head_dim']} are not hidden_size over heads, {config.head_dim}")
    return config


def _homes(folder: str) -> dict[str, str]:
    """The file of each tensor; the tables of angles that old exports carry are left out."""
    homes: Mapping[str, Any]
    if (Path(folder) / INDEX).is_file():
        homes = _json(Path(folder) / INDEX, "").get("weight_map") or {}
        if any(not isinstance(file, str) or Path(file).name != file for file in homes.values()):
            raise UserError(f"{folder}/{INDEX} names a file outside the folder")
    elif (Path(folder) / WEIGHTS).is_file():
        try:
            with safe_open(Path(folder) / WEIGHTS, framework="pt") as held:
                homes = dict.fromkeys(held.keys(), WEIGHTS)
        except (SafetensorError, OSError) as error:
            raise UserError(f"{folder}: {WEIGHTS} cannot be read: {error}") from None
    else:
        raise UserError(f"{folder} has neither {WEIGHTS} nor {INDEX}")
    return {name: file for name, file in homes.items() if not name.endswith("rotary_emb.inv_freq")}


def _json(path: Path, absent: str) -> dict[str, Any]:
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
    except (FileNotFoundError, NotADirectoryError):
        raise UserError(absent) from None
    except (ValueError, RecursionError) as error:
        raise UserError(f"{path} is not JSON: {error}") from None
    if not isinstance(value, dict):
        raise UserError(f"{path} is not a JSON object")
    return value
