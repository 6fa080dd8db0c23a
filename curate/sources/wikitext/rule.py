"""What a rule is: from a template's arguments to the text it shows."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from curate.sources.wikitext.arguments import Arguments
from curate.sources.wikitext.context import Context
from curate.sources.wikitext.marks import BREAK

Rule = Callable[[Arguments, Context], str | None]
"""The text, "" for nothing; None where the arguments are not what the rule is for."""


def names(listed: str, rule: Rule) -> dict[str, Rule]:
    """The rule under each of the names in `listed`, which are parted by `|`."""
    return {name.strip(): rule for name in listed.split("|") if name.strip()}


def argument(number: int) -> Rule:
    """The template shows this argument."""
    return lambda arguments, context: arguments.raw(number) if number == 1 else arguments[number]


def constant(text: str) -> Rule:
    return lambda arguments, context: text


def around(before: str, after: str = "") -> Rule:
    """The first argument between two texts."""
    return lambda arguments, context: f"{before}{arguments[1]}{after}"


def joined(separator: str) -> Rule:
    return lambda arguments, context: separator.join(filter(None, arguments.list()))


def lines(items: Iterable[str], marker: str = "") -> str:
    """A list, an item a line, with a line break before and after."""
    kept = [item for item in items if item]
    return (
        "\n" + "".join(f"{marker}{item}\n" for item in kept)
        if marker
        else BREAK + "".join(f"{item}{BREAK}" for item in kept)
    )
