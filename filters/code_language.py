"""The language of a page that is a source file: what its source says, or what its name does."""

from __future__ import annotations

import json

from curate.sources.code_languages import language_of
from curate.text.page import Page


def code_language(page: Page) -> str:
    """GitHub linguist's name of the language, "" where nothing tells."""
    if page.metadata:
        try:
            said = json.loads(page.metadata).get("language", "")
        except (ValueError, AttributeError, RecursionError):
            said = ""
        if isinstance(said, str) and said:
            return said
    return language_of(page.url) or language_of(page.title)
