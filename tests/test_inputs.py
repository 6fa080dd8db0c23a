"""What resolving input promises: stable unique keys, whole lists, and one line when nothing is there."""

from __future__ import annotations

import functools
import http.server
import os
import shutil
import threading
from collections.abc import Iterator
from pathlib import Path

import fsspec
import pytest

from curate.errors import UserError
from curate.inputs import InputFile, local_etag, resolve_inputs
from curate.retry import Retry

RETRY = Retry(retries=1, timeout=10, sleep=lambda _: None, jitter=lambda: 1.0)
ONE_LINE = r"\A[^\n]+\Z"


def make(root: Path, *names: str) -> Path:
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(name.encode())
    return root


def keys(*specs: str | Path, base: str = "/nowhere") -> list[str]:
    return [item.file for item in resolve_inputs([str(spec) for spec in specs], base=base, retry=RETRY)]


def refusal(*specs: str | Path, base: str = "/nowhere") -> str:
    with pytest.raises(UserError, match=ONE_LINE) as error:
        keys(*specs, base=base)
    return str(error.value)


def test_a_folder_gives_every_crawl_file_below_it_and_nothing_else(tmp_path: Path) -> None:
    wanted = ["a.warc", "b.warc.gz", "c.warc.zst", "d.wet", "e.wet.gz", "f.warc.wet.gz", "sub/deep/g.warc.gz"]
    other = ["a.warc.wat.gz", "a.gz", "a.warc.gz.partial", "warc", "README.md", ".b.warc.gz", ".git/c.warc.gz", "a.zst"]
    make(tmp_path, *wanted, *other)
    assert keys(tmp_path) == sorted(wanted)


def test_an_input_says_where_it_is_how_large_and_which_content(tmp_path: Path) -> None:
    make(tmp_path, "sub/a.warc")
    [item] = resolve_inputs([str(tmp_path)], base="/nowhere")
    assert item == InputFile(str(tmp_path / "sub/a.warc"), "sub/a.warc", 10, local_etag(str(tmp_path / "sub/a.warc")))


def test_moving_the_folder_changes_no_key_and_no_etag(tmp_path: Path) -> None:
    first = make(tmp_path / "first", "x/a.warc.gz", "y/a.warc.gz")
    second = tmp_path / "elsewhere" / "second"
    shutil.copytree(first, second, copy_function=shutil.copyfile)
    for pattern in ("", "/**/*.gz", "/*/a.warc.gz"):
        here = resolve_inputs([f"{first}{pattern}"], base="/nowhere")
        there = resolve_inputs([f"{second}{pattern}"], base="/nowhere")
        assert [(i.file, i.size, i.etag) for i in here] == [(i.file, i.size, i.etag) for i in there]
        assert [i.file for i in here] == ["x/a.warc.gz", "y/a.warc.gz"]


def test_keys_start_below_the_fixed_part_of_a_glob(tmp_path: Path) -> None:
    make(tmp_path, "c/x/a.warc", "c/x/b.txt", "c/y/a.warc", "top.warc")
    assert keys(tmp_path / "c/*/a.warc") == ["x/a.warc", "y/a.warc"]
    assert keys(tmp_path / "c/x/*") == ["a.warc", "b.txt"]
    assert keys(tmp_path / "**/*.warc") == ["c/x/a.warc", "c/y/a.warc", "top.warc"]
    assert keys(tmp_path / "c/x/[ab].warc") == ["a.warc"]
    assert keys(tmp_path / "c/x/a.warc") == ["a.warc"]


def test_relative_specs_start_from_the_base(tmp_path: Path) -> None:
    make(tmp_path, "data/a.warc", "data/b.warc")
    assert keys("data", base=str(tmp_path)) == ["a.warc", "b.warc"]
    assert keys("data/*.warc", base=str(tmp_path)) == ["a.warc", "b.warc"]
    assert keys("../data/a.warc", base=str(tmp_path / "data")) == ["a.warc"]


def test_the_order_of_specs_does_not_matter(tmp_path: Path) -> None:
    make(tmp_path, "x/b.warc", "y/a.warc", "z/c.warc")
    specs = [str(tmp_path / name) for name in ("x", "y", "z")]
    assert resolve_inputs(specs, base="/") == resolve_inputs(specs[::-1], base="/")
    assert keys(*specs) == ["a.warc", "b.warc", "c.warc"]


def test_a_file_url_is_a_local_path(tmp_path: Path) -> None:
    make(tmp_path, "a.warc")
    assert resolve_inputs([f"file://{tmp_path}/a.warc"], base="/") == resolve_inputs([f"{tmp_path}/a.warc"], base="/")


def test_a_name_with_brackets_is_itself_before_it_is_a_glob(tmp_path: Path) -> None:
    make(tmp_path, "a[1].warc", "a1.warc")
    assert keys(tmp_path / "a[1].warc") == ["a[1].warc"]


def test_the_same_file_named_twice_with_one_key_counts_once(tmp_path: Path) -> None:
    make(tmp_path, "a.warc")
    assert keys(tmp_path, tmp_path / "a.warc", tmp_path / "*.warc") == ["a.warc"]


def test_two_files_with_one_key_are_refused_and_both_named(tmp_path: Path) -> None:
    make(tmp_path, "x/a.warc", "y/a.warc")
    line = refusal(tmp_path / "x", tmp_path / "y/a.warc")
    assert str(tmp_path / "x/a.warc") in line
    assert str(tmp_path / "y/a.warc") in line


def test_one_file_with_two_keys_is_refused_and_both_specs_named(tmp_path: Path) -> None:
    make(tmp_path, "x/a.warc")
    line = refusal(tmp_path, tmp_path / "x")
    assert "is named twice" in line
    assert repr(str(tmp_path)) in line
    assert repr(str(tmp_path / "x")) in line


def test_a_mistyped_name_is_answered_with_the_nearest(tmp_path: Path) -> None:
    make(tmp_path, "crawls/CC-MAIN-2020.warc.gz")
    right = repr(str(tmp_path / "crawls/CC-MAIN-2020.warc.gz"))
    assert f"did you mean {right}?" in refusal(tmp_path / "crawls/CC-MAIN-2002.warc.gz")
    assert f"did you mean {str(tmp_path / 'crawls')!r}?" in refusal(tmp_path / "crwals/CC-MAIN-2020.warc.gz")
    assert f"did you mean {str(tmp_path / 'crawls')!r}?" in refusal(tmp_path / "crwals/*.warc.gz")
    assert "name a file, a folder, a glob or a URL" in refusal(tmp_path / "nothing-like-it")


def test_a_glob_or_folder_without_files_says_so(tmp_path: Path) -> None:
    make(tmp_path, "a.txt", "sub/b.txt")
    assert "no file matches" in refusal(tmp_path / "*.warc")
    assert "no file matches" in refusal(tmp_path / "su[b]")  # folders are not files
    assert "holds no file that ends in .warc, .warc.gz" in refusal(tmp_path)


@pytest.mark.parametrize("spec", ["", "  ", "a\x00b", "http://[::1", "nosuch://x/y", "line\nbreak"])
def test_a_spec_that_is_none_is_refused(spec: str) -> None:
    refusal(spec)


def test_no_spec_at_all_is_refused() -> None:
    assert "no input" in refusal()


def test_what_is_not_a_regular_file_is_refused(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.warc")  # opening it would block for ever
    assert "not a regular file" in refusal(tmp_path / "pipe.warc")
    assert "not a regular file" in refusal(tmp_path)


def test_a_name_that_is_not_utf8_gets_a_key_that_is(tmp_path: Path) -> None:
    path = os.fsencode(tmp_path) + b"/\xff\xe9.warc"
    with open(path, "wb") as out:
        out.write(b"x")
    [item] = resolve_inputs([str(tmp_path)], base="/")
    assert item.file == "\\xff\\xe9.warc"
    with open(item.path, "rb") as source:
        assert source.read() == b"x"


def test_links_are_followed_and_a_circle_ends(tmp_path: Path) -> None:
    make(tmp_path, "in/a.warc", "outside/b.warc")
    (tmp_path / "in/again").symlink_to(tmp_path / "in")
    (tmp_path / "in/more").symlink_to(tmp_path / "outside")
    (tmp_path / "in/c.warc").symlink_to(tmp_path / "outside/b.warc")
    assert keys(tmp_path / "in") == ["a.warc", "c.warc", "more/b.warc"]


EDGE = 65536


@pytest.mark.parametrize("size", [0, 1, EDGE, EDGE + 1, 2 * EDGE, 3 * EDGE])
def test_the_etag_changes_with_size_first_and_last_bytes(tmp_path: Path, size: int) -> None:
    path = tmp_path / "a"

    def etag(content: bytes) -> str:
        path.write_bytes(content)
        return local_etag(str(path))

    zeros = bytes(size)
    seen = {etag(zeros), etag(zeros + b"\0")}
    places = {0, size - 1, EDGE - 1, size - EDGE} & set(range(size))
    for place in places:
        seen.add(etag(zeros[:place] + b"1" + zeros[place + 1 :]))
    assert len(seen) == 2 + len(places)
    os.utime(path, (1, 1))
    assert local_etag(str(path)) in seen
    assert etag(zeros).startswith(f"{size}-")


def test_the_etag_does_not_read_the_middle_of_a_large_file(tmp_path: Path) -> None:
    path = tmp_path / "a"
    path.write_bytes(bytes(EDGE) + b"x" + bytes(EDGE))
    before = local_etag(str(path))
    path.write_bytes(bytes(EDGE) + b"y" + bytes(EDGE))
    assert local_etag(str(path)) == before


@pytest.fixture
def bucket() -> Iterator[str]:
    store = fsspec.filesystem("memory")
    for name in ("crawl/x/a.warc.gz", "crawl/y/b.warc.gz", "crawl/readme.txt"):
        store.pipe(f"/bucket/{name}", name.encode())
    yield "memory://bucket"
    store.rm("/bucket", recursive=True)


def test_a_store_is_listed_by_file_folder_and_glob_with_the_same_keys(bucket: str) -> None:
    by_folder = resolve_inputs([f"{bucket}/crawl"], base="/")
    by_glob = resolve_inputs([f"{bucket}/crawl/*/*.warc.gz"], base="/")
    by_name = resolve_inputs([f"{bucket}/crawl/x/a.warc.gz", f"{bucket}/crawl/y/b.warc.gz"], base="/")
    assert by_folder == by_glob == by_name
    assert [item.size for item in by_name] == [17, 17]
    for item in by_folder:
        with fsspec.open(item.path) as source:
            assert source.read().decode() in item.file


def test_a_changed_object_has_another_etag(bucket: str) -> None:
    [before] = resolve_inputs([f"{bucket}/crawl/x/a.warc.gz"], base="/")
    assert resolve_inputs([f"{bucket}/crawl/x/a.warc.gz"], base="/") == [before]
    fsspec.filesystem("memory").pipe("/bucket/crawl/x/a.warc.gz", b"other")
    [after] = resolve_inputs([f"{bucket}/crawl/x/a.warc.gz"], base="/")
    assert after.etag != before.etag


def test_what_a_store_does_not_have_is_one_line(bucket: str) -> None:
    assert "no file matches" in refusal(f"{bucket}/crawl/*.warc.gz")
    assert "memory://bucket/none does not exist" in refusal(f"{bucket}/none")
    assert "does not exist" in refusal(f"{bucket}/crawl/x/none.warc.gz")
    fsspec.filesystem("memory").pipe("/bucket/texts/a.txt", b"x")
    assert "holds no file that ends in" in refusal(f"{bucket}/texts")


def test_an_objects_key_is_its_whole_name(bucket: str) -> None:
    fsspec.filesystem("memory").pipe({"/bucket/odd/a#1.warc": b"x", "/bucket/odd/a?2.warc": b"y"})
    assert keys(f"{bucket}/odd") == ["bucket/odd/a#1.warc", "bucket/odd/a?2.warc"]  # memory has no bucket of its own


class Folder(http.server.SimpleHTTPRequestHandler):
    timeout = 10

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def website(tmp_path: Path) -> Iterator[str]:
    make(tmp_path / "www", "crawl/a.warc.gz", "crawl/b.warc.gz", "crawl/readme.txt")
    handler = functools.partial(Folder, directory=str(tmp_path / "www"))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join(10)


def test_a_web_address_is_keyed_by_its_path_without_host_or_query(website: str) -> None:
    [item] = resolve_inputs([f"{website}/crawl/a.warc.gz?signature=secret"], base="/", retry=RETRY)
    assert (item.file, item.size) == ("crawl/a.warc.gz", 15)
    assert item.path.endswith("?signature=secret")
    assert item.etag != ""


def test_a_web_folder_and_a_web_glob_are_listed(website: str) -> None:
    by_folder = resolve_inputs([f"{website}/crawl/"], base="/", retry=RETRY)
    by_glob = resolve_inputs([f"{website}/crawl/*.warc.gz"], base="/", retry=RETRY)
    by_name = resolve_inputs([f"{website}/crawl/{name}.warc.gz" for name in "ab"], base="/", retry=RETRY)
    assert by_folder == by_glob == by_name
    assert [item.file for item in by_name] == ["crawl/a.warc.gz", "crawl/b.warc.gz"]


def test_a_web_address_that_is_not_there_is_one_line(website: str) -> None:
    assert "answers 404" in refusal(f"{website}/crawl/none.warc.gz?signature=secret")
    assert "secret" not in refusal(f"{website}/crawl/none.warc.gz?signature=secret")
    refusal(f"{website}/none/")
    refusal(f"{website}/crawl/*.zst")


def test_a_server_without_head_is_asked_for_one_byte() -> None:
    asked: list[tuple[str, str | None]] = []

    class NoHead(http.server.BaseHTTPRequestHandler):
        def log_message(self, *_: object) -> None:
            pass

        def do_HEAD(self) -> None:
            asked.append(("HEAD", None))
            self.send_error(403)

        def do_GET(self) -> None:
            asked.append(("GET", self.headers["Range"]))
            self.send_response(206)
            self.send_header("Content-Range", "bytes 0-0/123456")
            self.send_header("Content-Length", "1")
            self.send_header("ETag", '"abc"')
            self.end_headers()
            self.wfile.write(b"x")

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), NoHead) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
        thread.start()
        url = f"http://127.0.0.1:{server.server_port}/a.warc.gz"
        assert resolve_inputs([url], base="/", retry=RETRY) == [InputFile(url, "a.warc.gz", 123456, "abc")]
        server.shutdown()
        thread.join(10)
    assert asked == [("HEAD", None), ("GET", "bytes=0-0")]


@pytest.mark.realdata
def test_the_real_captures_are_all_found() -> None:
    root = Path(os.environ.get("CURATE_REAL_DATA", Path(__file__).resolve().parents[1] / "../shared/data"))
    if not (root / "cc").is_dir():
        pytest.skip("the real crawl captures are not here (CURATE_REAL_DATA)")
    found = resolve_inputs([str(root / "cc")], base="/")
    on_disk = {p for p in (root / "cc").rglob("*") if p.name.endswith((".warc.gz", ".wet.gz", ".warc"))}
    assert {Path(item.path) for item in found} >= {Path(os.path.abspath(path)) for path in on_disk}
    assert len({item.etag for item in found}) == len(found)
