"""CCNet's perplexity (cc_net perplexity.py) and its buckets (lines 257-286: head < P30, middle < P60, tail)."""

from __future__ import annotations

import json
import random
from collections import Counter
from pathlib import Path

import kenlm
import pytest
import sentencepiece
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from curate.errors import UserError
from curate.models.published import CCNET_LANGUAGES
from curate.models.registry import card, resolve
from curate.text.ccnet import normalize_for_model
from curate.text.page import Page
from filters.filter import Verdict
from filters.perplexity import PUBLISHED_CUTOFFS, THIRDS, Perplexity, PerplexityConfig, percentile_cutoffs

PROSE = (
    "The harbour was built in 1861, when the railway reached the coast.\n"
    "\n"
    "Its two piers — “the old arms” — were lengthened twice, and a lighthouse was added in the following decade.\n"
    "Most of the fishing fleet has gone, but the café on the quay opens every day."
)


@pytest.fixture(scope="module")
def default() -> Perplexity:
    made = Perplexity(PerplexityConfig())
    made.load()
    return made


def by_hand(lines: list[str]) -> float:
    tokenizer = sentencepiece.SentencePieceProcessor(model_file=str(resolve("sp-en").path))
    model = kenlm.Model(str(resolve("kenlm-en").path))
    total, length = 0.0, 0
    for line in lines:
        pieces = tokenizer.encode(normalize_for_model(line), out_type=str)
        # one number a token, where `score` adds them up in 32 bits: hence the tolerance below
        scores = list(model.full_scores(" ".join(pieces), bos=True, eos=True))
        assert len(scores) == len(pieces) + 1  # the +1 of the formula is the line's end
        total += sum(log10 for log10, _, _ in scores)
        length += len(pieces) + 1
    return float(10 ** (-total / length))


def test_perplexity_is_the_formula_over_lines(default: Perplexity) -> None:
    scorer = default._scorers["en"]
    wanted = by_hand([line for line in PROSE.split("\n") if line])
    assert scorer.exact(PROSE) == pytest.approx(wanted, rel=1e-6)
    assert default.measure(Page(PROSE, language="en")) == {"perplexity": round(wanted, 1), "language": "en"}


def test_a_page_scores_the_same_whatever_was_scored_before_it(default: Perplexity) -> None:
    fresh = Perplexity(PerplexityConfig())
    assert fresh.measure(Page(PROSE, language="en")) == default.measure(Page(PROSE, language="en"))
    assert default.measure(Page(PROSE, language="en")) == default.measure(Page(PROSE, language="en"))


def test_blank_lines_are_not_scored(default: Perplexity) -> None:
    spread = PROSE.replace("\n", "\n \n\t\n")
    assert default.measure(Page(spread, language="en")) == default.measure(Page(PROSE, language="en"))


def test_compat_one_line_scores_the_document_without_its_newlines_as_the_published_pipeline_does() -> None:
    compat = Perplexity(PerplexityConfig(compat=("one_line",)))
    wanted = by_hand([PROSE.replace("\n", "")])
    assert compat._scorers["en"].exact(PROSE, one_line=True) == pytest.approx(wanted, rel=1e-6)
    assert compat.measure(Page(PROSE, language="en"))["perplexity"] == round(wanted, 1)


def test_prose_is_likelier_than_its_words_in_disorder(default: Perplexity) -> None:
    words = PROSE.split()
    random.Random(1).shuffle(words)
    good = default.measure(Page(PROSE, language="en"))["perplexity"]
    bad = default.measure(Page(" ".join(words), language="en"))["perplexity"]
    assert isinstance(good, float)
    assert isinstance(bad, float)
    assert good < bad


def test_a_language_without_a_model_is_not_measured_and_kept(default: Perplexity) -> None:
    measured = default.measure(Page("Le port fut construit.", language="fr"))
    assert measured == {"perplexity": None, "language": "fr"}
    assert default.decide(measured) is None
    assert default.decide({"perplexity": float("nan"), "language": "en"}) is None


@pytest.mark.parametrize(
    "text", ["", "\n\n", "\x00\x01", "\ud800", "\ud83d\ude00 x", "\u200b", "▁", "x" * 50_000, "<unk> <s>"]
)
def test_hostile_text_is_measured(default: Perplexity, text: str) -> None:
    value = default.measure(Page(text, language="en"))["perplexity"]
    assert value is None or (isinstance(value, float) and value > 0)


def verdict(value: float, language: str = "en", **settings: object) -> Verdict | None:
    config = PerplexityConfig.model_validate({"cutoffs": {"en": [100.0, 200.0]}, **settings})
    return Perplexity(config).decide({"perplexity": value, "language": language})


@pytest.mark.parametrize(
    ("value", "bucket"), [(99.9, "head"), (100.0, "middle"), (199.9, "middle"), (200.0, "tail"), (1e9, "tail")]
)
def test_head_is_below_the_first_cutoff_and_tail_from_the_second_on(value: float, bucket: str) -> None:
    config = PerplexityConfig(cutoffs={"en": (100.0, 200.0)})
    assert Perplexity(config).bucket(value, "en") == bucket


@pytest.mark.parametrize(
    ("keep", "value", "reason", "rule", "threshold"),
    [
        (["head", "middle"], 200.0, "perplexity.tail", "<", 200.0),
        (["head"], 100.0, "perplexity.middle", "<", 100.0),
        (["head"], 300.0, "perplexity.tail", "<", 100.0),
        (["middle"], 99.9, "perplexity.head", ">=", 100.0),
        (["middle"], 200.0, "perplexity.tail", "<", 200.0),
        (["tail"], 99.9, "perplexity.head", ">=", 200.0),
        (["tail"], 100.0, "perplexity.middle", ">=", 200.0),
        (["head", "tail"], 100.0, "perplexity.middle", "<", 100.0),
        (["middle", "tail"], 99.9, "perplexity.head", ">=", 100.0),
    ],
)
def test_a_dropped_bucket_is_explained_by_the_cutoff_it_missed(
    keep: list[str], value: float, reason: str, rule: str, threshold: float
) -> None:
    found = verdict(value, keep=keep)
    assert found is not None
    assert (found.reason, found.value, found.rule.keep, found.threshold) == (reason, value, rule, threshold)


def test_a_language_without_cutoffs_is_kept_whatever_its_perplexity() -> None:
    assert verdict(1e9, language="ca") is None


def test_published_cutoffs_are_ccnets_and_leave_three_languages_alone() -> None:
    published = Perplexity(PerplexityConfig(published=True))
    assert [published.bucket(value, "en") for value in (339.9, 340.0, 519.9, 520.0)] == [
        "head",
        "middle",
        "middle",
        "tail",
    ]
    assert len(published.cutoffs) == 48
    assert [published.bucket(1e9, language) for language in ("sl", "sr", "sv")] == [None] * 3


def test_without_a_setting_the_cutoffs_are_those_of_the_models_card(default: Perplexity) -> None:
    described = card("kenlm-en") or {}
    assert default.cutoffs == {"en": tuple(described["cutoffs"]["en"])}


def test_a_model_without_cutoffs_of_its_own_needs_them_in_the_manifest() -> None:
    config = PerplexityConfig.model_validate({"models": {"fr": {"tokenizer": "sp-en", "model": "kenlm-en"}}})
    with pytest.raises(UserError, match="no cutoffs for fr: give cutoffs or percentiles, or run `curate models calib"):
        Perplexity(config).decide({"perplexity": 10.0, "language": "fr"})


def test_a_manifest_that_names_ccnets_models_gets_ccnets_cutoffs_and_pieces() -> None:
    models = {language: f"ccnet-kenlm-{language}" for language in CCNET_LANGUAGES}
    made = Perplexity(PerplexityConfig.model_validate({"models": models}))
    assert len(models) == 48
    assert dict(made.cutoffs) == dict(PUBLISHED_CUTOFFS)
    assert (made.cutoffs["fr"], made.cutoffs["is"], made.cutoffs["zh"]) == ((180, 330), (850, 1190), (1460, 1950))
    assert [bucketed(made, value) for value in (179.9, 180.0, 330.0)] == ["head", "middle", "tail"]
    assert made.models()[:2] == ["ccnet-sp-af", "ccnet-kenlm-af"]
    pinned = PerplexityConfig.model_validate({"models": {"fr": f"ccnet-kenlm-fr@sha256:{'0' * 64}"}})
    assert Perplexity(pinned).cutoffs == {"fr": (180, 330)}
    assert Perplexity(pinned).models()[0] == "ccnet-sp-fr"


def bucketed(made: Perplexity, value: float) -> str | None:
    return made.bucket(value, "fr")


def test_ccnets_cutoffs_are_of_its_own_models_and_languages_only() -> None:
    for models in ({"it": "ccnet-kenlm-fr"}, {"fr": "./ccnet-kenlm-fr-mine.binary"}):
        with pytest.raises(UserError, match="has no cutoffs for"):
            Perplexity(PerplexityConfig.model_validate({"models": models})).cutoffs  # noqa: B018


def test_what_the_card_says_of_a_pulled_model_comes_before_ccnets_table(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    card_of_it = {"file": "ccnet-kenlm-fr.arpa.bin", "languages": ["fr"], "cutoffs": {"fr": [7.0, 8.0]}}
    (tmp_path / "ccnet-kenlm-fr.card.json").write_text(json.dumps(card_of_it))
    monkeypatch.setenv("CURATE_MODELS", str(tmp_path))
    made = Perplexity(PerplexityConfig.model_validate({"models": {"fr": "ccnet-kenlm-fr"}}))
    assert made.cutoffs == {"fr": (7.0, 8.0)}


def test_percentiles_decide_only_after_they_became_numbers() -> None:
    config = PerplexityConfig(percentiles=(30.0, 60.0))
    with pytest.raises(ValueError, match="with_cutoffs"):
        Perplexity(config).decide({"perplexity": 10.0, "language": "en"})
    settled = config.with_cutoffs({"en": (5.0, 9.0)})
    found = Perplexity(settled).decide({"perplexity": 10.0, "language": "en"})
    assert found is not None
    assert found.threshold == 9.0
    assert settled == PerplexityConfig.model_validate_json(settled.model_dump_json())


def test_compat_thirds_is_the_papers_33_and_67() -> None:
    config = PerplexityConfig(compat=("thirds", "one_line"))
    assert config.wanted_percentiles == THIRDS
    assert percentile_cutoffs(Counter(map(float, range(9))), THIRDS) == (3.0, 6.0)
    settled = config.with_cutoffs({"en": (3.0, 6.0)})
    assert settled.compat == ("one_line",)
    assert settled.cutoffs == {"en": (3.0, 6.0)}


@pytest.mark.parametrize(
    "settings",
    [
        {"published": True, "percentiles": [30, 60]},
        {"cutoffs": {"en": [1, 2]}, "published": True},
        {"cutoffs": {"en": [2, 1]}},
        {"cutoffs": {"en": [0, 1]}},
        {"percentiles": [60, 30]},
        {"percentiles": [0, 101]},
        {"compat": ["thirds"], "percentiles": [30, 60]},
        {"keep": []},
        {"keep": ["best"]},
    ],
)
def test_settings_that_contradict_themselves_are_refused(settings: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        PerplexityConfig.model_validate(settings)


@given(st.lists(st.integers(1, 400).map(lambda n: n / 10), min_size=1), st.floats(0, 100), st.floats(0, 100))
def test_never_more_than_p_percent_lie_below_the_cutoff_and_the_next_value_has_more(
    values: list[float], one: float, other: float
) -> None:
    for percentile, cutoff in zip((one, other), percentile_cutoffs(Counter(values), (one, other)), strict=True):
        assert cutoff in values
        below = sum(value < cutoff for value in values)
        assert 100 * below <= percentile * len(values) + 1e-6
        up_to = sum(value <= cutoff for value in values)
        assert 100 * up_to > percentile * len(values) - 1e-6 or cutoff == max(values)


def test_distinct_values_are_cut_exactly_at_30_and_60() -> None:
    values = [float(value) for value in range(1, 101)]
    low, high = percentile_cutoffs(Counter(values), (30.0, 60.0))
    buckets = Counter("head" if value < low else "middle" if value < high else "tail" for value in values)
    assert buckets == {"head": 30, "middle": 30, "tail": 40}


def test_no_documents_have_no_percentiles() -> None:
    with pytest.raises(ValueError, match="no perplexity"):
        percentile_cutoffs({}, (30.0, 60.0))
