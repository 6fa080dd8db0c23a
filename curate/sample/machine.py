"""Pages no person wrote: logs, tables, calendars and the like, spun from a fixed sequence of numbers."""

from __future__ import annotations

from calendar import Calendar, month_name
from collections.abc import Callable, Iterator
from html import escape

_WIDGETS = ("hinge", "bolt", "washer", "bracket", "flange", "gasket", "rivet", "spindle", "bushing", "coupling")
_CODES = ("E_TIMEOUT", "E_REFUSED", "E_PARSE", "E_DISK", "E_QUOTA")


def numbers(seed: int) -> Iterator[int]:
    """An endless fixed sequence of integers in [0, 2**31); a linear congruential generator, the same everywhere."""
    state = seed
    while True:
        state = (state * 1103515245 + 12345) % 2**31
        yield state >> 3


def _rows(cells: list[list[str]]) -> str:
    body = "".join("<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in row) + "</tr>\n" for row in cells)
    return f"<table>\n{body}</table>"


def server_log() -> str:
    draw = numbers(1)
    lines = [
        f"2020-03-{1 + n // 20:02d}T{next(draw) % 24:02d}:{next(draw) % 60:02d}:{next(draw) % 60:02d}Z "
        f"httpd[{next(draw) % 9000}] GET /status/{next(draw) % 100000} 200 {next(draw) % 50000} {next(draw) % 900}ms"
        for n in range(120)
    ]
    return "<pre>" + "\n".join(lines) + "</pre>"


def error_dump() -> str:
    draw = numbers(2)
    lines = [
        f"ERROR worker-{next(draw) % 16}: {_CODES[next(draw) % len(_CODES)]} at 0x{next(draw):08x} in "
        f"module_{next(draw) % 30}.so+0x{next(draw) % 65536:04x}"
        for _ in range(90)
    ]
    return "".join(f"<p>{line}</p>\n" for line in lines)


def number_table() -> str:
    draw = numbers(3)
    return _rows([[str(n), *(f"{(next(draw) % 100000) / 100:.2f}" for _ in range(9))] for n in range(60)])


def price_list() -> str:
    draw = numbers(4)
    rows = [["Item", "SKU", "Stock", "Price"]]
    for n in range(80):
        name = _WIDGETS[next(draw) % len(_WIDGETS)]
        size = next(draw) % 40 + 3
        rows.append(
            [f"{name} M{size}", f"SKU-{next(draw) % 100000:05d}-{n}", "in stock", f"{next(draw) % 900 / 100:.2f}"]
        )
    return _rows(rows)


def calendar_page() -> str:
    weeks = Calendar().monthdayscalendar(2020, 10)
    cells = [[str(day) if day else "" for day in week] for week in weeks]
    return f"<h3>{month_name[10]} 2020</h3>" + _rows([["Mo", "Tu", "We", "Th", "Fr", "Sa", "Su"], *cells])


def search_results() -> str:
    draw = numbers(5)
    rows = "".join(
        f'<li><a href="/item/{n}">Result {n}: {_WIDGETS[next(draw) % 10]} {_WIDGETS[next(draw) % 10]} '
        f"{_WIDGETS[next(draw) % 10]}</a></li>\n"
        for n in range(1, 70)
    )
    return f"<p>Showing 1 to 69 of {next(draw) % 9000} results</p><ul>{rows}</ul>"


def sensor_readings() -> str:
    draw = numbers(6)
    lines = [
        f"station {next(draw) % 12} temp {next(draw) % 400 / 10 - 5:.1f} hum {next(draw) % 100} "
        f"pres {980 + next(draw) % 50} bat {next(draw) % 100}"
        for _ in range(110)
    ]
    return "<br>\n".join(lines)


def league_table() -> str:
    draw = numbers(7)
    rows = [["Pos", "Team", "P", "W", "D", "L", "Pts"]]
    for place in range(1, 41):
        won, drawn, lost = (next(draw) % 20 for _ in range(3))
        values = (won + drawn + lost, won, drawn, lost, 3 * won + drawn)
        rows.append([str(place), f"Team {next(draw) % 1000}", *map(str, values)])
    return _rows(rows)


def key_dump() -> str:
    draw = numbers(8)
    return "<pre>" + "\n".join("".join(f"{next(draw):07x}" for _ in range(9)) for _ in range(60)) + "</pre>"


def version_history() -> str:
    draw = numbers(9)
    lines = [f"v{n // 10}.{n % 10}.{next(draw) % 9} build {next(draw) % 100000} ({next(draw):x})" for n in range(100)]
    return "<ul>" + "".join(f"<li>{line}</li>" for line in lines) + "</ul>"


MACHINE_PAGES: dict[str, tuple[str, Callable[[], str]]] = {
    "server-log": ("Server log, March 2020", server_log),
    "error-dump": ("Crash report 4471", error_dump),
    "number-table": ("Table of measurements", number_table),
    "price-list": ("Price list", price_list),
    "calendar": ("Calendar for October 2020", calendar_page),
    "search-results": ("Search results", search_results),
    "sensor-readings": ("Sensor readings", sensor_readings),
    "league-table": ("League table", league_table),
    "key-dump": ("Public keys", key_dump),
    "version-history": ("Version history", version_history),
}
