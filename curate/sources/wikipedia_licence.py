"""The licence of a wiki's text by the date of its dump.

Wikimedia's text was under the GFDL alone until 15 June 2009, under CC BY-SA 3.0 (and the GFDL) from then on, and is
under CC BY-SA 4.0 since 7 June 2023 (https://foundation.wikimedia.org/wiki/Policy:Terms_of_Use, and its history).
"""

from __future__ import annotations

import re

from curate.sources.wikipedia_xml import Wiki

GFDL, THREE, FOUR = "GFDL-1.2-or-later", "CC-BY-SA-3.0", "CC-BY-SA-4.0"
_THREE_SINCE, _FOUR_SINCE = "20090615", "20230607"
_GENERATOR = re.compile(r"MediaWiki ([0-9]{1,2})\.([0-9]{1,3})")
_FOUR_GENERATOR = (1, 41)
"""The first version that wrote dumps after 7 June 2023."""


def licence_of(wiki: Wiki, revised: str) -> str:
    """SPDX. revised: the revision's date, ISO 8601.

    The dump's date says it; where that is not known, the version of MediaWiki that wrote it, or the revision's own
    date: text published under 3.0 may be used under it whenever it is taken.
    """
    day = wiki.dumped
    if not day:
        found = _GENERATOR.match(wiki.generator)
        if found and (int(found[1]), int(found[2])) >= _FOUR_GENERATOR:
            return FOUR
        day = revised[:10].replace("-", "")
        return FOUR if day >= _FOUR_SINCE else THREE
    return GFDL if day < _THREE_SINCE else THREE if day < _FOUR_SINCE else FOUR
