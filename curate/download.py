"""Fetch files whole: resumed where they stopped, never mixed from two versions, under their name only when complete.

A file is fetched to `NAME.partial` and renamed. A partial file goes on with a Range request on condition that the file
is still the same one (If-Range); if the server does not promise that, it starts again. Files are kept in a folder of
the run, so that byte ranges are read from disk and a resumed run fetches nothing twice.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from dataclasses import dataclass, replace

from curate import remote, web
from curate.errors import UserError
from curate.inputs import InputFile
from curate.partial import Origin, Partial, explained
from curate.retry import Retry, Transient

Progress = Callable[[int, int, str], None]  # bytes done, bytes in all (-1 unknown), the file's name

_BLOCK = 1 << 20  # bytes asked of an object store at a time
_REPORT_EVERY = 1 << 20  # bytes between two calls of the progress callback
# Bytes a try must add to count as progress: a server that yields a byte a try must not be tried for ever.
_PROGRESS = 1 << 20


class _Stopped(Exception):
    """Another file failed; this one stops where it is and can be resumed."""


def fetch(
    url: str,
    destination: str,
    *,
    size: int = -1,
    version: str = "",
    retry: Retry | None = None,
    progress: Progress | None = None,
    name: str = "",
    stopped: Callable[[], bool] = lambda: False,
) -> int:
    """Fetch `url` (http, https or anything fsspec opens) to the local path `destination`; returns its size in bytes.

    size, version: what the file must be, as `resolve_inputs` found it; -1 and "" leave it open. A file that is already
    here and complete is not asked for again. `progress` is called at the start, about every MiB, and at the end.
    Raises UserError in one line: no such file, refused, changed since it was listed, disk full, or patience at an end.
    """
    if retry is None:
        retry = Retry()
    return _Fetch(url, Partial(destination), size, version, retry, progress, name or web.shown(url), stopped).run()


def fetch_all(
    inputs: Sequence[InputFile],
    folder: str,
    progress: Progress | None = None,
    *,
    retry: Retry | None = None,
    threads: int = 2,
) -> list[InputFile]:
    """Fetch every remote input into `folder` under its key; local inputs stay where they are.

    Returns the inputs in the same order with local paths and true sizes; key and etag are unchanged. Two files at a
    time: CommonCrawl asks for few connections. After the first failure the others stop, keep what they have, and it is
    raised. `progress` is called from one thread at a time.
    """
    patience = retry or Retry()
    halt = threading.Event()
    lock = threading.Lock()
    if patience.sleep is time.sleep:

        def doze(seconds: float) -> None:
            halt.wait(seconds)

        patience = replace(patience, sleep=doze)

    def report(done: int, total: int, name: str) -> None:
        if progress is not None:
            with lock:
                progress(done, total, name)

    def one(item: InputFile) -> InputFile:
        if "://" not in item.path:
            return item
        path = _inside(folder, item.file)
        size = fetch(
            item.path,
            path,
            size=item.size,
            version=item.etag,
            retry=patience,
            progress=report,
            name=item.file,
            stopped=halt.is_set,
        )
        return replace(item, path=path, size=size)

    with ThreadPoolExecutor(max_workers=threads, thread_name_prefix="fetch") as pool:
        futures = [pool.submit(one, item) for item in inputs]
        try:
            wait(futures, return_when="FIRST_EXCEPTION")
        finally:
            halt.set()
            pool.shutdown(wait=True, cancel_futures=True)
    failures = [future.exception() for future in futures if future.done() and not future.cancelled()]
    for failure in failures:
        if failure is not None and not isinstance(failure, _Stopped):
            raise failure
    return [future.result() for future in futures]


def _inside(folder: str, key: str) -> str:
    """The place of `key` under `folder`; a key that would leave it is refused (keys can come from a server)."""
    parts = key.split("/")
    if any(part in ("", ".", "..") for part in parts) or "\x00" in key or "\\" in key:
        raise UserError(f"{key!r} is not a name a file can be kept under")
    return os.path.join(folder, *parts)


@dataclass
class _Fetch:
    """One file on its way: what is kept between tries."""

    url: str
    disk: Partial
    size: int
    version: str
    retry: Retry
    progress: Progress | None
    name: str
    stopped: Callable[[], bool]
    furthest: int = 0
    credited: int = 0

    def run(self) -> int:
        if self.disk.complete(self.size, self.version):
            size = os.path.getsize(self.disk.destination)
            self._report(size, size)
            return size
        self.furthest = self.credited = self.disk.have()
        over = self._over_http if remote.protocol_of(self.url) in ("http", "https") else self._over_fsspec

        def attempt() -> int:
            self._stop_if_told()
            return over()

        return self.retry.run(self.name, attempt, self._progressed)

    def _stop_if_told(self) -> None:
        if self.stopped():
            raise _Stopped(self.name)

    def _progressed(self) -> bool:
        # Measured against the furthest ever reached, so a file that starts again and again ends.
        if self.furthest - self.credited < _PROGRESS:
            return False
        self.credited = self.furthest
        return True

    def _over_http(self) -> int:
        have = self.disk.have()
        known = self.disk.origin()
        headers = {"Range": f"bytes={have}-", "If-Range": known.condition} if have and known else {}
        with web.opened(self.url, timeout=self.retry.timeout, headers=headers) as answer:
            version = web.version_of(answer.headers)
            if answer.status == 206 and known is not None:
                stated = web.content_range(answer.headers)
                if stated is None or stated != (have, known.size if known.size >= 0 else stated[1]):
                    raise self._restart("the server sent another range than the one asked for")
                if version not in ("", known.version):
                    raise self._restart("the file changed on the server")
                origin = replace(known, size=stated[1])
            elif answer.status == 200:
                have = 0
                total = web.content_length(answer.headers)
                version = version or f"size-{self.size if total < 0 else total}"
                origin = Origin(version, total, web.resume_condition(answer.headers))
            else:
                raise self._restart(f"the server answers {answer.status} to a request for the rest of the file")
            self._check(origin)
            if answer.status == 200:
                self.disk.start(origin)
            with self.disk.open_at(have) as out:
                self._report(have, origin.size)
                for piece in web.chunks(answer, self.url):
                    with explained(self.disk.destination):
                        out.write(piece)
                    have = self._advance(have, len(piece), origin.size)
        return self._finish(origin, have)

    def _over_fsspec(self) -> int:
        fs, inner = remote.open_filesystem(self.url)
        try:
            info = fs.info(inner)
            origin = Origin(remote.version_of(fs, inner, info), int(info["size"] or 0), "same version")
            self._check(origin)
            if self.disk.origin() != origin:
                self.disk.start(origin)
            have = self.disk.have()
            with fs.open(inner, "rb") as source, self.disk.open_at(have) as out:
                self._report(have, origin.size)
                source.seek(have)
                while piece := source.read(_BLOCK):
                    with explained(self.disk.destination):
                        out.write(piece)
                    have = self._advance(have, len(piece), origin.size)
        except (Transient, UserError, _Stopped):
            raise
        except Exception as error:  # every file system has exceptions of its own
            said = " ".join(f"{type(error).__name__} {error}".split())
            raise remote.explained(error, self.url) or Transient(said) from error
        return self._finish(origin, have)

    def _check(self, origin: Origin) -> None:
        """Is this the file that was listed?"""
        if self.size >= 0 and origin.size >= 0 and origin.size != self.size:
            raise Transient(f"it has {origin.size:,} bytes and not the {self.size:,} it was listed with")
        if self.version and origin.version != self.version:
            raise UserError(f"{self.name} changed on the server since it was listed; run the same command again")

    def _restart(self, why: str) -> Transient:
        self.disk.forget()
        return Transient(why)

    def _advance(self, have: int, more: int, total: int) -> int:
        self._stop_if_told()
        now = have + more
        if 0 <= total < now:
            self.disk.forget()
            raise Transient(f"it is longer than its stated {total:,} bytes")
        self.furthest = max(self.furthest, now)
        if now // _REPORT_EVERY != have // _REPORT_EVERY and now != total:
            self._report(now, total)
        return now

    def _finish(self, origin: Origin, have: int) -> int:
        if origin.size >= 0 and have != origin.size:
            raise Transient(f"the connection closed after {have:,} of {origin.size:,} bytes")
        if self.size >= 0 and have != self.size:
            raise self._restart(f"it has {have:,} bytes and not the {self.size:,} it was listed with")
        self.disk.finish(origin, have)
        self._report(have, have)
        return have

    def _report(self, done: int, total: int) -> None:
        if self.progress is not None:
            self.progress(done, total, self.name)
