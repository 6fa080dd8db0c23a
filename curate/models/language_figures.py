"""How often languages are told right on labelled text: by the model alone, and as the language filter tells them.

By language, by length and by kind of text, for LLaMA-1's twenty languages and the others that are there.
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from curate.errors import UserError
from curate.models.cards import card_path
from curate.models.language_id import LanguageIdentifier
from curate.models.language_near import PageLanguage
from curate.models.language_train import HELD_OUT_PERCENT, LLAMA_1, held_out_texts
from curate.models.registry import ModelFile, resolve
from curate.models.texts import TrainingText

FIRST, SECOND = "lid.176", "lid-near"
MOST, MOST_OF_OTHERS = 500, 100
"""Texts of each kind and language, of LLaMA-1's and of others; of more, those whose hashes come first."""
LENGTHS = (20, 50, 100, 200, 500, 2000)
THRESHOLD = 0.5
_CONFUSIONS = 3


@dataclass
class Counts:
    """Of texts whose language is known: how many, and how many were told right alone and by the filter."""

    texts: int = 0
    alone: int = 0
    filter: int = 0
    taken_for: Counter[str] = field(default_factory=Counter)

    def figures(self) -> dict[str, Any]:
        """alone and filter are shares."""
        return {
            "texts": self.texts,
            "alone": round(self.alone / self.texts, 4),
            "filter": round(self.filter / self.texts, 4),
        }


def evaluate(model: ModelFile, paths: Sequence[Path]) -> dict[str, Any]:
    """Figures on labelled files; of files that the second model was trained on only what was held out counts.

    A model of neighbours (its card says it is asked after another) is measured in the filter, after lid.176.
    UserError where no text has a language that the model knows.
    """
    first, second = pair_of(model)
    trained, percent = _trained_on(second)
    texts, left_out = [], 0
    for usable, text in held_out_texts(paths, trained, percent):
        if usable:
            texts.append(text)
        else:
            left_out += 1
    return {"left_out": left_out} | measure(first.path, second.path if second else None, texts)


def pair_of(model: ModelFile) -> tuple[ModelFile, ModelFile | None]:
    """(the identifier, the model of neighbours asked after it, None where there is none)."""
    if "asked_after" in _card(model):
        return resolve(FIRST), model
    try:
        return model, resolve(SECOND)
    except UserError:
        return model, None


def measure(first: Path, second: Path | None, texts: Iterable[TrainingText]) -> dict[str, Any]:
    """Shares told right. macro_accuracy: of LLaMA-1's languages, the mean of theirs, each kind of text by itself.

    precision: of texts in any language that were said to be in one of these with at least 0.5, the share that is.
    """
    alone, together = LanguageIdentifier(first), PageLanguage(first, second, None)
    known = alone.languages()
    groups: dict[tuple[str, str], Counts] = {}
    lengths: dict[str, Counts] = {}
    said: dict[str, Counter[str]] = {"alone": Counter(), "filter": Counter()}
    right: dict[str, Counter[str]] = {"alone": Counter(), "filter": Counter()}
    for text in chosen(texts):
        found = {"alone": alone(text.text), "filter": together(text.text)}
        for way, (language, score) in found.items():
            if score >= THRESHOLD:
                said[way][language] += 1
                right[way][language] += language == text.language
        if text.language not in known:
            continue
        places = [groups.setdefault((text.kind, text.language), Counts())]
        if text.language in LLAMA_1:
            places.append(lengths.setdefault(length_of(text.text), Counts()))
        for counts in places:
            counts.texts += 1
            counts.alone += found["alone"][0] == text.language
            counts.filter += found["filter"][0] == text.language
            if found["filter"][0] != text.language:
                counts.taken_for[found["filter"][0] or "nothing"] += 1
    if not groups:
        raise UserError("no text here has a language that the model knows")
    kinds = sorted({kind for kind, _ in groups})
    return {
        "texts": sum(counts.texts for counts in groups.values()),
        "macro_accuracy": {kind: macro for kind in kinds if (macro := _macro(groups, kind, LLAMA_1))},
        "macro_accuracy_other_languages": {
            kind: macro
            for kind in kinds
            if (macro := _macro(groups, kind, [language for _, language in groups if language not in LLAMA_1]))
        },
        "by_length": {name: lengths[name].figures() for name in map(_length_name, (*LENGTHS, None)) if name in lengths},
        "by_language": {kind: _by_language(groups, kind) for kind in kinds},
        "precision": {
            language: {
                way: round(right[way][language] / said[way][language], 4)
                for way in ("alone", "filter")
                if said[way][language]
            }
            for language in LLAMA_1
            if said["filter"][language] or said["alone"][language]
        },
    }


def chosen(texts: Iterable[TrainingText]) -> list[TrainingText]:
    """MOST or MOST_OF_OTHERS texts of each kind and language, in order of their keys' hashes."""
    grouped: dict[tuple[str, str], list[TrainingText]] = {}
    for text in texts:
        grouped.setdefault((text.kind, text.language), []).append(text)
    found: list[TrainingText] = []
    for (_, language), group in sorted(grouped.items()):
        ordered = sorted(group, key=lambda text: hashlib.blake2b(text.key.encode(), digest_size=8).digest())
        found += ordered[: MOST if language in LLAMA_1 else MOST_OF_OTHERS]
    return found


def length_of(text: str) -> str:
    """The name of the group of lengths, in characters, that a text is in."""
    return _length_name(next((most for most in LENGTHS if len(text) < most), None))


def _length_name(most: int | None) -> str:
    return f"{LENGTHS[-1]} or more" if most is None else f"under {most}"


def _macro(groups: dict[tuple[str, str], Counts], kind: str, languages: Sequence[str]) -> dict[str, Any]:
    there = [counts for (of, language), counts in sorted(groups.items()) if of == kind and language in languages]
    if not there:
        return {}
    return {
        "languages": len(there),
        "texts": sum(counts.texts for counts in there),
        "alone": round(sum(counts.alone / counts.texts for counts in there) / len(there), 4),
        "filter": round(sum(counts.filter / counts.texts for counts in there) / len(there), 4),
    }


def _by_language(groups: dict[tuple[str, str], Counts], kind: str) -> dict[str, dict[str, Any]]:
    found = {language: counts for (of, language), counts in sorted(groups.items()) if of == kind}
    first = [language for language in LLAMA_1 if language in found]
    return {
        language: found[language].figures()
        | {
            "taken for": " ".join(
                f"{other}:{count}"
                for other, count in sorted(found[language].taken_for.items(), key=lambda pair: (-pair[1], pair[0]))[
                    :_CONFUSIONS
                ]
            )
        }
        for language in [*first, *(language for language in found if language not in LLAMA_1)]
    }


def _card(model: ModelFile) -> dict[str, Any]:
    try:
        described = json.loads(card_path(model.path).read_bytes())
    except (OSError, ValueError):
        return {}
    return described if isinstance(described, dict) and described.get("sha256") == model.sha256 else {}


def _trained_on(second: ModelFile | None) -> tuple[dict[str, str], int]:
    described = _card(second) if second else {}
    inputs = {str(name): str(sha256) for name, sha256 in described.get("inputs", {}).items()}
    return inputs, int(described.get("parameters", {}).get("held_out_percent", HELD_OUT_PERCENT))
