"""The training of an NSFW classifier: fastText on labelled posts, and on weak labels (`curate.models.weak_labels`).

Positives are posts labelled hateful or offensive (such as Davidson et al. 2017), strung together to the length of
pages; clean text into which entries of a word list are put thickly; adult and toxic pages of the sample crawl; pages
of hosts on a list of adult sites. Negatives are posts labelled neither, strung together the same way, and clean text.

Llama-2 (Touvron et al. 2023b, §4.1 and figure 13) left toxic data in on purpose: scrubbing it costs what a model could
learn about hate, and "can also result in the accidental erasure of some demographic groups". So the classifier is
blind to the names of groups of people and to the spellings of African-American English (whose speakers the labels of
Davidson et al. themselves wrong; Sap et al. 2019): those words are not in its vocabulary, and cannot weigh.
Single words do as well as pairs here, and cost half; pairs, and pieces of words, would also undo the blindness.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from curate.errors import UserError
from curate.models.cards import write_card
from curate.models.fasttext_model import FastTextModel, plain_words
from curate.models.nsfw_evidence import ADULT_HELD_OUT, SOURCES, Evidence, Sentence
from curate.models.nsfw_figures import POSITIVE, limits, measure, row
from curate.models.supervised import fit, staged
from curate.models.weak_labels import Blindfold, clean_pieces, salted, split_entries, strung

NEGATIVE = "safe"
SETTINGS: Mapping[str, int | float] = {"dim": 16, "epoch": 10, "lr": 0.1, "minCount": 4}
SALTED = 0.6
NEITHER_REPEATED = 3
# Posts labelled neither that are in the dialect come so often more, strung together by themselves: what else their
# speakers say is then no sign of an offence either.
DIALECT_REPEATED = 6
# Clean pieces with an entry of the word list (`sex` in a medical page) come more often than the others.
ORDINARY_REPEATED = 3
ADULT_REPEATED = 10

Say = Callable[[str], None]


def _silent(line: str) -> None:
    """Says nothing."""


@dataclass(frozen=True, slots=True)
class Recipe:
    """How to train. ablate: train without each source of labels too, and with each alone, to say what each gives."""

    language: str = "en"
    settings: Mapping[str, int | float] = field(default_factory=lambda: dict(SETTINGS))
    seed: int = 0
    quantize: bool = True
    ablate: bool = False
    licence: str = ""
    command: str = ""


def train(
    evidence: Evidence,
    sentences: Sequence[Sentence],
    model: Path,
    recipe: Recipe,
    inputs: Mapping[str, str],
    say: Say = _silent,
) -> dict[str, Any]:
    """Train on what is not held out, measure on the rest, write `model` and its card; the card's `data`, `measured`.

    sentences: naming groups of people, to measure on only; inputs: sha256 of every file. UserError where there is
    nothing to learn of one of the labels.
    """
    learnt, held_out = evidence.part(held_out=False), evidence.part(held_out=True)
    with staged(model) as made:
        examples = learn(learnt, made, recipe, say=say)
        measured = measure(FastTextModel(made), held_out, sentences, recipe.language)
        if recipe.ablate:
            found = {"all": row(measured)}
            for name, used, sources in _ablations(learnt):
                say(f"ablation: {name}")
                try:
                    learn(used, made.with_name("ablation"), recipe, sources)
                except UserError:
                    continue  # nothing to learn from, e.g. too few sample pages alone
                ablated = FastTextModel(made.with_name("ablation"))
                found[name] = row(measure(ablated, held_out, sentences, recipe.language))
            measured["ablation"] = found
    data = {
        "examples": examples,
        "posts": len(learnt.posts),
        "clean_documents": len(learnt.clean),
        "listed_words": len(evidence.words),
        "sample_pages": sorted(page.key for page in learnt.sample),
        "pages_of_adult_sites": len(learnt.sites),
    }
    write_card(
        model,
        kind=f"fastText classifier: {POSITIVE} (hateful, offensive or adult text) or {NEGATIVE}, of lower-case words",
        role="nsfw",
        licence=recipe.licence,
        command=recipe.command,
        languages=[recipe.language],
        parameters={
            **recipe.settings,
            "quantized": recipe.quantize,
            "seed": recipe.seed,
            "held_out_percent": evidence.percent,
            "held_out_percent_of_adult_pages": ADULT_HELD_OUT,
            "words_it_must_not_know": len(evidence.blind),
        },
        data=data,
        inputs=dict(inputs),
        measured=measured,
        limits=limits(evidence),
    )
    return {"data": data, "measured": measured}


def learn(
    evidence: Evidence, model: Path, recipe: Recipe, sources: Collection[str] = tuple(SOURCES), say: Say = _silent
) -> dict[str, int]:
    """Train on all of the evidence, with labels of these sources, and write the model; how many examples of each
    label. UserError where there is none of one, or fastText cannot."""
    examples = examples_of(evidence, sources, recipe.seed)
    counts = {label: sum(one == label for one, _ in examples) for label in (POSITIVE, NEGATIVE)}
    for label, count in counts.items():
        if not count:
            raise UserError(f"no example of {label!r} to train on: name more text with --labelled, --words or --clean")
    say(f"training on {counts[POSITIVE]:,} pieces that are nsfw and {counts[NEGATIVE]:,} that are not")
    fit(examples, model, quantize=recipe.quantize, seed=recipe.seed, **recipe.settings)
    return counts


def examples_of(evidence: Evidence, sources: Collection[str] = tuple(SOURCES), seed: int = 0) -> list[tuple[str, str]]:
    """(label, plain words) pairs of these sources and of clean text, in a fixed order that mixes the kinds."""
    rng = random.Random(seed)
    clean = clean_pieces(evidence.clean)
    listed, ordinary = split_entries(evidence.words, clean)
    harmless = Blindfold(evidence.ordinary).words
    salt = [entry for entry in listed if entry not in harmless]
    runs = [f" {entry} " for entry in ordinary]
    examples: list[tuple[str, str]] = []
    if "labelled" in sources:
        examples += [(POSITIVE, text) for text in strung([post.text for post in evidence.posts if post.nsfw])]
        neither = strung([post.text for post in evidence.posts if not post.nsfw])
        examples += [(NEGATIVE, text) for text in neither for _ in range(NEITHER_REPEATED)]
        spoken = strung([post.text for post in evidence.posts if not post.nsfw and evidence.in_dialect(post.text)])
        examples += [(NEGATIVE, text) for text in spoken for _ in range(DIALECT_REPEATED)]
    for piece in clean:
        plain = f" {plain_words(piece)} "
        examples += [(NEGATIVE, piece)] * (1 + ORDINARY_REPEATED * any(run in plain for run in runs))
        share, chosen = rng.uniform(0.05, 0.2), rng.random() < SALTED
        if chosen and salt and "words" in sources:
            examples.append((POSITIVE, salted(piece, salt, share, rng)))
    for source, pages in (("sample", evidence.sample), ("sites", evidence.sites)):
        if source in sources:
            pieces = [page.text for page in pages] + clean_pieces(pages)
            examples += [(POSITIVE, piece) for piece in pieces for _ in range(ADULT_REPEATED)]
    rng.shuffle(examples)
    blindfold = Blindfold(evidence.blind)
    return [(label, blindfold(plain_words(text))) for label, text in examples]


def _ablations(evidence: Evidence) -> list[tuple[str, Evidence, list[str]]]:
    """(name, what to learn from, sources of labels): without each, each alone, and with the names of groups left in."""
    there = evidence.there()
    runs: list[tuple[str, Evidence, list[str]]] = []
    if len(there) > 1:
        runs += [(f"without {one}", evidence, [source for source in there if source != one]) for one in there]
        runs += [(f"{one} alone", evidence, [one]) for one in there]
    if evidence.blind:
        runs.append(("names of groups left in", replace(evidence, blind=frozenset()), there))
    return runs
