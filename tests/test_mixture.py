"""A mixture's recipe, and the passes over each source that it comes to."""

from __future__ import annotations

import math
from pathlib import Path

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


# ---- by topic ----


def by_topic(folder, **changes):
    """A mixture of two topics, the first of whose sources sends documents to both."""
    split = {"name": "one", "tokens": {"topics": {"b": {"language.language": {"none_of": ["en"]}}}}}
    (folder / "split.yaml").write_text(yaml.safe_dump(split))
    stated = {
        "name": "m",
        "budget": "1M",
        "topics": {"a": {"share": 3}, "b": {"share": 1, "published_epochs": 2.03}},
        "sources": {
            "one": {"manifest": "split.yaml", "topic": "a"},
            "two": {"manifest": "two.yaml", "topic": "b", "weight": 2},
        },
        **changes,
    }
    path = folder / "topics.yaml"
    path.write_text(yaml.safe_dump(stated))
    return str(path)


def test_a_topic_has_its_share_and_its_sources_are_gone_through_alike_but_for_their_weight(folder):
    recipe, parts = load_recipe(by_topic(folder))
    assert list(parts[0].manifest.tokens.topics) == ["b"]
    assert recipe.shares == {"a": 0.75, "b": 0.25}
    tokens = {"one": 900, "one-b": 200, "two": 100}
    assert {name: recipe.topic(name) for name in tokens} == {"one": "a", "one-b": "b", "two": "b"}
    shares = recipe.shares_of(tokens)
    assert shares == {"one": 0.75, "one-b": 0.125, "two": 0.125}
    found = {item.name: item for item in epochs(recipe, tokens)}
    assert found["two"].epochs == pytest.approx(2 * found["one-b"].epochs)
    assert [found[name].published for name in ("one", "one-b", "two")] == [None, 2.03, 2.03]


def test_a_source_without_tokens_of_a_topic_leaves_its_share_to_the_others(folder):
    recipe, _ = load_recipe(by_topic(folder))
    assert recipe.shares_of({"one": 9, "one-b": 0, "two": 5}) == {"one": 0.75, "two": 0.25}
    with pytest.raises(UserError, match="of the topic b"):
        recipe.shares_of({"one": 9, "one-b": 0})


@given(st.dictionaries(st.sampled_from(["one", "one-b", "two"]), st.integers(0, 10**12), min_size=3))
def test_shares_of_topics_add_up_to_what_is_stated(tokens):
    sources = {"one": {"manifest": "x", "topic": "a"}, "two": {"manifest": "x", "topic": "b", "weight": 3}}
    topics = {"a": {"share": 17}, "b": {"share": 8}}
    recipe = Mixture.model_validate({"name": "m", "topics": topics, "sources": sources})
    if tokens["one"] and tokens["one-b"] + tokens["two"]:
        shares = recipe.shares_of(tokens)
        assert sum(shares.values()) == pytest.approx(1)
        assert sum(share for name, share in shares.items() if recipe.topic(name) == "a") == pytest.approx(17 / 25)
        assert all(tokens[name] for name in shares)


def test_a_mixture_of_sources_keeps_a_source_whole_whatever_its_recipe_splits(folder):
    by_topic(folder)
    _, (one,) = load_recipe(write(folder, sources={"one": {"manifest": "split.yaml", "share": 1}}))
    assert one.manifest.tokens.topics == {}


@pytest.mark.parametrize(
    ("sources", "says"),
    [
        ({"one": {"manifest": "split.yaml", "share": 1}}, "needs a topic of a, b"),
        ({"one": {"manifest": "split.yaml"}}, "needs a topic of a, b"),
        ({"one": {"manifest": "split.yaml", "topic": "c"}}, "needs a topic of a, b"),
        ({"one": {"manifest": "three.yaml", "topic": "a"}}, "has the topic 'bb'.*did you mean 'b'"),
    ],
)
def test_a_mistake_about_topics_is_one_line(folder, sources, says):
    three = {"name": "three", "tokens": {"topics": {"bb": {}}}}
    (folder / "three.yaml").write_text(yaml.safe_dump(three))
    with pytest.raises(UserError, match=says) as raised:
        load_recipe(by_topic(folder, sources=sources))
    assert "\n" not in str(raised.value)


def test_a_mixture_of_sources_has_no_topics_and_no_weights(folder):
    for item in ({"manifest": "one.yaml"}, {"manifest": "one.yaml", "share": 1, "weight": 2}):
        with pytest.raises(UserError, match="needs a share"):
            load_recipe(write(folder, sources={"one": item}))


# ---- the recipes that come with the package ----

MANIFESTS = Path(__file__).resolve().parent.parent / "manifests"


def shipped(name):
    return load_recipe(str(MANIFESTS / f"{name}.yaml"))


def test_llama1_has_the_published_shares_and_epochs():
    recipe, parts = shipped("llama1")
    published = {
        "commoncrawl": (0.67, 1.10),
        "c4": (0.15, 1.06),
        "github": (0.045, 0.64),
        "wikipedia": (0.045, 2.45),
        "books": (0.045, 2.23),
        "arxiv": (0.025, 1.06),
        "stackexchange": (0.02, 1.03),
    }
    assert recipe.budget == 1_400_000_000_000
    assert [part.manifest.source for part in parts] == list(published)
    for name, (share, passes) in published.items():
        assert recipe.shares[name] == pytest.approx(share)
        assert recipe.published_epochs(name) == passes


def test_llama2_counts_addresses_on_the_hosts_of_every_source_that_has_hosts():
    _, parts = shipped("llama2")
    for part in parts:
        assert ("host_pii" in part.manifest.filters) == (part.manifest.source in ("commoncrawl", "c4"))


def test_llama3_has_the_published_topics_in_more_than_30_languages_by_every_filter_of_the_paper():
    recipe, parts = shipped("llama3")
    assert recipe.shares == pytest.approx({"general": 0.5, "maths": 0.25, "code": 0.17, "multilingual": 0.08})
    crawl = parts[0].manifest
    assert len(set(crawl.filters["language"]["keep"])) > 30
    wanted = {"host_pii", "ngram_coverage", "dirty_words", "token_divergence", "quality", "classifiers"}
    assert wanted <= set(crawl.filters)
    assert crawl.dedup.lines.max_copies == 6
    assert crawl.dedup.url.enabled
    assert set(crawl.tokens.topics) == {"maths", "code", "multilingual"}
    reached = {item.topic for item in recipe.sources.values()} | set(crawl.tokens.topics)
    assert reached == set(recipe.topics)


def test_code_llama_has_its_tables_shares_and_epochs():
    recipe, parts = shipped("codellama")
    assert recipe.shares == pytest.approx({"code": 0.85, "about_code": 0.08, "language": 0.07})
    assert [recipe.published_epochs(name) for name in ("github", "stackexchange", "c4")] == [2.03, 1.39, 0.01]
    assert len(parts) == 7


@pytest.mark.parametrize("name", ["llama1", "llama2", "llama3", "codellama"])
def test_filters_and_topics_of_every_recipe_are_known_and_all_are_tokenized_alike(name):
    from pipelines.chain import build_chain, check_topics

    _, parts = shipped(name)
    for part in parts:
        chain = build_chain(part.manifest.filters, part.where)
        check_topics(part.manifest.tokens.topics, chain, part.where)
        assert part.manifest.tokens.source == part.name
        for item in chain:
            item.models()
    assert len({(part.manifest.tokens.tokenizer, part.manifest.tokens.seed) for part in parts}) == 1
