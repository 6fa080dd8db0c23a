"""How well tokenizers take text that they were not trained on: by kind of text, and by language."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from curate.errors import UserError
from curate.models.cards import card_path
from curate.models.registry import ModelFile, file_sha256, resolve
from curate.models.texts import TrainingText, files_of, is_held_out
from curate.models.train_tokenizer import (
    HELD_OUT_PERCENT,
    MOST_MEASURED,
    MOST_MEASURED_OF_A_DOCUMENT,
    Quota,
    named_texts,
)
from curate.tokens.tokenizer import Tokenizer, load_tokenizer

_LEAST_LANGUAGE_SCORE = 0.5
_LANGUAGE_CHARACTERS = 2_000
UNKNOWN = "unknown"
_DIGITS = 4


@dataclass
class Counts:
    """Sums over documents."""

    documents: int = 0
    bytes: int = 0
    tokens: int = 0
    words: int = 0
    same: int = 0
    fallback: int = 0

    def add(self, other: Counts) -> None:
        """Add each sum of another."""
        for name in vars(self):
            setattr(self, name, getattr(self, name) + getattr(other, name))

    def figures(self) -> dict[str, Any]:
        """documents, bytes (UTF-8), tokens; bytes_per_token; tokens_per_word, of words between white space;
        round_trip, the share of documents that come back whole; byte_fallback, the share of tokens that hold no whole
        character."""
        return {
            "documents": self.documents,
            "bytes": self.bytes,
            "tokens": self.tokens,
            "bytes_per_token": _ratio(self.bytes, self.tokens),
            "tokens_per_word": _ratio(self.tokens, self.words),
            "round_trip": _ratio(self.same, self.documents),
            "byte_fallback": _ratio(self.fallback, self.tokens),
        }


def _ratio(part: int, whole: int) -> float:
    return round(part / whole, _DIGITS) if whole else 0.0


def measure(tokenizer: Tokenizer, texts: Iterable[TrainingText]) -> dict[str, Any]:
    """The figures of all texts; the same of each kind, with its languages, under `kinds`."""
    fallback = tokenizer.byte_ids()
    total = Counts()
    kinds: dict[str, dict[str, Counts]] = {}
    for text in texts:
        ids = tokenizer.encode_batch([text.text])[0]
        counts = Counts(
            documents=1,
            bytes=len(text.text.encode("utf-8", "replace")),
            tokens=len(ids),
            words=len(text.text.split()),
            same=int(tokenizer.decode(ids) == text.text),
            fallback=sum(token in fallback for token in ids.tolist()),
        )
        kinds.setdefault(text.kind, {}).setdefault(text.language or UNKNOWN, Counts()).add(counts)
        total.add(counts)
    return total.figures() | {"kinds": {kind: _of_kind(kinds[kind]) for kind in sorted(kinds)}}


def _of_kind(languages: Mapping[str, Counts]) -> dict[str, Any]:
    whole = Counts()
    for counts in languages.values():
        whole.add(counts)
    return whole.figures() | {"languages": {name: languages[name].figures() for name in sorted(languages)}}


def with_languages(texts: Iterable[TrainingText]) -> list[TrainingText]:
    """Documents whose source states no language get lid.176's, where it gives one a probability of 0.5 or more."""
    from curate.models.language_id import LanguageIdentifier

    identify: Callable[[str], tuple[str, float]] | None = None
    found = []
    for text in texts:
        if not text.language:
            identify = identify or LanguageIdentifier(resolve("lid.176").path, _LANGUAGE_CHARACTERS)
            language, score = identify(text.text)
            text = replace(text, language=language if score >= _LEAST_LANGUAGE_SCORE else "")
        found.append(text)
    return found


def texts_to_measure(model: ModelFile, paths: Sequence[Path]) -> tuple[list[TrainingText], int]:
    """(The beginnings of documents, in order of kind and hash; how many were left out as trained on.)

    Of a file that the model's card has among its inputs, those documents only that were held out then.
    """
    made = _card_of(model)
    trained = {str(sha256): str(name) for name, sha256 in made.get("inputs", {}).items()}
    percent = int(made.get("parameters", {}).get("held_out_percent", HELD_OUT_PERCENT))
    files, seen_in_training = {}, set()
    for name, path in files_of(paths).items():
        known = trained.get(file_sha256(path))
        files[known or name] = path
        if known:
            seen_in_training.add(known)
    quotas: dict[str, Quota] = {}
    left_out = 0
    for name, text in named_texts(files):
        if name in seen_in_training and not is_held_out(text.key, percent):
            left_out += 1
        else:
            quotas.setdefault(text.kind, Quota(MOST_MEASURED, MOST_MEASURED_OF_A_DOCUMENT)).offer(text)
    return [text for kind in sorted(quotas) for text in quotas[kind].chosen()], left_out


def _card_of(model: ModelFile) -> dict[str, Any]:
    try:
        described = json.loads(card_path(model.path).read_bytes())
    except (OSError, ValueError):
        return {}
    return described if isinstance(described, dict) and described.get("sha256") == model.sha256 else {}


def evaluate(model: ModelFile, paths: Sequence[Path]) -> dict[str, Any]:
    """What `measure` gives of the documents in files and folders; `left_out`: those that the model was trained on."""
    tokenizer = load_tokenizer(str(model.path), model.name)
    texts, left_out = texts_to_measure(model, paths)
    if not texts:
        raise UserError(
            f"no document to measure {model.name} on in {', '.join(map(str, paths))}"
            + (f": it was trained on all {left_out}" if left_out else "")
        )
    return {"vocabulary": tokenizer.vocab_size, "left_out": left_out} | measure(tokenizer, with_languages(texts))


def load_beside(references: Sequence[str]) -> dict[str, tuple[ModelFile, Tokenizer]]:
    """Tokenizers by name or path; each is called as it is referred to, by a path as its file.

    UserError for one that is not there, or is none, or where two are called the same.
    """
    found: dict[str, tuple[ModelFile, Tokenizer]] = {}
    for reference in references:
        here = "/" not in reference and Path(reference).is_file()
        model = resolve(f"./{reference}" if here else reference)
        name = model.path.name if "/" in model.name else model.name
        if name in found:
            raise UserError(f"--beside: two tokenizers are called {name}; give one of the files another name")
        found[name] = (model, load_tokenizer(str(model.path), name))
    return found


def measure_beside(
    others: Mapping[str, tuple[ModelFile, Tokenizer]], texts: Sequence[TrainingText]
) -> dict[str, dict[str, Any]]:
    """The figures of other tokenizers on the same texts, by name, with sha256 and size of vocabulary."""
    return {
        name: {"sha256": model.sha256, "vocabulary": tokenizer.vocab_size} | measure(tokenizer, texts)
        for name, (model, tokenizer) in others.items()
    }


def table(named: Mapping[str, Mapping[str, Any]], least_share: float = 0.01) -> list[str]:
    """Bytes per token of several measurements of the same texts, a line each kind and each language of 1% of a kind."""
    names = list(named)
    width = max(14, *(len(name) for name in names)) + 2
    lines = [f"{'bytes per token':24}{'documents':>10}{'bytes':>12}" + "".join(f"{name:>{width}}" for name in names)]
    first = named[names[0]]

    def row(label: str, of: list[Mapping[str, Any]]) -> str:
        figures = "".join(f"{one['bytes_per_token']:>{width}.3f}" for one in of)
        return f"{label:24}{of[0]['documents']:>10,}{of[0]['bytes']:>12,}{figures}"

    for kind, of_kind in first["kinds"].items():
        lines.append(row(kind, [named[name]["kinds"][kind] for name in names]))
        languages = sorted(of_kind["languages"].items(), key=lambda item: (-item[1]["bytes"], item[0]))
        shown = [language for language, figures in languages if figures["bytes"] >= least_share * of_kind["bytes"]]
        if len(languages) > 1:
            for language in shown:
                of = [named[name]["kinds"][kind]["languages"][language] for name in names]
                lines.append(row(f"  {language}", of))
    lines.append(row("all", [named[name] for name in names]))
    for label, key in (("tokens per word", "tokens_per_word"), ("documents come back", "round_trip")):
        lines.append(f"{label:46}" + "".join(f"{named[name][key]:>{width}.4f}" for name in names))
    label, key = "tokens that hold no whole character", "byte_fallback"
    lines.append(f"{label:46}" + "".join(f"{named[name][key]:>{width}.4f}" for name in names))
    return lines
