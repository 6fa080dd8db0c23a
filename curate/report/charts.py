"""Charts as inline SVG: coloured by the page's style sheet, with a title and a description for those who hear them."""

from __future__ import annotations

from collections.abc import Sequence

from markupsafe import Markup

from curate.report.histograms import Axis, Histogram, label
from curate.report.survey import Threshold

WIDTH, HEIGHT = 340, 168
_LEFT, _RIGHT, _TOP, _BOTTOM = 8, 332, 34, 146
_SIGNS = {">=": "≥", "<=": "≤", ">": ">", "<": "<"}


def bar(segments: Sequence[tuple[str, int]], total: int, title: str) -> Markup:
    """A bar as wide as its container, of (class, count) segments to `total`. It holds no text, so it may stretch."""
    parts: list[Markup] = []
    start = 0.0
    for name, count in segments:
        width = 100 * count / total if total else 0
        if count:
            # What is not nothing is seen: a fifth of a percent at least.
            shown = max(width, 0.2)
            parts.append(
                Markup('<rect class="{}" x="{:.3f}" y="0" width="{:.3f}" height="10"/>').format(
                    name, min(start, 100 - shown), shown
                )
            )
        start += width
    return Markup(
        '<svg class="bar" viewBox="0 0 100 10" preserveAspectRatio="none" role="img"><title>{}</title>{}</svg>'
    ).format(title, Markup("").join(parts))


def histogram(key: str, name: str, found: Histogram, thresholds: Sequence[Threshold]) -> Markup:
    """Documents by measurement, kept below and dropped on top of them, with a line at every threshold in sight.

    key: part of the ids of this chart, unique in the page.
    """
    axis = found.axis
    total = found.kept + found.dropped
    most = max(1, int(total.max()))
    places = [axis.place(float(edge)) or 0.0 for edge in axis.edges]
    parts: list[Markup] = [
        Markup('<line class="axis" x1="{}" y1="{}" x2="{}" y2="{}"/>').format(_LEFT, _BOTTOM, _RIGHT, _BOTTOM)
    ]
    for index, (kept, dropped) in enumerate(zip(found.kept.tolist(), found.dropped.tolist(), strict=True)):
        left, right = _x(places[index]), _x(places[index + 1])
        base = float(_BOTTOM)
        for css, count in (("kept", kept), ("dropped", dropped)):
            if count:
                height = max(1.0, count / most * (_BOTTOM - _TOP))
                base = max(base - height, _TOP)
                parts.append(
                    Markup('<rect class="{}" x="{:.2f}" y="{:.2f}" width="{:.2f}" height="{:.2f}"/>').format(
                        css, left + 0.4, base, max(right - left - 0.8, 0.8), height
                    )
                )
    tallest = int(total.argmax())
    middle = (_x(places[tallest]) + _x(places[tallest + 1])) / 2
    anchor = "start" if middle < 40 else "end" if middle > WIDTH - 40 else "middle"
    at = {"start": _x(places[tallest]), "end": _x(places[tallest + 1]), "middle": middle}[anchor]
    parts.append(Markup('<text x="{:.2f}" y="{}" text-anchor="{}">{:,}</text>').format(at, _TOP - 4, anchor, most))
    for value, text in axis.ticks:
        place = axis.place(value)
        if place is not None:
            anchor = "start" if place < 0.06 else "end" if place > 0.94 else "middle"
            parts.append(
                Markup('<line class="axis" x1="{0:.2f}" y1="{1}" x2="{0:.2f}" y2="{2}"/>').format(
                    _x(place), _BOTTOM, _BOTTOM + 4
                )
            )
            parts.append(
                Markup('<text x="{:.2f}" y="{}" text-anchor="{}">{}</text>').format(
                    _x(place), _BOTTOM + 16, anchor, text
                )
            )
    lines = 0
    for limit in thresholds:
        place = axis.place(limit.value)
        if place is None or lines >= 2:
            continue
        x = _x(place)
        anchor = "start" if place < 0.55 else "end"
        y = 12 + 12 * lines
        lines += 1
        parts.append(
            Markup('<line class="threshold" x1="{0:.2f}" y1="{1}" x2="{0:.2f}" y2="{2}"/>').format(x, y - 8, _BOTTOM)
        )
        parts.append(
            Markup('<text class="limit" x="{:.2f}" y="{}" text-anchor="{}">{}</text>').format(
                x + (4 if anchor == "start" else -4), y, anchor, limit_text(limit)
            )
        )
    description = (
        f"{len(total)} bins from {label(axis.edges[0])} to {label(axis.edges[-1])}, {axis.scale} scale;"
        f" {int(found.kept.sum()):,} documents that were kept and {int(found.dropped.sum()):,} that were dropped;"
        f" the fullest bin holds {most:,}."
    )
    described = [limit_text(limit) for limit in thresholds]
    if described:
        description += f" Kept when {', '.join(described)}."
    return Markup(
        '<svg class="histogram" viewBox="0 0 {} {}" role="img" aria-labelledby="{}-t {}-d">'
        '<title id="{}-t">{}</title><desc id="{}-d">{}</desc>{}</svg>'
    ).format(WIDTH, HEIGHT, key, key, key, f"Histogram of {name}", key, description, Markup("").join(parts))


def beyond(axis: Axis, thresholds: Sequence[Threshold]) -> list[str]:
    """The thresholds that the chart does not reach."""
    return [limit_text(limit) for limit in thresholds if axis.place(limit.value) is None]


def limit_text(limit: Threshold) -> str:
    """`≥ 50`."""
    return f"{_SIGNS.get(limit.keep, limit.keep)} {limit.value:,.6g}".strip()


def _x(place: float) -> float:
    return _LEFT + place * (_RIGHT - _LEFT)
