"""Secrets in a text: keys of well-known forms, private keys, and what is assigned to a name that says it is a secret.

A known form is looked for from a fixed prefix within fixed bounds, so the cost is linear. An assigned value counts when
it looks random: letters and digits, at least MIN_ENTROPY bits a character, and no word like "example" in it. The
kinds are those of GitHub's secret scanning and of StarCoder's redaction (Li et al. 2023, §4.2), which writes `<KEY>`.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

MIN_ENTROPY = 3.3
"""Bits a character, of the value's own distribution: random hexadecimal of 32 has 3.6, words of that length about 3."""
MIN_ASSIGNED, MAX_ASSIGNED = 16, 256


@dataclass(frozen=True, slots=True)
class Secret:
    """text[start:end] is a secret of this kind."""

    start: int
    end: int
    kind: str


_EDGE = r"(?<![A-Za-z0-9_/+-])"
_KNOWN: tuple[tuple[str, str], ...] = (
    ("aws_key", r"(?:AKIA|ASIA|AGPA|AIDA|AROA|ANPA)[A-Z2-7]{16}(?![A-Za-z0-9])"),
    ("github", r"gh[pousr]_[A-Za-z0-9]{36,251}"),
    ("github", r"github_pat_[A-Za-z0-9]{22}_[A-Za-z0-9]{59}"),
    ("gitlab", r"glpat-[A-Za-z0-9_-]{20,64}"),
    ("slack", r"xox[abeoprs]-[A-Za-z0-9-]{10,250}"),
    ("jwt", r"eyJ[A-Za-z0-9_-]{10,2000}\.eyJ[A-Za-z0-9_-]{10,4000}\.[A-Za-z0-9_-]{16,2000}"),
    ("stripe", r"[rs]k_live_[A-Za-z0-9]{20,247}"),
    ("google", r"AIza[A-Za-z0-9_-]{35}(?![A-Za-z0-9_-])"),
    ("google", r"ya29\.[A-Za-z0-9_-]{20,500}"),
    ("npm", r"npm_[A-Za-z0-9]{36}(?![A-Za-z0-9])"),
    ("pypi", r"pypi-AgEIcHlwaS5vcmc[A-Za-z0-9_-]{50,500}"),
    ("sendgrid", r"SG\.[A-Za-z0-9_-]{22}\.[A-Za-z0-9_-]{43}"),
    ("huggingface", r"hf_[A-Za-z]{34}(?![A-Za-z0-9])"),
    ("openai", r"sk-(?:proj-|ant-)?[A-Za-z0-9_-]{40,200}"),
)
_FORMS = re.compile(_EDGE + "(?:" + "|".join(f"({pattern})" for _, pattern in _KNOWN) + ")")
_STARTS = (
    *("AKIA", "ASIA", "AGPA", "AIDA", "AROA", "ANPA", "ghp_", "gho_", "ghu_", "ghs_", "ghr_", "github_pat_", "glpat-"),
    *("xox", "eyJ", "k_live_", "AIza", "ya29.", "npm_", "pypi-", "SG.", "hf_", "sk-"),
)
_HOOK = re.compile(r"hooks\.slack\.com/services/(T[A-Z0-9]{6,12}/B[A-Z0-9]{6,14}/[A-Za-z0-9]{20,32})")
_PRIVATE = "PRIVATE KEY"
_BEGIN = re.compile(r"-----BEGIN (?:[A-Z0-9]{1,12} ){0,3}PRIVATE KEY(?: BLOCK)?-----")
_MAX_PRIVATE = 32_768
_IN_URL = re.compile(r"[a-z][a-z0-9+.-]{1,20}://[^\s/:@\"'<>]{1,100}:([^\s/@\"'<>]{4,100})@[A-Za-z0-9]")
_QUOTED = re.compile(rf"(?<=[:=>(,\s{{\[bru])([\"'`])([A-Za-z0-9+/=_.~@#$%^&*!-]{{{MIN_ASSIGNED},{MAX_ASSIGNED}}})\1")
_NAMED = re.compile(
    r"(?:secret|passw(?:or)?d|token|api[_-]?key|apikey|access[_-]?key|auth[_-]?key|private[_-]?key|client[_-]?key"
    r"|encryption[_-]?key|credential)s?[A-Za-z0-9_.-]{0,24}[\"'\]]{0,2}\s{0,4}(?::=|=>|[:=])\s{0,4}[bru]?$",
    re.IGNORECASE,
)
_NAME_REACH = 64
_MADE_UP = re.compile(
    r"example|sample|dummy|fake|test|placeholder|changeme|change_me|your|xxxx|1234567|abcdef|password|secret|token|<|\$\{"
    r"|redacted|https?:|\.(?:com|org|net|io)\b|^[a-z]+(?:[-_.][a-z]+)*$",
    re.IGNORECASE,
)


def secrets(text: str) -> list[Secret]:
    """All secrets in order, not overlapping."""
    found = [*_forms(text), *_private_keys(text), *_in_urls(text), *_assigned(text)]
    found.sort(key=lambda secret: (secret.start, -secret.end))
    kept: list[Secret] = []
    for secret in found:
        if not kept or secret.start >= kept[-1].end:
            kept.append(secret)
    return kept


def _forms(text: str) -> Iterator[Secret]:
    if any(start in text for start in _STARTS):
        for found in _FORMS.finditer(text):
            value = found[0]
            if len(set(value)) >= 8 and not re.search(r"example|xxxxx|00000000", value, re.IGNORECASE):
                yield Secret(found.start(), found.end(), _KNOWN[(found.lastindex or 1) - 1][0])
    if "hooks.slack.com" in text:
        for found in _HOOK.finditer(text):
            yield Secret(found.start(1), found.end(1), "slack")


def _private_keys(text: str) -> Iterator[Secret]:
    """What stands between the two lines of a private key, or after the first up to the text's end where it is cut."""
    if _PRIVATE not in text:
        return
    at = 0
    while begin := _BEGIN.search(text, at):
        end = text.find("-----END", begin.end(), begin.end() + _MAX_PRIVATE)
        stop = end if end >= 0 else min(len(text), begin.end() + _MAX_PRIVATE)
        body = text[begin.end() : stop]
        at = max(stop, begin.end())
        # A mere mention of the line, as in code that looks for it, has no key after it.
        if end >= 0 and len(re.findall(r"[A-Za-z0-9+/=]", body)) >= 64 and _looks_packed(body):
            yield Secret(begin.end(), end, "private_key")


def _looks_packed(body: str) -> bool:
    runs = re.findall(r"[A-Za-z0-9+/=]{30,}", body)
    return sum(map(len, runs)) * 2 >= len(body.strip())


def _in_urls(text: str) -> Iterator[Secret]:
    if "://" in text:
        for found in _IN_URL.finditer(text):
            value = found[1]
            if not re.fullmatch(r"pass(?:word|wd)?|secret|token|x{2,}|\*+|[<{$%].*|.*[>}]", value, re.IGNORECASE):
                yield Secret(found.start(1), found.end(1), "password")


def _assigned(text: str) -> Iterator[Secret]:
    for found in _QUOTED.finditer(text):
        before = text[max(0, found.start() - _NAME_REACH) : found.start()]
        if _NAMED.search(before) and looks_random(found[2]):
            yield Secret(found.start(2), found.end(2), "assigned")


def looks_random(value: str) -> bool:
    """Whether a value of MIN_ASSIGNED characters or more is likely a secret and not a word, a path or a sample."""
    if _MADE_UP.search(value) or not re.search(r"\d", value) or not re.search(r"[A-Za-z]", value):
        return False
    counts = Counter(value)
    entropy = -sum(count / len(value) * math.log2(count / len(value)) for count in counts.values())
    return entropy >= MIN_ENTROPY
