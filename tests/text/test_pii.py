import ipaddress
import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from curate.text.pii import find_pii


def found(text: str) -> list[str]:
    return [text[span.start : span.end] for span in find_pii(text)]


@pytest.mark.parametrize(
    ("text", "addresses"),
    [
        ("Write to jane.doe+x@mail.example.org.", ["jane.doe+x@mail.example.org"]),
        ("<JANE@EXAMPLE.ORG>, (b@c.de)", ["JANE@EXAMPLE.ORG", "b@c.de"]),
        ("a@b", []),
        ("a@b.c", []),
        ("@example.org", []),
        ("a.@example.org", []),
        ("a..b@example.org", ["b@example.org"]),
        (".b@example.org", ["b@example.org"]),
        ("a@-x.org", []),
        ("a@x-.org", []),
        ("a@example.org-", ["a@example.org"]),
        ("a@example.org..b.de", ["a@example.org"]),
        ("a@example.org1", []),
        ("a@b@example.org", ["b@example.org"]),
        ("a@xn--bcher-kva.xn--p1ai", ["a@xn--bcher-kva.xn--p1ai"]),
        ("x" * 64 + "@example.org", ["x" * 64 + "@example.org"]),
        ("x" * 65 + "@example.org", []),
        ("a@" + "x" * 63 + ".org", ["a@" + "x" * 63 + ".org"]),
        ("a@" + "x" * 64 + ".org", []),
    ],
)
def test_email_addresses_are_found_within_the_bounds_of_the_standards(text: str, addresses: list[str]) -> None:
    """RFC 5321 §4.5.3.1: local part of at most 64 characters; RFC 1035 §2.3.4: label of at most 63."""
    assert found(text) == addresses


@pytest.mark.parametrize(
    ("text", "addresses"),
    [
        ("ping 8.8.8.8.", ["8.8.8.8"]),
        ("8.8.8.8:53/1.1.1.1", ["8.8.8.8", "1.1.1.1"]),
        ("255.8.8.8 256.8.8.8 8.8.8.256", []),
        ("223.255.255.255 224.0.0.1", ["223.255.255.255"]),
        ("9.255.255.255 10.0.0.0 10.255.255.255 11.0.0.0", ["9.255.255.255", "11.0.0.0"]),
        ("172.15.255.255 172.16.0.0 172.31.255.255 172.32.0.0", ["172.15.255.255", "172.32.0.0"]),
        ("192.168.1.1 127.0.0.1 169.254.1.1 0.0.0.0", []),
        ("100.63.255.255 100.64.0.0 100.127.255.255 100.128.0.0", ["100.63.255.255", "100.128.0.0"]),
        ("1.2.3.4.5 v1.2.3.4 1.2.3.4a 1.2.3", []),
        ("08.8.8.8", []),
    ],
)
def test_public_ipv4_addresses_are_found_and_private_ones_are_not(text: str, addresses: list[str]) -> None:
    """IANA IPv4 Special-Purpose Address Registry."""
    assert found(text) == addresses


@given(st.integers(0, 2**32 - 1).map(ipaddress.IPv4Address))
def test_public_is_what_the_standard_library_calls_global_but_for_multicast_and_relays(
    address: ipaddress.IPv4Address,
) -> None:
    # 192.0.0.0/24 and 192.88.99.0/24 hold anycast services; Python's answer for them changed between releases.
    if address not in ipaddress.ip_network("192.0.0.0/24") and address not in ipaddress.ip_network("192.88.99.0/24"):
        assert (found(str(address)) == [str(address)]) == (address.is_global and not address.is_multicast)


def test_a_number_in_an_email_address_is_part_of_it() -> None:
    assert found("8.8.8.8@example.org and 9.9.9.9") == ["8.8.8.8@example.org", "9.9.9.9"]
    assert found("a@8.8.8.8") == ["8.8.8.8"]


@given(st.text(alphabet="a@.-1289 é\ud800", max_size=80))
def test_spans_are_in_order_and_do_not_overlap(text: str) -> None:
    spans = find_pii(text)
    assert all(left.end <= right.start for left, right in itertools.pairwise(spans))
    assert all(0 <= span.start < span.end <= len(text) for span in spans)


@given(
    st.from_regex(r"[a-z0-9]{1,10}(\.[a-z0-9]{1,10}){0,2}", fullmatch=True),
    st.from_regex(r"[a-z0-9]{1,10}(\.[a-z0-9]{1,10}){0,2}\.[a-z]{2,6}", fullmatch=True),
    st.sampled_from(["", " ", "(", "<", "mailto: ", "\n"]),
    st.sampled_from(["", " ", ")", ">", ",", ".", "\n"]),
)
def test_every_plain_address_is_found_whatever_stands_around_it(
    local: str, domain: str, before: str, after: str
) -> None:
    assert found(f"{before}{local}@{domain}{after}") == [f"{local}@{domain}"]
