"""Train the English NSFW classifier: `python -m curate.models.train_nsfw DATA [--output FOLDER]`.

Positives are posts labelled hateful or offensive (Davidson et al. 2017), strung together to the length of pages, and
clean text into which entries of the LDNOOBW list are put thickly, since no adult pages are among the data. Negatives
are posts labelled neither, strung together the same way, Wikipedia, books, C4 and crawl pages. Some of both sides come
again with the names of groups of people between their words, so that naming a group is not what decides. Single words
do as well as pairs here, and cost half.
The adult and toxic pages of the sample crawl are never trained on; the card says how many of them are found.
"""

from __future__ import annotations

import csv
import html
import random
import re
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from statistics import median
from typing import Any

from curate.models import training_text
from curate.models.cards import train_main, write_card
from curate.models.fasttext_model import FastTextModel, plain_words
from curate.models.supervised import chunks, operating_point, probabilities, roc_auc, train_classifier
from curate.models.train_perplexity import LEAST_OF_A_PAGE, english_pages
from curate.models.training_text import TrainingText, in_hash_order, is_held_out

POSITIVE, NEGATIVE = "nsfw", "safe"
SETTINGS: dict[str, Any] = {"dim": 16, "epoch": 5, "lr": 0.1, "minCount": 4}
LENGTHS = (150, 600, 2_000)
POSTS_TOGETHER = (1, 2, 4, 8, 16)
# Shares of the examples that are given again with names of groups between their words, and of the clean pieces that
# are given again with list entries; posts labelled neither are few, and given more than once.
NAMING_GROUPS = 0.4
SALTED = 0.6
NEITHER_REPEATED = 3
# An entry that more clean pieces have than this is not salt (`sex`); pieces that have one are given more often.
MOST_ORDINARY = 10
ORDINARY_REPEATED = 3
PATTERNS = ["gold/toxicity-labeled.csv", "wikipedia/enwiki*.bz2", "books/*.txt", "c4/*.gz", "cc/*.warc*.gz"]
MADLIBS = "gold/identity-madlibs.csv"
THRESHOLD = 0.5
SAMPLE_PAGES = Path(__file__).parent.parent / "sample" / "pages"
WORD_LIST = Path(__file__).parent.parent / "text" / "wordlists" / "ldnoobw" / "en.txt"
_POST_MARKUP = re.compile(r"https?://\S+|@\w+:?|\bRT\b|&#?\w+;|[\"!#]+")

# Groups of people by what they are called, in neutral words.
GROUPS = tuple(
    """african american arab asian atheist bisexual black blind british buddhist canadian catholic chinese christian
    deaf disabled elderly european female french gay german heterosexual hindu hispanic homosexual immigrant indian
    irish italian japanese jewish jew korean latina latino latinx lesbian lgbt lgbtq male man men mexican migrant
    mormon muslim nonbinary old paralyzed polish protestant queer refugee russian sikh straight taoist teenage trans
    transgender turkish white woman women young younger older middle eastern native spanish swedish""".split()  # noqa: SIM905
)


def posts(data: Path) -> list[tuple[str, str, int]]:
    """(key, text without names, links and retweet marks, class): 0 hate, 1 offensive, 2 neither."""
    found: list[tuple[str, str, int]] = []
    with (data / "gold/toxicity-labeled.csv").open(encoding="utf-8", newline="") as rows:
        for row in csv.DictReader(rows):
            text = " ".join(_POST_MARKUP.sub(" ", html.unescape(row["tweet"])).split())
            if text:
                found.append((f"toxicity#{row['']}", text, int(row["class"])))
    return found


def strung(texts: Sequence[str]) -> list[str]:
    """The texts in runs of 1, 2, 4, 8, 16, 1, ... lines."""
    found: list[str] = []
    start = turn = 0
    while start < len(texts):
        together = POSTS_TOGETHER[turn % len(POSTS_TOGETHER)]
        found.append("\n".join(texts[start : start + together]))
        start, turn = start + together, turn + 1
    return found


def salted(text: str, entries: Sequence[str], share: float, rng: random.Random) -> str:
    """The text with entries put between its words, about `share` of the words and at least one."""
    words = text.split()
    for _ in range(max(1, round(share * len(words)))):
        words.insert(rng.randrange(len(words) + 1), rng.choice(entries))
    return " ".join(words)


def clean_pieces(texts: Sequence[TrainingText], most: int) -> list[str]:
    """Pieces of every length of LENGTHS of each document, at most `most` of one length."""
    found: list[str] = []
    for text in texts:
        for length in LENGTHS:
            every = chunks(text.text, length)
            found += every[:: max(1, len(every) // most)][:most]
    return found


def clean_documents(data: Path) -> list[TrainingText]:
    sources = [
        training_text.wikipedia(data, "wikipedia/enwiki*.bz2"),
        training_text.books(data),
        training_text.c4(data),
        english_pages(data),
    ]
    return in_hash_order([text for source in sources for text in source if text.language in ("", "en")])


def split_entries(clean: Sequence[str]) -> tuple[list[str], list[str]]:
    """(entries of the list to salt with, entries that ordinary text has too), by how many clean pieces have them."""
    pieces = [f" {plain_words(piece)} " for piece in clean]
    salt: list[str] = []
    ordinary: list[str] = []
    for entry in filter(None, WORD_LIST.read_text("utf-8").split("\n")):
        found = sum(f" {entry} " in piece for piece in pieces)
        if found:
            ordinary.append(entry)
        if found <= MOST_ORDINARY:
            salt.append(entry)
    return salt, ordinary


def examples_of(clean: Sequence[str], toxic: Sequence[str], neither: Sequence[str]) -> list[tuple[str, str]]:
    """(label, text) pairs in a fixed order that mixes the kinds."""
    rng = random.Random(0)
    entries, ordinary = split_entries(clean)
    examples: list[tuple[str, str]] = []

    def add(label: str, text: str) -> None:
        examples.append((label, text))
        if rng.random() < NAMING_GROUPS:
            examples.append((label, salted(text, GROUPS, rng.uniform(0.02, 0.3), rng)))

    for text in strung(toxic):
        add(POSITIVE, text)
    for text in strung(neither):
        for _ in range(NEITHER_REPEATED):
            add(NEGATIVE, text)
    for piece in clean:
        for _ in range(1 + ORDINARY_REPEATED * any(f" {entry} " in f" {plain_words(piece)} " for entry in ordinary)):
            add(NEGATIVE, piece)
        if rng.random() < SALTED:
            add(POSITIVE, salted(piece, entries, rng.uniform(0.05, 0.2), rng))
    rng.shuffle(examples)
    return [(label, plain_words(text)) for label, text in examples]


def sample_pages(kinds: tuple[str, ...]) -> dict[str, str]:
    """name -> text of the sample crawl's pages of these kinds (their files start with `key: value` lines)."""
    found: dict[str, str] = {}
    for path in sorted(SAMPLE_PAGES.glob("*.txt")):
        head, _, body = path.read_text("utf-8").partition("\n\n")
        kind = re.search(r"^kind: (\S+)$", head, re.M)
        if kind and kind.group(1) in kinds:
            found[path.stem] = body
    return found


def by_group(model: FastTextModel, data: Path) -> dict[str, Any]:
    """On short templated sentences: insulting against harmless, and false positive rates by the group named.

    At the filter's threshold, and at the one that finds half of the insults: a classifier that flags nothing so short
    has no false positives either.
    """
    insulting: list[float] = []
    harmless: list[tuple[float, frozenset[str]]] = []
    with (data / MADLIBS).open(encoding="utf-8", newline="") as rows:
        for row in csv.DictReader(rows):
            words = plain_words(row["Text"])
            score = model.probability(words, POSITIVE) or 0.0
            if row["Label"] == "NOT_BAD":
                harmless.append((score, frozenset(words.split())))
            else:
                insulting.append(score)
    figures: dict[str, Any] = {"roc_auc": round(roc_auc(insulting, [score for score, _ in harmless]), 4)}
    for name, threshold in (("at_threshold", THRESHOLD), ("at_half_of_insults", median(insulting))):
        flagged: Counter[str] = Counter()
        total: Counter[str] = Counter()
        for score, words_of in harmless:
            for group in ["all", *(group for group in GROUPS if group in words_of)]:
                total[group] += 1
                flagged[group] += score > threshold
        figures[name] = {
            "threshold": round(threshold, 6),
            "insults_found": round(sum(score > threshold for score in insulting) / len(insulting), 4),
            "false_positive_rate": {
                group: round(flagged[group] / total[group], 4) for group in sorted(total) if total[group] >= 100
            },
        }
    return figures


def train(data: Path, output: Path) -> None:
    hashes = training_text.input_hashes(data, [*PATTERNS, MADLIBS])
    labelled = posts(data)
    clean = clean_documents(data)
    learnt = [
        [text for key, text, kind in labelled if (kind == 2) is side and not is_held_out(key)] for side in (False, True)
    ]
    pieces = clean_pieces([text for text in clean if not is_held_out(text.key)], 6)
    examples = examples_of(pieces, *learnt)
    model_path = output / "nsfw-en.ftz"
    train_classifier(examples, model_path, **SETTINGS)

    model = FastTextModel(model_path)
    held_out = {
        kind: probabilities(
            model, [plain_words(text) for key, text, c in labelled if c == n and is_held_out(key)], POSITIVE
        )
        for n, kind in enumerate(("hate", "offensive", "neither"))
    }
    toxic = held_out["hate"] + held_out["offensive"]
    pages: dict[str, list[float]] = {}
    for text in clean:
        if is_held_out(text.key) and text.kind != "books":
            score = model.probability(plain_words(text.text), POSITIVE)
            kind = text.kind if len(text.text) >= LEAST_OF_A_PAGE else f"under_{LEAST_OF_A_PAGE}_characters"
            pages.setdefault(kind, []).append(score or 0.0)
        elif is_held_out(text.key):
            pages.setdefault(text.kind, []).extend(
                probabilities(model, [plain_words(part) for part in chunks(text.text, 4_000)], POSITIVE)
            )
    sample = {
        name: round(model.probability(plain_words(text), POSITIVE) or 0.0, 4)
        for name, text in sample_pages(("nsfw", "toxic")).items()
    }
    every_page = [score for scores in pages.values() for score in scores]
    write_card(
        model_path,
        kind="fastText classifier: nsfw (hateful, offensive or adult text) or safe, of lower-case words",
        languages=["en"],
        parameters={**SETTINGS, "quantized": True, "posts_together": list(POSTS_TOGETHER)},
        data={"examples": dict(sorted(Counter(label for label, _ in examples).items()))},
        inputs=hashes,
        measured={
            "held_out_posts": {kind: len(scores) for kind, scores in held_out.items()},
            "held_out_pages": {kind: len(scores) for kind, scores in sorted(pages.items())},
            "roc_auc_posts": round(roc_auc(toxic, held_out["neither"]), 4),
            "roc_auc_posts_against_pages": round(roc_auc(toxic, every_page), 4),
            "posts": operating_point(toxic, held_out["neither"], THRESHOLD),
            "pages_over_threshold": {
                kind: round(sum(score > THRESHOLD for score in scores) / len(scores), 4)
                for kind, scores in sorted(pages.items())
            },
            "sample_pages_not_trained_on": sample,
            "identity_sentences": by_group(model, data),
        },
    )


if __name__ == "__main__":
    train_main("nsfw-en", train)
