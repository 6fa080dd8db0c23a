"""What an installed package carries: every file that the code reads at run time."""

from __future__ import annotations

import shutil
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
ONLY_IN_THE_REPOSITORY = ("sample/texts", "sample/pages")
"""What the sample crawl is made from; the crawl itself is carried."""


def test_every_data_file_is_in_the_package():
    patterns = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]["package-data"]["curate"]
    package = ROOT / "curate"
    carried = {path for pattern in patterns for path in package.glob(pattern.replace("/**", "/**/*"))}
    missing = [
        path.relative_to(package).as_posix()
        for path in package.rglob("*")
        if path.is_file() and path.suffix not in (".py", ".pyc") and path not in carried
    ]
    assert [name for name in missing if not name.startswith(ONLY_IN_THE_REPOSITORY)] == []


def test_the_source_package_makes_the_same_wheel(tmp_path: Path) -> None:
    """Beam's `--setup_file` sends the source package to workers, which install that."""
    uv = Path(sys.executable).with_name("uv")
    if not uv.is_file():
        pytest.skip("uv, which builds packages, is not beside this Python")
    tree = tmp_path / "tree"
    for name in ("curate", "filters", "pipelines"):
        shutil.copytree(ROOT / name, tree / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("pyproject.toml", "README.md"):
        shutil.copy(ROOT / name, tree)
    for name, only in (("through-source", []), ("direct", ["--wheel"])):
        subprocess.run([uv, "build", "--quiet", *only, "--out-dir", tmp_path / name, tree], check=True, timeout=300)
    (through,), (direct,) = ((tmp_path / name).glob("*.whl") for name in ("through-source", "direct"))
    assert contents(through) == contents(direct)
    assert "curate/models/default/tokenizer-32k.model" in contents(direct)


def contents(wheel: Path) -> dict[str, int]:
    """CRC-32 of every file."""
    with zipfile.ZipFile(wheel) as archive:
        return {member.filename: member.CRC for member in archive.infolist() if not member.filename.endswith("RECORD")}
