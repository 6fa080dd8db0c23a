"""From the bytes of a TeX file to its text: what `inputenc` declares, what the bytes themselves prove.

Half of arXiv is older than UTF-8 in TeX. UTF-8 proves itself and wins over what is declared; else the encoding that
the file, or the paper's main file, declares to `inputenc`; else detection, as for web pages.
"""

from __future__ import annotations

import re

from curate.sources.charset import decode

_DECLARED = re.compile(
    rb"\\(?:usepackage|RequirePackage)\s{0,8}\[([^\]]{1,64})\]\s{0,8}\{[^}]{0,64}\binputenc\b"
    rb"|\\inputencoding\s{0,8}\{([A-Za-z0-9-]{1,16})\}"
    rb"|%\s{0,8}!\s{0,8}TEX\s{1,8}encoding\s{0,8}=\s{0,8}([A-Za-z0-9 _-]{1,24})"
)
_MARKS = (b"\xef\xbb\xbf", b"\xff\xfe", b"\xfe\xff")
_CODECS = {
    "utf8": "utf-8",
    "utf8x": "utf-8",
    "latin1": "cp1252",
    "ansinew": "cp1252",
    "cp1252": "cp1252",
    "latin2": "iso8859-2",
    "latin3": "iso8859-3",
    "latin4": "iso8859-4",
    "latin5": "cp1254",
    "latin9": "iso8859-15",
    "latin10": "iso8859-16",
    "cp1250": "cp1250",
    "cp1251": "cp1251",
    "cp1257": "cp1257",
    "cp437": "cp437",
    "cp437de": "cp437",
    "cp850": "cp850",
    "cp852": "cp852",
    "cp858": "cp858",
    "cp865": "cp865",
    "cp866": "cp866",
    "koi8-r": "koi8-r",
    "koi8-u": "koi8-u",
    "applemac": "mac-roman",
    "macce": "mac-latin2",
    "maccyr": "mac-cyrillic",
    "utf-8": "utf-8",
    "utf-8 unicode": "utf-8",
    "isolatin": "cp1252",
    "windows latin 1": "cp1252",
    "macosroman": "mac-roman",
}
"""Options of inputenc (its documentation, §2), and what editors write in `% !TEX encoding`; Latin-1 is read as the
WHATWG's, windows-1252, which has letters where Latin-1 has control characters."""


def declared(data: bytes) -> str:
    """The codec that a file declares to `inputenc`, or ""."""
    for found in _DECLARED.finditer(data[: 256 << 10]):
        for label in (found[1] or found[2] or found[3]).decode("ascii", "ignore").lower().split(","):
            if label.strip() in _CODECS:
                return _CODECS[label.strip()]
    return ""


def to_text(data: bytes, otherwise: str = "") -> str:
    """The text of a file, line ends as \\n, without NUL. otherwise: the codec the paper's main file declares.

    Never raises: what nothing decodes is read by the likeliest encoding with U+FFFD in place.
    """
    text = _decoded(data, otherwise)
    if "\r" in text:
        text = text.replace("\r\n", "\n").replace("\r", "\n")
    return text.replace("\0", "")


def _decoded(data: bytes, otherwise: str) -> str:
    if not data.startswith(_MARKS):
        try:
            return data.decode()
        except UnicodeDecodeError:
            pass
        codec = declared(data) or otherwise
        if codec and codec != "utf-8":
            try:
                return data.decode(codec)
            except UnicodeDecodeError:
                pass
    if data.startswith(_MARKS):
        return decode(data, html=False)[0]
    # A web page may be cut off in a letter, a file is not: lines behind its end keep the last one from being left out.
    label = "utf-8" if declared(data) == "utf-8" else ""
    return decode(data + b"\n" * 4, label, html=False)[0].removesuffix("\n" * 4)
