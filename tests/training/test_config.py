"""A recipe is the published one, any field of it can be set, and a mistake is one line that names the nearest key."""

from __future__ import annotations

from pathlib import Path

import pytest

from curate.counts import asked_tokens
from curate.errors import UserError
from curate.training.config import RECIPES, TrainConfig, load_config, parse_config


@pytest.mark.parametrize("name", sorted(set(RECIPES) - {"tiny"}))
def test_a_published_recipe_has_llamas_optimizer_and_batch(name: str) -> None:
    """LLaMA §2.3, Llama-2 §2.2: AdamW (0.9, 0.95), decay 0.1, clipping at 1.0, 2,000 warm-up steps, 4M tokens."""
    config = load_config(name)
    optimizer = config.optimizer
    assert (optimizer.beta1, optimizer.beta2, optimizer.weight_decay) == (0.9, 0.95, 0.1)
    assert (optimizer.clip, optimizer.warmup, optimizer.min_lr) == (1.0, 2000, 0.1)
    assert optimizer.lr == (3e-4 if config.model.parameters < 30e9 else 1.5e-4)
    assert config.batch_tokens == 4 * 1024 * 1024
    assert config.sequence == config.model.context == {"1": 2048, "2": 4096, "3": 8192}[name[5]]
    assert config.model.rope_theta == (5e5 if name.startswith("llama3") else 1e4)
    assert config.steps * config.batch_sequences * config.sequence == pytest.approx(config.tokens, rel=1e-5)


@pytest.mark.parametrize(
    ("name", "tokens"), [("llama1-7b", 1e12), ("llama1-65b", 1.4e12), ("llama2-70b", 2e12), ("llama3-8b", 15e12)]
)
def test_a_published_recipe_has_its_budget(name: str, tokens: float) -> None:
    assert load_config(name).tokens == tokens


def test_any_field_can_be_set() -> None:
    config = load_config(
        "llama2-7b",
        ["model.kv_heads=8", "optimizer.lr=1e-3", "parallel.tensor=2", "validate.every=7", "document_mask=true"],
    )
    assert config.model == RECIPES["llama2-7b"].model.model_copy(update={"kv_heads": 8})
    assert config.optimizer == RECIPES["llama2-7b"].optimizer.model_copy(update={"lr": 1e-3})
    assert (config.parallel.tensor, config.parallel.precision) == (2, "bf16")
    assert config.validate_.every == 7
    assert config.document_mask


def test_nothing_set_is_the_recipe_itself() -> None:
    for name, recipe in RECIPES.items():
        assert load_config(name) == recipe


@pytest.mark.parametrize(
    ("written", "count"),
    [("4M", 4_000_000), ("1.4T", 1_400_000_000_000), ("300k", 300_000), ("2B", 2 * 10**9), ("4_194_304", 4_194_304)],
)
def test_counts_may_carry_a_unit(written: str, count: int) -> None:
    assert load_config("tiny", [f"tokens={written}"]).tokens == count


@pytest.mark.parametrize("written", ["4X", "M", "-4M", "0", "many", "1e400M", "nanM", "infT"])
def test_a_count_that_is_none_is_refused_in_one_line(written: str) -> None:
    with pytest.raises(UserError, match="tokens") as error:
        load_config("tiny", [f"tokens={written}"])
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("steps", [1, 150, 12_345])
def test_steps_set_the_budget(steps: int) -> None:
    config = load_config("tiny", [f"steps={steps}"])
    assert config.steps == steps
    assert config.tokens == steps * 2048


def test_steps_count_the_batch_that_is_set_beside_them() -> None:
    config = load_config("tiny", ["steps=10", "batch_tokens=1000", "sequence=100"])
    assert (config.steps, config.batch_sequences, config.tokens) == (10, 10, 10_000)


@pytest.mark.parametrize("steps", ["0", "-3", "2.5", "ten"])
def test_steps_that_are_no_number_are_refused(steps: str) -> None:
    with pytest.raises(UserError, match="steps"):
        load_config("tiny", [f"steps={steps}"])


def test_a_new_context_is_the_sequence_too_unless_that_is_set() -> None:
    assert load_config("tiny", ["model.context=128"]).sequence == 128
    assert load_config("tiny", ["model.context=128", "sequence=64"]).sequence == 64


def test_a_sequence_of_the_context_is_taken_and_one_more_is_not() -> None:
    assert load_config("tiny", ["sequence=256"]).sequence == 256
    with pytest.raises(UserError, match="sequence 257 is longer than the model's context 256"):
        load_config("tiny", ["sequence=257"])


def test_a_batch_of_one_sequence_is_taken_and_less_is_not() -> None:
    assert load_config("tiny", ["batch_tokens=256"]).batch_sequences == 1
    with pytest.raises(UserError, match="less than one sequence"):
        load_config("tiny", ["batch_tokens=255"])


@pytest.mark.parametrize(
    ("setting", "nearest"),
    [
        ("optimizer.weight_decy=1", "'weight_decay'"),
        ("model.kvheads=2", "'kv_heads'"),
        ("batch_token=1", "'batch_tokens'"),
        ("parallel.tenser=2", "'tensor'"),
        ("checkpoint.evry=2", "'every'"),
    ],
)
def test_an_unknown_key_names_the_nearest(setting: str, nearest: str) -> None:
    with pytest.raises(UserError, match=f"unknown key .*did you mean {nearest}") as error:
        load_config("tiny", [setting])
    assert "\n" not in str(error.value)


def test_an_unknown_key_of_validate_names_the_nearest() -> None:
    with pytest.raises(UserError, match="did you mean 'sequences'"):
        load_config("tiny", ["validate.sequence=2"])


def test_an_unknown_recipe_names_the_nearest() -> None:
    with pytest.raises(UserError, match=r"no recipe or file 'llama1-7B'.*did you mean 'llama1-7b'"):
        load_config("llama1-7B")


@pytest.mark.parametrize("shape", ["model.heads=3", "model.kv_heads=3", "model.heads=128"])
def test_heads_that_do_not_divide_are_refused(shape: str) -> None:
    with pytest.raises(UserError, match="must be an even multiple"):
        load_config("tiny", [shape])


def test_a_file_may_start_from_a_recipe(tmp_path: Path) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text("recipe: llama2-7b\nname: mine\nmodel: {layers: 2}\ntokens: 20B\nmixture: {web: 0.7, code: 0.3}\n")
    config = load_config(str(path), ["optimizer.warmup=5"])
    assert config.model == RECIPES["llama2-7b"].model.model_copy(update={"layers": 2})
    assert (config.name, config.tokens, config.optimizer.warmup) == ("mine", 20 * 10**9, 5)
    assert config.optimizer.lr == 3e-4
    assert dict(config.mixture) == {"web": 0.7, "code": 0.3}


def test_settings_win_over_the_file_and_a_new_mixture_replaces_the_old(tmp_path: Path) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text("recipe: tiny\nseed: 1\nmixture: {web: 1}\n")
    assert load_config(str(path), ["seed=2"]).seed == 2
    assert dict(load_config(str(path)).mixture) == {"web": 1}


def test_a_file_may_stand_alone(tmp_path: Path) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text("name: mine\nmodel: {dim: 64, layers: 1, heads: 2, kv_heads: 1, ffn: 96}\n")
    config = load_config(str(path))
    assert (config.model.dim, config.model.vocab, config.sequence) == (64, 32_000, 2048)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("recipe: tinny\n", r"no recipe 'tinny'.*did you mean 'tiny'"),
        ("a: [\n", "not valid YAML"),
        ("- 1\n", "a training recipe is a mapping"),
        ("recipe: tiny\nsede: 1\n", "did you mean 'seed'"),
        ("name: mine\n", "model"),
        ("recipe: tiny\nmodel: big\n", "model"),
        ("recipe: [tiny]\n", "recipe"),
        ("recipe: tiny\nmixture: {web: -1}\n", "mixture.web"),
        ("recipe: tiny\n1: 2\n", "unknown key|mapping|string"),
    ],
)
def test_a_wrong_file_is_refused_in_one_line_that_names_it(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text(text)
    with pytest.raises(UserError, match=message) as error:
        load_config(str(path))
    assert "mine.yaml" in str(error.value)
    assert "\n" not in str(error.value)


def test_a_config_survives_being_written_and_read() -> None:
    for recipe in RECIPES.values():
        assert parse_config(recipe.model_dump(by_alias=True, mode="json"), "here") == recipe
        assert TrainConfig.model_validate_json(recipe.model_dump_json(by_alias=True)) == recipe


@pytest.mark.parametrize("text", ["x", "0", "-5", "1.5", ""])
def test_a_number_of_tokens_on_the_command_line_is_one_above_0(text: str) -> None:
    assert asked_tokens("300M", "--tokens") == 300_000_000
    with pytest.raises(UserError, match=r"--tokens .*: write a number of tokens"):
        asked_tokens(text, "--tokens")
