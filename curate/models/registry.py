"""Models by name: where they lie, what they are, and whether they are the ones that were asked for.

A reference is the name of a model (`kenlm-en`) or a path, with `@sha256:<64 hex digits>` after it to pin the bytes.
Names are looked up in the folder $CURATE_MODELS, then among the models that come with the package, then among those
that `curate models pull` put into the user's cache.
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
from curate.models.published import catalogue

_PIN = "@sha256:"
_CARD = ".card.json"
_SUFFIXES = (".model", ".binary", ".arpa.bin", ".bin", ".ftz", ".tiktoken", ".safetensors")


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
    path = locate(name)
    found = file_sha256(path)
    if pinned and found != wanted:
        advice = "bring that file, or pin this one"
        raise UserError(f"model {name} ({path}) has sha256 {found}, but the reference pins {wanted}: {advice}")
    return ModelFile(name, path, found)


def file_sha256(path: Path) -> str:
    """sha256 of a file, read once in a process as long as its size and time of change stay the same."""
    status = path.stat()
    return _hash(str(path.resolve()), status.st_mtime_ns, status.st_size)


def cards() -> list[dict[str, Any]]:
    """The cards of every model that can be named, by name; of several with one name that of the one it means."""
    found: dict[str, dict[str, Any]] = {}
    for folder in folders():
        for path in sorted(folder.glob(f"*{_CARD}")):
            found.setdefault(path.name.removesuffix(_CARD), read_card(path))
    return [found[name] for name in sorted(found)]


def card(name: str) -> dict[str, Any] | None:
    """The card of a model by its name (a pin after it is ignored), or None where it has none."""
    name = name.partition(_PIN)[0]
    for folder in folders():
        path = folder / f"{name}{_CARD}"
        if not _is_path(name) and path.is_file():
            return read_card(path)
    return None


def folders() -> list[Path]:
    """Where names are looked up, in this order; they need not exist.

    The package comes before the cache, so that a pull never changes what the name of a shipped model means.
    """
    named = os.environ.get("CURATE_MODELS")
    return ([Path(named)] if named else []) + [DEFAULT_FOLDER, cache_folder()]


def cache_folder() -> Path:
    """`curate/models` in $XDG_CACHE_HOME, which is ~/.cache where it is not set."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path("~/.cache").expanduser()) / "curate" / "models"


def _is_path(name: str) -> bool:
    return "/" in name or os.sep in name


def locate(name: str) -> Path:
    """The file of a name or path (without a pin), not read; UserError when it is not there."""
    if _is_path(name):
        path = Path(name).expanduser()
        if path.is_file():
            return path
        raise UserError(f"no model file {name}")
    for folder in folders():
        for path in _candidates(folder, name):
            if path.is_file():
                return path
    names = known()
    near = get_close_matches(name, names, n=1)
    hint = f"did you mean {near[0]}? " if near else ""
    if name in catalogue():
        hint = f"`curate models pull {name}` brings it; "
    raise UserError(
        f"no model {name!r}: {hint}the models here are {', '.join(names)}; "
        "give a path, or put the file into a folder and name that in $CURATE_MODELS"
    )


def _candidates(folder: Path, name: str) -> list[Path]:
    description = folder / f"{name}{_CARD}"
    described = [folder / Path(str(read_card(description).get("file", ""))).name] if description.is_file() else []
    guessed = (folder / f"{name}{suffix}" for suffix in _SUFFIXES)
    return [*described, *(path for path in guessed if not _named_whole(path)), folder / name]


def _named_whole(path: Path) -> bool:
    """Is there a card under the file's whole name? Then `lid.176.bin` is a model of that name, and not `lid.176`."""
    return path.with_name(f"{path.name}{_CARD}").is_file()


def known() -> list[str]:
    """Every name that may be asked for, sorted; a card may be there whose file is not."""
    paths = [path for folder in folders() if folder.is_dir() for path in folder.iterdir()]
    names = {path.name.removesuffix(_CARD) for path in paths if path.name.endswith(_CARD)}
    for path in paths:
        if not _named_whole(path):
            names |= {path.name.removesuffix(suffix) for suffix in _SUFFIXES if path.name.endswith(suffix)}
    return sorted(names)


def read_card(path: Path) -> dict[str, Any]:
    """What a card file says; UserError where it is not a JSON object."""
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
