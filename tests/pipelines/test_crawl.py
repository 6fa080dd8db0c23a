"""`--input cc://…` end to end, from a CommonCrawl-shaped server on loopback that refuses and breaks off at first."""

from __future__ import annotations

import gzip
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from tests.pipelines.building import build, digests, summary

pytestmark = pytest.mark.slow
PATHS = [f"crawl-data/CC-MAIN-2020-50/segments/1/warc/CC-SAMPLE-2020-0000{n}.warc.gz" for n in range(4)]


class Server(ThreadingHTTPServer):
    def __init__(self, folder: Path) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.folder = folder
        self.asked: list[tuple[str, str]] = []


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Server

    def log_message(self, *_: object) -> None:
        pass

    def do_HEAD(self) -> None:
        self.answer(head=True)

    def do_GET(self) -> None:
        self.answer(head=False)

    def answer(self, head: bool) -> None:
        span = self.headers.get("Range", "")
        self.server.asked.append((self.path, span))
        if self.path.endswith("warc.paths.gz"):
            data = gzip.compress("\n".join(PATHS).encode())
        elif self.path.lstrip("/") in PATHS:
            data = (self.server.folder / self.path.rsplit("/", 1)[1]).read_bytes()
        else:
            self.send_error(404)
            return
        gets = sum(path == self.path for path, _ in self.server.asked)
        broken = self.path.endswith("00000.warc.gz") and not head and not span
        if self.path.endswith("00001.warc.gz") and gets == 1:
            self.send_error(503)
            return
        start = int(span.removeprefix("bytes=").split("-")[0]) if span else 0
        self.send_response(206 if span else 200)
        self.send_header("Content-Length", str(len(data) - start))
        self.send_header("ETag", f'"{len(data)}"')
        if span:
            self.send_header("Content-Range", f"bytes {start}-{len(data) - 1}/{len(data)}")
        self.end_headers()
        if not head:
            self.wfile.write(data[start : len(data) // 2 if broken else None])
            if broken:
                self.close_connection = True


@pytest.fixture
def crawl(sample_crawl: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    server = Server(sample_crawl)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    monkeypatch.setenv("CURATE_CC_BASE", f"http://127.0.0.1:{server.server_port}/")
    yield server
    server.shutdown()
    server.server_close()


def test_the_first_warcs_of_a_crawl_are_fetched_resumed_and_built(crawl, manifest, tmp_path):
    output = tmp_path / "crawl"
    done = build(manifest, output, "--workers", "1", "--input", "cc://CC-MAIN-2020-50", "--warcs", "2")
    assert summary(output)["input_files"] == 2
    assert "2 kept" not in done.stdout
    assert summary(output)["tokens"] > 1000
    assert any(path.endswith("00000.warc.gz") and span.startswith("bytes=") for path, span in crawl.asked), (
        "the broken download was not resumed"
    )
    before = digests(output / "tokens")
    fetched = len([path for path, _ in crawl.asked if path.endswith(".warc.gz")])
    build(manifest, output, "--workers", "1", "--input", "cc://CC-MAIN-2020-50", "--warcs", "2")
    again = len([path for path, _ in crawl.asked if path.endswith(".warc.gz")]) - fetched
    assert again <= 2, "a file that is here was fetched again"
    assert digests(output / "tokens") == before
