"""Try again, later and later: exponential back-off with jitter for requests that may yet succeed."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from curate.errors import UserError

Result = TypeVar("Result")


class Transient(Exception):
    """A failure that may pass.

    retry_after: seconds the server asked for; reached: did any server answer?; status: of the HTTP answer, 0 without.
    """

    def __init__(self, why: str, *, retry_after: float | None = None, reached: bool = True, status: int = 0) -> None:
        super().__init__(why)
        self.status = status
        self.retry_after = retry_after
        self.reached = reached


def _quiet(line: str) -> None:
    del line


@dataclass(frozen=True, slots=True)
class Retry:
    """How patient to be.

    retries: further tries after the first, counted anew whenever a try made progress. CommonCrawl answers 403 and 503
        for minutes when it is overloaded and asks for many tries no more than one a second (status.commoncrawl.org);
        twelve retries wait about seven minutes in all.
    unreached: the same while no server has answered at all: without a network a user should know within seconds.
    first_wait, longest_wait: seconds; the k-th wait is first_wait * 2^(k-1), at most longest_wait, times a factor from
        [0.5, 1) drawn by `jitter` (a function that returns a number in [0, 1)).
    longest_retry_after: a server's Retry-After is honoured up to this many seconds.
    timeout: seconds without a byte before a connection is given up.
    say: is told in one line about every wait.
    """

    retries: int = 12
    unreached: int = 2
    first_wait: float = 1.0
    longest_wait: float = 60.0
    longest_retry_after: float = 600.0
    timeout: float = 60.0
    sleep: Callable[[float], None] = time.sleep
    jitter: Callable[[], float] = random.random
    say: Callable[[str], None] = _quiet

    def wait(self, failures: int, retry_after: float | None = None) -> float:
        """Seconds to wait after this many failures in a row (1 or more)."""
        backed_off = min(self.longest_wait, self.first_wait * 2.0 ** min(failures - 1, 60))
        asked = min(self.longest_retry_after, retry_after or 0.0)
        return max(backed_off * (0.5 + 0.5 * self.jitter()), asked)

    def run(self, what: str, action: Callable[[], Result], progressed: Callable[[], bool] = lambda: False) -> Result:
        """`action()`, tried again while it raises Transient; `progressed()` says whether the last try got further.

        Raises UserError in one line when patience ends; any other exception passes through at once.
        """
        failures = 0
        reached = False
        while True:
            try:
                return action()
            except Transient as trouble:
                if progressed():
                    failures = 0
                failures += 1
                reached = reached or trouble.reached
                if failures > (self.retries if reached else min(self.retries, self.unreached)):
                    advice = "run the same command again to go on" if reached else "check the network and the address"
                    tries = "1 try" if failures == 1 else f"{failures} tries"
                    raise UserError(f"could not get {what} after {tries}: {trouble}; {advice}") from trouble
                seconds = self.wait(failures, trouble.retry_after)
                self.say(f"{what}: {trouble}; trying again in {seconds:.0f} s")
                self.sleep(seconds)
