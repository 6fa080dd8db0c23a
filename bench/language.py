"""What the language filter costs beside the bare model, and how often a sample of a text is in the language of all.

python -m bench.language FOLDER_OF_A_BUILD, or files of text (WARC, WET, JSON lines) as `curate models evaluate` takes.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from curate.models.language_id import LanguageIdentifier
from curate.models.language_near import PageLanguage
from curate.models.registry import resolve
from curate.models.texts import read_texts
from curate.report.explain import shards
from filters.language import LanguageConfig
from pipelines.score import Survivors

Identify = Callable[[str], tuple[str, float]]
ROUNDS = 5


def texts_of(named: Sequence[str]) -> list[str]:
    if (Path(named[0]) / "documents").is_dir():
        return [text for shard in shards(f"{named[0]}/documents") for _, _, text in Survivors(named[0], shard)]
    return [text.text for text in read_texts([Path(name) for name in named])]


def seconds(ways: dict[str, Identify], texts: Sequence[str]) -> dict[str, float]:
    """Processor time of each way over all texts. Of each text it is the least of several rounds in which the ways take
    turns, since what else runs on a machine takes a round's time and caches now from one way and now from another."""
    least = {name: [float("inf")] * len(texts) for name in ways}
    for _ in range(ROUNDS):
        for name, identify in ways.items():
            for place, text in enumerate(texts):
                started = time.process_time()
                identify(text)
                least[name][place] = min(least[name][place], time.process_time() - started)
    return {name: sum(taken) for name, taken in least.items()}


def main(named: Sequence[str]) -> None:
    texts, config = texts_of(named), LanguageConfig()
    path, second = resolve(config.model).path, resolve(str(config.neighbours)).path
    size = config.sample_characters
    ways: dict[str, Identify] = {"whole text": LanguageIdentifier(path)}
    ways |= {f"{characters} characters": LanguageIdentifier(path, characters) for characters in (500, 1000, 4000)}
    ways |= {
        f"bare model, {size} characters": LanguageIdentifier(path, size),
        "with the longest paragraph": PageLanguage(path, None, size),
        "with the second model": PageLanguage(path, second, size, paragraph=False),
        "the filter": PageLanguage(path, second, size),
    }
    taken = seconds(ways, texts)
    bare = taken[f"bare model, {size} characters"]
    whole = [ways["whole text"](text) for text in texts]
    print(f"{len(texts):,} texts, {sum(map(len, texts)) / len(texts):,.0f} characters each")
    print(f"{'':32} {'ms a text':>9} {'to bare':>8} {'same language as whole':>23} {'same side of 0.5':>17}")
    for name, identify in ways.items():
        found = [identify(text) for text in texts]
        same = sum(a[0] == b[0] for a, b in zip(whole, found, strict=True)) / len(texts)
        decided = sum((a[1] >= 0.5) == (b[1] >= 0.5) for a, b in zip(whole, found, strict=True)) / len(texts)
        cost = taken[name] / len(texts) * 1e3
        print(f"{name:32} {cost:9.3f} {taken[name] / bare:8.2f} {same:23.2%} {decided:17.2%}")


if __name__ == "__main__":
    main(sys.argv[1:])
