"""What a link shows: its label, else its target; of files, categories and other languages nothing.

https://www.mediawiki.org/wiki/Help:Links. Captions of pictures go with their pictures: they stand beside the text.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping

from curate.sources.wikitext.codes import CATEGORIES, FILES, LANGUAGES, SISTERS
from curate.sources.wikitext.marks import HOLE, escaped

_FILE_NS, _MEDIA_NS, _CATEGORY_NS = 6, -2, 14
_URL = r"(?:https?|ftps?|irc|ircs|news|gopher|mailto|svn|git|telnet|tel|sip|urn|geo|magnet):|//"
_EXTERNAL = re.compile(rf"\[(?:{_URL})[^\s\[\]<>\"{HOLE}]*+[ \t{HOLE}]*+([^\[\]\n]*+)\]", re.IGNORECASE)
_A_URL = re.compile(_URL, re.IGNORECASE)
# `[[Foo, Bar (baz)|]]` shows "Foo, Bar"; `[[Foo, Bar|]]` "Foo".
_MEDIA = re.compile(r"\.(?:jpe?g|png|svg|gif|tiff?|webp|ogg|og[av]|webm|pdf|djvu|midi?|stl|wav|mp3)$", re.IGNORECASE)
_IN_BRACKETS = re.compile(r"(.*\S)\s*\([^()]*\)")


class Links:
    """The links of one wiki. hidden: prefixes whose links show nothing."""

    def __init__(self, namespaces: Mapping[int, str], language: str) -> None:
        names = {number: name.casefold().replace(" ", "_") for number, name in namespaces.items()}
        hidden: set[str] = set(FILES | CATEGORIES | LANGUAGES)
        hidden.update(names[number] for number in (_FILE_NS, _CATEGORY_NS) if number in names)
        self._hidden: Collection[str] = frozenset(hidden - {"media", names.get(_MEDIA_NS, "media")})
        self._language = language

    def shown(self, target: str, label: str | None) -> str:
        """The text of `[[target|label]]`, escaped; HOLE where it shows none. label: None where there is no `|`."""
        target = target.strip()
        colon = target.find(":")
        if colon >= 0:
            if _A_URL.match(target):  # `[[http://… label]]`: an external link in brackets too many
                return f"[{target}{' ' + escaped(label) if label else ''}]"
            if colon == 0:
                target = target[1:].lstrip()
            elif target[:colon].strip().casefold().replace(" ", "_").lstrip(HOLE) in self._hidden:
                return HOLE
            elif label is not None and target[colon + 1 : colon + 2] != " " and _MEDIA.search(target):
                return HOLE  # a file, in a language whose name for files is not known here
        if not target or "\n" in target:  # no link: text as it stands
            return escaped(target + (label or ""))
        if label is None:
            return escaped(target.replace("_", " ") if "_" in target else target)
        return escaped(label) if label.strip() else HOLE if label else escaped(_trimmed(target))


def _trimmed(target: str) -> str:
    """What the pipe trick makes of a target: no prefix, no brackets, nothing after a comma."""
    prefix, colon, name = target.partition(":")
    if colon and (prefix.casefold() in SISTERS or name):
        target = name.strip()
    found = _IN_BRACKETS.fullmatch(target)
    return found[1] if found else target.partition(", ")[0]


def without_external(text: str) -> str:
    """`[http://… label]` as its label; where it has none it shows a number, which is no text."""
    if "[" not in text:
        return text
    return _EXTERNAL.sub(lambda found: found[1] or HOLE, text)
