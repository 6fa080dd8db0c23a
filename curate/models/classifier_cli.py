"""`curate models train classifier`: a filter of a user's own, from documents of a user's own."""

from __future__ import annotations

import json
import re
import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from curate.errors import UserError

if TYPE_CHECKING:
    from curate.models.train_classifier import Labels

_LINES_SHOWN = 10
_TOKENIZER = "tokenizer-32k"
_SUFFIXES = (".ftz", ".bin", ".safetensors")


def classifier(
    labels: Annotated[
        list[Path],
        typer.Option("--labels", help="JSON lines (also .gz, .zst) or Parquet; repeatable.", metavar="FILE"),
    ],
    name: Annotated[str, typer.Option("--name", help="What manifests will call it.")],
    output: Annotated[
        Path | None, typer.Option(help="Folder; default: $CURATE_MODELS, else the cache where pulled models are.")
    ] = None,
    text_key: Annotated[str, typer.Option("--text-key", help="Where a document has its text.")] = "text",
    label_key: Annotated[str, typer.Option("--label-key", help="Where it has its label.")] = "label",
    positive: Annotated[
        str | None, typer.Option(help="The label to be found; yes, true, 1 and positive are known.")
    ] = None,
    threshold: Annotated[
        float, typer.Option(help="P(positive) from which figures count it found.", min=0, max=1)
    ] = 0.5,
    settings: Annotated[
        list[str] | None,
        typer.Option(
            "--set",
            help="fastText's own, e.g. dim=16, epoch=10, wordNgrams=2, or the encoder's: layers=2, dim=128, heads=4, "
            "length=256 (tokens of a window), windows=3 (of a document), epoch, lr, batch, dropout, minCount; "
            "repeatable.",
        ),
    ] = None,
    encoder: Annotated[
        bool,
        typer.Option("--encoder", help="Train a small transformer encoder, not fastText (needs the `train` extra)."),
    ] = False,
    tokenizer: Annotated[
        str | None, typer.Option(help="Whose tokens the encoder reads; default: tokenizer-32k.", metavar="MODEL")
    ] = None,
    device: Annotated[
        Literal["auto", "cpu", "cuda"],
        typer.Option(help="For --encoder. A CPU makes the same bytes again; auto: CUDA where there is one."),
    ] = "auto",
    held_out: Annotated[
        float, typer.Option("--held-out", help="Share not trained on, but measured on.", min=0.01, max=0.9)
    ] = 0.1,
    seed: Annotated[int, typer.Option(help="Of the split and of the training.", min=0, max=2**31 - 1)] = 0,
    quantize: Annotated[
        bool, typer.Option("--quantize/--no-quantize", help="A tenth of the size (.ftz); of an encoder, half.")
    ] = True,
    licence: Annotated[str, typer.Option(help="Of the model, for its card (SPDX).")] = "",
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace a model of this name.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the figures as JSON.")] = False,
) -> None:
    """Train a classifier on labelled documents, measure it on those held out, and write it with its card."""
    from curate.models.labels import label_name
    from curate.models.naming import free, models_folder
    from curate.models.registry import folders
    from curate.models.train_classifier import Recipe, collect, settings_of, train_from_labels

    if not encoder and (tokenizer is not None or device != "auto"):
        raise UserError(f"{'--device' if tokenizer is None else '--tokenizer'} is for --encoder only")
    folder = models_folder(output)
    free(name, folder, overwrite, _SUFFIXES)
    if len({path.name for path in labels}) < len(labels):
        raise UserError("--labels: two files have the same name, and line numbers could not be told apart")
    recipe = Recipe(
        positive=label_name(positive) if positive is not None else None,
        threshold=threshold,
        held_out=held_out,
        seed=seed,
        quantize=quantize,
        settings=settings_of(settings or [], encoder),
        tokenizer=(tokenizer or _TOKENIZER) if encoder else None,
        device=_device(device) if encoder else "cpu",
    )
    found = collect(labels, text_key, label_key)
    if not as_json:
        _tell_set_aside(found)
    if not found.documents:
        first = f"; the first: {found.set_aside[0]}" if found.set_aside else ""
        raise UserError(f"no labelled document in {', '.join(map(str, labels))}{first}")
    suffix = ".safetensors" if encoder else ".ftz" if quantize else ".bin"
    model = folder / f"{name}{suffix}"
    given: list[tuple[str, object, object]] = [
        *(("--labels", _shown(path), None) for path in labels),
        ("--name", name, None),
        *(("--set", setting, None) for setting in settings or []),
        ("--encoder", encoder, False),
        ("--tokenizer", tokenizer, None),
        ("--text-key", text_key, "text"),
        ("--label-key", label_key, "label"),
        ("--positive", positive, None),
        ("--threshold", threshold, 0.5),
        ("--held-out", held_out, 0.1),
        ("--seed", seed, 0),
        ("--no-quantize", not quantize, False),
        ("--licence", licence, ""),
    ]
    made = train_from_labels(
        found,
        model,
        recipe,
        labels,
        (text_key, label_key),
        command=_command(given),
        licence=licence,
        progress=lambda line: print(line, file=sys.stderr, flush=True),
    )
    for other in _SUFFIXES:
        if other != suffix:
            (folder / f"{name}{other}").unlink(missing_ok=True)
    if as_json:
        print(json.dumps({"model": str(model), **made}, indent=2, ensure_ascii=False))
        return
    _tell(made)
    named = name if folder.resolve() in [known.resolve() for known in folders()] else str(model)
    if named != name and "/" not in named:
        named = f"./{named}"
    # JSON is YAML; without quotes YAML would read yes as true.
    of = f"model: {json.dumps(named)}, label: {json.dumps(made['positive'])}, min_probability: {threshold:g}"
    print(f"written: {model} and its card. In a manifest:")
    print(f"  filters: {{classifiers: {{models: {{{_column(name)}: {{{of}}}}}}}}}")
    if named != name:
        print(f"or export CURATE_MODELS={folder.resolve()}, and call it {name}")


def _device(wanted: str) -> str:
    """cpu or cuda; UserError where torch is not here, or has no CUDA."""
    from curate.training.extra import need_training

    need_training()
    import torch

    if wanted == "cuda" and not torch.cuda.is_available():
        raise UserError("--device cuda: torch finds no CUDA device here; leave it out to train on the CPU")
    return "cuda" if wanted != "cpu" and torch.cuda.is_available() else "cpu"


def _command(given: list[tuple[str, object, object]]) -> str:
    """The command line: every option that has not its default."""
    words = ["curate", "models", "train", "classifier"]
    for option, value, default in given:
        if value != default:
            words += [option] if value is True else [option, str(value)]
    return shlex.join(words)


def _shown(path: Path) -> str:
    """As it was given, but no folder of this machine."""
    return path.name if path.is_absolute() else str(path)


def _column(name: str) -> str:
    """The name as a key of the filter `classifiers`."""
    column = re.sub("[^a-z0-9]+", "_", name.lower()).strip("_")
    return column if column[:1].isalpha() else f"model_{column}"


def _tell_set_aside(found: Labels) -> None:
    lines = len(found.set_aside)
    if lines:
        print(f"set aside: {lines} lines")
        for line in found.set_aside[:_LINES_SHOWN]:
            print(f"  {line}")
        if lines > _LINES_SHOWN:
            print(f"  and {lines - _LINES_SHOWN} more")
    if found.duplicates or found.contradictory:
        print(f"copies left out: {found.duplicates}; documents with several labels left out: {found.contradictory}")


def _tell(made: dict[str, Any]) -> None:
    measured, trained = made["measured"], made["data"]["trained"]
    for label, figures in measured["labels"].items():
        print(
            f"{label}: {trained[label]} to train on, {figures['held_out']} held out; as the likeliest label: "
            f"precision {figures['precision']:.4f}, recall {figures['recall']:.4f}, F1 {figures['f1']:.4f}"
        )
    print(f"held out: ROC AUC {measured['roc_auc']:.4f}, accuracy {measured['accuracy']:.4f}")
    for point in [measured, *measured["operating_points"]]:
        print(
            f"{'at' if point is measured else '  at'} {point['threshold']:g}: precision {point['precision']:.4f}, "
            f"recall {point['recall']:.4f}, F1 {point['f1']:.4f}, keeps {point['keep_rate']:.4f}"
        )
    for error in measured["worst_errors"]:
        print(f"error: {error['id']} is {error['label']}, P {error['probability']:.4f}")
