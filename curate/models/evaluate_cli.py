"""`curate models evaluate`: how good a model is on text of the user's own."""

from __future__ import annotations

import json
from importlib import import_module
from pathlib import Path
from typing import Annotated, Any

import typer

from curate.errors import UserError
from curate.report.clean import printable

_FIGURES = {
    "perplexity": "perplexity_figures",
    "perplexity-pieces": "perplexity_figures",
    "tokenizer": "tokenizer_figures",
    "quality": "quality_figures",
    "nsfw": "nsfw_figures",
    "language": "language_figures",
    "classifier": "classifier_figures",
}
"""role -> the module in curate.models whose `evaluate` measures it."""
_WIDEST = 8
"""Columns of a table; a mapping of mappings that is wider is printed one line an entry."""


def evaluate(
    name: Annotated[str, typer.Argument(help="A model by name or path, as manifests name it.", metavar="NAME")],
    on: Annotated[
        list[Path], typer.Option("--on", help="Text it is measured on: files or folders; repeatable.", metavar="PATH")
    ],
    role: Annotated[
        str | None, typer.Option("--as", help=f"What it is, where no card says so: {', '.join(_FIGURES)}.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Measure a model on documents; of files it was trained on, only those that were held out count."""
    from curate.models.registry import resolve

    model = resolve(name)
    figures = import_module(f"curate.models.{_FIGURES[role_of(name, model.path, role)]}")
    found: dict[str, Any] = figures.evaluate(model, on)
    print(json.dumps(found, indent=2, ensure_ascii=False) if as_json else "\n".join(lines(found)))


def role_of(name: str, path: Path, told: str | None) -> str:
    """What a model does: as told, as its card says, or as the public model of its name; UserError where none says."""
    from curate.models.cards import card_path
    from curate.models.published import catalogue
    from curate.models.registry import card, read_card

    if told is not None:
        if told not in _FIGURES:
            raise UserError(f"--as {told}: one of {', '.join(_FIGURES)}")
        return told
    short = name.partition("@")[0]
    described = card(short) or (read_card(card_path(path)) if card_path(path).is_file() else {})
    public = catalogue().get(short)
    role = str(described.get("role") or (public.role if public else ""))
    if role not in _FIGURES:
        raise UserError(f"no card says what {short} does: give --as, one of {', '.join(_FIGURES)}")
    return role


def lines(found: dict[str, Any], indent: str = "") -> list[str]:
    """Figures as text: a mapping of mappings with the same keys is a table, others are indented."""
    said: list[str] = []
    for key, value in found.items():
        if isinstance(value, dict) and value and all(isinstance(inner, dict) for inner in value.values()):
            columns = list(dict.fromkeys(column for inner in value.values() for column in inner))
            flat = all(not isinstance(cell, dict | list) for inner in value.values() for cell in inner.values())
            if flat and len(columns) <= _WIDEST:
                said += [f"{indent}{printable(str(key))}:", *_table(value, columns, f"{indent}  ")]
                continue
        if isinstance(value, dict):
            said += [f"{indent}{printable(str(key))}:", *lines(value, f"{indent}  ")]
        elif isinstance(value, list) and value and isinstance(value[0], dict):
            said += [f"{indent}{printable(str(key))}:"]
            said += [f"{indent}  " + ", ".join(f"{k} {_cell(v)}" for k, v in row.items()) for row in value]
        else:
            said.append(f"{indent}{printable(str(key))}: {_cell(value)}")
    return said


def _table(rows: dict[str, dict[str, Any]], columns: list[str], indent: str) -> list[str]:
    cells = [["", *map(str, columns)]]
    cells += [[printable(str(name)), *(_cell(row.get(column, "")) for column in columns)] for name, row in rows.items()]
    widths = [max(len(row[place]) for row in cells) for place in range(len(columns) + 1)]
    return [
        indent + "  ".join([row[0].ljust(widths[0]), *map(str.rjust, row[1:], widths[1:])]).rstrip() for row in cells
    ]


def _cell(value: object) -> str:
    if isinstance(value, float):
        return f"{value:.4f}".rstrip("0").rstrip(".") if abs(value) < 1000 else f"{value:,.1f}"
    if isinstance(value, int) and not isinstance(value, bool):
        return f"{value:,}"
    if isinstance(value, list):
        return ", ".join(map(_cell, value))
    return printable(str(value))
