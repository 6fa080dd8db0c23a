"""Every command of the README is run, or, where it would run these very tests or the network, checked to be real."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.pipelines.building import run

ROOT = Path(__file__).resolve().parent.parent
COMMANDS = [
    line
    for block in re.findall(r"```sh\n(.*?)```", (ROOT / "README.md").read_text(), re.S)
    for line in block.strip().splitlines()
]

MIX = "curate mix fit --data corpus/cc-2020 --data corpus/fineweb --output runs/mix"
TRAIN = "curate train --config tiny --data corpus/cc-2020 --output runs/small --steps 20"
SHORTER = {"make train": " STEPS=2", TRAIN: " --steps 5", MIX: " --runs 4 --no-scaling --set steps=3"}
"""What makes a command of minutes one of seconds."""


def environment() -> dict[str, str]:
    return {**os.environ, "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory, built: Path) -> Path:
    """A copy of the project as a stranger has it, with the sample built and this environment for its own."""
    folder = tmp_path_factory.mktemp("readme")
    for name in ("curate", "filters", "pipelines", "manifests", "Makefile", "pyproject.toml", "README.md", ".ci"):
        source = ROOT / name
        shutil.copytree(source, folder / name) if source.is_dir() else shutil.copy2(source, folder / name)
    (folder / ".venv").symlink_to(Path(sys.executable).parent.parent)
    shutil.copytree(built, folder / "corpus" / "cc-2020")
    (folder / "crawl").mkdir()
    shutil.copy(ROOT / "curate/sample/crawl/CC-SAMPLE-2020-00003.warc.gz", folder / "crawl")
    return folder


def test_the_readme_has_the_two_commands_first():
    assert COMMANDS[:2] == ["make cc-2020", "make test"]


def test_what_the_readme_says_is_printed_is_printed(built: Path) -> None:
    """Up to white space and to what is left out."""
    blocks = re.findall(r"```text\n(.*?)```", (ROOT / "README.md").read_text(), re.S)
    (url,) = re.findall(r"^curate explain \S+ (\S+)$", (ROOT / "README.md").read_text(), re.M)
    for block, command in zip(blocks, (["report"], ["explain", url]), strict=True):
        printed = iter(
            [" ".join(line.split()) for line in run(command[0], str(built), *command[1:]).stdout.split("\n")]
        )
        for line in block.splitlines():
            assert " ".join(line.split()) in printed, line  # in this order


@pytest.mark.slow
@pytest.mark.parametrize("command", COMMANDS)
def test_a_command_of_the_readme_works(command, checkout):
    if "on-spark" in command:
        pytest.skip("tests/pipelines/test_engines.py builds on a Spark that was started so")
    if command == "make test" or "cc://" in command or "make spark" in command:
        # Would run these tests inside themselves, needs CommonCrawl (tests/test_crawl_index.py serves one), or is done
        # by tests/pipelines/test_engines.py.
        planned = subprocess.run(
            ["bash", "-c", command.replace("make", "make -n", 1)],
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=True,
            env=environment(),
            timeout=60,
        )
        expected = {"make test": "pytest", "make spark-up": "cluster up spark", "make spark-down": "cluster down spark"}
        assert expected.get(command, "--input 'cc://CC-MAIN-2020-50'") in planned.stdout
        return
    # The environment is this one: what the first command installs is installed already.
    installed = " ".join(f"--old-file=.venv/{name}" for name in (".package", ".train", ".cluster", "bin/python"))
    command = command.replace("make ", f"make {installed} ", 1) + SHORTER.get(command, "")
    done = subprocess.run(
        ["bash", "-c", command], cwd=checkout, capture_output=True, text=True, env=environment(), timeout=300
    )
    assert done.returncode == 0, done.stderr[-3000:]
    if "curate build" in done.stdout:
        account = r"records read = .* kept \+ .* dropped \+ .* set aside"
        mixture = r"tokens in .* documents, for a run of .* tokens"
        assert re.search(mixture if command.endswith("llama1") else account, done.stdout)
