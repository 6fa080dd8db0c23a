"""Names of models that a user trains: which may be taken, and where the files go."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from pathlib import Path

from curate.errors import UserError
from curate.models.cards import DEFAULT_FOLDER

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")


def models_folder(output: Path | None) -> Path:
    """Where a trained model goes: --output, else $CURATE_MODELS, else the cache where pulled models are."""
    from curate.models.registry import cache_folder

    return output or Path(os.environ.get("CURATE_MODELS") or cache_folder())


def free(name: str, folder: Path, overwrite: bool, suffixes: Sequence[str] = (".ftz", ".bin")) -> None:
    """UserError where this is no name for a model, or the name of one that must not be replaced.

    A model that comes with curate is made anew in the package's own folder only, so that no other takes its name.
    suffixes: of the files that the model may have.
    """
    from curate.models.published import catalogue
    from curate.models.registry import locate

    if not _NAME.fullmatch(name):
        raise UserError(f"--name {name!r}: letters, digits, and . _ - after the first of them, 100 at most")
    if folder.exists() and not folder.is_dir():
        raise UserError(f"--output {folder} is not a folder")
    shipped = (DEFAULT_FOLDER / f"{name}.card.json").is_file() and folder.resolve() != DEFAULT_FOLDER.resolve()
    if shipped or name in catalogue():
        raise UserError(f"--name {name} is the name of a public model or of one that comes with curate: choose another")
    there = [f"{name}{suffix}" for suffix in (*suffixes, ".card.json") if (folder / f"{name}{suffix}").exists()]
    if there and not overwrite:
        raise UserError(f"{folder / there[0]} is there: choose another --name, or give --overwrite")
    if not there:
        try:
            other = locate(name)
        except UserError:
            return
        raise UserError(f"--name {name} is the name of {other} already: choose another")


def use(name: str, model: Path) -> tuple[str, str]:
    """What a manifest calls a new model: its name where names are looked up in its folder, else its path; and then a
    line that says how to use the name, else ""."""
    from curate.models.registry import folders

    folder = model.parent.resolve()
    if folder in [known.resolve() for known in folders()]:
        return name, ""
    return str(model) if "/" in str(model) else f"./{model}", f"or export CURATE_MODELS={folder}, and call it {name}"
