"""What `cc://` promises, with a crawl served from a folder on the loopback interface."""

from __future__ import annotations

import functools
import gzip
import http.server
import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import fsspec
import pytest

from curate.crawl_index import CrawlFile, crawl_files, parse_count
from curate.download import fetch_all
from curate.errors import UserError
from curate.inputs import resolve_inputs
from curate.retry import Retry

CRAWL = "CC-MAIN-2020-50"
PREFIX = f"crawl-data/{CRAWL}/segments/1606141163411.0/warc/CC-MAIN-20201123153826-20201123183826"
KEYS = [f"{PREFIX}-0000{i}.warc.gz" for i in range(3)]
RETRY = Retry(retries=2, timeout=10, sleep=lambda _: None, jitter=lambda: 1.0)
ONE_LINE = r"\A[^\n]+\Z"


class Folder(http.server.SimpleHTTPRequestHandler):
    timeout = 10
    log: list[str]

    def log_message(self, *_: object) -> None:
        pass

    def do_GET(self) -> None:
        self.log.append(self.path)
        super().do_GET()


def listing(root: Path, lines: list[str], crawl: str = CRAWL, kind: str = "warc") -> Path:
    path = root / "crawl-data" / crawl / f"{kind}.paths.gz"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(gzip.compress("".join(f"{line}\n" for line in lines).encode()))
    return path


@pytest.fixture
def crawl(tmp_path: Path) -> Path:
    root = tmp_path / "mirror"
    listing(root, KEYS)
    for i, key in enumerate(KEYS):
        (root / key).parent.mkdir(parents=True, exist_ok=True)
        (root / key).write_bytes(b"WARC" * (i + 1))
    return root


@pytest.fixture
def log() -> list[str]:
    return []


@pytest.fixture
def base(crawl: Path, log: list[str]) -> Iterator[str]:
    handler = functools.partial(type("Logged", (Folder,), {"log": log}), directory=str(crawl))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}/"
        server.shutdown()
        thread.join(10)


def test_a_crawl_becomes_local_files_and_is_fetched_once(base: str, log: list[str], tmp_path: Path) -> None:
    cache = str(tmp_path / "out" / "input")
    for _ in range(2):
        inputs = resolve_inputs([f"cc://{CRAWL}"], base=".", warcs=2, cc_base=base, retry=RETRY)
        assert [item.file for item in inputs] == KEYS[:2]
        assert [item.path for item in inputs] == [base + key for key in KEYS[:2]]
        assert [item.size for item in inputs] == [4, 8]
        fetched = fetch_all(inputs, cache, retry=RETRY)
    assert [Path(item.path).read_bytes() for item in fetched] == [b"WARC", b"WARCWARC"]
    assert sum(path.endswith(".warc.gz") for path in log) == 2


def test_the_first_files_of_the_listing_are_taken_in_its_order(base: str) -> None:
    assert crawl_files(f"cc://{CRAWL}", 1, base=base, retry=RETRY) == [CrawlFile(base + KEYS[0], KEYS[0])]
    assert [file.key for file in crawl_files(f"cc://{CRAWL}/warc", 3, base=base, retry=RETRY)] == KEYS
    assert [file.key for file in crawl_files(f"cc://{CRAWL}/warc/", "all", base=base, retry=RETRY)] == KEYS


def test_the_keys_are_the_same_from_every_mirror(base: str, crawl: Path) -> None:
    store = fsspec.filesystem("memory")
    store.pipe(f"/commoncrawl/crawl-data/{CRAWL}/warc.paths.gz", listing(crawl, KEYS).read_bytes())
    over_http = crawl_files(f"cc://{CRAWL}", 2, base=base, retry=RETRY)
    in_a_store = crawl_files(f"cc://{CRAWL}", 2, base="memory://commoncrawl", retry=RETRY)
    on_disk = crawl_files(f"cc://{CRAWL}", 2, base=f"file://{crawl}", retry=RETRY)
    assert [f.key for f in over_http] == [f.key for f in in_a_store] == [f.key for f in on_disk] == KEYS[:2]
    assert in_a_store[0].url == f"memory://commoncrawl/{KEYS[0]}"
    store.rm("/commoncrawl", recursive=True)


def test_wet_files_come_from_their_own_listing(base: str, crawl: Path) -> None:
    key = f"crawl-data/{CRAWL}/segments/1/wet/a.warc.wet.gz"
    listing(crawl, [key], kind="wet")
    assert crawl_files(f"cc://{CRAWL}/wet", 1, base=base, retry=RETRY) == [CrawlFile(base + key, key)]


def test_the_environment_names_the_mirror(base: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CURATE_CC_BASE", base)
    assert len(crawl_files(f"cc://{CRAWL}", 2, retry=RETRY)) == 2
    monkeypatch.setenv("CURATE_CC_BASE", "mirror")
    with pytest.raises(UserError, match="CURATE_CC_BASE must be a URL"):
        crawl_files(f"cc://{CRAWL}", 2, retry=RETRY)


def test_without_a_number_the_user_is_asked_for_one(base: str) -> None:
    with pytest.raises(UserError, match=r"\ACC-MAIN-2020-50 has 3 WARC files: say how many with WARCS=2, or WARCS=all"):
        crawl_files(f"cc://{CRAWL}", None, base=base, retry=RETRY)


@pytest.mark.parametrize("count", [0, -1, 4])
def test_a_number_the_crawl_does_not_have_is_refused(base: str, count: int) -> None:
    with pytest.raises(UserError, match="WARCS must be 1 to 3, or all"):
        crawl_files(f"cc://{CRAWL}", count, base=base, retry=RETRY)


def test_an_unknown_crawl_names_a_valid_form(base: str, log: list[str]) -> None:
    with pytest.raises(UserError, match=r"there is no crawl CC-MAIN-2020-51 [^\n]*cc://CC-MAIN-2020-50[^\n]*\Z"):
        crawl_files("cc://CC-MAIN-2020-51", 1, base=base, retry=RETRY)
    assert len(log) == 1
    with pytest.raises(UserError, match="there is no crawl CC-MAIN-2020-51"):
        crawl_files("cc://CC-MAIN-2020-51", 1, base="memory://commoncrawl", retry=RETRY)


@pytest.mark.parametrize(
    ("spec", "hint"),
    [
        ("cc://2020-50", "did you mean cc://CC-MAIN-2020-50?"),
        ("cc://cc-main-2020-50/wet", "did you mean cc://CC-MAIN-2020-50/wet?"),
        ("cc://CC-MAIN-2020-50/wat", "did you mean cc://CC-MAIN-2020-50?"),
        ("cc://CC-MAIN-2020-50/../x", "did you mean cc://CC-MAIN-2020-50?"),
        ("cc://", "write it like cc://CC-MAIN-2020-50"),
        ("cc://CC-MAIN-2020-50\n", "write it like cc://CC-MAIN-2020-50"),
        ("cc://CC-MAIN-٢٠٢٠-٥٠", "write it like cc://CC-MAIN-2020-50"),
    ],
)
def test_a_name_that_is_no_crawl_is_refused_without_a_request(spec: str, hint: str) -> None:
    with pytest.raises(UserError, match=ONE_LINE) as refusal:
        crawl_files(spec, 1, base="http://127.0.0.1:9/", retry=RETRY)
    assert hint in str(refusal.value)


@pytest.mark.parametrize("spec", ["cc://CC-MAIN-2009-2010", "cc://CC-MAIN-2012", "cc://CC-MAIN-2013-20"])
def test_crawls_of_every_age_are_named(base: str, crawl: Path, spec: str) -> None:
    listing(crawl, ["crawl-data/a.warc.gz"], crawl=spec.removeprefix("cc://"))
    assert len(crawl_files(spec, 1, base=base, retry=RETRY)) == 1


@pytest.mark.parametrize(
    "lines",
    [
        [],
        ["crawl-data/../../etc/a.warc.gz"],
        ["/crawl-data/a.warc.gz"],
        ["crawl-data//a.warc.gz"],
        ["crawl-data/./a.warc.gz"],
        ["crawl-data\\a.warc.gz"],
        ["http://elsewhere/a.warc.gz"],
        ["crawl-data/a.warc.wat"],
        ["crawl-data/é.warc.gz"],
        ["crawl-data/a.warc.gz", "crawl-data/a.warc.gz"],
    ],
)
def test_a_listing_with_a_dangerous_or_foreign_line_is_refused(base: str, crawl: Path, lines: list[str]) -> None:
    listing(crawl, lines)
    with pytest.raises(UserError, match="is not a list of CommonCrawl files"):
        crawl_files(f"cc://{CRAWL}", "all", base=base, retry=RETRY)


@pytest.mark.parametrize("damage", [b"", b"not gzip", gzip.compress("\n".join(KEYS).encode())[:-9]])
def test_a_damaged_listing_is_refused(base: str, crawl: Path, damage: bytes) -> None:
    (crawl / "crawl-data" / CRAWL / "warc.paths.gz").write_bytes(damage)
    with pytest.raises(UserError, match="is not a list of CommonCrawl files"):
        crawl_files(f"cc://{CRAWL}", "all", base=base, retry=RETRY)


def test_a_listing_that_unpacks_without_end_is_refused(base: str, crawl: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("curate.crawl_index._MAX_LIST", 10_000)
    lines = [f"crawl-data/{i:06}.warc.gz" for i in range(1000)]
    assert listing(crawl, lines).stat().st_size < 10_000
    with pytest.raises(UserError, match="is not a list of CommonCrawl files"):
        crawl_files(f"cc://{CRAWL}", 1, base=base, retry=RETRY)


def test_a_listing_larger_than_any_is_refused(base: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("curate.crawl_index._MAX_LIST", 10)
    with pytest.raises(UserError, match="larger than"):
        crawl_files(f"cc://{CRAWL}", 1, base=base, retry=RETRY)


def test_a_listing_larger_than_any_is_refused_from_a_store_too(crawl: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("curate.crawl_index._MAX_LIST", 10)
    with pytest.raises(UserError, match="larger than"):
        crawl_files(f"cc://{CRAWL}", 1, base=f"file://{crawl}", retry=RETRY)


def test_no_network_is_one_line() -> None:
    waits: list[float] = []
    patience = Retry(timeout=5, sleep=waits.append, jitter=lambda: 1.0)
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))  # bound but not listening: refuses
        base = f"http://127.0.0.1:{unused.getsockname()[1]}"
        with pytest.raises(UserError, match=r"\A[^\n]*check the network[^\n]*\Z"):
            crawl_files(f"cc://{CRAWL}", 1, base=base, retry=patience)
    assert sum(waits) < 10


def test_a_store_that_hides_missing_names_behind_403_is_explained_soon() -> None:
    asked: list[str] = []
    waits: list[float] = []
    patience = Retry(timeout=10, sleep=waits.append, jitter=lambda: 1.0)

    class Forbidding(http.server.BaseHTTPRequestHandler):
        def log_message(self, *_: object) -> None:
            pass

        def do_GET(self) -> None:
            asked.append(self.path)
            self.send_error(403)

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Forbidding) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
        thread.start()
        with pytest.raises(UserError, match=r"answers 403 [^\n]* there is no crawl CC-MAIN-2020-99"):
            crawl_files("cc://CC-MAIN-2020-99", 1, base=f"http://127.0.0.1:{server.server_port}", retry=patience)
        server.shutdown()
        thread.join(10)
    assert len(asked) == 7
    assert sum(waits) == 63


def test_a_listing_that_arrives_short_is_asked_for_again(crawl: Path) -> None:
    packed = listing(crawl, KEYS).read_bytes()
    asked: list[str] = []

    class CutsOnce(http.server.BaseHTTPRequestHandler):
        def log_message(self, *_: object) -> None:
            pass

        def do_GET(self) -> None:
            asked.append(self.path)
            self.send_response(200)
            self.send_header("Content-Length", str(len(packed)))
            self.end_headers()
            self.wfile.write(packed[:-5] if len(asked) == 1 else packed)
            self.close_connection = True

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), CutsOnce) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
        thread.start()
        files = crawl_files(f"cc://{CRAWL}", 3, base=f"http://127.0.0.1:{server.server_port}", retry=RETRY)
        server.shutdown()
        thread.join(10)
    assert [file.key for file in files] == KEYS
    assert len(asked) == 2


def test_the_number_of_files_is_a_number_or_all() -> None:
    assert [parse_count(text) for text in ("1", "20", "all", "")] == [1, 20, "all", None]
    for text in ("0", "-1", "two", "1.5", "1\n", "٢", "1" * 10):
        with pytest.raises(UserError, match="use a number from 1 up, or all"):
            parse_count(text)
