"""A paper's identifier, from the name of its file, and its address (https://info.arxiv.org/help/arxiv_identifier.html).

Since April 2007 an identifier is `YYMM.NNNN`, since 2015 `YYMM.NNNNN`; before it was `archive/YYMMNNN`, which a file's
name has without the stroke (`astro-ph0001001.gz`) or with its archive as the folder.
"""

from __future__ import annotations

import re
from typing import NamedTuple

ADDRESS = "https://arxiv.org/abs/"
ARCHIVES = frozenset(
    [
        "acc-phys",
        "adap-org",
        "alg-geom",
        "ao-sci",
        "astro-ph",
        "atom-ph",
        "bayes-an",
        "chao-dyn",
        "chem-ph",
        "cmp-lg",
        "comp-gas",
        "cond-mat",
        "cs",
        "dg-ga",
        "funct-an",
        "gr-qc",
        "hep-ex",
        "hep-lat",
        "hep-ph",
        "hep-th",
        "math",
        "math-ph",
        "mtrl-th",
        "nlin",
        "nucl-ex",
        "nucl-th",
        "patt-sol",
        "physics",
        "plasm-ph",
        "q-alg",
        "q-bio",
        "quant-ph",
        "solv-int",
        "supr-con",
    ]
)
_NEW = re.compile(r"(?<![0-9.])([0-9]{2}(?:0[1-9]|1[0-2])\.[0-9]{4,5})(v[0-9]{1,3})?(?![0-9])")
_OLD = re.compile(r"([a-z-]{2,10})(?:\.[A-Z]{2})?[/_-]?([0-9]{2}(?:0[1-9]|1[0-2])[0-9]{3})(v[0-9]{1,3})?(?![0-9])")


class PaperId(NamedTuple):
    """identifier: `2004.14974` or `astro-ph/0001001`; version: `v2`, or "" where the name has none."""

    identifier: str
    version: str

    @property
    def url(self) -> str:
        return ADDRESS + self.identifier


def paper_id(path: str) -> PaperId | None:
    """The identifier in the last two parts of a path, or None where there is none."""
    folder, _, name = path.rpartition("/")
    if found := _NEW.match(name):
        return PaperId(found[1], found[2] or "")
    for text in (name, f"{folder.rpartition('/')[2]}/{name}"):
        found = _OLD.match(text)
        if found and found[1] in ARCHIVES:
            return PaperId(f"{found[1]}/{found[2]}", found[3] or "")
    return None
