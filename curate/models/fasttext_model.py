"""fastText models read without its warnings, and asked without its line and NumPy pitfalls."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import fasttext

LABEL = "__label__"
_PUNCTUATION = re.compile(r"[^\w \n]+")
_SPACE = " \t\r\v\f"
# Words that fastText takes for a label or for the end of the example, after which it reads nothing.
_MARKS = re.compile(f"(?<![^{_SPACE}])(?:__label__[^{_SPACE}]*|</s>)(?![^{_SPACE}])")


class FastTextModel:
    """A fastText classifier.

    Calls the extension's own predict: the Python wrapper builds NumPy arrays in a way that breaks under NumPy 2 in
    some distributions. A text is one example: newlines, which end an example in fastText, become spaces.
    """

    def __init__(self, path: Path) -> None:
        self._model: Any = fasttext.FastText._FastText(model_path=str(path))

    def labels(self) -> frozenset[str]:
        """All labels, without their prefix."""
        return frozenset(str(label).removeprefix(LABEL) for label in self._model.f.getLabels("strict")[0])

    def top(self, text: str) -> tuple[str, float] | None:
        """The most probable label without its prefix and its probability, or None where no word is known."""
        found = self._model.f.predict(one_line(text) + "\n", 1, 0.0, "strict")
        if not found:
            return None
        probability, label = found[0]
        return str(label).removeprefix(LABEL), min(float(probability), 1.0)

    def probability(self, text: str, label: str) -> float | None:
        """P(label) of a classifier of two labels, taken from the top one; None where no word is known."""
        top = self.top(text)
        if top is None:
            return None
        return top[1] if top[0] == label else 1.0 - top[1]

    def likeliest(self, text: str, count: int) -> dict[str, float]:
        """P of the `count` most probable labels without their prefix; empty where no word is known."""
        found = self._model.f.predict(one_line(text) + "\n", count, 0.0, "strict")
        return {str(label).removeprefix(LABEL): min(float(probability), 1.0) for probability, label in found}

    def distribution(self, text: str) -> dict[str, float]:
        """P of each label without its prefix, of any number of labels; empty where no word is known."""
        return self.likeliest(text, -1)


def one_line(text: str) -> str:
    """The text as fastText can take it: newlines and NULs are spaces, lone surrogates are question marks, and words
    that are fastText's own marks (`</s>`, `__label__…`) are left out: one would hide what follows it."""
    line = text.replace("\n", " ").replace("\x00", " ")
    if LABEL in line or "</s>" in line:
        line = _MARKS.sub(" ", line)
    try:
        line.encode("utf-8")
    except UnicodeEncodeError:
        return line.encode("utf-8", "replace").decode("utf-8")
    return line


def plain_words(text: str) -> str:
    """The text in lower case, spaces in place of punctuation."""
    return _PUNCTUATION.sub(" ", text.lower())
