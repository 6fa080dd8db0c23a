"""A text with the views that filters share, each computed once and only if asked for."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cached_property
from typing import Any

_TOKEN = re.compile(r"\w+")


class Page:
    """What a filter is given: the text as the stages before left it, its address and its measured language.

    text: lines joined by "\\n". url: as crawled. language: ISO 639 code from the language filter, "" before it ran.
    source, licence, metadata: as in the document (see curate.document).
    Views are cached on first use; a Page is never changed, an edit makes another Page.
    """

    def __init__(
        self,
        text: str,
        url: str = "",
        language: str = "",
        title: str = "",
        source: str = "",
        licence: str = "",
        metadata: str = "",
    ) -> None:
        self.text = text
        self.url = url
        self.language = language
        self.title = title
        self.source = source
        self.licence = licence
        self.metadata = metadata

    @classmethod
    def of(cls, document: Mapping[str, Any], text: str) -> Page:
        """A row of documents/ with the text that deduplication left."""
        named = {key: document[key] for key in ("url", "title", "source", "licence", "metadata")}
        return cls(text, **named)

    def with_text(self, text: str) -> Page:
        """The same page after an edit."""
        return Page(text, self.url, self.language, self.title, self.source, self.licence, self.metadata)

    @cached_property
    def lines(self) -> list[str]:
        """The text split at "\\n" only, blank lines included, unstripped."""
        return self.text.split("\n")

    @cached_property
    def tokens(self) -> frozenset[str]:
        """The distinct runs of letters, digits and underscores of the lower-cased text."""
        # No token holds white space, so each different word is looked at once.
        return frozenset(_TOKEN.findall(" ".join(set(self.words)).lower()))

    @cached_property
    def words(self) -> list[str]:
        """White-space-delimited words, punctuation attached, in order (dolma's and C4's sense of a word)."""
        return self.text.split()
