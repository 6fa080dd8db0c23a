"""What curate.download promises, against a server on the loopback interface that misbehaves as told."""

from __future__ import annotations

import http.server
import json
import os
import socket
import ssl
import threading
import time
import urllib.error
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import fsspec
import pytest

from curate.download import fetch, fetch_all
from curate.errors import UserError
from curate.inputs import InputFile
from curate.retry import Retry, Transient
from curate.web import sorted_failure

BODY = bytes(range(256)) * 8192  # 2 MiB
Answer = Callable[["Handler"], None]


@dataclass
class Server:
    """Answers request k with answers[k], and with the last one for ever after."""

    answers: list[Answer] = field(default_factory=list)
    requests: list[dict[str, str]] = field(default_factory=list)
    sent: int = 0
    port: int = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/data/a.warc.gz"


class Handler(http.server.BaseHTTPRequestHandler):
    plan: Server
    timeout = 10

    def log_message(self, *_: Any) -> None:
        pass

    def do_GET(self) -> None:
        self.plan.requests.append({name.lower(): value for name, value in self.headers.items()})
        self.plan.answers[min(len(self.plan.requests), len(self.plan.answers)) - 1](self)

    def head(self, status: int, **headers: Any) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), str(value))
        self.end_headers()

    def body(self, data: bytes) -> None:
        self.plan.sent += len(data)  # first: whoever has it all looks at once
        self.wfile.write(data)


class QuietServer(http.server.ThreadingHTTPServer):
    def handle_error(self, *_: Any) -> None:
        pass  # a client that hangs up is part of some tests


def status(code: int, **headers: Any) -> Answer:
    return lambda handler: handler.head(code, Content_Length=0, **headers)


def whole(body: bytes = BODY, tag: str = '"v1"', upto: int | None = None, reset: bool = False) -> Answer:
    """The whole file, whatever range is asked for; `upto`: the connection closes after so many bytes."""

    def answer(handler: Handler) -> None:
        handler.head(200, Content_Length=len(body), **({"ETag": tag} if tag else {}))
        handler.body(body[:upto])
        if reset:
            handler.wfile.flush()
            linger = (1).to_bytes(4, "little") + (0).to_bytes(4, "little")
            handler.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
        handler.close_connection = True

    return answer


def ranged(body: bytes = BODY, tag: str = '"v1"') -> Answer:
    """As RFC 9110 has it: the range if If-Range is still true, else the whole."""

    def answer(handler: Handler) -> None:
        asked = handler.headers.get("Range")
        if asked is None or handler.headers.get("If-Range") != tag:
            return whole(body, tag)(handler)
        start = int(asked.removeprefix("bytes=").rstrip("-"))
        stated = f"bytes {start}-{len(body) - 1}/{len(body)}"
        handler.head(206, Content_Length=len(body) - start, Content_Range=stated, ETag=tag)
        handler.body(body[start:])
        return None

    return answer


@pytest.fixture
def server() -> Iterator[Server]:
    plan = Server()
    handler = type("PlannedHandler", (Handler,), {"plan": plan})
    with QuietServer(("127.0.0.1", 0), handler) as listener:
        plan.port = listener.server_port
        thread = threading.Thread(target=listener.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
        thread.start()
        yield plan
        listener.shutdown()
        thread.join(10)


@pytest.fixture
def waits() -> list[float]:
    return []


@pytest.fixture
def retry(waits: list[float]) -> Retry:
    return Retry(retries=4, timeout=10, sleep=waits.append, jitter=lambda: 1.0)


@pytest.fixture
def target(tmp_path: Path) -> Path:
    return tmp_path / "input" / "a.warc.gz"


def test_a_file_is_fetched_whole_and_leaves_no_partial(server: Server, target: Path, retry: Retry) -> None:
    server.answers = [ranged()]
    assert fetch(server.url, str(target), size=len(BODY), version="v1", retry=retry) == len(BODY)
    assert target.read_bytes() == BODY
    assert sorted(os.listdir(target.parent)) == ["a.warc.gz", "a.warc.gz.source.json"]


def test_a_complete_file_is_not_asked_for_again(server: Server, target: Path, retry: Retry) -> None:
    server.answers = [ranged()]
    for _ in range(2):
        fetch(server.url, str(target), size=len(BODY), version="v1", retry=retry)
    assert len(server.requests) == 1


def test_a_complete_file_of_another_version_is_fetched_again(server: Server, target: Path, retry: Retry) -> None:
    new = b"n" * len(BODY)
    server.answers = [ranged(), ranged(new, '"v2"')]
    fetch(server.url, str(target), version="v1", retry=retry)
    fetch(server.url, str(target), version="v2", retry=retry)
    assert target.read_bytes() == new


def test_a_complete_file_that_was_cut_short_is_fetched_again(server: Server, target: Path, retry: Retry) -> None:
    server.answers = [ranged()]
    fetch(server.url, str(target), retry=retry)
    os.truncate(target, 100)
    fetch(server.url, str(target), retry=retry)
    assert target.read_bytes() == BODY


@pytest.mark.parametrize("code", [403, 408, 429, 500, 502, 503, 504])
def test_a_passing_error_is_tried_again(
    server: Server, target: Path, retry: Retry, waits: list[float], code: int
) -> None:
    server.answers = [status(code), status(code), ranged()]
    fetch(server.url, str(target), retry=retry)
    assert target.read_bytes() == BODY
    assert waits == [1.0, 2.0]


@pytest.mark.parametrize("code", [400, 401, 404, 410, 451, 501])
def test_a_lasting_error_fails_at_once_in_one_line(
    server: Server, target: Path, retry: Retry, waits: list[float], code: int
) -> None:
    server.answers = [status(code)]
    with pytest.raises(UserError, match=rf"a\.warc\.gz: the server answers {code}[^\n]*\Z"):
        fetch(server.url + "?key=hidden", str(target), retry=retry)
    assert len(server.requests) == 1
    assert waits == []
    assert not target.exists()


def test_patience_ends_in_one_line_that_says_what_to_do(server: Server, target: Path, retry: Retry) -> None:
    server.answers = [status(503)]
    with pytest.raises(UserError, match=r"after 5 tries: the server answers 503 [^\n]*run the same command again"):
        fetch(server.url, str(target), retry=retry)
    assert len(server.requests) == 5


def test_retry_after_in_seconds_is_waited_out(server: Server, target: Path, retry: Retry, waits: list[float]) -> None:
    server.answers = [status(429, Retry_After=17), ranged()]
    fetch(server.url, str(target), retry=retry)
    assert waits == [17.0]


def test_retry_after_as_a_date_is_waited_out(server: Server, target: Path, retry: Retry, waits: list[float]) -> None:
    def busy(handler: Handler) -> None:
        handler.send_response_only(503)
        handler.send_header("Date", "Tue, 01 Dec 2020 00:00:00 GMT")
        handler.send_header("Retry-After", "Tue, 01 Dec 2020 00:01:30 GMT")
        handler.send_header("Content-Length", "0")
        handler.end_headers()

    server.answers = [busy, ranged()]
    fetch(server.url, str(target), retry=retry)
    assert waits == [90.0]


@pytest.mark.parametrize("stated", ["soon", "-5", "", "٣", "Tue, 99 Dec"])
def test_an_unreadable_retry_after_falls_back_to_the_usual_wait(
    server: Server, target: Path, retry: Retry, waits: list[float], stated: str
) -> None:
    def busy(handler: Handler) -> None:
        handler.send_response(503)
        handler.wfile.flush()
        handler._headers_buffer.append(b"Retry-After: " + stated.encode() + b"\r\n")  # type: ignore[attr-defined]
        handler.send_header("Content-Length", "0")
        handler.end_headers()

    server.answers = [busy, ranged()]
    fetch(server.url, str(target), retry=retry)
    assert waits == [1.0]


@pytest.mark.parametrize("reset", [False, True])
def test_a_broken_connection_goes_on_where_it_stopped(server: Server, target: Path, retry: Retry, reset: bool) -> None:
    server.answers = [whole(upto=1_500_000, reset=False), ranged()]
    if reset:
        # An abrupt reset may lose what was on its way; what was read before it must still be kept.
        server.answers = [whole(upto=1_500_000), whole(upto=0, reset=True), ranged()]
    fetch(server.url, str(target), retry=retry)
    assert target.read_bytes() == BODY
    assert server.requests[1]["range"] == "bytes=1500000-"
    assert server.requests[1]["if-range"] == '"v1"'
    if not reset:
        assert server.sent == len(BODY)


def test_a_partial_of_an_earlier_run_goes_on_where_it_stopped(server: Server, target: Path, retry: Retry) -> None:
    server.answers = [whole(upto=1_000_000), status(404), ranged()]
    with pytest.raises(UserError):
        fetch(server.url, str(target), version="v1", retry=retry)
    assert not target.exists()
    server.sent = 0
    fetch(server.url, str(target), version="v1", retry=retry)
    assert target.read_bytes() == BODY
    assert server.sent == len(BODY) - 1_000_000


def test_a_partial_that_is_already_whole_is_confirmed_with_one_byte(server: Server, target: Path, retry: Retry) -> None:
    server.answers = [ranged()]
    fetch(server.url, str(target), retry=retry)
    os.rename(target, f"{target}.partial")  # as if killed just before the rename
    server.sent = 0
    fetch(server.url, str(target), retry=retry)
    assert target.read_bytes() == BODY
    assert server.sent == 1


def test_a_partial_without_a_trusted_record_is_not_used(server: Server, target: Path, retry: Retry) -> None:
    server.answers = [whole(upto=1_000_000), status(404), ranged()]
    with pytest.raises(UserError):
        fetch(server.url, str(target), retry=retry)
    record = Path(f"{target}.source.json")
    record.write_text(record.read_text().replace("v1", "v9"))
    fetch(server.url, str(target), retry=retry)
    assert "range" not in server.requests[-1]
    assert target.read_bytes() == BODY


def test_a_server_that_ignores_ranges_starts_over_and_nothing_is_doubled(
    server: Server, target: Path, retry: Retry
) -> None:
    server.answers = [whole(upto=1_000_000), whole()]
    fetch(server.url, str(target), retry=retry)
    assert "range" in server.requests[1]
    assert target.read_bytes() == BODY


def test_a_file_that_changes_in_between_starts_over(server: Server, target: Path, retry: Retry) -> None:
    new = b"n" * 1_200_000
    server.answers = [whole(upto=1_000_000), ranged(new, '"v2"')]
    fetch(server.url, str(target), retry=retry)
    assert target.read_bytes() == new


def test_a_range_of_a_changed_file_is_not_joined_to_the_old_part(server: Server, target: Path, retry: Retry) -> None:
    def ignores_if_range(handler: Handler) -> None:
        handler.head(206, Content_Length=1, Content_Range="bytes 1000000-1000000/2097152", ETag='"v2"')
        handler.body(b"x")

    server.answers = [whole(upto=1_000_000), ignores_if_range, ranged()]
    fetch(server.url, str(target), retry=retry)
    assert "range" not in server.requests[2]
    assert target.read_bytes() == BODY


@pytest.mark.parametrize("stated", ["bytes 999999-2097151/2097152", "bytes 1000000-2097151/9", "bytes */2097152", "x"])
def test_another_range_than_asked_for_is_not_joined(server: Server, target: Path, retry: Retry, stated: str) -> None:
    def wrong(handler: Handler) -> None:
        handler.head(206, Content_Length=4, Content_Range=stated, ETag='"v1"')
        handler.body(b"evil")

    server.answers = [whole(upto=1_000_000), wrong, ranged()]
    fetch(server.url, str(target), retry=retry)
    assert target.read_bytes() == BODY


def test_a_range_that_cannot_be_satisfied_starts_over(server: Server, target: Path, retry: Retry) -> None:
    server.answers = [whole(upto=1_000_000), status(416, Content_Range="bytes */5"), ranged()]
    fetch(server.url, str(target), retry=retry)
    assert target.read_bytes() == BODY


@pytest.mark.parametrize("tag", ["", 'W/"v1"'])
def test_without_a_strong_validator_a_partial_is_not_resumed(
    server: Server, target: Path, retry: Retry, tag: str
) -> None:
    server.answers = [whole(upto=1_000_000, tag=tag), whole(tag=tag)]
    fetch(server.url, str(target), retry=retry)
    assert "range" not in server.requests[1]
    assert target.read_bytes() == BODY


def test_a_file_of_another_size_than_listed_is_refused(server: Server, target: Path, retry: Retry) -> None:
    server.answers = [ranged()]
    with pytest.raises(UserError, match=r"2,097,152 bytes and not the 2,097,153 it was listed with"):
        fetch(server.url, str(target), size=len(BODY) + 1, retry=retry)
    assert not target.exists()


def test_a_file_of_another_version_than_listed_is_refused(server: Server, target: Path, retry: Retry) -> None:
    server.answers = [ranged(tag='"v2"')]
    with pytest.raises(UserError, match="changed on the server since it was listed"):
        fetch(server.url, str(target), version="v1", retry=retry)
    assert not target.exists()


def test_a_body_that_always_ends_early_is_refused(server: Server, target: Path, retry: Retry) -> None:
    server.answers = [whole(upto=10, tag="")]
    with pytest.raises(UserError, match=r"the connection closed after 10 of 2,097,152 bytes"):
        fetch(server.url, str(target), retry=retry)
    assert not target.exists()


def test_a_body_without_a_length_is_checked_against_the_listed_size(server: Server, target: Path, retry: Retry) -> None:
    def unbounded(handler: Handler) -> None:
        handler.head(200, ETag='"v1"')
        handler.body(BODY[:-1] if len(handler.plan.requests) == 1 else BODY)

    server.answers = [unbounded]
    assert fetch(server.url, str(target), size=len(BODY), retry=retry) == len(BODY)
    assert target.read_bytes() == BODY
    assert len(server.requests) == 2
    fetch(server.url, str(target), size=len(BODY), retry=retry)
    assert len(server.requests) == 2


def test_tries_that_each_add_a_mebibyte_do_not_use_up_patience(
    server: Server, target: Path, waits: list[float]
) -> None:
    body = bytes(12 << 20)

    def a_bit_more(handler: Handler) -> None:
        start = int(handler.headers.get("Range", "bytes=0-").removeprefix("bytes=").rstrip("-"))
        stated = f"bytes {start}-{len(body) - 1}/{len(body)}"
        handler.head(206 if start else 200, Content_Length=len(body) - start, ETag='"v1"', Content_Range=stated)
        handler.body(body[start : start + (1 << 20)])
        handler.close_connection = True

    server.answers = [a_bit_more]
    fetch(server.url, str(target), retry=Retry(retries=2, timeout=10, sleep=waits.append, jitter=lambda: 1.0))
    assert target.stat().st_size == len(body)
    assert set(waits) == {1.0}
    assert len(waits) == 11


def test_a_server_that_yields_a_byte_a_try_is_given_up(server: Server, target: Path, retry: Retry) -> None:
    def a_byte(handler: Handler) -> None:
        start = int(handler.headers.get("Range", "bytes=0-").removeprefix("bytes=").rstrip("-"))
        stated = f"bytes {start}-{len(BODY) - 1}/{len(BODY)}"
        handler.head(206 if start else 200, Content_Length=len(BODY) - start, ETag='"v1"', Content_Range=stated)
        handler.body(BODY[start : start + 1])
        handler.close_connection = True

    server.answers = [a_byte]
    with pytest.raises(UserError, match="after 5 tries"):
        fetch(server.url, str(target), retry=retry)


def test_progress_counts_once(server: Server, target: Path, retry: Retry) -> None:
    def much_then_little(handler: Handler) -> None:
        if len(handler.plan.requests) > 50:
            return status(404)(handler)
        start = int(handler.headers.get("Range", "bytes=0-").removeprefix("bytes=").rstrip("-"))
        stated = f"bytes {start}-{len(BODY) - 1}/{len(BODY)}"
        handler.head(206 if start else 200, Content_Length=len(BODY) - start, ETag='"v1"', Content_Range=stated)
        handler.body(BODY[start : start + (1 if start else 1_500_000)])
        handler.close_connection = True
        return None

    server.answers = [much_then_little]
    with pytest.raises(UserError, match="after 5 tries"):
        fetch(server.url, str(target), retry=retry)


def test_a_range_longer_than_the_file_starts_over(server: Server, target: Path, retry: Retry) -> None:
    def too_long(handler: Handler) -> None:
        rest = BODY[1_000_000:] + b"more"
        handler.head(206, Content_Length=len(rest), Content_Range="bytes 1000000-2097151/2097152", ETag='"v1"')
        handler.body(rest)

    server.answers = [whole(upto=1_000_000), too_long, ranged()]
    fetch(server.url, str(target), retry=retry)
    assert "range" not in server.requests[2]
    assert target.read_bytes() == BODY


def test_what_lies_behind_the_end_of_a_partial_is_cut_off(server: Server, target: Path, retry: Retry) -> None:
    server.answers = [ranged()]
    fetch(server.url, str(target), retry=retry)
    os.rename(target, f"{target}.partial")
    with open(f"{target}.partial", "ab") as partial:
        partial.write(b"more")
    fetch(server.url, str(target), retry=retry)
    assert target.read_bytes() == BODY


def test_a_network_that_goes_away_is_waited_for_longer_than_one_that_never_was() -> None:
    def tries(*failures: Transient) -> int:
        made: list[Transient] = []

        def action() -> None:
            made.append(failures[min(len(made), len(failures) - 1)])
            raise made[-1]

        with pytest.raises(UserError, match=r"after \d+ tries"):
            Retry(retries=6, unreached=2, sleep=lambda _: None).run("a", action)
        return len(made)

    gone = Transient("gone", reached=False)
    assert tries(gone) == 3
    assert tries(Transient("busy"), gone) == 7


def test_a_time_out_before_any_answer_is_no_network() -> None:
    before = sorted_failure(urllib.error.URLError(TimeoutError()), "http://h/x")
    during = sorted_failure(TimeoutError(), "http://h/x")
    assert isinstance(before, Transient)
    assert isinstance(during, Transient)
    assert (before.reached, during.reached) == (False, True)


def test_a_certificate_that_is_not_trusted_fails_at_once() -> None:
    failure = sorted_failure(urllib.error.URLError(ssl.SSLCertVerificationError(1, "self-signed")), "https://h/x")
    assert isinstance(failure, UserError)


def test_a_refused_connection_is_one_line_after_few_tries(target: Path, retry: Retry, waits: list[float]) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))  # bound but not listening: refuses
        url = f"http://127.0.0.1:{unused.getsockname()[1]}/x"
        with pytest.raises(UserError, match=r"\A[^\n]*after 3 tries: Connection refused; check the network[^\n]*\Z"):
            fetch(url, str(target), retry=retry)
    assert len(waits) == 2


def test_a_silent_server_times_out_and_is_tried_again(server: Server, target: Path, waits: list[float]) -> None:
    release = threading.Event()

    def silent(handler: Handler) -> None:
        release.wait(10)

    server.answers = [silent, ranged()]
    fetch(server.url, str(target), retry=Retry(timeout=0.2, sleep=waits.append, jitter=lambda: 1.0))
    release.set()
    assert target.read_bytes() == BODY
    assert waits == [1.0]


def test_a_redirect_is_followed_to_http_only(server: Server, target: Path, retry: Retry) -> None:
    server.answers = [status(302, Location="/data/elsewhere"), ranged()]
    fetch(server.url, str(target), retry=retry)
    assert target.read_bytes() == BODY
    server.requests.clear()
    server.answers = [status(302, Location="file:///etc/hostname")]
    with pytest.raises(UserError):
        fetch(server.url, str(target.with_name("b")), retry=retry)
    assert not target.with_name("b").exists()


@pytest.mark.parametrize("url", ["http://[::1", "http://exa mple/x", "http:///x", "http://127.0.0.1:x/y"])
def test_a_url_that_is_none_is_one_line(target: Path, retry: Retry, url: str) -> None:
    with pytest.raises(UserError, match=r"\A[^\n]+\Z"):
        fetch(url, str(target), retry=retry)


def test_a_folder_that_cannot_be_written_is_one_line(server: Server, tmp_path: Path, retry: Retry) -> None:
    (tmp_path / "file").write_text("in the way")
    server.answers = [ranged()]
    with pytest.raises(UserError, match="choose another folder"):
        fetch(server.url, str(tmp_path / "file" / "a.warc.gz"), retry=retry)


def test_progress_begins_at_what_is_there_and_ends_at_all(server: Server, target: Path, retry: Retry) -> None:
    server.answers = [whole(upto=1_500_000), ranged()]
    seen: list[tuple[int, int, str]] = []
    fetch(server.url, str(target), retry=retry, progress=lambda *call: seen.append(call), name="a")
    assert seen[0] == (0, len(BODY), "a")
    assert (1_500_000, len(BODY), "a") in seen
    assert seen[-1] == (len(BODY), len(BODY), "a")
    assert seen == sorted(seen)


def test_an_object_store_is_fetched_and_resumed(target: Path, retry: Retry) -> None:
    store = fsspec.filesystem("memory")
    store.pipe("/bucket/a.warc.gz", BODY)
    url = "memory://bucket/a.warc.gz"
    fetch(url, str(target), retry=retry)
    assert target.read_bytes() == BODY
    os.rename(target, f"{target}.partial")
    with open(f"{target}.partial", "r+b") as partial:
        partial.truncate(1_000_000)
        partial.write(b"KEPT")  # shows that what is there is not fetched again
    fetch(url, str(target), retry=retry)
    assert target.read_bytes() == b"KEPT" + BODY[4:]
    store.rm("/bucket", recursive=True)


def test_a_missing_object_is_one_line_at_once(target: Path, retry: Retry, waits: list[float]) -> None:
    with pytest.raises(UserError, match="does not exist"):
        fetch("memory://bucket/none", str(target), retry=retry)
    assert waits == []


def test_a_missing_package_names_the_extra(target: Path, retry: Retry, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "botocore.session", None)
    monkeypatch.setitem(__import__("sys").modules, "botocore", None)
    with pytest.raises(UserError, match=r"pip install 'curate\[s3\]'"):
        fetch("s3://commoncrawl/x", str(target), retry=retry)


def test_fetch_all_keeps_order_and_keys_and_leaves_local_files_alone(
    server: Server, tmp_path: Path, retry: Retry
) -> None:
    server.answers = [ranged()]
    local = tmp_path / "local.warc"
    local.write_bytes(b"here")
    inputs = [
        InputFile(server.url, "crawl/b.warc.gz", len(BODY), "v1"),
        InputFile(str(local), "local.warc", 4, "e"),
        InputFile(server.url, "crawl/a.warc.gz", -1, "v1"),
    ]
    cache = tmp_path / "out" / "input"
    fetched = fetch_all(inputs, str(cache), retry=retry)
    assert [item.file for item in fetched] == [item.file for item in inputs]
    assert [item.etag for item in fetched] == ["v1", "e", "v1"]
    assert [item.size for item in fetched] == [len(BODY), 4, len(BODY)]
    assert fetched[1] == inputs[1]
    assert Path(fetched[0].path).read_bytes() == Path(fetched[2].path).read_bytes() == BODY
    assert {Path(fetched[0].path).parent, Path(fetched[2].path).parent} == {cache / "crawl"}
    assert fetch_all(inputs, str(cache), retry=retry) == fetched
    assert len(server.requests) == 2


def test_fetch_all_raises_the_failure_and_keeps_what_others_have(server: Server, tmp_path: Path, retry: Retry) -> None:
    streaming = threading.Event()

    def second_fails_once_first_streams(handler: Handler) -> None:
        if handler.path.endswith("bad"):
            streaming.wait(10)
            handler.head(404, Content_Length=0)
            return
        handler.head(200, Content_Length=len(BODY), ETag='"v1"')
        handler.body(BODY[:1_500_000])
        for i in range(500):  # ends when the client closes the connection
            handler.body(BODY[1_500_000 + i : 1_500_001 + i])
            time.sleep(0.01)

    def watch(done: int, _: int, name: str) -> None:
        if name == "good" and done >= 1 << 20:
            streaming.set()

    server.answers = [second_fails_once_first_streams]
    good = InputFile(server.url, "good", len(BODY), "v1")
    bad = InputFile(server.url + "bad", "bad", -1, "")
    later = [InputFile(server.url, f"later{i}", -1, "") for i in range(20)]
    with pytest.raises(UserError, match="404"):
        fetch_all([good, bad, *later], str(tmp_path), watch, retry=retry)
    assert not (tmp_path / "good").exists()
    assert (tmp_path / "good.partial").stat().st_size >= 1 << 20
    assert json.loads((tmp_path / "good.source.json").read_text())["version"] == "v1"
    assert len(server.requests) < 10


@pytest.mark.parametrize("key", ["../x", "a/../../x", "/etc/x", "", "a//b", "a/./b", "x\x00y", "..\\x"])
def test_a_key_never_leads_out_of_the_folder(tmp_path: Path, retry: Retry, key: str) -> None:
    with pytest.raises(UserError, match="not a name a file can be kept under"):
        fetch_all([InputFile("http://127.0.0.1:9/x", key, 1, "v")], str(tmp_path), retry=retry)


def test_waits_double_up_to_the_longest_and_jitter_halves_at_most() -> None:
    most = Retry(jitter=lambda: 1.0)
    least = Retry(jitter=lambda: 0.0)
    assert [most.wait(k) for k in range(1, 9)] == [1, 2, 4, 8, 16, 32, 60, 60]
    assert [least.wait(k) for k in range(1, 9)] == [0.5, 1, 2, 4, 8, 16, 30, 30]
    assert most.wait(10_000) == 60
    assert most.wait(1, retry_after=599.0) == 599
    assert most.wait(1, retry_after=601.0) == 600
