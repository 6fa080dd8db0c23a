"""Which site a dump is of, which language it is in, and how many posts it has."""

from __future__ import annotations

import re

_HOST = re.compile(
    r"(?<![a-z0-9.-])((?:[a-z0-9-]{1,63}\.){0,3}"
    r"(?:stackexchange|stackoverflow|superuser|serverfault|askubuntu|mathoverflow|stackapps)\.(?:com|net))(?![a-z0-9])"
)
_FULL = {"stackoverflow", "superuser", "serverfault", "askubuntu", "stackapps", "mathoverflow"}
_LANGUAGES = {"ru": "ru", "rus": "ru", "pt": "pt", "es": "es", "ja": "ja"}
_MIXED = frozenset(
    {"french", "german", "spanish", "italian", "portuguese", "esperanto", "ukrainian", "chinese", "korean", "latin"}
)


def site_of(*names: str) -> str:
    """The site's host from the first of these paths that has it, the last part of a path first; "" where none has.

    `stackoverflow.com-Posts.7z`, `beer.stackexchange.com/Posts.xml`, `beer.stackexchange.com-2016.7z`.
    """
    for name in names:
        for part in reversed(name.lower().split("/")):
            if found := _HOST.search(part):
                return found[1]
    return ""


def full_name(name: str) -> str:
    """A site as users write it (`beer`, `beer.stackexchange`, `https://beer.stackexchange.com/`) as its host."""
    host = re.sub(r"^https?://", "", name.strip().lower()).partition("/")[0]
    if host.endswith((".com", ".net")):
        return host
    last = host.rpartition(".")[2]
    if last == "mathoverflow":
        return f"{host}.net"
    return f"{host}.com" if last in _FULL or last == "stackexchange" else f"{host}.stackexchange.com"


def language_of(site: str) -> str:
    """The language of a site (ISO 639-1): English but for those named for another; "" where posts are in several."""
    first = site.removeprefix("meta.").partition(".")[0]
    if first in _MIXED or not site:
        return ""
    return _LANGUAGES.get(first, "en")
