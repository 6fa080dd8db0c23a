"""Gopher's repetition rules (Rae et al. 2021, appendix A1.1, table A1; recipes §9): each limit, and each definition
against a slow one written from its words."""

import re
import string
from collections import Counter
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from curate.text.page import Page
from filters.filter import Value
from filters.gopher_repetition import GopherRepetition, GopherRepetitionConfig

TABLE_A1 = {
    "duplicate_lines": 0.30,
    "duplicate_paragraphs": 0.30,
    "duplicate_line_characters": 0.20,
    "duplicate_paragraph_characters": 0.20,
    "top_2gram": 0.20,
    "top_3gram": 0.18,
    "top_4gram": 0.16,
    "duplicate_5grams": 0.15,
    "duplicate_6grams": 0.14,
    "duplicate_7grams": 0.13,
    "duplicate_8grams": 0.12,
    "duplicate_9grams": 0.11,
    "duplicate_10grams": 0.10,
}


def measure(text: str, **config: Any) -> dict[str, Value]:
    return GopherRepetition(GopherRepetitionConfig(**config)).measure(Page(text))


@pytest.mark.parametrize(("name", "limit"), TABLE_A1.items())
def test_a_page_at_the_limit_is_kept_and_one_above_is_dropped(name: str, limit: float) -> None:
    """Table A1; a page is removed when a measurement is above it."""
    filter = GopherRepetition(GopherRepetitionConfig())
    clean: dict[str, Value] = dict.fromkeys(TABLE_A1, 0.0)
    assert filter.decide({**clean, name: limit}) is None
    verdict = filter.decide({**clean, name: limit + 1e-9})
    assert verdict is not None
    assert verdict.rule.reason == name


def verdicts(text: str, **config: Any) -> set[str]:
    measured = measure(text, **config)
    return {name for name, limit in TABLE_A1.items() if float(measured[name] or 0) > limit}


def unique(count: int, words: int = 1, start: int = 0) -> list[str]:
    return [" ".join(f"{start + number:04}{word:04}" for word in range(words)) for number in range(count)]


def test_three_duplicate_lines_of_ten_are_kept_and_four_drop() -> None:
    for join, name in (("\n", "duplicate_lines"), ("\n\n", "duplicate_paragraphs")):
        assert name not in verdicts(join.join(["a"] * 4 + unique(6)))
        assert name in verdicts(join.join(["a"] * 5 + unique(5)))


def test_a_fifth_of_characters_in_duplicate_lines_is_kept_and_more_drop() -> None:
    def page(repeated: int) -> str:
        """Five lines of 1,000 characters in all; the last repeats the first."""
        line = "r" * repeated
        rest = 1000 - 2 * repeated - 4
        return "\n".join([line, "a" * (rest // 3), "b" * (rest // 3), "c" * (rest - 2 * (rest // 3)), line])

    assert measure(page(200))["duplicate_line_characters"] == 0.2
    assert "duplicate_line_characters" not in verdicts(page(200))
    assert "duplicate_line_characters" in verdicts(page(201))


@pytest.mark.parametrize(("n", "limit"), [(2, 0.20), (3, 0.18), (4, 0.16)])
def test_the_top_ngram_may_take_its_share_of_the_text(n: int, limit: float) -> None:
    """datatrove: characters with spaces, times the count, over len(text)."""
    gram = " ".join("abcd"[:n])  # 2n - 1 characters

    def page(length: int) -> str:
        parts = [*[f"{gram} {number:04}x" for number in range(10)]]
        text = " ".join(parts) + " "
        return text + "z" * (length - len(text))

    length = round(10 * (2 * n - 1) / limit)
    length += (10 * (2 * n - 1)) / length > limit
    name = f"top_{n}gram"
    assert float(measure(page(length))[name] or 0) <= limit
    assert name not in verdicts(page(length))
    assert name in verdicts(page(length - 3))


@pytest.mark.parametrize(("n", "limit"), [(5, 0.15), (6, 0.14), (7, 0.13), (8, 0.12), (9, 0.11), (10, 0.10)])
def test_duplicated_ngrams_may_take_their_share_of_the_text(n: int, limit: float) -> None:
    """datatrove: characters of the words of each n-gram seen before, over len(text)."""
    gram = " ".join(f"w{number:02}" for number in range(n))  # 3n letters

    def page(length: int) -> str:
        text = f"{gram} x {gram} "
        return text + "z" * (length - len(text))

    length = int(3 * n / limit)
    while 3 * n / length > limit:
        length += 1
    name = f"duplicate_{n}grams"
    assert measure(page(length))[name] == 3 * n / length
    assert name not in verdicts(page(length))
    assert name in verdicts(page(length - 1))


def test_a_page_that_repeats_nothing_measures_zero() -> None:
    for semantics in ("paper", "datatrove", "dolma", "rpv2", "nemo"):
        assert set(measure("one two three four five six", semantics=semantics).values()) == {0}
        assert set(measure("", semantics=semantics).values()) == {0}


def test_blank_lines_are_no_duplicates() -> None:
    for semantics in ("paper", "datatrove", "dolma", "rpv2", "nemo"):
        assert measure("a b\n\nc d\n\n\n\ne f\n\n", semantics=semantics)["duplicate_lines"] == 0


def test_a_single_top_ngram_counts_only_where_asked() -> None:
    assert measure("aa bb cc", single_top_ngram=True)["top_2gram"] == 5 / 8
    assert measure("aa bb cc", single_top_ngram=True, semantics="dolma")["top_2gram"] == 4 / 6
    assert measure("aa", single_top_ngram=True)["top_2gram"] == 0


# The definitions, one n-gram at a time.


def grams(words: list[str], n: int) -> list[tuple[str, ...]]:
    return [tuple(words[index : index + n]) for index in range(len(words) - n + 1)]


def letters(words: Any) -> int:
    return sum(map(len, words))


def later(pieces: list[str]) -> list[str]:
    return [piece for index, piece in enumerate(pieces) if piece in pieces[:index]]


def most_frequent(words: list[str], n: int) -> tuple[tuple[str, ...], int]:
    counts = Counter(grams(words, n))
    gram = next((gram for gram, count in counts.items() if count == max(counts.values()) > 1), ())
    return gram, counts[gram]


def pieces_of(text: str, kind: str) -> list[str]:
    return list(text.split("\n") if kind == "line" else re.split("\n{2,}", text))


def slow_datatrove(text: str) -> dict[str, float]:
    words = text.split()
    found: dict[str, float] = {}
    for kind in ("line", "paragraph"):
        pieces = [piece for piece in pieces_of(text, kind) if piece]
        found[f"duplicate_{kind}s"] = len(later(pieces)) / max(len(pieces), 1)
        found[f"duplicate_{kind}_characters"] = letters(later(pieces)) / max(len(text), 1)
    for n in (2, 3, 4):
        gram, count = most_frequent(words, n)
        found[f"top_{n}gram"] = len(" ".join(gram)) * count / max(len(text), 1)
    for n in range(5, 11):
        seen, characters, index = set(), 0, 0
        while index <= len(words) - n:
            gram = tuple(words[index : index + n])
            if gram in seen:
                characters += letters(gram)
                index += n
            else:
                seen.add(gram)
                index += 1
        found[f"duplicate_{n}grams"] = characters / max(len(text), 1)
    return found


def slow_dolma(text: str) -> dict[str, float]:
    words = text.split()
    found: dict[str, float] = {}
    for kind in ("line", "paragraph"):
        pieces = [piece for piece in pieces_of(text, kind) if piece]
        repeated = [piece for piece in pieces if pieces.count(piece) > 1]
        found[f"duplicate_{kind}s"] = len(repeated) / max(len(pieces), 1)
        found[f"duplicate_{kind}_characters"] = letters(repeated) / max(letters(words), 1)
    for n in (2, 3, 4):
        gram, count = most_frequent(words, n)
        found[f"top_{n}gram"] = letters(gram) * count / max(letters(words), 1)
    for n in range(5, 11):
        every = grams(words, n)
        repeated_grams = [gram for gram in every if every.count(gram) > 1]
        found[f"duplicate_{n}grams"] = sum(map(letters, repeated_grams)) / max(sum(map(letters, every)), 1)
    return found


def slow_nemo(text: str) -> dict[str, float]:
    words = text.split()
    found: dict[str, float] = {}
    for kind in ("line", "paragraph"):
        pieces = [piece for piece in pieces_of(text, kind) if piece]
        found[f"duplicate_{kind}s"] = 1 - len(set(pieces)) / len(pieces) if pieces else 0
        found[f"duplicate_{kind}_characters"] = 1 - letters(set(pieces)) / letters(pieces) if pieces else 0
    for n in (2, 3, 4):
        gram, count = most_frequent(words, n)
        removed = len(text) - len(text.replace(" ".join(gram), "")) if count else 0
        found[f"top_{n}gram"] = removed / max(len(text), 1)
    for n in range(5, 11):
        seen, characters, overlap = set(), 0, 0
        for gram in grams(words, n):
            if gram in seen:
                characters += letters(gram[overlap:]) + min(n - overlap, n - 1)
                overlap = n
            seen.add(gram)
            overlap = max(overlap - 1, 0)
        found[f"duplicate_{n}grams"] = characters / max(len(text), 1)
    return found


def slow_paper(text: str, words: list[str] | None = None) -> dict[str, float]:
    words = text.split() if words is None else words
    found = {name: value for name, value in slow_nemo(text).items() if "line" in name or "paragraph" in name}
    for n in (2, 3, 4):
        gram, count = most_frequent(words, n)
        found[f"top_{n}gram"] = letters(gram) * count / max(letters(words), 1)
    for n in range(5, 11):
        every = grams(words, n)
        covered = {index + offset for index, gram in enumerate(every) if every.count(gram) > 1 for offset in range(n)}
        found[f"duplicate_{n}grams"] = sum(len(words[index]) for index in covered) / max(letters(words), 1)
    return found


def slow_rpv2(text: str) -> dict[str, float]:
    bare = "".join(character for character in text.lower() if character not in string.punctuation)
    return slow_paper(text, bare.split())


TEXTS = st.lists(st.sampled_from(["a", "bb", "Bb,", "ccc", "d", "\n", "\n\n", "-"]), max_size=60).map(
    " ".join
) | st.lists(st.sampled_from(["a bb ccc d e", "a bb", "ccc", "", "f g"]), max_size=14).map("\n".join)


@pytest.mark.parametrize(
    ("semantics", "slow"),
    [
        ("datatrove", slow_datatrove),
        ("dolma", slow_dolma),
        ("nemo", slow_nemo),
        ("paper", slow_paper),
        ("rpv2", slow_rpv2),
    ],
)
@given(text=TEXTS)
@example(text="a a a a a a a a a a a a a a a a a a a a a a a a")
@example(text="a bb ccc d e " * 5)
@settings(deadline=None)
def test_measurements_are_those_of_the_definition(semantics: str, slow: Any, text: str) -> None:
    assert measure(text, semantics=semantics) == pytest.approx(slow(text))


def test_the_definitions_differ_on_the_same_page() -> None:
    text = "\n".join(["one two three four five six"] * 3 + ["seven eight nine ten eleven twelve"])
    shares = {s: measure(text, semantics=s)["duplicate_lines"] for s in ("datatrove", "dolma", "nemo")}
    assert shares == {"datatrove": 0.5, "dolma": 0.75, "nemo": 0.5}
    grams5 = {
        s: round(float(measure(text, semantics=s)["duplicate_5grams"] or 0), 3) for s in ("datatrove", "dolma", "paper")
    }
    assert len(set(grams5.values())) == 3


@given(st.text(), st.sampled_from(["paper", "datatrove", "dolma", "rpv2", "nemo"]))
def test_any_text_can_be_measured(text: str, semantics: str) -> None:
    measured = measure(text, semantics=semantics)
    assert set(measured) == set(GopherRepetition.columns) == set(TABLE_A1)
    assert all(isinstance(value, float) and value >= 0 for value in measured.values())
