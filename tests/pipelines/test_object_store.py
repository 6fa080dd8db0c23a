"""Input and output on an object store: a real S3 server on the loopback, reached as any other is."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from pipelines.cluster.processes import free_ports, listens
from tests.pipelines.building import TIMEOUT, build, command, digests

pytest.importorskip("moto.server", reason="the S3 server of the tests is not here: pip install 'moto[server]'")
s3fs = pytest.importorskip("s3fs", reason="S3 is not reached without: pip install 'curate[s3]'")
BUCKET, CRAWL = "corpora", "crawl"
FILES = ("CC-SAMPLE-2020-00000.warc.gz", "CC-SAMPLE-2020-00005.warc")


@pytest.fixture(scope="module")
def environment() -> Iterator[dict[str, str]]:
    """What a process needs to reach the server, which ends with the tests."""
    (port,) = free_ports(1)
    server = subprocess.Popen(
        [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        deadline = time.monotonic() + 60
        while not listens(port):
            assert server.poll() is None
            assert time.monotonic() < deadline
            time.sleep(0.1)
        yield {
            **os.environ,
            "FSSPEC_S3_ENDPOINT_URL": f"http://127.0.0.1:{port}",
            "AWS_ACCESS_KEY_ID": "test",
            "AWS_SECRET_ACCESS_KEY": "test",
            "AWS_DEFAULT_REGION": "us-east-1",
            "AWS_EC2_METADATA_DISABLED": "true",
        }
    finally:
        server.terminate()
        server.wait(30)


@pytest.fixture(scope="module")
def store(environment: dict[str, str], sample_crawl: Path):
    """The bucket for output, and one with the sample crawl in it, where its files have the keys of the local ones."""
    fs = s3fs.S3FileSystem(
        key="test",
        secret="test",
        endpoint_url=environment["FSSPEC_S3_ENDPOINT_URL"],
        use_listings_cache=False,
        skip_instance_cache=True,
    )
    fs.mkdir(BUCKET)
    fs.mkdir(CRAWL)
    for name in FILES:
        fs.put_file(str(sample_crawl / name), f"{CRAWL}/{name}")
    return fs


def on_store(environment: dict[str, str], manifest: str, *options: str) -> subprocess.CompletedProcess[str]:
    line = command(manifest, Path("unused"), *options)
    place = line.index("--output")
    line[place + 1] = f"s3://{BUCKET}/built"
    return subprocess.run(line, env=environment, capture_output=True, text=True, timeout=TIMEOUT)


@pytest.mark.slow
def test_a_build_from_and_into_an_object_store_gives_the_bytes_of_a_local_one(
    environment: dict[str, str], store, manifest: str, sample_crawl: Path, tmp_path: Path
) -> None:
    options = ("--input", f"s3://{CRAWL}/", "--workers", "2")
    done = on_store(environment, manifest, *options)
    assert done.returncode == 0, done.stderr[-4000:]
    here = (word for name in FILES for word in ("--input", str(sample_crawl / name)))
    build(manifest, tmp_path / "local", "--workers", "1", *here)
    local = digests(tmp_path / "local" / "tokens")
    stored = {
        path.removeprefix(f"{BUCKET}/built/tokens/"): hashlib.sha256(store.cat_file(path)).hexdigest()
        for path in store.find(f"{BUCKET}/built/tokens")
    }
    assert stored == local
    again = on_store(environment, manifest, *options)
    assert again.stderr.count("done before, kept") == 7, again.stderr[-4000:]
    for words in (("verify",), ("status",), ("explain", "https://ironmonger.example/goods/kettle")):
        line = [sys.executable, "-m", "curate.cli", words[0], f"s3://{BUCKET}/built", *words[1:]]
        asked = subprocess.run(line, env=environment, capture_output=True, text=True, timeout=TIMEOUT)
        assert asked.returncode == 0, asked.stdout[-2000:] + asked.stderr[-2000:]


def test_a_bucket_that_is_not_there_is_one_line(environment: dict[str, str], store, manifest: str) -> None:
    done = on_store(environment, manifest, "--input", "s3://no-such-bucket/crawl/")
    assert done.returncode == 2
    assert done.stderr.strip().count("\n") == 0
    assert "no-such-bucket" in done.stderr
