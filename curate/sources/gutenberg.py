"""Project Gutenberg's own words around a book: what its header says, whether it may be used, and where the book lies.

Header styles, old to new (the project's files of 1971 to today): a small print before the book that ends in
`*END*THE SMALL PRINT!…`; `*** START OF THIS PROJECT GUTENBERG EBOOK … ***` with a licence after the end; the same with
`THE` and with credits in the header. Ends: `*** END OF …`, and before it or alone a line such as `End of the Project
Gutenberg EBook of …`, `Ende dieses Projekt Gutenberg Etextes …`, `Fin de …`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum

PUBLIC_DOMAIN_US = "LicenseRef-PG-US-Public-Domain"
"""Not protected by copyright in the United States, as Project Gutenberg says of most of its books. Its licence asks
only of copies that keep its name; no text of ours does."""
COPYRIGHTED = "LicenseRef-PG-Copyrighted"
AUSTRALIA = "LicenseRef-PG-Australia-Public-Domain"
CANADA = "LicenseRef-PG-Canada-Public-Domain"

HEAD = 60_000
"""Characters in which a beginning is looked for: the longest small print has 15,000."""
_MARKER = 400
_SIGNS = 8_000
_TITLE = 300

_NAME = re.compile(r"pro(?:je[ck]t|jet|yecto|getto|jecto) gutenberg", re.IGNORECASE)
_BEGINS = re.compile(r"^[ \t]*\*{1,5}[ \t]*START OF (?:THE |THIS )?PROJECT GUTENBERG", re.IGNORECASE | re.MULTILINE)
_ENDS = re.compile(r"^[ \t]*\*{1,5}[ \t]*END OF (?:THE |THIS )?PROJECT GUTENBERG", re.IGNORECASE | re.MULTILINE)
_SMALL_PRINT = re.compile(
    r"^[ \t]*\*{1,3}[ \t]*END[ \t]?\*?[ \t]?(?:OF )?THE SMALL PRINT[^\n]{0,200}$", re.IGNORECASE | re.MULTILINE
)
_LAST_LINE = re.compile(
    r"^[^\w\n]{0,20}(?:The )?(?:end|ende|fin|fine|fim|einde|slut|loppu|vége|konec|koniec)\b[^\n]{0,80}"
    r"(?:\n[^\n]{0,40})?gutenberg",
    re.IGNORECASE | re.MULTILINE,
)
_LICENCE = re.compile(
    r"^[ \t*]{0,8}(?:START: FULL LICENSE|THE FULL PROJECT GUTENBERG LICENSE|Section 1\. {1,2}General Terms of Use"
    r"|START\*\*THE SMALL PRINT|This file should be named \S+ or \S+"
    r"|Updated editions will replace the previous one)",
    re.IGNORECASE | re.MULTILINE,
)
_COPYRIGHTED = re.compile(
    r"this is a copyrighted project gutenberg|\bcopyright(?:ed)? project gutenberg e", re.IGNORECASE
)
_RELEASED = re.compile(r"(?:release date|posting date|\[e(?:book|text) ?#)", re.IGNORECASE)
_NUMBER = re.compile(r"\[?e-?(?:book|text)\s{0,2}(?:#|no\. ?)(\d{1,6})\]?", re.IGNORECASE)
_FIELD = re.compile(r"([A-Z][A-Za-zéíúä ]{2,24}):[ \t]{1,8}(\S.{0,500})")
_OLD_TITLE = re.compile(
    r"project gutenberg(?:'s|’s)?\s{1,3}(?:e-?(?:text|book)[ ,]{1,2}(?:of )?)?\s{0,2}([^\n,*]{2,200}),?"
    r"\s{1,3}by ([^\n*]{2,100})",
    re.IGNORECASE,
)
_OLD_DATE = re.compile(
    r"^[ \t]*([A-Z][a-z]{2,8},? (?:\d{1,2}, )?\d{4})[ \t]{1,12}\[e-?text ?#", re.IGNORECASE | re.MULTILINE
)
_FIELDS = {
    "title": ("title", "titre", "titel", "título", "titolo"),
    "author": ("author", "authors", "auteur", "autor", "autore"),
    "translator": ("translator", "translators"),
    "editor": ("editor", "editors"),
    "language": ("language", "languages", "langue", "sprache", "idioma", "lingua", "taal"),
    "released": ("release date", "date de parution"),
    "posted": ("posting date", "first posted"),
    "updated": ("last updated", "most recently updated", "last update"),
}
_NAMES = {name: field for field, names in _FIELDS.items() for name in names}
_UPDATED = re.compile(
    r"\[?(?:most recently|last|this file last)? ?updated(?: on)?:? ([A-Z][a-z]{2,9} \d{1,2}, \d{4})", re.IGNORECASE
)

LANGUAGES = {
    "english": "en", "french": "fr", "german": "de", "spanish": "es", "italian": "it", "dutch": "nl",
    "portuguese": "pt", "finnish": "fi", "swedish": "sv", "danish": "da", "norwegian": "no", "latin": "la",
    "greek": "el", "chinese": "zh", "japanese": "ja", "russian": "ru", "polish": "pl", "hungarian": "hu",
    "czech": "cs", "catalan": "ca", "esperanto": "eo", "tagalog": "tl", "welsh": "cy", "irish": "ga",
    "romanian": "ro", "bulgarian": "bg", "serbian": "sr", "croatian": "hr", "slovenian": "sl", "ukrainian": "uk",
    "icelandic": "is", "hebrew": "he", "afrikaans": "af", "turkish": "tr", "frisian": "fy", "galician": "gl",
}  # fmt: skip
_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_WRITTEN_DATE = re.compile(r"([A-Za-z]{3,9})\.?,? ?(?:(\d{1,2}),? )?,?(\d{4})")
_ISO_DATE = re.compile(r"(\d{4})(?:-(\d\d))?(?:-(\d\d))?")


class Status(StrEnum):
    """Under which law, and whether at all, a book is free."""

    US = "us"
    COPYRIGHTED = "copyrighted"
    AUSTRALIA = "australia"
    CANADA = "canada"


LICENCES = {
    Status.US: PUBLIC_DOMAIN_US,
    Status.COPYRIGHTED: COPYRIGHTED,
    Status.AUSTRALIA: AUSTRALIA,
    Status.CANADA: CANADA,
}


@dataclass(frozen=True, slots=True)
class Gutenberg:
    """A file of the project. body: what lies between its beginning and its end, credits and notes still in it;
    number: of the ebook, 0 where untold; released, updated: ISO 8601, or ""; language: ISO 639-1, or as written;
    ended: whether the file says where the book ends (one that does not may be torn)."""

    title: str
    authors: tuple[str, ...]
    translators: tuple[str, ...]
    language: str
    number: int
    released: str
    updated: str
    status: Status
    body: str
    ended: bool


def parse(text: str) -> Gutenberg | None:
    """The book in a file of Project Gutenberg, None where the text is no such file. Lines end in "\\n".

    Cost: a few searches of the beginning and of the text, linear in its length.
    """
    head = text[:HEAD]
    begins = [_after(head, found.start(), found.end()) for found in _BEGINS.finditer(head)]
    named = _NAME.search(head, 0, _SIGNS)
    if not begins and not (named and (_RELEASED.search(head) or _SMALL_PRINT.search(head) or _welcomes(head))):
        return None
    ends = [found.start() for found in _ENDS.finditer(text, begins[0] if begins else 0)]
    end = ends[-1] if ends else len(text)
    start = max([*begins, *(found.end() for found in _SMALL_PRINT.finditer(head, 0, min(end, HEAD)))], default=0)
    told = text[: start or _SIGNS]
    start = start or _past_the_title(text)
    last = next((found.start() for found in _LAST_LINE.finditer(text, max(start, end - _SIGNS), end)), None)
    cut = _LICENCE.search(text, start, end)
    stops = [end, *([last] if last is not None else []), *([cut.start()] if cut else [])]
    fields = _fields(told)
    number = _NUMBER.search(told)
    updated = fields.get("updated", "") or (found[1] if (found := _UPDATED.search(told)) else "")
    old = _OLD_TITLE.search(told)
    dated = _OLD_DATE.search(told)
    released = fields.get("released") or (dated[1] if dated else "")
    title = fields.get("title") or (" ".join(old[1].split()) if old else "")
    author = fields.get("author") or (" ".join(old[2].split()) if old else "")
    return Gutenberg(
        title=title,
        authors=(author,) if author else (),
        translators=(fields["translator"],) if "translator" in fields else (),
        language=_language(fields.get("language", "")),
        number=int(number[1]) if number else 0,
        released=iso_date(released) or iso_date(fields.get("posted", "")),
        updated=iso_date(updated),
        status=_status(told),
        body=text[start : min(stops)],
        ended=bool(ends) or last is not None or cut is not None,
    )


def _after(text: str, start: int, end: int) -> int:
    """Where a marker that begins at `start` ends: at its second `***`, which a long title puts on another line."""
    stars = text.find("**", end, end + _MARKER)
    line = text.find("\n", end)
    if stars < 0 or "\n\n" in text[end:stars]:
        return len(text) if line < 0 else line
    while text.startswith("*", stars):
        stars += 1
    return stars


def _welcomes(head: str) -> bool:
    """The first files have neither marker nor small print."""
    first = head.lstrip()[:300].lower()
    return "project gutenberg e" in first or "project gutenberg's" in first or "project gutenberg’s" in first


def _past_the_title(text: str) -> int:
    """Where no line says where the book begins: behind the first paragraph, which names the project."""
    found = _NAME.search(text, 0, _SIGNS)
    blank = text.find("\n\n", found.end() if found else 0)
    return max(blank, 0)


def _fields(told: str) -> dict[str, str]:
    """The header's `Field: value` lines, a value's further lines (indented) joined to it."""
    fields: dict[str, str] = {}
    current = ""
    for line in told.split("\n"):
        found = _FIELD.fullmatch(line.strip("[] \t")) if ":" in line[:28] else None
        if found and (name := _NAMES.get(found[1].strip().lower())):
            current = "" if name in fields else name
            if current:
                fields[name] = " ".join(found[2].split())
        elif current and line[:1] in (" ", "\t") and line.strip() and not found:
            fields[current] = f"{fields[current]} {' '.join(line.split())}"[:500]
        else:
            current = ""
    return fields


def _language(written: str) -> str:
    first = re.split(r"[,;/]| and ", written, maxsplit=1)[0].strip()
    return LANGUAGES.get(first.split(" ")[0].lower(), first[:64]) if first else ""


def _status(told: str) -> Status:
    lowered = told.lstrip()[:_TITLE].partition("\n\n")[0].lower()  # credits may name the project's sisters
    if _COPYRIGHTED.search(told):
        return Status.COPYRIGHTED
    if "project gutenberg of australia" in lowered or "project gutenberg australia" in lowered:
        return Status.AUSTRALIA
    if "project gutenberg canada" in lowered or "project gutenberg of canada" in lowered:
        return Status.CANADA
    return Status.US


def iso_date(written: str) -> str:
    """`June, 2001`, `June 28, 2021 [eBook #1]` or `2021-06-28` as ISO 8601 in UTC; a missing day or month is the first;
    "" where there is none."""
    found = _ISO_DATE.match(written.strip())
    if found:
        year, month, day = (int(part or 1) for part in found.groups())
    else:
        spelled = _WRITTEN_DATE.search(written)
        if spelled is None or spelled[1].lower()[:3] not in _MONTHS:
            return ""
        year, month, day = int(spelled[3]), _MONTHS.index(spelled[1].lower()[:3]) + 1, int(spelled[2] or 1)
    if not (year and 1 <= month <= 12 and 1 <= day <= 31):
        return ""
    return f"{year:04}-{month:02}-{day:02}T00:00:00Z"
