"""Train a language's perplexity model as CCNet does: SentencePiece pieces, then a KenLM 5-gram over them.

Source: Wenzek et al. 2019; cc_net `Makefile`: SentencePiece unigram on the normal form, `character_coverage` 0.9995,
65,536 pieces where the text supports them, else 40,000 (else what it does support), of at most 400,000 opening texts of
Wikipedia; `lmplz -o 5 --discount_fallback --vocab_estimate 65536` on at most a million, `build_binary` as it comes.
"""

from __future__ import annotations

import hashlib
import io
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import sentencepiece

from curate.errors import UserError
from curate.models.calibrate import Calibration, calibrate, first_page
from curate.models.cards import write_card
from curate.models.kenlm_texts import Selected, select
from curate.models.kenlm_tools import find_tool
from curate.models.perplexity import PerplexityModel
from curate.models.perplexity_figures import characters_per_token, figures
from curate.models.texts import file_hashes, files_of

VOCABULARIES = (65_536, 40_000)
COVERAGE = 0.9995
ORDER = 5


@dataclass(frozen=True, slots=True)
class Recipe:
    """How to train; the defaults are CCNet's.

    pieces_documents, documents: how many texts the SentencePiece model and the 5-grams are made of at most, chosen by
    hash; opening: of a Wikipedia article the text before its first heading only; prune: `lmplz --prune`, a count for
    each order, () for none; quantize: bits of a probability in a trie, 0 for `build_binary`'s own hash table with
    whole numbers; memory: `lmplz -S`.
    """

    language: str
    pieces_documents: int = 400_000
    documents: int = 1_000_000
    vocabularies: tuple[int, ...] = VOCABULARIES
    opening: bool = True
    prune: tuple[int, ...] = ()
    quantize: int = 0
    memory: str = "1G"
    held_out: int = 10
    licence: str = ""
    command: str = ""

    @property
    def build_binary(self) -> tuple[str, ...]:
        bits = str(self.quantize)
        return ("-a", "22", "-q", bits, "-b", bits, "trie") if self.quantize else ("probing",)


@dataclass(frozen=True, slots=True)
class Trained:
    """What was written, and the figures of the KenLM model's card."""

    model: Path
    pieces: Path
    vocabulary: int
    documents: int
    measured: dict[str, Any]
    calibration: Calibration | None = None


def pieces_name(name: str) -> str:
    """`kenlm-fr` is over the pieces `sp-fr`, another name over `<name>-sp`."""
    return f"sp-{name.removeprefix('kenlm-')}" if name.startswith("kenlm-") else f"{name}-sp"


def train(name: str, texts: Sequence[Path], folder: Path, recipe: Recipe, pages: Sequence[Path] = ()) -> Trained:
    """Write `<name>.binary`, its pieces and both cards into `folder`; with `pages` the card has their cutoffs.

    UserError, one line, before anything is trained, where the tools, the texts or the pages are not there.
    """
    for tool in ("lmplz", "build_binary"):
        find_tool(tool)
    files_of(texts)
    if pages:
        files_of(pages)
        first_page(pages, recipe.language)
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="kenlm-") as temporary:
        scratch = Path(temporary)
        chosen = select(
            texts,
            scratch / "lines",
            language=recipe.language,
            most=max(recipe.documents, recipe.pieces_documents),
            opening=recipe.opening,
            held_out=recipe.held_out,
        )
        if not chosen.documents:
            raise UserError(f"no text in {recipe.language!r} to train on in {', '.join(map(str, texts))}")
        made_pieces, made_model = scratch / "pieces.model", scratch / "model.binary"
        made_pieces.write_bytes(train_unigram(chosen.lines(recipe.pieces_documents), recipe.vocabularies))
        processor = sentencepiece.SentencePieceProcessor(model_file=str(made_pieces))
        encoded = (processor.encode(line, out_type=str) for line in chosen.lines(recipe.documents))
        train_ngrams(encoded, made_model, recipe, scratch)
        scorer = PerplexityModel(made_pieces, made_model)
        calibration = calibrate(scorer, recipe.language, pages, leave_out=chosen.is_chosen) if pages else None
        measured = figures(scorer, chosen.held_out, calibration.counts if calibration else None)
        pieces, model = folder / f"{pieces_name(name)}.model", folder / f"{name}.binary"
        for made, path in ((made_pieces, pieces), (made_model, model)):
            staged = path.with_name(f".{path.name}.{os.getpid()}")
            shutil.copyfile(made, staged)
            staged.replace(path)
    hashes = file_hashes(texts)
    _write_cards(name, pieces, model, processor, recipe, chosen, hashes, measured, calibration)
    documents = min(chosen.documents, recipe.documents)
    return Trained(model, pieces, processor.get_piece_size(), documents, measured, calibration)


def train_unigram(lines: Iterable[str], vocabularies: Iterable[int] = VOCABULARIES) -> bytes:
    """The SentencePiece model with the first of `vocabularies` that the text supports, else with what it supports."""
    kept = list(lines)
    sizes = tuple(vocabularies)
    for size, hard in [*((size, True) for size in sizes), (sizes[-1], False)]:
        model = io.BytesIO()
        try:
            sentencepiece.SentencePieceTrainer.train(
                sentence_iterator=iter(kept),
                model_writer=model,
                model_type="unigram",
                vocab_size=size,
                hard_vocab_limit=hard,
                character_coverage=COVERAGE,
                num_threads=1,  # with more the sums, and so the bytes, depend on the machine
                input_sentence_size=0,
                shuffle_input_sentence=False,
                max_sentence_length=16_384,
                minloglevel=2,
            )
        except RuntimeError:
            continue  # too little text for a vocabulary of this size
        return model.getvalue()
    raise UserError("too little text to train a SentencePiece model on")


def train_ngrams(lines: Iterable[list[str]], output: Path, recipe: Recipe, scratch: Path) -> None:
    """Estimate a 5-gram model from tokenized lines and write it to `output`; `scratch` holds the files on the way."""
    lmplz, build_binary = find_tool("lmplz"), find_tool("build_binary")
    text, arpa = scratch / "text", scratch / "model.arpa"
    with text.open("w", encoding="utf-8", newline="\n") as out:
        out.writelines(" ".join(pieces) + "\n" for pieces in lines)
    estimate = [str(lmplz), "-o", str(ORDER), "--discount_fallback", "--vocab_estimate", str(VOCABULARIES[0])]
    estimate += ["--skip_symbols", "-S", recipe.memory, "-T", str(scratch)]
    if recipe.prune:
        estimate += ["--prune", *map(str, recipe.prune)]
    _run([*estimate, "--text", str(text), "--arpa", str(arpa)])
    text.unlink()
    *options, kind = recipe.build_binary
    _run([str(build_binary), "-T", str(scratch / "build"), *options, kind, str(arpa), str(output)])
    arpa.unlink()


def _run(command: list[str]) -> None:
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    if result.returncode:
        said = [line for line in result.stderr.strip().splitlines() if line.strip()] or ["no message"]
        raise UserError(f"{Path(command[0]).name} failed: {said[-1][:300]}")


def _write_cards(
    name: str,
    pieces: Path,
    model: Path,
    processor: Any,
    recipe: Recipe,
    chosen: Selected,
    hashes: dict[str, str],
    measured: dict[str, Any],
    calibration: Calibration | None,
) -> None:
    common: dict[str, Any] = {
        "licence": recipe.licence,
        "command": recipe.command,
        "languages": [recipe.language],
        "inputs": hashes,
    }
    write_card(
        pieces,
        kind=f"SentencePiece unigram tokenizer of {name}",
        role="perplexity-pieces",
        parameters={
            "vocabulary": processor.get_piece_size(),
            "vocabularies_tried": list(recipe.vocabularies),
            "character_coverage": COVERAGE,
        },
        data=_amounts(chosen, recipe.pieces_documents, recipe),
        measured={"characters_per_token": characters_per_token(processor, chosen.held_out)},
        **common,
    )
    write_card(
        model,
        kind=f"KenLM {ORDER}-gram over the pieces of {pieces.name.removesuffix('.model')}",
        role="perplexity",
        parameters={"order": ORDER, "prune": list(recipe.prune), "build_binary": list(recipe.build_binary)},
        data=_amounts(chosen, recipe.documents, recipe),
        measured=measured,
        pieces={
            "name": pieces.name.removesuffix(".model"),
            "file": pieces.name,
            "sha256": hashlib.sha256(pieces.read_bytes()).hexdigest(),
        },
        **(calibration.for_card(recipe.language) if calibration else {}),
        **common,
    )


def _amounts(chosen: Selected, most: int, recipe: Recipe) -> dict[str, Any]:
    documents, sizes = chosen.amounts(most)
    return {
        "documents": documents,
        "bytes_of_normal_form": sizes,
        "held_out_percent": recipe.held_out,
        "of_wikipedia": "opening texts" if recipe.opening else "whole articles",
    }
