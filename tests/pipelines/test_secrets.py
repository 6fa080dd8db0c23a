"""A secret that an option or an address brings is in nothing that a build says or keeps."""

from __future__ import annotations

import random
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from bench.faults.network import Files, serve
from tests.pipelines.building import TIMEOUT, command

pytestmark = pytest.mark.slow
KEY, SIGNATURE, PASSWORD = "kEyKeYkEyKeY0123", "sIgNaTuRe4567", "pAsSwOrD890"
OPTIONS = (f"--aws_secret_access_key={KEY}", f"--s3_secret_access_key={KEY}", "--s3_session_token", KEY)
SMALL = "CC-SAMPLE-2020-00005.warc"


@pytest.fixture
def server(tmp_path: Path, sample_crawl: Path) -> Iterator[Files]:
    folder = tmp_path / "served"
    folder.mkdir()
    shutil.copy(sample_crawl / SMALL, folder / SMALL)
    served = serve(folder, random.Random(0), 0)
    try:
        yield served
    finally:
        served.shutdown()
        served.server_close()


def leaks(text: str) -> list[str]:
    return [secret for secret in (KEY, SIGNATURE, PASSWORD) if secret in text]


def run(*words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(words, capture_output=True, text=True, timeout=TIMEOUT)


def test_a_build_says_and_keeps_no_secret(server: Files, manifest: str, tmp_path: Path) -> None:
    output = tmp_path / "out"
    url = f"{server.urls[0]}?signature={SIGNATURE}"
    setting = f"description=from ftp://someone:{PASSWORD}@host.example/ by --token={SIGNATURE}"
    done = run(*command(manifest, output, "--workers", "2", "--input", url, "--set", setting, *OPTIONS))
    assert done.returncode == 0, done.stderr[-3000:]
    assert leaks(done.stdout + done.stderr) == []
    kept = [path for path in output.rglob("*") if path.is_file()]
    assert {"manifest.yaml", "summary.json", "progress.json", "log.jsonl", "report.html"} <= {
        path.name for path in kept
    }
    assert [path for path in kept if leaks(path.read_bytes().decode("latin-1"))] == []
    assert "ftp://host.example/" in (output / "manifest.yaml").read_text()


@pytest.mark.parametrize(
    "spec",
    [
        f"http://127.0.0.1:9/a.warc?signature={SIGNATURE}",
        f"http://someone:{PASSWORD}@127.0.0.1:9/a.warc",
        f"ftp://someone:{PASSWORD}@127.0.0.1:9/a.warc",
        f"nosuch://someone:{PASSWORD}@host.example/a.warc?signature={SIGNATURE}",
        f"s3://{KEY}:{PASSWORD}@bucket/a.warc.gz",
    ],
)
def test_a_build_that_fails_says_no_secret(spec: str, manifest: str, tmp_path: Path) -> None:
    done = run(*command(manifest, tmp_path / "out", "--input", spec, *OPTIONS))
    assert done.returncode == 2
    assert done.stderr.strip().count("\n") == 0, done.stderr
    assert leaks(done.stdout + done.stderr) == []


def test_an_output_that_holds_keys_is_refused_without_telling_them(manifest: str) -> None:
    line = command(manifest, Path("unused"))
    line[line.index("--output") + 1] = f"s3://{KEY}:{PASSWORD}@bucket/out"
    done = run(*line)
    assert done.returncode == 2
    assert "an address holds no keys" in done.stderr
    assert leaks(done.stdout + done.stderr) == []


def test_a_runner_that_fails_says_no_secret(manifest: str, tmp_path: Path) -> None:
    options = ("--runner", "NoSuchRunner", "--workers", "1", *OPTIONS)
    done = run(*command(manifest, tmp_path / "out", *options))
    assert done.returncode == 2
    assert leaks(done.stdout + done.stderr) == []
