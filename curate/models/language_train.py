"""Train the second model of `language_near`: fastText on short pieces of texts in languages that lid.176 confuses.

Of each language and kind of text as many characters as the recipe says, in an order by hash; half of all texts are
held out by their hash, and some kinds are for measuring only, so that figures are of sources the model never saw.
Texts are cut into pieces of two to forty words, since it is in short text that languages are confused. Serbian is
written in two alphabets, so a Cyrillic text of it is read in Latin letters too. Text in all other languages written in
the same alphabets gets one label, by which the model says that it does not know the language.
"""

from __future__ import annotations

import random
import re
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from curate.errors import UserError
from curate.models.language_near import OTHER, letters
from curate.models.language_texts import labelled_files, labelled_texts
from curate.models.registry import file_sha256
from curate.models.supervised import train_classifier
from curate.models.texts import TrainingText, is_held_out

HELD_OUT_PERCENT = 50
MEASURED_ONLY = ("udhr", "url", "word-pairs", "single-words", "wikipedia")
LLAMA_1 = tuple("bg ca cs da de en es fr hr hu it nl pl pt ro ru sl sr sv uk".split())  # noqa: SIM905
"""Wikipedia's twenty languages of LLaMA-1 (Touvron et al. 2023, 2.1)."""
_NEIGHBOURS = (*("af", "be", "bs", "cy", "eo", "et", "eu", "fi", "ga", "gl", "id", "is", "la", "lt", "lv", "mk"),)
NEAR = tuple(sorted((*LLAMA_1, *_NEIGHBOURS, "ms", "nn", "no", "oc", "sk", "sq", "tr", "vi")))
"""Those, and the languages in their scripts that lid.176 takes them for or that are taken for them."""
_PIECES = (2, 3, 6, 10, 16, 24, 40)
_LEAST_PIECE = 8
_MOST_OF_A_TEXT = 400
_REPEATED = ("sentences",)
_PART_OF_OTHERS = 5
_ALPHABETS = re.compile("[a-z\u00df-\u024f\u0400-\u052f]")
_SERBIAN = str.maketrans(
    dict(zip("абвгдђежзијклмнопрстћуфхцчш", "abvgdđežzijklmnoprstćufhcčš", strict=True))
    | {"љ": "lj", "њ": "nj", "џ": "dž"}
)
"""Gaj's alphabet for Vuk Karadžić's, letter by letter."""


@dataclass(frozen=True, slots=True)
class Recipe:
    """languages: that the model tells apart; characters: of each of them and each kind of text, of other languages a
    fifth; settings: fastText's own.

    Texts of _REPEATED kinds are cut twice, in other places: they are what pages are written in, and few.
    """

    languages: tuple[str, ...] = NEAR
    characters: int = 100_000
    seed: int = 0
    settings: dict[str, Any] = field(
        default_factory=lambda: {
            **{"dim": 16, "minn": 2, "maxn": 5, "bucket": 1 << 17, "lr": 0.5, "epoch": 5, "minCount": 20},
            "loss": "softmax",
        }
    )


@dataclass(frozen=True, slots=True)
class Sample:
    """What is trained on, chosen; held_out: what may be measured on; files: by name; kinds: characters taken of each
    kind and language."""

    texts: list[TrainingText]
    held_out: list[TrainingText]
    files: dict[str, Path]
    kinds: dict[str, dict[str, int]]


def collect(paths: Sequence[Path], recipe: Recipe) -> Sample:
    """The texts to train on; UserError where fewer than two languages have any."""
    grouped: dict[tuple[str, str], list[TrainingText]] = {}
    held_out: list[TrainingText] = []
    wanted = frozenset(recipe.languages)
    for _, text in without_shared(labelled_texts(paths)):
        if not may_be_trained_on(text, HELD_OUT_PERCENT):
            held_out.append(text)
        elif text.language in wanted or _ALPHABETS.match(letters(text.text)):
            grouped.setdefault((text.kind, text.language), []).append(text)
    chosen: list[TrainingText] = []
    kinds: dict[str, dict[str, int]] = {}
    for (kind, language), texts in sorted(grouped.items()):
        taken = 0
        for text in sorted(texts, key=lambda text: text.key):
            if taken >= (recipe.characters if language in wanted else recipe.characters // _PART_OF_OTHERS):
                break
            chosen.append(text)
            taken += min(len(text.text), _MOST_OF_A_TEXT)
        kinds.setdefault(kind, {})[language] = taken
    there = {text.language for text in chosen} & wanted
    if len(there) < 2:
        has = ", ".join(sorted(there)) or "none"
        raise UserError(f"a language model needs text of at least two of its languages to train on; here is {has}")
    return Sample(chosen, held_out, labelled_files(paths), kinds)


def may_be_trained_on(text: TrainingText, percent: int) -> bool:
    """Whether training takes this text, by its kind and key alone; `percent` in a hundred are held out."""
    return text.kind not in MEASURED_ONLY and not is_held_out(text.key, percent)


def held_out_texts(
    paths: Sequence[Path], inputs: Mapping[str, str], percent: int
) -> Iterator[tuple[bool, TrainingText]]:
    """(whether it may be measured on, text). inputs: sha256 of the files a model was trained on; of these the texts
    that training does not take, and every text of other files."""
    known = {name for name, path in labelled_files(paths).items() if file_sha256(path) in inputs.values()}
    for name, text in without_shared(labelled_texts(paths)):
        yield name not in known or not may_be_trained_on(text, percent), text


def without_shared(texts: Iterable[tuple[str, TrainingText]]) -> list[tuple[str, TrainingText]]:
    """All but those that stand under several languages: help that is not translated yet, and names. In memory."""
    found = list(texts)
    seen = Counter(text.key.partition(":")[2] for _, text in found)
    return [(name, text) for name, text in found if seen[text.key.partition(":")[2]] == 1]


def examples(texts: Iterable[TrainingText], languages: Collection[str], seed: int) -> list[tuple[str, str]]:
    """(label, piece), shuffled: the same for the same texts in the same order. The label of a language that is none
    of `languages` is OTHER."""
    chance = random.Random(seed)
    found: list[tuple[str, str]] = []
    for text in texts:
        label = text.language if text.language in languages else OTHER
        read = letters(text.text[:_MOST_OF_A_TEXT])
        versions = [read] * (2 if text.kind in _REPEATED else 1)
        if text.language == "sr" and (latin := read.translate(_SERBIAN)) != read:
            versions.append(latin)
        for words in map(str.split, versions):
            place = 0
            while place < len(words):
                count = chance.choice(_PIECES)
                piece = " ".join(words[place : place + count])
                place += count
                if len(piece) >= _LEAST_PIECE:
                    found.append((label, piece))
    chance.shuffle(found)
    return found


def train(sample: Sample, model: Path, recipe: Recipe) -> dict[str, Any]:
    """Write the quantised model; gives what its card says beside what is measured."""
    pieces = examples(sample.texts, frozenset(recipe.languages), recipe.seed)
    train_classifier(pieces, model, quantize=True, seed=recipe.seed, **recipe.settings)
    labels = Counter(label for label, _ in pieces)
    return {
        "languages": sorted(labels.keys() - {OTHER}),
        "parameters": {
            **{key: value for key, value in asdict(recipe).items() if key != "settings"},
            **recipe.settings,
            "languages": list(recipe.languages),
            "held_out_percent": HELD_OUT_PERCENT,
            "measured_only": list(MEASURED_ONLY),
            "quantized": True,
        },
        "data": {"texts": len(sample.texts), "pieces": len(pieces), "characters": sample.kinds},
        "inputs": {name: file_sha256(path) for name, path in sample.files.items()},
    }
