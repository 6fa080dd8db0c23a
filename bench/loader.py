"""The loader's rate beside reading the same windows of the same tokens from a raw memory map, and how fast it resumes.

    python -m bench.loader [--tokens 100] [--sequence 2048 256] [--repeats 5]

The memory map is read as nanoGPT reads it: a slice made int64 for each window, then stacked. Both read the page cache,
both give batches of 524,288 tokens, and the loader decodes every row group anew. A dataset of 1T tokens in 12,000 files
is written without its files, for what resuming reads: the manifest and the index.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch

from curate.storage import join
from curate.tokens.index import write_index, write_manifest
from curate.tokens.order import sorted_rows
from curate.tokens.schema import PartInfo, RowGroup, TokenizerInfo, part_file
from curate.tokens.writer import write_part
from curate.training.data import Batches, Corpus

BATCH = 524_288
VOCABULARY = 32_000


def write(root: str, tokens: int) -> None:
    """A dataset of random tokens, Zipf-distributed as words are, in documents of 200 to 3,000."""
    generator = np.random.default_rng(0)
    share = 1 / np.arange(1, VOCABULARY + 1)
    drawn = generator.choice(VOCABULARY, tokens, p=share / share.sum()).astype(np.uint16)
    lengths = generator.integers(200, 3000, tokens // 1650)
    names = [f"bench-{i:032x}" for i in range(len(lengths))]
    rows = sorted_rows(names, drawn[: int(lengths.sum())], lengths, 0)
    info = TokenizerInfo("bench", "0" * 64, VOCABULARY, 1, 2)
    part = write_part(
        join(root, part_file("bench", 0, 1)),
        source="bench",
        shard=0,
        shards=1,
        rows=rows,
        tokenizer=info,
        delimiters="bos_eos",
        seed=0,
    ).to_json()
    fingerprint = write_index(root, [part])
    write_manifest(root, parts=[part], fingerprint=fingerprint, tokenizer=info, delimiters="bos_eos", seed=0)


def write_large_index(root: str) -> None:
    group = RowGroup(3_000, 4_195_000, 4, 7_000_000, "0" * 16)
    files, groups = 12_000, 20
    parts = [
        PartInfo(
            "bench", i, files, part_file("bench", i, files), 3_000 * groups, 4_195_000 * groups, 7_000_000 * groups,
            "0" * 64, (group,) * groups,
        ).to_json()
        for i in range(files)
    ]  # fmt: skip
    info = TokenizerInfo("bench", "0" * 64, VOCABULARY, 1, 2)
    fingerprint = write_index(root, parts)
    write_manifest(root, parts=parts, fingerprint=fingerprint, tokenizer=info, delimiters="bos_eos", seed=0)


def loader_rate(corpus: Corpus, sequence: int, batches: int) -> float:
    """Tokens a second, from nothing open to the last batch."""
    start = time.perf_counter()
    with Batches(corpus, {}, sequence, BATCH // sequence, seed=0) as stream:
        for _ in range(batches):
            next(stream)
        return batches * BATCH / (time.perf_counter() - start)


def map_rate(path: Path, starts: list[int], sequence: int) -> float:
    """The same for windows at these places of the map."""
    begin = time.perf_counter()
    data = np.memmap(path, np.uint16, "r")
    batch = BATCH // sequence
    for first in range(0, len(starts), batch):
        torch.stack(
            [torch.from_numpy(data[s : s + sequence + 1].astype(np.int64)) for s in starts[first : first + batch]]
        )
    return len(starts) * sequence / (time.perf_counter() - begin)


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--tokens", type=float, default=100, help="millions of tokens to write")
    arguments.add_argument("--sequence", type=int, nargs="+", default=[2048, 256])
    arguments.add_argument("--repeats", type=int, default=5)
    options = arguments.parse_args()
    measure(int(options.tokens * 1e6), options.sequence, options.repeats)


def measure(tokens: int, sequences: Sequence[int], repeats: int) -> None:
    """Write a dataset of so many tokens, and print the rates of loader and memory map and the seconds of a resume."""
    with tempfile.TemporaryDirectory() as folder:
        write(folder, tokens)
        corpus = Corpus([folder], held_out_shards=0)
        train = corpus.splits["bench"].train
        raw = Path(folder).with_suffix(".raw")
        try:
            source = corpus.source("bench", 256, 0)
            sizes = train.stops - train.starts
            with raw.open("wb") as out:
                for group in range(len(sizes)):
                    source.dataset.read_row_group("bench", group)[0].tofile(out)
            firsts = np.cumsum(sizes) - sizes
            for sequence in sequences:
                windows = corpus.source("bench", sequence, 0)
                batches = len(windows) * sequence // BATCH
                groups, places = windows.order.locate(np.arange(batches * (BATCH // sequence)))
                starts = (firsts[groups] + places * sequence).tolist()
                ours, theirs = [], []
                for _ in range(repeats):
                    ours.append(loader_rate(corpus, sequence, batches))
                    theirs.append(map_rate(raw, starts, sequence))
                mine, map_ = statistics.median(ours), statistics.median(theirs)
                print(
                    f"sequence {sequence:5d}   loader {mine / 1e6:7.1f}M tokens/s   "
                    f"raw memory map {map_ / 1e6:7.1f}M tokens/s   {map_ / mine:.2f}x slower"
                )
        finally:
            raw.unlink(missing_ok=True)

    with tempfile.TemporaryDirectory() as folder:
        write_large_index(folder)
        took = []
        for _ in range(repeats):
            start = time.perf_counter()
            large = Corpus([folder])
            source = large.source("bench", 2048, 0)
            source.order.locate(np.arange(2048) + 2 * len(source) // 3)
            took.append(time.perf_counter() - start)
    print(
        f"resume  {statistics.median(took):.2f} s to open {large.tokens['bench'] / 1e12:.2f}T tokens and find the place"
    )


if __name__ == "__main__":
    main()
