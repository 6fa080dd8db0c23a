"""A download on disk: `NAME.partial` while it grows, `NAME` when it is whole, `NAME.source.json` on what it is of."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from typing import IO

from curate.errors import UserError
from curate.storage import BrokenSeal, read_sealed, write_sealed

_USERS_TROUBLE = frozenset(
    {errno.ENOSPC, errno.EDQUOT, errno.EACCES, errno.EPERM, errno.EROFS}
    | {errno.ENOTDIR, errno.EISDIR, errno.EEXIST, errno.ENAMETOOLONG}
)


@dataclass(frozen=True, slots=True)
class Origin:
    """What the bytes on disk are of. size: bytes, -1 unknown; condition: for If-Range, "" where resuming is unsafe."""

    version: str
    size: int
    condition: str


class Partial:
    """The three files of one download. The origin is written before the first byte, so bytes always have one."""

    def __init__(self, destination: str) -> None:
        self.destination = destination
        self.partial = f"{destination}.partial"
        self.record = f"{destination}.source.json"

    def origin(self) -> Origin | None:
        """The recorded origin; None where there is none that can be trusted."""
        try:
            record = read_sealed(self.record)
            return Origin(str(record["version"]), int(record["size"]), str(record["condition"]))
        except (OSError, BrokenSeal, KeyError, ValueError, TypeError):
            return None

    def complete(self, size: int, version: str) -> bool:
        """Is the whole file here, and is it the one asked for? -1 and "" leave size and version open."""
        origin = self.origin()
        if origin is None or not os.path.isfile(self.destination):
            return False
        here = os.path.getsize(self.destination)
        return here == origin.size and size in (-1, here) and version in ("", origin.version)

    def start(self, origin: Origin) -> None:
        """Begin from nothing: what was here before, whole or partial, is of another origin and goes first."""
        with explained(self.destination):
            os.makedirs(os.path.dirname(self.destination) or ".", exist_ok=True)
            self.forget()
            if os.path.exists(self.destination):
                os.unlink(self.destination)
            write_sealed(self.record, asdict(origin))

    def forget(self) -> None:
        """Drop what was fetched so far."""
        for path in (self.partial, self.record):
            if os.path.exists(path):
                os.unlink(path)

    def have(self) -> int:
        """Bytes that can be kept. At least one is left to fetch, so that the server confirms the origin."""
        origin = self.origin()
        if origin is None or not origin.condition or not os.path.isfile(self.partial):
            return 0
        here = os.path.getsize(self.partial)
        return min(here, max(0, origin.size - 1)) if origin.size >= 0 else here

    @contextmanager
    def open_at(self, offset: int) -> Iterator[IO[bytes]]:
        """Write from `offset` on; anything behind it is cut off."""
        with explained(self.destination):
            out = open(self.partial, "r+b" if offset else "wb")  # noqa: SIM115
        try:
            out.truncate(offset)
            out.seek(offset)
            yield out
        finally:
            with explained(self.destination):
                out.close()

    def finish(self, origin: Origin, size: int) -> None:
        """All `size` bytes are in `.partial`: put them under their name."""
        with explained(self.destination):
            with open(self.partial, "rb") as whole:
                os.fsync(whole.fileno())
            if origin.size != size:
                write_sealed(self.record, asdict(Origin(origin.version, size, origin.condition)))
            os.replace(self.partial, self.destination)


@contextmanager
def explained(path: str) -> Iterator[None]:
    """A full disk or a folder that may not be written to is one line, not a traceback."""
    try:
        yield
    except OSError as error:
        if error.errno in _USERS_TROUBLE:
            raise UserError(f"cannot write {path!r}: {error.strerror}; make room or choose another folder") from error
        raise
