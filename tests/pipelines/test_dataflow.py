"""What can be known of Dataflow without an account: the wheel alone builds every job, small, and its workers read it.

The runner's own translation makes the graphs and the requests, in an environment with nothing of the checkout.
"""

from __future__ import annotations

import os
import pkgutil
import subprocess
from importlib import import_module
from pathlib import Path

import apache_beam as beam
import pytest

import pipelines
from curate.errors import UserError
from pipelines.cluster.sdk_workers import install_workers

LIMIT = 10 << 20
"""Bytes of a job's request that Dataflow takes, by its documentation."""
WARCS = 60_000
SCRIPT = Path(__file__).with_name("dataflow_graphs.py")


@pytest.fixture(scope="module")
def python(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Of an environment that was empty."""
    try:
        return install_workers(tmp_path_factory.mktemp("dataflow"), "apache-beam[gcp]") / "python"
    except UserError as error:
        pytest.skip(f"Beam's Dataflow parts cannot be had here: {error}")


def run(python: Path, *arguments: str | Path) -> str:
    alone = {**os.environ, "PYTHONPATH": "", "PYTHONSAFEPATH": "1"}
    line = [str(python), str(SCRIPT), *map(str, arguments)]
    done = subprocess.run(line, capture_output=True, text=True, timeout=600, env=alone, cwd="/")
    assert done.returncode == 0, done.stderr[-4000:]
    return done.stdout


@pytest.fixture(scope="module")
def graphs(python: Path, tmp_path_factory: pytest.TempPathFactory, sample_crawl: Path) -> Path:
    """Of a crawl by the recipe of most stages, and of a source that is no crawl and has a stage of its own."""
    folder = tmp_path_factory.mktemp("graphs")
    manifests = Path(__file__).parents[2] / "manifests"
    crawl = ("--input", sample_crawl / "CC-SAMPLE-2020-0000[01].warc.gz")
    run(python, "graphs", folder / "crawl", str(WARCS), manifests / "llama3-crawl.yaml", folder / "build-1", *crawl)
    run(python, "graphs", folder / "books", str(WARCS), manifests / "books.yaml", folder / "build-2")
    return folder


@pytest.mark.slow
def test_no_job_of_60_000_warc_files_is_near_dataflows_limit(graphs: Path) -> None:
    jobs = list(graphs.glob("*/*.pipeline"))
    assert len(jobs) >= 20
    for job in jobs:
        assert job.stat().st_size < LIMIT / 50, job
        assert job.with_suffix(".json").stat().st_size < LIMIT / 50, job


@pytest.mark.slow
def test_a_worker_with_the_wheel_alone_reads_every_function_of_every_job(python: Path, graphs: Path) -> None:
    lines = [line for name in ("crawl", "books") for line in run(python, "unpickle", graphs / name).splitlines()]
    found = dict(line.split(" ", 1) for line in lines)
    environment = python.parents[1]
    assert all(Path(file).is_relative_to(environment) for file in found.values())
    assert own_functions() - found.keys() == set()


def own_functions() -> set[str]:
    """Names of all functions that pipelines of this project run on workers."""
    modules = [import_module(f"pipelines.{module.name}") for module in pkgutil.iter_modules(pipelines.__path__)]
    return {
        name
        for module in modules
        for name, of in vars(module).items()
        if isinstance(of, type) and issubclass(of, beam.DoFn) and of.__module__ == module.__name__
    }
