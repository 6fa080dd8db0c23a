"""Bring a public model here: fetched or copied, checked, under its name only when whole, with a card beside it.

Where its publisher states no sha256, the first pull writes what came into the card, and a later one that differs is
refused. The card is sealed with its own sha256, so that the pin cannot change unseen.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import urllib.error
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from curate.download import Progress, fetch
from curate.errors import UserError
from curate.models.published import Published
from curate.models.registry import cache_folder, file_sha256
from curate.partial import Partial, explained
from curate.retry import Retry, Transient
from curate.storage import atomic_write, canonical
from curate.web import Refused

_INCOMING = ".incoming"
# The host of CCNet's models answers 403 for a file it does not have, which must not be waited on for minutes.
PATIENCE = Retry(retries=5)


@dataclass(frozen=True, slots=True)
class Pulled:
    """brought: False where the file was here already; checked: "published" or "first pull", what its sha256 is of."""

    name: str
    path: Path
    sha256: str
    size: int
    brought: bool
    checked: str


def pull_folder() -> Path:
    """$CURATE_MODELS, or else the user's cache."""
    named = os.environ.get("CURATE_MODELS")
    return Path(named) if named else cache_folder()


def pull(
    model: Published,
    *,
    source: Path | None = None,
    folder: Path | None = None,
    retry: Retry = PATIENCE,
    progress: Progress | None = None,
) -> Pulled:
    """Put `model` and its card into `folder` (default: `pull_folder()`); `source` is a copy that the user has.

    A download goes on where it stopped, also in another process. Raises UserError in one line, and leaves no file under
    the model's name that is not the right one: no network, refused, another sha256 than the published or pinned one,
    not of the model's format, disk full.
    """
    folder = folder or pull_folder()
    path = folder / model.file
    with explained(str(path)):
        (folder / _INCOMING).mkdir(parents=True, exist_ok=True)
    with _alone(folder / _INCOMING / f"{model.file}.lock", model.name):
        card = folder / f"{model.name}.card.json"
        pinned = _pinned(card)
        wanted = model.sha256 or pinned
        if source is None and path.is_file() and wanted and file_sha256(path) == wanted:
            if not pinned:
                _write_card(card, model, path, wanted)
            return _done(model, path, wanted, brought=False)
        if path.exists() and not pinned and not (source is not None and source.exists() and source.samefile(path)):
            raise UserError(f"{path} is there already and is not {model.name} as published: move it away first")
        staged = folder / _INCOMING / model.file
        if source is not None:
            origin = str(source)
            _copy(model, source, staged)
        else:
            origin = model.url
            _fetch(model, staged, retry, progress)
        try:
            found = _checked(model, staged, origin, wanted, card)
            _write_card(card, model, staged, found)
            with explained(str(path)):
                os.replace(staged, path)
        except UserError:
            _clear(staged)
            raise
        _clear(staged)
    return _done(model, path, found, brought=True)


def _clear(staged: Path) -> None:
    Partial(str(staged)).forget()
    staged.unlink(missing_ok=True)


def _done(model: Published, path: Path, sha256: str, brought: bool) -> Pulled:
    return Pulled(model.name, path, sha256, path.stat().st_size, brought, _checked_by(model))


def _checked_by(model: Published) -> str:
    return "published" if model.sha256 else "first pull"


def by_hand(model: Published) -> str:
    """How to bring the file where there is no network."""
    return f"or download {model.url} elsewhere and run `curate models pull {model.name} --from FILE`"


def _fetch(model: Published, staged: Path, retry: Retry, progress: Progress | None) -> None:
    if not model.url:
        raise UserError(
            f"{model.name} may not be downloaded freely ({model.licence}): get it as {model.documentation} says, "
            f"then run `curate models pull {model.name} --from FILE`"
        )
    try:
        fetch(model.url, str(staged), retry=retry, progress=progress, name=model.name)
    except UserError as error:
        if isinstance(error, Refused) or isinstance(error.__cause__, Transient | urllib.error.URLError):
            raise UserError(f"{error}; {by_hand(model)}") from error
        raise


def _copy(model: Published, source: Path, staged: Path) -> None:
    if not source.is_file():
        raise UserError(f"no file {str(source)!r} to take {model.name} from")
    try:
        with open(source, "rb") as stream, explained(str(staged)), atomic_write(str(staged)) as out:
            shutil.copyfileobj(stream, out, 1 << 20)
    except PermissionError as error:
        raise UserError(f"cannot read {str(source)!r}: {error.strerror}") from error


def _checked(model: Published, staged: Path, origin: str, wanted: str, card: Path) -> str:
    """sha256 of what came; UserError where it is not what it must be."""
    with open(staged, "rb") as stream:
        start = stream.read(len(model.begins))
    if start != model.begins:
        raise UserError(f"{origin} is not {model.name}: a file of that format does not begin with {start[:40]!r}")
    found = file_sha256(staged)
    if wanted and found != wanted:
        why = "its published sha256 is" if model.sha256 else f"{card} pinned, when it was pulled first,"
        mend = "" if model.sha256 else "; remove that card to accept the new one"
        raise UserError(f"{origin} has sha256 {found}, but {model.name} is refused: {why} {wanted}{mend}")
    return found


def _pinned(card: Path) -> str:
    """The sha256 that a card here pins; "" where there is none."""
    if not card.is_file():
        return ""
    try:
        written = json.loads(card.read_bytes())
        whole = written["seal"] == _seal(written)
        pin = str(written["sha256"])
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        whole, pin = False, ""
    if not whole:
        raise UserError(f"{card} is not as `curate models pull` wrote it: remove it and pull again")
    return pin


def _seal(card: dict[str, Any]) -> str:
    return hashlib.sha256(canonical({key: value for key, value in card.items() if key != "seal"})).hexdigest()


def _write_card(card: Path, model: Published, path: Path, sha256: str) -> None:
    described: dict[str, Any] = {
        "name": model.name,
        "file": model.file,
        "sha256": sha256,
        "sha256_from": _checked_by(model),
        "bytes": path.stat().st_size,
        "kind": model.kind,
        "languages": list(model.languages),
        "licence": model.licence,
        "origin": model.url or "the user's own copy",
        "documentation": model.documentation,
        "measured": {},
        **{key: value for key, value in (("role", model.role), ("positive", model.positive)) if value},
    }
    with explained(str(card)), atomic_write(str(card)) as out:
        out.write(canonical({**described, "seal": _seal(described)}))


@contextmanager
def _alone(lock: Path, name: str) -> Iterator[None]:
    """Two processes must not write the same partial file."""
    take = _locker()
    with explained(str(lock)):
        held = open(lock, "wb")  # noqa: SIM115
    with held:
        try:
            take(held.fileno())
        except OSError:
            raise UserError(f"another process is pulling {name} right now") from None
        yield


def _locker() -> Callable[[int], None]:
    try:
        import fcntl
    except ImportError:  # Windows has no fcntl
        return lambda descriptor: None
    return lambda descriptor: fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
