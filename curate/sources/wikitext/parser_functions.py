"""MediaWiki's parser functions and variables that articles use (`{{#if:}}`, `{{formatnum:}}`, `{{PAGENAME}}`).

What depends on now is taken at the date of the page's revision, so that an answer does not change by itself. Modules
(`#invoke`) cannot be run.
"""

from __future__ import annotations

from collections.abc import Callable
from urllib.parse import quote

from curate.sources.wikitext.context import Context
from curate.sources.wikitext.expression import BadExpression, shown, value_of
from curate.sources.wikitext.numbers import parse, with_separators, without_separators

Function = Callable[[list[str], Context], str]
_NOTHING = (
    "defaultsort|sorttitle|sortierung|cléf de tri|clédetri|ordenar|ordina|displaytitle|anzeigetitel|titreaffichage|"
    "mostrartítulo|#coordinates|#tag|#related|"
    "#seo|#babel|noexternallanglinks|int|#titleparts|filepath|protectionlevel|#language|#dateformat|#formatdate|#time|"
    "#timel|#assessment|#rel2abs|fullurl|localurl|canonicalurl|fullurle|localurle|pagesize|numberofarticles|grammar|"
    "defaultsortkey|standardsortierung|ключсортування|сортування|tartibot|#statements|#property|#section|#lst|#lsth"
)


def _at(arguments: list[str], index: int) -> str:
    return arguments[index].strip() if index < len(arguments) else ""


def _if_equal(arguments: list[str]) -> bool:
    one, other = _at(arguments, 0), _at(arguments, 1)
    a, b = parse(one), parse(other)
    return one == other or (a is not None and a == b)


def _switch(arguments: list[str], context: Context) -> str:
    value, falls, default = _at(arguments, 0), False, ""
    for index, case in enumerate(arguments[1:]):
        key, equals, result = case.partition("=")
        key = key.strip()
        if not equals:
            if index == len(arguments) - 2:
                return key  # the last one without "=" is the default
            falls = falls or key == value
        elif falls or key == value:
            return result.strip()
        elif key == "#default":
            default = result.strip()
    return default


def _expression(arguments: list[str], context: Context) -> str:
    try:
        return shown(value_of(_at(arguments, 0)))
    except BadExpression:
        return ""


def _is_true(text: str) -> bool:
    try:
        return value_of(text) != 0
    except BadExpression:
        return False


def _format_number(arguments: list[str], context: Context) -> str:
    number, how = _at(arguments, 0), _at(arguments, 1).upper()
    if how in ("R", "NOSEP"):
        return without_separators(number, context.language) if how == "R" else number
    return with_separators(number, context.language)


def _plural(arguments: list[str], context: Context) -> str:
    forms = arguments[1:]
    return (forms[0] if parse(_at(arguments, 0)) == 1 else forms[-1]).strip() if forms else ""


def _padded(arguments: list[str], left: bool) -> str:
    text, pad = _at(arguments, 0), _at(arguments, 2) or "0"
    width = parse(_at(arguments, 1)) or 0
    missing = min(int(width), 500) - len(text)
    if missing <= 0:
        return text
    filling = (pad * missing)[:missing]
    return filling + text if left else text + filling


FUNCTIONS: dict[str, Function] = {
    "#if": lambda a, c: _at(a, 1) if _at(a, 0) else _at(a, 2),
    "#ifeq": lambda a, c: _at(a, 2) if _if_equal(a) else _at(a, 3),
    "#ifexpr": lambda a, c: _at(a, 1) if _is_true(_at(a, 0)) else _at(a, 2),
    "#iferror": lambda a, c: _at(a, 2) if len(a) > 2 else _at(a, 0),
    "#ifexist": lambda a, c: _at(a, 1),
    "#switch": _switch,
    "#expr": _expression,
    "#len": lambda a, c: str(len(_at(a, 0))),
    "formatnum": _format_number,
    "lc": lambda a, c: _at(a, 0).lower(),
    "uc": lambda a, c: _at(a, 0).upper(),
    "lcfirst": lambda a, c: _at(a, 0)[:1].lower() + _at(a, 0)[1:],
    "ucfirst": lambda a, c: _at(a, 0)[:1].upper() + _at(a, 0)[1:],
    "plural": _plural,
    "padleft": lambda a, c: _padded(a, True),
    "padright": lambda a, c: _padded(a, False),
    "urlencode": lambda a, c: quote(_at(a, 0)),
    "anchorencode": lambda a, c: _at(a, 0).replace(" ", "_"),
    **dict.fromkeys(_NOTHING.split("|"), lambda a, c: ""),
}
_VARIABLES: dict[str, Callable[[Context], str]] = {
    "PAGENAME": lambda c: c.title,
    "FULLPAGENAME": lambda c: c.title,
    "BASEPAGENAME": lambda c: c.title,
    "SUBPAGENAME": lambda c: c.title,
    "ARTICLEPAGENAME": lambda c: c.title,
    "SITENAME": lambda c: "Wikipedia",
    "CURRENTYEAR": lambda c: c.date[:4],
    "LOCALYEAR": lambda c: c.date[:4],
    "NAMESPACE": lambda c: "",
}


def function_of(name: str, rest: str | None, context: Context) -> str | None:
    """What `{{name|rest}}` shows where it is a function or a variable; None where it is a template.

    name: with what stands behind its ":", rest: what follows the first `|`, None where there is none.
    """
    head, colon, first = name.partition(":")
    if not colon:
        return None
    function = FUNCTIONS.get(head.strip().lower())
    if function is None:
        return None
    return function([first, *(rest.split("|") if rest is not None else ())], context)


def variable_of(name: str, context: Context) -> str | None:
    variable = _VARIABLES.get(name)
    return variable(context) if variable is not None else None
