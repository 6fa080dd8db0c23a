"""Robots directives of a page, from `<meta name=robots>` and `X-Robots-Tag`.

Source: the robots meta tag as search engines document it; `noai` and `noimageai` as DeviantArt introduced them.
"""

from __future__ import annotations

from collections.abc import Iterable

_WITH_VALUE = frozenset({"max-snippet", "max-image-preview", "max-video-preview", "unavailable_after"})
AGENTS = frozenset({"robots", "googlebot", "ccbot"})
"""Whose directives count: everyone's, and those of the crawlers that the crawls stand for or follow."""
_IMPLIED = {"none": ("noindex", "nofollow")}
MAX_DIRECTIVES = 64
_MAX_VALUE = 4096


def meta_agent(name: str) -> bool:
    """Whether a `<meta name>` addresses us."""
    return name.strip().lower() in AGENTS


def directives(value: str) -> frozenset[str]:
    """The directives in the content of one meta tag, in lower case; those with a value keep only their name.

    `none` implies noindex and nofollow.
    """
    found: set[str] = set()
    for part in value[:_MAX_VALUE].replace(";", ",").split(",")[:MAX_DIRECTIVES]:
        words = part.partition(":")[0].lower().split()
        for word in words if ":" not in part else words[-1:]:
            found.add(word)
            found.update(_IMPLIED.get(word, ()))
    return frozenset(found)


def header_directives(values: Iterable[str]) -> frozenset[str]:
    """The directives of the `X-Robots-Tag` fields of one response that address everyone, or a crawler we heed.

    `noindex`; `googlebot: noindex, nofollow`; `otherbot: noai` (not ours). A user agent holds to the end of its field
    or to the next agent, as the header's definition has it.
    """
    found: frozenset[str] = frozenset()
    for value in values:
        ours = True
        for part in value[:_MAX_VALUE].split(",")[:MAX_DIRECTIVES]:
            agent, colon, rest = part.partition(":")
            agent = agent.strip().lower()
            if colon and agent not in _WITH_VALUE:
                ours = agent in AGENTS or agent == "*"
                part = rest
            if ours:
                found |= directives(part)
    return found
