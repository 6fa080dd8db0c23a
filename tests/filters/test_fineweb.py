"""FineWeb's rules at their boundaries (Penedo et al. 2024, §3.6; recipes §10; datatrove fineweb_quality_filter.py)."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from curate.text.page import Page
from filters.filter import Value
from filters.fineweb import FineWeb, FineWebConfig


def measure(text: str, **config: Any) -> dict[str, Value]:
    return FineWeb(FineWebConfig(**config)).measure(Page(text))


def reasons(text: str, **config: Any) -> set[str]:
    """Every rule that drops the page, each asked alone."""
    measured = measure(text, **config)
    dropped = set()
    for rule in FineWeb.rules:
        others = {other.parameter: None for other in FineWeb.rules if other is not rule}
        if FineWeb(FineWebConfig(**config, **others)).decide(measured):
            dropped.add(rule.reason)
    return dropped


def lines(count: int, end: str = "", start: int = 0) -> list[str]:
    """Different lines of ten words."""
    return [f"{start + number:03} one two three four five six seven eight nine{end}" for number in range(count)]


def test_12_percent_of_lines_in_punctuation_are_too_few_and_13_enough() -> None:
    """§3.6: "the fraction of lines ending with punctuation ≤ 0.12" is removed."""
    assert reasons("\n".join(lines(12, ".") + lines(88, start=12))) == {"few_punctuated_lines"}
    assert reasons("\n".join(lines(13, ".") + lines(87, start=13))) == set()


@pytest.mark.parametrize(
    ("end", "share"), [(".", 1), ("'", 1), ('"', 1), ("!", 1), ("? ", 1), (",", 0), (":", 0), ("…", 0)]
)
def test_the_end_marks_are_those_of_the_code(end: str, share: int) -> None:
    assert measure(f"a line{end}")["punctuated_lines"] == share
    assert measure("一行。", end_marks=("。",))["punctuated_lines"] == 1


def page_with_duplicates(repeated: int, total: int) -> str:
    """`total` characters in lines of 40 or more, of which `repeated` are in a line that occurred before."""
    line = "r" * (repeated - 1) + "."
    rest = total - 2 * repeated
    unique = [f"{number:04}" + " x" * 18 for number in range(rest // 40)]
    text = "\n".join([line, line, *unique])
    assert len(text.replace("\n", "")) == total
    return text


def test_a_tenth_of_characters_in_duplicated_lines_is_too_many() -> None:
    """§3.6: "the fraction of characters in duplicated lines ≥ 0.1" is removed."""
    assert "duplicate_characters" in reasons(page_with_duplicates(400, 4000))
    assert "duplicate_characters" not in reasons(page_with_duplicates(400, 4040))


def test_the_code_drops_from_a_hundredth_on() -> None:
    """recipes §15, trap 13: char_duplicates_ratio = 0.01 in the code."""
    assert "duplicate_characters" in reasons(page_with_duplicates(40, 4000), compat="code")
    assert "duplicate_characters" not in reasons(page_with_duplicates(40, 4040), compat="code")
    assert "duplicate_characters" not in reasons(page_with_duplicates(40, 4000))
    assert FineWebConfig(compat="code", max_duplicate_characters=0.05).max_duplicate_characters == 0.05


def test_two_thirds_of_short_lines_are_kept_and_67_percent_are_too_many() -> None:
    """§3.6: "the fraction of lines shorter than 30 characters ≥ 0.67" is removed."""
    short = [f"{number:03} one two three four." for number in range(67)]
    assert "short_lines" in reasons("\n".join(short + lines(33)))
    assert "short_lines" not in reasons("\n".join(short[:66] + lines(34)))


def test_a_line_of_30_characters_is_short_in_the_code_and_not_in_the_paper() -> None:
    """datatrove: len(line) <= short_line_length; §3.6: "shorter than 30 characters"."""
    assert measure("x" * 30)["short_lines"] == 0
    assert measure("x" * 29)["short_lines"] == 1
    assert measure("x" * 30, compat="code")["short_lines"] == 1
    assert measure("x" * 31, compat="code")["short_lines"] == 0


def test_three_newlines_for_ten_words_are_kept_and_more_make_a_list() -> None:
    """datatrove: dropped when newlines / words > 0.3."""
    assert measure("\n".join(["a b c", "d e f", "g h", "i j"]))["newline_ratio"] == 0.3
    assert "list" not in reasons("\n".join(["a b c", "d e f", "g h", "i j"]))
    assert "list" in reasons("\n".join(["a b c", "d e", "f g", "h i"]))


def test_blank_lines_are_neither_lines_nor_newlines() -> None:
    assert measure("a b c.\n\n\nd e f.\n \n") == measure("a b c.\n\n\nd e f.") | {"duplicate_characters": 0}
    assert measure("a b c.\n\n\nd e f.")["newline_ratio"] == pytest.approx(1 / 6)
    assert measure("")["punctuated_lines"] == 0


@given(
    st.lists(st.sampled_from(["", " ", "a.", "b", "a longer line, so much longer.", "x" * 29, "x" * 30]), max_size=12)
)
def test_measurements_are_those_of_the_definition(pieces: list[str]) -> None:
    text = "\n".join(pieces)
    kept = [line for line in text.split("\n") if line.strip()]
    duplicated = sum(len(line) for index, line in enumerate(kept) if line in kept[:index])
    measured = measure(text)
    assert measured["duplicate_characters"] == duplicated / max(len(text.replace("\n", "")), 1)
    assert measured["punctuated_lines"] == sum(line[-1] == "." for line in kept) / max(len(kept), 1)
    assert measured["short_lines"] == sum(len(line) < 30 for line in kept) / max(len(kept), 1)
