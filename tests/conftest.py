"""Where the real data is, if it is here, and one build of the bundled sample that many tests look at."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent

# Tests run beside each other, and so do the processes they start: threads of one that wait for a core spin on it, which
# makes a training run on a busy machine cost twice its processor time.
os.environ.setdefault("OMP_NUM_THREADS", "1")


def pytest_make_parametrize_id(val: object, argname: str) -> str | None:
    """Bytes have no name of their own: packed ones hold the time they were packed at, and every worker must agree."""
    return argname if isinstance(val, bytes) else None


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Files with slow tests come first, so that no worker is left alone with one at the end."""
    slow = {item.path for item in items if item.get_closest_marker("slow")}
    items.sort(key=lambda item: item.path not in slow)


@pytest.fixture(scope="session")
def real_crawls() -> Path:
    """The folder of real crawl captures; a test that asks for it skips where it is absent."""
    folder = Path(os.environ.get("CURATE_REAL_DATA", ROOT.parent / "shared" / "data")) / "cc"
    if not folder.is_dir():
        pytest.skip("the real crawl captures are not here: set CURATE_REAL_DATA to their folder")
    return folder


def _real(name: str) -> Path:
    folder = Path(os.environ.get("CURATE_REAL_DATA", ROOT.parent / "shared" / "data")) / name
    if not folder.is_dir():
        pytest.skip(f"the real data of {name} are not here: set CURATE_REAL_DATA to the folder above theirs")
    return folder


@pytest.fixture(scope="session")
def real_stackexchange() -> Path:
    """The folder of real dumps of Stack Exchange."""
    return _real("stackexchange")


@pytest.fixture(scope="session")
def real_c4() -> Path:
    """The folder of real, published C4."""
    return _real("c4")


@pytest.fixture(scope="session")
def real_books() -> Path:
    """The folder of Project Gutenberg's files; a test that asks for it skips where it is absent."""
    return _real("books")


@pytest.fixture(scope="session")
def sample_crawl() -> Path:
    return ROOT / "curate" / "sample" / "crawl"


@pytest.fixture(scope="session")
def manifest() -> str:
    return str(ROOT / "manifests" / "cc-2020.yaml")


@pytest.fixture(scope="session")
def built(tmp_path_factory: pytest.TempPathFactory, manifest: str) -> Path:
    """The sample, built once by the command a user types, with one worker. Tests must not change it."""
    from tests.pipelines.building import build

    output = tmp_path_factory.mktemp("built") / "cc-2020"
    build(manifest, output, "--workers", "1")
    return output
