"""HTTP requests whose failures are already sorted: Transient to try again, UserError to stop at once."""

from __future__ import annotations

import errno
import http.client
import re
import socket
import ssl
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from email.message import Message
from email.utils import parsedate_to_datetime
from urllib.parse import quote, urlsplit

from curate.errors import UserError
from curate.retry import Retry, Transient

# 403 is here because CommonCrawl's CDN answers it, not 429, to clients it slows down.
TRANSIENT_STATUS = frozenset({403, 408, 429, 500, 502, 503, 504})
_USER_AGENT = "curate/0.1 (builds text corpora)"
_UNREACHABLE = frozenset({errno.ECONNREFUSED, errno.ENETUNREACH, errno.EHOSTUNREACH, errno.ENETDOWN})
_CONTENT_RANGE = re.compile(r"bytes (?:(\d{1,18})-(\d{1,18})|\*)/(\d{1,18})\Z")
_LENGTH = re.compile(r"\d{1,18}\Z", re.ASCII)


class Refused(UserError):
    """The server answered, and trying again is no use; `status` is of the HTTP answer."""

    def __init__(self, line: str, status: int) -> None:
        super().__init__(line)
        self.status = status


@dataclass(frozen=True, slots=True)
class Remote:
    """What a server says of a file. size: bytes, -1 where it does not say; version: changes with the content."""

    size: int
    version: str


def shown(url: str) -> str:
    """The URL as it may be printed: no user name, password or query, which can hold secrets; on one line."""
    scheme, _, rest = url.partition("://")
    authority, slash, path = rest.partition("/")
    if scheme in ("http", "https"):
        authority, path = (re.split("[?#]", part, maxsplit=1)[0] for part in (authority, path))
    safe = "/:%[]~@!$&'()*+,;=?#"
    return quote(f"{scheme}://{authority.rpartition('@')[2]}{slash}{path}", safe=safe, errors="replace")


def version_of(headers: Message) -> str:
    """ETag, or else Last-Modified, or else "" where the server gives neither."""
    return (headers.get("ETag") or "").removeprefix("W/").strip('"') or headers.get("Last-Modified") or ""


def resume_condition(headers: Message) -> str:
    """What If-Range may carry (RFC 9110 §13.1.5): a strong ETag or a date; "" where resuming is not safe."""
    tag = headers.get("ETag") or ""
    if tag:
        return "" if tag.startswith("W/") else tag
    return headers.get("Last-Modified") or ""


def content_length(headers: Message) -> int:
    """Bytes of the body, -1 where it is not stated."""
    stated = (headers.get("Content-Length") or "").strip()
    return int(stated) if _LENGTH.match(stated) else -1


def content_range(headers: Message) -> tuple[int, int] | None:
    """(first byte, size of the whole) of a 206 answer; (0, size) of a 416; None where it cannot be read."""
    match = _CONTENT_RANGE.match((headers.get("Content-Range") or "").strip())
    return (int(match[1] or 0), int(match[3])) if match else None


def retry_after(headers: Message) -> float | None:
    """Seconds, from either form of Retry-After (RFC 9110 §10.2.3); None where absent or unreadable."""
    stated = (headers.get("Retry-After") or "").strip()
    if _LENGTH.match(stated):
        return float(stated)
    try:
        due = parsedate_to_datetime(stated).timestamp()
        stamp = headers.get("Date")
        # Against the server's own clock where it gives one: ours may be wrong.
        now = parsedate_to_datetime(stamp).timestamp() if stamp else time.time()
    except (ValueError, TypeError, OverflowError):
        return None
    return max(0.0, due - now)


def _opener() -> urllib.request.OpenerDirector:
    """Only http and https, also after a redirect; proxies from the environment."""
    opener = urllib.request.OpenerDirector()
    for handler in (
        urllib.request.ProxyHandler(),
        urllib.request.HTTPHandler(),
        urllib.request.HTTPSHandler(),
        urllib.request.HTTPRedirectHandler(),
        urllib.request.HTTPDefaultErrorHandler(),
        urllib.request.HTTPErrorProcessor(),
        urllib.request.UnknownHandler(),
    ):
        opener.add_handler(handler)
    return opener


def sorted_failure(error: BaseException, url: str) -> Exception:
    """The Transient or UserError that a network exception means."""
    cause = error.reason if isinstance(error, urllib.error.URLError) else error
    if isinstance(cause, ssl.SSLCertVerificationError):
        return UserError(f"{shown(url)}: its certificate is not trusted: {cause}")
    if isinstance(cause, socket.gaierror):
        return Transient(f"the name {urlsplit(url).hostname} cannot be looked up", reached=False)
    if isinstance(cause, OSError) and cause.errno in _UNREACHABLE:
        return Transient(cause.strerror or "unreachable", reached=False)
    if isinstance(cause, TimeoutError):
        # urllib wraps what fails before an answer begins.
        return Transient("no answer in time", reached=not isinstance(error, urllib.error.URLError))
    if isinstance(cause, http.client.InvalidURL | ValueError | UnicodeError):
        return UserError(f"{shown(url)} is not a URL that can be fetched: check its spelling")
    if isinstance(cause, OSError | http.client.HTTPException):
        return Transient(" ".join(f"{type(cause).__name__} {cause}".split()))
    return UserError(f"{shown(url)}: {' '.join(str(cause).split())}")


@contextmanager
def opened(
    url: str, *, timeout: float, method: str = "GET", headers: dict[str, str] | None = None
) -> Iterator[http.client.HTTPResponse]:
    """One request; yields the answer if its status is 2xx or 416.

    Raises Transient for statuses in TRANSIENT_STATUS and broken connections, UserError for every other status.
    The body is as sent: no content coding is asked for and none is undone. Exceptions inside the block pass through.
    """
    try:
        request = urllib.request.Request(url, headers={"User-Agent": _USER_AGENT, **(headers or {})}, method=method)
        response = _opener().open(request, timeout=timeout)
        if response is None:
            raise UserError(f"{shown(url)}: only http and https addresses can be fetched")
    except urllib.error.HTTPError as error:
        with error:
            if error.code == 416:
                yield error  # type: ignore[misc]  # an HTTPError is the response itself
                return
            said = f"{error.code} {' '.join(str(error.reason).split())[:100]}"
            if error.code in TRANSIENT_STATUS:
                wait = retry_after(error.headers)
                raise Transient(f"the server answers {said}", retry_after=wait, status=error.code) from None
            raise Refused(f"{shown(url)}: the server answers {said}; check the address", error.code) from None
    except (OSError, http.client.HTTPException, ValueError) as error:
        raise sorted_failure(error, url) from error
    with response:
        yield response


def chunks(response: http.client.HTTPResponse, url: str, size: int = 1 << 18) -> Iterator[bytes]:
    """The body in pieces as they arrive, so what came before a broken connection is not lost."""
    while True:
        try:
            piece = response.read1(size)
        except (OSError, http.client.HTTPException, ValueError) as error:
            raise sorted_failure(error, url) from error
        if not piece:
            return
        yield piece


def probe(url: str, retry: Retry) -> Remote:
    """Size and version of the file at `url`, without its body."""

    def ask() -> Remote:
        try:
            with opened(url, timeout=retry.timeout, method="HEAD") as answer:
                size, version = content_length(answer.headers), version_of(answer.headers)
        except UserError:
            size, version = -1, ""
        except Transient as trouble:
            if trouble.status != 403:
                raise
            size, version = -1, ""
        if size >= 0:
            return Remote(size, version or f"size-{size}")
        # Some servers (signed URLs among them) refuse HEAD or leave the length out.
        with opened(url, timeout=retry.timeout, headers={"Range": "bytes=0-0"}) as answer:
            version = version_of(answer.headers)
            if answer.status in (206, 416):
                stated = content_range(answer.headers)
                size = stated[1] if stated else -1
            else:
                size = content_length(answer.headers)
        return Remote(size, version or f"size-{size}")

    return retry.run(shown(url), ask)


def small_file(url: str, limit: int, retry: Retry) -> bytes:
    """The whole body, which may be `limit` bytes at most (UserError above); a short body is asked for again."""

    def ask() -> bytes:
        body = bytearray()
        with opened(url, timeout=retry.timeout) as answer:
            expected = content_length(answer.headers)
            for piece in chunks(answer, url):
                body += piece
                if len(body) > limit:
                    raise UserError(f"{shown(url)} is larger than the {limit:,} bytes such a file may have")
        if expected >= 0 and len(body) != expected:
            raise Transient(f"the connection closed after {len(body):,} of {expected:,} bytes")
        return bytes(body)

    return retry.run(shown(url), ask)
