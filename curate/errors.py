"""The two ways a run can meet trouble, kept apart.

A `UserError` is a mistake in what the user asked (a missing file, an unknown manifest key, a model that is not
there): the command line prints its one line and exits with status 2. Bad *data* is never an exception that leaves
a reader: readers yield `SetAside` and go on.
"""

from __future__ import annotations

from dataclasses import dataclass


class UserError(Exception):
    """A mistake the user can mend; the message is one line that says how."""


@dataclass(frozen=True, slots=True)
class SetAside:
    """A record that could not be read.

    file: the input file's key (see `curate.document.Document.file`); offset: bytes from the start of that file
    (of the compressed file where it is compressed); reason: a short snake_case name from the reader's enum;
    detail: what exactly was wrong, one line.
    """

    file: str
    offset: int
    reason: str
    detail: str
