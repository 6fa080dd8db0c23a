"""Hosts that hold much personal information, measured over all of their pages and removed as a whole.

Llama-2 (Touvron et al. 2023b, §2.1) "made an effort to remove data from certain sites known to contain a high volume of
personal information about private individuals"; Llama-3 (Dubey et al. 2024, §3.1.1) drops "domains that contain high
volumes of PII". Neither says how sites are known: here by counting. A shop writes its own address on every page, a
directory of people has new ones on each, so it is different addresses that count.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import ClassVar

import numpy as np
import pyarrow as pa
import xxhash
from pydantic import Field

from curate.corpus_counts import MAX_KEY, Counts
from curate.text.page import Page
from curate.text.pii import find_pii
from curate.text.urls import site
from filters.corpus_filter import CorpusFilter
from filters.filter import FilterConfig, Rule, Value, Verdict

SOURCE = "Llama-2 (Touvron et al. 2023b, §2.1); the numbers are this project's"
KINDS = frozenset({"email", "phone"})
"""What says of a person how to reach them; public IP addresses mostly name machines."""
_PAGES = 0


class HostPIIConfig(FilterConfig):
    """max_addresses_per_page: a host goes when it has more different addresses than that a page of it. min_addresses:
    hosts with fewer addresses in all are not judged, whatever their pages: a contact page is no directory. min_pages:
    nor are hosts with fewer pages (of what the filters before keep). null switches the rule off.
    """

    max_addresses_per_page: float | None = Field(default=2.0, ge=0)
    min_addresses: int = Field(default=20, ge=1)
    min_pages: int = Field(default=3, ge=1)


class HostPII(CorpusFilter):
    """Different e-mail addresses and telephone numbers a page, over all pages of a host.

    Measurements: `addresses`, different ones on the page; `host`; of the host `host_pages`, `host_addresses`, different
    ones on all of them, and `addresses_per_page`. Addresses are kept as 32-bit hashes, never as text: among 10,000
    addresses of a host there is one chance in a hundred that two are taken for one.
    """

    name = "host_pii"
    Config = HostPIIConfig
    columns: ClassVar[Mapping[str, pa.DataType]] = {
        "host": pa.string(),
        "addresses": pa.int32(),
        "hashes": pa.binary(),
    }
    corpus_columns: ClassVar[Mapping[str, pa.DataType]] = {
        "host_pages": pa.int64(),
        "host_addresses": pa.int64(),
        "addresses_per_page": pa.float64(),
    }
    rules: ClassVar[Sequence[Rule]] = (
        Rule("personal_information", "addresses_per_page", "<=", "max_addresses_per_page", SOURCE),
    )
    deciding: ClassVar[frozenset[str]] = frozenset({"min_addresses", "min_pages"})
    config: HostPIIConfig

    def measure(self, page: Page) -> dict[str, Value]:
        found = {page.text[span.start : span.end] for span in find_pii(page.text) if span.kind in KINDS}
        hashes = np.unique(np.array([_hash(address) for address in sorted(found)], np.uint32))
        return {"host": site(page.url), "addresses": len(hashes), "hashes": hashes.astype("<u4").tobytes()}

    def asks(self) -> bool:
        return self.config.max_addresses_per_page is not None

    def counts(self, measured: Mapping[str, Value]) -> Counts | None:
        """Pages of a host (key 0), and pages with each address (its hash)."""
        host, hashes = str(measured["host"] or ""), measured["hashes"]
        if not host or not isinstance(hashes, bytes):
            return None
        keys = np.concatenate([np.zeros(1, np.uint32), np.frombuffer(hashes, "<u4").astype(np.uint32)])
        return Counts(host, keys, np.ones(len(keys), np.int64))

    def against(self, measured: Mapping[str, Value], total: Counts) -> Mapping[str, Value]:
        pages, addresses = total.get(_PAGES), len(total.keys) - 1
        return {"host_pages": pages, "host_addresses": addresses, "addresses_per_page": addresses / pages}

    def decide(self, measured: Mapping[str, Value]) -> Verdict | None:
        pages, addresses = measured["host_pages"], measured["host_addresses"]
        if not isinstance(pages, int) or not isinstance(addresses, int):
            return None
        if pages < self.config.min_pages or addresses < self.config.min_addresses:
            return None
        return super().decide(measured)


def _hash(address: str) -> int:
    """From 1 to 2³² - 1: 0 is for counting pages. Case and the marks inside a telephone number make no difference."""
    plain = address.lower()
    if "@" not in plain:
        plain = "".join(filter(str.isdecimal, plain))
    return xxhash.xxh32_intdigest(plain.encode("utf-8", "surrogatepass")) % MAX_KEY + 1
