"""From what a user names (a path, a folder, a glob, a URL, a crawl) to the list of files a run reads."""

from __future__ import annotations

import glob
import os
import re
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any
from urllib.parse import urlsplit

import xxhash

from curate import remote, web
from curate.crawl_index import Count, crawl_files
from curate.errors import UserError
from curate.retry import Retry

CRAWL_SUFFIXES = (".warc", ".warc.gz", ".warc.zst", ".wet", ".wet.gz")
_EDGE = 64 << 10  # bytes at each end of a local file that its etag is computed from
_MAGIC = "*?["


@dataclass(frozen=True, slots=True)
class InputFile:
    """One file to read.

    path: what is opened, a local path or a URL. file: the stable key that document ids are made from; locally the path
    below the spec's own folder, so moving the folder does not change ids; for a URL the part after the host or bucket.
    size: bytes; -1 where a server does not say (`fetch_all` finds out). etag: changes when the content does: locally
    `SIZE-HASH`, an xxh64 of the first and last 64 KB, the same on every copy of the file; remotely the server's own.
    """

    path: str
    file: str
    size: int
    etag: str


def resolve_inputs(
    specs: Sequence[str],
    *,
    base: str,
    warcs: Count = None,
    cc_base: str | None = None,
    suffixes: tuple[str, ...] = CRAWL_SUFFIXES,
    retry: Retry | None = None,
) -> list[InputFile]:
    """The files `specs` name, each once, sorted by key.

    A spec is a path, a folder (every file below it whose name ends in one of `suffixes`; hidden names are left out), a
    glob (`**` goes into folders), an fsspec URL of any of these, or `cc://CRAWL[/warc|/wet]`. base: the folder that
    relative paths start from. warcs, cc_base: how many files of a crawl, and from where (see `crawl_files`).

    Raises UserError, one line, when a spec names nothing (with the nearest existing name), when two different files
    would have one key, or when one file is named under two keys: ids would not be unique, or texts would count twice.
    """
    if not specs:
        raise UserError("no input: name a file, a folder, a glob or a URL")
    patience = retry or Retry()
    found: list[tuple[str, InputFile]] = []
    for spec in specs:
        found += [(spec, item) for item in _resolve(spec, base, warcs, cc_base, suffixes, patience)]
    by_key: dict[str, tuple[str, InputFile]] = {}
    by_path: dict[str, tuple[str, InputFile]] = {}
    for spec, item in found:
        _, other = by_key.setdefault(item.file, (spec, item))
        if other.path != item.path:
            raise UserError(
                f"{other.path!r} and {item.path!r} would both be known as {item.file!r}: "
                "rename one, or name one folder or glob that holds both"
            )
        other_spec, other = by_path.setdefault(item.path, (spec, item))
        if other.file != item.file:
            raise UserError(f"{item.path!r} is named twice, by {other_spec!r} and by {spec!r}: leave one of them out")
    return [by_key[key][1] for key in sorted(by_key)]


def local_etag(path: str) -> str:
    """`SIZE-XXH64` of a local file; reads at most 128 KB of it."""
    with open(path, "rb") as source:
        size = os.fstat(source.fileno()).st_size
        digest = xxhash.xxh64(source.read(_EDGE))
        source.seek(max(0, size - _EDGE))
        digest.update(source.read(_EDGE))
    return f"{size}-{digest.hexdigest()}"


def _resolve(
    spec: str, base: str, warcs: Count, cc_base: str | None, suffixes: tuple[str, ...], retry: Retry
) -> list[InputFile]:
    if not spec.strip() or "\x00" in spec:
        raise UserError(f"{spec!r} is not an input: name a file, a folder, a glob or a URL")
    if spec.startswith("cc://"):
        crawl = crawl_files(spec, warcs, base=cc_base, retry=retry)
        return _described([file.url for file in crawl], [file.key for file in crawl], retry)
    if spec.startswith("file://"):
        return _local(remote.open_filesystem(spec)[1], spec, suffixes)
    if "://" in spec:
        try:
            urlsplit(spec)
        except ValueError as error:
            raise UserError(f"{spec!r} is not a URL: {error}") from error
        urls = _urls(spec, suffixes)
        return _described(urls, [_url_key(url) for url in urls], retry)
    return _local(os.path.join(base, os.path.expanduser(spec)), spec, suffixes)


def _local(path: str, spec: str, suffixes: tuple[str, ...]) -> list[InputFile]:
    path = os.path.abspath(path)
    if os.path.isdir(path):
        folder, names = path, list(_below(path, suffixes))
        if not names:
            raise UserError(f"the folder {spec!r} holds no file that ends in {', '.join(suffixes)}: name another")
    elif os.path.exists(path):  # before the glob: a name may hold a bracket
        folder, names = os.path.dirname(path), [os.path.basename(path)]
    elif any(mark in path for mark in _MAGIC):
        folder = _fixed_part(path)
        if not os.path.isdir(folder):
            raise UserError(_missing(folder, spec))
        names = [os.path.relpath(match, folder) for match in glob.glob(path, recursive=True) if os.path.isfile(match)]
        if not names:
            raise UserError(f"no file matches {spec!r}: check the pattern, or name the folder {folder!r} itself")
    else:
        raise UserError(_missing(path, spec))
    return [_local_file(os.path.join(folder, name), name) for name in names]


def _local_file(path: str, name: str) -> InputFile:
    # A name that is not UTF-8 has its odd bytes spelled out: keys are stored as text.
    key = os.fsencode(name.replace(os.sep, "/")).decode("utf-8", "backslashreplace")
    if not os.path.isfile(path):
        raise UserError(f"{path!r} is not a regular file: name a file, a folder, a glob or a URL")
    try:
        return InputFile(path, key, os.path.getsize(path), local_etag(path))
    except OSError as error:
        raise UserError(f"{path!r} cannot be read: {error.strerror}") from error


def _below(folder: str, suffixes: tuple[str, ...]) -> Iterator[str]:
    """Files below `folder`, relative to it; links are followed, each real folder entered once."""
    entered = {os.path.realpath(folder)}
    for parent, folders, files in os.walk(folder, followlinks=True):
        folders.sort()
        for name in list(folders):
            real = os.path.realpath(os.path.join(parent, name))
            if name.startswith(".") or real in entered:
                folders.remove(name)
            entered.add(real)
        for name in files:
            if name.endswith(suffixes) and not name.startswith("."):
                yield os.path.relpath(os.path.join(parent, name), folder)


def _fixed_part(pattern: str) -> str:
    """The deepest folder of a pattern that holds no wildcard."""
    parts = pattern.split(os.sep)
    wild = next(i for i, part in enumerate(parts) if any(mark in part for mark in _MAGIC))
    return os.sep.join(parts[:wild]) or os.sep


def _missing(path: str, spec: str) -> str:
    """One line that says what is not there, and the nearest name that is."""
    while not os.path.isdir(parent := os.path.dirname(path)):
        path = parent
    try:
        near = get_close_matches(os.path.basename(path), sorted(os.listdir(parent))[:10_000], n=1)
    except OSError:
        near = []
    advice = f"did you mean {os.path.join(parent, near[0])!r}?" if near else "name a file, a folder, a glob or a URL"
    where = "" if spec == path else f" ({path!r} does not exist)"
    return f"no such file or folder: {spec!r}{where}; {advice}"


def _urls(spec: str, suffixes: tuple[str, ...]) -> list[str]:
    """The files a URL names: itself, or what is below it or matches it."""
    protocol = remote.protocol_of(spec)
    if "::" in spec:
        return [spec]
    over_http = protocol in ("http", "https")
    wild = "*" in urlsplit(spec).path if over_http else any(mark in spec for mark in _MAGIC)
    if over_http and not wild and not spec.endswith("/"):
        return [spec]
    fs, inner = remote.open_filesystem(spec)
    try:
        if wild:
            paths = [path for path, info in _detailed(fs.glob, inner) if info["type"] == "file"]
            empty = f"no file matches {web.shown(spec)}: check the pattern"
        elif not over_http and fs.isfile(inner):
            return [str(fs.unstrip_protocol(inner))]
        elif not over_http and not fs.isdir(inner):
            raise FileNotFoundError(inner)
        else:
            paths = [path for path, _ in _detailed(fs.find, inner) if path.endswith(suffixes)]
            empty = f"{web.shown(spec)} holds no file that ends in {', '.join(suffixes)}: check the address"
    except Exception as error:  # every file system has exceptions of its own
        said = " ".join(f"{type(error).__name__} {error}".split())[:200]
        raise remote.explained(error, spec) or UserError(f"{web.shown(spec)} cannot be listed: {said}") from error
    if not paths:
        raise UserError(empty)
    return [str(fs.unstrip_protocol(path)) for path in sorted(paths)]


def _detailed(listing: Callable[..., Any], inner: str) -> list[tuple[str, dict[str, Any]]]:
    return list(listing(inner, detail=True).items())


def _url_key(url: str) -> str:
    protocol, _, rest = url.split("::", 1)[0].partition("://")
    if protocol in ("http", "https"):  # elsewhere these are letters like any other
        rest = re.split("[?#]", rest, maxsplit=1)[0]
    host, _, key = rest.partition("/")
    return key.lstrip("/") or host


def _described(urls: list[str], keys: list[str], retry: Retry) -> list[InputFile]:
    def describe(url: str, key: str) -> InputFile:
        if remote.protocol_of(url) in ("http", "https"):
            known = web.probe(url, retry)
            return InputFile(url, key, known.size, known.version)
        fs, inner = remote.open_filesystem(url)
        try:
            info = fs.info(inner)
        except Exception as error:  # every file system has exceptions of its own
            said = " ".join(f"{type(error).__name__} {error}".split())[:200]
            raise remote.explained(error, url) or UserError(f"{web.shown(url)} cannot be read: {said}") from error
        return InputFile(url, key, int(info["size"] or 0), remote.version_of(fs, inner, info))

    with ThreadPoolExecutor(max_workers=2, thread_name_prefix="probe") as pool:
        return list(pool.map(describe, urls, keys))
