"""`curate models train kenlm` and `curate models calibrate`: CCNet's perplexity for a language of a user's own."""

from __future__ import annotations

import json
import re
import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from curate.errors import UserError

if TYPE_CHECKING:
    from curate.models.calibrate import Calibration

_LANGUAGE = re.compile(r"[a-z]{2,3}(?:[-_][a-z0-9]{1,20}){0,3}")
FEW_PAGES = 200
"""With so many pages the 30th percentile is found between the 24th and the 36th, 19 times of 20."""
_TEXTS = "Files or folders: dumps, WARC, WET, JSON lines, Parquet, text; repeatable."


def kenlm(
    lang: Annotated[str, typer.Option("--lang", help="ISO 639 code; texts in other languages are left out.")],
    texts: Annotated[list[Path], typer.Option("--from", help=f"{_TEXTS} CCNet trains on Wikipedia.", metavar="PATH")],
    pages: Annotated[
        list[Path] | None,
        typer.Option("--calibrate", help="Crawl pages whose 30th and 60th percentile become the cutoffs; repeatable."),
    ] = None,
    name: Annotated[
        str | None, typer.Option("--name", help="Default: kenlm-<lang>, over the pieces sp-<lang>.")
    ] = None,
    output: Annotated[
        Path | None, typer.Option(help="Folder; default: $CURATE_MODELS, else the cache where pulled models are.")
    ] = None,
    documents: Annotated[int, typer.Option(help="Texts for the 5-grams at most, by hash.", min=1)] = 1_000_000,
    pieces_documents: Annotated[
        int, typer.Option("--pieces-documents", help="Texts for SentencePiece at most, by hash.", min=1)
    ] = 400_000,
    vocabulary: Annotated[
        str, typer.Option(help="Pieces; each number is tried, and the text must support it.", metavar="N,N…")
    ] = "65536,40000",
    opening: Annotated[
        bool, typer.Option("--opening/--whole", help="Of a Wikipedia article what is before its first heading.")
    ] = True,
    prune: Annotated[
        str,
        typer.Option(help="lmplz --prune: for each order 1 to 5 the count up to which n-grams go.", metavar="0,0,N…"),
    ] = "",
    no_prune: Annotated[
        bool, typer.Option("--no-prune", help="Keep every n-gram, as CCNet does (the default).")
    ] = False,
    quantize: Annotated[
        int,
        typer.Option(help="Bits of a number in a trie (8: a fifth of the size); 0: CCNet's hash table.", min=0, max=25),
    ] = 0,
    memory: Annotated[str, typer.Option(help="Of lmplz, its -S: 1G, 50%.")] = "1G",
    held_out: Annotated[
        int, typer.Option("--held-out", help="Percent not trained on, but measured on.", min=1, max=50)
    ] = 10,
    licence: Annotated[str, typer.Option(help="Of the model, for its card (SPDX).")] = "",
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace a model of this name.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the figures as JSON.")] = False,
) -> None:
    """Train SentencePiece pieces and a KenLM 5-gram as CCNet does, measure them on text held out, and write cards."""
    from curate.models.naming import free, models_folder

    if not _LANGUAGE.fullmatch(lang):
        raise UserError(f"--lang {lang!r}: an ISO 639 code such as fr or als")
    if no_prune and prune:
        raise UserError("give one of --prune and --no-prune")
    name, folder = name or f"kenlm-{lang}", models_folder(output)
    vocabularies = _numbers("--vocabulary", vocabulary, 1, 8, 16)
    pruning = _numbers("--prune", prune, 1, 5, 0) if prune else ()
    if pruning and (pruning[0] != 0 or list(pruning) != sorted(pruning)):
        raise UserError(f"--prune {prune}: starts with 0 and never falls, as lmplz wants it")
    if not re.fullmatch(r"\d{1,6}(?:[bKMGT%]|)", memory):
        raise UserError(f"--memory {memory!r}: a number with K, M, G or %")

    from curate.models.train_kenlm import Recipe, pieces_name, train

    free(name, folder, overwrite, (".binary",))
    free(pieces_name(name), folder, overwrite, (".model",))
    more = {"--documents": (documents, 1_000_000), "--pieces-documents": (pieces_documents, 400_000)}
    more |= {"--quantize": (quantize, 0), "--held-out": (held_out, 10)}
    command = ["curate", "models", "train", "kenlm", "--lang", lang]
    command += [word for path in texts for word in ("--from", _shown(path))]
    command += [word for path in pages or [] for word in ("--calibrate", _shown(path))]
    command += ["--name", name] if name != f"kenlm-{lang}" else []
    command += [word for option, (value, usual) in more.items() if value != usual for word in (option, str(value))]
    command += ["--vocabulary", vocabulary] if vocabulary != "65536,40000" else []
    command += [] if opening else ["--whole"]
    command += ["--prune", prune] if prune else []
    command += ["--licence", licence] if licence else []
    recipe = Recipe(
        language=lang,
        pieces_documents=pieces_documents,
        documents=documents,
        vocabularies=vocabularies,
        opening=opening,
        prune=pruning,
        quantize=quantize,
        memory=memory,
        held_out=held_out,
        licence=licence,
        command=shlex.join(command),
    )
    made = train(name, texts, folder, recipe, pages or [])
    found = made.calibration
    if as_json:
        cutoffs = {"cutoffs": list(found.cutoffs), "pages": found.pages} if found else {}
        told = {"model": str(made.model), "pieces": str(made.pieces), "vocabulary": made.vocabulary}
        print(json.dumps({**told, "documents": made.documents, "measured": made.measured, **cutoffs}, indent=2))
        return
    print(f"trained on {made.documents} documents, {made.vocabulary} pieces; on documents held out:")
    _tell(made.measured)
    print(f"written: {made.model}, {made.pieces} and their cards")
    named = _named(name, folder, made.model)
    if found:
        _tell_cutoffs(lang, found)
        print(f"In a manifest: filters: {{perplexity: {{models: {{{lang}: {json.dumps(named)}}}}}}}")
    else:
        print(f"no cutoffs yet: `curate models calibrate {named} --on PAGES` finds them on crawl pages of yours")


def calibrate(
    name: Annotated[str, typer.Argument(help="A KenLM model: kenlm-fr, ccnet-kenlm-fr, or a path.")],
    on: Annotated[list[Path], typer.Option("--on", help=f"Crawl pages. {_TEXTS}", metavar="PATH")],
    lang: Annotated[str | None, typer.Option("--lang", help="Default: the language of the model's card.")] = None,
    tokenizer: Annotated[
        str, typer.Option("--tokenizer", help="Its SentencePiece model, where the card does not name it.")
    ] = "",
    as_json: Annotated[bool, typer.Option("--json", help="Print the figures as JSON.")] = False,
) -> None:
    """Find the perplexities that cut pages of yours at 30 and 60 percent, and write them to the model's card."""
    from curate.models.calibrate import calibrate as find
    from curate.models.calibrate import new_card, write_cutoffs
    from curate.models.perplexity import described, open_model
    from curate.models.registry import resolve

    model = resolve(name)
    known = described(name)
    language = lang or str((known.get("languages") or [""])[0])
    if not language:
        raise UserError(f"the card of {name} states no language: give --lang")
    found = find(open_model(name, tokenizer), language, on)
    written = write_cutoffs(model.path, language, found, known or new_card(model.path, language))
    if as_json:
        low, high = found.cutoffs
        print(json.dumps({"language": language, "p30": low, "p60": high, "pages": found.pages, "written": written}))
        return
    _tell_cutoffs(language, found)
    if written:
        print(f"written to the card of {name}")
    else:
        low, high = found.cutoffs
        print(
            f"{name} comes with curate, and its card stays: in a manifest give cutoffs: {{{language}: [{low}, {high}]}}"
        )


def _numbers(option: str, given: str, least: int, most: int, smallest: int) -> tuple[int, ...]:
    parts = given.replace(" ", ",").split(",")
    if not (least <= len(parts) <= most and all(re.fullmatch(r"\d{1,7}", part) for part in parts)):
        raise UserError(f"{option} {given!r}: {least} to {most} whole numbers with commas between")
    numbers = tuple(int(part) for part in parts)
    if min(numbers) < smallest:
        raise UserError(f"{option} {given!r}: at least {smallest} each")
    return numbers


def _shown(path: Path) -> str:
    """A path as it was given; of an absolute one the name, since where a machine keeps its files is no one's matter."""
    return path.name if path.is_absolute() else str(path)


def _named(name: str, folder: Path, model: Path) -> str:
    from curate.models.registry import folders

    if folder.resolve() in [known.resolve() for known in folders()]:
        return name
    return str(model) if "/" in str(model) else f"./{model}"


def _tell(measured: dict[str, Any]) -> None:
    if not measured["perplexity"]:
        print("  none: there are too few documents; --held-out PERCENT holds out more of them")
    for kind, row in measured["perplexity"].items():
        print(
            f"  {kind}: {row['documents']} documents, perplexity: median {row['median']}, "
            f"p10 {row['p10']}, p30 {row['p30']}, p60 {row['p60']}, p90 {row['p90']}"
        )
    if measured["share_below_the_same_words_sorted"] is not None:
        print(f"  below the same words sorted: {measured['share_below_the_same_words_sorted']:.4f} of documents")
    against = measured.get("wikipedia_against_crawl")
    if against:
        print(
            f"  Wikipedia's median {against['wikipedia_median']}, the crawl's 30th percentile "
            f"{against['crawl_30th_percentile']}; below it: {against['wikipedia_share_below']:.4f} of Wikipedia"
        )


def _tell_cutoffs(language: str, found: Calibration) -> None:
    low, high = found.cutoffs
    print(f"{language}: head below {low}, tail from {high} on: 30 % and 60 % of {found.pages} pages")
    if found.pages < FEW_PAGES:
        print(f"  few pages: with fewer than {FEW_PAGES} the cutoffs are a matter of chance; calibrate on more")
