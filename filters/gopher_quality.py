"""Gopher's quality rules (Rae et al. 2021, appendix A1.1, "Quality filtering").

What a word is, the paper does not say. Here it is a run of characters between white space, punctuation attached
(dolma's, `text.split()`), and one that is punctuation only (ASCII punctuation and Unicode's P categories) is not
counted, as in datatrove (which splits punctuation off by a tokenizer and then leaves symbols out of the count and the
mean length) and DCLM (`ignore_punctuation`). Lines are those that are not blank.
Dolma v1.6 takes the median of the word lengths: `word_length: median`.
Cost: 0.25 ms for 900 words.
"""

from __future__ import annotations

import string
import sys
import unicodedata
from collections import Counter
from collections.abc import Mapping
from functools import cache
from typing import ClassVar, Literal

import pyarrow as pa

from curate.text.page import Page
from filters.filter import Filter, FilterConfig, Rule, Value

STOP_WORDS = frozenset({"the", "be", "to", "of", "and", "that", "have", "with"})
BULLETS = ("•", "‣", "◦", "▪", "▫", "■", "□", "▶", "●", "○", "–", "-", "*")
ELLIPSES = ("...", "…")
_COMMON_PUNCTUATION = string.punctuation + "“”‘’„«»…–—•·"
"""Tried first: to strip a few is several times faster than to strip all 800."""

SOURCE = "Gopher (Rae et al. 2021, A1.1)"


@cache
def punctuation() -> str:
    """ASCII punctuation and Unicode's P categories; found once, as looking at every character takes a while."""
    beyond = map(chr, range(0x80, sys.maxunicode + 1))
    return string.punctuation + "".join(mark for mark in beyond if unicodedata.category(mark)[0] == "P")


class GopherQualityConfig(FilterConfig):
    word_length: Literal["mean", "median"] = "mean"

    min_words: int | None = 50
    max_words: int | None = 100_000
    min_word_length: float | None = 3
    max_word_length: float | None = 10
    max_hash_ratio: float | None = 0.1
    max_ellipsis_ratio: float | None = 0.1
    max_bullet_lines: float | None = 0.9
    max_ellipsis_lines: float | None = 0.3
    min_alphabetic_words: float | None = 0.8
    min_stop_words: int | None = 2


_KNOWN_WORDS = 300_000
_NO_WORD, _NO_LETTER, _LETTERS = "-", "0", "a"
"""Kinds of words; `-` is followed by the length, since what is no word does not count to the mean length either."""


class _Kinds(dict[str, str]):
    """word -> what it is: no word (punctuation only), without a letter, with letters, or the stop word it is.

    Most words of a page have been seen on another; a look-up costs a tenth of looking at the characters.
    """

    def __missing__(self, word: str) -> str:
        kind = _kind(word)
        if len(word) <= 40:
            self[word] = kind
        return kind


def _kind(word: str) -> str:
    core = word
    if not word.isalpha():
        core = word.strip(_COMMON_PUNCTUATION)
        if not (core and core[0].isalnum() and core[-1].isalnum()):
            core = core.strip(punctuation())
            if not core:
                return f"{_NO_WORD}{len(word)}"
    if not (core[0].isalpha() or any(map(str.isalpha, core))):
        return _NO_LETTER
    return core.lower() if len(core) <= 4 and core.lower() in STOP_WORDS else _LETTERS


class GopherQuality(Filter):
    """Measurements: `words`; `word_length`, characters, mean or median; `hash_ratio`, `#` a word; `ellipsis_ratio`,
    `...` and `…` a word; `bullet_lines`, `ellipsis_lines`, share of the lines that begin with a bullet, end with an
    ellipsis; `alphabetic_words`, share of the words with a letter of any script; `stop_words`, how many different ones
    of the eight occur as words, in any case, with any punctuation around. Ratios of a page without words are to one
    word, so that none is undefined; its word length is 0.
    """

    name = "gopher_quality"
    Config = GopherQualityConfig
    columns: ClassVar[Mapping[str, pa.DataType]] = {
        "words": pa.int64(),
        "word_length": pa.float64(),
        "hash_ratio": pa.float64(),
        "ellipsis_ratio": pa.float64(),
        "bullet_lines": pa.float64(),
        "ellipsis_lines": pa.float64(),
        "alphabetic_words": pa.float64(),
        "stop_words": pa.int32(),
    }
    rules = (
        Rule("few_words", "words", ">=", "min_words", f"{SOURCE}: between 50 and 100,000 words"),
        Rule("many_words", "words", "<=", "max_words", f"{SOURCE}: between 50 and 100,000 words"),
        Rule("short_words", "word_length", ">=", "min_word_length", f"{SOURCE}: mean word length 3 to 10 characters"),
        Rule("long_words", "word_length", "<=", "max_word_length", f"{SOURCE}: mean word length 3 to 10 characters"),
        Rule("hashes", "hash_ratio", "<=", "max_hash_ratio", f"{SOURCE}: symbol-to-word ratio greater than 0.1"),
        Rule("ellipses", "ellipsis_ratio", "<=", "max_ellipsis_ratio", f"{SOURCE}: symbol-to-word ratio above 0.1"),
        Rule("bullets", "bullet_lines", "<=", "max_bullet_lines", f"{SOURCE}: more than 90% of lines start with one"),
        Rule("ellipsis_lines", "ellipsis_lines", "<=", "max_ellipsis_lines", f"{SOURCE}: more than 30% of lines"),
        Rule("not_words", "alphabetic_words", ">=", "min_alphabetic_words", f"{SOURCE}: 80% contain a letter"),
        Rule("few_stop_words", "stop_words", ">=", "min_stop_words", f"{SOURCE}: at least two of eight words"),
    )
    config: GopherQualityConfig

    def __init__(self, config: GopherQualityConfig) -> None:
        super().__init__(config)
        self._known = _Kinds()

    def measure(self, page: Page) -> dict[str, Value]:
        text = page.text
        known = self._known
        if len(known) > _KNOWN_WORDS:
            known.clear()
        kinds = Counter(map(known.__getitem__, page.words))
        lengths = Counter(map(len, page.words))
        for kind, count in kinds.items():
            if kind[0] == _NO_WORD:
                lengths[int(kind[1:])] -= count
        words = sum(lengths.values())
        alphabetic = words - kinds[_NO_LETTER]
        lines = [stripped for line in page.lines if (stripped := line.strip())]
        return {
            "words": words,
            "word_length": _median(lengths) if self.config.word_length == "median" else _mean(lengths),
            "hash_ratio": text.count("#") / max(words, 1),
            "ellipsis_ratio": sum(map(text.count, ELLIPSES)) / max(words, 1),
            "bullet_lines": sum(line.startswith(BULLETS) for line in lines) / max(len(lines), 1),
            "ellipsis_lines": sum(line.endswith(ELLIPSES) for line in lines) / max(len(lines), 1),
            "alphabetic_words": alphabetic / max(words, 1),
            "stop_words": len(kinds.keys() & STOP_WORDS),
        }


def _mean(lengths: dict[int, int]) -> float:
    return sum(length * count for length, count in lengths.items()) / max(sum(lengths.values()), 1)


def _median(lengths: dict[int, int]) -> float:
    """The middle length, or the mean of the two middle ones."""
    total = sum(lengths.values())
    middle: list[int] = []
    seen = 0
    for length in sorted(lengths):
        seen += lengths[length]
        while len(middle) < 2 and seen > (total - 1 + len(middle)) // 2:
            middle.append(length)
    return sum(middle) / 2 if middle else 0.0
