"""The door: `curate plan`, `build`, `status`, `explain`, `report`, `verify`, `models`, `train`, `mix`."""

from __future__ import annotations

import json
import logging
import sys
import traceback
from collections.abc import Sequence
from dataclasses import asdict
from typing import Annotated

import typer
from rich.console import Console

from curate.errors import UserError
from curate.hidden import HidingFormatter, hidden
from curate.manifest import Manifest
from curate.models.classifier_cli import classifier
from curate.models.evaluate_cli import evaluate
from curate.models.kenlm_cli import calibrate, kenlm
from curate.models.label_cli import label
from curate.models.language_cli import language
from curate.models.models_cli import models_app
from curate.models.nsfw_cli import nsfw
from curate.models.quality_cli import quality
from curate.models.tokenizer_cli import tokenizer
from curate.report.clean import printable
from curate.training.mix_cli import mix_app
from curate.training.train_cli import train_app
from curate.trouble import explained

app = typer.Typer(
    add_completion=False,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="markdown",
    help="Build pretraining corpora from raw crawls with LLaMA's recipes, and explain every document.",
)
training_of_models = typer.Typer(no_args_is_help=True, rich_markup_mode="markdown", help="Train a model of your own.")
training_of_models.command()(kenlm)
training_of_models.command()(tokenizer)
training_of_models.command()(quality)
training_of_models.command()(nsfw)
training_of_models.command()(classifier)
training_of_models.command()(language)
models_app.command()(evaluate)
models_app.command()(calibrate)
models_app.command()(label)
models_app.add_typer(training_of_models, name="train")
app.add_typer(models_app)
app.add_typer(train_app)
app.add_typer(mix_app)
OutputFolder = Annotated[str, typer.Argument(help="The folder of a build (its --output).", metavar="DIR")]


@app.command(context_settings={"allow_extra_args": True, "ignore_unknown_options": True})
def build(
    context: typer.Context,
    manifest: Annotated[str, typer.Argument(help="The recipe, a YAML file such as manifests/cc-2020.yaml.")],
    output: Annotated[str | None, typer.Option(help="Where to build; default corpus/NAME.")] = None,
    input: Annotated[
        list[str] | None,
        typer.Option(
            help="Path, folder, glob, URL, cc://CC-MAIN-2020-50; SOURCE=PATH of a mixture; repeatable. Default: sample."
        ),
    ] = None,
    warcs: Annotated[str, typer.Option(help="How many files of a cc:// crawl, or `all`.")] = "",
    set_: Annotated[
        list[str] | None, typer.Option("--set", help="Change one manifest key: filters.language.min_score=0.65")
    ] = None,
    workers: Annotated[
        int | None,
        typer.Option(help="Processes of the in-process runner. Default: one a core, or one for a small input.", min=1),
    ] = None,
    runner: Annotated[str, typer.Option(help="Any Beam runner; its own options follow as they are.")] = "DirectRunner",
    quiet: Annotated[bool, typer.Option("--quiet", help="Print nothing but errors.")] = False,
) -> None:
    """Build a corpus; the same command again takes up where it stopped.

    Options that are not listed here go to Beam, e.g. `--runner SparkRunner --job_endpoint localhost:8099`.
    """
    from pipelines.order import Order

    order = Order(
        recipe=manifest,
        settings=set_ or (),
        output=output,
        inputs=[spec for spec in input or () if spec],
        warcs=warcs,
        workers=workers,
        runner=runner,
        options=tuple(context.args),
        quiet=quiet,
    )
    lines = order.run()
    if not quiet:
        print(hidden("\n".join(lines)))


@app.command()
def explain(
    output: OutputFolder,
    query: Annotated[str, typer.Argument(help="A URL, a document id, or a place: file@offset.", metavar="URL-OR-ID")],
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
    lines: Annotated[bool, typer.Option("--measurements/--no-measurements", help="Print every measurement.")] = True,
) -> None:
    """What happened to a document: each stage, measurement and threshold, and what displaced it."""
    from curate.report.explain import explain as stories_of
    from curate.report.mixture import explain_mixture, read_mixture

    mixture = read_mixture(output)
    stories = stories_of(output, query) if mixture is None else explain_mixture(output, mixture, query)
    if as_json:
        print(
            json.dumps([{**asdict(story), "outcome": story.outcome} for story in stories], indent=2, ensure_ascii=False)
        )
        return
    console = Console(soft_wrap=True, highlight=False)
    for story in stories:
        for key, value in story.subject.items():
            console.print(f"{key}: {printable(str(value))}", markup=False)
        for step in story.steps:
            console.print(f"  {step.stage}: {step.outcome}: {printable(step.detail)}", markup=False)
            if step.stage == "score" and lines:
                for key, value in step.facts.items():
                    console.print(f"      {key} = {printable(str(value))}", markup=False)
            for line in step.facts.get("lines", ()):
                shown = f"line {line['line']}, {line['copies']} copies, also in {line['also_in']}: {line['text']}"
                console.print(f"      {printable(shown)}", markup=False)
        console.print(f"=> {printable(story.outcome)}\n", markup=False)


@app.command()
def report(output: OutputFolder) -> None:
    """Print the account of a build and write report.html anew."""
    from curate.report.html import write_report
    from curate.report.mixture import account, part_folders, read_mixture
    from curate.report.table import account_text
    from pipelines.build import read_summary

    mixture = read_mixture(output)
    if mixture is not None:
        print("\n".join(account(mixture)))
        for folder in part_folders(output, mixture).values():
            print(f"report: {write_report(folder)}")
        return
    print(account_text(read_summary(output)))
    print(f"report: {write_report(output)}")


@app.command()
def plan(
    manifest: Annotated[str, typer.Argument(help="The recipe, a YAML file such as manifests/cc-2020.yaml.")],
    pages: Annotated[
        str, typer.Option(help="Pages, e.g. 3B; default: of one CommonCrawl snapshot, or of --input.")
    ] = "",
    input: Annotated[
        list[str] | None, typer.Option(help="Path, folder, glob, URL or crawl, whose size says how many pages.")
    ] = None,
    warcs: Annotated[str, typer.Option(help="How many files of a cc:// crawl, or `all`.")] = "",
    set_: Annotated[list[str] | None, typer.Option("--set", help="Change one manifest key.")] = None,
    price: Annotated[float, typer.Option(help="Dollars a core-hour.", min=0)] = 0.04,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """What a build would take: core-hours, bytes and memory by stage, from measured rates."""
    from curate.report.plan import SNAPSHOT_FILES, SNAPSHOT_PAGES, lines, read_rates
    from curate.report.plan import plan as reckoned

    recipe = commoncrawl_recipe(manifest, set_ or ())
    rates = read_rates()
    count, files = SNAPSHOT_PAGES, SNAPSHOT_FILES
    if input:
        from curate.crawl_index import parse_count
        from curate.inputs import resolve_inputs
        from curate.sources.registry import source_class

        suffixes = source_class(recipe.source).suffixes
        found = resolve_inputs(list(input), base=".", warcs=parse_count(warcs), suffixes=suffixes)
        files = len(found)
        count = round(sum(max(item.size, 0) for item in found) / rates["input_bytes"])
    if pages:
        from curate.counts import parse_count as written_count

        told = written_count(pages)
        count = told if isinstance(told, int) else int(pages) if pages.isdecimal() else 0
        if count < 1:
            raise UserError(f"--pages {pages!r}: write a number of pages, such as 500M or 3B")
    answer = reckoned(recipe, count, files, rates)
    if as_json:
        print(json.dumps({**asdict(answer), "core_hours": answer.core_hours}, indent=2))
        return
    print("\n".join(lines(answer, rates, price)))


def commoncrawl_recipe(path: str, settings: Sequence[str]) -> Manifest:
    """The recipe at a path, whose rates are known; UserError for a mixture or another source."""
    from curate.mixture import load_recipe

    recipe = load_recipe(path, settings)
    if not isinstance(recipe, Manifest):
        raise UserError(f"{path} is a mixture: plan each of its recipes")
    if recipe.source != "commoncrawl":
        raise UserError(f"{path} is of {recipe.source}: rates were measured for pages of CommonCrawl only")
    return recipe


@app.command()
def status(
    output: OutputFolder,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Where a build stands: what is done, running and left, while it runs here or elsewhere."""
    from curate.report.status import lines
    from curate.report.status import status as builds_in

    found = builds_in(output)
    if as_json:
        print(json.dumps(found, indent=2, ensure_ascii=False))
        return
    print("\n".join(printable(line) for build in found for line in lines(build)))


@app.command()
def verify(output: OutputFolder) -> None:
    """Re-count and re-hash everything that a build wrote; status 1 when one byte is not as written."""
    from curate.report.mixture import RECORD, verify_mixture
    from curate.report.verify import verify as problems_of
    from curate.storage import exists, join

    found = 0
    for problem in verify_mixture(output) if exists(join(output, RECORD)) else problems_of(output):
        found += 1
        print(printable(problem))
    if found:
        raise SystemExit(1)
    print(f"{output}: every file is as it was written")


def main() -> None:
    """Run the command line; a user's mistake is one line on standard error and status 2.

    Whatever is said goes without passwords and keys: an address or an option may have brought them.
    """
    logging.basicConfig(level=logging.ERROR)  # Beam warns at import of what is only there for other runners
    for handler in logging.getLogger().handlers:
        handler.setFormatter(HidingFormatter(logging.BASIC_FORMAT))
    try:
        app()
    except UserError as error:
        print(f"curate: {hidden(str(error))}", file=sys.stderr)
        raise SystemExit(2) from None
    except KeyboardInterrupt:
        print("curate: stopped; the same command takes up where it stopped", file=sys.stderr)
        raise SystemExit(130) from None
    except Exception as error:  # a disk that is full, storage that went away: no defect of the program
        line = explained(error)
        if line is None:
            print(hidden(traceback.format_exc()), file=sys.stderr, end="")
            raise SystemExit(1) from None
        print(f"curate: {printable(hidden(str(line)))}", file=sys.stderr)
        raise SystemExit(2) from None


if __name__ == "__main__":
    main()
