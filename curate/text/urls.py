"""Blocklists of domains and words for URLs.

`blocked` needs the URL alone, so it may run while pages are extracted, before any text is compared or scored (as
RefinedWeb, Penedo et al. 2023 §3.1, and FineWeb do). URLs are as crawled: nothing here raises on a malformed one.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable
from functools import cache
from importlib.resources import files
from urllib.parse import unquote

_SCHEME = re.compile(r"\A\s*(?:[a-zA-Z][a-zA-Z0-9+.-]*:)?//")
_AUTHORITY_END = re.compile(r"[/?#\\]")
_PATH_END = re.compile(r"[?#]")
_TOKEN = re.compile(r"[^\W_]+")
MAX_HOST = 255
"""Characters of a host that are looked at, from its end (RFC 1035 §2.3.4)."""
MAX_PATH = 8_192
"""Characters of a path that are searched for words; longer ones exist only to be hostile."""


def host_and_path(url: str) -> tuple[str, str]:
    """The host (lower case, IDNA, no user, port, or trailing dot) and the path with percent-escapes undone."""
    scheme = _SCHEME.match(url)
    rest = url[scheme.end() :] if scheme else url.lstrip()
    end = _AUTHORITY_END.search(rest)
    authority, tail = (rest[: end.start()], rest[end.start() :]) if end else (rest, "")
    host = authority.rpartition("@")[2]
    host = host[: host.find("]") + 1] if host.startswith("[") else host.partition(":")[0]
    host = host[-MAX_HOST:]
    path = _PATH_END.split(tail, maxsplit=1)[0] if tail else ""
    return ascii_domain(host), unquote(path[:MAX_PATH], errors="replace")


def site(url: str) -> str:
    """The host that stands for a site: without `www.`, which most sites have as a second name."""
    host = host_and_path(url)[0]
    return host.removeprefix("www.") or host


def ascii_domain(host: str) -> str:
    """A host in the one form it is compared in: lower case, labels in punycode, no dots at the ends."""
    host = host.strip().strip(".").lower()
    if host.isascii():
        return host
    labels = []
    for label in host.split("."):
        try:
            labels.append(label if label.isascii() else label.encode("idna").decode("ascii"))
        except UnicodeError:
            labels.append(label)
    return ".".join(labels)


def blocked(url: str, domains: Collection[str], words: Collection[str]) -> str | None:
    """The entry that blocks this URL, or None.

    domains: hosts as `ascii_domain` gives them; each also covers its subdomains. words: lower case; each must be a
    whole token (run of letters and digits) of the host or the path; the query is not looked at. Give sets: the cost
    is one look-up a label and a token. The longest matching domain is named, then the first matching word.
    """
    host, path = host_and_path(url)
    parent = host
    while parent:
        if parent in domains:
            return parent
        parent = parent.partition(".")[2]
    if words:
        for part in (host, path.lower()):
            for token in _TOKEN.findall(part):
                if token in words:
                    return str(token)
    return None


def entries(lines: Iterable[str]) -> list[str]:
    """The entries of a list with one a line, in lower case; blank and `#` lines are none."""
    stripped = (line.strip().lower() for line in lines)
    return [line for line in stripped if line and not line.startswith("#")]


@cache
def default_domains() -> frozenset[str]:
    """The small list of domains that comes with the package."""
    return frozenset(map(ascii_domain, entries(_packaged("url_domains.txt"))))


@cache
def default_words() -> frozenset[str]:
    """The small list of words that comes with the package."""
    return frozenset(entries(_packaged("url_words.txt")))


def _packaged(name: str) -> list[str]:
    return files("curate.text").joinpath("wordlists", name).read_text("utf-8").split("\n")
