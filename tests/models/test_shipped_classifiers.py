"""What the cards of the classifiers that come with the package promise."""

from __future__ import annotations

import json
import re
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from curate.cli import app
from curate.models.fasttext_model import FastTextModel, plain_words
from curate.models.nsfw_evidence import read_sentences
from curate.models.registry import card, resolve
from curate.models.weak_labels import packaged
from curate.text.badwords import explicit_words


def described(name: str) -> dict[str, Any]:
    found = card(name)
    assert found is not None
    return found


@pytest.mark.parametrize("name", ["quality-en", "nsfw-en"])
def test_a_card_tells_the_command_and_the_inputs_and_names_no_folder_of_a_machine(name: str) -> None:
    found = described(name)
    assert found["command"].startswith(f"curate models train {found['role']} ")
    assert not re.search(r"(?:^|[\s\"'=])[/~]", json.dumps(found))
    assert len(found["inputs"]) > 30
    assert all(re.fullmatch("[0-9a-f]{64}", sha256) for sha256 in found["inputs"].values())
    assert found["sha256"] == resolve(name).sha256
    assert found["licence"]


def test_the_quality_classifier_tells_cited_like_text_from_a_crawl() -> None:
    measured = described("quality-en")["measured"]
    assert measured["roc_auc"] >= 0.9
    for pair in ("wikipedia over crawl", "books over crawl", "wikipedia over c4", "books over c4"):
        assert measured["roc_auc_by_kind"][pair] >= 0.9, pair
    published = measured["operating_points"][0]
    assert published["threshold"] == 0.25
    assert published["recall"] > 0.9
    kept = measured["kept_at_threshold"]
    assert kept["crawl"] < kept["c4"] < kept["wikipedia"]


def test_the_nsfw_classifier_finds_abuse_and_takes_no_ordinary_page() -> None:
    measured = described("nsfw-en")["measured"]
    assert measured["roc_auc_posts"] >= 0.9
    assert max(measured["pages_over_threshold"].values()) <= 0.01
    assert measured["adult_pages_found"] == measured["held_out_adult_pages"] > 0


def test_no_group_of_people_has_a_rate_of_false_positives_far_over_the_average() -> None:
    measured = described("nsfw-en")["measured"]
    for at in ("at_threshold", "at_half_of_insults"):
        rates = measured["identity_sentences"][at]["false_positive_rate"]
        assert len(rates["groups"]) >= 40
        assert rates["flagged"] == []
    assert measured["pages_false_positive_rate_by_group"]["flagged"] == []
    assert measured["posts_false_positive_rate_by_group"]["flagged"] == []


def test_the_card_says_what_each_source_of_labels_gives() -> None:
    found = described("nsfw-en")["measured"]["ablation"]
    assert {"all", "without labelled", "without words", "without sample", "names of groups left in"} <= set(found)
    assert found["without words"]["adult_pages_found"] != found["all"]["adult_pages_found"]
    assert found["without labelled"]["roc_auc_posts"] < found["all"]["roc_auc_posts"]
    assert found["names of groups left in"]["identity_flagged"] > found["all"]["identity_flagged"] == 0


def test_the_nsfw_classifier_does_not_know_the_names_of_groups() -> None:
    model = FastTextModel(resolve("nsfw-en").path)
    nothing = model.probability(plain_words("qqxzzy"), "nsfw")
    words = packaged("groups", "en") | packaged("dialect", "en")
    assert {model.probability(plain_words(word), "nsfw") for word in words} == {nothing}


@pytest.fixture
def gold(real_crawls: Path) -> Path:
    folder = real_crawls.parent / "gold"
    if not (folder / "toxicity-labeled.csv").is_file():
        pytest.skip("the labelled posts are not here: set CURATE_REAL_DATA to their folder")
    return folder


def evaluated(name: str, *paths: Path) -> dict[str, Any]:
    result = CliRunner().invoke(
        app, ["models", "evaluate", name, "--json", *(part for path in paths for part in ("--on", str(path)))]
    )
    assert result.exit_code == 0, result.output
    found: dict[str, Any] = json.loads(result.stdout)
    return found


@pytest.mark.realdata
def test_evaluating_the_nsfw_classifier_on_the_posts_gives_the_cards_figures(gold: Path) -> None:
    found = evaluated("nsfw-en", gold / "toxicity-labeled.csv", gold / "identity-madlibs.csv")
    measured = described("nsfw-en")["measured"]
    assert found["held_out_posts"] == measured["held_out_posts"]
    assert found["roc_auc_posts"] == pytest.approx(measured["roc_auc_posts"], abs=1e-3)
    assert found["dialect"]["false_positive_rate"] == pytest.approx(
        measured["dialect"]["false_positive_rate"], abs=1e-3
    )
    for at in ("at_threshold", "at_half_of_insults"):
        one, other = (rates["identity_sentences"][at]["false_positive_rate"] for rates in (found, measured))
        assert one["groups"] == pytest.approx(other["groups"], abs=1e-3)


@pytest.mark.realdata
def test_the_list_of_explicit_words_takes_no_harmless_sentence_for_the_group_it_names(gold: Path) -> None:
    explicit = explicit_words("en")
    assert explicit is not None
    taken = Counter(
        sentence.text
        for sentence in read_sentences(gold / "identity-madlibs.csv")
        if not sentence.harmful and explicit.count(sentence.text)
    )
    assert not taken


@pytest.mark.slow
@pytest.mark.realdata
def test_evaluating_the_quality_classifier_on_its_data_gives_the_cards_figures(real_crawls: Path) -> None:
    data = real_crawls.parent
    found = evaluated("quality-en", *(data / name for name in ("wikipedia", "books", "c4", "cc")))
    measured = described("quality-en")["measured"]
    assert found["roc_auc"] == pytest.approx(measured["roc_auc"], abs=1e-3)
    for key in ("kept_at_threshold", "roc_auc_by_kind"):
        same = {name: found[key][name] for name in measured[key]}
        assert same == pytest.approx(measured[key], abs=1e-3), "of kinds that it was trained on"
    assert found["trained_on"] > found["documents"] // 2
