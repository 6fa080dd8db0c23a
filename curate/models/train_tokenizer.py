"""Train the 32k tokenizer: `python -m curate.models.train_tokenizer DATA [--output FOLDER]`.

LLaMA-1 (Touvron et al. 2023, section 2.1): SentencePiece BPE, numbers split into digits, bytes for what is unknown;
32,000 pieces, of which the first three are <unk>, <s> and </s>. The text is kept as it is (identity normalisation,
white space included), with a space put before the first word.
"""

from __future__ import annotations

import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import sentencepiece

from curate.models import training_text
from curate.models.cards import train_main, write_card
from curate.models.training_text import TrainingText, in_hash_order, is_held_out

VOCABULARY = 32_000
COVERAGE = 0.99995
# Characters taken from one document, so that no long book outweighs the rest, and in all from one kind of text.
MOST_OF_A_DOCUMENT = 150_000
MOST_OF_A_KIND = {"wikipedia": 9_000_000, "books": 3_500_000, "code": 2_500_000, "arxiv": 2_000_000}
LONGEST_LINE = 4_000
PATTERNS = ["wikipedia/**/*wiki*.bz2", "books/*.txt", "c4/*.gz", "cc/*.warc*.gz", "arxiv/*.gz"]


def train_bpe(lines: Iterator[str], *, vocabulary: int = VOCABULARY, coverage: float = COVERAGE) -> bytes:
    """The serialized SentencePiece model; the same lines give the same bytes (one thread, no sampling)."""
    model = io.BytesIO()
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=lines,
        model_writer=model,
        model_type="bpe",
        vocab_size=vocabulary,
        character_coverage=coverage,
        split_digits=True,
        byte_fallback=True,
        normalization_rule_name="identity",
        remove_extra_whitespaces=False,
        allow_whitespace_only_pieces=True,
        add_dummy_prefix=True,
        unk_id=0,
        bos_id=1,
        eos_id=2,
        pad_id=-1,
        unk_surface=" \u2047 ",
        max_sentence_length=4 * LONGEST_LINE,
        input_sentence_size=0,
        shuffle_input_sentence=False,
        num_threads=1,
        minloglevel=2,
    )
    return model.getvalue()


def lines_of(texts: list[TrainingText]) -> Iterator[str]:
    """Every line, long ones cut, blank ones left out; indentation stays, as the tokenizer must learn it."""
    for text in texts:
        for line in text.text[:MOST_OF_A_DOCUMENT].split("\n"):
            for start in range(0, len(line), LONGEST_LINE):
                piece = line[start : start + LONGEST_LINE].replace("\x00", "")
                if piece.strip():
                    yield piece


def gather(data: Path) -> tuple[list[TrainingText], list[TrainingText]]:
    """(training, held out): all kinds of text, within the limit of each kind."""
    training: list[TrainingText] = []
    held_out: list[TrainingText] = []
    taken: dict[str, int] = {}
    sources = [
        training_text.wikipedia(data),
        training_text.books(data),
        training_text.c4(data),
        training_text.crawl(data),
        training_text.tex(data),
        training_text.code(),
    ]
    every = in_hash_order([text for source in sources for text in source])
    for text in every:
        if is_held_out(text.key, 3):
            held_out.append(text)
            continue
        length = min(len(text.text), MOST_OF_A_DOCUMENT)
        if taken.get(text.kind, 0) + length <= MOST_OF_A_KIND.get(text.kind, 1 << 40):
            taken[text.kind] = taken.get(text.kind, 0) + length
            training.append(text)
    return training, held_out


def figures(model: bytes, held_out: list[TrainingText]) -> dict[str, Any]:
    """Characters a token, by kind of text that was not trained on, and whether decoding gives it back."""
    processor = sentencepiece.SentencePieceProcessor(model_proto=model)
    counts: dict[str, list[int]] = {}
    same = 0
    for text in held_out:
        part = text.text[:20_000]
        ids = processor.encode(part)
        same += processor.decode(ids) == part
        kind = f"{text.kind}/{text.language}" if text.kind in ("wikipedia", "books") else text.kind
        row = counts.setdefault(kind, [0, 0])
        row[0] += len(part)
        row[1] += len(ids)
    return {
        "documents": len(held_out),
        "round_trip": same,
        "characters_per_token": {kind: round(c / t, 3) for kind, (c, t) in sorted(counts.items()) if t},
    }


def train(data: Path, output: Path) -> None:
    hashes = training_text.input_hashes(data, PATTERNS)
    training, held_out = gather(data)
    model = train_bpe(lines_of(training))
    (output / "tokenizer-32k.model").write_bytes(model)
    amounts: dict[str, int] = {}
    for text in training:
        amounts[text.kind] = amounts.get(text.kind, 0) + min(len(text.text), MOST_OF_A_DOCUMENT)
    write_card(
        output / "tokenizer-32k.model",
        kind="SentencePiece BPE tokenizer",
        languages=["en", "and the scripts of the other Wikipedia excerpts"],
        parameters={"vocabulary": VOCABULARY, "character_coverage": COVERAGE, "ids": {"unk": 0, "bos": 1, "eos": 2}},
        data={"characters": dict(sorted(amounts.items())), "documents": len(training)},
        inputs=hashes,
        measured=figures(model, held_out),
    )


if __name__ == "__main__":
    train_main("tokenizer-32k", train)
