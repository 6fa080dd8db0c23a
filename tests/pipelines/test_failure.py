"""A pipeline that fails for want of room says one line; one that fails by a defect shows all that is known."""

from __future__ import annotations

import errno
import logging
import os

import apache_beam as beam
import pytest

from curate.errors import UserError
from pipelines.engine import Engine


def fail_of_room(element: int) -> None:
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def fail_of_user(element: int) -> None:
    raise UserError("out: make room")


def fail_of_defect(element: int) -> None:
    raise ValueError("a defect")


def run(act: object) -> None:
    Engine().run("failing", lambda pipeline: pipeline | beam.Create([1]) | "Act" >> beam.Map(act))


@pytest.mark.parametrize(("act", "line"), [(fail_of_room, "make room, then"), (fail_of_user, "out: make room")])
def test_trouble_is_one_line_and_nothing_is_logged(act: object, line: str, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.ERROR), pytest.raises(UserError, match=line) as caught:
        run(act)
    assert "while running" not in str(caught.value)
    assert [record for record in caplog.records if record.name.startswith("apache_beam")] == []


def test_a_defect_is_raised_and_logged(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.ERROR), pytest.raises(ValueError, match="a defect"):
        run(fail_of_defect)
    assert logging.getLogger("apache_beam").propagate
