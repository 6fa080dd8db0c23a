"""Pages not safe for work: a fastText classifier, and how many of the words are on the language's list."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import ClassVar

import pyarrow as pa
from pydantic import Field

from curate.models.fasttext_model import plain_words
from curate.text.badwords import UNSPACED, explicit_words
from curate.text.page import Page
from filters.classifier import ClassifierFilter
from filters.filter import FilterConfig, Rule, Value

LABEL = "nsfw"


class NsfwConfig(FilterConfig):
    """models: language -> reference of a classifier with the labels `nsfw` and `safe`; "*" stands for all others.

    max_listed_words: entries of the page's LDNOOBW list a word. At 0.02 one entry is allowed in 50 words, which is
    about the shortest page (300 characters) that CCNet keeps.
    """

    models: dict[str, str] = Field(default_factory=lambda: {"en": "nsfw-en"})
    max_probability: float | None = Field(default=0.5, ge=0, le=1)
    max_listed_words: float | None = Field(default=0.02, ge=0)


class Nsfw(ClassifierFilter):
    """P(nsfw), and list entries a white-space word; None where the language has no model or no list.

    Dolma (Soldaini et al. 2024, 3.1.3) classifies with fastText; counting listed words is Llama-3's (Dubey et al.
    2024, 3.1.1: "dirty word" counting). Both thresholds are this project's, see the model's card.
    """

    name = "nsfw"
    Config = NsfwConfig
    columns: ClassVar[Mapping[str, pa.DataType]] = {"probability": pa.float64(), "listed_words": pa.float64()}
    rules: ClassVar[Sequence[Rule]] = (
        Rule("classifier", "probability", "<=", "max_probability", "Soldaini et al. 2024 (Dolma), 3.1.3"),
        Rule("listed_words", "listed_words", "<=", "max_listed_words", "Dubey et al. 2024 (Llama 3), 3.1.1"),
    )
    config: NsfwConfig

    def measure(self, page: Page) -> Mapping[str, Value]:
        classifier = self.classifier(page)
        listed = explicit_words(page.language)
        # Where no spaces are written, two characters are about a word.
        words = len(page.text) // 2 if page.language in UNSPACED else len(page.words)
        return {
            "probability": classifier.probability(plain_words(page.text), LABEL) if classifier else None,
            "listed_words": listed.count(page.text, page.tokens) / max(words, 1) if listed else None,
        }
