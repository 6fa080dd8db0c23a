"""What the token dataset costs on this machine: encoding, writing, reading, verifying.

    python bench/tokens.py [--tokens 20] [--tokenizer PATH] [TEXT FILE ...]

Texts: the files named, else the docstrings and sources of the standard library (English and code, on every machine).
"""

from __future__ import annotations

import argparse
import sysconfig
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import numpy as np

from curate.storage import join
from curate.tokens.index import write_index, write_manifest
from curate.tokens.order import sorted_rows
from curate.tokens.reader import TokenDataset
from curate.tokens.schema import PartInfo, part_file
from curate.tokens.tokenizer import load_tokenizer
from curate.tokens.verify import verify_tokens
from curate.tokens.writer import write_part

DEFAULT = Path(__file__).parents[1] / "curate" / "models" / "default" / "tokenizer-32k.model"
Result = TypeVar("Result")


def timed(work: Callable[[], Result]) -> tuple[Result, float]:
    start = time.perf_counter()
    result = work()
    return result, time.perf_counter() - start


def texts_of(paths: list[str]) -> list[str]:
    files = [Path(path) for path in paths] or sorted(Path(sysconfig.get_path("stdlib")).glob("*.py"))
    whole = "\n".join(file.read_text("utf-8", "replace") for file in files)[:8_000_000]
    return [whole[start : start + 6_000] for start in range(0, len(whole), 6_000)]


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--tokens", type=float, default=20, help="millions of tokens to write")
    arguments.add_argument("--tokenizer", default=str(DEFAULT))
    arguments.add_argument("files", nargs="*")
    options = arguments.parse_args()

    tokenizer = load_tokenizer(options.tokenizer, "bench")
    texts = texts_of(options.files)
    size = sum(len(text.encode()) for text in texts)
    encoded, seconds = timed(lambda: tokenizer.encode_batch(texts))
    once = sum(map(len, encoded))
    rate = f"{size / seconds / 1e6:8.1f} MB/s, {once / seconds / 1e6:.2f}M tokens/s"
    print(f"encode   {rate}, {size / once:.2f} bytes of text a token")
    for label, text in [("one letter", "a" * 1_000_000), ("blanks", " " * 1_000_000)]:
        _, seconds = timed(lambda text=text: tokenizer.encode_batch([text]))  # type: ignore[misc]
        print(f"encode   {1 / seconds:8.1f} MB/s, 1 MB of {label}")

    copies = max(1, round(options.tokens * 1e6 / once))
    with tempfile.TemporaryDirectory() as root:

        def write(copies: int) -> PartInfo:
            lengths = np.array([len(ids) for ids in encoded] * copies)
            names = [f"bench-{i:032x}" for i in range(len(lengths))]
            return write_part(
                join(root, part_file("bench", 0, 1)),
                source="bench",
                shard=0,
                shards=1,
                rows=sorted_rows(names, np.concatenate(encoded * copies), lengths, 1),
                tokenizer=tokenizer,
                delimiters="bos_eos",
                seed=1,
            )

        single = write(1)  # copies would flatter the size; this also warms the allocator up
        part, seconds = timed(lambda: write(copies))
        print(
            f"write    {part.tokens / seconds / 1e6:8.1f}M tokens/s, {single.bytes / single.tokens:.3f} bytes a token"
        )
        fingerprint = write_index(root, [part.to_json()])
        write_manifest(
            root, parts=[part.to_json()], fingerprint=fingerprint, tokenizer=tokenizer, delimiters="bos_eos", seed=1
        )
        dataset = TokenDataset.open(root)
        groups = len(part.row_groups)
        _, seconds = timed(lambda: [len(dataset.read_row_group("bench", i)[0]) for i in range(groups)])
        print(f"read     {part.tokens / seconds / 1e6:8.1f}M tokens/s by row group")
        _, seconds = timed(lambda: [dataset[i] for i in range(len(dataset))])
        print(f"read     {part.tokens / seconds / 1e6:8.1f}M tokens/s by document, in order")
        problems, seconds = timed(lambda: verify_tokens(root))
        print(f"verify   {part.tokens / seconds / 1e6:8.1f}M tokens/s, {len(problems)} problems")


if __name__ == "__main__":
    main()
