"""Classifiers of the user's own, each under its own name, measured all and decided by thresholds."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from curate.errors import UserError
from curate.models.cards import write_card
from curate.models.encoder_train import train_encoder
from curate.models.fasttext_model import FastTextModel
from curate.models.registry import resolve
from curate.models.supervised import train_classifier
from curate.text.page import Page
from filters.classifiers import Classifiers, ClassifiersConfig
from pipelines.chain import build_chain, columns, decide, measure

MATHS, SHOP, COOK = "theorem proof lemma", "coupon discount sale", "butter flour oven"


def make(folder: Path, name: str, texts: dict[str, str], **more: Any) -> None:
    examples = [(label, text) for _ in range(50) for label, text in texts.items()]
    train_classifier(examples, folder / f"{name}.bin", quantize=False, dim=4, epoch=20, lr=0.5, bucket=100)
    if more:
        write_card(
            folder / f"{name}.bin", kind="x", languages=[], parameters={}, data={}, inputs={}, measured={}, **more
        )


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("models")
    make(made, "maths", {"yes": MATHS, "no": SHOP}, labels=["no", "yes"], positive="yes")
    make(made, "topics", {"maths": MATHS, "shop": SHOP, "cook": COOK})
    examples = [("yes", MATHS), ("no", SHOP)] * 30
    sizes = {"layers": 1, "dim": 16, "heads": 2, "length": 16, "windows": 3, "minCount": 1}
    settings = {**sizes, "batch": 16, "lr": 0.02, "dropout": 0, "epoch": 20}
    train_encoder(examples, made / "mind.safetensors", "tokenizer-32k", settings)
    described = {"labels": ["no", "yes"], "positive": "yes"}
    write_card(
        made / "mind.safetensors", kind="x", languages=[], parameters={}, data={}, inputs={}, measured={}, **described
    )
    return made


@pytest.fixture(autouse=True)
def models(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CURATE_MODELS", str(folder))


def classifiers(**models: dict[str, Any]) -> Classifiers:
    [made] = build_chain({"classifiers": {"models": models}}, "manifest")
    assert isinstance(made, Classifiers)
    made.load()
    return made


def test_several_measure_under_their_own_names_and_the_first_that_fails_is_the_reason() -> None:
    made = classifiers(
        maths={"model": "maths", "label": "yes", "min_probability": 0.5},
        shop={"model": "topics", "label": "shop", "max_probability": 0.4},
        cook={"model": "topics", "label": "cook"},
    )
    assert [field.name for field in columns([made])] == ["classifiers.cook", "classifiers.maths", "classifiers.shop"]
    row, text = measure([made], Page(MATHS))
    assert text == MATHS
    assert row["classifiers.maths"] > 0.9  # type: ignore[operator]
    assert row["classifiers.shop"] + row["classifiers.cook"] < 0.1  # type: ignore[operator]
    assert decide([made], row) is None
    verdict = decide([made], measure([made], Page(SHOP))[0])
    assert verdict is not None
    assert verdict.reason == "classifiers.maths_too_low"
    verdict = made.decide({"maths": 0.5, "shop": 0.5, "cook": 1.0})
    assert str(verdict) == "classifiers.shop_too_high: shop = 0.5, kept when <= 0.4"


@pytest.mark.parametrize(
    ("value", "kept"), [(0.2999, False), (0.3, True), (0.7, True), (0.7001, False), (None, True), (float("nan"), True)]
)
def test_both_thresholds_are_kept_and_what_was_not_measured_passes(value: float | None, kept: bool) -> None:
    made = classifiers(m={"model": "maths", "min_probability": 0.3, "max_probability": 0.7})
    assert (made.decide({"m": value}) is None) == kept


def test_every_probability_of_a_model_of_three_labels_is_the_models_own() -> None:
    made = classifiers(**{label: {"model": "topics", "label": label} for label in ("maths", "shop", "cook")})
    found = made.measure(Page(f"{COOK}\n{COOK}"))
    assert found == FastTextModel(resolve("topics").path).distribution(f"{COOK} {COOK}")
    assert sum(found.values()) == pytest.approx(1, abs=1e-3)  # type: ignore[arg-type]


@pytest.mark.parametrize("label", ["yes", True, None])
def test_a_label_without_quotes_or_left_out_is_the_one_meant(label: Any) -> None:
    wanted = classifiers(m={"model": "maths", "label": "yes"}).measure(Page(MATHS))
    assert classifiers(m={"model": "maths", "label": label}).measure(Page(MATHS)) == wanted


def test_a_page_in_another_language_is_not_measured_by_the_one_that_is_limited() -> None:
    made = classifiers(a={"model": "maths", "languages": ["en"]}, b={"model": "maths"})
    assert made.measure(Page(MATHS, language="de"))["a"] is None
    found = made.measure(Page(MATHS, language="en"))
    assert found["a"] == found["b"] is not None


def test_a_threshold_measures_nothing_again_and_a_label_does() -> None:
    def measuring(**settings: Any) -> dict[str, Any]:
        return Classifiers(ClassifiersConfig(models={"m": {"model": "maths", **settings}})).measuring()  # type: ignore[dict-item]

    assert measuring() == measuring(min_probability=0.2, max_probability=0.9) == measuring(label="yes")
    assert measuring(label="no") != measuring() != measuring(languages=["en"])
    json.dumps(measuring())


def test_an_encoder_measures_beside_fasttext_and_is_recorded_with_its_tokenizer() -> None:
    made = classifiers(
        deep={"model": "mind", "min_probability": 0.5},
        flat={"model": "maths"},
        shop={"model": "mind", "label": False},
    )
    assert made.models() == ["maths", "mind", "tokenizer-32k"]
    found = made.measure(Page(MATHS))
    assert found["deep"] > 0.9  # type: ignore[operator]
    assert found["flat"] > 0.9  # type: ignore[operator]
    assert found["shop"] == pytest.approx(1 - found["deep"], abs=1e-6)  # type: ignore[operator]
    assert made.decide(found) is None
    verdict = made.decide(made.measure(Page(SHOP)))
    assert verdict is not None
    assert verdict.reason == "classifiers.deep_too_low"
    assert made.measure(Page(MATHS)) == found, "what was measured before changes nothing"
    assert made.measure(Page(""))["deep"] is None


def test_an_encoder_is_found_by_its_path_and_by_its_pin() -> None:
    path, sha256 = resolve("mind").path, resolve("mind").sha256
    by_path = classifiers(m={"model": str(path), "label": "yes"})
    assert by_path.models() == [str(path), "tokenizer-32k"]
    pinned = classifiers(m={"model": f"mind@sha256:{sha256}"})
    assert (
        by_path.measure(Page(MATHS))
        == pinned.measure(Page(MATHS))
        == classifiers(m={"model": "mind"}).measure(Page(MATHS))
    )
    with pytest.raises(UserError, match="but the reference pins"):
        classifiers(m={"model": f"mind@sha256:{'0' * 64}"})


def test_without_torch_a_manifest_with_an_encoder_is_told_what_to_install_before_anything_is_built(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("curate.training.extra.find_spec", lambda name: None)
    [made] = build_chain({"classifiers": {"models": {"m": {"model": "mind"}}}}, "manifest")
    with pytest.raises(UserError, match=r"is an encoder: this needs torch: pip install 'curate\[train\]'"):
        made.models()
    assert classifiers(m={"model": "maths"}).models() == ["maths"], "fastText needs nothing"


def test_settings_survive_being_written_out() -> None:
    made = classifiers(m={"model": "maths", "label": "yes", "min_probability": 0.25, "languages": ["en"]})
    [again] = build_chain({"classifiers": made.config.model_dump(mode="json")}, "manifest")
    assert again.config == made.config
    assert again.models() == ["maths"]


@pytest.mark.parametrize(
    ("named", "said"),
    [
        ({"m": {"model": "maths", "label": "yess"}}, "no label 'yess' .did you mean 'yes'"),
        ({"m": {"model": "topics"}}, "give its label"),
        ({"m": {"model": "nowhere"}}, "no model 'nowhere'"),
        ({"Big": {"model": "maths"}}, "pattern"),
        ({"m": {"model": "maths", "min_probability": 1.1}}, "less than or equal to 1"),
        ({"m": {"model": "maths", "min_probability": 0.6, "max_probability": 0.5}}, "above max_probability"),
        ({"m": {"model": "maths", "treshold": 1}}, "treshold"),
    ],
)
def test_a_mistake_is_told_before_anything_is_built(named: dict[str, Any], said: str) -> None:
    with pytest.raises(UserError, match=said) as caught:
        build_chain({"classifiers": {"models": named}}, "manifest")[0].models()
    assert "\n" not in str(caught.value)


def test_a_label_that_a_model_without_a_card_has_not_is_told_when_it_is_loaded() -> None:
    with pytest.raises(UserError, match="no label 'music'"):
        classifiers(m={"model": "topics", "label": "music"})


@pytest.mark.parametrize("text", ["", "\n", "\ud800", "a\x00b", "x" * 100_000, "__label__yes", "</s> theorem"])
@pytest.mark.parametrize("model", ["maths", "mind"])
def test_hostile_text_is_measured(text: str, model: str) -> None:
    value = classifiers(m={"model": model}).measure(Page(text))["m"]
    assert value is None or (isinstance(value, float) and 0 <= value <= 1)


def test_an_end_mark_hides_nothing_that_follows() -> None:
    made = classifiers(m={"model": "maths"})
    assert made.measure(Page(f"</s> {MATHS}")) == made.measure(Page(MATHS))
