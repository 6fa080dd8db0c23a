"""SPDX licence expressions: whether one is well-formed, and whether a list of licences allows it.

Reading is `license-expression`'s (SPDX 2.3, annex D): AND, OR, WITH and parentheses, in any case. A licence that is
`WITH` an exception grants more than without, so allowing it alone allows both; `X+` grants X as well.
"""

from __future__ import annotations

from collections.abc import Sequence
from fnmatch import fnmatchcase
from functools import cache, lru_cache
from typing import Any

_MAX_EXPRESSION = 2_000
_SYMBOL_CHARACTERS = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-+:")


@cache
def _licensing() -> Any:
    from license_expression import get_spdx_licensing  # its table takes a moment to load

    return get_spdx_licensing()


@lru_cache(maxsize=65_536)
def parse(expression: str) -> Any:
    """The expression's tree, None where it is not well-formed or is empty."""
    if not expression.strip() or len(expression) > _MAX_EXPRESSION:
        return None
    try:
        tree = _licensing().parse(expression, validate=False)
    except Exception:  # the parser raises whatever it stumbles over: `()` is an IndexError
        return None
    if tree is None or not all(set(name) <= _SYMBOL_CHARACTERS for symbol in tree.symbols for name in _names(symbol)):
        return None
    return tree


def is_expression(text: str) -> bool:
    """Whether this is an expression of licences that SPDX lists, or of `LicenseRef-…`s."""
    tree = parse(text)
    return tree is not None and all(_is_known(name) for symbol in tree.symbols for name in _names(symbol))


def permitted(expression: str, allow: Sequence[str] | None, deny: Sequence[str] = ()) -> bool:
    """Whether the text may be used: some way to choose among the ORs has every licence allowed and none denied.

    allow, deny: SPDX names, with `*` and `?` for families (`BSD-*`), in any case; None allows whatever is not denied.
    An expression that is not well-formed is not permitted.
    """
    tree = parse(expression)
    if tree is None:
        return False
    return _holds(tree, None if allow is None else list(map(_pattern, allow)), list(map(_pattern, deny)))


@lru_cache(maxsize=4096)
def _pattern(name: str) -> str:
    """A licence as SPDX names it today (`GPL-2.0+` is `GPL-2.0-or-later`), a family as it stands, in lower case."""
    tree = None if "*" in name or "?" in name else parse(name)
    return (name if tree is None else str(tree)).lower()


def _holds(node: Any, allow: list[str] | None, deny: list[str]) -> bool:
    operator = str(getattr(node, "operator", "")).strip().upper()
    if operator in ("AND", "OR"):
        held = (_holds(part, allow, deny) for part in node.args)
        return all(held) if operator == "AND" else any(held)
    names = [*_names(node), str(node)]
    forms = {form for name in names for form in _forms(name)}
    licence = _forms(_names(node)[0]) | _forms(str(node))
    if any(fnmatchcase(form, pattern) for form in forms for pattern in deny):
        return False
    return allow is None or any(fnmatchcase(form, pattern) for form in licence for pattern in allow)


def _names(symbol: Any) -> list[str]:
    """The licence of a symbol, and its exception where it has one."""
    if hasattr(symbol, "license_symbol"):
        return [str(symbol.license_symbol), str(symbol.exception_symbol)]
    return [str(symbol)]


def _forms(name: str) -> set[str]:
    lowered = name.lower()
    return {lowered, lowered.removesuffix("+")} if lowered.endswith("+") else {lowered}


def _is_known(name: str) -> bool:
    if name.lower().startswith(("licenseref-", "documentref-")):
        return True
    known = _licensing().known_symbols
    return name in known or name.removesuffix("+") in known
