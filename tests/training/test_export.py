"""An exported folder is what `transformers` reads: the same logits, whole or absent, in files of the size asked for."""

from __future__ import annotations

import json
import warnings
from pathlib import Path

import pytest
import torch
import torch.distributed as dist
from hypothesis import given
from hypothesis import strategies as st
from safetensors import safe_open
from transformers import AutoConfig, AutoModelForCausalLM, LlamaForCausalLM
from transformers.utils import logging

from curate.errors import UserError
from curate.tokens.schema import TokenizerInfo
from curate.tokens.tokenizer import load_tokenizer
from curate.training.checkpoint import Checkpointer
from curate.training.config import ModelConfig, TrainConfig
from curate.training.export import export_checkpoint, export_model, shapes, shards
from curate.training.hugging_face import load_model
from curate.training.model import Llama, initialize
from curate.training.parallel import Ranks, build, layout
from tests.training.ranks import run

# DCP says so whenever it is used without a group.
pytestmark = pytest.mark.filterwarnings("ignore:torch.distributed is disabled")

IDS = torch.randint(0, 32_000, (2, 32), generator=torch.Generator().manual_seed(1))


def theirs(folder: Path, dtype: torch.dtype = torch.float32) -> LlamaForCausalLM:
    logging.disable_progress_bar()
    return AutoModelForCausalLM.from_pretrained(folder, dtype=dtype)


def names(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


@pytest.mark.parametrize(("kv_heads", "theta", "eps"), [(4, 1e4, 1e-6), (2, 5e5, 1e-5)])
def test_transformers_gives_the_same_logits(tmp_path: Path, kv_heads: int, theta: float, eps: float) -> None:
    config = ModelConfig(
        dim=32, layers=2, heads=4, kv_heads=kv_heads, ffn=48, vocab=64, context=40, rope_theta=theta, norm_eps=eps
    )
    model = Llama(config)
    initialize(model, 3)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.mul_(12) if parameter.dim() > 1 else parameter.uniform_(0.5, 1.5)
    export_model(model.state_dict(), config, str(tmp_path / "out"), dtype="float32")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        loaded = theirs(tmp_path / "out")
    assert type(loaded) is LlamaForCausalLM
    ids = torch.randint(0, 64, (2, 40))
    torch.testing.assert_close(loaded(ids).logits, model(ids), rtol=1e-4, atol=2e-5)
    assert model(ids).std() > 0.3


def test_the_config_says_what_the_model_is(model: Llama, tmp_path: Path, tokenizer_file: Path) -> None:
    export_model(model.state_dict(), model.config, str(tmp_path / "out"), tokenizer=str(tokenizer_file))
    config = AutoConfig.from_pretrained(tmp_path / "out")
    assert config.architectures == ["LlamaForCausalLM"]
    assert (config.bos_token_id, config.eos_token_id, config.vocab_size) == (1, 2, 32_000)
    assert config.dtype == torch.bfloat16
    assert config.rope_parameters == {"rope_type": "default", "rope_theta": 1e4}
    assert (config.max_position_embeddings, config.tie_word_embeddings) == (32, False)
    raw = json.loads((tmp_path / "out" / "config.json").read_text())
    assert (raw["rope_theta"], raw["torch_dtype"]) == (1e4, "bfloat16")  # where transformers before 5 look
    assert theirs(tmp_path / "out").generation_config.eos_token_id == 2
    assert names(tmp_path / "out") == {
        "config.json",
        "generation_config.json",
        "model.safetensors",
        "tokenizer.json",
        "tokenizer.model",
        "tokenizer_config.json",
    }


def test_weights_are_rounded_to_bf16_unless_fp32_is_asked_for(model: Llama, tmp_path: Path) -> None:
    export_model(model.state_dict(), model.config, str(tmp_path / "half"))
    export_model(model.state_dict(), model.config, str(tmp_path / "whole"), dtype="float32")
    half, whole = (theirs(tmp_path / name, dtype=torch.float32).state_dict() for name in ("half", "whole"))
    for name, value in model.state_dict().items():
        assert torch.equal(whole[name], value)
        assert torch.equal(half[name], value.bfloat16().float())


def test_weights_in_several_files_are_read_the_same(model: Llama, tmp_path: Path) -> None:
    export_model(model.state_dict(), model.config, str(tmp_path / "out"), dtype="float32", max_shard_bytes=20_000)
    index = json.loads((tmp_path / "out" / "model.safetensors.index.json").read_text())
    files = sorted(set(index["weight_map"].values()))
    count = len(files)
    assert count > 3
    assert files == [f"model-{number:05d}-of-{count:05d}.safetensors" for number in range(1, count + 1)]
    assert names(tmp_path / "out") == {*files, "config.json", "generation_config.json", "model.safetensors.index.json"}
    assert index["metadata"]["total_size"] == 4 * model.config.parameters
    for file in files:
        with safe_open(tmp_path / "out" / file, framework="pt") as held:
            assert set(held.keys()) == {name for name, home in index["weight_map"].items() if home == file}
            assert len(held.keys()) == 1 or sum(held.get_tensor(name).nbytes for name in held.keys()) <= 20_000  # noqa: SIM118
    torch.testing.assert_close(theirs(tmp_path / "out")(IDS).logits, model(IDS), rtol=1e-4, atol=2e-5)
    assert torch.equal(load_model(str(tmp_path / "out"))(IDS), model(IDS))


def test_only_one_file_of_weights_is_asked_for_at_a_time(model: Llama, tmp_path: Path) -> None:
    asked: list[list[str]] = []

    def get(wanted: list[str]) -> dict[str, torch.Tensor]:
        asked.append(list(wanted))
        return {name: model.state_dict()[name] for name in wanted}

    export_model(get, model.config, str(tmp_path / "out"), dtype="float32", max_shard_bytes=20_000)
    index = json.loads((tmp_path / "out" / "model.safetensors.index.json").read_text())
    assert [name for part in asked for name in part] == list(model.state_dict())
    assert all(len({index["weight_map"][name] for name in part}) == 1 for part in asked)


@given(st.lists(st.integers(1, 50), min_size=1, max_size=30), st.integers(1, 100))
def test_files_hold_every_name_once_in_order_and_no_more_than_asked(sizes: list[int], most: int) -> None:
    named = {str(number): size for number, size in enumerate(sizes)}
    runs = shards(named, most)
    assert [name for part in runs for name in part] == list(named)
    for part, after in zip(runs, [*runs[1:], None], strict=True):
        size = sum(named[name] for name in part)
        assert size <= most or len(part) == 1
        assert after is None or size + named[after[0]] > most


def test_shapes_are_those_of_the_model(model: Llama) -> None:
    assert shapes(model.config) == {name: tuple(value.shape) for name, value in model.state_dict().items()}


def test_an_export_that_fails_leaves_nothing(model: Llama, tmp_path: Path) -> None:
    calls = []

    def get(wanted: list[str]) -> dict[str, torch.Tensor]:
        calls.append(wanted)
        if len(calls) == 3:
            raise OSError("gone")
        return {name: model.state_dict()[name] for name in wanted}

    with pytest.raises(OSError, match="gone"):
        export_model(get, model.config, str(tmp_path / "out"), max_shard_bytes=10_000)
    assert list(tmp_path.iterdir()) == []


def test_what_a_killed_export_left_is_swept(model: Llama, tmp_path: Path) -> None:
    (tmp_path / "out.tmp-1").mkdir()
    (tmp_path / "out.tmp-1" / "model.safetensors").write_bytes(b"half")
    export_model(model.state_dict(), model.config, str(tmp_path / "out"))
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


def test_an_export_is_replaced_only_when_asked(model: Llama, tmp_path: Path) -> None:
    out = tmp_path / "out"
    export_model(model.state_dict(), model.config, str(out))
    (out / "mine.txt").write_text("keep")
    with pytest.raises(UserError, match="is there already"):
        export_model(model.state_dict(), model.config, str(out))
    assert (out / "mine.txt").exists()
    export_model(model.state_dict(), model.config, str(out), dtype="float32", replace=True)
    assert not (out / "mine.txt").exists()
    assert torch.equal(load_model(str(out))(IDS), model(IDS))
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


def test_a_wrong_shape_is_never_written(model: Llama, tmp_path: Path) -> None:
    states = model.state_dict() | {"model.norm.weight": torch.ones(31)}
    with pytest.raises(ValueError, match=r"model\.norm\.weight"):
        export_model(states, model.config, str(tmp_path / "out"))


def test_another_tokenizer_than_the_tokens_had_is_refused(model: Llama, tmp_path: Path, tokenizer_file: Path) -> None:
    right = TokenizerInfo.of(load_tokenizer(str(tokenizer_file), "tokenizer-32k"))
    wrong = TokenizerInfo("tokenizer-32k", "0" * 64, 32_000, 1, 2)
    options = {"tokenizer": str(tokenizer_file), "info": wrong}
    with pytest.raises(UserError, match="is not the tokenizer tokenizer-32k of the tokens"):
        export_model(model.state_dict(), model.config, str(tmp_path / "out"), **options)
    export_model(model.state_dict(), model.config, str(tmp_path / "out"), **(options | {"info": right}))


def test_a_tokenizer_of_as_many_ids_as_the_model_is_taken_and_of_one_more_is_not(
    tmp_path: Path, tokenizer_file: Path
) -> None:
    for vocab in (32_000, 31_999):
        config = ModelConfig(dim=8, layers=1, heads=1, kv_heads=1, ffn=8, vocab=vocab)
        states, out = Llama(config).state_dict(), str(tmp_path / str(vocab))
        if vocab == 32_000:
            export_model(states, config, out, tokenizer=str(tokenizer_file))
        else:
            with pytest.raises(UserError, match="32,000 ids and the model 31,999"):
                export_model(states, config, out, tokenizer=str(tokenizer_file))


def test_a_url_is_refused(model: Llama) -> None:
    with pytest.raises(UserError, match="local folder"):
        export_model(model.state_dict(), model.config, "s3://bucket/model")


def test_a_checkpoint_is_exported_without_the_model_in_memory(model: Llama, tmp_path: Path) -> None:
    trained = Llama(model.config)
    trained.load_state_dict(model.state_dict())
    optimizer = torch.optim.AdamW(trained.parameters(), lr=1e-9)
    trained(IDS[:1], IDS[:1]).sum().backward()
    optimizer.step()
    checkpoints = Checkpointer(str(tmp_path / "checkpoints"), 2)
    checkpoints.save(7, [trained], optimizer, {"step": 7})
    path = checkpoints.complete(wait=True)
    assert path is not None
    for most in (5e9, 20_000):
        out = str(tmp_path / f"out-{most}")
        export_checkpoint(path, model.config, out, dtype="float32", max_shard_bytes=most)
        loaded = load_model(out).state_dict()
        assert all(torch.equal(loaded[name], value) for name, value in trained.state_dict().items())


def save_on_ranks(folder: str) -> str | None:
    config = TrainConfig(name="t", model=SMALL, sequence=16, batch_tokens=64)
    made = build(config, Ranks(layout(config, dist.get_world_size()), "cpu"), torch.device("cpu"))
    initialize(made, 9)
    checkpoints = Checkpointer(folder, 1)
    checkpoints.save(1, [made], torch.optim.AdamW(made.parameters()), {})
    return checkpoints.complete(wait=True)


# 101 divides by no number of ranks.
SMALL = ModelConfig(dim=16, layers=3, heads=4, kv_heads=2, ffn=36, vocab=101, context=16)


def test_a_checkpoint_of_two_ranks_is_exported_whole_by_one_process(tmp_path: Path) -> None:
    path = run(2, tmp_path, save_on_ranks, str(tmp_path / "checkpoints"))[0]
    export_checkpoint(path, SMALL, str(tmp_path / "out"), dtype="float32", max_shard_bytes=9_000)
    expected = Llama(SMALL)
    initialize(expected, 9)
    loaded = load_model(str(tmp_path / "out")).state_dict()
    assert all(torch.equal(loaded[name], value) for name, value in expected.state_dict().items())


def test_a_checkpoint_of_another_model_or_a_damaged_one_is_refused(model: Llama, tmp_path: Path) -> None:
    checkpoints = Checkpointer(str(tmp_path / "checkpoints"), 2)
    checkpoints.save(7, [model], torch.optim.AdamW(model.parameters()), {"step": 7})
    path = checkpoints.complete(wait=True)
    assert path is not None
    other = model.config.model_copy(update={"ffn": 40})
    with pytest.raises(UserError, match="another model"):
        export_checkpoint(path, other, str(tmp_path / "out"))
    file = next(Path(path).glob("*.distcp"))
    data = bytearray(file.read_bytes())
    data[len(data) // 2] ^= 1
    file.write_bytes(data)
    with pytest.raises(UserError, match="damaged"):
        export_checkpoint(path, model.config, str(tmp_path / "out"))
    with pytest.raises(UserError):
        export_checkpoint(str(tmp_path / "none"), model.config, str(tmp_path / "out"))
    assert not (tmp_path / "out").exists()
