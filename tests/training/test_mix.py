"""Choosing a mix: a known law is found again from its losses, within budget; nothing is trained twice."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from curate.errors import UserError
from curate.storage import read_sealed
from curate.training import mix_analysis, mix_scaling
from curate.training.config import ModelConfig, load_config
from curate.training.mix import answer, fit_mix
from curate.training.mix_cli import parse_part, parse_weights
from curate.training.mix_report import page, sentences, setting, snippet
from curate.training.mixture_law import MixtureLaw, propose
from curate.training.proxies import (
    PROXY,
    UNITS,
    Proxy,
    Results,
    configured,
    in_units,
    key_of,
    sample_mixtures,
    scaled,
    scaling_grid,
)
from curate.training.question import Question
from curate.training.scaling import ChinchillaLaw
from tests.tokens.conftest import build

TOKENS = {"books": 1_000_000, "code": 300_000, "web": 20_000_000}
LAW = MixtureLaw(
    np.array([2.0, 1.5, 2.5]), np.array([0.3, 0.2, 0.1]), np.array([[-2.0, 0.5, 0.1], [0.3, -3, 0], [0.2, 0.1, -1.5]])
)
SIZE = ChinchillaLaw(0.0, 40.0, 0.3, 20.0, 0.3)
"""What a proxy's size and length add to the loss of its mix."""


class Trainer:
    """Stands in for training: losses by LAW and SIZE, noisy by `noise`, and a count of what was asked."""

    def __init__(self, noise: float = 0.0, fails: frozenset[int] = frozenset()) -> None:
        self.noise, self.fails, self.asked = noise, fails, 0

    def __call__(self, weights: dict[str, float], model: ModelConfig, steps: int) -> Mapping[str, float]:
        self.asked += 1
        shares = [weights[name] for name in TOKENS]
        losses = LAW.predict(shares) + float(SIZE.loss(model.parameters, steps * PROXY.batch_tokens))
        rng = np.random.default_rng([model.parameters, steps, *(int(1e6 * share) for share in shares)])
        losses = losses + rng.normal(0, self.noise, 3)
        if self.asked in self.fails:
            losses[:] = np.nan
        return dict(zip(TOKENS, losses.tolist(), strict=True))


@pytest.fixture(autouse=True)
def few_resamples(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mix_analysis, "BOOTSTRAPS", 12)
    monkeypatch.setattr(mix_scaling, "BOOTSTRAPS", 12)
    monkeypatch.setattr(mix_analysis, "RIDGES", (0.0, 1e-2))


def asked(budget: int = 4_000_000, **changes: Any) -> Question:
    return Question(**{"tokens": TOKENS, "budget": budget, "target": dict.fromkeys(TOKENS, 1.0)} | changes)


def results(folder: Path) -> Results:
    return Results(str(folder / "proxies"), PROXY, "fingerprint")


def run(folder: Path, train: Trainer | None = None, question: Question | None = None, **options: Any) -> Any:
    options = {"scaling": False, "say": lambda line: None} | options
    return answer(question or asked(), results(folder), train or Trainer(), str(folder), **options)


def test_the_proposal_is_the_minimum_of_the_law_that_made_the_losses(tmp_path: Path) -> None:
    record = run(tmp_path)
    upper = [1.0, 4 * 300_000 / 4_000_000, 1.0]
    best = propose(LAW, [1, 1, 1], upper)
    assert list(record["proportions"].values()) == pytest.approx(best, abs=5e-3)
    assert record["proportions"]["code"] == pytest.approx(0.3, abs=1e-6)
    assert record["epochs"]["code"] == pytest.approx(4, abs=1e-4)
    assert record["held_out"]["target"]["error"] < 1e-3
    assert record["held_out"]["target"]["spearman"] > 0.99 > record["held_out"]["target"]["linear_spearman"]
    assert record["check"]["target"] == pytest.approx(record["predicted"]["target"]["loss"], abs=1e-3)
    assert record["check"]["gain"] > 0.1
    assert record == read_sealed(str(tmp_path / "mix.json"))


def test_the_target_says_whose_loss_counts(tmp_path: Path) -> None:
    record = run(tmp_path, question=asked(1_000_000, target={"code": 1.0}))
    assert record["proportions"]["code"] == pytest.approx(1, abs=1e-3)
    assert record["target"] == {"books": 0, "code": 1, "web": 0}


def test_a_share_that_every_source_keeps_is_kept(tmp_path: Path) -> None:
    record = run(tmp_path, question=asked(1_000_000, target={"code": 1.0}, least_share=0.1))
    assert record["proportions"] == pytest.approx({"books": 0.1, "code": 0.8, "web": 0.1}, abs=1e-3)


def test_noise_widens_the_intervals_around_the_truth(tmp_path: Path) -> None:
    quiet, noisy = run(tmp_path / "quiet", Trainer(0.001)), run(tmp_path / "noisy", Trainer(0.05))

    def width(record: Any) -> float:
        return float(sum(high - low for low, high in record["proportions_interval"].values()))

    assert width(noisy) > 2 * width(quiet)
    assert noisy["held_out"]["target"]["error"] > 2 * quiet["held_out"]["target"]["error"]


def test_the_scaling_law_of_the_grid_is_the_one_that_made_it(tmp_path: Path) -> None:
    record = run(tmp_path, scaling=True)
    found = record["scaling"]
    assert len(found["points"]) == 9
    assert found["law"]["alpha"] == pytest.approx(SIZE.alpha, abs=0.01)
    assert found["law"]["beta"] == pytest.approx(SIZE.beta, abs=0.01)
    assert found["error"] < 1e-3
    best = found["optimum"]
    assert best["parameters"] == pytest.approx(SIZE.parameters_for(4_000_000), rel=0.05)
    assert best["low"] <= best["parameters"] <= best["high"]
    assert found["extrapolation"] == pytest.approx(4_000_000 / PROXY.tokens, abs=1e-5)


def test_points_that_do_not_tell_the_optimum_give_none(tmp_path: Path) -> None:
    record = run(tmp_path, Trainer(0.1), scaling=True)
    assert record["scaling"]["optimum"] is None
    assert "do not tell" in " ".join(sentences(record))


def test_a_finished_proxy_is_not_trained_again(tmp_path: Path) -> None:
    first, again, more = Trainer(), Trainer(), Trainer()
    record = run(tmp_path, first, runs=12)
    assert first.asked == 13  # and the proposal's own
    before = {name: (tmp_path / name).read_bytes() for name in ("mix.json", "mix.html", "mixture.yaml")}
    assert run(tmp_path, again, runs=12) == record
    assert again.asked == 0
    assert before == {name: (tmp_path / name).read_bytes() for name in before}
    run(tmp_path, more, runs=14)
    assert 2 <= more.asked <= 3


def test_a_torn_or_changed_result_is_trained_again(tmp_path: Path) -> None:
    run(tmp_path, runs=6)
    file = sorted((tmp_path / "proxies").iterdir())[0]
    file.write_bytes(file.read_bytes().replace(b"2", b"3", 1))
    train = Trainer()
    run(tmp_path, train, runs=6)
    assert train.asked == 1


def test_parts_train_everything_once_between_them(tmp_path: Path) -> None:
    parts = [Trainer() for _ in range(3)]
    for index, train in enumerate(parts, 1):
        assert run(tmp_path, train, runs=10, part=(index, 3), scaling=True) is None
    assert [train.asked for train in parts] == [6, 6, 6]
    last = Trainer()
    assert run(tmp_path, last, runs=10, scaling=True)["proportions"]
    assert last.asked == 1


def test_a_diverged_proxy_is_left_out_and_counted(tmp_path: Path) -> None:
    record = run(tmp_path, Trainer(fails=frozenset({3, 7})))
    assert record["diverged"] == 2
    assert len(record["runs"]) == 10
    assert "2 proxies diverged" in " ".join(sentences(record))
    assert record["held_out"]["target"]["error"] < 0.05


def test_too_many_diverged_proxies_are_an_error_that_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="4 of 12 proxies gave a loss: too few"):
        run(tmp_path, Trainer(fails=frozenset(range(5, 13))))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"tokens": {"web": 5}, "target": {"web": 1.0}}, "at least two sources; the data has web"),
        ({"target": {"bokks": 1.0}}, "no source 'bokks'.*books"),
        ({"target": {"web": -1.0}}, "weights are 0 or more"),
        ({"target": {"web": 0.0}}, "not all 0"),
        ({"target": {"web": float("nan")}}, "weights are 0 or more"),
        ({"budget": 85_200_001}, "more than 4 epochs of all sources, 85,200,000"),
        ({"least_share": 0.34}, "least-share 0.34"),
        ({"least_share": 0.31}, "code can have 0.3000 at most"),
    ],
)
def test_what_cannot_be_asked_is_refused(tmp_path: Path, changes: Mapping[str, Any], message: str) -> None:
    train = Trainer()
    with pytest.raises(UserError, match=message):
        run(tmp_path, train, question=asked(**changes))
    assert train.asked == 0


def test_a_budget_of_just_the_epochs_allowed_takes_all_of_everything(tmp_path: Path) -> None:
    record = run(tmp_path, question=asked(85_200_000))
    assert record["epochs"] == pytest.approx(dict.fromkeys(TOKENS, 4.0), abs=1e-3)


def test_too_few_runs_are_refused_before_any_is_trained(tmp_path: Path) -> None:
    train = Trainer()
    with pytest.raises(UserError, match="--runs 4 cannot tell 3 sources apart: 5 at least"):
        run(tmp_path, train, runs=4)
    assert train.asked == 0
    assert run(tmp_path, train, runs=5)["proportions"]


def test_what_a_loss_depends_on_is_its_key_and_how_it_is_laid_out_is_not() -> None:
    proxy = Proxy({"a": 0.5, "b": 0.5}, PROXY.model, 10)
    key = key_of(PROXY, proxy, "data")
    assert key == key_of(
        PROXY.model_copy(update={"output": "elsewhere", "micro_batch": 1, "log_every": 3}), proxy, "data"
    )
    others = [
        key_of(PROXY, proxy, "other data"),
        key_of(PROXY, Proxy({"a": 0.4, "b": 0.6}, PROXY.model, 10), "data"),
        key_of(PROXY, Proxy(proxy.weights, scaled(PROXY.model, 2), 10), "data"),
        key_of(PROXY, Proxy(proxy.weights, PROXY.model, 11), "data"),
        key_of(PROXY.model_copy(update={"seed": 1}), proxy, "data"),
        key_of(configured(None, ["optimizer.lr=1e-4"]), proxy, "data"),
        key_of(configured(None, ["parallel.precision=bf16"]), proxy, "data"),
    ]
    assert len({key, *others}) == 8


@given(st.dictionaries(st.text(min_size=1, max_size=5), st.integers(1, 10**12), min_size=2, max_size=9))
def test_mixes_to_try_are_whole_and_more_runs_are_the_same_and_others(tokens: dict[str, int]) -> None:
    few, many = sample_mixtures(tokens, 12, seed=3), sample_mixtures(tokens, 20, seed=3)
    assert many[:12] == few
    for mix in many:
        assert list(mix) == sorted(tokens)
        assert sum(round(share * UNITS) for share in mix.values()) == UNITS
        assert all(share >= 0 for share in mix.values())
    assert few[0] == in_units({name: float(count) for name, count in tokens.items()})
    for name, mix in zip(sorted(tokens), few[1:], strict=False):
        assert mix[name] >= 0.8


def test_no_mix_is_tried_twice() -> None:
    # Here a draw falls on the mix near the first corner, to the fourth digit.
    mixes = sample_mixtures({"a": 31_866, "b": 3_278}, 200, seed=0)
    assert len({tuple(mix.values()) for mix in mixes}) == 200


def test_other_seeds_try_other_mixes() -> None:
    assert sample_mixtures(TOKENS, 9, seed=1)[:4] == sample_mixtures(TOKENS, 9, seed=2)[:4]
    assert sample_mixtures(TOKENS, 9, seed=1)[4] != sample_mixtures(TOKENS, 9, seed=2)[4]


def test_the_grid_has_the_proxy_itself_and_valid_models() -> None:
    for model in (PROXY.model, ModelConfig(dim=96, layers=3, heads=6, kv_heads=2, ffn=256), load_config("tiny").model):
        grid = scaling_grid({"a": 1.0}, PROXY.model_copy(update={"model": model}))
        assert Proxy({"a": 1.0}, model, PROXY.steps) in grid
        for proxy in grid:
            assert ModelConfig.model_validate(proxy.model.model_dump()) == proxy.model
        sizes = sorted({proxy.model.parameters for proxy in grid})
        assert len(sizes) == 3
        assert sizes[-1] > 1.8 * sizes[0]


def test_the_snippet_is_what_a_recipe_takes(tmp_path: Path) -> None:
    record = run(tmp_path)
    recipe = tmp_path / "recipe.yaml"
    recipe.write_text("recipe: tiny\n" + (tmp_path / "mixture.yaml").read_text())
    wanted = {name: share for name, share in record["proportions"].items() if share}
    assert dict(load_config(str(recipe)).mixture) == wanted
    assert dict(load_config("tiny", [setting(record)]).mixture) == wanted
    assert sum(wanted.values()) == pytest.approx(1, abs=1e-5)


def test_names_of_sources_are_shown_and_never_run(tmp_path: Path) -> None:
    text = json.dumps(run(tmp_path, scaling=True)).replace("books", "<script>alert(1)</script> $x^2 : {")
    record = json.loads(text)
    shown = page(record)
    assert "<script" not in shown
    assert "&lt;script&gt;alert(1)" in shown
    images = [base64.b64decode(found) for found in re.findall(r"base64,([A-Za-z0-9+/=]+)", shown)]
    assert len(images) == 3
    assert b"&lt;script&gt;alert(1)" in images[1]
    assert all(b"<script" not in image for image in images)
    assert yaml.safe_load(snippet(record))["mixture"] == {k: v for k, v in record["proportions"].items() if v}
    assert page(record) == shown


def test_target_and_part_are_read_or_refused() -> None:
    assert parse_weights(["a=1", "b/c=d=0.5"]) == {"a": 1.0, "b/c=d": 0.5}
    assert parse_part("2/3") == (2, 3)
    for wrong in ("a", "a=", "a=x", "=1"):
        with pytest.raises(UserError, match="source=weight"):
            parse_weights([wrong])
    for wrong in ("0/3", "4/3", "1", "a/b", "1/0"):
        with pytest.raises(UserError, match="i/n"):
            parse_part(wrong)


def two_languages(root: Path) -> None:
    """Two sources, each of sentences of its own half of 32 tokens, in a fixed order."""
    rng = np.random.default_rng(0)
    sources = {}
    for place, (name, count) in enumerate({"big": 120, "small": 40}.items()):
        starts = rng.integers(14, size=count)
        sources[name] = {
            f"{name}-{i}": [4 + 14 * place + (int(s) + k) % 14 for k in range(60)] for i, s in enumerate(starts)
        }
    build(root, sources, shards=2, vocab_size=32, row_group_tokens=2048)


def test_proxies_trained_for_real_prefer_a_mix_of_both_sources(tmp_path: Path) -> None:
    two_languages(tmp_path / "tokens")
    settings = ["model.dim=16", "model.heads=1", "model.kv_heads=1", "model.ffn=32", "model.layers=1", "steps=16"]
    settings += ["model.context=16", "sequence=16", "batch_tokens=256", "validate.sequences=8", "optimizer.lr=0.02"]
    data, output = [str(tmp_path)], str(tmp_path / "mix")
    record = fit_mix(data, output, proxy=configured(None, settings), runs=8, scaling=False, say=lambda line: None)
    assert record is not None
    assert record["proxy"]["model"]["vocab"] == 32
    losses = {run["weights"]["big"]: run["losses"] for run in record["runs"]}
    most, least = losses[max(losses)], losses[min(losses)]
    assert most["big"] < least["big"]
    assert least["small"] < most["small"]
    assert 0.2 < record["proportions"]["big"] < 0.8
    assert not (tmp_path / "mix" / "training").exists()
    # And all of it is found again.
    lines: list[str] = []
    again = fit_mix(data, output, proxy=configured(None, settings), runs=8, scaling=False, say=lines.append)
    assert again == record
    assert lines == ["8 of 8 proxies are trained already"]


def test_a_corpus_of_one_source_has_no_mix(tmp_path: Path) -> None:
    build(tmp_path / "tokens", {"only": {str(i): [4] * 200 for i in range(4)}}, vocab_size=32)
    with pytest.raises(UserError, match="a mixture needs at least two sources; the data has only"):
        fit_mix([str(tmp_path)], str(tmp_path / "mix"))
