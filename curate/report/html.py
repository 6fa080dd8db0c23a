"""report.html: one page that shows what became of a corpus, readable without a network and without scripts.

All that was crawled is hostile: the template escapes every value, and every string passes `clean` on its way there.
"""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

import jinja2
from markupsafe import Markup

from curate.report import charts
from curate.report.clean import clean, shorten
from curate.report.corpus import Address, Corpus, Excerpt
from curate.report.survey import Dropped, Line, Survey, Threshold, Unread, survey
from curate.report.table import Row, account_text, characters_per_token, percent, proof, rows
from curate.storage import atomic_write, join

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
    "score": ("Score", "Every filter measures every document; nothing is decided yet."),
    "select": ("Select", "The manifest's thresholds decide."),
    "tokenize": ("Tokenize", "What is kept becomes tokens."),
}
REASONS = {
    "url": "another capture of the same address is later",
    "exact": "the same text came before, from another address",
    "near": "nearly the same text as another document",
    "lines.nothing_left": "nothing was left when repeated lines had gone",
    "lines.repeated": "repeated lines, taken out of documents that stay",
    "edits": "taken out of kept documents by the filters' edits",
    "nothing_left": "nothing was left when the filters had edited it",
}
_SIGNS = {">=": "≥", "<=": "≤", ">": ">", "<": "<", "in": "one of"}


def write_report(output: str) -> str:
    """Write `output`/report.html; returns its path. Raises UserError where there is no finished build.

    Its bytes depend on what the folder holds and on nothing else. Memory: one shard, and the samples.
    """
    path = join(output, "report.html")
    page = render(Corpus(output))
    with atomic_write(path) as out:
        out.write(page.encode())
    return path


def render(corpus: Corpus) -> str:
    """The page."""
    found = survey(corpus)
    excerpts = corpus.excerpts(_wanted(found))
    summary = corpus.summary
    kept, read = summary["stages"][-1]["out"], summary["stages"][0]["in"]
    ratio = characters_per_token(summary)
    return (
        _environment()
        .get_template("report.html.jinja")
        .render(
            style=Markup(_packaged("report.css")),
            summary=summary,
            tiles=[
                ("tokens", f"{summary['tokens']:,}", f"{ratio:.2f} characters a token" if ratio else ""),
                (
                    "documents",
                    f"{kept:,}",
                    f"{percent(kept / read)} of {read:,} records" if read else "no record was read",
                ),
                ("input", size(summary["input_bytes"]), count(summary["input_files"], "file")),
                ("time", duration(summary["seconds"]), "of this run"),
                ("peak memory", size(summary["peak_memory"]), "of one process"),
            ],
            proof=proof(summary),
            account=account_text(summary),
            stages=_stages(summary),
            languages=_languages(found),
            perplexity=_perplexity(found),
            histograms=_histograms(found),
            constant=_constant(found),
            domains=[
                ("Most kept", "kept", found.domains.top(15, 0)),
                ("Most dropped", "dropped", found.domains.top(15, 1)),
            ],
            domains_exact=found.domains.exact,
            reasons=_reasons(summary, found, excerpts),
            kept=[Card.of(excerpts[at]) for at in found.kept.items() if at in excerpts],
            lines=_lines(found, excerpts),
            pairs=_pairs(found, excerpts),
            aside=_aside(summary, found),
            bar=charts.bar,
            percent=percent,
            glosses=REASONS,
        )
    )


@cache
def _environment() -> jinja2.Environment:
    return jinja2.Environment(
        loader=jinja2.FunctionLoader(_packaged),
        autoescape=True,
        finalize=lambda value: clean(value) if isinstance(value, str) and not isinstance(value, Markup) else value,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )


def _packaged(name: str) -> str:
    return files("curate.report").joinpath(name).read_text("utf-8")


# ---- what the template shows ----


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


def _wanted(found: Survey) -> dict[Address, set[int]]:
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


def _stages(summary: Mapping[str, Any]) -> list[dict[str, Any]]:
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


def _languages(found: Survey) -> dict[str, Any]:
    top = found.languages.top(25, 0)
    return {"rows": top, "more": len(found.languages.sums) - len(top), "most": top[0][1][0] if top else 0}


def _perplexity(found: Survey) -> list[dict[str, Any]]:
    return [
        {"language": language, "counts": counts, "cutoffs": found.cutoffs.get(language) or found.cutoffs.get("*")}
        for language, counts in sorted(found.buckets.sums.items(), key=lambda item: (-sum(item[1]), item[0]))[:25]
    ]


def _histograms(found: Survey) -> list[dict[str, Any]]:
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


def _constant(found: Survey) -> list[tuple[str, str]]:
    """(measurement, what is said of it) of those that every document has alike, or none has."""
    return [
        (name, f"is {number_text(spread.least)} in every document that has it" if spread.count else "was never taken")
        for name, spread in found.spreads.items()
        if not spread.count or spread.least == spread.most
    ]


def _threshold_order(limit: Threshold) -> tuple[float, str]:
    return limit.value, limit.keep


def _reasons(summary: Mapping[str, Any], found: Survey, excerpts: Mapping[Address, Excerpt]) -> list[dict[str, Any]]:
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
        facts.append(("kept instead", f"{named(by)}, {shorten(by.url, URL)}"))
    return Card.of(excerpts[item.at], facts, whole=item.failed is None)


def _lines(found: Survey, excerpts: Mapping[Address, Excerpt]) -> list[tuple[str, list[dict[str, Any]]]]:
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
        ("Chosen at random", distinct(found.lines.items(), 12, seen)),
    ]
    return [(title, lines) for title, lines in groups if lines]


def _pairs(found: Survey, excerpts: Mapping[Address, Excerpt]) -> list[dict[str, Any]]:
    return [
        {"jaccard": pair.jaccard, "sides": _sides(excerpts[pair.at], excerpts[pair.by])}
        for pair in found.pairs.items()
        if pair.at in excerpts and pair.by in excerpts
    ]


def _sides(dropped: Excerpt, kept: Excerpt) -> list[tuple[str, Card, list[tuple[bool, str]]]]:
    """Both texts from a little before their first difference, in pieces, with those marked that the other has not."""
    texts = [clean(dropped.left), clean(kept.left)]
    same = next((i for i, (a, b) in enumerate(zip(*texts, strict=False)) if a != b), min(map(len, texts)))
    start = 0 if same < TEXT // 2 else texts[0].rfind(" ", 0, same - 80) + 1
    shown = [text[start : start + TEXT] for text in texts]
    marked = differences(*shown)
    return [
        (side, Card.of(excerpt), [(False, "… ")] * (start > 0) + pieces + [(False, "…")] * (len(text) > start + TEXT))
        for side, excerpt, pieces, text in zip(("dropped", "kept"), (dropped, kept), marked, texts, strict=True)
    ]


def differences(first: str, second: str) -> tuple[list[tuple[bool, str]], list[tuple[bool, str]]]:
    """Both texts in pieces of words, (whether the other text has it not, piece)."""
    words = [text.split(" ") for text in (first, second)]
    sides: tuple[list[tuple[bool, str]], list[tuple[bool, str]]] = ([], [])
    matcher = difflib.SequenceMatcher(None, words[0], words[1], autojunk=False)
    for kind, a, b, c, d in matcher.get_opcodes():
        for side, part, end, all_words in ((0, words[0][a:b], b, words[0]), (1, words[1][c:d], d, words[1])):
            if part:
                sides[side].append((kind != "equal", " ".join(part)))
                if end < len(all_words):
                    sides[side].append((False, " "))
    return sides


def _aside(summary: Mapping[str, Any], found: Survey) -> list[dict[str, Any]]:
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
