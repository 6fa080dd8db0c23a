"""From the bytes of a page to its text.

Order: byte order mark, charset of the HTTP header, charset a page declares in `<meta>`, detection. Labels mean what
the WHATWG encoding standard says they mean (`iso-8859-1` is windows-1252, `gb2312` is gb18030). A declared charset
must decode the bytes; two cases are judged by the bytes themselves:

* UTF-8 proves itself, so a page that says UTF-8 and has a few broken sequences (at most 1 in 50 non-ASCII
  characters) stays UTF-8, with U+FFFD for each, instead of turning into another charset's letters; and
* bytes with non-ASCII characters that are valid UTF-8 are UTF-8 when a single-byte charset is declared, which
  would decode anything (servers add `iso-8859-1` to every page).
"""

from __future__ import annotations

import codecs
import re
from functools import lru_cache

from resiliparse.parse.encoding import detect_encoding, map_encoding_to_html5

META_BYTES = 4096
"""How far a declaration is looked for. The standard says 1,024; pages with long heads put it later."""
BROKEN_SHARE = 0.02
_DETECT_BYTES = 64 << 10
_MAX_LABEL = 64

_META = re.compile(rb"<meta[\s/][^>]{0,1024}", re.IGNORECASE)
_CHARSET = re.compile(rb"charset\s{0,16}=\s{0,16}[\"']?\s{0,16}([A-Za-z0-9_:.+-]{1,64})", re.IGNORECASE)
_XML = re.compile(rb"<\?xml\s[^>]{0,256}?encoding\s{0,16}=\s{0,16}[\"']([A-Za-z0-9_:.+-]{1,64})", re.IGNORECASE)
_COMMENT = re.compile(rb"<!--.*?(?:-->|$)", re.DOTALL)

# Python's codecs that decode what the standard means by a label, where the one of that name is narrower.
_WIDER = {
    "gbk": "gb18030",
    "shift_jis": "cp932",
    "euc_kr": "cp949",
    "big5": "big5hkscs",
    "iso8859-11": "cp874",
    "iso2022_jp": "iso2022_jp_ext",
}
_MULTI_BYTE = frozenset({"gb18030", "cp932", "cp949", "big5hkscs", "euc_jp", "iso2022_jp_ext"})
_EXTRA_LABELS = {"x-mac-cyrillic": "mac-cyrillic", "x-user-defined": "cp1252"}


@lru_cache(maxsize=512)
def codec_of(label: str) -> str | None:
    """The Python codec for a charset label, or None where the label is unknown."""
    label = label.strip().lower()
    if not label or len(label) > _MAX_LABEL:
        return None
    name = _EXTRA_LABELS.get(label) or map_encoding_to_html5(label, fallback_utf8=False)
    if name is None:
        return None
    return _WIDER.get(str(name), str(name))


def declared_in_page(body: bytes) -> str:
    """The charset label in the page's first `<meta>` that has one (or its XML declaration), or ""."""
    head = body[:META_BYTES]
    xml = _XML.match(head.lstrip())
    for tag in _META.finditer(_COMMENT.sub(b"", head)):
        found = _CHARSET.search(tag[0])
        if found:
            return found[1].decode("ascii")
    return xml[1].decode("ascii") if xml else ""


def decode(body: bytes, header_label: str = "", html: bool = True) -> tuple[str, str]:
    """(text, name of the codec used). The text holds no NUL and no surrogate; a cut-off last character is left out.

    header_label: the charset of the HTTP Content-Type, "" for none; html: whether the page may declare one itself.
    """
    text, codec = _decode(body, header_label, html)
    if "\0" in text:
        text = text.replace("\0", "")
    return text, codec


def _decode(body: bytes, header_label: str, html: bool) -> tuple[str, str]:
    for mark, codec in (
        (codecs.BOM_UTF8, "utf-8"),
        (codecs.BOM_UTF16_LE, "utf-16-le"),
        (codecs.BOM_UTF16_BE, "utf-16-be"),
    ):
        if body.startswith(mark):
            return codecs.getincrementaldecoder(codec)("replace").decode(body[len(mark) :], final=False), codec
    utf8 = _strict(body, "utf-8")
    if utf8 is not None and body.isascii() and b"\x1b" not in body and b"\0" not in body[:META_BYTES]:
        return utf8, "utf-8"
    for label, in_page in ((header_label, False), (declared_in_page(body) if html else "", True)):
        codec_or_none = codec_of(label)
        if codec_or_none is None:
            continue
        codec = codec_or_none
        if in_page and codec.startswith("utf-16"):
            # It was read as ASCII, so it cannot be that; the standard takes it for UTF-8.
            codec = "utf-8"
        if utf8 is not None and (codec == "utf-8" or _single_byte(codec)):
            return utf8, "utf-8"
        text = _strict(body, codec)
        if text is None and codec == "utf-8":
            text = _nearly(body)
        if text is not None:
            return text, codec
    if utf8 is not None:
        return utf8, "utf-8"
    return _detected(body)


def _detected(body: bytes) -> tuple[str, str]:
    nearly = _nearly(body)
    if nearly is not None:
        return nearly, "utf-8"
    codec = codec_of(str(detect_encoding(body, max_len=_DETECT_BYTES) or "")) or "cp1252"
    for candidate in (codec, "cp1252"):
        text = _strict(body, candidate)
        if text is not None:
            return text, candidate
    return codecs.getincrementaldecoder(codec)("replace").decode(body, final=False), codec


def _single_byte(codec: str) -> bool:
    return codec not in _MULTI_BYTE and not codec.startswith("utf-16")


def _strict(body: bytes, codec: str) -> str | None:
    """The text where every byte decodes, but for a last character that is cut off."""
    try:
        if codec == "utf-8":
            try:
                return body.decode()
            except UnicodeDecodeError as error:
                if error.start < len(body) - 3:
                    return None
        return codecs.getincrementaldecoder(codec)("strict").decode(body, final=False)
    except (UnicodeError, LookupError):
        return None


def _nearly(body: bytes) -> str | None:
    """The text where the bytes are UTF-8 but for a few broken sequences."""
    text = codecs.getincrementaldecoder("utf-8")("replace").decode(body, final=False)
    broken = text.count("\ufffd")
    others = len(text) - len(text.encode("ascii", "ignore"))
    return text if broken <= BROKEN_SHARE * others else None
