"""What an installed package carries: every file that the code reads at run time."""

from __future__ import annotations

import tomllib
from pathlib import Path

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
