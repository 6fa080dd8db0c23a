"""The language of a text by fastText's lid.176 (Joulin et al. 2017), as CCNet asks for it."""

from __future__ import annotations

from pathlib import Path

from curate.models.fasttext_model import FastTextModel

# 1 MB would take 0.1 s, and the model averages over words: the start of a very long text decides as well as all of it.
LONGEST = 200_000


class LanguageIdentifier:
    """Called with a text, gives (ISO 639 code, score rounded to 2 decimals), or ("", 0.0) where there is no word."""

    def __init__(self, path: Path) -> None:
        self._model = FastTextModel(path)

    def languages(self) -> frozenset[str]:
        """The codes it can answer."""
        return self._model.labels()

    def __call__(self, text: str) -> tuple[str, float]:
        top = self._model.top(text[:LONGEST]) if text.strip() else None
        return ("", 0.0) if top is None else (top[0], round(top[1], 2))
