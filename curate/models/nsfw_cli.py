"""`curate models train nsfw`: a classifier of hateful, offensive and adult text, and what it does to whom."""

from __future__ import annotations

import json
import re
import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from curate.errors import UserError

if TYPE_CHECKING:
    from curate.models.nsfw_evidence import Evidence

_LANGUAGE = re.compile(r"[a-z]{2,3}")
_SUFFIXES = (".ftz", ".bin")
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
    lang: Annotated[str, typer.Option("--lang", help="Clean text in others is left out (ISO 639).")] = "en",
    name: Annotated[str | None, typer.Option("--name", help="Default: nsfw-LANG.")] = None,
    output: Annotated[
        Path | None, typer.Option(help="Folder; default: $CURATE_MODELS, else the cache where pulled models are.")
    ] = None,
    settings: Annotated[
        list[str] | None, typer.Option("--set", help="fastText's own, e.g. dim=16, epoch=10, lr=0.1; repeatable.")
    ] = None,
    held_out: Annotated[
        int, typer.Option("--held-out", help="Percent of posts and of sites measured on only.", min=1, max=90)
    ] = 10,
    seed: Annotated[int, typer.Option(help="Of the weak labels and of the training.", min=0, max=2**31 - 1)] = 0,
    quantize: Annotated[bool, typer.Option("--quantize/--no-quantize", help="A tenth of the size (.ftz).")] = True,
    licence: Annotated[str, typer.Option(help="Of the model, for its card (SPDX).")] = "",
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace a model of this name.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the figures as JSON.")] = False,
) -> None:
    """Train an NSFW classifier on labelled and weakly labelled text, and measure it, by groups of people too."""
    from curate.models.naming import free, models_folder, use
    from curate.models.nsfw_evidence import read_sentences
    from curate.models.train_nsfw import SETTINGS, Recipe, train

    if not _LANGUAGE.fullmatch(lang):
        raise UserError(f"--lang {lang!r}: an ISO 639 code such as en or als")
    if no_words and words is not None:
        raise UserError("--words and --no-words: give one of them")
    if adult_domains is not None and not pages:
        raise UserError("--adult-domains finds pages among --pages PATH: name some")
    chosen = _chosen(settings or [])
    name, folder = name or f"nsfw-{lang}", models_folder(output)
    free(name, folder, overwrite, _SUFFIXES)
    sentences = read_sentences(identity) if identity is not None else []
    evidence = _evidence(labelled, clean, lang, (words, no_words, sample), (pages or [], adult_domains), held_out)
    given: list[tuple[str, object, object]] = [
        *(("--labelled", item, None) for item in labelled),
        *(("--clean", item, None) for item in clean),
        ("--words", words, None),
        ("--no-words", no_words, False),
        ("--no-sample", not sample, False),
        *(("--pages", item, None) for item in pages or []),
        ("--adult-domains", adult_domains, None),
        ("--identity", identity, None),
        ("--ablate", ablate, False),
        ("--lang", lang, "en"),
        ("--name", name, f"nsfw-{lang}"),
        *(("--set", setting, None) for setting in settings or []),
        ("--held-out", held_out, 10),
        ("--seed", seed, 0),
        ("--no-quantize", not quantize, False),
        ("--licence", licence, ""),
    ]
    recipe = Recipe(
        language=lang,
        settings={**SETTINGS, **chosen},
        seed=seed,
        quantize=quantize,
        ablate=ablate,
        licence=licence,
        command=_command(given),
    )
    model = folder / f"{name}{_SUFFIXES[not quantize]}"
    hashes = _inputs([*clean, *(pages or [])], [*labelled, words, adult_domains, identity])
    made = train(evidence, sentences, model, recipe, hashes, lambda line: print(line, file=sys.stderr, flush=True))
    (folder / f"{name}{_SUFFIXES[quantize]}").unlink(missing_ok=True)
    if as_json:
        print(json.dumps({"model": str(model), **made}, indent=2, ensure_ascii=False))
        return
    tell(made["measured"])
    print(f"written: {model} and its card. In a manifest:")
    named, more = use(name, model)
    print(f"  filters: {{nsfw: {{models: {{{json.dumps(lang)}: {json.dumps(named)}}}, max_probability: 0.5}}}}")
    if more:
        print(more)


def _evidence(
    labelled: list[Path],
    clean: list[Path],
    lang: str,
    lists: tuple[Path | None, bool, bool],
    crawl: tuple[list[Path], Path | None],
    held_out: int,
) -> Evidence:
    """Everything read. lists: a list of words, whether there is none, whether the sample's pages come in; crawl: pages,
    and a list of the domains whose pages are adult."""
    from curate.models.nsfw_evidence import Evidence, blind_words, clean_documents, read_posts
    from curate.models.weak_labels import adult_pages, packaged, read_list, sample_pages
    from curate.text.badwords import listed_words, ordinary_words
    from curate.text.urls import default_domains

    (words, no_words, sample), (pages, domains) = lists, crawl
    posts = list({post.key: post for path in labelled for post in read_posts(path)}.values())
    listed = read_list(words, "--words") if words is not None else [] if no_words else sorted(listed_words(lang))
    adult = read_list(domains, "--adult-domains") if domains is not None else sorted(default_domains())
    sites = list(adult_pages(clean_documents(pages, lang), adult)) if pages else []
    on_sites = {page.text for page in sites}
    return Evidence(
        posts,
        [text for text in clean_documents(clean, lang) if text.text not in on_sites],
        listed,
        sample_pages() if sample and lang == "en" else [],
        sites,
        blind_words(lang),
        ordinary_words(lang),
        held_out,
        packaged("dialect", lang),
    )


def _chosen(given: list[str]) -> dict[str, int | float]:
    """The settings that were given, checked; UserError for those by which a model would see what it must not know."""
    from curate.models.train_classifier import settings_of

    checked = settings_of(given)
    chosen = {key: checked[key] for key in (setting.partition("=")[0] for setting in given)}
    for key, only in (("wordNgrams", 1), ("minn", 0), ("maxn", 0)):
        if chosen.get(key, only) != only:
            raise UserError(
                f"--set {key}={chosen[key]}: this classifier reads whole words only, so that the names of groups of "
                "people, which it must not know, cannot weigh"
            )
    return {key: value for key, value in chosen.items() if key not in ("minn", "maxn", "wordNgrams", "bucket")}


def _inputs(texts: list[Path], files: list[Path | None]) -> dict[str, str]:
    from curate.models.registry import file_sha256
    from curate.models.texts import file_hashes

    hashes = {path.name: file_sha256(path) for path in files if path is not None}
    # A folder may be named twice, as clean text and as pages.
    return {**file_hashes(sorted(set(texts))), **hashes}


def _command(given: list[tuple[str, object, object]]) -> str:
    """The command line: every option that has not its default."""
    words = ["curate", "models", "train", "nsfw"]
    for option, value, default in given:
        if value != default:
            if isinstance(value, Path):
                value = value.name if value.is_absolute() else value
            words += [option] if value is True else [option, str(value)]
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
    if "adult_pages_found" in measured:
        named = ", ".join(f"{key} {score:.4f}" for key, score in measured.get("adult_pages", {}).items())
        print(
            f"held-out adult or toxic pages found: {measured['adult_pages_found']} of "
            f"{measured['held_out_adult_pages']}{f' ({named})' if named else ''}"
        )
    if "identity_sentences" in measured:
        figures = measured["identity_sentences"]
        print(f"sentences naming groups: ROC AUC {figures['roc_auc']:.4f}; false positives of harmless ones:")
        for at in ("at_threshold", "at_half_of_insults"):
            _tell_groups(f"at {figures[at]['threshold']:g}", figures[at]["false_positive_rate"])
    for key, what in (("posts", "posts labelled harmless"), ("pages", "ordinary pages")):
        if f"{key}_false_positive_rate_by_group" in measured:
            _tell_groups(what, measured[f"{key}_false_positive_rate_by_group"])
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
