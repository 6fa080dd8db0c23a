"""A pipeline that failed for a reason the user can mend is told in one line, without the tracebacks Beam logs."""

from __future__ import annotations

import logging
import re
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager

import grpc

from curate.errors import UserError
from curate.trouble import GO_ON, explained

_MOST_HELD = 1_000
_REFUSED = re.compile(r"ConnectException: [^\n]{0,200}Connection refused: (?:[^\s/]{0,200}/)?(\S{1,100}:\d{1,5})")
"""What an executor says of the pool of SDK workers that it cannot reach."""
_NO_SPARK = re.compile(
    r"All masters are unresponsive|Master removed our application|stopped SparkContext"
    r"|SparkContext (?:was|has been) shut ?down"
)

_OTHER_VERSION = re.compile(
    r"Can't get attribute '\w{1,100}' on <module '(?:curate|filters|pipelines)\b"
    r"|No module named '(?:curate|filters|pipelines)\b"
)


class _Held(logging.Handler):
    """Keeps records instead of printing them."""

    def __init__(self) -> None:
        super().__init__()
        self.records: deque[logging.LogRecord] = deque(maxlen=_MOST_HELD)

    def emit(self, record: logging.LogRecord) -> None:
        self.records.append(record)

    def keep(self, record: logging.LogRecord) -> bool:
        """As a filter: errors are kept, the rest passes."""
        if record.levelno >= logging.ERROR:
            self.records.append(record)
        return record.levelno < logging.ERROR


def lost(error: BaseException, engine: str) -> UserError | None:
    """The one line for an engine, or its workers, lost in the middle of a job or before; None for other failures."""
    if isinstance(error, grpc.RpcError | grpc.FutureTimeoutError):
        said = error.details() if isinstance(error, grpc.Call) else ""
        return UserError(f"{engine} was lost{f' ({said})' if said else ''}: start it again, then {GO_ON}")
    if not isinstance(error, RuntimeError):
        return None
    if _OTHER_VERSION.search(str(error)):
        return UserError(
            f"{engine}: its workers have no curate, or another version: install this one there, then {GO_ON}"
        )
    if refused := _REFUSED.search(str(error)):
        return UserError(f"{engine}: no SDK workers can be had at {refused[1]}: start their pool again, then {GO_ON}")
    if gone := _NO_SPARK.search(str(error)):
        return UserError(f"{engine} was lost ({gone[0]}): start it again, then {GO_ON}")
    return None


@contextmanager
def told_in_one_line(hold: bool, engine: str) -> Iterator[None]:
    """Run a pipeline; raises UserError where the failure is the user's to mend, else what was raised.

    hold: what Beam logs is printed after the pipeline, and not at all where one line says it. In process, whatever is
    logged as an error is what ends the pipeline; a cluster tries again, so what it logs is printed as it comes, but for
    the errors of a job, which Beam logs by no name.
    engine: what it runs on, for a message.
    """
    root, logger, held = logging.getLogger(), logging.getLogger("apache_beam"), _Held()
    propagated, keep = logger.propagate, held.keep
    if hold:
        logger.addHandler(held)
        logger.propagate = False
    else:
        root.addFilter(keep)
    quiet = False
    try:
        yield
    except Exception as error:
        line = explained(error) or (None if hold else lost(error, engine))
        if line is None:
            raise
        quiet = True
        raise line from error
    finally:
        if hold:
            logger.removeHandler(held)
            logger.propagate = propagated
        else:
            root.removeFilter(keep)
        for record in () if quiet else held.records:
            (logger if hold else root).handle(record)
