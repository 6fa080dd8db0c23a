"""`curate models train language`: the model that tells apart the languages that lid.176 takes for each other."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Annotated

import typer

from curate.errors import UserError
from curate.models.naming import free, models_folder

_SUFFIX = ".ftz"
_ATTRIBUTION = (
    "half of the test sentences of lingua's language models (Peter M. Stahl, Apache-2.0; sentences of the Leipzig "
    "Corpora Collection), help pages and translations of GNOME, LibreOffice, GIMP and GnuCash by their translators; "
    "the model holds n-grams' weights only"
)


def language(
    sources: Annotated[
        list[Path],
        typer.Option(
            "--from",
            help="Texts whose language is known, files or folders: JSON lines or Parquet with a language, dumps, "
            "lingua's crates, .deb packages with help pages or translations; repeatable.",
            metavar="PATH",
        ),
    ],
    name: Annotated[str, typer.Option("--name", help="What manifests will call it.")] = "language",
    output: Annotated[
        Path | None, typer.Option(help="Folder; default: $CURATE_MODELS, else the cache where pulled models are.")
    ] = None,
    measure_on: Annotated[
        list[Path] | None,
        typer.Option("--measure-on", help="More labelled text, to measure on only; repeatable.", metavar="PATH"),
    ] = None,
    languages: Annotated[
        str | None, typer.Option("--languages", help="That it tells apart, as lid.176's codes: hr,sr,bs,sl.")
    ] = None,
    characters: Annotated[
        int, typer.Option(help="Of each language and kind of text.", min=1_000, max=100_000_000)
    ] = 100_000,
    seed: Annotated[int, typer.Option(help="Of the training.", min=0, max=2**31 - 1)] = 0,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace a model of this name.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the card as JSON.")] = False,
) -> None:
    """Train a model of languages that lid.176 confuses; half of the texts are held out, and it is measured on them."""
    from curate.models.cards import DEFAULT_FOLDER, card_path, write_card
    from curate.models.evaluate_cli import lines
    from curate.models.language_figures import FIRST, measure
    from curate.models.language_train import HELD_OUT_PERCENT, NEAR, Recipe, collect, held_out_texts, train
    from curate.models.registry import resolve
    from curate.models.tokenizer_cli import as_given

    folder = models_folder(output)
    free(name, folder, overwrite, (_SUFFIX,))
    first = resolve(FIRST)
    wanted = tuple(sorted({code.strip() for code in languages.split(",")} - {""})) if languages else NEAR
    if len(wanted) < 2:
        raise UserError("--languages needs at least two, with commas between: hr,sr,bs,sl")
    recipe = Recipe(languages=wanted, characters=characters, seed=seed)
    sample = collect(sources, recipe)
    model = folder / f"{name}{_SUFFIX}"
    folder.mkdir(parents=True, exist_ok=True)
    described = train(sample, model, recipe)
    held_out = list(sample.held_out)
    if measure_on:
        more = held_out_texts(measure_on, described["inputs"], HELD_OUT_PERCENT)
        held_out += [text for usable, text in more if usable]
    command = ["curate", "models", "train", "language"]
    for path in sources:
        command += ["--from", as_given(path)]
    for path in measure_on or []:
        command += ["--measure-on", as_given(path)]
    command += ["--languages", ",".join(wanted)] if languages else []
    command += ["--characters", str(characters), "--seed", str(seed), "--name", name]
    shipped = folder.resolve() == DEFAULT_FOLDER.resolve()
    write_card(
        model,
        kind="fastText model of languages that lid.176 takes for each other, asked after it",
        role="language",
        licence="CC-BY-SA-3.0" if shipped else "",
        command=shlex.join(command),
        measured=measure(first.path, model, held_out),
        asked_after=f"{FIRST}@sha256:{first.sha256}",
        attribution=_ATTRIBUTION if shipped else "",
        languages=described["languages"],
        parameters=described["parameters"],
        data=described["data"],
        inputs=described["inputs"],
    )
    if as_json:
        print(card_path(model).read_text().rstrip("\n"))
        return
    from curate.models.registry import read_card

    measured = read_card(card_path(model))["measured"]
    print("\n".join(lines({key: measured[key] for key in ("texts", "macro_accuracy", "by_length")})))
    print(f"written: {model} and its card. In a manifest:")
    print(f"  filters: {{language: {{neighbours: {name}}}}}")
