"""A mixture's recipe, and the passes over each source that it comes to."""

from __future__ import annotations

import math

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from curate.errors import UserError
from curate.manifest import Manifest
from curate.mixture import Mixture, epochs, largest_budget, load_recipe


@pytest.fixture
def folder(tmp_path):
    for name in ("one", "two"):
        recipe = {"name": name, "filters": {"language": {"min_score": 0.5}}, "tokens": {"shards": 3, "seed": 9}}
        (tmp_path / f"{name}.yaml").write_text(yaml.safe_dump(recipe))
    return tmp_path


def write(folder, **changes):
    sources = {"one": {"manifest": "one.yaml", "share": 3}, "two": {"manifest": "two.yaml", "share": 1}}
    path = folder / "mixture.yaml"
    path.write_text(yaml.safe_dump({"name": "m", "budget": "1M", "sources": sources, **changes}))
    return str(path)


def test_each_part_is_a_recipe_of_its_own_under_the_mixtures_name_and_tokens(folder):
    mixture, parts = load_recipe(write(folder, tokens={"seed": 4}))
    assert mixture.shares == {"one": 0.75, "two": 0.25}
    assert mixture.budget == 1_000_000
    assert [part.name for part in parts] == ["one", "two"]
    # One model reads them all: the mixture says how they are tokenized, a recipe only into how many parts.
    assert [(part.manifest.tokens.source, part.manifest.tokens.seed) for part in parts] == [("one", 4), ("two", 4)]
    assert parts[0].manifest.tokens.shards == 3


def test_a_setting_with_a_sources_name_changes_that_source_only(folder):
    settings = ["one.filters.language.min_score=0.9", "max_epochs=2"]
    mixture, (one, two) = load_recipe(write(folder), settings)
    assert one.manifest.filters["language"]["min_score"] == 0.9
    assert two.manifest.filters["language"]["min_score"] == 0.5
    assert mixture.max_epochs == 2


def test_an_ingredient_changes_its_recipe_with_set(folder):
    item = {"manifest": "one.yaml", "share": 1, "set": {"filters.language.min_score": 0.7, "dedup.near.bands": 7}}
    _, (one,) = load_recipe(write(folder, sources={"one": item}))
    assert one.manifest.filters["language"]["min_score"] == 0.7
    assert one.manifest.dedup.near.bands == 7


def test_a_recipe_without_sources_is_a_manifest(folder):
    assert isinstance(load_recipe(str(folder / "one.yaml"), ["dedup.near.bands=9"]), Manifest)


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"sources": {"one": {"manifest": "three.yaml", "share": 1}}}, "sources.one.manifest: no file at"),
        ({"sources": {"one": {"manifest": "one.yaml", "share": 0}}}, "sources.one.share"),
        ({"sources": {"one": {"manifest": "one.yaml", "share": 1, "shares": 1}}}, "unknown key .sources.one.shares"),
        ({"sources": {}}, "sources"),
        ({"sources": {"One!": {"manifest": "one.yaml", "share": 1}}}, "must be lower-case"),
        ({"sources": {"one": {"manifest": "mixture.yaml", "share": 1}}}, "is a mixture itself"),
        ({"budgets": 3}, "did you mean 'budget'"),
        ({"budget": "many"}, "budget"),
    ],
)
def test_a_mistake_is_one_line(folder, changes, says):
    with pytest.raises(UserError, match=says) as raised:
        load_recipe(write(folder, **changes))
    assert "\n" not in str(raised.value)


def mixture(shares, **more):
    sources = {name: {"manifest": "x.yaml", "share": share} for name, share in shares.items()}
    return Mixture.model_validate({"name": "m", "sources": sources, **more})


def test_llama_1s_table_comes_out_of_its_own_unique_tokens():
    # Touvron et al. 2023, table 1: shares and epochs at 1.4T tokens; the tokens there are follow from both.
    table = {
        "commoncrawl": (67.0, 1.10, 853e9),
        "c4": (15.0, 1.06, 198e9),
        "github": (4.5, 0.64, 98e9),
        "wikipedia": (4.5, 2.45, 25.7e9),
        "books": (4.5, 2.23, 28.3e9),
        "arxiv": (2.5, 1.06, 33.0e9),
        "stackexchange": (2.0, 1.03, 27.2e9),
    }
    found = epochs(mixture({name: row[0] for name, row in table.items()}), {n: int(row[2]) for n, row in table.items()})
    for item in found:
        assert item.epochs == pytest.approx(table[item.name][1], abs=0.01)
        assert item.short == 0


def test_a_source_runs_short_just_above_the_most_epochs():
    recipe = mixture({"a": 1, "b": 1}, max_epochs=4, budget=800)
    enough, short = epochs(recipe, {"a": 100, "b": 99})
    assert (enough.epochs, enough.short) == (4.0, 0)
    assert short.epochs > 4
    assert short.short == 1


def test_a_source_without_tokens_is_wanted_for_ever():
    (item,) = epochs(mixture({"a": 1}, budget=40), {})
    assert math.isinf(item.epochs)
    assert item.short == 10
    assert largest_budget(mixture({"a": 1}), {}) == 0


@given(
    st.dictionaries(st.sampled_from("abcd"), st.tuples(st.floats(0.01, 100), st.integers(1, 10**12)), min_size=1),
    st.floats(0.5, 20),
)
def test_the_longest_run_is_the_last_that_no_source_is_short_for(parts, most):
    recipe = mixture({name: share for name, (share, _) in parts.items()}, max_epochs=most)
    tokens = {name: count for name, (_, count) in parts.items()}
    longest = largest_budget(recipe, tokens)
    slack = 1e-6 * longest + 2 * len(parts) * (1 + 1 / min(recipe.shares.values()))
    assert max(item.epochs for item in epochs(recipe, tokens, longest)) <= most * (1 + 1e-6) + 1
    assert any(item.short for item in epochs(recipe, tokens, int(longest + slack * (1 + most)) + 1))
