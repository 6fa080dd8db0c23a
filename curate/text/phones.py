"""Telephone numbers in a text, where it is plain that they are: written with their country's code, in North America's
form, or behind a word that announces one.

Digits in rows are mostly something else (prices, dates, ISBNs, parts), so a number alone is not taken. What is looked
at are runs of at least seven digits with at most three signs between them: disjoint, so the cost is linear.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

MAX_DIGITS = 15  # ITU-T E.164
_MIN_INTERNATIONAL = 8
_MIN_DIGITS = 7
_MOST_GROUPS = 6
_RUN = re.compile(r"(?<![0-9A-Za-z_])[+(]{0,2}[0-9](?:[ \u00a0().\-/‐-–]{0,3}[0-9]){6,}")
_GROUP = re.compile(r"[0-9]+")
_NORTH_AMERICAN = re.compile(
    # North American Numbering Plan: area and exchange begin with 2-9, and are no service code (N11)
    r"(?<![0-9][.\-/])(?<![0-9])(?:1[ .\-]{1,2})?"
    r"(?:\((?P<a>[2-9](?!11)[0-9]{2})\)[ \u00a0.\-]{0,2}|(?P<b>[2-9](?!11)[0-9]{2})(?P<sign>[.\-]))"
    r"(?P<exchange>[2-9](?!11)[0-9]{2})(?P<second>[ .\-])(?P<line>[0-9]{4})(?![0-9]|[.\-/][0-9])"
)
_ANNOUNCED = re.compile(
    r"(?:\b(?:tele?ph?on[eos]?|tele?f(?:on|oon|one|ono|ón|oni|ax)|t[eé]l[eé]phone|phones?|t[eé]l[eé]?|tlf|tfno|fono?|fon|ph|fax"
    r"|mobiles?|mob|cell(?:ulare?|phone)?|celular|m[oó]vil|handy|hotline|whats ?app|call(?: us)?(?: at| on)?|ring"
    r"|text(?: us)?(?: at| on)?|telefonnummer|puhelin|telefonszám)"
    r"|(?:тел(?:ефон)?|моб|факс|電話(?:番号)?|电话|電話|連絡先|전화|टेल|هاتف))"
    r"(?: ?(?:no|nr|num(?:ber|éro|ero)?|number))?[ \u00a0.:#=/\-–()\[\]：]{0,4}$",
    re.IGNORECASE,
)
_BEFORE = 32
_YEARS = re.compile(r"(?:1[5-9]|20)[0-9]{2} ?[\-/] ?(?:1[5-9]|20)[0-9]{2}(?![0-9])")

# ITU-T E.164 assigned country codes, none of which begins another.
_CODES = (
    " 1 7 20 27 30 31 32 33 34 36 39 40 41 43 44 45 46 47 48 49 51 52 53 54 55 56 57 58 60 61 62 63 64 65 66 81 82 84"
    " 86 90 91 92 93 94 95 98"
    " 211 212 213 216 218 220 221 222 223 224 225 226 227 228 229 230 231 232 233 234 235 236 237 238 239 240 241 242"
    " 243 244 245 246 247 248 249 250 251 252 253 254 255 256 257 258 260 261 262 263 264 265 266 267 268 269 290 291"
    " 297 298 299 350 351 352 353 354 355 356 357 358 359 370 371 372 373 374 375 376 377 378 379 380 381 382 383 385"
    " 386 387 389 420 421 423 500 501 502 503 504 505 506 507 508 509 590 591 592 593 594 595 596 597 598 599 670 672"
    " 673 674 675 676 677 678 679 680 681 682 683 685 686 687 688 689 690 691 692 800 808 850 852 853 855 856 870 878"
    " 880 881 882 883 886 888 960 961 962 963 964 965 966 967 968 970 971 972 973 974 975 976 977 979 992 993 994 995"
    " 996 998 "
)


def phones(text: str) -> Iterator[tuple[int, int]]:
    """(start, end) of each telephone number, in order, not overlapping."""
    for run in _RUN.finditer(text):
        start, end = run.span()
        if text[end : end + 1].isalnum() or text[end : end + 1] == "_":
            continue
        if text[start] == "+" or text.startswith("(+", start):
            if length := _international(run[0]):
                yield start, start + length
            continue
        found = False
        for number in _NORTH_AMERICAN.finditer(text, start, end):
            sign, second = number["sign"], number["second"]
            if sign is None or sign == second:
                found = True
                yield number.start(), number.end()
        if not found and _ANNOUNCED.search(text, max(0, start - _BEFORE), start) and (length := _first(run[0])):
            yield start, start + length


def _international(run: str) -> int:
    """How much of `+…` is a number with its country's code; 0 for none."""
    digits = ""
    end = 0
    for group in _GROUP.finditer(run):
        longer = digits + group[0]
        most = 11 if longer.startswith("1") else MAX_DIGITS + ("(0)" in run)
        if len(longer) > most:
            break
        digits, end = longer, group.end()
    known = any(f" {digits[:length]} " in _CODES for length in (1, 2, 3))
    if not known or len(digits) < (11 if digits[:1] in ("1", "7") else _MIN_INTERNATIONAL):
        return 0
    return end


def _first(run: str) -> int:
    """How much of a run that is announced as a number is one: groups of digits as long as they are no more than E.164
    allows; 0 for none."""
    groups = list(_GROUP.finditer(run))
    if len(groups) > _MOST_GROUPS or _YEARS.match(run):
        return 0
    count = end = 0
    for group in groups:
        if count + len(group[0]) > MAX_DIGITS:
            break
        count += len(group[0])
        end = group.end()
    return end if count >= _MIN_DIGITS else 0
