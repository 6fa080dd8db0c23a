"""Personal addresses: e-mail and public IPv4 addresses are replaced; pages full of them may be dropped.

FineWeb (Penedo et al. 2024, §3.7; datatrove `formatters/pii.py`) replaces them by the placeholders that are the
default here, taken in turn; ours start anew with every page, so that a page's text does not depend on the pages before
it. Dolma v1.6 writes `|||EMAIL_ADDRESS|||` and `|||IP_ADDRESS|||`, and drops pages with more than five: `max_count: 5`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

import pyarrow as pa

from curate.text.page import Page
from curate.text.pii import Span, find_pii
from filters.filter import Filter, FilterConfig, Rule, Value

EMAIL_PLACEHOLDERS = ("email@example.com", "firstname.lastname@example.org")
IP_PLACEHOLDERS = (
    "22.214.171.124",
    "126.96.36.199",
    "188.8.131.52",
    "184.108.40.206",
    "220.127.116.11",
    "18.104.22.168",
)


class PIIConfig(FilterConfig):
    """email_placeholders, ip_placeholders: what takes their place, in turn; empty leaves that kind in the text."""

    email_placeholders: tuple[str, ...] = EMAIL_PLACEHOLDERS
    ip_placeholders: tuple[str, ...] = IP_PLACEHOLDERS

    max_count: int | None = None


class PII(Filter):
    """Measurements: `emails`, `ips` found, and `count` of both."""

    name = "pii"
    Config = PIIConfig
    columns: ClassVar[Mapping[str, pa.DataType]] = {"emails": pa.int32(), "ips": pa.int32(), "count": pa.int32()}
    rules = (Rule("many", "count", "<=", "max_count", "Dolma v1.6 cc-head.yaml: more than 5 drop the document"),)
    config: PIIConfig

    def __init__(self, config: PIIConfig) -> None:
        super().__init__(config)
        self._last: tuple[Page, list[Span]] | None = None

    def measure(self, page: Page) -> dict[str, Value]:
        found = self._found(page)
        emails = sum(span.kind == "email" for span in found)
        return {"emails": emails, "ips": len(found) - emails, "count": len(found)}

    def edit(self, page: Page) -> str | None:
        placeholders = {"email": self.config.email_placeholders, "ip": self.config.ip_placeholders}
        used = {"email": 0, "ip": 0}
        parts: list[str] = []
        end = 0
        for span in self._found(page):
            choices = placeholders[span.kind]
            if choices:
                parts += page.text[end : span.start], choices[used[span.kind] % len(choices)]
                used[span.kind] += 1
                end = span.end
        if not parts:
            return None
        text = "".join([*parts, page.text[end:]])
        return None if text == page.text else text

    def _found(self, page: Page) -> list[Span]:
        # `measure` and `edit` are called one after the other with the same page; a Page is never changed.
        if self._last is None or self._last[0] is not page:
            self._last = (page, find_pii(page.text))
        return self._last[1]
