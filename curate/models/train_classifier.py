"""A classifier trained on documents that a user labelled, and measured on those held out: fastText's or an encoder.

A document is held out, or not, by a hash of its words alone: the same documents in another order or in other files
make the same model, byte for byte, and one that is there twice is on one side only.
"""

from __future__ import annotations

import hashlib
import tempfile
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from curate.errors import UserError
from curate.models.cards import card_path, write_card
from curate.models.document_classifier import open_classifier
from curate.models.encoder_file import LIMITS as ENCODER_LIMITS
from curate.models.encoder_file import SETTINGS as ENCODER_SETTINGS
from curate.models.fasttext_model import one_line
from curate.models.labelled_figures import measure
from curate.models.labels import BadLine, LabelledText, read_labels
from curate.models.passages import inputs_path, read_inputs
from curate.models.registry import file_sha256
from curate.models.supervised import train_classifier

# As in quality-en, but `minCount`, since a user's documents are few.
SETTINGS: Mapping[str, int | float] = {
    "dim": 16,
    "lr": 0.2,
    "wordNgrams": 2,
    "bucket": 50_000,
    "minCount": 2,
    "minn": 0,
    "maxn": 0,
}
# Without `epoch` about so many steps are taken, and each example is seen so often at least and at most: few documents
# need many epochs, and many overfit with as many.
STEPS, LEAST_EPOCHS, MOST_EPOCHS = 20_000, 5, 100
_LIMITS: Mapping[str, tuple[float, float]] = {
    "dim": (1, 1000),
    "epoch": (1, 10_000),
    "lr": (1e-6, 100),
    "wordNgrams": (1, 10),
    "bucket": (1, 20_000_000),
    "minCount": (1, 1_000_000),
    "minn": (0, 20),
    "maxn": (0, 20),
}
OPPOSITES = (("true", "false"), ("yes", "no"), ("1", "0"), ("positive", "negative"), ("pos", "neg"), ("1", "-1"))
LEAST_TRAINED, LEAST_HELD_OUT = 10, 3
# A smaller class is given again until it is as large as the largest, but no document more often than this.
MOST_COPIES = 20


@dataclass(frozen=True, slots=True)
class Labels:
    """Labelled documents, each once, in the order of their hashes.

    contradictory: documents with more than one label, which are left out; duplicates: further copies of a document.
    """

    documents: list[tuple[bytes, LabelledText]]
    set_aside: list[BadLine]
    duplicates: int
    contradictory: int


@dataclass(frozen=True, slots=True)
class Recipe:
    """How to train. positive: the label that is measured, found by itself in pairs like yes and no (`OPPOSITES`).

    tokenizer: reference; with one it is an encoder, with None fastText. device: of the encoder, `cpu` or `cuda`.
    quantize: fastText's product quantisation; an encoder's weights in 16 bits.
    """

    positive: str | None = None
    threshold: float = 0.5
    held_out: float = 0.1
    seed: int = 0
    quantize: bool = True
    settings: Mapping[str, int | float] = field(default_factory=lambda: dict(SETTINGS))
    tokenizer: str | None = None
    device: str = "cpu"


def collect(paths: Sequence[Path], text_key: str, label_key: str) -> Labels:
    """Read the files, and sort, deduplicate (white space aside) and set aside what they hold."""
    found: dict[bytes, LabelledText] = {}
    labels: dict[bytes, set[str]] = {}
    bad: list[BadLine] = []
    copies = 0
    for path in paths:
        for item in read_labels(path, text_key, label_key):
            if isinstance(item, BadLine):
                bad.append(item)
                continue
            key = key_of(item.text)
            copies += key in found
            # Whichever file comes first: copies may differ in their white space and their ids.
            found[key] = min(found.get(key, item), item, key=lambda one: (one.text, one.id))
            labels.setdefault(key, set()).add(item.label)
    kept = sorted((key, item) for key, item in found.items() if len(labels[key]) == 1)
    return Labels(kept, bad, copies, len(found) - len(kept))


def key_of(text: str) -> bytes:
    """What decides on which side a document is, and what it is a copy of: its words."""
    return hashlib.blake2b(" ".join(one_line(text).split()).encode(), digest_size=16).digest()


def is_for_figures(key: bytes, seed: int, share: float) -> bool:
    """Whether a document is held out."""
    return _share(key, seed, "side") < share


def settings_of(given: Sequence[str], encoder: bool = False) -> dict[str, int | float]:
    """The kind's `SETTINGS` with each `key=value` put in; UserError for an unknown key or a value it cannot have."""
    settings = dict(ENCODER_SETTINGS if encoder else SETTINGS)
    limits = ENCODER_LIMITS if encoder else _LIMITS
    kinds = {"epoch": int, **{key: type(value) for key, value in settings.items()}}
    for setting in given:
        key, equals, text = setting.partition("=")
        if not equals or key not in kinds:
            raise UserError(f"--set {setting!r}: write it as key=value; the keys are {', '.join(kinds)}")
        low, high = limits[key]
        try:
            value = kinds[key](text)
        except ValueError:
            value = float("nan")
        if not low <= value <= high:
            kind = "a number" if kinds[key] is float else "a whole number"
            raise UserError(f"--set {setting!r}: {key} is {kind} from {low:g} to {high:g}")
        settings[key] = value
    if encoder and settings["dim"] % settings["heads"]:
        raise UserError(f"--set dim={settings['dim']} is no multiple of heads={settings['heads']}")
    if not encoder and settings["maxn"] and settings["minn"] > settings["maxn"]:
        raise UserError(f"--set minn={settings['minn']} is more than maxn={settings['maxn']}")
    return settings


def train_from_labels(
    labels: Labels,
    model: Path,
    recipe: Recipe,
    inputs: Sequence[Path],
    keys: tuple[str, str] = ("text", "label"),
    *,
    command: str = "",
    licence: str = "",
    progress: Callable[[str], None] = lambda line: None,
) -> dict[str, Any]:
    """Train, write `model` and its card, and return the card's `positive`, `measured` and `data`.

    UserError for fewer than two labels, too few documents of one, or settings that cannot be trained with.
    """
    sides: tuple[list[tuple[bytes, LabelledText]], ...] = ([], [])
    for key, item in labels.documents:
        sides[is_for_figures(key, recipe.seed, recipe.held_out)].append((key, item))
    trained, held_out = sides
    counts = [Counter(item.label for _, item in side) for side in sides]
    positive = chosen_positive(set(counts[0]) | set(counts[1]), recipe.positive)
    _enough(counts[0], counts[1], recipe.held_out)
    origins = _origins(inputs)
    examples = balanced(trained, counts[0], recipe.seed)
    model.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=model.parent, prefix=".tmp-") as temporary:
        made = Path(temporary, model.name)
        more = _train(examples, made, recipe, progress)
        measured = measure(open_classifier(made), [item for _, item in held_out], positive, recipe.threshold)
        # Never the card of another model beside this one.
        card_path(model).unlink(missing_ok=True)
        made.replace(model)
    data = {
        "trained": dict(sorted(counts[0].items())),
        "examples": dict(sorted(Counter(label for label, _ in examples).items())),
        "duplicates": labels.duplicates,
        "contradictory": labels.contradictory,
        "set_aside": dict(sorted(Counter(line.reason for line in labels.set_aside).items())),
    }
    kind = "transformer encoder classifier" if recipe.tokenizer else "fastText classifier"
    write_card(
        model,
        kind=f"{kind}: {positive} or {', '.join(sorted(set(counts[0]) - {positive}))}",
        role="classifier",
        licence=licence,
        command=command,
        languages=[],
        parameters={
            **more,
            "quantized": recipe.quantize,
            "seed": recipe.seed,
            "held_out": recipe.held_out,
            "text_key": keys[0],
            "label_key": keys[1],
        },
        data=data,
        inputs={path.name: file_sha256(path) for path in inputs},
        measured=measured,
        labels=sorted(counts[0]),
        positive=positive,
        trained_by="curate models train classifier",
        **origins,
    )
    return {"positive": positive, "measured": measured, "data": data}


def _origins(inputs: Sequence[Path]) -> dict[str, Any]:
    """What `curate models label` says of the files that the labels were made from: `labelled_from`, label -> file ->
    sha256; nothing where no labels were made by it."""
    found: dict[str, dict[str, str]] = {}
    for path in inputs:
        account = inputs_path(path)
        if account.is_file():
            for label, hashes in read_inputs(account).items():
                found.setdefault(label, {}).update(hashes)
    return {"labelled_from": found} if found else {}


def _train(
    examples: Sequence[tuple[str, str]], model: Path, recipe: Recipe, progress: Callable[[str], None]
) -> dict[str, Any]:
    """Write the model of the recipe's kind; the settings it was trained with."""
    if recipe.tokenizer:
        from curate.models.encoder_train import epochs_of, train_encoder  # torch

        settings = {"epoch": epochs_of(len(examples), recipe.settings), **recipe.settings}
        half, seed, device = recipe.quantize, recipe.seed, recipe.device
        described = train_encoder(
            examples, model, recipe.tokenizer, settings, half=half, seed=seed, device=device, progress=progress
        )
        tokenizer = {"tokenizer": described.tokenizer, "tokenizer_sha256": described.tokenizer_sha256}
        return {**settings, **tokenizer, "ids": described.sizes.ids, "device": device}
    settings = {"epoch": min(max(-(-STEPS // len(examples)), LEAST_EPOCHS), MOST_EPOCHS), **recipe.settings}
    try:
        train_classifier(examples, model, quantize=recipe.quantize, seed=recipe.seed, **settings)
    except (ValueError, RuntimeError) as error:  # an empty vocabulary, a rate that diverges, too few rows
        advice = " (or train with --no-quantize)" if "quantiz" in str(error) else ""
        raise UserError(f"fastText cannot train this: {' '.join(str(error).split())}{advice}") from None
    return settings


def chosen_positive(labels: set[str], wanted: str | None) -> str:
    """The label to be found; UserError where it is not among these, or cannot be told."""
    names = ", ".join(sorted(labels)) or "none"
    if len(labels) < 2:
        raise UserError(f"a classifier needs documents of two labels or more; here: {names}")
    if wanted is not None:
        if wanted not in labels:
            raise UserError(f"--positive {wanted}: no document has this label; the labels are {names}")
        return wanted
    lower = {label.lower(): label for label in labels}
    for one, other in OPPOSITES:
        if set(lower) == {one, other}:
            return lower[one]
    raise UserError(f"say with --positive which label is to be found: {names}")


def _enough(trained: Counter[str], held_out: Counter[str], share: float) -> None:
    for label in sorted({*trained, *held_out}):
        for count, least, side in (
            (trained[label], LEAST_TRAINED, "to train on"),
            (held_out[label], LEAST_HELD_OUT, "held out"),
        ):
            if count < least:
                raise UserError(
                    f"too few documents labelled {label}: {trained[label] + held_out[label]}, of which {count} {side} "
                    f"(--held-out {share:g}), and {least} are needed"
                )


def balanced(
    documents: Sequence[tuple[bytes, LabelledText]], counts: Mapping[str, int], seed: int
) -> list[tuple[str, str]]:
    """(label, text) in an order by hash that mixes the labels, those of smaller classes given again."""
    largest = max(counts.values())
    seen: Counter[str] = Counter()
    examples: list[tuple[float, bytes, LabelledText]] = []
    for key, item in documents:
        place, size = seen[item.label], counts[item.label]
        seen[item.label] += 1
        # The first `largest % size` documents get one more.
        copies = largest // size + (place < largest % size)
        examples += [(_share(key, seed, f"copy {n}"), key, item) for n in range(min(copies, MOST_COPIES))]
    return [(item.label, item.text) for _, _, item in sorted(examples, key=lambda one: one[:2])]


def _share(key: bytes, seed: int, purpose: str) -> float:
    """A number from 0 to 1 that the document, the seed and the purpose decide."""
    salted = hashlib.blake2b(key, key=f"{seed} {purpose}".encode(), digest_size=8).digest()
    return int.from_bytes(salted, "big") / (1 << 64)
