"""Dates, ages and years: `{{birth date|1990|1|2}}`, `{{as of|2010|5}}`, `{{circa|1850}}`.

Ages that would change by themselves (of the living) are left out.
"""

from __future__ import annotations

from curate.sources.wikitext.arguments import Arguments
from curate.sources.wikitext.context import Context
from curate.sources.wikitext.rule import Rule, names

MONTHS = {
    "en": "January February March April May June July August September October November December",
    "de": "Januar Februar März April Mai Juni Juli August September Oktober November Dezember",
    "fr": "janvier février mars avril mai juin juillet août septembre octobre novembre décembre",
    "es": "enero febrero marzo abril mayo junio julio agosto septiembre octubre noviembre diciembre",
    "it": "gennaio febbraio marzo aprile maggio giugno luglio agosto settembre ottobre novembre dicembre",
    "pt": "janeiro fevereiro março abril maio junho julho agosto setembro outubro novembro dezembro",
    "nl": "januari februari maart april mei juni juli augustus september oktober november december",
    "ca": "gener febrer març abril maig juny juliol agost setembre octubre novembre desembre",
    "sv": "januari februari mars april maj juni juli augusti september oktober november december",
    "da": "januar februar marts april maj juni juli august september oktober november december",
    "pl": "stycznia lutego marca kwietnia maja czerwca lipca sierpnia września października listopada grudnia",
    "ru": "января февраля марта апреля мая июня июля августа сентября октября ноября декабря",
    "uk": "січня лютого березня квітня травня червня липня серпня вересня жовтня листопада грудня",
    "ro": "ianuarie februarie martie aprilie mai iunie iulie august septembrie octombrie noiembrie decembrie",
    "bg": "януари февруари март април май юни юли август септември октомври ноември декември",
    "cs": "ledna února března dubna května června července srpna září října listopadu prosince",
    "sl": "januar februar marec april maj junij julij avgust september oktober november december",
    "sr": "јануар фебруар март април мај јун јул август септембар октобар новембар децембар",
    "hr": "siječnja veljače ožujka travnja svibnja lipnja srpnja kolovoza rujna listopada studenoga prosinca",
    "hu": "január február március április május június július augusztus szeptember október november december",
}
_DAY_FORM = {"de": "{}. {} {}", "es": "{} de {} de {}", "pt": "{} de {} de {}", "da": "{}. {} {}", "cs": "{}. {} {}",
             "sl": "{}. {} {}", "sr": "{}. {} {}", "hr": "{}. {} {}.", "ca": "{} de {} de {}"}  # fmt: skip


def month_name(month: int, language: str) -> str:
    return MONTHS.get(language, MONTHS["en"]).split()[month - 1] if 1 <= month <= 12 else ""


def _month(text: str, language: str) -> str:
    """The name of a month that is given as a number or a name."""
    return month_name(int(text), language) if text.isascii() and text.isdigit() and len(text) < 4 else text


def written(year: str, month: str, day: str, language: str, day_first: bool) -> str:
    """A date in words, of what is known of it."""
    name = _month(month, language)
    day = day.lstrip("0") if day.isascii() and day.isdigit() else day
    if not name or not day:
        return f"{name} {year}".strip()
    if language == "en" and not day_first:
        return f"{name} {day}, {year}" if year else f"{name} {day}"
    if language == "fr" and day == "1":
        day = "1er"
    if language == "hu":
        return f"{year}. {name} {day}."
    return _DAY_FORM.get(language, "{} {} {}").format(day, name, year).strip() if year else f"{day} {name}"


def _day_first(arguments: Arguments) -> bool:
    return arguments.get("df").lower() in ("y", "yes", "1", "true", "dmy") or arguments["mf"].lower() in ("n", "no")


def _date(arguments: Arguments, context: Context) -> str | None:
    """year, month, day; or a text that is a date already."""
    year, month, day = (arguments.get(key, number) for key, number in (("year", "1"), ("month", "2"), ("day", "3")))
    if len(year) <= 2 and _number(day) is not None and len(day) >= 3:  # French and others begin with the day
        year, day = day, year
    if not month or not year.lstrip("-").isdigit():
        return year or None
    return written(year, month, day, context.language, _day_first(arguments))


def _number(text: str) -> int | None:
    return int(text) if text.isascii() and text.isdigit() and len(text) <= 4 else None


def _death_and_age(arguments: Arguments, context: Context) -> str | None:
    """The death, and the age then, from six numbers."""
    numbers = [_number(arguments[place]) for place in range(1, 7)]
    shown = _date(arguments, context)
    died, born = numbers[:3], numbers[3:]
    if died[0] is None or born[0] is None:
        return shown
    age = died[0] - born[0]
    if None not in (died[1], born[1]):
        early = (died[1] or 0, died[2] or 0) < (born[1] or 0, born[2] or 0)
        age -= early
    return f"{shown} (aged {age})" if context.language == "en" and 0 <= age < 150 else shown


def _year_then_age(arguments: Arguments, context: Context) -> str | None:
    """`{{death year and age|2000|1920}}`: one of two ages."""
    died, born = _number(arguments[1]), _number(arguments[2])
    if died is None or born is None or context.language != "en":
        return arguments[1] or None
    return f"{died} (aged {died - born - 1}–{died - born})"


def _as_of(arguments: Arguments, context: Context) -> str | None:
    if alternative := arguments["alt"]:
        return alternative
    if not arguments[1]:
        return None
    since = arguments["since"].lower() in ("y", "yes")
    words = "since" if since else "as of"
    if arguments["lc"].lower() not in ("y", "yes"):
        words = words[0].upper() + words[1:]
    day_first = arguments["df"].lower() != "us"
    return f"{words} {written(arguments[1], arguments[2], arguments[3], 'en', day_first)}" + arguments["post"]


def _circa(mark: str) -> Rule:
    def rule(arguments: Arguments, context: Context) -> str:
        years = [year for year in arguments.list() if year]
        return " – ".join(f"{mark} {year}" for year in years[:2]) if years else mark

    return rule


def _span(mark: str) -> Rule:
    def rule(arguments: Arguments, context: Context) -> str:
        years = [year for year in arguments.list() if year]
        return f"{mark} {'–'.join(years[:2])}".strip()

    return rule


def _old_style(arguments: Arguments, context: Context) -> str | None:
    new, year, old = arguments[1], arguments[2], arguments[3]
    return f"{new} [O.S. {old}] {year}".strip() if new else None


def _plain_date(arguments: Arguments, context: Context) -> str | None:
    """`{{date|1|janvier|2000}}`, `{{dts|2000|1|2}}`, `{{date|2000-01-02}}`: whichever order the numbers have."""
    parts = [part for part in arguments.list()[:3] if part]
    if len(parts) == 1:
        bits = parts[0].split("-")
        if len(bits) == 3 and all(bit.isascii() and bit.isdigit() for bit in bits):
            return written(bits[0], bits[1], bits[2], context.language, True)
        return parts[0]
    if not parts:
        return None
    if len(parts[0]) >= 3 and parts[0].lstrip("-").isdigit():
        return written(parts[0], parts[1], parts[2] if len(parts) > 2 else "", context.language, _day_first(arguments))
    if len(parts) == 2 and not parts[0].isdigit():
        return " ".join(parts)
    return written(parts[2] if len(parts) > 2 else "", parts[1], parts[0], context.language, True)


RULES: dict[str, Rule] = {
    **names(
        "birth date|birth date and age|bda|birthdate|dob|birth-date and age2|birth year and age|birth year|byo|"
        "birth date and given age|death date|death year|end date|start date|start date and age|start-date|end-date|"
        "film date|start and end dates|release date|launch date|startdate|"
        "date de naissance|date de décès|fecha de nacimiento|dni|dnia|nascimento|morte|dtlink|dtext|fecha de inicio|"
        "birth-date|birth-date and age|death-date|opening date|disestablished date|established date|release-date",
        _date,
    ),
    **names("death date and age|dda|death-date and age|death date and given age", _death_and_age),
    **names("death year and age", _year_then_age),
    **names("as of|asof|as of?|since", _as_of),
    **names("circa|ca.|c.|ca|around", _circa("c.")),
    **names("floruit|fl.|fl", _span("fl.")),
    **names("reign|r. text|reigned", _span("r.")),
    **names("born|b.|born in", _span("b.")),
    **names("died|d.|died in", _span("d.")),
    **names("married in", _span("m.")),
    **names("marriage", lambda a, c: f"{a[1]} (m. {a[2]}" + (f"–{a[3]})" if a[3] else ")") if a[2] else a[1]),
    **names("oldstyledate|old style date|osd", _old_style),
    **names(
        "oldstyledatedy|oldstyledatenoyear", lambda a, c: f"{a[1]} [O.S. {a[3] or a[2]}] {a[2] if a[3] else ''}".strip()
    ),
    **names(
        "dts|date|date table sorting|datesort|dtlink|datum|data|fecha|дата|dátum|dato|date-|date sport|dato2",
        _plain_date,
    ),
    **names("nee|née", lambda a, c: f"née {a[1]}".strip()),
    **names("né", lambda a, c: f"né {a[1]}".strip()),
    **names("aka|a.k.a.", lambda a, c: f"a.k.a. {a[1]}".strip()),
    **names("bce|bc", lambda a, c: f"{a[1]} BCE".strip() if a[1] else "BCE"),
    **names("ad|ce text", lambda a, c: f"AD {a[1]}".strip()),
}
