"""The seven sources by name, each loaded only when a manifest asks for it."""

from __future__ import annotations

from importlib import import_module
from typing import Any

from curate.sources.source import Source

SOURCES = {
    "commoncrawl": "curate.sources.commoncrawl:CommonCrawl",
}
"""name -> module:class; the samples lie in `curate/sample/<name>`, CommonCrawl's in `crawl`."""


def source_class(name: str) -> type[Source[Any]]:
    """The source of this name; KeyError where there is none."""
    module, _, attribute = SOURCES[name].partition(":")
    found: type[Source[Any]] = getattr(import_module(module), attribute)
    return found
