"""Model cards: what a model was trained on, how, and what was measured, written by the script that trained it."""

from __future__ import annotations

import argparse
import hashlib
import platform
import sys
from collections.abc import Callable
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from curate.errors import UserError
from curate.storage import atomic_write, canonical

DEFAULT_FOLDER = Path(__file__).parent / "default"
_TRAINERS = ("sentencepiece", "fasttext-community", "ufal.kenlm", "mwparserfromhell", "Resiliparse")
ROLES = ("perplexity", "perplexity-pieces", "tokenizer", "quality", "nsfw", "language", "classifier")


def card_path(model: Path) -> Path:
    """`tokenizer-32k.model` has the card `tokenizer-32k.card.json` beside it."""
    return model.with_name(model.name.rsplit(".", 1)[0] + ".card.json")


def write_card(
    model: Path,
    *,
    kind: str,
    role: str = "",
    licence: str = "",
    command: str = "",
    languages: list[str],
    parameters: dict[str, Any],
    data: dict[str, Any],
    inputs: dict[str, str],
    measured: dict[str, Any],
    **more: Any,
) -> None:
    """Write the card of a model file that is already there.

    role: what the model does, one of ROLES, by which `curate models evaluate` measures it; licence: of the model, SPDX;
    command: the one that made it; parameters: of the training; data: how much of what; inputs: sha256 of every input
    file; measured: on documents that were held out.
    """
    card = {
        "name": card_path(model).name.removesuffix(".card.json"),
        "file": model.name,
        "sha256": hashlib.sha256(model.read_bytes()).hexdigest(),
        "bytes": model.stat().st_size,
        "kind": kind,
        **{key: value for key, value in (("role", role), ("licence", licence), ("command", command)) if value},
        "languages": languages,
        "parameters": parameters,
        "data": data,
        "inputs": inputs,
        "measured": measured,
        "made_with": _versions(),
        **more,
    }
    with atomic_write(str(card_path(model))) as out:
        out.write(canonical(card))


def _versions() -> dict[str, str]:
    found = {"python": platform.python_version()}
    for package in _TRAINERS:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    return found


def train_main(name: str, train: Callable[[Path, Path], None]) -> None:
    """The command line of every training script: DATA, and where to put the model."""
    parser = argparse.ArgumentParser(description=f"Train the reference model {name}.")
    parser.add_argument("data", type=Path, help="folder with the training data")
    parser.add_argument("--output", type=Path, default=DEFAULT_FOLDER, help="folder for the model and its card")
    arguments = parser.parse_args()
    arguments.output.mkdir(parents=True, exist_ok=True)
    try:
        train(arguments.data, arguments.output)
    except UserError as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(2)
