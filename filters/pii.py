"""Personal addresses: e-mail and public IPv4 addresses and telephone numbers are replaced; pages full of them may go.

FineWeb (Penedo et al. 2024, §3.7; datatrove `formatters/pii.py`) replaces the first two by the placeholders that are
the default here, taken in turn; ours start anew with every page, so that a page's text does not depend on the pages
before it. Dolma v1.6 (`style: dolma`) writes `|||EMAIL_ADDRESS|||`, `|||IP_ADDRESS|||` and `|||PHONE_NUMBER|||`, and
drops pages with more than five: `max_count: 5`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any, ClassVar, Literal

import pyarrow as pa
from pydantic import model_validator

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


STYLES: Mapping[str, Mapping[str, tuple[str, ...]]] = {
    "fineweb": {"email": EMAIL_PLACEHOLDERS, "ip": IP_PLACEHOLDERS, "phone": ()},
    "dolma": {
        "email": ("|||EMAIL_ADDRESS|||",),
        "ip": ("|||IP_ADDRESS|||",),
        "phone": ("|||PHONE_NUMBER|||",),
    },
}


class PIIConfig(FilterConfig):
    """email_placeholders, ip_placeholders, phone_placeholders: what takes their place, in turn; empty leaves that kind
    in the text. style: whose placeholders those are that are not given.
    """

    style: Literal["fineweb", "dolma"] = "fineweb"
    email_placeholders: tuple[str, ...] = EMAIL_PLACEHOLDERS
    ip_placeholders: tuple[str, ...] = IP_PLACEHOLDERS
    phone_placeholders: tuple[str, ...] = ()

    max_count: int | None = None

    @model_validator(mode="before")
    @classmethod
    def _of_the_style(cls, given: Any) -> Any:
        if not isinstance(given, Mapping) or given.get("style") not in STYLES:
            return given
        return {f"{kind}_placeholders": texts for kind, texts in STYLES[given["style"]].items()} | dict(given)


class PII(Filter):
    """Measurements: `emails`, `ips`, `phones` found, and `count` of all, whether they are replaced or not."""

    name = "pii"
    Config = PIIConfig
    columns: ClassVar[Mapping[str, pa.DataType]] = {
        "emails": pa.int32(),
        "ips": pa.int32(),
        "phones": pa.int32(),
        "count": pa.int32(),
    }
    rules = (Rule("many", "count", "<=", "max_count", "Dolma v1.6 cc-head.yaml: more than 5 drop the document"),)
    config: PIIConfig

    def __init__(self, config: PIIConfig) -> None:
        super().__init__(config)
        self._last: tuple[Page, list[Span]] | None = None

    def measure(self, page: Page) -> dict[str, Value]:
        found = self._found(page)
        kinds = Counter(span.kind for span in found)
        return {"emails": kinds["email"], "ips": kinds["ip"], "phones": kinds["phone"], "count": len(found)}

    def edit(self, page: Page) -> str | None:
        placeholders = {
            "email": self.config.email_placeholders,
            "ip": self.config.ip_placeholders,
            "phone": self.config.phone_placeholders,
        }
        used = dict.fromkeys(placeholders, 0)
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
