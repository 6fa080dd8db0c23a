"""E-mail addresses, public IPv4 addresses and telephone numbers in a text.

FineWeb (Penedo et al. 2024, §3.7) replaces the first two by placeholders; Dolma (Soldaini et al. 2024) all three, and
drops pages with more than five. All are looked for from a fixed point (an `@`, a digit) within bounds taken from the
standards, so the cost is linear whatever the text.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass

from curate.text.phones import phones

MAX_LOCAL = 64  # RFC 5321 §4.5.3.1.1
MAX_DOMAIN = 255  # RFC 5321 §4.5.3.1.2
MAX_LABEL = 63  # RFC 1035 §2.3.4

_LETTERS = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
_LOCAL = _LETTERS + "0123456789!#$%&'*+/=?^_`{|}~.-"  # RFC 5322 §3.2.3, unquoted
_DOMAIN = re.compile(rf"[a-zA-Z0-9.-]{{1,{MAX_DOMAIN}}}")
_TOP = re.compile(r"[a-zA-Z]{2,63}|xn--[a-zA-Z0-9-]{1,59}")
_IPV4 = re.compile(r"(?<![\w.])(\d{1,3})\.(\d{1,3})\.(\d{1,3})\.(\d{1,3})(?!\w|\.\d)", re.ASCII)

_SPECIAL_IPV4 = (
    # IANA IPv4 Special-Purpose Address Registry (RFC 6890), multicast (RFC 5771) and reserved (RFC 1112)
    ("0.0.0.0", 8),
    ("10.0.0.0", 8),
    ("100.64.0.0", 10),
    ("127.0.0.0", 8),
    ("169.254.0.0", 16),
    ("172.16.0.0", 12),
    ("192.0.0.0", 24),
    ("192.0.2.0", 24),
    ("192.88.99.0", 24),
    ("192.168.0.0", 16),
    ("198.18.0.0", 15),
    ("198.51.100.0", 24),
    ("203.0.113.0", 24),
    ("224.0.0.0", 4),
    ("240.0.0.0", 4),
)


@dataclass(frozen=True, slots=True)
class Span:
    """text[start:end] is an address; kind is `email`, `ip` or `phone`."""

    start: int
    end: int
    kind: str


def _number(address: str) -> int:
    a, b, c, d = map(int, address.split("."))
    return a << 24 | b << 16 | c << 8 | d


_SPECIAL = tuple((_number(address) >> (32 - prefix), 32 - prefix) for address, prefix in _SPECIAL_IPV4)


def emails(text: str) -> Iterator[Span]:
    """E-mail addresses in order: an unquoted local part of at most 64 characters and an ASCII domain with a dot."""
    floor = 0
    at = text.find("@")
    while at >= 0:
        window = text[max(floor, at - MAX_LOCAL - 1) : at]
        local = window[len(window.rstrip(_LOCAL)) :]
        local = local[local.rfind("..") + 2 if ".." in local else 0 :].lstrip(".")
        domain = _domain(text, at + 1) if local and len(local) <= MAX_LOCAL and local[-1] != "." else ""
        if domain:
            floor = at + 1 + len(domain)
            yield Span(at - len(local), floor, "email")
        at = text.find("@", max(floor, at + 1))


def _domain(text: str, start: int) -> str:
    found = _DOMAIN.match(text, start)
    if not found:
        return ""
    labels = []
    for label in found.group().split("."):
        if not label or len(label) > MAX_LABEL or label[0] == "-":
            break
        labels.append(label)
        if label[-1] == "-":
            labels[-1] = label.rstrip("-")
            break
    while len(labels) >= 2 and not _TOP.fullmatch(labels[-1]):
        labels.pop()
    return ".".join(labels) if len(labels) >= 2 else ""


def public_ips(text: str) -> Iterator[Span]:
    """Public IPv4 addresses in order; no leading zeros, and not inside a longer dotted number."""
    for found in _IPV4.finditer(text):
        parts = found.groups()
        if any((len(part) > 1 and part[0] == "0") or int(part) > 255 for part in parts):
            continue
        number = _number(found.group())
        if not any(number >> shift == network for network, shift in _SPECIAL):
            yield Span(found.start(), found.end(), "ip")


def find_pii(text: str) -> list[Span]:
    """All addresses in order, not overlapping: what lies in an e-mail address is part of it, and a telephone number
    that would share digits with an IP address is none."""
    found = list(emails(text)) if "@" in text else []
    for others in (public_ips(text), (Span(start, end, "phone") for start, end in phones(text))):
        taken = [span.start for span in found]
        new = []
        for span in others:
            before = bisect_right(taken, span.start) - 1
            inside = before >= 0 and span.start < found[before].end
            if not inside and not (before + 1 < len(taken) and taken[before + 1] < span.end):
                new.append(span)
        found = sorted([*found, *new], key=lambda span: span.start) if new else found
    return found
