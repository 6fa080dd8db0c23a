"""A document that takes too long, or too much, is set aside by the watchdog and the worker goes on."""

from __future__ import annotations

import json
import mmap
import threading
import time
from pathlib import Path

import pytest

from curate.errors import SetAside
from curate.limits import STUCK, Guard, guard_for, resident_bytes


def for_ever() -> int:
    number = 0
    while True:
        number += 1


@pytest.fixture
def guard(tmp_path: Path) -> Guard:
    return Guard(0.2, 1 << 40, str(tmp_path))


def test_a_document_that_keeps_to_the_limits_is_left_alone(guard: Guard) -> None:
    assert guard.run("a", 1, lambda: 7) == 7


def test_a_document_that_takes_too_long_is_set_aside_and_the_next_is_read(guard: Guard) -> None:
    assert guard.run("a", 5, for_ever) == SetAside("a", 5, "too_slow", "over 0.2 s")
    assert guard.run("a", 6, lambda: "next") == "next"


def test_a_document_that_waits_for_ever_is_set_aside_too(tmp_path: Path) -> None:
    def waits() -> None:
        while True:
            time.sleep(0.001)

    guard = Guard(0.05, 1 << 40, str(tmp_path))
    assert guard.run("a", 5, waits) == SetAside("a", 5, "too_slow", "over 0.05 s")


def test_time_in_which_the_process_is_stopped_is_not_the_documents(tmp_path: Path) -> None:
    guard = Guard(10, 1 << 40, str(tmp_path))

    def an_hour_passes() -> str:
        guard.look(time.monotonic() + 3_600)
        time.sleep(0.01)
        return "read"

    assert guard.run("a", 5, an_hour_passes) == "read"


def test_what_swallows_the_first_word_is_told_again(tmp_path: Path) -> None:
    guard = Guard(0.1, 1 << 40, str(tmp_path))

    def swallows() -> None:
        try:
            for_ever()
        except BaseException:
            for_ever()

    assert guard.run("a", 5, swallows) == SetAside("a", 5, "too_slow", "over 0.1 s")


def test_no_handler_of_exceptions_on_the_way_keeps_it_from_stopping(guard: Guard) -> None:
    def stubborn() -> None:
        while True:
            try:
                for_ever()
            except Exception:
                continue

    found = guard.run("a", 5, stubborn)
    assert isinstance(found, SetAside)
    assert found.reason == "too_slow"


def test_the_document_at_hand_when_memory_passes_its_cap_is_set_aside(tmp_path: Path) -> None:
    held = iter([100, 2_000])
    guard = Guard(60, 1_000, str(tmp_path), resident=lambda: next(held, 100))
    assert guard.run("a", 5, for_ever) == SetAside("a", 5, "too_much_memory", "over 1000 bytes")


def test_a_worker_that_is_over_its_cap_without_any_document_ends_and_sets_nothing_aside(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def end(status: int) -> None:
        raise SystemExit(status)

    held = [2_000]
    guard = Guard(60, 1_000, str(tmp_path), end=end, resident=lambda: held[0])
    guard.look(time.monotonic())
    with pytest.raises(SystemExit, match="70"):
        guard.run("a", 5, lambda: "read")
    assert "2,000 bytes before it reads a at 5, over limits.worker_memory (1,000)" in capsys.readouterr().err
    held[0] = 500
    assert guard.run("a", 5, lambda: "read") == "read"


def test_an_exception_of_the_work_itself_passes(guard: Guard) -> None:
    with pytest.raises(ValueError, match="own"):
        guard.run("a", 5, lambda: int("own"))


def test_each_thread_has_its_own_document(guard: Guard) -> None:
    found: dict[str, object] = {}

    def slow() -> None:
        found["slow"] = guard.run("slow", 1, for_ever)

    thread = threading.Thread(target=slow)
    thread.start()
    while thread.is_alive():
        found["quick"] = guard.run("quick", 1, lambda: "read")
    assert found["quick"] == "read"
    assert found["slow"] == SetAside("slow", 1, "too_slow", "over 0.2 s")


def test_stopping_as_a_document_ends_stops_nothing_that_follows(tmp_path: Path) -> None:
    guard = Guard(0.0, 1 << 40, str(tmp_path))  # every document is over its time at once
    for number in range(2_000):
        found = guard.run("a", number, lambda: sum(range(200)))
        guard.look(time.monotonic() + 1)
        assert found == 19_900 or isinstance(found, SetAside)


def test_what_cannot_be_stopped_ends_the_process_and_is_set_aside_unread_the_next_time(tmp_path: Path) -> None:
    ended = threading.Event()
    guard = Guard(0.1, 1 << 40, str(tmp_path), grace=0.2, end=lambda status: ended.set())

    def deaf() -> str:
        while not ended.is_set():
            try:
                time.sleep(0.01)
            except BaseException:
                continue
        return "late"

    guard.run("a.warc", 77, deaf)
    (path,) = (tmp_path / STUCK).iterdir()
    assert json.loads(path.read_text()) == {"file": "a.warc", "offset": 77, "part": ""}
    read: list[str] = []
    again = Guard(0.1, 1 << 40, str(tmp_path))
    assert again.run("a.warc", 77, lambda: read.append("it")) == SetAside(
        "a.warc", 77, "stuck", "ended the worker that read it"
    )
    assert not read
    assert again.run("a.warc", 78, lambda: "read") == "read"
    assert again.run("a.warc", 77, lambda: "read", "another page of the block") == "read"


def test_a_process_has_one_guard(tmp_path: Path) -> None:
    assert guard_for(5, 100, str(tmp_path)) is guard_for(5, 100, str(tmp_path))
    assert guard_for(6, 100, str(tmp_path)).seconds == 6


def test_pages_of_files_are_not_the_processes_own(tmp_path: Path) -> None:
    path = tmp_path / "model"
    path.write_bytes(bytes(64 << 20))
    before = resident_bytes()
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as mapped:
        assert sum(mapped[:: mmap.PAGESIZE]) == 0  # every page is in memory now
        assert resident_bytes() - before < 16 << 20
    held = bytearray(64 << 20)
    assert resident_bytes() - before > 48 << 20, len(held)
