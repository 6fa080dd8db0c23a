"""A pipeline that failed for a reason the user can mend is told in one line, without the tracebacks Beam logs."""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager

import grpc

from curate.errors import UserError
from curate.trouble import GO_ON, explained

_MOST_HELD = 1_000


class _Held(logging.Handler):
    """Keeps records instead of printing them."""

    def __init__(self) -> None:
        super().__init__()
        self.records: deque[logging.LogRecord] = deque(maxlen=_MOST_HELD)

    def emit(self, record: logging.LogRecord) -> None:
        self.records.append(record)


def lost(error: BaseException, engine: str) -> UserError | None:
    """The one line for an engine that was lost, in the middle of a job or before; None for other failures."""
    if isinstance(error, grpc.RpcError | grpc.FutureTimeoutError):
        said = error.details() if isinstance(error, grpc.Call) else ""
        return UserError(f"{engine} was lost{f' ({said})' if said else ''}: start it again, then {GO_ON}")
    return None


@contextmanager
def told_in_one_line(hold: bool, engine: str) -> Iterator[None]:
    """Run a pipeline; raises UserError where the failure is the user's to mend, else what was raised.

    hold: what Beam logs is printed after the pipeline, and not at all where one line says it. In process, whatever is
    logged as an error is what ends the pipeline; a cluster tries again, so what it logs is printed as it comes.
    engine: what it runs on, for a message.
    """
    logger, held = logging.getLogger("apache_beam"), _Held()
    propagated = logger.propagate
    if hold:
        logger.addHandler(held)
        logger.propagate = False
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
            for record in () if quiet else held.records:
                logger.handle(record)
