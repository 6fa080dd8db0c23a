"""The stage that writes tokens/ takes up where it stopped: finished parts stay, and the bytes are the same."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from curate.errors import UserError
from curate.manifest import Tokens
from curate.tokens.schema import MANIFEST, part_file
from curate.tokens.verify import verify_tokens
from pipelines.engine import Engine
from pipelines.select import FOLDER as ENCODED
from pipelines.shards import shard_file, write_shard
from pipelines.tokens import Wanted, run_tokens
from tests.pipelines.building import digests

SHARDS = [0, 1]
WANTED = [Wanted("", "some", 3), Wanted("code", "some-code", 2)]
DOCUMENTS = 40


def encoded(output: Path) -> None:
    """Two shards of documents on their way, every fourth of the topic `code`."""
    for shard in SHARDS:
        numbers = range(shard * DOCUMENTS, (shard + 1) * DOCUMENTS)
        lengths = [number % 7 for number in numbers]
        lists = pa.LargeListArray.from_arrays(
            pa.array(np.concatenate([[0], np.cumsum(lengths)]), pa.int64()),
            pa.array(np.arange(sum(lengths)) + 10, pa.uint16()),
        )
        topics = ["" if number % 4 else "code" for number in numbers]
        table = pa.table({"id": [f"some-{number:032x}" for number in numbers], "topic": topics, "tokens": lists})
        write_shard(str(output), shard_file(ENCODED, shard), table, {"shard": shard})


@pytest.mark.parametrize("gone", [[0], [0, 2], [0, 1, 2], []], ids=str)
def test_finished_parts_are_kept_and_the_others_written(tmp_path: Path, gone: list[int]) -> None:
    encoded(tmp_path)
    first = run_tokens(Engine(), SHARDS, WANTED, Tokens(), str(tmp_path))
    root = tmp_path / "tokens"
    whole = digests(root)
    assert first["documents"] == 2 * DOCUMENTS
    (root / MANIFEST).unlink()
    for part in gone:
        (root / part_file("some", part, 3)).unlink()
    before = {path: path.stat().st_mtime_ns for path in root.rglob("part-*.parquet")}
    assert len(before) == 5 - len(gone)
    again = run_tokens(Engine(), SHARDS, WANTED, Tokens(), str(tmp_path))
    assert digests(root) == whole
    assert {path: path.stat().st_mtime_ns for path in before} == before
    assert [again[name] for name in ("documents", "tokens")] == [first[name] for name in ("documents", "tokens")]
    assert verify_tokens(str(root)) == []


def test_a_part_that_is_damaged_is_told_in_one_line(tmp_path: Path) -> None:
    encoded(tmp_path)
    run_tokens(Engine(), SHARDS, WANTED, Tokens(), str(tmp_path))
    path = tmp_path / "tokens" / part_file("some", 1, 3)
    path.write_bytes(path.read_bytes()[:-3])
    with pytest.raises(UserError, match="is damaged: remove it and run the same command again"):
        run_tokens(Engine(), SHARDS, WANTED, Tokens(), str(tmp_path))
