"""`{{convert|5|km|mi}}` as Wikipedia shows it: the value given, and in brackets what it is in other units.

Precision is Module:Convert's: as many digits as the input has, shifted by how much larger or smaller the number
becomes, and at least two that count (three of a temperature from absolute zero).
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass

from curate.sources.wikitext.arguments import Arguments
from curate.sources.wikitext.expression import round_half_up
from curate.sources.wikitext.numbers import parse, with_separators
from curate.sources.wikitext.rule import Rule, names
from curate.sources.wikitext.units import AMERICAN, FAMILIAR, PAIRS, Unit, find

_RANGES = {
    "-": "–", "–": "–", "to": " to ", "and": " and ", "or": " or ", "by": " by ", "x": " by ", "×": " × ", "xx": " × ",
    "to about": " to about ", "to(-)": " to ", "±": " ± ", "+/-": " ± ", "+": " + ", "&": " & ", "and(-)": " and ",
    "or(-)": " or ", ",": ", ", "to-": " to ", "x*": " × ", "*": " × ", "by(x)": " by ", "till": " till ",
    "-to-": " to ",
    "/": "/",
}  # fmt: skip
_FRACTION = re.compile(r"([+-]?)(?:([0-9]+)[ +])?([0-9]{1,6})(/{1,2}|⁄)([0-9]{1,6})")
_INLINE_RANGE = re.compile(r"([0-9][0-9.,]*)(-|–| to | and | by )([0-9][0-9.,]*)")
_THOUSANDS = re.compile(r"e([369])(.+)")
_WORDS = {3: "thousand", 6: "million", 9: "billion"}
_DIGITS = re.compile(r"([0-9]*)(\.?)([0-9]*)")


@dataclass(frozen=True, slots=True)
class _Number:
    value: float
    shown: str
    digits: float
    """Behind the decimal mark; negative for noughts before it that do not count."""


def _number(text: str) -> _Number | None:
    plain = text.strip().replace(",", "").replace("−", "-").replace("\u00a0", "")
    if found := _FRACTION.fullmatch(plain):
        sign, whole, above, slash, below = found.groups()
        if not int(below):
            return None
        value = int(whole or 0) + int(above) / int(below)
        bar = "/" if slash == "//" else "⁄"
        shown = f"{sign.replace('-', '−')}{whole + ' ' if whole else ''}{above}{bar}{below}"
        return _Number(-value if sign == "-" else value, shown, math.log10(int(below)))
    value_or_none = parse(plain)
    if value_or_none is None:
        return None
    found = _DIGITS.match(plain.lstrip("+-"))
    assert found is not None
    digits = len(found[3]) if found[2] else -(len(found[1]) - len(found[1].rstrip("0")))
    if value_or_none == 0 and not found[2]:
        digits = 0
    sign = "−" if plain.startswith("-") else ""
    return _Number(value_or_none, sign + with_separators(plain.lstrip("+-"), "en"), digits)


def _default_digits(number: _Number, result: float, unit: Unit, target: Unit) -> int:
    if unit.kind == "temperature":
        kelvin = abs(number.value * unit.size + unit.offset)
        least = 2 - math.floor(math.log10(kelvin) + 1e-14) if kelvin > 1e-8 else 2
        return max(math.floor(number.digits), least)
    if not number.value or not result:
        return 0
    if target.sign == "ft" and number.value == int(number.value):  # the module's "integer_more_precision"
        shift = -math.log10(unit.size) + math.log10(2)
    else:
        shift = math.log10(abs(number.value / result)) + math.log10(2)
    least = 1 - math.floor(math.log10(abs(result)) + 1e-14)
    return max(math.floor(number.digits + shift), least)


def _converted(value: float, unit: Unit, target: Unit) -> float:
    return (value * unit.size + unit.offset - target.offset) / target.size


def _written(value: float, digits: int) -> str:
    rounded = round_half_up(value, digits)
    text = f"{abs(rounded):.{max(digits, 0)}f}"
    return ("−" if rounded < 0 else "") + with_separators(text, "en")


class _Wish:
    """What the arguments ask for."""

    def __init__(self, arguments: Arguments, cvt: bool) -> None:
        self.american = arguments["sp"].lower() == "us"
        self.adjective = arguments["adj"].lower() in ("on", "mid", "pre", "1") or arguments["sing"].lower() == "on"
        self.middle = arguments["adj"].lower() == "mid"
        self.before = arguments["adj"].lower() == "pre"
        self.flipped = arguments["order"].lower() == "flip" or arguments["disp"].lower() == "flip"
        self.how = arguments["disp"].lower()
        short = arguments["abbr"].lower() or ("on" if cvt else "")
        self.short_in = short in ("on", "in", "values", "comma") or (short == "unit")
        self.short_out = short not in ("off", "none", "in")
        self.values_only = short == "values"
        self.significant = parse(arguments["sigfig"]) if arguments["sigfig"] else None
        step = arguments["round"] or arguments["near"]
        self.step = {"5": 5.0, "10": 10.0, "25": 25.0, "50": 50.0, "0.5": 0.5, "each": None}.get(step)


def _unit_text(unit: Unit, number: str, wish: _Wish, short: bool, adjective: bool) -> str:
    """The unit with what parts it from its number."""
    if unit.sign in FAMILIAR:
        return f" {unit.sign}"
    if short:
        return unit.sign if unit.sign[0] == "/" else f" {unit.sign}"
    name = unit.one if adjective or number in ("1", "−1") or ("⁄" in number and " " not in number) else unit.many
    if wish.american:
        for british, american in AMERICAN:
            name = name.replace(british, american)
    return f"-{name.replace(' ', '-')}" if adjective else f" {name}"


def _outputs(code: str) -> list[list[Unit]] | None:
    """Each output as its units: two for feet and inches. None where one of them is not known here."""
    found: list[list[Unit]] = []
    whole = find(code)
    for part in [code] if whole or code in PAIRS else code.replace("+", " ").split():
        units = [find(each) for each in PAIRS.get(part, (part,))]
        if None in units:
            return None
        found.append([unit for unit in units if unit is not None])
    # "ft in" means both at once.
    if len(found) == 2 and [u[0].sign for u in found] in (["ft", "in"], ["st", "lb"], ["lb", "oz"]):
        return [[found[0][0], found[1][0]]]
    return found


def _pair(value: float, big: Unit, small: Unit, digits: int) -> str:
    per = round(big.size / small.size)
    total = round_half_up(value * per, max(digits, 0))
    whole, rest = divmod(total, per)
    tail = _written(rest, max(digits, 0))
    return f"{int(whole):,} {big.sign} {tail} {small.sign}"


def _convert(arguments: Arguments, cvt: bool) -> str | None:
    parts = arguments.list()
    numbers: list[_Number] = []
    links: list[str] = []
    place = 0
    if not parts:
        return None
    if found := _INLINE_RANGE.fullmatch(parts[0].strip()):
        parts = [found[1], found[2].strip(), found[3], *parts[1:]]
    while place < len(parts):
        number = _number(parts[place])
        if number is None:
            break
        numbers.append(number)
        place += 1
        if place + 1 < len(parts) and parts[place] in _RANGES and _number(parts[place + 1]) is not None:
            links.append(parts[place])
            place += 1
        else:
            break
    if not numbers or place >= len(parts) or len(numbers) != len(links) + 1:
        return None
    many = _THOUSANDS.fullmatch(parts[place])
    unit = find(many[2] if many else parts[place])
    if unit is None:
        return None
    if many and len(numbers) == 1:
        return _thousands(numbers[0], int(many[1]), unit, parts[place + 1 :], _Wish(arguments, cvt))
    place += 1
    wish = _Wish(arguments, cvt)
    # `|6|ft|2|in|`: one measure in two units.
    second: _Number | None = None
    if len(numbers) == 1 and place + 1 < len(parts) and (second := _number(parts[place])) is not None:
        smaller = find(parts[place + 1])
        if smaller is not None and smaller.kind == unit.kind and smaller.size < unit.size:
            return _two_units(numbers[0], unit, second, smaller, parts[place + 2 :], wish)
    code = ""
    if place < len(parts) and _number(parts[place]) is None:
        code = parts[place].strip()
        place += 1
    digits = None
    if place < len(parts) and (given := _number(parts[place])) is not None:
        digits = max(-15, min(int(given.value), 12))
    if not code:
        code = unit.becomes
        if unit.sign == "m" and 0 < numbers[0].value < 3:
            code = "ftin"
    targets = _outputs(code)
    if targets is None or any(target.kind != unit.kind for pair in targets for target in pair):
        return None
    return _phrase(numbers, links, unit, targets, digits, wish, arguments)


def _thousands(number: _Number, power: int, unit: Unit, rest: list[str], wish: _Wish) -> str | None:
    """`{{convert|22|e6acre|km2}}`: 22 million acres (89,000 km²)."""
    code = rest[0] if rest and _number(rest[0]) is None else unit.becomes
    given = _number(rest[-1]) if rest else None
    many = _THOUSANDS.fullmatch(code)
    targets = _outputs(many[2] if many else code)
    if targets is None or any(pair[0].kind != unit.kind or len(pair) > 1 for pair in targets):
        return None
    whole = _Number(number.value * 10.0**power, "", number.digits - power)
    others = []
    for (target,) in targets:
        value = _converted(whole.value, unit, target)
        word = ""
        if many:
            value, word = value / 10.0 ** int(many[1]), f" {_WORDS[int(many[1])]}"
        scaled = _Number(value, "", 0) if many else whole
        digits = int(given.value) if given else _default_digits(number if many else whole, value, unit, target)
        if many and not given:
            digits = max(0, 1 - math.floor(math.log10(abs(value)) + 1e-14)) if scaled.value else 0
        others.append(f"{_written(value, digits)}{word}{_unit_text(target, '2', wish, wish.short_out, False)}")
    first = f"{number.shown}{'-' if wish.adjective else ' '}{_WORDS[power]}"
    first += _unit_text(unit, "2", wish, wish.short_in, wish.adjective and not wish.short_in)
    return f"{first} ({'; '.join(others)})"


def _phrase(
    numbers: list[_Number], links: list[str], unit: Unit, targets: list[list[Unit]], digits: int | None, wish: _Wish,
    arguments: Arguments,
) -> str:  # fmt: skip
    crossed = bool(links) and links[0] in ("x", "×", "xx")

    def given(short: bool) -> str:
        adjective = wish.adjective and not short
        shown = [number.shown for number in numbers]
        text = _ranged(shown, links, unit if crossed else None, short, adjective)
        return text + _unit_text(unit, shown[-1], wish, short, adjective)

    def into(pair: list[Unit], short: bool, adjective: bool) -> str:
        target = pair[0]
        values = [_converted(number.value, unit, target) for number in numbers]
        if len(pair) == 2:
            least = [_pair(value, pair[0], pair[1], digits or 0) for value in values]
            return _ranged(least, links, None, short)
        shown = [
            _rounded(number, value, unit, target, digits, wish) for number, value in zip(numbers, values, strict=True)
        ]
        text = _ranged(shown, links, target if crossed else None, short)
        return text + _unit_text(target, shown[-1], wish, short, adjective)

    if wish.how in ("out", "output only"):
        return into(targets[0], wish.short_out, False)
    if wish.how in ("output number only", "number"):
        return into(targets[0], True, False).rpartition(" ")[0]
    if wish.how == "unit":
        return _unit_text(unit, numbers[-1].shown, wish, wish.short_in, wish.adjective).strip()
    if wish.how == "unit2":
        return _unit_text(targets[0][0], "2", wish, True, False).strip()
    if wish.flipped:
        first = into(targets[0], wish.short_in, wish.adjective and not wish.short_in)
        others = [given(wish.short_out), *(into(pair, wish.short_out, False) for pair in targets[1:])]
    else:
        first = given(wish.short_in)
        others = [into(pair, wish.short_out, False) for pair in targets]
    if wish.middle and arguments["adj"] and len(arguments.list()) > 0:
        first += _middle(arguments)
    other = "; ".join(others)
    if wish.how in ("or", "slash", "s", "/"):
        return f"{first} or {other}" if wish.how == "or" else f"{first} / {other}"
    if wish.how in ("comma", ","):
        return f"{first}, {other}"
    if wish.how in ("sqbr",):
        return f"{first} [{other}]"
    if wish.how in ("br", "br()"):
        return f"{first} ({other})"
    return f"{first} ({other})"


def _middle(arguments: Arguments) -> str:
    """`adj=mid|-long`: a word behind the first unit."""
    last = arguments.list()[-1]
    return last if last[:1] == "-" and last[1:2].isalpha() else ""


def _ranged(shown: list[str], links: list[str], repeated: Unit | None, short: bool, hyphens: bool = False) -> str:
    text = shown[0]
    for link, number in zip(links, shown[1:], strict=True):
        joint = _RANGES[link]
        if repeated is not None:  # 5 m × 6 m
            text += (f" {repeated.sign}" if short or link != "x" else "") + (" × " if short or link != "x" else joint)
        else:
            text += "-to-" if hyphens and link == "to" else joint
        text += number
    return text


def _rounded(number: _Number, value: float, unit: Unit, target: Unit, digits: int | None, wish: _Wish) -> str:
    if wish.significant and value:
        return _written(value, int(wish.significant) - 1 - math.floor(math.log10(abs(value)) + 1e-14))
    if wish.step:
        return _written(round_half_up(value / wish.step, 0) * wish.step, 1 if wish.step == 0.5 else 0)
    return _written(value, _default_digits(number, value, unit, target) if digits is None else digits)


def _two_units(first: _Number, unit: Unit, second: _Number, smaller: Unit, rest: list[str], wish: _Wish) -> str | None:
    code = (
        rest[0]
        if rest and _number(rest[0]) is None
        else ("m" if unit.sign == "ft" else "kg" if unit.kind == "mass" else "")
    )
    given_digits = next((number for part in rest[:2] if (number := _number(part)) is not None), None)
    target = find(code)
    if target is None or target.kind != unit.kind:
        return None
    value = (first.value * unit.size + second.value * smaller.size) / target.size
    total = first.value * unit.size / smaller.size + second.value
    as_small = _Number(total, "", max(second.digits, 0))
    digits = int(given_digits.value) if given_digits else _default_digits(as_small, value, smaller, target)
    if given_digits is None and target.sign == "m":
        digits = 2
    short = wish.short_in
    head = first.shown + _unit_text(unit, first.shown, wish, short, wish.adjective and not short)
    joint = "-" if wish.adjective and not short else " "
    tail = second.shown + _unit_text(smaller, second.shown, wish, short, wish.adjective and not short)
    shown = _written(value, digits)
    return f"{head}{joint}{tail} ({shown}{_unit_text(target, shown, wish, wish.short_out, False)})"


def _shown(arguments: Arguments, cvt: bool) -> str | None:
    """The conversion; where units are not known here, the value with its unit as they were given."""
    try:
        shown = _convert(arguments, cvt)
    except (OverflowError, ValueError):
        shown = None
    if shown is not None:
        return shown
    parts = arguments.list()
    kept = parts[:4] if len(parts) > 2 and parts[1] in _RANGES else parts[:2]
    return " ".join(_RANGES.get(part, part).strip() for part in kept).strip() or None


RULES: dict[str, Rule] = {
    **names(
        "convert|converti|convertir|conversion|conversie|convertar|converter|omregn|konvertera|converteix|convert2|"
        "conversió|preračunaj|convert-aus|převod|muunna",
        lambda a, c: _shown(a, False),
    ),
    "cvt": lambda a, c: _shown(a, True),
}
