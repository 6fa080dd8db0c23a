"""`curate models train nsfw`: a classifier of hateful, offensive and adult text, and what it does to whom."""

from __future__ import annotations

import json
import shlex
import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from curate.errors import UserError

_KIND = "fastText classifier: nsfw (hateful, offensive or adult text) or safe, of lower-case words"
_HIGHEST = 5


def nsfw(
    labelled: Annotated[
        list[Path],
        typer.Option(
            help="CSV with the columns text and label (nsfw, safe), or tweet and class as Davidson et al. have "
            "them; repeatable.",
            metavar="CSV",
        ),
    ],
    clean: Annotated[
        list[Path], typer.Option(help="Ordinary text: dumps, books, JSON lines, WARC, folders; repeatable.")
    ],
    name: Annotated[str, typer.Option("--name", help="What manifests will call it.")],
    output: Annotated[
        Path | None, typer.Option(help="Folder; default: $CURATE_MODELS, else the cache where pulled models are.")
    ] = None,
    language: Annotated[str, typer.Option(help="ISO 639; clean text in others is left out.")] = "en",
    words: Annotated[
        Path | None,
        typer.Option(help="List of explicit words, one a line; default: LDNOOBW's of the language.", metavar="LIST"),
    ] = None,
    no_words: Annotated[bool, typer.Option("--no-words", help="No weak labels from a word list.")] = False,
    sample: Annotated[
        bool,
        typer.Option("--sample/--no-sample", help="Half of the sample crawl's adult and toxic pages (English only)."),
    ] = True,
    pages: Annotated[
        list[Path] | None, typer.Option(help="Crawled pages, in which those of adult sites are found; repeatable.")
    ] = None,
    adult_domains: Annotated[
        Path | None,
        typer.Option("--adult-domains", help="Their domains, one a line; default: the package's own short list."),
    ] = None,
    identity: Annotated[
        Path | None,
        typer.Option(help="CSV with Text and Label (BAD, NOT_BAD): sentences naming groups, to measure on only."),
    ] = None,
    ablate: Annotated[
        bool, typer.Option("--ablate", help="Also train without each source of labels, to say what each gives.")
    ] = False,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace a model of this name.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the figures as JSON.")] = False,
) -> None:
    """Train an NSFW classifier on labelled and weakly labelled text, and measure it, by groups of people too."""
    from curate.models import nsfw_figures
    from curate.models.cards import write_card
    from curate.models.fasttext_model import FastTextModel
    from curate.models.naming import free, models_folder
    from curate.models.train_nsfw import SETTINGS, Evidence, blind_words, clean_documents, read_posts, train
    from curate.models.weak_labels import adult_pages, packaged, read_list, sample_pages

    if no_words and words is not None:
        raise UserError("--words and --no-words: give one of them")
    if adult_domains is not None and not pages:
        raise UserError("--adult-domains finds pages among --pages PATH: name some")
    folder = models_folder(output)
    free(name, folder, overwrite)
    sentences = nsfw_figures.read_sentences(identity) if identity is not None else []
    posts = list({post.key: post for path in labelled for post in read_posts(path)}.values())
    domains = read_list(adult_domains, "--adult-domains") if adult_domains is not None else _default_domains()
    sites = list(adult_pages(clean_documents(pages, language), domains)) if pages else []
    on_sites = {page.text for page in sites}
    evidence = Evidence(
        posts,
        [text for text in clean_documents(clean, language) if text.text not in on_sites],
        _words(language, words, no_words),
        sample_pages() if sample and language == "en" else [],
        sites,
        blind_words(language),
        packaged("ordinary", language),
    )
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{name}.ftz"

    def say(line: str) -> None:
        print(line, file=sys.stderr, flush=True)

    examples = train(evidence, path, progress=say)
    measured = nsfw_figures.measure(FastTextModel(path), evidence.part(held_out=True), sentences, language)
    if ablate:
        measured["ablation"] = nsfw_figures.ablate(evidence, sentences, measured, language, say)
    given: list[tuple[str, object]] = [
        *(("--labelled", item) for item in labelled),
        *(("--clean", item) for item in clean),
        *([("--words", words)] if words else []),
        *([("--no-words", None)] if no_words else []),
        *([] if sample else [("--no-sample", None)]),
        *(("--pages", item) for item in pages or []),
        *([("--adult-domains", adult_domains)] if adult_domains else []),
        *([("--identity", identity)] if identity else []),
        *([("--ablate", None)] if ablate else []),
        *([("--language", language)] if language != "en" else []),
        ("--name", name),
    ]
    learnt = evidence.part(held_out=False)
    write_card(
        path,
        kind=_KIND,
        role="nsfw",
        licence="Apache-2.0",
        command=_command(given),
        languages=[language],
        parameters={**SETTINGS, "quantized": True, "words_it_must_not_know": len(evidence.blind)},
        data={
            "examples": examples,
            "posts": len(learnt.posts),
            "clean_documents": len(learnt.clean),
            "listed_words": len(evidence.words),
            "sample_pages": sorted(page.key for page in learnt.sample),
            "pages_of_adult_sites": len(learnt.sites),
        },
        inputs=_inputs([*clean, *(pages or [])], [*labelled, words, adult_domains, identity]),
        measured=measured,
        limits=list(nsfw_figures.LIMITS),
    )
    if as_json:
        print(json.dumps({"model": str(path), "examples": examples, "measured": measured}, indent=2))
        return
    tell(measured)
    print(f"written: {path} and its card")


def _words(language: str, path: Path | None, none: bool) -> list[str]:
    from importlib.resources import files

    from curate.models.weak_labels import read_list
    from curate.text.urls import entries

    if none:
        return []
    if path is not None:
        return read_list(path, "--words")
    packaged = files("curate.text").joinpath("wordlists", "ldnoobw", f"{language}.txt")
    return entries(packaged.read_text("utf-8").split("\n")) if packaged.is_file() else []


def _default_domains() -> list[str]:
    from curate.text.urls import default_domains

    return sorted(default_domains())


def _inputs(texts: list[Path], files: list[Path | None]) -> dict[str, str]:
    from curate.models.registry import file_sha256
    from curate.models.texts import file_hashes

    hashes = {path.name: file_sha256(path) for path in files if path is not None}
    # A folder may be named twice, as clean text and as pages.
    return {**file_hashes(sorted(set(texts))), **hashes}


def _command(given: list[tuple[str, object]]) -> str:
    words = ["curate", "models", "train", "nsfw"]
    for option, value in given:
        words.append(option)
        if isinstance(value, Path):
            value = value.name if value.is_absolute() else value
        words += [] if value is None else [str(value)]
    return shlex.join(words)


def tell(measured: dict[str, Any]) -> None:
    """The figures of `nsfw_figures.measure`, for people."""
    if "roc_auc_posts" in measured:
        point = measured["posts"]
        counts = ", ".join(f"{count} {kind}" for kind, count in measured["held_out_posts"].items())
        print(f"held-out posts ({counts}): ROC AUC {measured['roc_auc_posts']:.4f}")
        print(
            f"  at {point['threshold']:g}: precision {point['precision']:.4f}, recall {point['recall']:.4f}, "
            f"false positives {point['false_positive_rate']:.4f}"
        )
    for kind, rate in measured.get("pages_over_threshold", {}).items():
        print(f"held-out {kind} ({measured['held_out_pages'][kind]}): {rate:.4f} over the threshold")
    for key, score in measured.get("adult_pages", {}).items():
        print(f"held-out adult or toxic page {key}: P {score:.4f}")
    if "identity_sentences" in measured:
        figures = measured["identity_sentences"]
        print(f"sentences naming groups: ROC AUC {figures['roc_auc']:.4f}; false positives of harmless ones:")
        for at in ("at_threshold", "at_half_of_insults"):
            _tell_groups(f"at {figures[at]['threshold']:g}", figures[at]["false_positive_rate"])
    if "posts_false_positive_rate_by_group" in measured:
        _tell_groups("posts labelled harmless", measured["posts_false_positive_rate_by_group"])
    if "dialect" in measured:
        row = measured["dialect"]
        print(
            f"  posts with spellings of African-American English ({row['posts']}): {row['false_positive_rate']:.4f} "
            f"beside {row['average']:.4f}{' FLAGGED' if row['flagged'] else ''}"
        )
    for name, row in measured.get("ablation", {}).items():
        print(f"ablation, {name}: " + ", ".join(f"{key} {value}" for key, value in row.items()))


def _tell_groups(where: str, found: dict[str, Any]) -> None:
    rates = found["groups"]
    highest = sorted(rates, key=lambda group: (-rates[group], group))
    shown = [*found["flagged"], *(group for group in highest[:_HIGHEST] if group not in found["flagged"])]
    print(
        f"  {where}: average {found['average']:.4f} of {len(rates)} groups; "
        + (", ".join(f"{g} {rates[g]:.4f}{' FLAGGED' if g in found['flagged'] else ''}" for g in shown) or "none named")
    )
