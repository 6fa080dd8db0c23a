"""What a paper says of itself before its first section: its title and authors, as plain words."""

from __future__ import annotations

import re
import unicodedata

MAX_TITLE = 500
MAX_AUTHORS = 2000
_MAX_FIELD = 100_000
_FIELD = re.compile(r"\\(title|author|authors)(?![A-Za-z@])\*?\s{0,20}(?:\[[^\[\]]{0,1000}\]\s{0,20})?\{")
_BRACES = re.compile(r"\\[\\{}]|[{}]")
_ASIDE = re.compile(
    r"\\(?:thanks|footnote|footnotemark|altaffilmark|affil|inst|orcid|orcidlink|orcidicon|email|corref|fnref|tnoteref|vspace"
    r"|hspace|affiliation|institute|address|textsuperscript|label|href|url|IEEEauthorrefmark|IEEEmembership|numberof[a-z]+)"
    r"(?![A-Za-z@])\*?(?:\s{0,4}\[[^\[\]]{0,400}\])?(?:\s{0,4}\{(?:[^{}]|\{[^{}]{0,400}\}){0,2000}\})?"
)
_ACCENT = re.compile(
    r"\\([\"'`^~=.uvHcdbkr])(?:\s{0,2}\{\s{0,2}(\\?[A-Za-z]?)\s{0,2}\}|\s{0,2}(\\[ij](?![A-Za-z]))|(?<=[\"'`^~=.])([A-Za-z])|\s{1,2}([A-Za-z])(?![A-Za-z]))"
)
_MARKS = dict(
    zip(
        "\"'`^~=.uvHcdbkr",
        "\u0308\u0301\u0300\u0302\u0303\u0304\u0307\u0306\u030c\u030b\u0327\u0323\u0331\u0328\u030a",
        strict=True,
    )
)
_LETTERS = {
    "ss": "ß",
    "o": "ø",
    "O": "Ø",
    "l": "ł",
    "L": "Ł",
    "ae": "æ",
    "AE": "Æ",
    "oe": "œ",
    "OE": "Œ",
    "aa": "å",
    "AA": "Å",
    "i": "ı",
    "j": "ȷ",
    "dh": "ð",
    "th": "þ",
}
_LETTER = re.compile(rf"\\({'|'.join(sorted(_LETTERS, key=len, reverse=True))})(?![A-Za-z@])(?:\{{\}}|\s{{0,2}})")
_COMMAND = re.compile(r"\\(?:[A-Za-z@]+\*?|.)\s*", re.DOTALL)
_SUPERSCRIPT = re.compile(r"\$?\^\s?\{[^{}$]{0,200}\}\$?|\$[^$]{0,60}\^[^$]{0,200}\$|\0[0-9]+\0")
_BETWEEN = re.compile(r"\\and(?![A-Za-z@])|\\And(?![A-Za-z@])|\\AND(?![A-Za-z@])|\\q?quad(?![A-Za-z@])")
_COMMAS = re.compile(r"\s{0,40}(?:,|;|\band\b|&)\s{0,40}")


def fields(text: str) -> tuple[str, list[str]]:
    """(title, authors) of the text before the first section; "" and [] where it does not say.

    Takes the arguments of `\\title` and every `\\author`, leaves out footnotes, marks and affiliations, and turns
    accents into letters. Names that one `\\author` lists are parted at `\\and`, commas and "and".
    """
    title = ""
    authors: list[str] = []
    at = 0
    while len(authors) < MAX_AUTHORS and (found := _FIELD.search(text, at)):
        end = _end(text, found.end())
        if end < 0:
            break
        at = end
        value = text[found.end() : end]
        if found[1] == "title":
            title = title or plain(value)[:MAX_TITLE]
        else:
            authors += _names(value)
    return title, authors[:MAX_AUTHORS]


def plain(latex: str) -> str:
    """Words without commands, on one line."""
    latex = _ASIDE.sub("", latex)
    latex = _ACCENT.sub(_accented, latex)
    latex = _LETTER.sub(lambda found: _LETTERS[found[1]], latex)
    latex = latex.replace("\\\\", " ").replace("\\&", "&").replace("\\%", "%").replace("~", " ").replace("\\_", "_")
    latex = _COMMAND.sub(" ", latex).replace("{", "").replace("}", "").replace("$", "")
    return " ".join(latex.replace("---", "—").replace("--", "–").replace("``", "“").replace("''", "”").split())


def _names(value: str) -> list[str]:
    value = _SUPERSCRIPT.sub("", _ASIDE.sub("", value))
    found: list[str] = []
    for part in _BETWEEN.split(value):
        # What stands on further lines of a name is where its bearer works.
        for name in _COMMAS.split(plain(part.split("\\\\", 1)[0])):
            name = name.strip(" .*†‡§0123456789")
            if name[:1].isalpha() and len(name) <= 100:
                found.append(name)
    return found


def _accented(found: re.Match[str]) -> str:
    letter = (found[2] or found[3] or found[4] or found[5] or "").removeprefix("\\")
    return unicodedata.normalize("NFC", letter + _MARKS[found[1]]) if letter else ""


def _end(text: str, at: int) -> int:
    """Where the group around `at` closes, or -1 where it does not within reason."""
    depth = 1
    for found in _BRACES.finditer(text, at, min(len(text), at + _MAX_FIELD)):
        depth += {"{": 1, "}": -1}.get(found[0], 0)
        if depth == 0:
            return found.start()
    return -1
