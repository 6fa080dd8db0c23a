"""Whatever a file holds, its source reads it without raising, and everything that comes of it can be stored.

A small share of what `python -m bench.fuzz` reads, in this process; that has larger bombs, and caps memory and time.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from bench import bombs
from bench.fuzz import damaged, read_input
from bench.fuzz_check import read_file
from bench.fuzz_seeds import WORDS, seeds

SEED = 20
EACH = 45


@pytest.mark.parametrize("source", WORDS)
def test_no_damage_makes_a_source_raise_or_keep_silent(source: str, tmp_path: Path) -> None:
    found = seeds()
    wrong = []
    outcomes = 0
    for number in range(EACH):
        item = damaged(found, [source], SEED, number)
        result = read_input(item, tmp_path)
        outcomes += result.outcomes.total()
        wrong += [(number, item.kind, item.name, problem) for problem in result.problems]
    assert wrong == []
    assert outcomes > EACH // 2  # some are empty, and that is nothing to tell


def test_the_same_seed_makes_the_same_inputs() -> None:
    first, again, other = ([damaged(seeds(), list(WORDS), run, number) for number in range(30)] for run in (1, 1, 2))
    assert first == again
    assert first != other


@pytest.fixture
def smaller(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Bombs that are made quickly."""
    for name, size in (("LENGTH", 1 << 14), ("DEEP", 3_000), ("LINE", 2 << 20), ("HUGE", 16 << 20)):
        monkeypatch.setattr(bombs, name, size)
    cached = (bombs.bomb, bombs.bomb_in_bomb, bombs.zeros_bzip2)
    for function in cached:
        function.cache_clear()
    yield
    for function in cached:
        function.cache_clear()


@pytest.mark.usefixtures("smaller")
def test_hostile_files_are_read_to_their_end_and_nothing_leaves_them(tmp_path: Path) -> None:
    folder = tmp_path / "in"
    folder.mkdir()
    wrong: list[tuple[str, str, str]] = []
    reasons: Counter[str] = Counter()
    for number, (source, kind, name, data) in enumerate(item for each in WORDS for item in bombs.of_its_own(each)):
        (folder / str(number)).mkdir()
        path = folder / str(number) / name
        path.write_bytes(data)
        result = read_file(source, path, 32 << 20)
        path.unlink()
        path.parent.rmdir()
        reasons += result.reasons
        wrong += [(source, kind, problem) for problem in result.problems]
    assert wrong == []
    assert {
        "doctype",
        "entities",
        "unsafe_path",
        "unsafe_name",
        "endless_macro",
        "not_a_file",
    } <= reasons.keys()
    assert [path.name for path in tmp_path.rglob("*")] == ["in"]


def test_what_is_wrong_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from curate.errors import SetAside
    from curate.sources.c4 import C4
    from curate.sources.source import Dropped

    path = tmp_path / "c4.json"
    path.write_text("{}")

    def problems(*outcomes: object) -> list[str]:
        monkeypatch.setattr(C4, "read", lambda self, piece: iter(outcomes))
        return read_file("c4", path, 32 << 20).problems

    assert problems(SetAside("c4.json", 0, "bad_json", "x")) == []
    assert problems() == ["nothing is said of it"]
    assert problems("text") == ["an outcome is str"]
    assert problems(SetAside("c4.json", -1, "bad_json", "x")) == ["SetAside.offset is -1"]
    assert problems(SetAside("other", 0, "bad_json", "x")) == ["SetAside of another file: 'other'"]
    assert problems(SetAside("c4.json", 0, "bad_json", "x\ny")) == ["SetAside.detail is more than one line: 'x\\ny'"]
    assert problems(Dropped("of_no_enum", "x", "")) == [
        "Dropped for 'of_no_enum', which is none of the source's reasons"
    ]
    assert problems(Dropped("empty", "\ud800", "")) == ["Dropped.detail cannot be stored: '\\ud800'"]
    monkeypatch.setattr(C4, "read", lambda self, piece: iter([1 // 0]))
    assert problems_of(path)[0].startswith("raises ZeroDivisionError")


def problems_of(path: Path) -> list[str]:
    return read_file("c4", path, 32 << 20).problems
