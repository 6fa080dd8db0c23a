"""What a killed run left half written goes at the next run, and nothing else does."""

from __future__ import annotations

from pathlib import Path

from curate.storage import TEMPORARY
from pipelines.stage import remove_torn, remove_torn_beside


def make(root: Path, *names: str) -> None:
    for name in names:
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"half")


def there(root: Path) -> set[str]:
    return {str(path.relative_to(root)) for path in root.rglob("*") if path.is_file()}


def test_torn_files_beside_the_stages_go_and_those_of_stages_are_left_to_them(tmp_path: Path) -> None:
    torn = f"{TEMPORARY}12-34"
    kept = {"summary.json", "_run/log.jsonl", "documents/shard-000000.parquet", f"documents/shard-000001.parquet{torn}"}
    make(tmp_path, *kept, f"summary.json{torn}", f"report.html{torn}", f"_run/log.jsonl{torn}")
    remove_torn_beside(str(tmp_path))
    assert there(tmp_path) == kept
    remove_torn(str(tmp_path / "documents"))
    assert there(tmp_path) == {name for name in kept if torn not in name}


def test_a_folder_that_is_not_there_has_nothing_torn(tmp_path: Path) -> None:
    remove_torn_beside(str(tmp_path / "none"))
    remove_torn(str(tmp_path / "none"))
