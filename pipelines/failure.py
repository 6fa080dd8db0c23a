"""A pipeline that failed for a reason the user can mend is told in one line, without the tracebacks Beam logs."""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager

from curate.trouble import explained

_MOST_HELD = 1_000


class _Held(logging.Handler):
    """Keeps records instead of printing them."""

    def __init__(self) -> None:
        super().__init__()
        self.records: deque[logging.LogRecord] = deque(maxlen=_MOST_HELD)

    def emit(self, record: logging.LogRecord) -> None:
        self.records.append(record)


@contextmanager
def told_in_one_line(hold: bool) -> Iterator[None]:
    """Run a pipeline; raises UserError where the failure is the user's to mend, else what was raised.

    hold: what Beam logs is printed after the pipeline, and not at all where one line says it. In process, whatever is
    logged as an error is what ends the pipeline; a cluster tries again, so what it logs is printed as it comes.
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
        line = explained(error)
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
