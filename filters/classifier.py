"""What the filters that ask a fastText classifier share: one model a language."""

from __future__ import annotations

from functools import cached_property
from typing import Any

from curate.models.fasttext_model import FastTextModel
from curate.models.registry import resolve
from curate.text.page import Page
from filters.filter import Filter


class ClassifierFilter(Filter):
    """A filter whose config has `models`: language -> reference of a classifier; "*" stands for all others."""

    config: Any

    def models(self) -> list[str]:
        return [self.config.models[language] for language in sorted(self.config.models)]

    def load(self) -> None:
        _ = self._classifiers

    @cached_property
    def _classifiers(self) -> dict[str, FastTextModel]:
        return {language: FastTextModel(resolve(name).path) for language, name in self.config.models.items()}

    def classifier(self, page: Page) -> FastTextModel | None:
        """The classifier of the page's language, None where it has none."""
        return self._classifiers.get(page.language) or self._classifiers.get("*")
