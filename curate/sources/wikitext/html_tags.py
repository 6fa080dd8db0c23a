"""The HTML that wikitext allows: what its tags leave of the text. Others are text, as MediaWiki shows them."""

from __future__ import annotations

import re

from curate.sources.wikitext.marks import BREAK, HOLE
from curate.sources.wikitext.scripts import lowered, raised


def _words(listed: str) -> frozenset[str]:
    return frozenset(listed.split())


_GONE = _words("""
a abbr acronym b bdi bdo big ce cite code data del dfn em font i img includeonly ins kbd languages link mark
meta nobr noinclude noindex nowiki onlyinclude poem q rb rbc ref references rp rtc ruby s samp section small
span strike strong sub sup templatestyles time translate tt tvar u var wbr
""")
_BLOCKS = _words("""
blockquote caption center div dl h1 h2 h3 h4 h5 h6 hr ol p table tbody tfoot thead tr ul
""")
_BROKEN_LINE = _words("""
br dd dt
""")
_CELLS = _words("""
rt td th
""")
_SCRIPT = re.compile(r"<su([bp])(?: [^<>\n]{0,100})?>([^<>\n]{0,200}?)</su\1 ?>", re.IGNORECASE)
_TAG = re.compile(r"<(/?)([a-zA-Z][a-zA-Z0-9]*)(?![\w-])([^<>]*+)>")


def without_tags(text: str) -> str:
    """The text without tags: breaks and blocks part lines, a blank parts cells, sub and sup become Unicode's signs."""
    if "<" not in text:
        return text
    if "<su" in text or "<SU" in text:
        text = _SCRIPT.sub(_script, text)
    return _TAG.sub(_tag, text)


def _script(found: re.Match[str]) -> str:
    content = found[2].replace(HOLE, "").replace("&minus;", "−").replace("''", "").strip()
    return raised(content) if found[1] in "pP" else lowered(content)


def _tag(found: re.Match[str]) -> str:
    name = found[2].lower()
    if name in _GONE:
        return ""
    if name in _BROKEN_LINE:
        return BREAK if name == "br" or not found[1] else ""
    if name == "li":
        return "" if found[1] else "\n* "
    if name in _BLOCKS:
        return "\n\n"
    return " " if name in _CELLS else found[0]
