"""English-looking text with words of a subject in it, made up from a seed."""

from __future__ import annotations

import random
from collections.abc import Sequence

_PLAIN = """the of and to in that it was for on are with as his they at be this from have or by one had not but what
all were when we there can an your which their said if do will each about how up out them then she many some so
would""".split()  # noqa: SIM905


def prose(words: Sequence[str], seed: int, lines: int = 24) -> str:
    """Lines of twelve words, three of which are of these; lid.176 takes them for English."""
    rng = random.Random(seed)
    made = ([*rng.choices(_PLAIN, k=9), *rng.choices(words, k=3)] for _ in range(lines))
    return "\n".join(" ".join(rng.sample(line, len(line))).capitalize() + "." for line in made)
