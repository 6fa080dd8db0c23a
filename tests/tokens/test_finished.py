"""What is read from a finished part is what its writer said of it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from curate.tokens.finished import finished_part
from curate.tokens.order import part_of, sorted_rows
from curate.tokens.schema import PartInfo, TokenizerInfo, part_file
from curate.tokens.writer import write_part

TOKENIZER = TokenizerInfo("some", "0" * 64, 32_000, 1, 2)


def written(root: Path, lengths: list[int], delimiters: str = "bos_eos") -> PartInfo:
    ids = [id for id in (f"{number:032x}" for number in range(10_000)) if part_of([id], 3)[0] == 1][: len(lengths)]
    flat = np.arange(sum(lengths), dtype=np.uint32) % 30_000
    rows = sorted_rows(ids, flat, np.array(lengths, np.uint32), 5)
    return write_part(
        str(root / part_file("books", 1, 3)),
        source="books",
        shard=1,
        shards=3,
        rows=rows,
        tokenizer=TOKENIZER,
        delimiters=delimiters,
        seed=5,
        row_group_tokens=50,
    )


@settings(max_examples=30, deadline=None)
@given(lengths=st.lists(st.integers(0, 60), max_size=20), delimiters=st.sampled_from(["bos_eos", "eos"]))
def test_a_finished_part_is_described_as_its_writer_did(
    tmp_path_factory: pytest.TempPathFactory, lengths: list[int], delimiters: str
) -> None:
    root = tmp_path_factory.mktemp("tokens")
    assert finished_part(str(root), "books", 1, 3) is None
    info = written(root, lengths, delimiters)
    assert finished_part(str(root), "books", 1, 3) == info
    assert finished_part(str(root), "books", 2, 3) is None


def test_a_file_that_is_no_whole_part_is_not_taken_for_one(tmp_path: Path) -> None:
    path = tmp_path / written(tmp_path, [5, 7, 60]).file
    whole = path.read_bytes()
    for damaged in (whole[:-1], whole[: len(whole) // 2], b"", b"PAR1"):
        path.write_bytes(damaged)
        assert finished_part(str(tmp_path), "books", 1, 3) is None
