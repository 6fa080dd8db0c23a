"""Models by name: where they lie, what they are, and whether they are the ones that were asked for.

A reference is the name of a model (`kenlm-en`) or a path, with `@sha256:<64 hex digits>` after it to pin the bytes.
Names are looked up in the folder $CURATE_MODELS, then among the models that come with the package.
"""

from __future__ import annotations

import hashlib
import json
import os
from dataclasses import dataclass
from difflib import get_close_matches
from functools import lru_cache
from pathlib import Path
from typing import Any

from curate.errors import UserError
from curate.models.cards import DEFAULT_FOLDER

_PIN = "@sha256:"
_CARD = ".card.json"
_SUFFIXES = (".model", ".binary", ".arpa.bin", ".bin", ".ftz", ".tiktoken")


@dataclass(frozen=True, slots=True)
class ModelFile:
    """A model that is there: the name or path it was asked for by (without the pin), its file, and its sha256."""

    name: str
    path: Path
    sha256: str


def resolve(reference: str) -> ModelFile:
    """The file a reference means; UserError when it is not there or its bytes are not the pinned ones."""
    name, pinned, wanted = reference.partition(_PIN)
    if pinned and (len(wanted) != 64 or set(wanted) - set("0123456789abcdef")):
        raise UserError(f"model {name}: @sha256: must be followed by 64 lower-case hex digits")
    path = _find(name)
    found = file_sha256(path)
    if pinned and found != wanted:
        raise UserError(f"model {name} ({path}) has sha256 {found}, but the reference pins {wanted}")
    return ModelFile(name, path, found)


def file_sha256(path: Path) -> str:
    """sha256 of a file, read once in a process as long as its size and time of change stay the same."""
    status = path.stat()
    return _hash(str(path.resolve()), status.st_mtime_ns, status.st_size)


def cards() -> list[dict[str, Any]]:
    """The cards of every model that can be named, by name; $CURATE_MODELS comes before the package."""
    found: dict[str, dict[str, Any]] = {}
    for folder in _folders():
        for path in sorted(folder.glob(f"*{_CARD}")):
            found.setdefault(path.name.removesuffix(_CARD), _read(path))
    return [found[name] for name in sorted(found)]


def card(name: str) -> dict[str, Any] | None:
    """The card of a model by its name (a pin after it is ignored), or None where it has none."""
    name = name.partition(_PIN)[0]
    for folder in _folders():
        path = folder / f"{name}{_CARD}"
        if not _is_path(name) and path.is_file():
            return _read(path)
    return None


def _folders() -> list[Path]:
    named = os.environ.get("CURATE_MODELS")
    return ([Path(named)] if named else []) + [DEFAULT_FOLDER]


def _is_path(name: str) -> bool:
    return "/" in name or os.sep in name


def _find(name: str) -> Path:
    if _is_path(name):
        path = Path(name).expanduser()
        if path.is_file():
            return path
        raise UserError(f"no model file {name}")
    for folder in _folders():
        for path in _candidates(folder, name):
            if path.is_file():
                return path
    known = _known()
    near = get_close_matches(name, known, n=1)
    hint = f"did you mean {near[0]}? " if near else ""
    raise UserError(
        f"no model {name!r}: {hint}the models here are {', '.join(known)}; "
        "give a path, or put the file into a folder and name that in $CURATE_MODELS"
    )


def _candidates(folder: Path, name: str) -> list[Path]:
    description = folder / f"{name}{_CARD}"
    described = [folder / Path(str(_read(description).get("file", ""))).name] if description.is_file() else []
    return [*described, *(folder / f"{name}{suffix}" for suffix in _SUFFIXES), folder / name]


def _known() -> list[str]:
    files = (path.name for folder in _folders() if folder.is_dir() for path in folder.iterdir())
    names = {file.removesuffix(suffix) for file in files for suffix in (_CARD, *_SUFFIXES) if file.endswith(suffix)}
    return sorted(names)


def _read(path: Path) -> dict[str, Any]:
    try:
        content = json.loads(path.read_bytes())
    except ValueError as error:
        raise UserError(f"model card {path} is not JSON: {error}") from None
    if not isinstance(content, dict):
        raise UserError(f"model card {path} is not a JSON object")
    return content


@lru_cache(maxsize=256)
def _hash(path: str, mtime_ns: int, size: int) -> str:
    with open(path, "rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
