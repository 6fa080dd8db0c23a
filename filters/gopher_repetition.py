"""Gopher's repetition rules (Rae et al. 2021, appendix A1.1, table A1): thirteen limits on how much of a page repeats.

The paper leaves open what is counted, and implementations differ. `semantics` names the definition:

`datatrove` (the default)
    Lines and paragraphs: the second and further occurrences, to all of them; their characters to `len(text)`. Top
    n-gram: its characters with the spaces inside, times its count, to `len(text)`. Duplicated n-grams: scanning from
    the left, the characters of the words of each n-gram that was seen before, going on behind it, to `len(text)`.
`dolma`
    Lines and paragraphs: every occurrence of one that occurs twice, to all of them; their characters
    to the non-space characters of the text. Top n-gram: the characters of its words times its count, to the non-space
    characters. Duplicated n-grams: the characters of all occurrences of repeated n-grams to those of all n-grams,
    overlapping ones each for itself. (Dolma itself has no rule on paragraphs.)
`nemo`
    Lines and paragraphs: 1 - unique / total, in number and in characters. Top n-gram: what `str.replace` of its words
    joined by spaces would take out of the text, to `len(text)`. Duplicated n-grams: the words in second and further
    occurrences, each once, and the spaces inside them, to `len(text)`.
`paper`
    Lines and paragraphs as in `nemo`. Top n-gram as in `dolma`. Duplicated n-grams: the words in any occurrence of a
    repeated n-gram, each once however many such n-grams overlap there, to the non-space characters.
`rpv2`
    As `paper`, over words in lower case without ASCII punctuation. (RPv2 itself has no rule on lines or paragraphs.)

Words are those between white space (datatrove's and NeMo's tokenizers split punctuation off; dolma and RPv2 do as
here). Lines are split at newlines and paragraphs at blank lines; empty ones are left out (dolma's code counts them, but
the CCNet text it was written for has none, and with them it would drop every page of paragraphs). The most frequent
n-gram, the first among equals, counts only when it occurs more than once (as in RPv2); datatrove, dolma and NeMo count
one that occurs once, which condemns a short page that repeats nothing: `single_top_ngram: true` does so.
Cost: 0.6 ms for 900 words of a web page, about twice that where everything repeats.
"""

from __future__ import annotations

import re
import string
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import ClassVar, Literal

import numpy as np
import pyarrow as pa

from curate.text.ngrams import Ints, Repeats, WordNgrams
from curate.text.page import Page
from filters.filter import Filter, FilterConfig, Rule, Value

TOP_SIZES = (2, 3, 4)
DUPLICATE_SIZES = (5, 6, 7, 8, 9, 10)
SOURCE = "Gopher (Rae et al. 2021, A1.1, table A1)"

_PARAGRAPH_BREAK = re.compile(r"\n{2,}")
_WITHOUT_PUNCTUATION = str.maketrans("", "", string.punctuation)

Semantics = Literal["paper", "datatrove", "dolma", "rpv2", "nemo"]


class GopherRepetitionConfig(FilterConfig):
    semantics: Semantics = "datatrove"
    single_top_ngram: bool = False

    max_duplicate_lines: float | None = 0.30
    max_duplicate_paragraphs: float | None = 0.30
    max_duplicate_line_characters: float | None = 0.20
    max_duplicate_paragraph_characters: float | None = 0.20
    max_top_2gram: float | None = 0.20
    max_top_3gram: float | None = 0.18
    max_top_4gram: float | None = 0.16
    max_duplicate_5grams: float | None = 0.15
    max_duplicate_6grams: float | None = 0.14
    max_duplicate_7grams: float | None = 0.13
    max_duplicate_8grams: float | None = 0.12
    max_duplicate_9grams: float | None = 0.11
    max_duplicate_10grams: float | None = 0.10


_MEASUREMENTS = (
    "duplicate_lines",
    "duplicate_paragraphs",
    "duplicate_line_characters",
    "duplicate_paragraph_characters",
    *(f"top_{n}gram" for n in TOP_SIZES),
    *(f"duplicate_{n}grams" for n in DUPLICATE_SIZES),
)


class GopherRepetition(Filter):
    """Measurements: shares between 0 and 1 (`dolma` and `single_top_ngram` can exceed 1), each limited by
    `max_<measurement>`; 0 where a page is too short to have any."""

    name = "gopher_repetition"
    Config = GopherRepetitionConfig
    columns: ClassVar[Mapping[str, pa.DataType]] = dict.fromkeys(_MEASUREMENTS, pa.float64())
    rules = tuple(Rule(name, name, "<=", f"max_{name}", SOURCE) for name in _MEASUREMENTS)
    config: GopherRepetitionConfig

    def measure(self, page: Page) -> dict[str, Value]:
        semantics = self.config.semantics
        words = page.words
        if semantics == "rpv2":
            words = page.text.lower().translate(_WITHOUT_PUNCTUATION).split()
        ngrams = WordNgrams(words)
        measured: dict[str, Value] = {}
        for name, pieces in (("line", page.lines), ("paragraph", _PARAGRAPH_BREAK.split(page.text))):
            share, characters = duplicates(pieces, page.text, int(ngrams.ends[-1]), semantics)
            measured[f"duplicate_{name}s"] = share
            measured[f"duplicate_{name}_characters"] = characters
        for n in TOP_SIZES:
            measured[f"top_{n}gram"] = self._top(page.text, words, ngrams, n)
        for n in DUPLICATE_SIZES:
            measured[f"duplicate_{n}grams"] = duplicated(page.text, ngrams, n, semantics)
        return measured

    def _top(self, text: str, words: Sequence[str], ngrams: WordNgrams, n: int) -> float:
        found = ngrams.repeated(n).top()
        if found is None:
            if not self.config.single_top_ngram or ngrams.count < n:
                return 0.0
            found = (0, 1)
        position, count = found
        characters = int(ngrams.ends[position + n] - ngrams.ends[position])
        match self.config.semantics:
            case "datatrove":
                return (characters + n - 1) * count / len(text)
            case "nemo":
                joined = " ".join(words[position : position + n])
                return text.count(joined) * len(joined) / len(text)
            case _:
                return characters * count / int(ngrams.ends[-1])


def duplicates(pieces: Sequence[str], text: str, non_space: int, semantics: Semantics) -> tuple[float, float]:
    """The share of lines (or paragraphs) that are duplicates, and the share of characters in them."""
    pieces = [piece for piece in pieces if piece]
    if semantics == "dolma":
        repeated = [(len(piece), count) for piece, count in Counter(pieces).items() if count > 1]
        share = sum(count for _, count in repeated) / max(len(pieces), 1)
        return share, sum(length * count for length, count in repeated) / max(non_space, 1)
    unique = set(pieces)
    if len(unique) == len(pieces):
        return 0.0, 0.0
    total = sum(map(len, pieces))
    characters = total - sum(map(len, unique))
    return (len(pieces) - len(unique)) / len(pieces), characters / (len(text) if semantics == "datatrove" else total)


def duplicated(text: str, ngrams: WordNgrams, n: int, semantics: Semantics) -> float:
    """The share of characters in n-grams that occur more than once."""
    repeats = ngrams.repeated(n)
    positions = repeats.positions
    if not len(positions):
        return 0.0
    match semantics:
        case "datatrove":
            return int(ngrams.characters(n, _from_the_left(repeats)).sum()) / len(text)
        case "dolma":
            every = int((ngrams.ends[n:] - ngrams.ends[:-n]).sum())
            return int(ngrams.characters(n, positions).sum()) / every
        case "nemo":
            later = repeats.later()
            new_words = np.minimum(np.diff(later, prepend=later[0] - n), n)
            spaces = int(np.minimum(new_words, n - 1).sum())
            return (ngrams.covered(n, later) + spaces) / len(text)
        case _:
            return ngrams.covered(n, positions) / int(ngrams.ends[-1])


def _from_the_left(repeats: Repeats) -> Ints:
    """Positions of n-grams seen before, when the scan goes on behind each one it finds."""
    found: list[int] = []
    seen: set[int] = set()
    next_position = 0
    for position, group in zip(repeats.positions.tolist(), repeats.groups.tolist(), strict=True):
        if position < next_position:
            continue
        if group in seen:
            found.append(position)
            next_position = position + repeats.n
        else:
            seen.add(group)
    return np.array(found, np.int64)
