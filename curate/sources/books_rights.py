"""From what a book says of its rights (dc:rights, a licence link) to an SPDX expression, where that is plain."""

from __future__ import annotations

import re

from curate.sources.gutenberg import COPYRIGHTED, PUBLIC_DOMAIN_US
from curate.text.spdx import is_expression

_CC_ADDRESS = re.compile(
    r"creativecommons\.org/(?:licenses/(by(?:-nc)?(?:-nd|-sa)?)/(\d\.\d)|publicdomain/(zero|mark)/1\.0)", re.IGNORECASE
)
_CC_NAME = re.compile(r"\bCC[ -](BY(?:-NC)?(?:-ND|-SA)?)[ -](\d\.\d)\b", re.IGNORECASE)
_CC_ZERO = re.compile(r"\bCC0\b(?:[ -]1\.0)?", re.IGNORECASE)
PUBLIC_DOMAIN = "CC-PDM-1.0"


def licence_of(rights: str) -> str:
    """The SPDX expression of a statement of rights; "" where it says none that is plain."""
    found = _CC_ADDRESS.search(rights)
    if found:
        if found[3]:
            return "CC0-1.0" if found[3].lower() == "zero" else PUBLIC_DOMAIN
        return f"CC-{found[1].upper()}-{found[2]}"
    if named := _CC_NAME.search(rights):
        return f"CC-{named[1].upper()}-{named[2]}"
    if _CC_ZERO.search(rights):
        return "CC0-1.0"
    lowered = rights.lower().strip(" .")
    if lowered.startswith("copyrighted. read the copyright notice inside"):
        return COPYRIGHTED
    if lowered.startswith("public domain in the us"):
        return PUBLIC_DOMAIN_US
    if lowered in ("public domain", "this work is in the public domain"):
        return PUBLIC_DOMAIN
    return rights.strip() if is_expression(rights.strip()) else ""
