"""How deep a page's elements can be nested, from its bytes at once: a bound that clears nearly every page cheaply.

Counting +1 for a start tag and -1 for an end tag gives the depth of a page whose tags match. End tags that match
nothing would hide depth, so they are counted by name and added. The bound can be short of the true depth where end
tags of inline elements are ignored, which is why callers compare it with far less than what they can bear.

Cost: about 0.1 ms for a page of 60 KB.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

_WIDTH = 8
_NAME_BYTES = np.zeros(256, bool)
_NAME_BYTES[[*b"abcdefghijklmnopqrstuvwxyz0123456789-:"]] = True
_LETTERS = np.zeros(256, bool)
_LETTERS[[*b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"]] = True
_LOWER_CASE = np.uint64(0x2020202020202020)
"""Or-ed to a name: capitals become small, and the bytes that end a name become none that continue one."""

# Names of eight letters or more whose first eight bytes no other known name shares; others may hide behind a prefix.
_LONG = ["blockquote", "fieldset", "figcaption", "textarea", "frameset", "noscript", "template", "optgroup", "colgroup"]
_LONG += ["clippath", "lineargradient", "polyline", "progress", "fecolormatrix", "fecomposite", "fecomponenttransfer"]


def _packed(names: list[str]) -> NDArray[np.uint64]:
    rows = [name.encode()[:_WIDTH].ljust(_WIDTH, b"\0") for name in names]
    return np.sort(np.frombuffer(b"".join(rows), "<u8"))


_KNOWN_LONG = _packed(_LONG)


def _among(values: NDArray[np.uint64], known: NDArray[np.uint64]) -> NDArray[np.bool_]:
    """Which values are among a few sorted ones (np.isin sorts both, which costs more here)."""
    return np.asarray(known[np.minimum(np.searchsorted(known, values), len(known) - 1)] == values)


def flat_names(names: frozenset[str]) -> NDArray[np.uint64]:
    """Names of elements that do not make a page deep, as `depth_bound` takes them."""
    return _packed(sorted(names))


def depth_bound(html: str, flat: NDArray[np.uint64]) -> int:
    """About how deep the elements of a page can be nested; too high where many long names are not known here."""
    padded = html.encode("utf-8", "replace") + b" " * (_WIDTH + 2)
    data = np.frombuffer(padded, np.uint8)
    at = np.flatnonzero(data[: -_WIDTH - 2] == ord("<")) + 1
    closing = data[at] == ord("/")
    at = at + closing
    is_tag = _LETTERS[data[at]]
    at, closing = at[is_tag], closing[is_tag]
    if len(at) == 0:
        return 0
    eight = np.ndarray((len(padded) - _WIDTH + 1,), "<u8", padded, strides=(1,))
    name = eight[at] | _LOWER_CASE
    inside = np.ones(len(name), bool)
    for place in range(1, _WIDTH):
        inside &= _NAME_BYTES[(name >> np.uint64(8 * place)).astype(np.uint8)]
        name = np.where(inside, name, name & np.uint64((1 << (8 * place)) - 1))
    # A long name may be any that begins like it: its end tags are taken to close nothing.
    unknown = inside & ~_among(name, _KNOWN_LONG)
    nesting = ~_among(name, flat) & ~(unknown & closing)
    name, step = name[nesting], np.where(closing[nesting], -1, 1)
    if len(name) == 0:
        return 0
    running = np.cumsum(step)
    depth = int((running - np.minimum.accumulate(np.minimum(running, 0))).max())
    order = np.argsort(name, kind="stable")
    by_name, grouped = name[order], np.cumsum(step[order])
    first = np.flatnonzero(np.concatenate([[True], by_name[1:] != by_name[:-1]]))
    before = np.concatenate([[0], grouped])[first]
    unmatched = int(np.maximum(before - np.minimum.reduceat(grouped, first), 0).sum())
    return depth + unmatched
