"""The arithmetic of `{{#expr:}}` (https://www.mediawiki.org/wiki/Help:Extension:ParserFunctions), bounded.

Precedence climbs by a stack of operators, so depth costs no recursion; numbers are floats, as in PHP, and nothing is
raised beyond them.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable

MAX_TOKENS = 400
_TOKEN = re.compile(
    r"\s*(?:([0-9]+(?:\.[0-9]*)?(?:e[+-]?[0-9]{1,3})?|\.[0-9]+)|(<>|!=|<=|>=|[-+*/^()=<>])|([a-z]+))", re.IGNORECASE
)


class BadExpression(ValueError):
    """No expression, or one without a value."""


def _divide(a: float, b: float) -> float:
    if b == 0:
        raise BadExpression("division by zero")
    return a / b


def _modulo(a: float, b: float) -> float:
    if int(b) == 0:
        raise BadExpression("division by zero")
    return math.fmod(int(a), int(b))


def round_half_up(value: float, digits: int) -> float:
    """Rounded as PHP rounds, half away from zero, and not half to even."""
    if not -300 < digits < 15 or abs(value) > 1e15:
        return value
    scaled = abs(value) * 10.0**digits
    rounded = math.floor(scaled + 0.5 + 1e-9 * min(scaled, 1))
    return math.copysign(rounded / 10.0**digits, value) if rounded else 0.0


_BINARY: dict[str, tuple[int, Callable[[float, float], float]]] = {
    "or": (1, lambda a, b: float(bool(a) or bool(b))),
    "and": (2, lambda a, b: float(bool(a) and bool(b))),
    "=": (3, lambda a, b: float(a == b)),
    "<>": (3, lambda a, b: float(a != b)),
    "!=": (3, lambda a, b: float(a != b)),
    "<": (3, lambda a, b: float(a < b)),
    ">": (3, lambda a, b: float(a > b)),
    "<=": (3, lambda a, b: float(a <= b)),
    ">=": (3, lambda a, b: float(a >= b)),
    "round": (4, lambda a, b: round_half_up(a, int(b))),
    "+": (5, lambda a, b: a + b),
    "-": (5, lambda a, b: a - b),
    "*": (6, lambda a, b: a * b),
    "/": (6, _divide),
    "div": (6, _divide),
    "mod": (6, _modulo),
    "^": (8, lambda a, b: a**b),
}
_UNARY: dict[str, tuple[int, Callable[[float], float]]] = {
    "-": (9, lambda a: -a),
    "+": (9, lambda a: a),
    "not": (8, lambda a: float(not a)),
    "abs": (8, abs),
    "trunc": (8, lambda a: float(math.trunc(a))),
    "floor": (8, lambda a: float(math.floor(a))),
    "ceil": (8, lambda a: float(math.ceil(a))),
    "sqrt": (8, math.sqrt),
    "exp": (8, math.exp),
    "ln": (8, math.log),
    "sin": (8, math.sin),
    "cos": (8, math.cos),
    "tan": (8, math.tan),
}


def value_of(text: str) -> float:
    """The value of an expression; BadExpression where it has none."""
    values: list[float] = []
    operators: list[tuple[str, bool]] = []  # (operator, whether it takes one value)
    after_value = False
    at = count = 0
    text = text.strip()
    if not text:
        raise BadExpression("nothing")
    while at < len(text):
        found = _TOKEN.match(text, at)
        count += 1
        if found is None or count > MAX_TOKENS:
            raise BadExpression("no expression")
        at = found.end()
        word = (found[2] or found[3] or "").lower()
        if found[1] or word in ("pi", "e"):
            if after_value:
                raise BadExpression("two values")
            values.append(float(found[1]) if found[1] else math.pi if word == "pi" else math.e)
            after_value = True
        elif word == "(":
            if after_value:
                raise BadExpression("a value before a bracket")
            operators.append(("(", True))
        elif word == ")":
            if not after_value:
                raise BadExpression("nothing in brackets")
            while operators and operators[-1][0] != "(":
                _apply(values, operators.pop())
            if not operators:
                raise BadExpression("a bracket that closes nothing")
            operators.pop()
        elif after_value and word in _BINARY:
            level = _BINARY[word][0]
            while operators and operators[-1][0] != "(" and _level(operators[-1]) >= level:
                _apply(values, operators.pop())
            operators.append((word, False))
            after_value = False
        elif not after_value and word in _UNARY:
            operators.append((word, True))
        else:
            raise BadExpression(f"{word!r} out of place")
    if not after_value:
        raise BadExpression("no value at the end")
    while operators:
        _apply(values, operators.pop())
    if len(values) != 1 or not math.isfinite(values[0]):
        raise BadExpression("no number")
    return values[0]


def _level(operator: tuple[str, bool]) -> int:
    return _UNARY[operator[0]][0] if operator[1] else _BINARY[operator[0]][0]


def _apply(values: list[float], operator: tuple[str, bool]) -> None:
    try:
        if operator[0] == "(":
            raise BadExpression("a bracket without an end")
        if operator[1]:
            values.append(float(_UNARY[operator[0]][1](values.pop())))
        else:
            right, left = values.pop(), values.pop()
            result = _BINARY[operator[0]][1](left, right)
            if isinstance(result, complex):
                raise BadExpression("no real number")
            values.append(float(result))
    except (ArithmeticError, ValueError, IndexError) as error:
        raise BadExpression(str(error)) from None


def shown(value: float) -> str:
    """A number as PHP writes it: 14 digits, no ".0"."""
    if value == int(value) and abs(value) < 1e15:
        return str(int(value))
    return f"{value:.14g}".replace("e", "E")
