"""Is every regular expression linear? Each is searched in texts made from itself to be slow, at n, 2n and 4n.

    python -m bench.patterns [PATTERN-PART ...]

Every compiled pattern that a module of `curate`, `filters` or `pipelines` holds is found by importing them all, and
those that are made of lists when they are needed (comments of each language, sentences, bad words) are made. The texts
are runs of the characters that the pattern names, of pairs of them, and of pieces that match a part of it, each with an
end that it cannot match. Sizes grow until a search takes long enough to be timed. Printed is what grows by more than
linear work would (a factor of over 6.5 for 4 times the text), the exit status is 1 where anything does. A pattern that
is only ever matched at one place is searched for all the same, and may be linear where it is used.
"""

from __future__ import annotations

import argparse
import importlib
import itertools
import pkgutil
import re
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from re import _constants as codes  # type: ignore[attr-defined]
from re import _parser as parser  # type: ignore[attr-defined]
from typing import Any

from curate.text import code_comments
from curate.text.badwords import BadWords
from curate.text.sentences import sentence_counter

PACKAGES = ("curate", "filters", "pipelines")
SIZES = (250, 1_000, 4_000, 16_000, 32_000)
LEAST_SECONDS, LINEAR = 0.004, 6.5
_MOST_PIECES = 7


def modules() -> Iterator[Any]:
    for package in PACKAGES:
        root = importlib.import_module(package)
        for found in pkgutil.walk_packages(root.__path__, f"{package}."):
            if not found.name.endswith("__main__"):
                try:
                    yield importlib.import_module(found.name)
                except ImportError as error:
                    print(f"left out: {found.name}: {error}", file=sys.stderr)


def patterns() -> dict[str, re.Pattern[Any]]:
    """Where it is kept -> pattern, each once."""
    found: dict[re.Pattern[Any], str] = {}
    for module in modules():
        for name, value in list(vars(module).items()):
            for where, pattern in _held(f"{module.__name__}.{name}", value, 0):
                if module.__name__.split(".")[0] in PACKAGES:
                    found.setdefault(pattern, where)
    for where, pattern in made():
        found.setdefault(pattern, where)
    return {where: pattern for pattern, where in found.items()}


def made() -> Iterator[tuple[str, re.Pattern[Any]]]:
    """Patterns that no module holds."""
    for style, languages in code_comments._STYLES:
        for endless in ("", '"', "'", "\"'"):
            place = f"curate.text.code_comments[{languages.split('|')[0]!r}, {endless!r}]"
            yield place, code_comments._scanner(style, endless)
    for holder in (sentence_counter(), BadWords(["ass", "two words", "$x"], c4_2020=True)):
        for name, value in vars(holder).items():
            if isinstance(value, re.Pattern):
                yield f"{type(holder).__module__}.{type(holder).__name__}.{name}", value
    for name, spaced, particles in (("unspaced", False, False), ("particles", True, True)):
        value = BadWords(["ass", "two words", "$x"], spaced=spaced, particles=particles)._anywhere
        if value is not None:
            yield f"curate.text.badwords[{name}]", value


def _held(where: str, value: Any, depth: int) -> Iterator[tuple[str, re.Pattern[Any]]]:
    if isinstance(value, re.Pattern):
        yield where, value
    elif depth < 2 and isinstance(value, dict):
        for key, inner in list(value.items()):
            yield from _held(f"{where}[{key!r}]", inner, depth + 1)
    elif depth < 2 and isinstance(value, list | tuple):
        for number, inner in enumerate(value):
            yield from _held(f"{where}[{number}]", inner, depth + 1)
    elif depth == 0 and isinstance(value, type) and value.__module__ in where:
        for key, inner in list(vars(value).items()):
            yield from _held(f"{where}.{key}", inner, depth + 1)


def pieces(pattern: re.Pattern[Any]) -> list[str]:
    """Short texts that match parts of a pattern, the shortest first."""
    source = pattern.pattern if isinstance(pattern.pattern, str) else pattern.pattern.decode("latin-1")
    tree = parser.parse(source, pattern.flags & ~re.UNICODE if isinstance(pattern.pattern, bytes) else pattern.flags)
    found = {part for part in _parts(tree) if part}
    whole = _sample(tree)
    return [*sorted(found, key=lambda part: (len(part), part))[:_MOST_PIECES], *([whole] if whole else [])]


def _parts(tree: Any) -> Iterator[str]:
    for operation, argument in tree:
        yield _sample([(operation, argument)])
        for inner in _inside(operation, argument):
            yield from _parts(inner)
            yield _sample(inner)


def _inside(operation: Any, argument: Any) -> Iterable[Any]:
    if operation in (codes.MAX_REPEAT, codes.MIN_REPEAT, codes.POSSESSIVE_REPEAT):
        return [argument[2]]
    if operation is codes.SUBPATTERN:
        return [argument[3]]
    if operation is codes.BRANCH:
        return list(argument[1])[:8]
    if operation is codes.ATOMIC_GROUP:
        return [argument]
    return []


def _sample(tree: Any) -> str:
    """A text that a part of a pattern matches, roughly."""
    made = ""
    for operation, argument in tree:
        if operation is codes.LITERAL:
            made += chr(argument)
        elif operation is codes.NOT_LITERAL:
            made += "a" if argument != ord("a") else "b"
        elif operation is codes.ANY:
            made += "a"
        elif operation is codes.IN:
            made += _of_set(argument)
        elif operation in (codes.MAX_REPEAT, codes.MIN_REPEAT, codes.POSSESSIVE_REPEAT):
            made += _sample(argument[2]) * max(min(argument[0], 3), 1)
        else:
            made += "".join(_sample(inner) for inner in list(_inside(operation, argument))[:1])
    return made


_CLASSES = {
    codes.CATEGORY_DIGIT: "1",
    codes.CATEGORY_NOT_DIGIT: "a",
    codes.CATEGORY_SPACE: " ",
    codes.CATEGORY_NOT_SPACE: "a",
    codes.CATEGORY_WORD: "a",
    codes.CATEGORY_NOT_WORD: "-",
}


def _of_set(items: Any) -> str:
    negated = bool(items) and items[0][0] is codes.NEGATE
    for operation, argument in items:
        if operation is codes.LITERAL and not negated:
            return chr(argument)
        if operation is codes.RANGE and not negated:
            return chr(argument[0])
        if operation is codes.CATEGORY and not negated:
            return _CLASSES.get(argument, "a")
    return "a"


def hostile(pattern: re.Pattern[Any]) -> Iterator[tuple[str, Callable[[int], Any]]]:
    """(what it is, a text of about so many characters) for a pattern."""
    found = list(dict.fromkeys([*pieces(pattern), "a", " "]))
    for one, other in [(one, "") for one in found] + list(itertools.permutations(found, 2)):
        unit = one + other
        for end in ("", "\n\x00"):
            yield f"{unit!r} again and again, then {end!r}", partial(_run, pattern, "", unit, end)
        if other:
            yield f"{one!r}, then {other!r} again and again", partial(_run, pattern, one, other, "\x00")


def _run(pattern: re.Pattern[Any], begin: str, unit: str, end: str, size: int) -> Any:
    return _as(pattern, begin + unit * (size // len(unit)) + end)


def _as(pattern: re.Pattern[Any], text: str) -> Any:
    return text.encode("latin-1", "replace") if isinstance(pattern.pattern, bytes) else text


def seconds(pattern: re.Pattern[Any], text: Any) -> float:
    started = time.process_time()  # of this process alone, whatever else the machine does
    for _ in pattern.finditer(text):
        pass
    return time.process_time() - started


def growth(pattern: re.Pattern[Any]) -> tuple[float, str, int, float]:
    """(the largest growth for 4 times the text, of what text, from which size, seconds at the largest)."""
    worst = (1.0, "", 0, 0.0)
    for label, make in hostile(pattern):
        for size in SIZES:
            took = seconds(pattern, make(size))
            if took > LEAST_SECONDS:
                break
        if took <= LEAST_SECONDS:
            continue  # at the last size, work that is not linear would have taken longer
        took, longer = (min(seconds(pattern, make(n)) for _ in range(3)) for n in (size, 4 * size))
        if longer / took > worst[0]:
            worst = (longer / took, label, size, longer)
    return worst


def main() -> int:
    options = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    options.add_argument("parts", nargs="*", help="only patterns whose place has one of these in it")
    chosen = options.parse_args()
    slow = 0
    found = patterns()
    for where, pattern in sorted(found.items()):
        if chosen.parts and not any(part in where for part in chosen.parts):
            continue
        factor, label, size, longer = growth(pattern)
        if factor > LINEAR:
            slow += 1
            print(f"{where}: {factor:.1f} times longer for 4 times {size:,} of {label} ({longer:.2f} s)", flush=True)
    print(f"{len(found)} patterns, {slow} not linear")
    return int(slow > 0)


if __name__ == "__main__":
    sys.exit(main())
