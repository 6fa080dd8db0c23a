"""How often windows of a text are in the language that fastText gives the whole text, and in what share of the time.

python -m bench.language FOLDER_OF_A_BUILD
"""

from __future__ import annotations

import sys
import time

from curate.models.language_id import LanguageIdentifier
from curate.models.registry import resolve
from curate.report.explain import shards
from filters.language import LanguageConfig
from pipelines.score import Survivors


def main(output: str) -> None:
    texts = [text for shard in shards(f"{output}/documents") for _, _, text in Survivors(output, shard)]
    path = resolve(LanguageConfig().model).path
    started = time.process_time()
    read = LanguageIdentifier(path)
    whole = [read(text) for text in texts]
    seconds = time.process_time() - started
    print(f"{len(texts):,} texts, {seconds / len(texts) * 1e3:.2f} ms each when read whole")
    for characters in (500, 1000, 2000, 4000, 8000):
        identify = LanguageIdentifier(path, characters)
        started = time.process_time()
        found = [identify(text) for text in texts]
        share = (time.process_time() - started) / seconds
        same = sum(a[0] == b[0] for a, b in zip(whole, found, strict=True)) / len(texts)
        decided = sum((a[1] >= 0.5) == (b[1] >= 0.5) for a, b in zip(whole, found, strict=True)) / len(texts)
        print(f"{characters:>6} characters: same language {same:.2%}, same side of 0.5 {decided:.2%}, time {share:.2f}")


if __name__ == "__main__":
    main(sys.argv[1])
