"""The account as a table: what entered each stage, what was dropped and why, what left, and that it all adds up."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from rich import box
from rich.table import Table
from rich.text import Text

from curate.report.clean import printable

Kind = Literal["stage", "in", "dropped", "set_aside", "out"]
HEADINGS = ("stage and reason", "documents", "share", "characters", "share", "tokens")
_WIDTHS = (40, 14, 8, 18, 8, 18)
"""Columns of the plain text, in characters; a longer cell widens its column."""


class AccountError(ValueError):
    """An account that does not add up: documents or characters would have been lost in silence."""


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the account.

    share, characters_share: of what entered the stage. characters: None where they were never counted (before
    extraction there is no text). tokens: of these characters, an estimate where `estimated`.
    """

    kind: Kind
    label: str
    documents: int | None = None
    share: float | None = None
    characters: int | None = None
    characters_share: float | None = None
    tokens: int | None = None
    estimated: bool = True


def characters_per_token(summary: Mapping[str, Any]) -> float | None:
    """Characters that were tokenized, to the tokens they became; None where nothing was kept."""
    last = summary["stages"][-1]
    return last["characters_out"] / last["tokens"] if last.get("tokens") else None


def check(summary: Mapping[str, Any]) -> None:
    """Raise AccountError unless documents and characters add up in every stage and from each stage to the next."""
    stages = summary["stages"]
    if not stages:
        raise AccountError("an account without stages")
    for stage in stages:
        name, dropped = stage["name"], sum(stage["dropped"].values())
        if stage["in"] != stage["out"] + dropped + stage["set_aside"]:
            raise AccountError(
                f"{name}: {stage['in']:,} in, but {stage['out']:,} out + {dropped:,} dropped"
                f" + {stage['set_aside']:,} set aside"
            )
        aside = stage.get("set_aside_by_reason") or {}
        if aside and sum(aside.values()) != stage["set_aside"]:
            raise AccountError(f"{name}: {stage['set_aside']:,} set aside, but {sum(aside.values()):,} by reason")
        gone = sum(stage["dropped_characters"].values())
        # What a record that was set aside held is not counted, and before extraction there are no characters.
        if (
            stage["characters_in"]
            and not stage["set_aside"]
            and stage["characters_in"] != stage["characters_out"] + gone
        ):
            raise AccountError(
                f"{name}: {stage['characters_in']:,} characters in, but {stage['characters_out']:,} out + {gone:,} gone"
            )
    for stage, following in itertools.pairwise(stages):
        for count, unit in (("{}", "documents"), ("characters_{}", "characters")):
            out, into = stage[count.format("out")], following[count.format("in")]
            if out != into:
                raise AccountError(f"{stage['name']} gave {out:,} {unit}, but {following['name']} took {into:,}")


def proof(summary: Mapping[str, Any]) -> str:
    """`1,220 records read = 400 kept + 815 dropped + 5 set aside`; raises AccountError where it is not so."""
    check(summary)
    stages = summary["stages"]
    read, kept = stages[0]["in"], stages[-1]["out"]
    dropped = sum(sum(stage["dropped"].values()) for stage in stages)
    aside = sum(stage["set_aside"] for stage in stages)
    if read != kept + dropped + aside:
        raise AccountError(f"{read:,} records read, but {kept:,} kept + {dropped:,} dropped + {aside:,} set aside")
    return f"{read:,} records read = {kept:,} kept + {dropped:,} dropped + {aside:,} set aside"


def rows(summary: Mapping[str, Any]) -> list[Row]:
    """The account's lines, stage by stage; reasons with the most documents first. Raises AccountError."""
    check(summary)
    ratio = characters_per_token(summary)
    found: list[Row] = []
    for stage in summary["stages"]:
        into, characters_in = stage["in"], stage["characters_in"]

        def line(kind: Kind, label: str, documents: int, characters: int | None, tokens: int | None = None) -> Row:
            estimate = None if characters is None or ratio is None else round(characters / ratio)
            return Row(
                kind,
                label,
                documents,
                documents / into if into else None,  # noqa: B023 - called in this turn of the loop
                characters,
                characters / characters_in if characters is not None and characters_in else None,  # noqa: B023
                estimate if tokens is None else tokens,
                tokens is None,
            )

        measured = bool(characters_in)
        found.append(Row("stage", stage["name"]))
        found.append(line("in", "in", into, characters_in if measured else None))
        dropped, gone = stage["dropped"], stage["dropped_characters"]
        for reason in sorted({*dropped, *gone}, key=lambda reason: (-dropped.get(reason, 0), reason)):
            found.append(line("dropped", reason, dropped.get(reason, 0), gone.get(reason) if measured else None))
        aside = stage.get("set_aside_by_reason") or ({"unreadable": stage["set_aside"]} if stage["set_aside"] else {})
        for reason in sorted(aside, key=lambda reason: (-aside[reason], reason)):
            found.append(line("set_aside", reason, aside[reason], None))
        exact = stage.get("tokens") if stage is summary["stages"][-1] else None
        found.append(line("out", "out", stage["out"], stage["characters_out"], exact))
    return found


def notes(summary: Mapping[str, Any]) -> list[str]:
    """The lines under the table: how tokens are estimated, what was made, and last the proof of the sum."""
    ratio = characters_per_token(summary)
    kept = summary["stages"][-1]["out"]
    lines = [f"≈ estimated at {ratio:.3f} characters a token, as measured on this corpus"] if ratio else []
    for stage in summary["stages"]:
        for name, count in stage.get("figures", {}).items():
            share = percent(count / (stage["characters_out"] + count)) if "characters lost" in name and count else ""
            lines.append(f"{count:,} {name}" + (f", {share} of the text with them" if share else ""))
    return [*lines, f"{summary['tokens']:,} tokens in {kept:,} documents", *topics(summary), proof(summary)]


def topics(summary: Mapping[str, Any]) -> list[str]:
    """What each topic holds, where the manifest sends documents to topics."""
    counted: Mapping[str, Sequence[int]] = next(
        (stage["topics"] for stage in summary["stages"] if stage.get("topics")), {}
    )
    if not any(counted):
        return []
    return [
        f"  {name or 'the rest'}: {tokens:,} tokens in {documents:,} documents, without what delimits them"
        for name, (documents, _, tokens) in sorted(counted.items(), key=lambda item: (not item[0], item[0]))
    ]


def cells(row: Row) -> tuple[str, str, str, str, str, str]:
    """A row as text, in the order of HEADINGS."""
    prefix = {"stage": "", "in": "  ", "dropped": "  - ", "set_aside": "  ! set aside: ", "out": "  "}[row.kind]
    tokens = "" if row.tokens is None else f"≈ {row.tokens:,}" if row.estimated else f"{row.tokens:,}"
    return (
        prefix + printable(row.label, "?"),
        _count(row.documents),
        percent(row.share),
        _count(row.characters),
        percent(row.characters_share),
        tokens,
    )


def account_table(summary: Mapping[str, Any]) -> Table:
    """The account for a terminal. Raises AccountError where it does not add up."""
    lines = notes(summary)
    table = Table(
        box=box.SIMPLE_HEAD,
        caption=Text("\n".join(lines)),
        caption_justify="left",
        header_style="bold",
        pad_edge=False,
    )
    for index, heading in enumerate(HEADINGS):
        table.add_column(heading, justify="right" if index else "left", no_wrap=bool(index), overflow="fold")
    styles = {"stage": "bold", "in": "", "dropped": "yellow", "set_aside": "red", "out": "green"}
    for row in rows(summary):
        # Text, not str: a reason is never read as rich's markup.
        table.add_row(*map(Text, cells(row)), style=styles[row.kind], end_section=row.kind == "out")
    return table


def account_text(summary: Mapping[str, Any]) -> str:
    """The account as plain text in fixed columns, for logs. Raises AccountError where it does not add up."""
    table: list[Sequence[str]] = [HEADINGS, *map(cells, rows(summary))]
    widths = [max(least, *(len(row[i]) for row in table)) for i, least in enumerate(_WIDTHS)]

    def text(row: Sequence[str]) -> str:
        first, *others = row
        padded = [cell.rjust(width) for cell, width in zip(others, widths[1:], strict=True)]
        return "  ".join([first.ljust(widths[0]), *padded]).rstrip()

    rule = "-" * (sum(widths) + 2 * (len(widths) - 1))
    lines = [text(table[0]), rule, *map(text, table[1:]), rule, *notes(summary)]
    return "\n".join(lines) + "\n"


def percent(share: float | None) -> str:
    """12.3%; a share that is not nothing is never shown as 0, and one that is not all never as 100."""
    if share is None:
        return ""
    if 0 < share < 0.0005:
        return "<0.1%"
    if 0.9995 <= share < 1:
        return ">99.9%"
    return f"{100 * share:.1f}%"


def _count(value: int | None) -> str:
    return "" if value is None else f"{value:,}"
