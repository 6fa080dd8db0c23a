"""The language of a text by fastText's lid.176 (Joulin et al. 2017), as CCNet asks for it."""

from __future__ import annotations

from pathlib import Path

from curate.models.fasttext_model import FastTextModel

_WINDOWS = 8


class LanguageIdentifier:
    """Called with a text, gives (ISO 639 code, score rounded to 2 decimals), or ("", 0.0) where there is no word.

    characters: how many of a longer text are read, in equal windows from its start to its end, since the time a
    text takes grows with what is read and the model averages over words; None reads all of it, as CCNet does.
    """

    def __init__(self, path: Path, characters: int | None = None) -> None:
        self._model = FastTextModel(path)
        self._characters = characters

    def languages(self) -> frozenset[str]:
        """The codes it can answer."""
        return self._model.labels()

    def __call__(self, text: str) -> tuple[str, float]:
        top = self._model.top(windows(text, self._characters)) if text.strip() else None
        return ("", 0.0) if top is None else (top[0], round(top[1], 2))


def windows(text: str, characters: int | None, count: int = _WINDOWS) -> str:
    """`characters` of a longer text, in `count` windows from its start to its end with spaces between; else all."""
    if characters is None or len(text) <= characters:
        return text
    width = characters // count
    step = (len(text) - width) // (count - 1)
    return " ".join(text[start : start + width] for start in range(0, step * count, max(step, 1)))
