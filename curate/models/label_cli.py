"""`curate models label`: labelled documents to train a classifier on, from texts whose label their origin tells."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def label(
    text: Annotated[
        list[str],
        typer.Option(
            "--text",
            help="A label and its texts: a build's documents/, JSON lines, dumps, …; repeatable.",
            metavar="LABEL=PATH",
        ),
    ],
    output: Annotated[Path, typer.Option(help="The JSON lines to write.")],
    characters: Annotated[int, typer.Option(help="Of a passage, about.", min=200)] = 3000,
    passages: Annotated[int, typer.Option(help="Of one text, at most.", min=1)] = 8,
) -> None:
    """Write labelled passages for `curate models train classifier`, of texts whose label their origin tells."""
    from curate.models.passages import parse_labelled, write_labelled

    counts = write_labelled([parse_labelled(spec) for spec in text], output, characters, passages)
    for name, count in counts.items():
        print(f"{name}: {count:,} passages")
    print(f"written: {output}; curate models train classifier --labels {output} --name NAME")
