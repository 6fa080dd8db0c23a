"""Whole tables are read by the calling thread alone, from wherever they are."""

from __future__ import annotations

import io
import re
import subprocess
import sys
from pathlib import Path

import fsspec
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import curate
from curate.parquet import opened, read_table, table_of

TABLE = pa.table({"row": list(range(5000)), "text": [f"text {n}" for n in range(5000)]})

THREADS = """
import os, sys
from pathlib import Path
from curate.parquet import parquet_file, table_of
from pipelines.shards import finished_record, write_shard
import pyarrow as pa

def threads():
    names = [Path(f"/proc/self/task/{task}/comm").read_text().strip() for task in os.listdir("/proc/self/task")]
    return sum("jemalloc" not in name for name in names)

folder = sys.argv[1]
before = threads()
write_shard(folder, "shard.parquet", pa.table({"row": list(range(50000))}), {"rows": 1})
finished_record(folder, "shard.parquet")
table_of(Path(folder, "shard.parquet").read_bytes())
with open(Path(folder, "shard.parquet"), "rb") as stream, parquet_file(stream) as file:
    file.read_row_group(0, use_threads=False)
    sum(batch.num_rows for batch in file.iter_batches(1000, use_threads=False))
print(threads() - before)
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    pq.write_table(TABLE, tmp_path / "table.parquet", row_group_size=700)
    return tmp_path / "table.parquet"


def test_a_table_is_read_from_a_path_a_url_and_bytes(file: Path) -> None:
    fsspec.filesystem("memory").pipe_file("/parquet/table.parquet", file.read_bytes())
    assert read_table(str(file)) == read_table("memory://parquet/table.parquet") == TABLE
    assert table_of(file.read_bytes()) == TABLE == pq.read_table(io.BytesIO(file.read_bytes()))


def test_columns_that_are_not_there_are_left_out(file: Path) -> None:
    assert read_table(str(file), ["text", "none"]) == TABLE.select(["text"])
    assert table_of(file.read_bytes(), ["row"]) == TABLE.select(["row"])


def test_what_is_absent_or_none_is_told(file: Path) -> None:
    with pytest.raises(FileNotFoundError), opened(str(file.with_name("none.parquet"))):
        pass
    with pytest.raises((pa.ArrowException, OSError)):
        table_of(b"PAR1 and no more")
    file.write_bytes(file.read_bytes()[:-9])
    with pytest.raises((pa.ArrowException, OSError)):
        read_table(str(file))


def test_parquet_is_opened_in_one_place() -> None:
    """Of the package's code: Arrow's own default reads ahead in threads that outlive the reading."""
    root = Path(curate.__file__).parents[1]
    files = [path for name in ("curate", "pipelines", "filters") for path in (root / name).rglob("*.py")]
    opens = re.compile(r"pq\.(?:ParquetFile|read_table)\(")
    assert [path.name for path in files if opens.search(path.read_text())] == ["parquet.py"]


@pytest.mark.skipif(sys.platform != "linux", reason="counts threads in /proc")
def test_bytes_are_read_and_written_by_no_other_thread(tmp_path: Path) -> None:
    """Those that still hold a Python object at the end of the process abort it."""
    done = subprocess.run([sys.executable, "-c", THREADS, str(tmp_path)], capture_output=True, text=True, timeout=120)
    assert (done.stdout, done.returncode) == ("0\n", 0), done.stderr
