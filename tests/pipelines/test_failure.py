"""A pipeline that fails for want of room says one line; one that fails by a defect shows all that is known."""

from __future__ import annotations

import errno
import logging
import os
import socket

import apache_beam as beam
import grpc
import pytest
from apache_beam.options.pipeline_options import PortableOptions

from curate.errors import UserError
from curate.trouble import GO_ON
from pipelines.engine import Engine
from pipelines.failure import told_in_one_line


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


def lose(error: Exception) -> str:
    with pytest.raises(UserError) as caught, told_in_one_line(False, "SparkRunner at host:8099"):
        raise error
    return str(caught.value)


class Broken(grpc.RpcError, grpc.Call):
    """As a stream raises that its server left."""

    def details(self) -> str:
        return "Socket closed"


Broken.__abstractmethods__ = frozenset()


def test_a_job_server_that_is_lost_is_one_line() -> None:
    then = f"start it again, then {GO_ON}"
    assert lose(Broken()) == f"SparkRunner at host:8099 was lost (Socket closed): {then}"
    assert lose(grpc.FutureTimeoutError()) == f"SparkRunner at host:8099 was lost: {then}"


def test_workers_and_masters_that_are_lost_are_one_line(caplog: pytest.LogCaptureFixture) -> None:
    java = (
        "Pipeline job-1 failed in state FAILED: java.lang.RuntimeException: UNAVAILABLE: io exception\n"
        "\tat org.apache.beam.Cache.load(Cache.java:1)\n\t... 39 more\n"
        "Caused by: io.netty.AbstractChannel$AnnotatedConnectException: finishConnect(..) failed: "
        "Connection refused: {}/127.0.0.1:48879\nCaused by: java.net.ConnectException: finishConnect(..) failed"
    )
    pool = f"no SDK workers can be had at 127.0.0.1:48879: start their pool again, then {GO_ON}"
    for host in ("", "localhost"):
        assert lose(RuntimeError(java.format(host))) == f"SparkRunner at host:8099: {pool}"
    gone = "org.apache.spark.SparkException: Exiting due to error from cluster scheduler: All masters are unresponsive!"
    assert lose(RuntimeError(gone)).startswith("SparkRunner at host:8099 was lost (All masters are unresponsive)")


@pytest.mark.parametrize(
    "said",
    [
        "AttributeError: Can't get attribute 'CountRecord' on <module 'pipelines.collect' from '/lib/collect.py'>",
        "ModuleNotFoundError: No module named 'pipelines'",
        "ModuleNotFoundError: No module named 'curate.parquet'",
    ],
)
def test_workers_of_another_version_are_one_line(said: str) -> None:
    text = f"Pipeline job-1 failed in state FAILED: java.util.concurrent.ExecutionException\n\tat a.B(C.java:1)\n{said}"
    assert "have no curate, or another version: install this one there" in lose(RuntimeError(text))


def test_another_module_that_is_missing_is_no_other_version() -> None:
    with pytest.raises(RuntimeError, match="lxml"), told_in_one_line(False, "SparkRunner"):
        raise RuntimeError("ModuleNotFoundError: No module named 'lxml'")


@pytest.mark.parametrize(("raised", "logged"), [(ValueError("a defect"), ["soon", "no"]), (Broken(), ["soon"])])
def test_errors_of_a_job_on_a_cluster_are_logged_unless_one_line_says_them(
    raised: Exception, logged: list[str], caplog: pytest.LogCaptureFixture
) -> None:
    def job() -> None:
        with told_in_one_line(False, "SparkRunner"):
            logging.log(logging.ERROR, "no")  # as Beam does for each message of a job
            logging.log(logging.INFO, "soon")
            assert caplog.messages == ["soon"]
            raise raised

    with caplog.at_level(logging.INFO), pytest.raises((ValueError, UserError)):
        job()
    assert caplog.messages == logged
    assert not logging.getLogger().filters


def test_what_a_job_raises_on_a_cluster_is_raised() -> None:
    with pytest.raises(ValueError, match="a defect"), told_in_one_line(False, "SparkRunner"):
        raise ValueError("a defect")


@pytest.mark.parametrize("options", [("--job_endpoint=127.0.0.1:{}",), ("--job_endpoint", "127.0.0.1:{}")])
def test_a_job_server_that_is_not_there_is_told_before_any_work(options: tuple[str, ...]) -> None:
    with socket.socket() as taken:  # a port that nothing listens on
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
        engine = Engine("SparkRunner", options=[option.format(port) for option in options])
        assert engine.endpoint == f"127.0.0.1:{port}"
        with pytest.raises(UserError, match=f"127.0.0.1:{port}: no job server is there"):
            engine.check()
        taken.listen()
        engine.check()
    assert Engine("FlinkRunner").endpoint == ""


def test_an_answer_of_a_job_server_is_waited_for_a_minute_unless_the_user_says_otherwise() -> None:
    def waits(*options: str) -> int:
        return Engine("SparkRunner", options=options).pipeline_options().view_as(PortableOptions).job_server_timeout

    assert waits("--job_endpoint=127.0.0.1:1") == 60
    assert waits("--job_server_timeout=7") == 7
