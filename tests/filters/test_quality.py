"""The Wikipedia-reference classifier's rule (RedPajama-v1 data_prep/cc: keep when P(wiki) >= 0.25)."""

from __future__ import annotations

import pytest

from curate.models.fasttext_model import FastTextModel
from curate.models.registry import resolve
from curate.text.page import Page
from filters.quality import Quality, QualityConfig

ENCYCLOPEDIC = (
    "The kingdom was founded in the ninth century, when several tribes of the northern valleys were united under one "
    "ruler. Its capital lay on the river and was known for its stone bridges. According to the historians of the "
    "period, the dynasty ended in 1214, after a war with its eastern neighbours, and the territory was divided.\n"
    "The economy was based on agriculture and on the trade in salt and timber."
)
SHOP = (
    "Buy now and save 20%! Add to cart. Free shipping on all orders over $50. Click here to sign up for our newsletter "
    "and get the best deals in your inbox. Customer reviews: 5 stars, love it! Contact us today for a free quote.\n"
    "Share this: Facebook Twitter Pinterest. Log in to leave a comment. Related products you may also like."
)


@pytest.fixture(scope="module")
def quality() -> Quality:
    made = Quality(QualityConfig())
    made.load()
    return made


def test_an_encyclopedic_text_is_kept_and_a_shop_is_not(quality: Quality) -> None:
    good, bad = (quality.measure(Page(text, language="en")) for text in (ENCYCLOPEDIC, SHOP))
    assert quality.decide(good) is None
    verdict = quality.decide(bad)
    assert verdict is not None
    assert verdict.reason == "quality.unlike_wikipedia_references"


def test_the_measure_is_p_wiki_whichever_label_is_on_top(quality: Quality) -> None:
    model = FastTextModel(resolve("quality-en").path)
    for text, top in ((ENCYCLOPEDIC, "wiki"), (SHOP, "cc")):
        found = model.top(text)
        assert found is not None
        label, probability = found
        assert label == top
        wanted = probability if label == "wiki" else 1 - probability
        assert quality.measure(Page(text, language="en"))["wiki"] == wanted


def test_newlines_are_read_as_spaces(quality: Quality) -> None:
    one_line = Page(ENCYCLOPEDIC.replace("\n", " "), language="en")
    assert quality.measure(Page(ENCYCLOPEDIC, language="en")) == quality.measure(one_line)


@pytest.mark.parametrize(("wiki", "kept"), [(0.2499, False), (0.25, True)])
def test_one_quarter_is_kept_and_less_is_not(quality: Quality, wiki: float, kept: bool) -> None:
    assert (quality.decide({"wiki": wiki}) is None) == kept


def test_a_language_without_a_model_is_not_measured_and_kept(quality: Quality) -> None:
    measured = quality.measure(Page(ENCYCLOPEDIC, language="de"))
    assert measured == {"wiki": None}
    assert quality.decide(measured) is None


def test_one_model_can_stand_for_all_languages() -> None:
    anywhere = Quality(QualityConfig(models={"*": "quality-en"}))
    assert anywhere.measure(Page(SHOP, language="de"))["wiki"] == anywhere.measure(Page(SHOP))["wiki"] is not None


@pytest.mark.parametrize("text", ["", "\n", "\ud800", "a\x00b", "x" * 100_000, "__label__wiki"])
def test_hostile_text_is_measured(quality: Quality, text: str) -> None:
    wiki = quality.measure(Page(text, language="en"))["wiki"]
    assert wiki is None or (isinstance(wiki, float) and 0 <= wiki <= 1)
