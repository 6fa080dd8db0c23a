"""Train a language's perplexity model: `python -m curate.models.train_perplexity DATA [--output FOLDER]`.

CCNet (Wenzek et al. 2019; cc_net `Makefile`): SentencePiece unigram on the normal form, `character_coverage` 0.9995,
65,536 pieces where the text supports them, else 40,000, else what it does support; KenLM `lmplz -o 5
--discount_fallback`. Pruned and quantised (`build_binary -a 22 -q 8 -b 8 trie`) to be small enough to ship.
The card's cutoffs are the 30th and 60th percentiles over the English pages of real crawl captures.
"""

from __future__ import annotations

import io
import subprocess
import tempfile
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path
from statistics import median
from typing import Any

import sentencepiece

from curate.errors import UserError
from curate.models import training_text
from curate.models.cards import train_main, write_card
from curate.models.kenlm_tools import find_tool
from curate.models.language_id import LanguageIdentifier
from curate.models.perplexity import PerplexityModel, percentile_cutoffs
from curate.models.registry import resolve
from curate.models.training_text import TrainingText, in_hash_order, is_held_out
from curate.text.ccnet import lines_for_model

VOCABULARIES = (65_536, 40_000)
COVERAGE = 0.9995
ORDER = 5
# Singletons of orders 3 to 5 go: they are three quarters of the file and cost little accuracy.
PRUNING = ("0", "0", "1", "1", "1")
QUANTISATION = ("-a", "22", "-q", "8", "-b", "8")
MOST_OF_A_DOCUMENT = 250_000
LEAST_OF_A_PAGE = 300
LID_THRESHOLD = 0.5
PERCENTILES = (30.0, 60.0)
PATTERNS = ["wikipedia/enwiki*.bz2", "books/*.txt", "c4/*.gz", "cc/*.warc*.gz"]


def train_unigram(lines: Iterable[str], vocabularies: Iterable[int] = VOCABULARIES) -> bytes:
    """The SentencePiece model with the first of `vocabularies` that the text supports, else with what it supports."""
    kept = list(lines)
    for size, hard in [*((size, True) for size in vocabularies), (VOCABULARIES[-1], False)]:
        model = io.BytesIO()
        try:
            sentencepiece.SentencePieceTrainer.train(
                sentence_iterator=iter(kept),
                model_writer=model,
                model_type="unigram",
                vocab_size=size,
                hard_vocab_limit=hard,
                character_coverage=COVERAGE,
                num_threads=1,
                input_sentence_size=0,
                shuffle_input_sentence=False,
                max_sentence_length=16_384,
                minloglevel=2,
            )
        except RuntimeError:
            continue  # too little text for a vocabulary of this size
        return model.getvalue()
    raise UserError("too little text to train a SentencePiece model on")


def train_ngrams(lines: Iterable[list[str]], output: Path, *, pruning: Iterable[str] = PRUNING) -> None:
    """Estimate a 5-gram model from tokenized lines and write it to `output` as a quantised trie."""
    lmplz, build_binary = find_tool("lmplz"), find_tool("build_binary")
    with tempfile.TemporaryDirectory() as temporary:
        text, arpa = Path(temporary, "text"), Path(temporary, "model.arpa")
        text.write_text("".join(" ".join(pieces) + "\n" for pieces in lines), encoding="utf-8")
        estimate = [str(lmplz), "-o", str(ORDER), "--discount_fallback", "--vocab_estimate", str(VOCABULARIES[0])]
        estimate += ["--skip_symbols", "--prune", *pruning, "-S", "1G", "-T", temporary]
        _run([*estimate, "--text", str(text), "--arpa", str(arpa)])
        _run([str(build_binary), "-T", temporary, *QUANTISATION, "trie", str(arpa), str(output)])


def _run(command: list[str]) -> None:
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    if result.returncode:
        raise UserError(f"{Path(command[0]).name} failed: {(result.stderr.strip().splitlines() or ['no message'])[-1]}")


def model_lines(texts: Iterable[TrainingText]) -> Iterator[str]:
    """Every line in the normal form that is not blank."""
    for text in texts:
        for line in lines_for_model(text.text[:MOST_OF_A_DOCUMENT].split("\n")):
            if line.strip():
                yield line


def english_pages(data: Path) -> list[TrainingText]:
    """The crawl pages that CCNet would score: at least 300 characters, English by lid.176, each text once."""
    identify = LanguageIdentifier(resolve("lid.176").path)
    pages: dict[str, TrainingText] = {}
    for page in training_text.crawl(data):
        if len(page.text) >= LEAST_OF_A_PAGE and page.text not in pages:
            language, score = identify(page.text)
            if language == "en" and score >= LID_THRESHOLD:
                pages[page.text] = page
    return list(pages.values())


def train(data: Path, output: Path) -> None:
    hashes = training_text.input_hashes(data, PATTERNS)
    articles = training_text.wikipedia(data, "wikipedia/enwiki*.bz2")
    sources = [articles, training_text.books(data), training_text.c4(data)]
    every = in_hash_order([text for source in sources for text in source if text.language == "en"])
    training = [text for text in every if not is_held_out(text.key)]
    held_out = [text for text in every if is_held_out(text.key)]
    lines = list(model_lines(training))
    tokenizer = output / "sp-en.model"
    tokenizer.write_bytes(train_unigram(lines))
    processor = sentencepiece.SentencePieceProcessor(model_file=str(tokenizer))
    model = output / "kenlm-en.binary"
    train_ngrams((processor.encode(line, out_type=str) for line in lines), model)

    scorer = PerplexityModel(tokenizer, model)
    pages = Counter(value for page in english_pages(data) if (value := scorer(page.text)) is not None)
    low, high = percentile_cutoffs(pages, PERCENTILES)
    characters: Counter[str] = Counter()
    for text in training:
        characters[text.kind] += min(len(text.text), MOST_OF_A_DOCUMENT)
    amounts = {"documents": len(training), "characters": dict(sorted(characters.items()))}
    write_card(
        tokenizer,
        kind="SentencePiece unigram tokenizer of the perplexity model",
        languages=["en"],
        parameters={"vocabulary": processor.get_piece_size(), "character_coverage": COVERAGE},
        data=amounts,
        inputs=hashes,
        measured={"characters_per_token": _characters_per_token(processor, held_out)},
    )
    write_card(
        model,
        kind="KenLM 5-gram over the pieces of sp-en",
        languages=["en"],
        parameters={"order": ORDER, "prune": list(PRUNING), "build_binary": [*QUANTISATION, "trie"]},
        data=amounts,
        inputs=hashes,
        measured=_figures(scorer, held_out) | {"crawl_pages": pages.total()},
        percentiles=list(PERCENTILES),
        cutoffs={"en": [low, high]},
    )


def _characters_per_token(processor: Any, held_out: list[TrainingText]) -> dict[str, float]:
    counts: dict[str, list[int]] = {}
    for text in held_out:
        row = counts.setdefault(text.kind, [0, 0])
        for line in lines_for_model(text.text[:20_000].split("\n")):
            row[0] += len(line)
            row[1] += len(processor.encode(line))
    return {kind: round(c / t, 3) for kind, (c, t) in sorted(counts.items())}


def _figures(scorer: PerplexityModel, held_out: list[TrainingText]) -> dict[str, Any]:
    """Median perplexity of held-out documents by kind, and of the same documents with their words sorted."""
    values: dict[str, list[float]] = {}
    lower = 0
    for text in held_out:
        part = text.text[:20_000]
        sorted_words = "\n".join(" ".join(sorted(line.split())) for line in part.split("\n"))
        plain, spoilt = scorer(part), scorer(sorted_words)
        if plain is not None and spoilt is not None:
            values.setdefault(text.kind, []).append(plain)
            lower += plain < spoilt
    return {
        "documents": len(held_out),
        "median_perplexity": {kind: round(median(found), 1) for kind, found in sorted(values.items())},
        "share_below_the_same_words_sorted": round(lower / max(sum(map(len, values.values())), 1), 4),
    }


if __name__ == "__main__":
    train_main("kenlm-en and sp-en", train)
