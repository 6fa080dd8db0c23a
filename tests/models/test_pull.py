"""What `curate models pull` promises, against a server on the loopback interface that misbehaves as told."""

from __future__ import annotations

import fcntl
import hashlib
import http.server
import socket
import threading
import urllib.error
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest

from curate.errors import UserError
from curate.models.cards import DEFAULT_FOLDER
from curate.models.published import (
    CCNET_LANGUAGES,
    FASTTEXT,
    KENLM,
    SENTENCEPIECE,
    TIKTOKEN,
    Published,
    catalogue,
    find,
)
from curate.models.pull import pull
from curate.models.registry import card, cards, resolve
from curate.retry import Retry

BODY = FASTTEXT + bytes(range(256)) * 8192  # 2 MiB
SHA256 = hashlib.sha256(BODY).hexdigest()
OTHER = FASTTEXT + b"other" * 1000
NO_WAIT = Retry(retries=3, unreached=1, first_wait=0, jitter=lambda: 0.0, timeout=5, sleep=lambda _: None)
Answer = Callable[["Handler"], None]


@dataclass
class Server:
    """Answers request k with answers[k], and with the last one for ever after."""

    answers: list[Answer] = field(default_factory=list)
    ranges: list[str] = field(default_factory=list)
    port: int = 0

    def model(self, sha256: str = "", name: str = "wise") -> Published:
        url = f"http://127.0.0.1:{self.port}/{name}.bin"
        return Published(name, f"{name}.bin", "a kind", ("en",), "MIT", "https://example.org", FASTTEXT, url, sha256)


class Handler(http.server.BaseHTTPRequestHandler):
    plan: Server
    timeout = 10

    def log_message(self, *_: Any) -> None:
        pass

    def do_GET(self) -> None:
        self.plan.ranges.append(self.headers.get("Range", ""))
        self.plan.answers[min(len(self.plan.ranges), len(self.plan.answers)) - 1](self)

    def head(self, status: int, length: int, **headers: str) -> None:
        self.send_response(status)
        for name, value in {"Content-Length": str(length), **headers}.items():
            self.send_header(name, value)
        self.end_headers()


def whole(body: bytes = BODY, upto: int | None = None) -> Answer:
    """The file, from where a Range asks; `upto`: the connection closes after so many bytes of the answer."""

    def answer(handler: Handler) -> None:
        asked = handler.headers.get("Range", "").removeprefix("bytes=").removesuffix("-")
        start = int(asked or 0)
        span = {"Content-Range": f"bytes {start}-{len(body) - 1}/{len(body)}"} if asked else {}
        handler.head(206 if asked else 200, len(body) - start, ETag='"v1"', **span)
        handler.wfile.write(body[start:][:upto])
        handler.close_connection = True

    return answer


def status(code: int) -> Answer:
    return lambda handler: handler.head(code, 0)


@pytest.fixture
def server() -> Iterator[Server]:
    plan = Server()
    handler = type("PlannedHandler", (Handler,), {"plan": plan})
    running = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    plan.port = running.server_address[1]
    thread = threading.Thread(target=running.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield plan
    running.shutdown()
    running.server_close()
    thread.join()


def left_in(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.rglob("*") if path.is_file() and path.suffix != ".lock")


def test_a_pulled_model_is_found_by_name_and_described_by_its_card(server: Server, cache: Path) -> None:
    server.answers = [whole()]
    found = pull(server.model(SHA256), retry=NO_WAIT)
    assert (found.path, found.sha256, found.size, found.brought) == (cache / "wise.bin", SHA256, len(BODY), True)
    assert found.path.read_bytes() == BODY
    assert resolve(f"wise@sha256:{SHA256}").path == found.path
    described = card("wise")
    assert described in cards()
    assert described is not None
    assert described["origin"] == server.model().url
    assert (described["sha256"], described["bytes"], described["licence"]) == (SHA256, len(BODY), "MIT")
    assert left_in(cache) == ["wise.bin", "wise.card.json"]


def test_a_folder_of_ones_own_is_where_a_pull_goes(
    server: Server, cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.answers = [whole()]
    monkeypatch.setenv("CURATE_MODELS", str(tmp_path / "own"))
    assert pull(server.model(SHA256), retry=NO_WAIT).path == tmp_path / "own" / "wise.bin"
    assert resolve("wise").sha256 == SHA256
    assert not cache.exists()


def test_a_broken_connection_is_taken_up_where_it_broke(server: Server, cache: Path) -> None:
    server.answers = [whole(upto=700_000), whole()]
    assert pull(server.model(SHA256), retry=NO_WAIT).path.read_bytes() == BODY
    assert server.ranges == ["", "bytes=700000-"]


def test_a_later_command_takes_up_what_an_earlier_one_left(server: Server, cache: Path) -> None:
    server.answers = [whole(upto=700_000), status(503)]
    with pytest.raises(UserError, match="run the same command again to go on"):
        pull(server.model(SHA256), retry=replace(NO_WAIT, retries=1))
    assert not (cache / "wise.bin").exists()
    assert card("wise") is None
    server.answers = [whole()]
    assert pull(server.model(SHA256), retry=NO_WAIT).path.read_bytes() == BODY
    assert server.ranges[-1] == "bytes=700000-"


def test_a_file_with_another_sha256_than_the_published_one_is_refused_and_not_kept(server: Server, cache: Path) -> None:
    server.answers = [whole(OTHER)]
    with pytest.raises(UserError, match=f"published sha256 is {SHA256}") as error:
        pull(server.model(SHA256), retry=NO_WAIT)
    assert hashlib.sha256(OTHER).hexdigest() in str(error.value)
    assert left_in(cache) == []


def test_without_a_published_sha256_the_first_pull_pins_it(server: Server, cache: Path) -> None:
    server.answers = [whole()]
    first = pull(server.model(), retry=NO_WAIT)
    assert first.checked == "first pull"
    assert card("wise") == {**(card("wise") or {}), "sha256": SHA256, "sha256_from": "first pull"}
    first.path.unlink()
    server.answers = [whole(OTHER)]
    with pytest.raises(UserError, match=f"pinned, when it was pulled first, {SHA256}; remove that card"):
        pull(server.model(), retry=NO_WAIT)
    assert left_in(cache) == ["wise.card.json"]
    (cache / "wise.card.json").unlink()
    assert pull(server.model(), retry=NO_WAIT).sha256 == hashlib.sha256(OTHER).hexdigest()


def test_a_pin_that_was_edited_is_noticed(server: Server, cache: Path) -> None:
    server.answers = [whole()]
    pull(server.model(), retry=NO_WAIT)
    path = cache / "wise.card.json"
    path.write_text(path.read_text().replace(SHA256, hashlib.sha256(OTHER).hexdigest()))
    with pytest.raises(UserError, match="not as `curate models pull` wrote it"):
        pull(server.model(), retry=NO_WAIT)


def test_a_model_that_is_here_is_not_fetched_again(server: Server) -> None:
    server.answers = [whole()]
    pull(server.model(), retry=NO_WAIT)
    again = pull(server.model(), retry=NO_WAIT)
    assert (again.brought, again.sha256, len(server.ranges)) == (False, SHA256, 1)


def test_a_pulled_file_that_was_damaged_is_fetched_anew(server: Server) -> None:
    server.answers = [whole()]
    path = pull(server.model(), retry=NO_WAIT).path
    path.write_bytes(BODY[:-1])
    assert pull(server.model(), retry=NO_WAIT).brought
    assert path.read_bytes() == BODY


def test_a_file_of_the_same_name_that_was_not_pulled_is_left_alone(server: Server, cache: Path) -> None:
    server.answers = [whole()]
    cache.mkdir(parents=True)
    (cache / "wise.bin").write_bytes(b"mine")
    with pytest.raises(UserError, match="move it away first"):
        pull(server.model(SHA256), retry=NO_WAIT)
    assert (cache / "wise.bin").read_bytes() == b"mine"
    (cache / "wise.bin").write_bytes(BODY)
    assert not pull(server.model(SHA256), retry=NO_WAIT).brought, "the right file, put there by hand, is taken as it is"
    assert card("wise") is not None
    assert server.ranges == []


@pytest.mark.parametrize("page", [b"<!DOCTYPE html>", b"version https://git-lfs.github.com/spec/v1\n", b""])
def test_an_error_page_does_not_become_the_pinned_model(page: bytes, server: Server, cache: Path) -> None:
    server.answers = [whole(page)]
    with pytest.raises(UserError, match="is not wise: a file of that format does not begin"):
        pull(server.model(), retry=NO_WAIT)
    assert left_in(cache) == []


@pytest.mark.parametrize("code", [401, 404, 410])
def test_a_missing_file_is_one_line_that_names_the_url_and_the_way_by_hand(
    code: int, server: Server, cache: Path
) -> None:
    server.answers = [status(code)]
    with pytest.raises(UserError, match=f"the server answers {code}") as error:
        pull(server.model(), retry=NO_WAIT)
    message = str(error.value)
    assert f"download {server.model().url} elsewhere and run `curate models pull wise --from FILE`" in message
    assert "\n" not in message
    assert len(server.ranges) == 1, "asking again is no use"
    assert left_in(cache) == []


def test_offline_it_is_one_line_that_names_the_url_and_the_way_by_hand(cache: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # bound and not listening: connections are refused
        model = Server(port=taken.getsockname()[1]).model()
        with pytest.raises(UserError, match="check the network") as error:
            pull(model, retry=NO_WAIT)
    message = str(error.value)
    assert f"download {model.url} elsewhere and run `curate models pull wise --from FILE`" in message
    assert "\n" not in message
    assert left_in(cache) == []


def test_an_untrusted_certificate_names_the_way_by_hand_and_a_full_disk_does_not(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    def failing(cause: Exception) -> Callable[..., int]:
        def fetch(*_: Any, **__: Any) -> int:
            raise UserError("why") from cause

        return fetch

    monkeypatch.setattr("curate.models.pull.fetch", failing(urllib.error.URLError("certificate")))
    with pytest.raises(UserError, match="why; or download"):
        pull(server.model())
    monkeypatch.setattr("curate.models.pull.fetch", failing(OSError("no room")))
    with pytest.raises(UserError, match=r"why$"):
        pull(server.model())


def test_a_file_brought_by_hand_is_checked_and_described_like_a_fetched_one(
    server: Server, cache: Path, tmp_path: Path
) -> None:
    own = tmp_path / "downloaded.bin"
    own.write_bytes(BODY)
    found = pull(server.model(), source=own)
    assert (found.path.read_bytes(), resolve("wise").sha256) == (BODY, SHA256)
    assert own.read_bytes() == BODY
    own.write_bytes(OTHER)
    with pytest.raises(UserError, match="pinned, when it was pulled first"):
        pull(server.model(), source=own)
    assert found.path.read_bytes() == BODY
    assert server.ranges == []


def test_a_file_put_in_place_by_hand_can_be_named_as_the_source(server: Server, cache: Path) -> None:
    cache.mkdir(parents=True)
    (cache / "wise.bin").write_bytes(BODY)
    assert pull(server.model(), source=cache / "wise.bin").sha256 == SHA256
    assert left_in(cache) == ["wise.bin", "wise.card.json"]


def test_a_model_that_may_not_be_downloaded_says_how_to_give_ones_own_copy(tmp_path: Path) -> None:
    llama = catalogue()["llama-3-tokenizer"]
    with pytest.raises(UserError, match="curate models pull llama-3-tokenizer --from FILE"):
        pull(llama)
    with pytest.raises(UserError, match="no file"):
        pull(llama, source=tmp_path / "absent")
    other = tmp_path / "tokenizer.model"
    other.write_bytes(TIKTOKEN)
    with pytest.raises(UserError, match=f"published sha256 is {llama.sha256}"):
        pull(llama, source=other)


def test_two_processes_do_not_write_one_download(server: Server, cache: Path) -> None:
    (cache / ".incoming").mkdir(parents=True)
    with open(cache / ".incoming" / "wise.bin.lock", "wb") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        with pytest.raises(UserError, match="another process is pulling wise"):
            pull(server.model(), retry=NO_WAIT)


def test_a_pulled_lid_bin_does_not_become_what_the_name_of_the_shipped_model_means(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.answers = [whole()]
    monkeypatch.setenv("CURATE_MODELS", str(tmp_path / "own"))
    pull(server.model(name="lid.176"), retry=NO_WAIT)  # its file is lid.176.bin, its card lid.176.card.json
    assert resolve("lid.176").sha256 == SHA256, "a folder of one's own comes first"
    for path in (tmp_path / "own").glob("lid*"):
        path.unlink()
    named = replace(server.model(name="lid.176"), name="lid.176.bin")
    pull(named, retry=NO_WAIT)
    assert resolve("lid.176.bin").sha256 == SHA256
    assert resolve("lid.176").path == DEFAULT_FOLDER / "lid.176.ftz"


def test_a_name_that_can_be_pulled_is_said_to_be(cache: Path) -> None:
    with pytest.raises(UserError, match="`curate models pull ccnet-kenlm-fr` brings it"):
        resolve("ccnet-kenlm-fr")


def test_the_formats_are_those_of_the_models_that_come_with_the_package() -> None:
    def starts(name: str, begins: bytes) -> bool:
        return resolve(name).path.read_bytes().startswith(begins)

    assert starts("lid.176", FASTTEXT)
    assert starts("quality-en", FASTTEXT)
    assert starts("kenlm-en", KENLM)
    assert starts("sp-en", SENTENCEPIECE)
    assert starts("tokenizer-32k", SENTENCEPIECE)


def test_the_published_sha256_of_lid_is_that_of_the_file_that_comes_with_the_package() -> None:
    assert catalogue()["lid.176.ftz"].sha256 == resolve("lid.176").sha256


def test_the_catalogue_names_ccnets_48_languages_each_with_two_models() -> None:
    assert len(set(CCNET_LANGUAGES)) == 48
    kenlm, pieces = find("ccnet-fr")
    assert kenlm.url == "https://dl.fbaipublicfiles.com/cc_net/lm/fr.arpa.bin"
    assert pieces.url == "https://dl.fbaipublicfiles.com/cc_net/lm/fr.sp.model"
    assert len(catalogue()) == 7 + 2 * 48
    files = [model.file for model in catalogue().values()]
    assert len(set(files)) == len(files)


def test_names_that_are_none_are_a_clear_error() -> None:
    with pytest.raises(UserError, match="did you mean dclm-oh-eli5"):
        find("dclm-oh-eli")
    with pytest.raises(UserError, match="no public model"):
        find("ccnet-qq")
