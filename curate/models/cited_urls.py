"""From a URL as Wikipedia cites it to the key that the same page has in a crawl."""

from __future__ import annotations

import re
from urllib.parse import parse_qsl, quote, unquote

from curate.text.c4 import normal_url
from curate.text.urls import MAX_HOST, ascii_domain

MAX_URL = 4_096
_SCHEMES = re.compile(r"(?:https?:/{1,3}){1,4}", re.IGNORECASE)
_HOST = re.compile(r"[a-z0-9_-]{1,63}(?:\.[a-z0-9_-]{1,63}){1,20}")
_ESCAPE = re.compile(r"%[0-9A-Fa-f]{2}")
_UNRESERVED = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~")
# What an address keeps as it is (RFC 3986 §2.2); everything else is percent-encoded UTF-8 (RFC 3987 §3.1).
_SAFE = "%:/?#[]@!$&'()*+,;=-._~"
_TRACKING = re.compile(r"(?:utm_[^=]*|fbclid|gclid|dclid|msclkid|yclid|igshid|mc_[ce]id)(?:=.*)?", re.IGNORECASE)

# Archives that write the page's own address after a date: `…/web/20100101000000/http://example.org/`.
_DATED_HOSTS = (
    "web.archive.org", "classic-web.archive.org", "wayback.archive.org", "liveweb.archive.org",
    "replay.web.archive.org", "archive.today", "archive.ph", "archive.is", "archive.li", "archive.vn", "archive.fo",
    "archive.md", "ghostarchive.org", "arquivo.pt", "webarchive.org.uk", "webarchive.nationalarchives.gov.uk",
    "webarchive.loc.gov", "vefsafn.is", "webarchiv.cz", "web.archive.bibalex.org", "collectionscanada.gc.ca",
    "bac-lac.gc.ca", "webcitation.org", "wayback.archive-it.org", "veebiarhiiv.digar.ee", "webharvest.gov",
    "webarchive.nla.gov.au", "pandora.nla.gov.au", "webarchive.proni.gov.uk", "haw.nsk.hr", "megalodon.jp",
    "archive.wikiwix.com",
)  # fmt: skip
# A date, or `*` for all, and the address; its scheme may be left out only after a date to the second.
_DATED = re.compile(
    r"/(?:(?:\d{4,14}\*?(?:[a-z]{2}_)?|\*|[\d.-]{10,24})/(?=https?:)|\d{14}(?:[a-z]{2}_)?/(?=\w))", re.I | re.A
)
_INNER = re.compile(r"/https?:/{1,2}", re.IGNORECASE)
# Archives and redirectors that carry it in the query.
_QUERY_HOSTS = ("wikiwix.com", "webcitation.org", "toolforge.org", "web.archive.org", "archive.today", "freezepage.com")
# Where the copy has a name of its own, nothing says what it is a copy of.
_OPAQUE_HOSTS = frozenset(
    {"webcitation.org", "archive.today", "archive.ph", "archive.is", "archive.li", "archive.vn", "archive.fo",
     "archive.md", "perma.cc", "ghostarchive.org", "freezepage.com", "peeep.us", "web.archive.org",
     "liveweb.archive.org", "wayback.archive.org", "archive.wikiwix.com", "megalodon.jp"}
)  # fmt: skip
_OWN_HOSTS = frozenset({"wikipedia.org", "wikidata.org", "toolforge.org", "wmflabs.org"})


class NotAPage(Exception):
    """Why a cited URL names no page to look up: `malformed`, `archive_only` or `own_wiki`."""


def cited_page(url: str) -> tuple[str, str]:
    """(address, key) of the page that a citation names, archives unwrapped. Raises NotAPage.

    address: absolute, host in lower case and punycode, percent-encoded, no default port, fragment or tracking
    parameters. key: `lookup_key` of it.
    """
    for _ in range(4):  # an archive of an archive
        address = canonical(url)
        if address is None:
            raise NotAPage("malformed")
        host = _host(address)
        original = _original(address, host)
        if original is None:
            break
        url = original
    else:
        raise NotAPage("archive_only")
    if host.removeprefix("www.") in _OPAQUE_HOSTS:
        raise NotAPage("archive_only")
    if _within(host, _OWN_HOSTS):
        raise NotAPage("own_wiki")
    return address, normal_url(address)


def lookup_key(url: str) -> str:
    """The form in which a cited URL and a crawled one are compared, "" for a URL that is none.

    `normal_url`, the form in which URL dedup compares, of the canonical address: a crawl writes hosts in lower case
    and percent-encodes, and Wikipedia's editors do not.
    """
    address = canonical(url)
    return "" if address is None else normal_url(address)


def canonical(url: str) -> str | None:
    """An http(s) URL in one spelling (RFC 3986 §6.2.2, §6.2.3), without fragment and tracking; None if it is none."""
    url = url.strip()
    if url.startswith("//"):
        url = "http:" + url
    scheme = _SCHEMES.match(url)
    if scheme is None or len(url) > MAX_URL:
        return None
    # The last of several schemes (`http://https://…`) is the one that is meant.
    secure = scheme.group().lower().rstrip("/").endswith("https:")
    rest = url[scheme.end() :].partition("#")[0]
    end = re.search(r"[/?\\]", rest)
    authority, tail = (rest[: end.start()], rest[end.start() :]) if end else (rest, "")
    host, colon, port = authority.rpartition("@")[2].partition(":")
    if len(host) > MAX_HOST or (colon and port and not (port.isascii() and port.isdecimal() and len(port) < 6)):
        return None
    host = ascii_domain(host)
    if not _HOST.fullmatch(host):
        return None
    if port and int(port) != (443 if secure else 80):
        host += f":{int(port)}"
    path, mark, query = tail.partition("?")
    if mark:
        kept = [pair for pair in query.split("&") if not _TRACKING.fullmatch(pair)]
        query = "&".join(kept)
    tail = (path or "/") + (f"?{query}" if query else "")
    tail = quote(tail, safe=_SAFE, errors="surrogatepass")
    return f"{'https' if secure else 'http'}://{host}{_ESCAPE.sub(_one_spelling, tail)}"


def _one_spelling(escape: re.Match[str]) -> str:
    character = chr(int(escape.group()[1:], 16))
    return character if character in _UNRESERVED else escape.group().upper()


def _host(address: str) -> str:
    return address.split("/", 3)[2].partition(":")[0]


def _within(host: str, hosts: frozenset[str] | tuple[str, ...]) -> bool:
    return any(host == one or host.endswith("." + one) for one in hosts)


def _original(address: str, host: str) -> str | None:
    """The address that an archive's URL is a copy of, None where it says none."""
    place = address.find("/", 8)
    if _within(host, _DATED_HOSTS) or (
        host in ("archive.org", "www.archive.org") and address[place : place + 5] == "/web/"
    ):
        dated = _DATED.search(address, place)
        if dated:
            return _with_scheme(address[dated.end() :])
        inner = _INNER.search(address, place)
        if inner:
            return address[inner.start() + 1 :]
    if _within(host, _QUERY_HOSTS):
        for name, value in parse_qsl(address.partition("?")[2]):
            if name == "url" and value:
                return _with_scheme(value)
    if host == "webcache.googleusercontent.com":
        cached = re.search(r"[?&]q=cache(?::|%3A)(?:[\w-]{12}(?::|%3A))?([^&+]+)", address)
        return _with_scheme(unquote(cached.group(1))) if cached else None
    return None


def _with_scheme(url: str) -> str:
    if url[:5].lower() in ("http:", "https"):
        return url
    if url[:9].lower().startswith(("http%3a", "https%3a")):
        return unquote(url)
    return "http://" + url.lstrip("/")
