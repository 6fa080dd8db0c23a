"""The model is Llama: its sizes to the parameter, and transformers' logits on the same weights, both ways."""

from __future__ import annotations

import re

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor
from transformers import LlamaConfig, LlamaForCausalLM

from curate.training.config import RECIPES, ModelConfig
from curate.training.cross_entropy import IGNORED
from curate.training.model import Documents, Llama, document_bounds, initialize, plain_name, rotate, rotation_table

# Touvron et al. 2023a table 2, 2023b §2.2, Grattafiori et al. 2024 table 3; the counts are of the published weights.
PUBLISHED = {
    "llama1-7b": 6_738_415_616,
    "llama1-13b": 13_015_864_320,
    "llama1-30b": 32_528_943_616,
    "llama1-65b": 65_285_660_672,
    "llama2-7b": 6_738_415_616,
    "llama2-13b": 13_015_864_320,
    "llama2-34b": 33_743_970_304,
    "llama2-70b": 68_976_648_192,
    "llama3-8b": 8_030_261_248,
    "llama3-70b": 70_553_706_496,
}


def small(kv_heads: int = 2, theta: float = 1e4, eps: float = 1e-5, layers: int = 3) -> ModelConfig:
    return ModelConfig(
        dim=32, layers=layers, heads=4, kv_heads=kv_heads, ffn=56, vocab=61, context=48, rope_theta=theta, norm_eps=eps
    )


def build(config: ModelConfig, seed: int = 0) -> Llama:
    model = Llama(config)
    initialize(model, seed)
    with torch.no_grad():
        for parameter in model.parameters():
            # Ten times as wide as a fresh model's, so that attention is far from even and norms matter.
            parameter.copy_(parameter * 10 if parameter.dim() > 1 else torch.rand_like(parameter) + 0.5)
    return model


def reference(config: ModelConfig, seed: int = 1) -> LlamaForCausalLM:
    torch.manual_seed(seed)
    shape = LlamaConfig(
        vocab_size=config.vocab,
        hidden_size=config.dim,
        intermediate_size=config.ffn,
        num_hidden_layers=config.layers,
        num_attention_heads=config.heads,
        num_key_value_heads=config.kv_heads,
        max_position_embeddings=config.context,
        rms_norm_eps=config.norm_eps,
        rope_parameters={"rope_type": "default", "rope_theta": config.rope_theta},
        initializer_range=0.3,
    )
    return LlamaForCausalLM(shape).eval()


def test_every_recipe_but_the_tiny_one_is_a_published_size() -> None:
    assert set(RECIPES) - {"tiny"} == set(PUBLISHED)


@pytest.mark.parametrize("name", sorted(RECIPES))
def test_a_size_has_exactly_its_published_parameters(name: str) -> None:
    config = RECIPES[name].model
    with torch.device("meta"):
        count = sum(parameter.numel() for parameter in Llama(config).parameters())
    assert count == config.parameters
    if name in PUBLISHED:
        assert count == PUBLISHED[name]


@pytest.mark.parametrize("kv_heads", [4, 2, 1])
@pytest.mark.parametrize(("theta", "eps"), [(1e4, 1e-5), (1e4, 1e-6), (5e5, 1e-5)])
def test_logits_are_those_of_transformers_on_the_same_weights_both_ways(
    kv_heads: int, theta: float, eps: float
) -> None:
    config = small(kv_heads, theta, eps)
    ids = torch.randint(0, config.vocab, (2, config.context), generator=torch.Generator().manual_seed(3))
    ours, theirs = build(config), reference(config)
    for source, target in ((ours, theirs), (theirs, build(config, seed=2))):
        target.load_state_dict(source.state_dict())  # strict: the names are the same, none over, none missing
        first, second = (
            model(ids).logits if isinstance(model, LlamaForCausalLM) else model(ids) for model in (source, target)
        )
        torch.testing.assert_close(first, second, rtol=1e-4, atol=2e-5)
        assert first.std() > 0.3


def test_epsilon_of_the_norms_is_the_configs() -> None:
    ids = torch.randint(0, 61, (1, 8))
    states = build(small(eps=1e-5)).state_dict()
    states["model.embed_tokens.weight"] *= 1e-3
    outputs = []
    for eps in (1e-5, 1e-6):
        model = Llama(small(eps=eps))
        model.load_state_dict(states)
        outputs.append(model(ids))
    assert (outputs[0] - outputs[1]).abs().max() > 1e-2


def test_a_position_sees_nothing_after_it() -> None:
    model, ids = build(small()), torch.randint(0, 61, (1, 20))
    changed = ids.clone()
    changed[0, 12] = (ids[0, 12] + 1) % 61
    before, after = model(ids), model(changed)
    torch.testing.assert_close(before[:, :12], after[:, :12], rtol=1e-5, atol=1e-5)
    assert (before[:, 12:] - after[:, 12:]).abs().amax(-1).min() > 1e-3


def gradients(model: Llama, loss: Tensor) -> dict[str, Tensor]:
    model.zero_grad()
    loss.backward()
    return {name: parameter.grad.clone() for name, parameter in model.named_parameters() if parameter.grad is not None}


def test_the_loss_is_the_sum_of_cross_entropies_of_the_logits() -> None:
    model = build(small())
    ids, targets = torch.randint(0, 61, (2, 16)), torch.randint(0, 61, (2, 16))
    targets[0, 3:6] = IGNORED
    ours, expected = (
        model(ids, targets),
        torch.nn.functional.cross_entropy(model(ids).flatten(0, 1), targets.flatten(), reduction="sum"),
    )
    assert ours.shape == (1,)
    assert ours.dtype == torch.float32
    torch.testing.assert_close(ours[0], expected, rtol=1e-5, atol=1e-4)
    first, second = gradients(model, ours), gradients(model, expected)
    assert first.keys() == second.keys() == dict(model.named_parameters()).keys()
    for name in first:
        torch.testing.assert_close(first[name], second[name], rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("lengths", [[[7, 9, 4], [20]], [[1, 1, 18], [19, 1]], [[5, 5, 5, 5], [10, 10]]])
def test_packed_and_masked_loss_is_the_sum_over_separate_documents(lengths: list[list[int]]) -> None:
    model = build(small())
    ids, targets = torch.randint(0, 61, (2, 20)), torch.randint(0, 61, (2, 20))
    numbers = torch.stack([torch.repeat_interleave(torch.tensor(row)) for row in lengths])
    packed = model(ids, targets, numbers)
    separate = torch.zeros(1)
    for row, sizes in enumerate(lengths):
        start = 0
        for size in sizes:
            part = slice(start, start + size)
            separate = separate + model(ids[row : row + 1, part], targets[row : row + 1, part])
            start += size
    torch.testing.assert_close(packed, separate, rtol=1e-5, atol=1e-3)
    first, second = gradients(model, packed), gradients(model, separate)
    for name in first:
        torch.testing.assert_close(first[name], second[name], rtol=1e-3, atol=1e-3)


def test_without_document_numbers_attention_crosses_documents() -> None:
    model, ids = build(small()), torch.randint(0, 61, (1, 20))
    numbers = torch.tensor([[0] * 10 + [1] * 10])
    torch.testing.assert_close(model(ids)[:, :10], model(ids, documents=numbers)[:, :10], rtol=1e-4, atol=1e-4)
    assert (model(ids)[:, 11:] - model(ids, documents=numbers)[:, 11:]).abs().amax(-1).min() > 1e-3


ROWS = st.integers(1, 12).flatmap(
    lambda length: st.lists(
        st.lists(st.booleans(), min_size=length, max_size=length).map(
            lambda jumps: torch.tensor(jumps, dtype=torch.int64).cumsum(0)
        ),
        min_size=1,
        max_size=4,
    ).map(torch.stack)
)


@given(ROWS)
def test_bounds_and_the_mask_allow_what_a_brute_force_allows(numbers: Tensor) -> None:
    rows, length = numbers.shape
    allowed = Documents.of(numbers).allowed
    assert allowed is not None
    bounds = document_bounds(numbers)
    assert bounds.dtype == torch.int32
    edges = bounds.tolist()
    assert edges == sorted(set(edges))
    home = {place: number for number, start in enumerate(edges[:-1]) for place in range(start, edges[number + 1])}
    assert sorted(home) == list(range(rows * length))
    for row in range(rows):
        for query in range(length):
            for key in range(length):
                same = bool(numbers[row, query] == numbers[row, key])
                assert bool(allowed[row, 0, query, key]) == (same and key <= query)
                assert (home[row * length + query] == home[row * length + key]) == same
        assert row == 0 or home[row * length] != home[row * length - 1]


def test_rotation_keeps_norms() -> None:
    x = torch.randn(2, 40, 3, 16)
    turned = rotate(x, rotation_table(40, 16, 1e4, x.device))
    torch.testing.assert_close(turned.norm(dim=-1), x.norm(dim=-1))
    torch.testing.assert_close(turned[:, 0], x[:, 0])  # position 0 is not turned
    assert (turned[:, 1:] - x[:, 1:]).norm(dim=-1).min() > 0.1


@given(st.integers(0, 2000), st.integers(0, 2000), st.integers(0, 2000))
def test_the_product_of_rotated_vectors_depends_on_their_distance_alone(query: int, key: int, shift: int) -> None:
    table = rotation_table(4001, 16, 5e5, torch.device("cpu"))
    generator = torch.Generator().manual_seed(0)
    q, k = torch.randn(1, 1, 1, 16, generator=generator), torch.randn(1, 1, 1, 16, generator=generator)

    def product(i: int, j: int) -> Tensor:
        return (rotate(q, table[:, i : i + 1]) * rotate(k, table[:, j : j + 1])).sum()

    torch.testing.assert_close(product(query, key), product(query + shift, key + shift), rtol=0, atol=1e-4)


def test_angles_at_8192_positions_are_right_to_a_millionth() -> None:
    table = rotation_table(8192, 128, 5e5, torch.device("cpu"))
    for position, pair in ((8191, 0), (8191, 1), (5000, 7), (8191, 63)):
        angle = torch.tensor(position * 5e5 ** (-2 * pair / 128), dtype=torch.float64)
        for dimension in (pair, pair + 64):
            assert abs(table[0, position, 0, dimension].double() - angle.cos()) < 1e-6
            assert abs(table[1, position, 0, dimension].double() - angle.sin()) < 1e-6


def test_a_pipeline_stage_starts_with_the_same_values_as_the_whole_model() -> None:
    config = small(layers=5)
    whole = Llama(config)
    initialize(whole, 7)
    expected = whole.state_dict()
    stages = [
        Llama(config, range(0, 2), first=True, last=False),
        Llama(config, range(2, 4), first=False, last=False),
        Llama(config, range(4, 5), first=False, last=True),
    ]
    found: dict[str, Tensor] = {}
    ids = torch.randint(0, config.vocab, (2, 9))
    x = ids
    for stage in stages:
        initialize(stage, 7)
        assert not found.keys() & stage.state_dict().keys()
        found.update(stage.state_dict())
        x = stage(x)
    assert found.keys() == expected.keys()
    assert all(torch.equal(found[name], expected[name]) for name in expected)
    torch.testing.assert_close(x, whole(ids))


def test_first_weights_have_the_stated_deviations_and_depend_on_the_seed() -> None:
    config = ModelConfig(dim=256, layers=4, heads=4, kv_heads=2, ffn=512, vocab=500)
    first, again, other = Llama(config), Llama(config), Llama(config)
    for model, seed in ((first, 1), (again, 1), (other, 2)):
        initialize(model, seed)
    for name, value in first.state_dict().items():
        assert torch.equal(value, again.state_dict()[name])
        if name.endswith("norm.weight"):
            assert torch.equal(value, torch.ones_like(value))
            continue
        expected = 0.02 / 8**0.5 if re.search("(o|down)_proj", name) else 0.02
        assert value.std().item() == pytest.approx(expected, rel=0.02)
        assert abs(value.mean().item()) < expected / 50
        assert not torch.equal(value, other.state_dict()[name])
    queries = [first.state_dict()[f"model.layers.{i}.self_attn.q_proj.weight"] for i in range(2)]
    assert not torch.equal(*queries)


def test_names_lose_what_wrappers_put_into_them() -> None:
    name = "model.layers.3._orig_mod._checkpoint_wrapped_module.mlp.up_proj.weight"
    assert plain_name(name) == "model.layers.3.mlp.up_proj.weight"
