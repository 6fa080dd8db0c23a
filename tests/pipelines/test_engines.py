"""On Spark and on Flink, whose workers have only the built wheel, a build gives the bytes of the in-process runner."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from curate.errors import UserError
from pipelines.cluster.engines import Ports, down, up
from pipelines.cluster.processes import Processes, free_ports, listens
from tests.pipelines.building import build, digests, run, summary

ENGINES = [pytest.param("spark", marks=pytest.mark.spark), pytest.param("flink", marks=pytest.mark.flink)]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One for both engines: they share the workers' environment."""
    return tmp_path_factory.mktemp("cluster")


@pytest.fixture
def engine(request: pytest.FixtureRequest, folder: Path) -> Iterator[list[str]]:
    """The options that reach an engine, which ends with the test."""
    name = request.param
    try:
        options = up(name, folder, Ports.unused(), print)
    except UserError as error:
        pytest.skip(f"no {name} here: {error}")
    try:
        yield options
    finally:
        down(name, folder)
    assert Processes(folder / name).alive == []


@pytest.mark.slow
@pytest.mark.parametrize("engine", ENGINES, indirect=True)
def test_an_engine_gives_the_bytes_of_the_in_process_runner(
    engine: list[str], manifest: str, sample_crawl: Path, tmp_path: Path
) -> None:
    crawl = ("--input", str(sample_crawl / "CC-SAMPLE-2020-0000[01].warc.gz"), "--set", "extract.range_bytes=64KB")
    build(manifest, tmp_path / "here", "--workers", "1", *crawl)
    build(manifest, tmp_path / "there", *crawl, *engine, timeout=1_500)
    assert digests(tmp_path / "there" / "tokens") == digests(tmp_path / "here" / "tokens")
    here, there = (summary(tmp_path / name) for name in ("here", "there"))
    for one, other in zip(here["stages"], there["stages"], strict=True):
        assert (one["in"], one["out"], one["dropped"]) == (other["in"], other["out"], other["dropped"])
    assert run("verify", str(tmp_path / "there")).returncode == 0


def test_a_process_that_ends_as_it_starts_is_told_with_its_last_words(tmp_path: Path) -> None:
    processes = Processes(tmp_path)
    (port,) = free_ports(1)
    processes.start("broken", ["sh", "-c", "echo first; echo no such master >&2; exit 3"])
    with pytest.raises(UserError, match=r"broken ended as it started: .*no such master"):
        processes.wait_for("broken", port, seconds=30)


def test_stopping_ends_what_was_started_and_what_that_started(tmp_path: Path) -> None:
    (port,) = free_ports(1)
    serve = f"{shutil.which('python3')} -m http.server {port} --bind 127.0.0.1"
    processes = Processes(tmp_path)
    processes.start("server", ["sh", "-c", f"{serve} & wait"])
    processes.wait_for("server", port, seconds=60)
    assert Processes(tmp_path).alive == ["server"]  # another run of the program finds it
    assert Processes(tmp_path).stop() == ["server"]
    assert not listens(port)
    assert Processes(tmp_path).stop() == []


def test_a_process_of_another_that_has_the_same_id_now_is_left_alone(tmp_path: Path) -> None:
    processes = Processes(tmp_path)
    processes.start("sleeper", ["sleep", "60"])
    (sleeper,) = processes.running
    record = tmp_path / "processes.json"
    record.write_text(record.read_text().replace(str(sleeper.started), str(sleeper.started - 1)))
    assert Processes(tmp_path).stop() == []
    assert sleeper.alive
    processes.stop()
    assert not sleeper.alive


def test_a_port_that_is_taken_is_one_line(tmp_path: Path) -> None:
    ports = Ports.unused()
    processes = Processes(tmp_path)
    processes.start("server", ["python3", "-m", "http.server", str(ports.pool), "--bind", "127.0.0.1"])
    try:
        processes.wait_for("server", ports.pool, seconds=60)
        with pytest.raises(UserError, match=f"port {ports.pool} is taken"):
            ports.check("flink")
    finally:
        processes.stop()
