"""The pool ends nobody's worker by another's word, and starts again what died as it started."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import grpc
import pytest
from apache_beam.portability.api import beam_fn_api_pb2 as messages
from apache_beam.portability.api import beam_fn_api_pb2_grpc as services
from apache_beam.portability.api import endpoints_pb2

from pipelines.cluster import pool as pools
from pipelines.cluster.pool import ATTEMPTS, WorkerPool, serve
from pipelines.cluster.processes import free_ports, listens

SLEEPER = "import sys, time; print(sys.argv[1:], flush=True); time.sleep(60)"


def sleeper(name: str, control: str) -> list[str]:
    return [sys.executable, "-c", SLEEPER, name, control]


class Executor:
    """What an engine runs on each machine: it takes connections of workers, and asks the pool for them."""

    def __init__(self, port: int) -> None:
        self.socket = socket.create_server(("127.0.0.1", 0))
        self.control = f"127.0.0.1:{self.socket.getsockname()[1]}"
        # Channels to one address share a connection unless they are told not to, as two processes' never would.
        self.channel = grpc.insecure_channel(f"127.0.0.1:{port}", options=[("grpc.use_local_subchannel_pool", 1)])
        self.pool = services.BeamFnExternalWorkerPoolStub(self.channel)

    def start(self, name: str) -> str:
        endpoint = endpoints_pb2.ApiServiceDescriptor(url=self.control)
        request = messages.StartWorkerRequest(worker_id=name, control_endpoint=endpoint)
        return str(self.pool.StartWorker(request, timeout=30).error)

    def stop(self, name: str) -> str:
        return str(self.pool.StopWorker(messages.StopWorkerRequest(worker_id=name), timeout=30).error)

    def die(self) -> None:
        self.channel.close()
        self.socket.close()


@contextmanager
def serving(pool: WorkerPool) -> Iterator[Callable[[], Executor]]:
    server, port = serve(pool, "127.0.0.1", 0)
    started: list[Executor] = []

    def executor() -> Executor:
        started.append(Executor(port))
        return started[-1]

    try:
        yield executor
    finally:
        for each in started:
            each.die()
        server.stop(0).wait()
        pool.close()


def until(true: Callable[[], bool], look: Callable[[], None], seconds: float = 30.0) -> None:
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline
        look()
        time.sleep(0.02)


def test_executors_that_name_their_workers_alike_do_not_end_each_others() -> None:
    pool = WorkerPool(sleeper)
    with serving(pool) as executor:
        one, other = executor(), executor()
        assert [one.start("1-1"), other.start("1-1")] == ["", ""]
        assert sorted(pool.serving()) == sorted([("1-1", one.control), ("1-1", other.control)])
        assert not one.stop("1-1")
        until(lambda: pool.serving() == [("1-1", other.control)], pool.look)
        assert not one.stop("1-1")  # once more: there is none of its own now
        assert not other.stop("1-2")
        pool.look()
        assert pool.serving() == [("1-1", other.control)]


def test_workers_of_an_executor_that_died_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pools, "_GRACE_SECONDS", 0.2)
    pool = WorkerPool(sleeper)
    with serving(pool) as executor:
        one, other = executor(), executor()
        assert [one.start("1-1"), one.start("1-2"), other.start("1-1")] == ["", "", ""]
        one.die()
        until(lambda: pool.serving() == [("1-1", other.control)], pool.look)


def test_a_worker_that_does_not_end_when_asked_is_killed(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(pools, "_GRACE_SECONDS", 0.2)
    ready = tmp_path / "ready"
    deaf = f"import signal, time; signal.signal(15, signal.SIG_IGN); open({str(ready)!r}, 'w'); time.sleep(60)"
    pool = WorkerPool(lambda *_: [sys.executable, "-c", deaf])
    with serving(pool) as executor:
        one = executor()
        one.start("1-1")
        until(ready.exists, pool.look)
        one.stop("1-1")
        until(lambda: not pool.serving(), pool.look)


def test_a_worker_that_dies_as_it_starts_is_started_again_and_not_for_ever(tmp_path: Path) -> None:
    counted = tmp_path / "starts"
    dying = f"import os; open({str(counted)!r}, 'a').write('x'); os.kill(os.getpid(), 9)"
    pool = WorkerPool(lambda *_: [sys.executable, "-c", dying])
    with serving(pool) as executor:
        executor().start("1-1")
        until(lambda: not pool._workers, pool.look)
    assert counted.read_text() == "x" * ATTEMPTS


@pytest.mark.parametrize(("ends", "starting"), [("raise SystemExit(0)", 30.0), ("raise SystemExit(1)", 0.0)])
def test_a_worker_that_ends_well_or_after_it_began_to_work_is_not_started_again(
    ends: str, starting: float, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(pools, "STARTING_SECONDS", starting)
    counted = tmp_path / "starts"
    pool = WorkerPool(lambda *_: [sys.executable, "-c", f"open({str(counted)!r}, 'a').write('x'); {ends}"])
    with serving(pool) as executor:
        executor().start("1-1")
        until(lambda: not pool._workers, pool.look)
    assert counted.read_text() == "x"


def test_a_worker_that_cannot_be_started_is_said_to_who_asked() -> None:
    pool = WorkerPool(lambda *_: ["/no/such/python"])
    with serving(pool) as executor:
        assert "worker 1-1 does not start" in executor().start("1-1")
    assert not pool.serving()


def test_the_command_serves_until_it_is_ended_and_takes_its_workers_with_it(tmp_path: Path) -> None:
    (port,) = free_ports(1)
    command = [sys.executable, "-m", "pipelines.cluster.pool", "--port", str(port)]
    with (tmp_path / "log").open("wb") as log:
        running = subprocess.Popen(command, stdout=log, stderr=log)
    try:
        until(lambda: listens(port), lambda: None, seconds=60)
        taken = subprocess.run(command, capture_output=True, text=True, timeout=60)
        assert taken.returncode == 2
        assert taken.stderr.splitlines()[-1].startswith(f"pool: 127.0.0.1:{port} cannot be had")
        executor = Executor(port)
        executor.socket.settimeout(60)
        assert not executor.start("1-1")
        executor.socket.accept()[0].close()  # Beam's own harness calls at the control endpoint it was given
        children = Path(f"/proc/{running.pid}/task/{running.pid}/children")
        workers = {
            int(pid) for task in children.parent.parent.iterdir() for pid in (task / "children").read_text().split()
        }
        assert len(workers) == 1
        running.send_signal(signal.SIGTERM)
        assert running.wait(30) == 0
        assert not any(os.path.exists(f"/proc/{pid}") for pid in workers)
        executor.die()
    finally:
        running.kill()
        running.wait()
