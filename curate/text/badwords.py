"""Words of the LDNOOBW lists that stand alone in a text.

C4 (Raffel et al. 2020, §2.2; TensorFlow Datasets `c4_utils.get_badwords_filter_fn`) matches an entry of the page's
language flanked by non-word characters or the ends of the text; in Japanese, Thai and Chinese, which write no spaces,
anywhere. The first release (2020) asked for a character other than a-z on both sides within the line, so that it
missed an entry at either end of a line.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import cache, lru_cache
from importlib.resources import files

from curate.text.urls import entries

UNSPACED = frozenset({"ja", "th", "zh"})
ALLOWED = {"ja": frozenset({"sm", "グロ", "女の子"}), "zh": frozenset({"性"})}
"""Entries left out where words are not spaced, as they are common parts of harmless words (`text/c4.py`)."""
ALIASES = {"nb": "no", "nn": "no", "tl": "fil"}

_WORD = re.compile(r"\w+")


class BadWords:
    """Counts the entries of one list.

    spaced: entries must be flanked by non-word characters or the ends of the text. c4_2020: they must instead be
    flanked by a character that is not a-z, on both sides, in their own line. particles: an entry may go on, as a
    Korean noun does in its particles, but must begin a word.
    A look-up of a text's tokens finds which entries it can have at all; only for those is it read.
    """

    def __init__(
        self, words: Iterable[str], spaced: bool = True, c4_2020: bool = False, particles: bool = False
    ) -> None:
        entries = sorted({word.lower() for word in words if word}, key=lambda word: (-len(word), word))
        self._c4_2020 = re.compile(f"[^a-z](?:{_alternatives(entries)})(?=[^a-z])") if c4_2020 and entries else None
        self._anywhere = re.compile(_alternatives(entries)) if not spaced and entries else None
        if particles and entries:
            self._anywhere = re.compile(rf"(?<!\w)(?:{_alternatives(entries)})")
        self._signs = signs = [entry for entry in entries if not _WORD.match(entry)]
        # Of an entry of several words the longest is the rarest, as a rule: it is looked up, then the others.
        self._by_longest: dict[str, list[tuple[str, frozenset[str]]]] = {}
        for entry in entries:
            tokens = frozenset(_WORD.findall(entry))
            if _WORD.match(entry):
                self._by_longest.setdefault(max(sorted(tokens), key=len), []).append((entry, tokens))
        self._longest = frozenset(self._by_longest)
        # Whether tokens and signs can be looked for without lower-casing the text.
        self._plain = self._c4_2020 is None and self._anywhere is None and not any(map(str.isalpha, "".join(signs)))

    def _possible(self, tokens: frozenset[str]) -> list[str]:
        """The entries all of whose tokens are among these, the longest first."""
        found = self._longest & tokens
        entries = [entry for word in found for entry, needed in self._by_longest[word] if needed <= tokens]
        return sorted(entries, key=lambda entry: (-len(entry), entry))

    def count(self, text: str, tokens: frozenset[str] | None = None) -> int:
        """Occurrences of entries in the text, the longest at each place, not overlapping; case is ignored.

        tokens: all `\\w+` of the lower-cased text, or more, where the caller has them. Only a text that has all the
        tokens of some entry is read from start to end.
        """
        signed = any(sign in text for sign in self._signs)
        if tokens is not None and self._plain and not signed and not self._possible(tokens):
            return 0
        lowered = text.lower()
        if self._c4_2020 is not None:
            return sum(len(self._c4_2020.findall(line)) for line in lowered.split("\n"))
        if self._anywhere is not None:
            return len(self._anywhere.findall(lowered))
        count = sum(
            len(re.findall(rf"(?<!\w){re.escape(sign)}(?!\w)", lowered)) for sign in self._signs if sign in lowered
        )
        possible = self._possible(frozenset(_WORD.findall(lowered)) if tokens is None else tokens)
        if not possible:
            return count
        return count + len(_standing_alone(tuple(possible)).findall(lowered))


@lru_cache(maxsize=4096)
def _standing_alone(entries: tuple[str, ...]) -> re.Pattern[str]:
    return re.compile(rf"(?<!\w)(?:{_alternatives(entries)})(?!\w)")


def _alternatives(entries: Iterable[str]) -> str:
    return "|".join(map(re.escape, entries))


@cache
def bad_words(language: str, c4_2020: bool = False) -> BadWords | None:
    """The list of a language (ISO 639), or None where LDNOOBW has none; regional lists are part of their language's."""
    words = listed_words(language)
    if not words:
        return None
    spaced = ALIASES.get(language, language) not in UNSPACED
    return BadWords(words, spaced=spaced, c4_2020=c4_2020 and spaced)


def listed_words(language: str) -> frozenset[str]:
    """Entries of a language's lists in lower case, those of its regions too; none where LDNOOBW has no list of it."""
    language = ALIASES.get(language, language)
    folder = files("curate.text").joinpath("wordlists", "ldnoobw")
    words: set[str] = set()
    for file in sorted(folder.iterdir(), key=lambda file: file.name):
        if file.name.removesuffix(".txt").split("-")[0] == language:
            words.update(line.strip().lower() for line in file.read_text("utf-8").split("\n"))
    return frozenset(words - ALLOWED.get(language, frozenset()) - {""})


@cache
def explicit_words(language: str) -> BadWords | None:
    """The list of a language without the entries that ordinary pages have too (`wordlists/ordinary`).

    LDNOOBW was made to hide search suggestions. It holds the words of medicine, sex education and law, in some
    languages the plain names of gay and bisexual people and of Roma, and where no spaces are written parts of
    harmless words (`milk` in Chinese, the first syllable of `Google` in Thai). A count that drops pages must not count
    those (Dodge et al. 2021 show what C4 lost by it). C4's own rule, which does, is `bad_words`.
    """
    words = listed_words(language) - ordinary_words(language)
    return BadWords(words, spaced=language not in UNSPACED, particles=language == "ko") if words else None


def ordinary_words(language: str) -> frozenset[str]:
    """Entries that ordinary pages have too."""
    path = files("curate.text").joinpath("wordlists", "ordinary", f"{ALIASES.get(language, language)}.txt")
    return frozenset(entries(path.read_text("utf-8").split("\n"))) if path.is_file() else frozenset()
