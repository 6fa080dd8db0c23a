"""Pages at blocked addresses: domains with their subdomains, and words in the host or the path.

RefinedWeb (Penedo et al. 2023, §3.1) and FineWeb drop by URL before anything else; `curate.text.urls.blocked` is the
same test for use while extracting, with the lists of `URL.domains` and `URL.words`.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import ClassVar

import pyarrow as pa

from curate.errors import UserError
from curate.text.page import Page
from curate.text.urls import ascii_domain, blocked, default_domains, default_words, entries
from filters.filter import Filter, FilterConfig, Rule, Value


class URLConfig(FilterConfig):
    """domains_file, words_file: lists with one entry a line (`#` begins a comment line), instead of the small lists
    that come with the package; domains, words: further entries. allowed: entries that do not drop a page, and "" for
    a page that none matched.
    """

    domains_file: str | None = None
    words_file: str | None = None
    domains: tuple[str, ...] = ()
    words: tuple[str, ...] = ()

    allowed: tuple[str, ...] | None = ("",)


class URL(Filter):
    """Measurement: `matched`, the entry that blocks the page's URL, "" where none does."""

    name = "url"
    Config = URLConfig
    columns: ClassVar[Mapping[str, pa.DataType]] = {"matched": pa.string()}
    rules = (Rule("blocked", "matched", "in", "allowed", "RefinedWeb (Penedo et al. 2023, §3.1); FineWeb"),)
    config: URLConfig

    @cached_property
    def domains(self) -> frozenset[str]:
        """The domains that are blocked, as `blocked` takes them. Raises UserError where the file cannot be read."""
        file = self.config.domains_file
        listed = default_domains() if file is None else map(ascii_domain, _read(file, "domains_file"))
        return frozenset(listed) | set(map(ascii_domain, entries(self.config.domains)))

    @cached_property
    def words(self) -> frozenset[str]:
        """The words that are blocked, as `blocked` takes them. Raises UserError where the file cannot be read."""
        file = self.config.words_file
        listed = default_words() if file is None else _read(file, "words_file")
        return frozenset(listed) | set(entries(self.config.words))

    def load(self) -> None:
        self.domains, self.words  # noqa: B018

    def measure(self, page: Page) -> dict[str, Value]:
        return {"matched": blocked(page.url, self.domains, self.words) or ""}


def _read(file: str, key: str) -> list[str]:
    try:
        return entries(Path(file).read_text("utf-8").split("\n"))
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"filters.url.{key}: cannot read {file}: {error}") from error
