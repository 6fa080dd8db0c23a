"""A host goes by how many different addresses its pages have, not by how often one of them stands there."""

from __future__ import annotations

import numpy as np
import pytest

from curate.corpus_counts import Totals
from curate.text.page import Page
from filters.host_pii import HostPII, HostPIIConfig, _hash


def made(**changes: object) -> HostPII:
    return HostPII(HostPIIConfig.model_validate(changes))


def over(filter_: HostPII, pages: list[Page]) -> list[dict]:
    """The measurements of these pages, with those against all of them."""
    totals = Totals()
    rows = [filter_.measure(page) for page in pages]
    for row in rows:
        counted = filter_.counts(row)
        if counted is not None:
            totals.add(counted)
    found = {total.group: total for total in totals}
    return [
        row | (filter_.against(row, found[row["host"]]) if row["host"] else dict.fromkeys(filter_.corpus_columns))
        for row in rows
    ]


def page(text: str, host: str = "staff.example") -> Page:
    return Page(text, f"http://www.{host}/x")


def test_a_directory_of_people_goes_and_a_shop_that_repeats_its_own_address_stays() -> None:
    filter_ = made()
    people = [page("\n".join(f"person{n}.{k}@staff.example" for k in range(10))) for n in range(4)]
    shop = [page("Write to sales@shop.example or Sales@Shop.example", "shop.example") for _ in range(40)]
    rows = over(filter_, [*people, *shop])
    assert [rows[0][key] for key in ("host_pages", "host_addresses", "addresses_per_page")] == [4, 40, 10.0]
    verdict = filter_.decide(rows[0])
    assert verdict is not None
    assert verdict.reason == "host_pii.personal_information"
    assert rows[-1]["host_addresses"] == 1
    assert filter_.decide(rows[-1]) is None


@pytest.mark.parametrize(
    ("pages", "addresses", "dropped"),
    [(10, 21, True), (10, 20, False), (3, 20, True), (2, 20, False), (3, 19, False), (9, 20, True)],
)
def test_hosts_are_judged_from_their_least_pages_and_addresses_and_go_above_the_limit(
    pages: int, addresses: int, dropped: bool
) -> None:
    filter_ = made(max_addresses_per_page=2.0, min_addresses=20, min_pages=3)
    row = {"host_pages": pages, "host_addresses": addresses, "addresses_per_page": addresses / pages}
    assert (filter_.decide(row) is not None) == dropped


def test_a_page_that_was_not_compared_is_kept() -> None:
    assert made().decide(dict.fromkeys(HostPII.corpus_columns)) is None


def test_public_addresses_of_machines_are_no_personal_information() -> None:
    assert made().measure(page("ping 8.8.8.8 and 1.1.1.1"))["addresses"] == 0


def test_a_page_without_an_address_of_its_own_belongs_to_no_host() -> None:
    (row,) = over(made(), [Page("a@b.example", "")])
    assert made().decide(row) is None


def test_what_is_kept_of_an_address_is_a_hash_that_is_never_the_key_of_pages() -> None:
    measured = made().measure(page("anna@home.example, ANNA@HOME.example; bert@home.example"))
    assert measured["addresses"] == 2
    assert len(measured["hashes"]) == 8
    assert b"anna" not in measured["hashes"]
    hashes = np.frombuffer(measured["hashes"], "<u4")
    assert 0 not in hashes
    assert list(hashes) == sorted(hashes)


def test_a_telephone_number_is_one_however_it_is_written() -> None:
    assert _hash("+49 (30) 1234-567") == _hash("+49 30 1234567") != _hash("+49 30 1234568")


def test_thresholds_recount_nothing() -> None:
    assert made().counting() == made(max_addresses_per_page=9, min_addresses=1, min_pages=1).counting()
    assert not made(max_addresses_per_page=None).asks()
