"""Worker processes that start at once: forked from one that has everything imported already.

Beam's in-process runner starts new worker processes for every pipeline, and each imports Beam, Arrow and the filters'
libraries, which takes longer than many stages do. Here the driver starts one server; for each worker it forks, and the
fork becomes the worker. The server has no threads and opens no connection of gRPC's, which forking would break.
It ends when the driver does, by the end of its standard input.
"""

from __future__ import annotations

import atexit
import importlib
import json
import logging
import os
import select
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from functools import cache
from pathlib import Path
from types import ModuleType

from curate.errors import UserError
from curate.trouble import GO_ON

_WORKER = "apache_beam.runners.worker.sdk_worker_main"
_FOLLOW_SECONDS = 0.25
_PRELOADED = "pipelines.build"
"""By name: what the forks share imports this module itself."""


@cache
def start() -> tuple[subprocess.Popen[bytes], str]:
    """Start the server, once, and do not wait for it; (its process, its address)."""
    folder = tempfile.mkdtemp(prefix="curate-")
    address = os.path.join(folder, "fork")
    server = subprocess.Popen([sys.executable, "-m", __name__, address], stdin=subprocess.PIPE, stdout=subprocess.PIPE)

    def stop() -> None:
        server.kill()
        server.wait()
        shutil.rmtree(folder, ignore_errors=True)

    atexit.register(stop)
    return server, address


@cache
def worker_command() -> str:
    """The command that starts a worker, when the server is ready."""
    server, address = start()
    assert server.stdout is not None
    if server.stdout.readline() != b"ready\n":
        raise UserError(f"what starts the workers was ended; {GO_ON}")
    client = Path(__file__).with_name("fork_client.py")
    return f"exec {sys.executable} -I -S {client} {address}"


def serve(address: str) -> None:
    """Fork a worker for each connection until standard input ends."""
    worker = importlib.import_module(_WORKER)
    importlib.import_module(_PRELOADED)

    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # finished forks are not waited for
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(address)
        listener.listen(64)
        print("ready", flush=True)
        while True:
            ready, _, _ = select.select([listener, sys.stdin], [], [])
            if sys.stdin in ready:
                shutil.rmtree(os.path.dirname(address), ignore_errors=True)  # a killed driver could not
                return
            connection, _ = listener.accept()
            server = os.getpid()
            if os.fork() == 0:
                end_with(server)
                listener.close()
                become_worker(connection, worker)
            connection.close()


def end_with(server: int) -> None:
    """End this process soon after the server ends, as it does when the driver ends or is killed.

    A worker that is connected to its driver ends by itself; one that was just starting would try to connect for ever.
    """

    def follow() -> None:
        while os.getppid() == server:
            time.sleep(_FOLLOW_SECONDS)
        os._exit(1)

    threading.Thread(target=follow, name="follow", daemon=True).start()


def become_worker(connection: socket.socket, worker: ModuleType) -> None:
    """In the fork: take the environment that the client was given, be a Beam worker, tell the client how it ended."""
    status = 1
    try:
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        with connection.makefile("rb") as request:
            os.environ.update(json.loads(request.readline()))
        sys.stdin = open(os.devnull)  # noqa: SIM115 - for the life of the process
        # The driver gets the log, and what went wrong, over channels of their own, and tells it once.
        logging.getLogger().handlers.clear()
        sys.stderr = open(os.devnull, "w")  # noqa: SIM115
        worker.main(["fork"])
        status = 0
    except SystemExit as end:
        status = end.code if isinstance(end.code, int) else 1
    finally:
        connection.sendall(str(status).encode())
        os._exit(status)


if __name__ == "__main__":
    logging.basicConfig(level=logging.ERROR)
    serve(sys.argv[1])
