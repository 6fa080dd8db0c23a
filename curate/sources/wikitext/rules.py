"""The rules by a template's name: those of the wiki's own language before those that all share, then whole families."""

from __future__ import annotations

import re
from functools import lru_cache

from curate.sources.wikitext import (
    rules_dates,
    rules_languages,
    rules_local,
    rules_measures,
    rules_numbers,
    rules_text,
)
from curate.sources.wikitext.rule import Rule

_COMMON: dict[str, Rule] = {
    **rules_text.RULES,
    **rules_dates.RULES,
    **rules_numbers.RULES,
    **rules_measures.RULES,
    **rules_languages.RULES,
}
_OF_A_LANGUAGE = re.compile(r"(?:lang|ipa|vol|link|ll)-([a-z]{2,3}(?:-[a-z]+)*)")
_GERMAN_TEXT = re.compile(r"([a-z]{2,3})s")
"""German's `{{frS|…}}` and `{{frF|…}}`."""


@lru_cache(maxsize=1 << 14)
def rule_of(name: str, language: str) -> Rule | None:
    """The rule of the template of this normal name (`templates.normal_name`) in this language's wiki."""
    rule = rules_local.RULES.get(language, {}).get(name) or _COMMON.get(name)
    if rule is not None:
        return rule
    if found := _OF_A_LANGUAGE.fullmatch(name):
        return rules_languages.of_a_language(name, found[1])
    found = _GERMAN_TEXT.fullmatch(name) if language in ("de", "als", "bar", "lb") else None
    if found and found[1] in rules_languages.NAMES:
        return rules_languages.labelled(found[1])
    if language == "de" and len(name) == 3 and name.isalpha():
        return rules_local.german_country
    return None
