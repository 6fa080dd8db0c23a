"""A Llama that transformers saved is read with the same logits, and what is no Llama of ours is refused in one line."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file
from transformers import LlamaConfig, LlamaForCausalLM
from transformers.utils import logging

from curate.errors import UserError
from curate.training.export import export_model
from curate.training.hugging_face import load_model, load_tokenizer_of
from curate.training.model import Llama


def saved(folder: Path, **changes: Any) -> LlamaForCausalLM:
    logging.disable_progress_bar()
    shape = {
        "vocab_size": 64,
        "hidden_size": 32,
        "intermediate_size": 48,
        "num_hidden_layers": 2,
        "num_attention_heads": 4,
        "num_key_value_heads": 2,
        "max_position_embeddings": 40,
        "rms_norm_eps": 1e-6,
        "rope_parameters": {"rope_type": "default", "rope_theta": 5e5},
        "initializer_range": 0.3,
    }
    model = LlamaForCausalLM(LlamaConfig(**(shape | changes))).eval()
    model.save_pretrained(folder, max_shard_size="30KB")
    return model


def edit(folder: Path, **changes: Any) -> None:
    path = folder / "config.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **changes}))


def test_what_transformers_saved_gives_the_same_logits(tmp_path: Path) -> None:
    theirs, ids = saved(tmp_path), torch.randint(0, 64, (2, 40))
    assert len(list(tmp_path.glob("*.safetensors"))) > 1
    model = load_model(str(tmp_path))
    assert (model.config.rope_theta, model.config.norm_eps, model.config.kv_heads) == (5e5, 1e-6, 2)
    torch.testing.assert_close(model(ids), theirs(ids).logits, rtol=1e-4, atol=2e-5)
    assert not any(parameter.requires_grad for parameter in model.parameters())


def test_a_config_of_transformers_before_5_is_read(tmp_path: Path) -> None:
    theirs, ids = saved(tmp_path), torch.randint(0, 64, (2, 40))
    edit(tmp_path, rope_parameters=None, rope_theta=5e5, rope_scaling=None, torch_dtype="float32", head_dim=None)
    torch.testing.assert_close(load_model(str(tmp_path))(ids), theirs(ids).logits, rtol=1e-4, atol=2e-5)


def test_weights_are_read_in_the_precision_asked_for(model: Llama, tmp_path: Path) -> None:
    export_model(model.state_dict(), model.config, str(tmp_path / "out"))
    for dtype in (torch.float32, torch.bfloat16):
        loaded = load_model(str(tmp_path / "out"), dtype=dtype).state_dict()
        assert all(torch.equal(loaded[name], value.bfloat16().to(dtype)) for name, value in model.state_dict().items())


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"architectures": ["MistralForCausalLM"], "model_type": "mistral"},
            "MistralForCausalLM, not LlamaForCausalLM",
        ),
        ({"tie_word_embeddings": True}, "ties its output"),
        ({"attention_bias": True}, "has biases"),
        ({"mlp_bias": True}, "has biases"),
        ({"rope_parameters": {"rope_type": "llama3", "rope_theta": 5e5, "factor": 8}}, r"scales .*\(llama3\)"),
        ({"rope_parameters": None, "rope_scaling": {"type": "linear", "factor": 2.0}}, r"scales .*\(linear\)"),
        ({"hidden_act": "gelu"}, "activated by gelu"),
        ({"quantization_config": {"bits": 4}}, "quantized"),
        ({"head_dim": 16}, "heads of 16"),
        ({"num_attention_heads": 3}, "heads"),
        ({"hidden_size": "large"}, "config.json"),
        ({"intermediate_size": 56}, r"mlp.*_proj\.weight is \["),
        ({"num_hidden_layers": 3}, r"lack model\.layers\.2"),
        ({"num_hidden_layers": 1}, r"hold model\.layers\.1"),
    ],
)
def test_what_our_llama_cannot_be_is_refused_in_one_line(tmp_path: Path, changes: dict[str, Any], message: str) -> None:
    saved(tmp_path)
    edit(tmp_path, **changes)
    with pytest.raises(UserError, match=message) as error:
        load_model(str(tmp_path))
    assert "\n" not in str(error.value)


def test_a_missing_key_is_named(tmp_path: Path) -> None:
    saved(tmp_path)
    raw = json.loads((tmp_path / "config.json").read_text())
    del raw["hidden_size"]
    (tmp_path / "config.json").write_text(json.dumps(raw))
    with pytest.raises(UserError, match="does not say 'hidden_size'"):
        load_model(str(tmp_path))


@pytest.mark.parametrize("content", ["", "[]", "{", "[" * 100_000])
def test_a_config_that_is_no_json_object_is_refused(tmp_path: Path, content: str) -> None:
    (tmp_path / "config.json").write_text(content)
    with pytest.raises(UserError, match=r"config\.json is not"):
        load_model(str(tmp_path))


def test_a_folder_without_a_model_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"has no config\.json"):
        load_model(str(tmp_path))
    saved(tmp_path)
    for path in tmp_path.glob("model*"):
        path.unlink()
    with pytest.raises(UserError, match=r"neither model\.safetensors nor"):
        load_model(str(tmp_path))


def test_an_index_that_leads_out_of_the_folder_is_refused(tmp_path: Path) -> None:
    saved(tmp_path / "model")
    path = tmp_path / "model" / "model.safetensors.index.json"
    index = json.loads(path.read_text())
    index["weight_map"]["lm_head.weight"] = "../secret.safetensors"
    path.write_text(json.dumps(index))
    with pytest.raises(UserError, match="outside the folder"):
        load_model(str(tmp_path / "model"))


def test_weights_that_are_cut_or_lack_what_the_index_says_are_refused(model: Llama, tmp_path: Path) -> None:
    out = tmp_path / "out"
    export_model(model.state_dict(), model.config, str(out))
    weights = out / "model.safetensors"
    data = weights.read_bytes()
    weights.write_bytes(data[: len(data) // 2])
    with pytest.raises(UserError, match=r"model\.safetensors cannot be read"):
        load_model(str(out))
    weights.write_bytes(data)
    held = load_file(weights)
    del held["model.norm.weight"]
    save_file(held, weights)
    with pytest.raises(UserError, match=r"lack model\.norm\.weight"):
        load_model(str(out))
    (out / "model.safetensors.index.json").write_text(
        json.dumps({"weight_map": dict.fromkeys(model.state_dict(), "model.safetensors")})
    )
    with pytest.raises(UserError, match=r"lack model\.norm\.weight"):
        load_model(str(out))


def test_angles_that_old_exports_carry_are_passed_over(model: Llama, tmp_path: Path) -> None:
    export_model(model.state_dict(), model.config, str(tmp_path / "out"), dtype="float32")
    weights = tmp_path / "out" / "model.safetensors"
    save_file(load_file(weights) | {"model.layers.0.self_attn.rotary_emb.inv_freq": torch.ones(4)}, weights)
    ids = torch.randint(0, 32_000, (1, 8))
    assert torch.equal(load_model(str(tmp_path / "out"))(ids), model(ids))


def test_the_tokenizer_of_the_folder_is_read_or_the_one_named(
    model: Llama, tmp_path: Path, tokenizer_file: Path
) -> None:
    out = str(tmp_path / "out")
    export_model(model.state_dict(), model.config, out)
    with pytest.raises(UserError, match="--tokenizer"):
        load_tokenizer_of(out)
    assert load_tokenizer_of(out, str(tokenizer_file)).vocab_size == 32_000
    export_model(model.state_dict(), model.config, out, tokenizer=str(tokenizer_file), replace=True)
    assert load_tokenizer_of(out).sha256 == load_tokenizer_of(out, str(tokenizer_file)).sha256
