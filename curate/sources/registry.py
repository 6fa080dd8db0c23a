"""The seven sources by name, each loaded only when a manifest asks for it."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from curate.sources.source import Source

SOURCES = {
    "commoncrawl": "curate.sources.commoncrawl:CommonCrawl",
    "c4": "curate.sources.c4:C4",
    "github": "curate.sources.github:GitHub",
    "wikipedia": "curate.sources.wikipedia:Wikipedia",
    "books": "curate.sources.books:Books",
    "arxiv": "curate.sources.arxiv:Arxiv",
    "stackexchange": "curate.sources.stackexchange:StackExchange",
}
"""name -> module:class; the samples lie in `curate/sample/<name>`, CommonCrawl's in `crawl`."""


def source_class(name: str) -> type[Source[Any]]:
    """The source of this name; KeyError where there is none."""
    module, _, attribute = SOURCES[name].partition(":")
    found: type[Source[Any]] = getattr(import_module(module), attribute)
    return found
