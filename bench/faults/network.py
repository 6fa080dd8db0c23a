"""A server of the input, on the loopback, that drops connections, sends half of what was asked, and goes away."""

from __future__ import annotations

import http.server
import random
import re
import socket
import struct
import subprocess
import threading
import time
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from bench.faults.case import TIMEOUT, Broken, Case, check, run
from bench.faults.kill import strike

_RANGE = re.compile(r"bytes=(\d{1,18})-(\d{0,18})\Z")
_PIECE = 4 << 10
BREAKS = 3
"""How often each file's answer is cut. A build tries a dozen times more, with waits that grow."""
GONE_SECONDS = 3.0


class Files(http.server.ThreadingHTTPServer):
    """Serves a folder's files by name. breaks: name -> how many of its answers are still to be cut."""

    daemon_threads = True
    allow_reuse_address = True

    def __init__(self, folder: Path, port: int, chance: random.Random, breaks: int) -> None:
        super().__init__(("127.0.0.1", port), _Handler)
        self.folder = folder
        self.chance = chance
        self.breaks = {path.name: breaks for path in folder.iterdir()}
        self.sent = 0
        self.cut = 0
        self.pace = 0.0
        self.lock = threading.Lock()

    @property
    def urls(self) -> list[str]:
        return [f"http://127.0.0.1:{self.server_port}/{name}" for name in sorted(self.breaks)]

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that is killed is no error of the server's."""


class _Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Files

    def log_message(self, format: str, *args: Any) -> None:
        pass

    def do_HEAD(self) -> None:
        self._answer(body=False)

    def do_GET(self) -> None:
        self._answer(body=True)

    def _answer(self, body: bool) -> None:
        name = urlsplit(self.path).path.lstrip("/")
        data = (self.server.folder / name).read_bytes()
        asked = _RANGE.match(self.headers.get("Range", ""))
        start = int(asked[1]) if asked else 0
        self.send_response(206 if asked else 200)
        if asked:
            end = min(int(asked[2]) if asked[2] else len(data) - 1, len(data) - 1)
            self.send_header("Content-Range", f"bytes {start}-{end}/{len(data)}")
        else:
            end = len(data) - 1
        self.send_header("ETag", f'"{name}-{len(data)}"')
        self.send_header("Content-Length", str(end + 1 - start))
        self.end_headers()
        if not body:
            return
        with self.server.lock:
            cut = end > start and self.server.breaks[name] > 0
            self.server.breaks[name] -= cut
            most = self.server.chance.randrange(end + 1 - start) if cut else end + 1 - start
            reset = self.server.chance.random() < 0.5
        self._send(data[start : start + most])
        if cut:
            self.server.cut += 1
            if reset:  # a connection that is reset, not closed, may lose what was on its way
                self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self.close_connection = True

    def _send(self, data: bytes) -> None:
        for first in range(0, len(data), _PIECE):
            self.wfile.write(data[first : first + _PIECE])
            self.server.sent += len(data[first : first + _PIECE])
            time.sleep(self.server.pace)


def serve(folder: Path, chance: random.Random, breaks: int, port: int = 0) -> Files:
    server = Files(folder, port, chance, breaks)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server


def torn(case: Case, folder: Path, chance: random.Random) -> str:
    """Every file's answers are cut several times; the build goes on where they were cut, and ends as usual."""
    folder.mkdir(parents=True)
    server = serve(case.crawl, chance, BREAKS)
    try:
        run(case.command(str(folder / "out"), "--workers", "1", inputs=server.urls))
    finally:
        server.shutdown()
        server.server_close()
    check(case, folder / "out")
    return f"{server.cut} answers cut"


def gone(case: Case, folder: Path, chance: random.Random) -> str:
    """The server goes away in mid-download and comes back; the download goes on."""
    folder.mkdir(parents=True)
    server = serve(case.crawl, chance, 0)
    server.pace = 0.02
    port = server.server_port
    process = subprocess.Popen(
        case.command(str(folder / "out"), "--workers", "1", "--quiet", inputs=server.urls),
        stderr=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        text=True,
    )
    try:
        _wait_for(server, process, chance)
        server.breaks = dict.fromkeys(server.breaks, 1)  # what is on its way is cut, too
        server.shutdown()
        server.server_close()
        time.sleep(GONE_SECONDS)
        server = serve(case.crawl, chance, 0, port)
        _, said = process.communicate(timeout=TIMEOUT)
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()
        server.shutdown()
        server.server_close()
    if process.returncode:
        raise Broken(f"status {process.returncode} after the server came back: {said[-2000:]}")
    check(case, folder / "out")
    return f"away for {GONE_SECONDS:.0f} s"


def killed(case: Case, folder: Path, chance: random.Random) -> str:
    """The driver is killed in mid-download; the same command fetches what is missing and no more."""
    folder.mkdir(parents=True)
    server = serve(case.crawl, chance, 0)
    server.pace = 0.02
    command = case.command(str(folder / "out"), "--workers", "1", inputs=server.urls)
    process = subprocess.Popen(
        command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, text=True, start_new_session=True
    )
    try:
        _wait_for(server, process, chance)
        strike(process, "machine", chance)
        process.wait()
        time.sleep(0.5)
        on_disk = sum(
            path.stat().st_size for path in (folder / "out" / "input").iterdir() if ".source" not in path.name
        )
        first, server.sent, server.pace = server.sent, 0, 0.0
        run(command)
    finally:
        server.shutdown()
        server.server_close()
    check(case, folder / "out")
    size = sum(path.stat().st_size for path in case.crawl.iterdir())
    if server.sent > size - on_disk + 64:  # a file that is whole is confirmed with a byte
        raise Broken(f"{server.sent:,} bytes were fetched though {on_disk:,} of {size:,} were there")
    return f"killed after {first:,} bytes, {on_disk:,} kept, {server.sent:,} more fetched"


def _wait_for(server: Files, process: subprocess.Popen[str], chance: random.Random) -> None:
    """Until a random part of the input has been sent."""
    wanted = chance.uniform(0.1, 0.9) * sum(path.stat().st_size for path in server.folder.iterdir())
    deadline = time.monotonic() + TIMEOUT
    while server.sent < wanted:
        if process.poll() is not None or time.monotonic() > deadline:
            raise Broken("the build ended before its input was fetched")
        time.sleep(0.005)
