"""The licence gate: what may be used by the licence that a document's source states, as an SPDX expression.

The same for every source: GitHub's files have the licence that was detected in them, books and articles that of their
publisher, StackExchange's CC BY-SA by date; crawled pages mostly none.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import ClassVar, Literal

import pyarrow as pa
from pydantic import field_validator

from curate.text.page import Page
from curate.text.spdx import parse, permitted
from filters.filter import Filter, FilterConfig, Rule, Value, Verdict

SOURCE = "SPDX 2.3, annex D (licence expressions); LLaMA-1 (§2.1): only Apache, BSD and MIT code"


class LicenceConfig(FilterConfig):
    """allow: licences that may be used, null for any; deny: licences that may not, whatever else allows them. Both are
    SPDX names, `*` and `?` standing for others (`BSD-*`, `CC-BY-SA-*`, `LicenseRef-Mine`), in any case. keep: `known`,
    and `unknown` where documents without a licence shall stay.
    """

    allow: tuple[str, ...] | None = None
    deny: tuple[str, ...] = ()
    keep: tuple[Literal["known", "unknown"], ...] = ("known",)

    @field_validator("allow", "deny")
    @classmethod
    def _names(cls, value: tuple[str, ...] | None) -> tuple[str, ...] | None:
        for name in value or ():
            tree = parse(name.replace("*", "-").replace("?", "-"))
            if tree is None or str(getattr(tree, "operator", "")).strip() in ("AND", "OR"):
                raise ValueError(f"name one licence an entry, as SPDX writes it (MIT, BSD-*), not {name!r}")
        return value


class Licence(Filter):
    """Keeps documents whose licence is allowed. Measurements: `expression`, as the source states it; `state`, whether
    that is `known` or (empty, or no SPDX expression) `unknown`.

    Of `A OR B` one has to be allowed, of `A AND B` both; `A WITH exception` is allowed where A is.
    """

    name = "licence"
    Config = LicenceConfig
    columns: ClassVar[Mapping[str, pa.DataType]] = {"expression": pa.string(), "state": pa.string()}
    rules: ClassVar[Sequence[Rule]] = (
        Rule("unknown", "state", "in", "keep", SOURCE),
        Rule("denied", "expression", "not in", "deny", SOURCE),
        Rule("not_allowed", "expression", "in", "allow", SOURCE),
    )
    config: LicenceConfig

    def measure(self, page: Page) -> Mapping[str, Value]:
        return {
            "expression": page.licence,
            "state": "unknown" if parse(page.licence) is None else "known",
        }

    def decide(self, measured: Mapping[str, Value]) -> Verdict | None:
        unknown, denied, not_allowed = self.rules
        expression, state = str(measured["expression"] or ""), str(measured["state"])
        if state not in self.config.keep:
            return Verdict(self.name, unknown, state, self.config.keep)
        if state == "unknown" or permitted(expression, self.config.allow, self.config.deny):
            return None
        if not permitted(expression, None, self.config.deny):
            return Verdict(self.name, denied, expression, self.config.deny)
        return Verdict(self.name, not_allowed, expression, self.config.allow)
