"""An S3 server on the loopback, behind a proxy that cuts connections: for input, and for input and output."""

from __future__ import annotations

import contextlib
import hashlib
import os
import random
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from bench.faults.case import TIMEOUT, Broken, Case, check, one_line, run
from bench.faults.disk import Skipped
from pipelines.cluster.processes import free_ports, listens

CRAWL, CORPORA = "crawl", "corpora"
CUT_AFTER = (1 << 10, 40 << 10)
"""Every other connection is cut after some number of answered bytes between these."""
TRIES = 20


class Cutting(threading.Thread):
    """A TCP proxy that ends every other connection after a random number of bytes from the server."""

    def __init__(self, target: int, chance: random.Random) -> None:
        super().__init__(daemon=True)
        self.target, self.chance = target, chance
        self.cut = self.seen = 0
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self.listener.getsockname()[1]

    def run(self) -> None:
        while True:
            try:
                client, _ = self.listener.accept()
            except OSError:  # closed: the round is over
                return
            server = socket.create_connection(("127.0.0.1", self.target))
            self.seen += 1
            left = self.chance.randint(*CUT_AFTER) if self.seen % 2 else None
            threading.Thread(target=self._pass, args=(client, server, None), daemon=True).start()
            threading.Thread(target=self._pass, args=(server, client, left), daemon=True).start()

    def _pass(self, source: socket.socket, target: socket.socket, most: int | None) -> None:
        left = most
        with contextlib.suppress(OSError):
            while data := source.recv(4 << 10):
                if left is not None:
                    data, left = data[:left], left - len(data)
                target.sendall(data)
                if left is not None and left <= 0:
                    self.cut += 1
                    break
        for end in (source, target):
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
            end.close()


@dataclass(frozen=True)
class Store:
    """fs: reaches the server without the proxy; environment: makes a build reach it through the proxy."""

    fs: Any
    environment: dict[str, str]
    direct: dict[str, str]
    proxy: Cutting


@contextlib.contextmanager
def store(case: Case, chance: random.Random) -> Iterator[Store]:
    """A server that holds the input. Skipped where the packages for it are not here."""
    if find_spec("moto") is None or find_spec("s3fs") is None:
        raise Skipped("no S3 server: pip install 'moto[server]' s3fs")
    import s3fs

    (port,) = free_ports(1)
    server = subprocess.Popen(
        [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    proxy = Cutting(port, chance)
    try:
        deadline = time.monotonic() + TIMEOUT
        while not listens(port):
            if server.poll() is not None or time.monotonic() > deadline:
                raise Broken("the S3 server did not start")
            time.sleep(0.1)
        proxy.start()
        known = {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test", "AWS_DEFAULT_REGION": "us-east-1"}
        environments = [
            {**os.environ, **known, "FSSPEC_S3_ENDPOINT_URL": f"http://127.0.0.1:{at}"} for at in (proxy.port, port)
        ]
        fs = s3fs.S3FileSystem(
            key="test",
            secret="test",
            endpoint_url=f"http://127.0.0.1:{port}",
            use_listings_cache=False,
            skip_instance_cache=True,
        )
        for bucket in (CRAWL, CORPORA):
            fs.mkdir(bucket)
        for path in sorted(case.crawl.iterdir()):
            fs.put_file(str(path), f"{CRAWL}/{path.name}")
        yield Store(fs, *environments, proxy)
    finally:
        proxy.listener.close()
        server.terminate()
        server.wait(30)


def _until_it_ends_well(command: list[str], there: Store) -> str:
    """The same command until it ends well; each time that it does not it must say so in one line."""
    for tries in range(1, TRIES + 1):
        done = subprocess.run(
            [*command, "--quiet"], capture_output=True, text=True, env=there.environment, timeout=TIMEOUT
        )
        if done.returncode == 0:
            return f"{there.proxy.cut} connections cut, {tries - 1} runs ended by it"
        if done.returncode not in (1, 2):
            raise Broken(f"status {done.returncode}: {done.stderr[-2000:]}")
        print(f"    {one_line(done.stderr)}", flush=True)
    raise Broken(f"did not end well in {TRIES} runs")


def fetched(case: Case, folder: Path, chance: random.Random) -> str:
    """Input from the store, output on disk."""
    folder.mkdir(parents=True)
    with store(case, chance) as there:
        command = case.command(str(folder / "out"), "--workers", "1", inputs=[f"s3://{CRAWL}/"])
        said = _until_it_ends_well(command, there)
    check(case, folder / "out")
    return said


def through(case: Case, folder: Path, chance: random.Random) -> str:
    """Input and output on the store."""
    folder.mkdir(parents=True)
    output = f"s3://{CORPORA}/built"
    with store(case, chance) as there:
        command = case.command(output, "--workers", chance.choice("12"), inputs=[f"s3://{CRAWL}/"])
        said = _until_it_ends_well(command, there)
        root = f"{CORPORA}/built/tokens"
        stored = {
            path.removeprefix(f"{root}/"): hashlib.sha256(there.fs.cat_file(path)).hexdigest()
            for path in there.fs.find(root)
        }
        if stored != case.expected:
            raise Broken(f"{output}/tokens is not what an undisturbed run gives")
        run([sys.executable, "-m", "curate", "verify", output], environment=there.direct)
    return said
