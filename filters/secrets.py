"""Secrets and e-mail addresses in source code are masked, as StarCoder does (Li et al. 2023, §4.2)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

import pyarrow as pa

from curate.text.page import Page
from curate.text.pii import emails
from curate.text.secrets import secrets
from filters.filter import Filter, FilterConfig, Rule, Value


class SecretsConfig(FilterConfig):
    """placeholder, email_placeholder: what takes their place; empty leaves that kind in the text. assigned: mask also
    random-looking values assigned to names like `api_key`, beside keys of known forms.
    """

    placeholder: str = "<KEY>"
    email_placeholder: str = "<EMAIL>"
    assigned: bool = True

    max_secrets: int | None = None


class Secrets(Filter):
    """Masks keys of known forms (AWS, GitHub, GitLab, Slack, Stripe, Google, npm, PyPI, JWT and others), private keys,
    passwords in URLs, random-looking values assigned to names that say they are secret, and e-mail addresses.
    Measurements: `secrets` and `emails`, how many.
    """

    name = "secrets"
    Config = SecretsConfig
    columns: ClassVar[Mapping[str, pa.DataType]] = {"secrets": pa.int32(), "emails": pa.int32()}
    rules = (Rule("many", "secrets", "<=", "max_secrets", "off; a file full of keys is a key store"),)
    config: SecretsConfig

    def __init__(self, config: SecretsConfig) -> None:
        super().__init__(config)
        self._last: tuple[Page, list[tuple[int, int, str]]] | None = None

    def measure(self, page: Page) -> dict[str, Value]:
        kinds = [kind for _, _, kind in self._found(page)]
        return {"secrets": len(kinds) - kinds.count("email"), "emails": kinds.count("email")}

    def edit(self, page: Page) -> str | None:
        parts: list[str] = []
        end = 0
        for start, stop, kind in self._found(page):
            placeholder = self.config.email_placeholder if kind == "email" else self.config.placeholder
            if placeholder:
                parts += page.text[end:start], f"\n{placeholder}\n" if kind == "private_key" else placeholder
                end = stop
        if not parts:
            return None
        text = "".join([*parts, page.text[end:]])
        return None if text == page.text else text

    def _found(self, page: Page) -> list[tuple[int, int, str]]:
        # `measure` and `edit` are called one after the other with the same page; a Page is never changed.
        if self._last is None or self._last[0] is not page:
            self._last = (page, self._find(page.text))
        return self._last[1]

    def _find(self, text: str) -> list[tuple[int, int, str]]:
        found = [
            (secret.start, secret.end, secret.kind)
            for secret in secrets(text)
            if self.config.assigned or secret.kind != "assigned"
        ]
        for span in emails(text) if "@" in text else ():
            # git@github.com and the like name a service, not a person.
            if text[span.start : span.start + 4] != "git@":
                found.append((span.start, span.end, "email"))
        found.sort()
        kept: list[tuple[int, int, str]] = []
        for each in found:
            if not kept or each[0] >= kept[-1][1]:
                kept.append(each)
        return kept
