"""Numbers, money and measured values: `{{val|…}}`, `{{formatnum:…}}`'s relatives, `{{coord|…}}`, `{{ordinal|…}}`."""

from __future__ import annotations

from curate.sources.wikitext.arguments import Arguments
from curate.sources.wikitext.context import Context
from curate.sources.wikitext.numbers import parse, with_separators
from curate.sources.wikitext.rule import Rule, names
from curate.sources.wikitext.scripts import raised

_COMPASS = frozenset("NSEWOL")


def _power(exponent: str) -> str:
    return "10" + raised(exponent.replace("-", "−"))


def _value(arguments: Arguments, context: Context) -> str | None:
    """`{{val|1.23|0.05|e=6|u=km}}`: 1.23±0.05 × 10⁶ km; two errors are +above −below."""
    number, plus, minus = arguments[1], arguments[2], arguments[3]
    exponent = arguments.get("e", "10")
    unit = arguments.get("u", "ul")
    per = arguments.get("up", "upl")
    if not number and not exponent:
        return None
    shown = with_separators(number, "en") if arguments["fmt"] == "commas" else number.replace("-", "−", 1)
    if plus and minus:
        shown += f"+{plus.lstrip('+')} −{minus.lstrip('-−')}"
    elif plus:
        shown += plus if plus.startswith("(") else f"±{plus}"
    if exponent:
        if plus and not plus.startswith("("):
            shown = f"({shown})"
        shown = f"{shown} × {_power(exponent)}" if number else _power(exponent)
    space = "" if unit[:1] in ("%", "°") and unit != "°C" and unit != "°F" else " "
    tail = (f"{space}{unit}" if unit else "") + (f"/{per}" if per else "")
    return arguments["p"] + shown + tail + arguments["s"]


def _exponent(arguments: Arguments, context: Context) -> str:
    """`{{e|5}}`: × 10⁵, as `{{esp|5}}`."""
    return f" × {_power(arguments[1])}" if arguments[1] else ""


def _ordinal(arguments: Arguments, context: Context) -> str | None:
    number = arguments[1]
    if not number.isascii() or not number.isdigit():
        return number or None
    if context.language not in ("en", "simple"):
        return number
    last = number[-1] if number[-2:-1] != "1" else "0"
    return number + {"1": "st", "2": "nd", "3": "rd"}.get(last, "th")


def _grouped(arguments: Arguments, context: Context) -> str | None:
    """A number with separators, and a unit after it where one is given."""
    number = arguments[1]
    if not number:
        return None
    return " ".join(filter(None, (with_separators(number, context.language), arguments[2])))


def _coordinates(arguments: Arguments, context: Context) -> str | None:
    """`{{coord|57|18|22|N|4|27|32|W}}`: where it shows in the line and not only beside the title."""
    display = arguments["display"].lower() or "inline"
    if "inline" not in display and display not in ("i", "it", "ti"):
        return ""
    parts = arguments.list()
    groups: list[list[str]] = [[]]
    for part in parts:
        if part.upper() in _COMPASS and groups[-1]:
            groups[-1].append(part.upper())
            groups.append([])
        elif parse(part) is not None:
            groups[-1].append(part)
        else:
            break
    sides = [group for group in groups if group and group[-1] in _COMPASS and len(group) <= 4]
    if len(sides) == 2:
        return " ".join("".join(n + m for n, m in zip(side[:-1], "°′″", strict=False)) + side[-1] for side in sides)
    numbers = groups[0]
    if len(numbers) >= 2 and not sides:
        north, east = numbers[0], numbers[1]
        sides_of = ("S" if north.startswith("-") else "N", "W" if east.startswith("-") else "E")
        return f"{north.lstrip('-')}°{sides_of[0]} {east.lstrip('-')}°{sides_of[1]}"
    return None


def _height(arguments: Arguments, context: Context) -> str | None:
    """`{{height|ft=6|in=2}}`, `{{height|m=1.88}}`."""
    feet, inches, metres, centimetres = (parse(arguments[key]) for key in ("ft", "in", "m", "cm"))
    if feet is not None or inches is not None:
        total = (feet or 0) * 12 + (inches or 0)
        text = " ".join(f"{arguments[key]} {key}" for key in ("ft", "in") if arguments[key])
        return f"{text} ({total * 0.0254:.2f} m)"
    if metres is None and centimetres is not None:
        metres = centimetres / 100
    if metres is None:
        return None
    shown = f"{arguments['m']} m" if arguments["m"] else f"{arguments['cm']} cm"
    total_inches = round(metres / 0.0254)
    return f"{shown} ({total_inches // 12} ft {total_inches % 12} in)"


def _percentage(arguments: Arguments, context: Context) -> str | None:
    share, whole = parse(arguments[1]), parse(arguments[2])
    digits = parse(arguments[3] or "0")
    if share is None or not whole or digits is None or not 0 <= digits <= 10:
        return None
    return f"{100 * share / whole:.{int(digits)}f}%"


def _currency(arguments: Arguments, context: Context) -> str | None:
    amount, code = arguments.get("1", "amount"), arguments.get("2", "type").upper()
    sign = {"USD": "US$", "GBP": "£", "EUR": "€", "JPY": "¥", "INR": "₹", "CAD": "CA$", "AUD": "A$", "": "US$"}.get(
        code
    )
    return f"{sign}{amount}" if amount and sign else f"{amount} {code}" if amount else None


RULES: dict[str, Rule] = {
    **names("val|value", _value),
    **names("e|esp|exp10|×10^|x10^|scinote|10^", _exponent),
    **names("ordinal|ord|ordinal to word text|nth", _ordinal),
    **names("nts|number table sorting|formatnum|fmtn|fmtnum|nombre|num|format num|number|formatnumber|numero|zahl|"
            "formatprice|commas|число|ntl|cifra|formatnum2|nts2|numeral|tal", _grouped),
    **names("gaps|gap number", lambda a, c: "\u202f".join(filter(None, a.list())) + (f" {a['u']}" if a["u"] else "")),
    **names("coord|coordinates|coord text|coor dms|coor dm|coor d|coordinate text|coord inline", _coordinates),
    **names("height", _height),
    **names("percentage|percent|pct", _percentage),
    **names("currency|money", _currency),
    **names("decade text|rounding text", lambda a, c: a[1] or None),
    **names("rnd|round", lambda a, c: a[1] or None),
    **names("dec|dms text|degrees", lambda a, c: a[1] + "°" if a[1] else None),
    **names("railgauge|track gauge|rail gauge|trackgauge", lambda a, c: (a["al"] and a[1]) or a[1] or None),
}  # fmt: skip
