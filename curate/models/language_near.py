"""The language of a page: lid.176, a second model for the languages it takes for each other, and the longest paragraph.

lid.176 is surest on whole pages of large languages, and takes Croatian for Serbian, Slovene for Croatian, Catalan for
Spanish in a sentence. Where it is not sure, a second model, trained on such neighbours alone, is asked too, and the
two are multiplied as witnesses that err apart. On a page the longest paragraph must be in the language of the whole;
where it is not, the score falls towards what the paragraph gives that language, the more of the page it is.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from pathlib import Path

from curate.models.fasttext_model import FastTextModel
from curate.models.language_id import windows

SURE = 0.9
"""From this score on lid.176 is believed alone: on labelled sentences the second model corrects hardly any of these."""
SURE_OF_LONG = 0.8
"""The same of texts of `_LONG` characters or more, where the second model corrects none that has this score: on real
pages nearly half of those it would be asked about."""
WEIGHT = 0.7
"""Power of the second model's probability; it knows fewer languages and less text than lid.176."""
SECOND_CHARACTERS = 300
GLANCE_CHARACTERS, PARAGRAPH_CHARACTERS = 100, 300
"""Read of the longest paragraph: first a glance by lid.176, and more only where that finds another language."""
GLANCE_COSTS = 400
"""Characters that lid.176 reads in the time of a glance, with looking for the paragraph."""
LEAST_PARAGRAPH = 60
"""Characters; in a shorter line neither model tells languages apart, and it says nothing against a page."""
_LEAST_WORDS = 5
_MOST_OF_PAGE = 0.8
_FULL_SHARE = 0.2
"""Share of the page from which a paragraph's word is final; a copyright line in English does not undo a page."""
_SECOND_WINDOWS = 4
_FLOOR, _SECOND_FLOOR = 1e-3, 1e-4
_LABELS, _LABELS_OF_LONG, _LONG = 12, 4, 500
"""Languages taken from lid.176: the tail of its answer is worth its time in short text only."""
OTHER = "other"
"""The second model's label for every language that it does not tell apart."""
_NOT_LETTERS = re.compile(r"[\W\d_]+")
# lid.176 has a label for Serbo-Croatian, which is no answer to which of them it is.
_SHARED = {"sh": ("bs", "hr", "sr")}


class PageLanguage:
    """Called with a text, gives (ISO 639 code, score rounded to 2 decimals), or ("", 0.0) where there is no word.

    second: path of the model of neighbours, None for none; characters: as LanguageIdentifier's; paragraph: whether the
    longest paragraph must agree.
    """

    def __init__(
        self, path: Path, second: Path | None, characters: int | None = 2000, *, paragraph: bool = True
    ) -> None:
        self._first = FastTextModel(path)
        self._second = None if second is None else FastTextModel(second)
        self._near = frozenset() if self._second is None else self._second.labels() - {OTHER}
        self._asked = self._near | {shared for shared, among in _SHARED.items() if set(among) <= self._near}
        self._characters = characters
        # What it takes to find a paragraph and glance at it is read less of the rest.
        self._beside = None if characters is None else max(characters - GLANCE_COSTS, characters // 2)
        self._paragraph = paragraph

    def __call__(self, text: str) -> tuple[str, float]:
        if not text.strip():
            return "", 0.0
        paragraph = longest_paragraph(text) if self._paragraph else None
        found = self.probabilities(windows(text, self._characters if paragraph is None else self._beside))
        language, score = best(found)
        if paragraph is not None and language and self._glance(paragraph) != language:
            of_paragraph = self.probabilities(windows(paragraph, PARAGRAPH_CHARACTERS, _SECOND_WINDOWS))
            if best(of_paragraph)[0] != language:
                share = min(1.0, len(paragraph) / len(text) / _FULL_SHARE)
                score -= share * max(0.0, score - of_paragraph.get(language, 0.0))
        return language, round(score, 2)

    def _glance(self, paragraph: str) -> str:
        """lid.176's language of the paragraph's middle."""
        start = max(0, (len(paragraph) - GLANCE_CHARACTERS) // 2)
        top = self._first.top(paragraph[start : start + GLANCE_CHARACTERS])
        return top[0] if top else ""

    def probabilities(self, text: str) -> Mapping[str, float]:
        """The likeliest languages of a text that is read whole; empty where no word is known."""
        first = self._first.likeliest(text, _LABELS if len(text) < _LONG else _LABELS_OF_LONG)
        language, score = best(first)
        sure = SURE if len(text) < _LONG or language in _SHARED else SURE_OF_LONG
        if self._second is None or score >= sure or language not in self._asked:
            return first
        second = self._second.distribution(letters(windows(text, SECOND_CHARACTERS, _SECOND_WINDOWS)))
        return combined(first, second, self._near) if second else first


def combined(first: Mapping[str, float], second: Mapping[str, float], near: frozenset[str]) -> dict[str, float]:
    """P of each language in `near`, and of the first model's others, in proportion to first × second**WEIGHT.

    Each factor has a floor. The second model has one label for all languages that are not near, which then share what
    they get as the first model has it.
    """
    spread = dict(first)
    for shared, among in _SHARED.items():
        part = spread.pop(shared, 0.0) / len(among)
        for language in among:
            spread[language] = spread.get(language, 0.0) + part
    others = {language: probability for language, probability in spread.items() if language not in near}
    rest = math.fsum(others.values())
    weighed = {language: _product(spread.get(language, 0.0), second.get(language, 0.0)) for language in sorted(near)}
    of_others = _product(rest, second.get(OTHER, 0.0)) if rest else 0.0
    total = math.fsum(weighed.values()) + of_others
    shares = {language: probability / rest * of_others / total for language, probability in others.items() if rest}
    return shares | {language: value / total for language, value in weighed.items()}


def _product(first: float, second: float) -> float:
    return (first + _FLOOR) * math.pow(second + _SECOND_FLOOR, WEIGHT)


def best(found: Mapping[str, float]) -> tuple[str, float]:
    """The likeliest language, of equals the first in the alphabet; ("", 0.0) of none."""
    if not found:
        return "", 0.0
    language = min(found, key=lambda code: (-found[code], code))
    return language, found[language]


def longest_paragraph(text: str) -> str | None:
    """The longest line, where it is text enough to tell a language and not most of the page; else None."""
    lines = text.split("\n")
    if len(lines) < 2:
        return None
    longest = max(lines, key=len).strip()
    if not LEAST_PARAGRAPH <= len(longest) <= _MOST_OF_PAGE * len(text) or longest.count(" ") < _LEAST_WORDS - 1:
        return None
    return longest


def letters(text: str) -> str:
    """As the second model reads a text: lower-cased words of letters only, a space between."""
    return _NOT_LETTERS.sub(" ", text.lower()).strip()
