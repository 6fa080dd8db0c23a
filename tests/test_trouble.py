"""Storage that fails is one line that says what to do, however the failure is brought here; a defect is not hidden."""

from __future__ import annotations

import errno
import os
import traceback
from pathlib import Path

import pytest

from curate.errors import UserError
from curate.storage import TEMPORARY, atomic_write
from curate.trouble import GO_ON, explained, in_text, of_number, writing

MENDABLE = [errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EACCES, errno.EPERM, errno.EIO, errno.EMFILE]


def raised(error: BaseException) -> str:
    """What a worker prints of an exception, as a runner brings it back."""
    try:
        raise error
    except BaseException:
        return traceback.format_exc()


@pytest.mark.parametrize("number", MENDABLE)
def test_a_failure_of_the_disk_names_the_file_and_what_to_do(number: int) -> None:
    error = OSError(number, os.strerror(number), "/data/out/scores/shard-000003.parquet")
    line = explained(error)
    assert line is not None
    said = str(line)
    assert said.startswith(f"/data/out/scores/shard-000003.parquet: {os.strerror(number)}: ")
    assert said.endswith(GO_ON)
    assert str(in_text(raised(error))) == said
    assert str(explained(RuntimeError(raised(error)))) == said


def test_the_failure_is_found_below_what_it_caused_and_not_in_what_came_before() -> None:
    full = OSError(errno.ENOSPC, "No space left on device", "x")
    caused, later = ValueError("it failed"), ValueError("a defect")
    caused.__cause__, later.__context__ = full, full
    assert "make room" in str(explained(caused))
    assert explained(later) is None
    assert explained(RuntimeError(raised(later))) is None


def test_what_beam_adds_to_a_message_is_left_out() -> None:
    line = explained(UserError("out: make room [while running 'ScoreShard']"))
    assert str(line) == "out: make room"
    assert str(in_text(raised(UserError("out: make room [while running 'A b/C']")))) == "out: make room"
    text = "OSError: [Errno 28] No space left on device [while running 'ScoreShard']"
    assert "No space left on device: make room" in str(explained(RuntimeError(text)))
    assert "No space left on device: make room" in str(explained(RuntimeError(raised(RuntimeError(text)))))


@pytest.mark.parametrize(
    "error",
    [
        ValueError("a defect"),
        RuntimeError("Traceback (most recent call last):\nValueError: a defect"),
        FileNotFoundError(errno.ENOENT, "No such file or directory", "x"),
        AssertionError("10 in, but 9 out"),
        KeyError("x"),
    ],
)
def test_a_defect_of_the_program_is_not_hidden(error: Exception) -> None:
    assert explained(error) is None


def test_a_crawled_text_in_a_message_is_not_taken_for_a_failure() -> None:
    text = raised(ValueError("page says OSError: [Errno 28] No space left on device"))
    assert explained(RuntimeError(text)) is None


def test_a_store_that_does_not_answer_is_one_line() -> None:
    class EndpointConnectionError(Exception):
        pass

    EndpointConnectionError.__module__ = "botocore.exceptions"
    error = EndpointConnectionError("Could not connect to the endpoint URL:\n 'http://127.0.0.1:9/'")
    assert "the object store failed: EndpointConnectionError: Could not connect" in str(explained(error))
    text = (
        "Traceback (most recent call last):\n  File x\nbotocore.exceptions.EndpointConnectionError: Could not connect\n"
    )
    assert str(in_text(text)).startswith("the object store failed: EndpointConnectionError: Could not connect; when")
    assert "\n" not in str(explained(error))


def test_a_full_disk_names_the_file_that_was_to_be_written_and_leaves_nothing(tmp_path: Path) -> None:
    path = tmp_path / "folder" / "file"
    with pytest.raises(UserError) as caught, atomic_write(str(path)):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    assert str(caught.value).startswith(f"{path}: No space left on device: make room")
    assert list(path.parent.iterdir()) == []


def test_the_temporary_name_of_a_file_is_not_shown() -> None:
    assert str(of_number(errno.EROFS, f"/out/a{TEMPORARY}12-345")).startswith("/out/a: Read-only")


def test_an_error_that_is_no_trouble_of_the_disk_passes_through() -> None:
    with pytest.raises(OSError, match="odd"), writing("x"):
        raise OSError(errno.EINVAL, "odd")
    with pytest.raises(PermissionError) as caught, writing("x"):
        raise PermissionError(errno.EACCES, "no", "/some/other/file")
    assert "/some/other/file" in str(explained(caught.value))
