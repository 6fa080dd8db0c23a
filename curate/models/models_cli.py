"""`curate models list` and `curate models pull`: which models are here, where from and how good, and more of them."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from curate.errors import UserError
from curate.report.clean import printable

if TYPE_CHECKING:
    from curate.download import Progress

models_app = typer.Typer(
    name="models",
    no_args_is_help=True,
    help="Reference models: list what is here, bring public ones.",
    add_completion=False,
)
_GOOD = ("accuracy", "macro_accuracy", "roc_auc", "auc", "precision", "recall", "f1")
_SHORT = 12


@models_app.command("list")
def list_models(
    everything: Annotated[
        bool, typer.Option("--all", help="Also every language of CCNet's models that are not here.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """What can be named in a manifest, and what can be pulled."""
    here = models_here()
    absent = models_to_pull(here)
    if as_json:
        print(json.dumps([*here, *absent], indent=2, ensure_ascii=False))
        return
    for model in here:
        _show(model)
    print("\nNot here yet; `curate models pull NAME` brings them:")
    for model in absent if everything else _by_family(absent):
        _show(model)


@models_app.command()
def pull(
    names: Annotated[
        list[str], typer.Argument(help="As `list` names them; ccnet-fr is both of a language's.", metavar="NAME…")
    ],
    source: Annotated[
        Path | None, typer.Option("--from", help="Take it from this file, your own copy, and not from the network.")
    ] = None,
    quiet: Annotated[bool, typer.Option("--quiet", help="Print nothing but errors.")] = False,
) -> None:
    """Bring public models here, checked; the same command again takes up where it stopped."""
    from dataclasses import replace

    from curate.models.published import find
    from curate.models.pull import PATIENCE, pull

    models = [model for name in names for model in find(name)]
    if source is not None and len(models) != 1:
        raise UserError(f"--from gives one file, but {', '.join(model.name for model in models)} are {len(models)}")

    def say(line: str) -> None:
        if not quiet:
            print(line, file=sys.stderr)

    for model in models:
        with _bar(model.name, quiet) as progress:
            found = pull(model, source=source, retry=replace(PATIENCE, say=say), progress=progress)
        if not quiet:
            how = "is here already" if not found.brought else f"{size_text(found.size)} to {found.path}"
            print(f"{found.name}: {how}; name it {found.name}@sha256:{found.sha256} to pin it")
            if found.brought and found.checked == "first pull":
                print(f"{found.name}: no sha256 is published for it; from now on it must be this one")


def models_here() -> list[dict[str, Any]]:
    """A row for each model that `curate.models.registry.resolve` finds by name, in order of name.

    name, where (shipped, pulled or own), file, kind, languages, bytes, sha256, licence, origin, measured (of its card).
    """
    from curate.models.cards import DEFAULT_FOLDER
    from curate.models.registry import card, file_sha256, known, locate

    rows = []
    for name in known():
        try:
            path = locate(name)
        except UserError:
            continue  # a card whose file is gone
        described = card(name) or {}
        size = path.stat().st_size
        if (described.get("file"), described.get("bytes")) != (path.name, size):
            described = {}  # the card of another file
        shipped = path.parent == DEFAULT_FOLDER
        rows.append(
            {
                "name": name,
                "where": "shipped" if shipped else "pulled" if "seal" in described else "own",
                "file": str(path),
                "kind": str(described.get("kind", "no card")),
                "languages": [str(language) for language in described.get("languages") or ()],
                "bytes": size,
                # Some have gigabytes; `resolve` reads the file whenever a model is used.
                "sha256": str(described.get("sha256") or file_sha256(path)),
                "licence": str(described.get("licence", "")),
                "origin": str(described.get("origin", "")) or ("trained by curate" if shipped else ""),
                "measured": described.get("measured") or {},
            }
        )
    return rows


def models_to_pull(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Rows of the public models that are not among those here; bytes is None, and sha256 "" where none is published."""
    from curate.models.published import catalogue

    here = {model["name"] for model in rows}
    same = {model["sha256"]: model["name"] for model in rows}
    return [
        {
            "name": model.name,
            "where": f"here as {same[model.sha256]}" if model.sha256 in same else "not here",
            "file": "",
            "kind": model.kind,
            "languages": list(model.languages),
            "bytes": None,
            "sha256": model.sha256,
            "licence": model.licence,
            "origin": model.url or f"your own copy, with --from FILE ({model.documentation})",
            "measured": {},
        }
        for model in catalogue().values()
        if model.name not in here
    ]


def headline(measured: dict[str, Any]) -> str:
    """The figures of a card that say how good the model is, in one line; "" where it has none."""
    by_kind = measured.get("macro_accuracy")
    if isinstance(by_kind, dict) and all(isinstance(row, dict) and "filter" in row for row in by_kind.values()):
        rows = ((kind, by_kind[kind]) for kind in sorted(by_kind, key=lambda kind: (kind != "sentences", kind)))
        return ", ".join(f"macro accuracy of {kind} {row['filter']:g} (alone {row['alone']:g})" for kind, row in rows)
    against = measured.get("wikipedia_against_crawl")
    if isinstance(against, dict) and {"wikipedia_median", "crawl_30th_percentile"} <= against.keys():
        low, cut = against["wikipedia_median"], against["crawl_30th_percentile"]
        return f"median perplexity of Wikipedia {low:g}, 30th percentile of crawl pages {cut:g}"
    plain = {key: value for key, value in measured.items() if isinstance(value, float)}
    good = [key for key in plain if key.startswith(_GOOD)]
    if good:
        return ", ".join(f"{key} {plain[key]:g}" for key in sorted(good, key=lambda key: (_rank(key), key))[:3])
    for key in sorted(measured):
        figures = measured[key]
        if isinstance(figures, dict) and figures and all(isinstance(value, float) for value in figures.values()):
            return f"{key}: " + ", ".join(f"{name} {figures[name]:g}" for name in sorted(figures)[:4])
    return ", ".join(f"{key} {plain[key]:g}" for key in sorted(plain)[:3])


def _rank(key: str) -> int:
    return next(rank for rank, prefix in enumerate(_GOOD) if key.startswith(prefix))


def size_text(size: int | None) -> str:
    """Bytes as people read them: 5.7 MB."""
    if size is None:
        return "-"
    amount, unit = float(size), "B"
    for larger in ("kB", "MB", "GB"):
        if amount < 1000:
            break
        amount, unit = amount / 1000, larger
    return f"{amount:.0f} {unit}" if unit == "B" or amount >= 100 else f"{amount:.1f} {unit}"


def _by_family(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """CCNet's languages in one row for each kind of model."""
    found: dict[str, dict[str, Any]] = {}
    for row in rows:
        name = row["name"]
        if name.startswith("ccnet-"):
            (language,) = row["languages"]
            name = f"{name.removesuffix(language)}LANG"
            origin = row["origin"].replace(f"/{language}.", "/LANG.")
            family = found.setdefault(name, {**row, "name": name, "languages": [], "origin": origin})
            family["languages"].append(language)
        else:
            found[name] = row
    return list(found.values())


def _show(model: dict[str, Any]) -> None:
    sha256 = model["sha256"][:_SHORT] or "pinned by the first pull"
    languages = " ".join(model["languages"]) or "-"
    print(f"{model['name']}  {model['where']}  {size_text(model['bytes'])}  sha256 {sha256}")
    print(f"    {printable(model['kind'])}; {printable(languages)}")
    print(f"    licence: {printable(model['licence']) or '-'}; from: {printable(model['origin']) or '-'}")
    if model["bytes"] is not None:
        print(f"    how good: {printable(headline(model['measured'])) or 'not measured'}")


@contextmanager
def _bar(name: str, quiet: bool) -> Iterator[Progress | None]:
    """A progress bar on a terminal, nothing elsewhere."""
    if quiet or not sys.stderr.isatty():
        yield None
        return
    from rich.console import Console
    from rich.progress import BarColumn, DownloadColumn, Progress, TimeRemainingColumn, TransferSpeedColumn

    columns = ("[progress.description]{task.description}", BarColumn(), DownloadColumn(), TransferSpeedColumn())
    with Progress(*columns, TimeRemainingColumn(), console=Console(stderr=True), transient=True) as shown:
        task = shown.add_task(name, total=None)
        yield lambda done, total, _: shown.update(task, completed=done, total=total if total >= 0 else None)
