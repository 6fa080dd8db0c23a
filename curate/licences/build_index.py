"""Makes `index.npz` from the installed `licensedcode-data`: `python -m curate.licences.build_index [--output FILE]`.

That package is ScanCode's data: texts of 2,300 licences and 35,000 rules, each a notice, tag or reference that was
seen in real code, with the licence it means (CC BY 4.0, nexB Inc. and others; NOTICE beside the index). The index
holds hashes of them and no text. The same data give the same bytes.

Rules of up to EXACT words are kept as the hash of all their words. Of a longer one the SAMPLE smallest hashes of its
shingles are kept, or one in eight words of it if that is more: a share of them that a text holds estimates what share
of the rule it holds, with a standard error of at most 0.5/sqrt(SAMPLE), far less near 1. A rule that is nearly the
same as another of its licence is left out.
"""

from __future__ import annotations

import argparse
import json
import re
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np
import yaml
from license_expression import Licensing

from curate.licences.words import SHINGLE, prefixes, runs, shingles, words_of

EXACT = 16
SAMPLE = 48
SAMPLE_OF_COMMON = 128
COMMON = 100
"""Rules of a licence from which it is a common one: of 2,000, some 50 are."""
SAME, SAME_OF_COMMON = 0.80, 0.93
"""Jaccard similarity of shingles from which two rules of one licence are one."""
MIN_RELEVANCE = 90
LONG_TERMS = 400
"""Words from which the terms of commercial software are left out: nobody puts them before a source file."""
UNSTATED = frozenset({"unknown-license-reference", "free-unknown", "unknown", "warranty-disclaimer", "see-license"})
"""Keys of ScanCode that name no licence: what is said elsewhere decides."""
COMMERCIAL = frozenset({"Commercial", "Proprietary Free", "CLA", "Patent License", "Unstated License"})
FALSE_POSITIVE, UNNAMED = "!", ""
"""What stands for an expression where words that look like a licence are none, or name none."""
_REQUIRED = re.compile(r"\{\{|\}\}")
_GENERIC = re.compile("proprietary|other-|commercial|public-domain|unknown|^!?$")
"""Of expressions that stand for no one licence: that there are many such rules makes none of them likelier."""
_FRONT = re.compile(r"^---\s*\n", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Rule:
    """expression: SPDX, or one of the two marks above; order: its place in the data; own: whether it is a licence's own
    text."""

    expression: str
    words: tuple[str, ...]
    order: int
    own: bool = False


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--output", type=Path, default=Path(__file__).parent / "index.npz")
    output: Path = parser.parse_args().output
    rules = read_rules()
    arrays = index_of(rules)
    arrays["source"] = np.frombuffer(
        f"licensedcode-data {metadata.version('licensedcode-data')}".encode(), dtype=np.uint8
    )
    with output.open("wb") as out:
        np.savez_compressed(out, **arrays)
    print(f"{output}: {output.stat().st_size} bytes, {len(arrays['exact'])} exact, {len(arrays['rule_words'])} sampled")


def read_rules() -> list[Rule]:
    """Every licence and rule that names a licence with certainty, licences first."""
    files = metadata.files("licensedcode-data") or []
    root = Path(str(files[0].locate())).parent.parent if files else Path()
    folder = next(iter(sorted(root.glob("licensedcode/data"))), root)
    return list(rules_in(folder))


def rules_in(folder: Path) -> Iterator[Rule]:
    licences = dict(read(path) for path in sorted((folder / "licenses").glob("*.LICENSE")))
    spdx = {
        key: str(entry.get("spdx_license_key") or f"LicenseRef-scancode-{key}") for key, (entry, _) in licences.items()
    }
    category = {key: str(entry.get("category")) for key, (entry, _) in licences.items()}
    order = 0
    for key, (_, text) in licences.items():
        words = words_of(text)[0]
        if category[key] not in COMMERCIAL or len(words) < LONG_TERMS:
            yield Rule(spdx[key], tuple(words), order, own=True)
        order += 1
    convert = Converter(spdx)
    for path in sorted((folder / "rules").glob("*.RULE")):
        entry, text = read(path)[1]
        order += 1
        words = words_of(_REQUIRED.sub(" ", text))[0]
        if entry.get("is_deprecated"):
            continue
        if entry.get("is_false_positive"):
            yield Rule(FALSE_POSITIVE, tuple(words), order)
            continue
        relevance = entry.get("relevance")
        if relevance is None:
            relevance = 100 * min(1.0, len(words) / 18)  # as ScanCode computes it
        if (relevance < MIN_RELEVANCE and len(words) < 6) or len(words) < 2:
            continue
        key = str(entry["license_expression"])
        parts = convert.keys(key)
        if len(words) >= LONG_TERMS and any(category.get(part) in COMMERCIAL for part in parts):
            continue
        yield Rule(UNNAMED if parts <= UNSTATED else convert(key), tuple(words), order)


class Converter:
    """ScanCode's expressions as SPDX's."""

    def __init__(self, spdx: dict[str, str]) -> None:
        self._spdx = spdx
        self._licensing = Licensing()
        self._known: dict[str, str] = {}

    def keys(self, expression: str) -> frozenset[str]:
        return frozenset(self._licensing.license_keys(expression, unique=True))

    def __call__(self, expression: str) -> str:
        if expression not in self._known:
            parts = re.split(r"(\s+|[()])", expression)
            self._known[expression] = "".join(self._spdx.get(part, part) for part in parts)
        return self._known[expression]


def read(path: Path) -> tuple[str, tuple[dict[str, Any], str]]:
    """(name, (what its front matter says, its text))."""
    text = path.read_text(encoding="utf-8")
    parts = _FRONT.split(text, maxsplit=2)
    if len(parts) == 3 and not parts[0].strip():
        return path.stem, (yaml.safe_load(parts[1]) or {}, parts[2])
    front = text.strip().strip("-")
    return path.stem, (yaml.safe_load(front) or {}, "")


def index_of(rules: list[Rule]) -> dict[str, Any]:
    """The arrays of the index (see `curate.licences.index`)."""
    expressions = sorted({rule.expression for rule in rules})
    number = {expression: place for place, expression in enumerate(expressions)}
    exact: dict[int, tuple[int, int]] = {}
    long: dict[str, list[tuple[Rule, frozenset[int]]]] = defaultdict(list)
    for rule in rules:
        count = len(rule.words)
        if 2 <= count <= EXACT:
            exact.setdefault(int(runs(prefixes(list(rule.words)), count)[0]), (count, number[rule.expression]))
    common = Counter(rule.expression for rule in rules)
    # A licence's own text comes first, so that it stays and what is nearly the same as it goes.
    for rule in sorted((r for r in rules if len(r.words) > EXACT), key=lambda r: (not r.own, -len(r.words), r.order)):
        own = frozenset(shingles(list(rule.words)).tolist())
        same = SAME if common[rule.expression] < COMMON else SAME_OF_COMMON
        others = long[rule.expression]
        if not any(_alike(own, other) >= same for _, other in others):
            others.append((rule, own))
    kept = sorted((pair for pairs in long.values() for pair in pairs), key=lambda pair: pair[0].order)
    hashes: list[int] = []
    owners: list[int] = []
    sizes: list[int] = []
    for place, (rule, own) in enumerate(kept):
        sample = sorted(own)[: sample_size(rule, common)]
        hashes += sample
        owners += [place] * len(sample)
        sizes.append(len(sample))
    table = np.array(hashes, np.uint32)
    order = np.lexsort((np.array(owners), table))
    unique, counts = np.unique(table, return_counts=True)
    keys = sorted(exact)
    weights = [0 if _GENERIC.search(name) else common[name] for name in expressions]
    return {
        "expressions": np.frombuffer(json.dumps(expressions).encode(), np.uint8),
        "common": np.array(weights, np.uint16),
        "exact": np.array(keys, np.uint64),
        "exact_words": np.array([exact[key][0] for key in keys], np.uint8),
        "exact_expression": np.array([exact[key][1] for key in keys], np.uint16),
        "rule_words": np.array([len(rule.words) for rule, _ in kept], np.uint16),
        "rule_sample": np.array(sizes, np.uint16),
        "rule_expression": np.array([number[rule.expression] for rule, _ in kept], np.uint16),
        "shingle_gaps": np.diff(unique, prepend=np.uint32(0)).astype(np.uint32),
        "shingle_rules": counts.astype(np.uint16),
        "owners": np.array(owners, np.uint16)[order],
        "shingle_words": np.array([SHINGLE], np.uint8),
    }


def sample_size(rule: Rule, common: Mapping[str, int]) -> int:
    """How many of a rule's shingles are kept. Common licences are what is told apart most, and from their likes."""
    most = SAMPLE if common[rule.expression] < COMMON and not rule.own else SAMPLE_OF_COMMON
    return max(most, len(rule.words) // 8)


def _alike(one: frozenset[int], other: frozenset[int]) -> float:
    """Jaccard similarity, 0 where it cannot reach SAME."""
    if min(len(one), len(other)) < SAME * max(len(one), len(other)):
        return 0.0
    return len(one & other) / len(one | other)


if __name__ == "__main__":
    main()
