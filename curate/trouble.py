"""Storage that fails in the middle of a run: which failures a user can mend, and the one line that says how.

A full disk, a folder that became read-only or an object store that went away is no defect of the program, and nothing
is lost: what was written is kept, and the same command goes on. Such a failure may come as an exception here, or as the
printed traceback of a worker elsewhere, which is all that a runner brings back.
"""

from __future__ import annotations

import errno
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager

from curate.errors import UserError

GO_ON = "the same command takes up where it stopped"
_ADVICE = {
    errno.ENOSPC: f"make room, then {GO_ON}",
    errno.EDQUOT: f"make room, then {GO_ON}",
    errno.EROFS: f"make it writable, then {GO_ON}",
    errno.EACCES: f"get the right to use it, then {GO_ON}",
    errno.EPERM: f"get the right to use it, then {GO_ON}",
    errno.EIO: f"mend the disk, then {GO_ON}",
    errno.ESTALE: f"mount it again, then {GO_ON}",
    errno.EMFILE: f"allow more open files (ulimit -n), then {GO_ON}",
    errno.ENFILE: f"allow more open files, then {GO_ON}",
    errno.ENOTDIR: "name another folder",
    errno.EISDIR: "name another folder",
    errno.ENAMETOOLONG: "name another folder",
}
_CLIENTS = ("botocore", "aiobotocore", "aiohttp", "aiohappyeyeballs", "gcsfs", "google", "azure", "adlfs")
"""Packages whose exceptions mean that an object store did not answer, or said no."""
_SHORT = 300

_RAISED = re.compile(r"(?m)^[ \t][^\n]*\n([A-Za-z_][\w.]{0,200}: [^\n]*)$")
"""What a traceback ends with: the exception, after the indented lines that led to it."""
_STATED = re.compile(r"(?:curate\.errors\.)?UserError: (.+)")
_NUMBERED = re.compile(r"\w{1,40}Error: \[Errno (\d{1,4})\] (.*)")
_CLIENT = re.compile(rf"(?:{'|'.join(_CLIENTS)})(?:\.\w{{1,80}}){{0,8}}\.(\w{{1,80}}: .*)")
_TEMPORARY = re.compile(r"\.tmp-[0-9-]{1,60}\Z")
_STEP = re.compile(r" \[while running '[^'\n]{1,500}'\]")
"""What Beam adds to a message; no user knows the names of steps."""


def explained(error: BaseException) -> UserError | None:
    """The one line for a failure that is the user's to mend, else None.

    Looks through what it was raised from and, last, into the text of a runner's own exception.
    """
    seen: list[BaseException] = []
    link: BaseException | None = error
    while link is not None and link not in seen:
        seen.append(link)
        link = link.__cause__
    for link in seen:
        if isinstance(link, UserError):
            return UserError(_STEP.sub("", str(link)))
    for link in seen:
        if isinstance(link, OSError) and (found := of_number(link.errno, str(link.filename or ""))):
            return found
        if type(link).__module__.split(".")[0] in _CLIENTS:
            return _of_client(f"{type(link).__name__}: {link}")
    return in_text(str(error)) if isinstance(error, RuntimeError) else None


def of_number(number: int | None, path: str) -> UserError | None:
    """The line for an errno that a user can mend. path: "" where it is not known."""
    advice = _ADVICE.get(number or 0)
    if advice is None:
        return None
    path = _TEMPORARY.sub("", path)
    return UserError(f"{f'{path}: ' if path else ''}{os.strerror(number or 0)}: {advice}")


def in_text(text: str) -> UserError | None:
    """The same from a worker's printed traceback, by the exception that it ends with, or from that one line."""
    raised = _RAISED.findall(text)
    last = _STEP.sub("", raised[-1] if raised else text.strip()).removeprefix("RuntimeError: ")
    if stated := _STATED.fullmatch(last):
        return UserError(stated[1])
    if numbered := _NUMBERED.fullmatch(last):
        path = re.search(r": '([^']{1,1000})'", numbered[2])
        return of_number(int(numbered[1]), path[1] if path else "")
    client = _CLIENT.fullmatch(last)
    return _of_client(client[1]) if client else None


def _of_client(said: str) -> UserError:
    line = " ".join(_STEP.sub("", said).split())[:_SHORT]
    return UserError(f"the object store failed: {line}; when it answers again, {GO_ON}")


@contextmanager
def writing(path: str) -> Iterator[None]:
    """Name the file in what fails while it is written: of a full disk, the system does not say where."""
    try:
        yield
    except OSError as error:
        found = None if error.filename else of_number(error.errno, path)
        if found is None:
            raise
        raise found from error
