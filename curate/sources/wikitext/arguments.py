"""The arguments of a template, as MediaWiki reads them: positional ones keep their blanks, named ones do not."""

from __future__ import annotations

import re
from collections.abc import Iterator

_NAME = re.compile(r"[^<>\[\]{}\n]{0,80}")


class Arguments:
    """What stands between a template's `|`. Keys of positional arguments are their numbers, from 1."""

    __slots__ = ("_given", "positional")

    def __init__(self, text: str | None) -> None:
        """text: what follows the name's `|`; None where there is no `|`."""
        self._given: dict[str, str] = {}
        self.positional = 0
        for part in text.split("|") if text is not None else ():
            key, equals, value = part.partition("=")
            # A "=" in a link or a tag makes no name, though it does in MediaWiki: there the argument shows as nothing.
            if equals and (name := key.strip()) and "://" not in name and _NAME.fullmatch(name):
                self._given[name] = value.strip()
            else:
                self.positional += 1
                self._given[str(self.positional)] = part

    def __getitem__(self, key: int | str) -> str:
        """The argument without blanks around it, "" where it is not given."""
        return self._given.get(str(key), "").strip()

    def get(self, *keys: str) -> str:
        """The first of these that is given and not empty."""
        return next((value for key in keys if (value := self[key])), "")

    def has(self, key: int | str) -> bool:
        return str(key) in self._given

    def raw(self, key: int | str) -> str:
        return self._given.get(str(key), "")

    def list(self, first: int = 1) -> list[str]:
        """The numbered arguments from `first` on, to the first that is not given."""
        found = []
        while str(first) in self._given:
            found.append(self[first])
            first += 1
        return found

    def named(self) -> Iterator[tuple[str, str]]:
        return ((key, value) for key, value in self._given.items() if not key.isdigit())

    def items(self) -> Iterator[tuple[str, str]]:
        """Keys and values without blanks, as they were given."""
        return ((key, value.strip()) for key, value in self._given.items())

    def values(self) -> Iterator[str]:
        return iter(self._given.values())
