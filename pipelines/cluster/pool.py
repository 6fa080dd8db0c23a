"""A pool of SDK workers: an engine's executors ask it for Python processes that run this package's functions.

    python -m pipelines.cluster.pool --port 50000

It stands in for Beam's `worker_pool_main`, which knows a worker by its id alone. Each executor counts its workers from
1-1 anew, so of two executors on one machine the first to stop its 1-1 ends the other's; if that one has not reported
to its executor yet, the executor waits for it for ever. Here nobody's worker is ended by another's word:

- A worker is stopped by the connection that asked for it, or once the executor it serves takes no connections.
- A worker that dies as it starts is started again; one that dies later is the executor's to notice, which it does.
- What a worker prints goes to the pool's log. Beam's pool gives it a pipe that nobody reads: once full, it stops the
  worker.
"""

from __future__ import annotations

import argparse
import contextlib
import logging
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

import grpc
from apache_beam.portability.api import beam_fn_api_pb2 as messages
from apache_beam.portability.api import beam_fn_api_pb2_grpc as services

ATTEMPTS = 3
STARTING_SECONDS = 30.0
"""A worker that ends of itself before that has not begun to work: its imports alone take seconds."""
_GRACE_SECONDS = 5.0
_LOOK_SECONDS = 1.0
_log = logging.getLogger(__name__)


def harness(worker_id: str, control: str) -> list[str]:
    """The command of one worker: Beam's own, reporting to this endpoint."""
    start = "import sys; from apache_beam.runners.worker.sdk_worker import SdkHarness"
    run = "SdkHarness(sys.argv[1], worker_id=sys.argv[2], state_cache_size=0, data_buffer_time_limit_ms=-1).run()"
    return [sys.executable, "-c", f"{start}; {run}", control, worker_id]


@dataclass(slots=True)
class _Worker:
    """asker: the connection that asked for it. ending: when it was asked to end, as `monotonic` has it."""

    name: str
    control: str
    asker: str
    process: subprocess.Popen[bytes]
    attempts: int = 1
    started: float = field(default_factory=time.monotonic)
    unanswered: float | None = None
    ending: float | None = None

    def end(self) -> None:
        if self.ending is None:
            self.ending = time.monotonic()
            self.process.terminate()


class WorkerPool(services.BeamFnExternalWorkerPoolServicer):
    """The service that executors call. `look` is to be called every second or so."""

    def __init__(self, command: Callable[[str, str], list[str]] = harness) -> None:
        self._command = command
        self._workers: list[_Worker] = []
        self._lock = threading.Lock()

    def StartWorker(
        self, request: messages.StartWorkerRequest, context: grpc.ServicerContext
    ) -> messages.StartWorkerResponse:
        name, control = request.worker_id, request.control_endpoint.url
        try:
            worker = _Worker(name, control, context.peer(), self._start(name, control))
        except OSError as error:
            return messages.StartWorkerResponse(error=f"worker {name} does not start: {error}")
        with self._lock:
            self._workers.append(worker)
        return messages.StartWorkerResponse()

    def StopWorker(
        self, request: messages.StopWorkerRequest, context: grpc.ServicerContext
    ) -> messages.StopWorkerResponse:
        with self._lock:
            for worker in self._workers:
                if (worker.name, worker.asker) == (request.worker_id, context.peer()):
                    _log.info("worker %s of %s is to end", worker.name, worker.control)
                    worker.end()
        return messages.StopWorkerResponse()

    def look(self) -> None:
        """Start again what died as it started; end what nobody waits for; forget what has ended."""
        with self._lock:
            workers = list(self._workers)
        for worker in workers:
            answers = _answers(worker.control)
            with self._lock:
                if not self._keep(worker, answers):
                    self._workers.remove(worker)

    def close(self) -> None:
        """End them all."""
        with self._lock:
            for worker in self._workers:
                worker.end()
            for worker in self._workers:
                _wait(worker.process)
            self._workers.clear()

    def serving(self) -> list[tuple[str, str]]:
        """Id and control endpoint of each worker that runs."""
        with self._lock:
            return [(worker.name, worker.control) for worker in self._workers if worker.process.poll() is None]

    def _keep(self, worker: _Worker, answers: bool) -> bool:
        now, status = time.monotonic(), worker.process.poll()
        worker.unanswered = None if answers else worker.unanswered or now
        if status is None:
            if worker.ending is not None and now - worker.ending > _GRACE_SECONDS:
                worker.process.kill()
            elif worker.unanswered is not None and now - worker.unanswered > _GRACE_SECONDS:
                _log.info("worker %s: nothing answers at %s any more", worker.name, worker.control)
                worker.end()
            return True
        if not status or worker.ending is not None or not answers:
            return False
        _log.warning("worker %s of %s ended with status %d", worker.name, worker.control, status)
        if now - worker.started > STARTING_SECONDS or worker.attempts == ATTEMPTS:
            return False
        try:
            worker.process = self._start(worker.name, worker.control)
        except OSError as error:
            _log.warning("worker %s does not start: %s", worker.name, error)
            return False
        worker.attempts += 1
        worker.started = now
        return True

    def _start(self, name: str, control: str) -> subprocess.Popen[bytes]:
        _log.info("worker %s starts for %s", name, control)
        return subprocess.Popen(self._command(name, control), stdin=subprocess.DEVNULL, close_fds=True)


def serve(pool: WorkerPool, host: str, port: int) -> tuple[grpc.Server, int]:
    """A running server of the pool, and its port; OSError where that is taken."""
    options = [("grpc.http2.max_pings_without_data", 0), ("grpc.http2.max_ping_strikes", 0), ("grpc.so_reuseport", 0)]
    server = grpc.server(ThreadPoolExecutor(16, "pool"), options=options)
    services.add_BeamFnExternalWorkerPoolServicer_to_server(pool, server)
    try:
        port = server.add_insecure_port(f"{host}:{port}")
    except RuntimeError as error:
        raise OSError(str(error)) from None
    server.start()
    return server, port


def _answers(endpoint: str) -> bool:
    host, _, port = endpoint.rpartition(":")
    try:
        with socket.create_connection((host.strip("[]"), int(port)), timeout=_GRACE_SECONDS):
            return True
    except TimeoutError:
        return True  # it is there, and busy
    except (OSError, ValueError):
        return False


def _wait(process: subprocess.Popen[bytes]) -> None:
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(_GRACE_SECONDS)
        return
    process.kill()
    process.wait()


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        prog="python -m pipelines.cluster.pool", description=(__doc__ or "").split("\n")[0]
    )
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument(
        "--host",
        default="127.0.0.1",
        help="where to listen: whoever reaches it can start workers (default: %(default)s)",
    )
    given = parser.parse_args(arguments)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s")
    ended = threading.Event()
    for sign in (signal.SIGTERM, signal.SIGINT):
        signal.signal(sign, lambda *_: ended.set())
    pool = WorkerPool()
    try:
        server, _ = serve(pool, given.host, given.port)
    except OSError as error:
        print(f"pool: {given.host}:{given.port} cannot be had: {error}", file=sys.stderr)
        return 2
    _log.info("workers can be had at %s:%d", given.host, given.port)
    while not ended.wait(_LOOK_SECONDS):
        pool.look()
    server.stop(0)
    pool.close()
    return 0


if __name__ == "__main__":
    sys.exit(main())
