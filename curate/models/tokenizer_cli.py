"""`curate models train tokenizer`: a tokenizer as LLaMA-1's, of a user's own text and mixture."""

from __future__ import annotations

import json
import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from curate.errors import UserError
from curate.models.naming import free, models_folder
from curate.report.clean import printable

if TYPE_CHECKING:
    from collections.abc import Mapping

    from curate.models.train_tokenizer import Recipe, Sample

_SUFFIX = ".model"


def tokenizer(
    sources: Annotated[
        list[Path] | None,
        typer.Option(
            "--from",
            help="Dumps, WARC or WET, JSON lines, Parquet, .txt, LaTeX, code, or folders of them; repeatable.",
            metavar="PATH",
        ),
    ] = None,
    name: Annotated[str, typer.Option("--name", help="What manifests will call it.")] = "tokenizer",
    output: Annotated[
        Path | None, typer.Option(help="Folder; default: $CURATE_MODELS, else the cache where pulled models are.")
    ] = None,
    mixture: Annotated[
        list[str] | None,
        typer.Option(
            "--mixture",
            help="Share of the sample a kind of text gives, repeatable, or a YAML file with a `mixture`; "
            "default: LLaMA-1's seven kinds.",
            metavar="KIND=SHARE",
        ),
    ] = None,
    vocabulary: Annotated[int, typer.Option(help="Pieces.", min=300, max=1_000_000)] = 32_000,
    characters: Annotated[
        int, typer.Option(help="Of the sample, which is held in memory.", min=1_000, max=2_000_000_000)
    ] = 50_000_000,
    standard_library: Annotated[
        bool, typer.Option("--standard-library", help="Also Python's own library, as code.")
    ] = False,
    beside: Annotated[
        list[str] | None,
        typer.Option(
            help="Another tokenizer, by name or file, to measure on the same text; repeatable.", metavar="MODEL"
        ),
    ] = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace a model of this name.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the card as JSON.")] = False,
) -> None:
    """Train a SentencePiece BPE tokenizer on a sample weighted by the mixture, and measure it on text held out."""
    from curate.models.cards import card_path
    from curate.models.tokenizer_figures import load_beside
    from curate.models.train_tokenizer import Recipe, collect, mixture_of

    folder = models_folder(output)
    free(name, folder, overwrite, (_SUFFIX,))
    if not sources and not standard_library:
        raise UserError("name the text to train on with --from, e.g. --from corpus/wikipedia")
    recipe = Recipe(mixture_of(mixture or []), vocabulary, characters)
    others = load_beside(beside or [])
    sample = collect(sources or [], recipe, library=standard_library)
    if not as_json:
        for line in sample_lines(sample, recipe):
            print(line, flush=True)
    model = folder / f"{name}{_SUFFIX}"
    command = ["curate", "models", "train", "tokenizer"]
    for path in sources or []:
        command += ["--from", as_given(path)]
    command += ["--standard-library"] if standard_library else []
    for item in mixture or []:
        command += ["--mixture", as_given(Path(item)) if item.endswith((".yaml", ".yml")) else item]
    command += ["--vocabulary", str(vocabulary), "--characters", str(characters), "--name", name]
    for item in beside or []:
        command += ["--beside", as_given(Path(item))]
    measured = write(model, sample, recipe, others, shlex.join(command))
    if as_json:
        print(card_path(model).read_text().rstrip("\n"))
        return
    _tell(name, model, measured)


def as_given(path: Path) -> str:
    """A path as a card may hold it: of an absolute one, which is of one machine only, the last name."""
    return path.name if path.is_absolute() else str(path)


def write(model: Path, sample: Sample, recipe: Recipe, others: Mapping[str, Any], command: str) -> dict[str, Any]:
    """Train on a sample, write the model and its card, and give what was measured."""
    from curate.models.cards import write_card
    from curate.models.registry import ModelFile, file_sha256
    from curate.models.tokenizer_figures import measure, measure_beside, with_languages
    from curate.models.train_tokenizer import lines_of, settings_of, train_bpe
    from curate.storage import atomic_write
    from curate.tokens.tokenizer import load_tokenizer

    made = train_bpe(lines_of(sample.training), recipe)
    model.parent.mkdir(parents=True, exist_ok=True)
    with atomic_write(str(model)) as out:
        out.write(made)
    file = ModelFile(model.stem, model, file_sha256(model))
    held_out = with_languages(sample.held_out)
    measured = measure(load_tokenizer(str(file.path), file.name), held_out)
    if others:
        measured["beside"] = measure_beside(others, held_out)
    languages = sorted({text.language for text in sample.training if text.language and text.kind != "code"})
    write_card(
        model,
        kind="SentencePiece BPE tokenizer",
        role="tokenizer",
        licence="Apache-2.0",
        command=command,
        languages=languages,
        parameters=settings_of(recipe) | {"held_out_percent": recipe.held_out_percent},
        data={
            "characters": sum(sample.taken.values()),
            "documents": len(sample.training),
            "kinds": {
                kind: {
                    "share": round(recipe.mixture[kind], 6),
                    "wished": wished,
                    "taken": sample.taken[kind],
                    "there": sample.there[kind],
                }
                for kind, wished in sorted(sample.wished.items())
            },
            "short": sorted(sample.short()),
            "not_in_the_mixture": sample.unnamed,
        },
        inputs={name: file_sha256(path) for name, path in sample.files.items()},
        measured=measured,
    )
    return measured


def sample_lines(sample: Sample, recipe: Recipe) -> list[str]:
    """What the sample is made of, and which kinds have less than their share."""
    total = sum(sample.taken.values())
    lines = [f"sample: {total:,} characters of {len(sample.training):,} documents, {recipe.characters:,} wished"]
    for kind, wished in sample.wished.items():
        taken = sample.taken[kind]
        shares = f"({recipe.mixture[kind]:.1%} wished, {taken / total:.1%} here)"
        said = f"  {printable(kind)}: {taken:,} of {wished:,} {shares}"
        lines.append(said + (", runs short: no more is there" if taken < wished else ""))
    for kind, characters in sample.unnamed.items():
        lines.append(f"  {printable(kind)}: {characters:,} characters left out, as the mixture gives them no share")
    held_out = sum(len(text.text) for text in sample.held_out)
    lines.append(f"held out: {held_out:,} characters of {len(sample.held_out):,} documents")
    return lines


def _tell(name: str, model: Path, measured: Mapping[str, Any]) -> None:
    from curate.models.registry import folders
    from curate.models.tokenizer_figures import table

    for line in table({name: measured, **measured.get("beside", {})}):
        print(printable(line))
    print(f"written: {model} and its card. In a manifest:")
    if model.parent.resolve() in [known.resolve() for known in folders()]:
        print(f"  tokens: {{tokenizer: {name}}}")
    else:
        path = str(model) if "/" in str(model) else f"./{model}"
        print(f"  tokens: {{tokenizer: {json.dumps(path)}}}")
