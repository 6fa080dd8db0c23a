"""Labels that nobody gave: text with the words of a list in it, and pages of hosts on a list of adult sites.

Weak labels bring what hand-labelled posts lack: adult pages, and prose of a page's length. They also bring the list's
mistakes, so entries that ordinary text has too are never put into clean text, and what each kind of label gives is
measured by leaving it out (`curate.models.nsfw_figures.ablate`).
"""

from __future__ import annotations

import random
import re
from collections.abc import Collection, Iterable, Iterator, Sequence
from importlib.resources import files
from pathlib import Path

from curate.errors import UserError
from curate.models.fasttext_model import plain_words
from curate.models.supervised import chunks
from curate.models.texts import TrainingText
from curate.text.urls import ascii_domain, blocked, entries

LENGTHS = (150, 600, 2_000)
POSTS_TOGETHER = (1, 2, 4, 8, 16)
MOST_PIECES = 6
# An entry that more clean pieces have than this is not put into clean text (`sex`).
MOST_ORDINARY = 10
SAMPLE_PAGES = Path(__file__).parent.parent / "sample" / "pages"


def packaged(kind: str, language: str) -> frozenset[str]:
    """The words of the package's list of a kind (`groups`, `dialect`) in a language; none where it has
    no such list."""
    path = files("curate.text").joinpath("wordlists", kind, f"{language}.txt")
    return frozenset(entries(path.read_text("utf-8").split("\n"))) if path.is_file() else frozenset()


def read_list(path: Path, option: str) -> list[str]:
    """The entries of a user's list, one a line, `#` begins a comment; UserError where it is empty or unreadable."""
    try:
        found = entries(path.read_text("utf-8").split("\n"))
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"{option} {path} cannot be read: {error}") from None
    if not found:
        raise UserError(f"{option} {path} has no entry: one a line is wanted")
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


def salted(text: str, salt: Sequence[str], share: float, rng: random.Random) -> str:
    """The text with entries put between its words, about `share` of the words and at least one."""
    words = text.split()
    for _ in range(max(1, round(share * len(words)))):
        words.insert(rng.randrange(len(words) + 1), rng.choice(salt))
    return " ".join(words)


def clean_pieces(texts: Iterable[TrainingText]) -> list[str]:
    """Pieces of every length of LENGTHS of each document, at most MOST_PIECES of one length."""
    found: list[str] = []
    for text in texts:
        for length in LENGTHS:
            every = chunks(text.text, length)
            found += every[:: max(1, len(every) // MOST_PIECES)][:MOST_PIECES]
    return found


def split_entries(listed: Iterable[str], clean: Sequence[str]) -> tuple[list[str], list[str]]:
    """(entries to put into clean text, entries that clean text has of itself), by how many clean pieces have them."""
    wanted = sorted({plain_words(entry).strip(): entry for entry in listed if plain_words(entry).strip()})
    longest = max((len(entry.split()) for entry in wanted), default=1)
    known, counts = set(wanted), dict.fromkeys(wanted, 0)
    for piece in clean:
        words = plain_words(piece).split()
        runs = {" ".join(words[n : n + size]) for size in range(1, longest + 1) for n in range(len(words))}
        for entry in runs & known:
            counts[entry] += 1
    return [entry for entry in wanted if counts[entry] <= MOST_ORDINARY], [entry for entry in wanted if counts[entry]]


class Blindfold:
    """Takes words out of what a classifier learns from, so that they are unknown to it and count for nothing.

    A word that fastText (without pieces of words or pairs) never saw has no weight: a page that names a group of people
    scores as it would with any other group's name, or none. Removing them afterwards, from every page, would cost time.
    """

    def __init__(self, words: Iterable[str]) -> None:
        self.words = frozenset(plain for word in words for plain in plain_words(word).split())

    def __call__(self, plain: str) -> str:
        return " ".join(word for word in plain.split() if word not in self.words)


def adult_pages(pages: Iterable[TrainingText], domains: Collection[str]) -> Iterator[TrainingText]:
    """The pages whose host is one of these domains or below one."""
    known = frozenset(map(ascii_domain, domains))
    for page in pages:
        if page.url and blocked(page.url, known, ()):
            yield page


def sample_pages(kinds: Collection[str] = ("nsfw", "toxic")) -> list[TrainingText]:
    """The sample crawl's pages of these kinds (their files start with `key: value` lines), in order of name."""
    found: list[TrainingText] = []
    for path in sorted(SAMPLE_PAGES.glob("*.txt")):
        head, _, body = path.read_text("utf-8").partition("\n\n")
        fields = dict(re.findall(r"^(\w+): (.*)$", head, re.M))
        if fields.get("kind") in kinds:
            found.append(TrainingText(path.stem, fields["kind"], "en", body.strip(), fields.get("url", "")))
    return found
