"""`curate models train quality`: LLaMA-1's classifier of pages like those that Wikipedia cites."""

from __future__ import annotations

import json
import re
import shlex
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from curate.errors import UserError

if TYPE_CHECKING:
    from curate.inputs import InputFile
    from curate.models.quality_data import Crawl
    from curate.models.texts import TrainingText

_LANGUAGE = re.compile(r"[a-z]{2,3}")
_SUFFIXES = (".ftz", ".bin")
_TOLD_EVERY = 50_000
_USUAL_PAGES = 100_000


def quality(
    dumps: Annotated[
        list[Path] | None,
        typer.Option("--dump", help="Wikipedia dump whose citations name the positives; repeatable.", metavar="PATH"),
    ] = None,
    crawl: Annotated[
        list[str] | None,
        typer.Option("--crawl", help="WARC, WET, a folder of them, or a build's folder; repeatable.", metavar="PATH"),
    ] = None,
    positives: Annotated[
        list[Path] | None, typer.Option("--positives", help="Text to be found, without a dump; repeatable.")
    ] = None,
    negatives: Annotated[
        list[Path] | None, typer.Option("--negatives", help="Text like that of any crawl; repeatable.")
    ] = None,
    lang: Annotated[str, typer.Option("--lang", help="The pages' language, as lid.176 names it.")] = "en",
    name: Annotated[str | None, typer.Option("--name", help="Default: quality-LANG.")] = None,
    output: Annotated[
        Path | None, typer.Option(help="Folder; default: $CURATE_MODELS, else the cache where pulled models are.")
    ] = None,
    pages: Annotated[
        int, typer.Option(help="Most cited pages, and most others, that are sampled of a crawl.", min=20)
    ] = _USUAL_PAGES,
    keep: Annotated[
        float, typer.Option(help="Share of crawl pages to find the threshold for (DCLM: 0.1).", min=0.001, max=1)
    ] = 0.1,
    settings: Annotated[
        list[str] | None, typer.Option("--set", help="fastText's own, e.g. dim=100, epoch=5, lr=0.1; repeatable.")
    ] = None,
    held_out: Annotated[
        int, typer.Option("--held-out", help="Percent of sites not trained on, but measured on.", min=1, max=90)
    ] = 20,
    seed: Annotated[int, typer.Option(help="Of the samples and of the training.", min=0, max=2**31 - 1)] = 0,
    quantize: Annotated[bool, typer.Option("--quantize/--no-quantize", help="A tenth of the size (.ftz).")] = True,
    licence: Annotated[str, typer.Option(help="Of the model, for its card (SPDX).")] = "",
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace a model of this name.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the figures as JSON.")] = False,
) -> None:
    """Train the filter `quality`: on crawl pages that Wikipedia cites against others (--dump, --crawl), or on texts
    that stand for both (--positives, --negatives)."""
    from curate.models.naming import free, models_folder, use

    if not _LANGUAGE.fullmatch(lang):
        raise UserError(f"--lang {lang!r}: an ISO 639 code such as en or als")
    ways = bool(dumps) + bool(crawl), bool(positives) + bool(negatives)
    if ways not in ((2, 0), (0, 2)):
        raise UserError("give --dump and --crawl, or --positives and --negatives")
    name, folder = name or f"quality-{lang}", models_folder(output)
    free(name, folder, overwrite, _SUFFIXES)

    from curate.models.quality_data import LENGTHS
    from curate.models.train_quality import SETTINGS, Recipe, train

    given: list[tuple[str, object, object]] = [
        *(("--dump", _shown(str(path)), None) for path in dumps or []),
        *(("--crawl", _shown(path), None) for path in crawl or []),
        *(("--positives", _shown(str(path)), None) for path in positives or []),
        *(("--negatives", _shown(str(path)), None) for path in negatives or []),
        ("--lang", lang, "en"),
        ("--name", name, f"quality-{lang}"),
        ("--pages", pages, _USUAL_PAGES),
        ("--keep", keep, 0.1),
        *(("--set", setting, None) for setting in settings or []),
        ("--held-out", held_out, 20),
        ("--seed", seed, 0),
        ("--no-quantize", not quantize, False),
        ("--licence", licence, ""),
    ]
    recipe = Recipe(
        language=lang,
        settings={**SETTINGS, **_chosen(settings or [])},
        held_out=held_out,
        seed=seed,
        keep=keep,
        lengths=() if dumps else LENGTHS,
        quantize=quantize,
        licence=licence,
        command=_command(given),
    )
    suffix = _SUFFIXES[not quantize]
    model = folder / f"{name}{suffix}"
    if dumps and crawl:
        found, inputs, read = _from_crawl(dumps, crawl, recipe.language, pages, seed)
        if not as_json:
            print(
                f"read: {read['pages']} pages, {read['other_language']} of another language; {read['short']} too "
                f"short; cited by Wikipedia: {read['cited']} (of {read['cited_urls']} addresses that it cites)"
            )
        made = train(found.positives, found.negatives, model, recipe, inputs, read)
    else:
        sides, inputs = _from_texts(positives or [], negatives or [], lang)
        made = train(*sides, model, recipe, inputs)
    (folder / f"{name}{_SUFFIXES[quantize]}").unlink(missing_ok=True)
    if as_json:
        print(json.dumps({"model": str(model), **made}, indent=2, ensure_ascii=False))
        return
    tell(made)
    print(f"written: {model} and its card. In a manifest:")
    named, more = use(name, model)
    print(f"  filters: {{quality: {{models: {{{json.dumps(lang)}: {json.dumps(named)}}}, min_wiki: 0.25}}}}")
    if more:
        print(more)


def _from_crawl(
    dumps: list[Path], crawl: list[str], language: str, most: int, seed: int
) -> tuple[Crawl, dict[str, str], dict[str, int]]:
    """The pages, hashes of the files, and what was read."""
    from curate.inputs import resolve_inputs
    from curate.models.cited_keys import CitedKeys
    from curate.models.cited_pages import pages_of_build, pages_of_crawl
    from curate.models.quality_data import cited_and_others, dumps_of
    from curate.models.references import ReferenceCounts, references
    from curate.models.registry import file_sha256

    files = dumps_of(dumps)
    builds = [path for path in crawl if Path(path, "documents").is_dir()]
    specs = [path for path in crawl if path not in builds]
    inputs = resolve_inputs(specs, base=".") if specs else []
    counts = ReferenceCounts()
    keys = CitedKeys.of(found.key for path in files for found in references(path, counts))
    if not len(keys):
        raise UserError(f"no page is cited in {', '.join(map(str, files))}")

    def every() -> Iterator[tuple[str, str]]:
        read = 0
        for pages in (*(pages_of_build(path) for path in builds), pages_of_crawl(inputs)):
            for page in pages:
                yield page
                read += 1
                if read % _TOLD_EVERY == 0:
                    print(f"read {read} pages", file=sys.stderr, flush=True)

    found = cited_and_others(keys, every(), language, most, seed)
    hashes = {path.name: file_sha256(path) for path in files}
    hashes |= {item.file: _hash(item) for item in inputs}
    for path in builds:
        hashes[f"{Path(path).name}/summary.json"] = file_sha256(Path(path, "summary.json"))
    read = {**found.counts, "references": counts.refs, "cited_urls": len(keys)}
    return found, dict(sorted(hashes.items())), read


def _hash(item: InputFile) -> str:
    """sha256 of a local file; of one elsewhere what its server says of it."""
    from curate.models.registry import file_sha256

    path = Path(item.path)
    return file_sha256(path) if path.is_file() else f"etag:{item.etag}"


def _from_texts(
    positives: list[Path], negatives: list[Path], language: str
) -> tuple[tuple[list[TrainingText], list[TrainingText]], dict[str, str]]:
    from curate.models.quality_data import site, usable
    from curate.models.texts import file_hashes, read_texts

    inputs = file_hashes([*positives, *negatives])
    good = list(usable(read_texts(positives), language))
    # A crawl has Wikipedia's pages too, and they are no example of what is not like it.
    others = (text for text in usable(read_texts(negatives), language) if site(text.url) != "wikipedia.org")
    return (good, list(others)), inputs


def tell(made: dict[str, Any]) -> None:
    """The figures, a line each."""
    data, measured = made["data"], made["measured"]
    trained = ", ".join(f"{count} of {kind}" for kind, count in data["documents"].items())
    left_out = sum(data["copies_left_out"].values())
    print(f"trained on {trained} ({data['examples']['wiki']} examples of each side; {left_out} near copies left out)")
    held_out = ", ".join(f"{count} of {kind}" for kind, count in measured["held_out_documents"].items())
    print(f"held out: {held_out}; {measured['held_out_sites']} sites")
    if "roc_auc" in measured:
        print(f"ROC AUC {measured['roc_auc']:.4f} ({measured['pieces_of_each_side']} of the same lengths on each side)")
        for pair, value in measured["roc_auc_by_kind"].items():
            print(f"  {pair}: {value:.4f}")
        for point in measured["operating_points"]:
            print(
                f"  at {point['threshold']:.6g}: precision {point['precision']:.4f}, recall {point['recall']:.4f}, "
                f"false positives {point['false_positive_rate']:.4f}"
            )
    kept = ", ".join(f"{kind} {share:.4f}" for kind, share in measured["kept_at_threshold"].items())
    print(f"kept at 0.25: {kept}")
    if keeping := measured.get("keeping"):
        print(f"to keep {keeping['share']:g} of {keeping['pages']} crawl pages: min_wiki {keeping['threshold']:.6g}")


def _chosen(given: list[str]) -> dict[str, int | float]:
    """The settings that were given, checked."""
    from curate.models.train_classifier import settings_of

    checked = settings_of(given)
    return {key: checked[key] for key in (setting.partition("=")[0] for setting in given)}


def _command(given: list[tuple[str, object, object]]) -> str:
    """The command line: every option that has not its default."""
    words = ["curate", "models", "train", "quality"]
    for option, value, default in given:
        if value != default:
            words += [option] if value is True else [option, str(value)]
    return shlex.join(words)


def _shown(path: str) -> str:
    """As it was given, but no folder of this machine."""
    return Path(path).name if Path(path).is_absolute() else path
