"""What report.html shows, piece by piece: numbers and texts shortened and put in order, escaped by the template."""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from markupsafe import Markup

from curate.report import charts
from curate.report.clean import clean, shorten
from curate.report.corpus import Address, Excerpt
from curate.report.survey import Dropped, Line, Survey, Threshold, Unread
from curate.report.table import Row, percent, rows

TEXT, TITLE, URL, DETAIL = 400, 160, 240, 300
"""Characters shown of each."""
STAGES = {
    "extract": ("Extract", "Records of the crawl become documents of plain text."),
    "dedup_documents": (
        "Deduplicate documents",
        "Of each address one capture stays, and of each exact text one document.",
    ),
    "dedup_lines": ("Deduplicate lines", "Lines that other pages have too are taken out."),
    "dedup_near": ("Deduplicate near-duplicates", "Of documents that are nearly the same, one stays."),
    "dedup_books": ("Deduplicate books", "A book of which most stands in another goes."),
    "score": ("Score", "Every filter measures every document; nothing is decided yet."),
    "corpus": ("Compare", "Pages are measured against all others of their host or language."),
    "select": ("Select", "The manifest's thresholds decide."),
    "tokenize": ("Tokenize", "What is kept becomes tokens."),
}
REASONS = {
    "url": "another capture of the same address is later",
    "exact": "the same text came before, from another address",
    "near": "nearly the same text as another document",
    "contained": "most of it stands in another book",
    "lines.nothing_left": "nothing was left when repeated lines had gone",
    "lines.repeated": "repeated lines, taken out of documents that stay",
    "edits": "taken out of kept documents by the filters' edits",
    "nothing_left": "nothing was left when the filters had edited it",
}
Piece = tuple[bool, str]
"""(whether it is marked, a piece of text)."""
_WORDS = re.compile(r"\S+\s*|\s+")
_SIGNS = {">=": "≥", "<=": "≤", ">": ">", "<": "<", "in": "one of"}


@dataclass(frozen=True)
class Card:
    """A document as a sample shows it. facts: (term, what is said of it)."""

    title: str
    url: str
    text: str
    id: str
    facts: Sequence[tuple[str, str]] = ()

    @classmethod
    def of(cls, excerpt: Excerpt, facts: Sequence[tuple[str, str]] = (), whole: bool = False) -> Card:
        """whole: show the text as it was extracted, not as line dedup left it."""
        text = excerpt.text if whole else excerpt.left
        return cls(named(excerpt), shorten(excerpt.url, URL), shorten(text, TEXT), excerpt.id, facts)


def named(excerpt: Excerpt) -> str:
    return shorten(excerpt.title, TITLE) or "(no title)"


def wanted(found: Survey) -> dict[Address, set[int]]:
    """Every document that a sample shows, with the lines of it that one does."""
    wanted: dict[Address, set[int]] = {at: set() for at in found.kept.items()}
    for sample in found.dropped.values():
        for item in sample.items():
            wanted.setdefault(item.at, set())
            if item.by is not None:
                wanted.setdefault(item.by, set())
    for pair in found.pairs.items():
        wanted.setdefault(pair.at, set())
        wanted.setdefault(pair.by, set())
    for line in [*found.frequent_lines.items(), *found.lines.items()]:
        wanted.setdefault(line.at, set()).add(line.number)
    return wanted


def stages(summary: Mapping[str, Any]) -> list[dict[str, Any]]:
    shown: list[dict[str, Any]] = []
    lines = rows(summary)
    for stage in summary["stages"]:
        index = next(i for i, row in enumerate(lines) if row.kind == "stage" and row.label == stage["name"])
        until = next(i for i in range(index, len(lines)) if lines[i].kind == "out")
        losses: list[Row] = [row for row in lines[index + 1 : until] if row.kind in ("dropped", "set_aside")]
        dropped = sum(stage["dropped"].values())
        title, gloss = STAGES.get(stage["name"], (stage["name"], ""))
        shown.append(
            {
                "title": title,
                "gloss": gloss,
                "stage": stage,
                "losses": losses,
                "out": lines[until],
                "total": summary["stages"][0]["in"],
                "segments": [("kept", stage["out"]), ("dropped", dropped), ("aside", stage["set_aside"])],
                "said": f"{stage['out']:,} of {stage['in']:,} documents stay; {dropped:,} dropped,"
                f" {stage['set_aside']:,} set aside",
            }
        )
    return shown


def languages(found: Survey) -> dict[str, Any]:
    top = found.languages.top(25, 0)
    return {"rows": top, "more": len(found.languages.sums) - len(top), "most": top[0][1][0] if top else 0}


def perplexity(found: Survey) -> list[dict[str, Any]]:
    return [
        {"language": language, "counts": counts, "cutoffs": found.cutoffs.get(language) or found.cutoffs.get("*")}
        for language, counts in sorted(found.buckets.sums.items(), key=lambda item: (-sum(item[1]), item[0]))[:25]
    ]


def histograms(found: Survey) -> list[dict[str, Any]]:
    """A chart for each measurement that differs between documents, in the order of the score table."""
    shown: list[dict[str, Any]] = []
    for number, (name, spread) in enumerate(found.spreads.items()):
        drawn = found.histograms.get(name)
        if drawn is None or spread.least == spread.most:
            continue
        which, _, measurement = name.rpartition(".")
        limits = sorted(found.thresholds[name], key=_threshold_order)
        notes = [f"{count(spread.missing, 'document')} without it"] if spread.missing else []
        if drawn.axis.apart:
            notes.append(f"{percent(drawn.zeros / spread.count)} are exactly 0 and not drawn")
        if outside := charts.beyond(drawn.axis, limits):
            notes.append(f"kept when {', '.join(outside)}, outside this chart")
        if drawn.axis.scale == "log":
            notes.append("logarithmic axis")
        middle = round(spread.quantile(0.5)) if spread.whole else spread.quantile(0.5)
        shown.append(
            {
                "filter": which or "document",
                "name": measurement,
                "svg": charts.histogram(f"h{number}", name, drawn, limits),
                "range": f"{number_text(spread.least)} to {number_text(spread.most)}, median {number_text(middle, 2)}",
                "notes": notes,
            }
        )
    return shown


def constant(found: Survey) -> list[tuple[str, str]]:
    """(measurement, what is said of it) of those that every document has alike, or none has."""
    return [
        (name, f"is {number_text(spread.least)} in every document that has it" if spread.count else "was never taken")
        for name, spread in found.spreads.items()
        if not spread.count or spread.least == spread.most
    ]


def _threshold_order(limit: Threshold) -> tuple[float, str]:
    return limit.value, limit.keep


def reasons(summary: Mapping[str, Any], found: Survey, excerpts: Mapping[Address, Excerpt]) -> list[dict[str, Any]]:
    """Every reason that dropped a document, in the order of the stages, with its samples."""
    shown: list[dict[str, Any]] = []
    for stage in summary["stages"]:
        dropped = stage["dropped"]
        for reason in sorted(dropped, key=lambda reason: (-dropped[reason], reason)):
            if reason == "near":
                continue
            cards: list[Card] = []
            if stage["name"] == "extract":
                unread = found.unread.get(reason)
                cards = [_address_card(item) for item in unread.items()] if unread else []
            elif (sample := found.dropped.get(reason)) is not None:
                cards = [_dropped_card(item, excerpts) for item in sample.items() if item.at in excerpts]
            shown.append({"stage": stage["name"], "reason": reason, "documents": dropped[reason], "cards": cards})
    return shown


def _address_card(item: Unread) -> Card:
    facts = [("detail", shorten(item.detail, DETAIL))] if item.detail else []
    place = f"{shorten(item.file, URL)} at byte {item.offset:,}"
    return Card("", shorten(item.url or "", URL), "", place, facts)


def _dropped_card(item: Dropped, excerpts: Mapping[Address, Excerpt]) -> Card:
    facts: list[tuple[str, str]] = []
    if item.failed is not None:
        measurement, value, keep, threshold, source = item.failed
        facts.append(
            (measurement, f"{shorten(value, DETAIL)}, kept when {_SIGNS.get(keep, keep)} {shorten(threshold, DETAIL)}")
        )
        facts.append(("rule", shorten(source, DETAIL)))
    if item.by is not None and item.by in excerpts:
        by = excerpts[item.by]
        facts.append(("stays instead", f"{named(by)}, {shorten(by.url, URL)}"))
    return Card.of(excerpts[item.at], facts, whole=item.failed is None)


def lines(found: Survey, excerpts: Mapping[Address, Excerpt]) -> list[tuple[str, list[dict[str, Any]]]]:
    def distinct(lines: Sequence[Line], most: int, seen: set[str]) -> list[dict[str, Any]]:
        shown: list[dict[str, Any]] = []
        for line in lines:
            excerpt = excerpts.get(line.at)
            text = shorten(excerpt.lines.get(line.number, ""), DETAIL) if excerpt else ""
            if excerpt and text and text not in seen and len(shown) < most:
                seen.add(text)
                shown.append({"text": text, "copies": line.copies, "url": shorten(excerpt.url, URL)})
        return shown

    seen: set[str] = set()
    groups = [
        ("Most copies", distinct(found.frequent_lines.items(), 12, seen)),
        ("Others, chosen by hash", distinct(found.lines.items(), 12, seen)),
    ]
    return [(title, lines) for title, lines in groups if lines]


def pairs(found: Survey, excerpts: Mapping[Address, Excerpt]) -> list[dict[str, Any]]:
    return [
        {"jaccard": pair.jaccard, "sides": _sides(excerpts[pair.at], excerpts[pair.by])}
        for pair in found.pairs.items()
        if pair.at in excerpts and pair.by in excerpts
    ]


def _sides(dropped: Excerpt, stays: Excerpt) -> list[tuple[str, Card, list[Piece]]]:
    """Both texts from a little before the first word that differs, in pieces."""
    texts = [clean(dropped.left), clean(stays.left)]
    words = [list(re.finditer(r"\S+", text)) for text in texts]
    same = next((i for i, (a, b) in enumerate(zip(*words, strict=False)) if a[0] != b[0]), 0)
    first = max(0, same - 15) if same and words[0][same].start() > TEXT // 2 else 0
    starts = [found[first].start() if found else 0 for found in words]
    # Compared beyond what is shown, so that nothing differs only because it is cut there.
    marked = differences(*(text[at : at + TEXT + TEXT // 2] for text, at in zip(texts, starts, strict=True)))
    return [
        (side, Card.of(excerpt), [(False, "… ")] * (first > 0) + cut(pieces, TEXT))
        for side, excerpt, pieces in zip(("dropped", "stays"), (dropped, stays), marked, strict=True)
    ]


def differences(one: str, other: str) -> tuple[list[Piece], list[Piece]]:
    """Both texts in pieces; marked are those words that the other has not, whatever the space between them."""
    texts = [_WORDS.findall(text) for text in (one, other)]
    forms = [[word.strip() for word in words] for words in texts]
    sides: tuple[list[Piece], list[Piece]] = ([], [])
    for kind, a, b, c, d in difflib.SequenceMatcher(None, forms[0], forms[1], autojunk=False).get_opcodes():
        for side, words in zip(sides, (texts[0][a:b], texts[1][c:d]), strict=True):
            piece = "".join(words)
            inner = piece.rstrip() if kind != "equal" else ""
            side += [(bool(inner), inner), (False, piece[len(inner) :])]
    return tuple([piece for piece in side if piece[1]] for side in sides)  # type: ignore[return-value]


def cut(pieces: Sequence[Piece], most: int) -> list[Piece]:
    """The first `most` characters of some pieces, and … where there are more."""
    shown: list[Piece] = []
    for marked, text in pieces:
        if len(text) > most:
            return [*shown, *([(marked, text[:most])] if most else []), (False, "…")]
        shown.append((marked, text))
        most -= len(text)
    return shown


def aside(summary: Mapping[str, Any], found: Survey) -> list[dict[str, Any]]:
    totals: dict[str, int] = {}
    for stage in summary["stages"]:
        for reason, number in (stage.get("set_aside_by_reason") or {}).items():
            totals[reason] = totals.get(reason, 0) + number
    return [
        {
            "reason": reason,
            "records": totals.get(reason, sample.offered),
            "rows": [
                (shorten(item.file, URL), item.offset, shorten(item.detail, DETAIL))
                for item in sorted(sample.items(), key=lambda item: (item.file, item.offset))
            ],
        }
        for reason, sample in sorted(found.aside.items())
    ]


def breakable(name: str) -> Markup:
    """A long name that may be broken behind its dots and underscores."""
    return Markup("<wbr>").join(re.split(r"(?<=[._])", clean(name)))


def count(number: int, noun: str) -> str:
    """`1 file`, `2 files`."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def number_text(value: float, digits: int = 3) -> str:
    """A measurement, to so many digits behind the leading zeros, or whole."""
    if value == int(value) or abs(value) >= 10_000:
        return f"{value:,.0f}"
    return f"{value:,.{digits}g}" if abs(value) < 10**digits else f"{value:,.0f}"


def size(number: float) -> str:
    """Bytes, in powers of 1024."""
    for unit in ("B", "KB", "MB", "GB", "TB"):
        if number < 1024 or unit == "TB":
            break
        number /= 1024
    return f"{number:,.0f} {unit}" if unit in ("B", "KB") or number >= 100 else f"{number:,.1f} {unit}"


def duration(seconds: float) -> str:
    """`4.2 s`, `3 min 20 s`, `2 h 5 min`."""
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, left = divmod(round(seconds), 60)
    return f"{minutes} min {left} s" if minutes < 60 else f"{minutes // 60:,} h {minutes % 60} min"
