"""A user's mistake is one clear line on standard error and exit status 2, never a traceback."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest


def curate(*arguments: str, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "curate.cli", *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=120, cwd=cwd)


MISTAKES = {
    "missing manifest": (("build", "manifests/cc-2021.yaml"), "no manifest at"),
    "unknown key": (("build", "MANIFEST", "--set", "dedup.lnes.enabled=true"), "did you mean 'lines'"),
    "unknown filter": (("build", "MANIFEST", "--set", "filters.perplexty={}"), "did you mean 'perplexity'"),
    "unknown filter key": (("build", "MANIFEST", "--set", "filters.language.min_scor=1"), "did you mean 'min_score'"),
    "bad value": (("build", "MANIFEST", "--set", "filters.language.min_score=high"), "min_score"),
    "bad number of bytes": (("build", "MANIFEST", "--set", "extract.range_bytes=big"), "range_bytes"),
    "setting without value": (("build", "MANIFEST", "--set", "dedup"), "key.subkey=value"),
    "missing input": (("build", "MANIFEST", "--input", "no/such/file.warc.gz"), "no/such/file.warc.gz"),
    "empty glob": (("build", "MANIFEST", "--input", "nothing-here-*.warc.gz"), "nothing-here"),
    "missing model": (("build", "MANIFEST", "--set", "tokens.tokenizer=tokenizer-32"), "tokenizer-32k"),
    "wrong pin": (("build", "MANIFEST", "--set", "models.tokenizer-32k=" + "ab" * 32), "pinned"),
    "unknown runner": (("build", "MANIFEST", "--runner", "NoSuchRunner"), "NoSuchRunner"),
    "no such crawl name": (("build", "MANIFEST", "--input", "cc://2020-50", "--warcs", "1"), "CC-MAIN-2020-50"),
    "explain without a build": (("explain", "OUTPUT", "x"), "holds no build"),
    "verify without a build": (("verify", "OUTPUT"), "holds no finished build"),
    "report without a build": (("report", "OUTPUT"), "holds no finished build"),
    "missing blocklist": (
        ("build", "MANIFEST", "--set", "extract.url_blocklist.domains_file=none.txt"),
        "domains_file: no file at none.txt",
    ),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake_is_one_line_and_status_2(mistake, manifest, tmp_path):
    arguments, said = MISTAKES[mistake]
    places = {"MANIFEST": manifest, "OUTPUT": str(tmp_path / "none")}
    command = [places.get(argument, argument) for argument in arguments]
    if command[0] == "build":
        command += ["--output", str(tmp_path / "out")]
    done = curate(*command, cwd=tmp_path)
    assert done.returncode == 2, done.stderr
    lines = done.stderr.strip().splitlines()
    assert len(lines) == 1
    assert lines[0].startswith("curate: ")
    assert said in lines[0]


def test_a_manifest_that_is_not_yaml_or_holds_python_tags_is_a_mistake(tmp_path):
    for text in ("{", "!!python/object/apply:os.system ['true']", "- a list", "name: x\nfilters: 3"):
        path = tmp_path / "bad.yaml"
        path.write_text(text)
        done = curate("build", str(path), "--output", str(tmp_path / "out"))
        assert done.returncode == 2
        assert "Traceback" not in done.stderr


def test_two_builds_in_one_folder_at_once_are_refused(tmp_path, manifest):
    import fcntl

    output = tmp_path / "out"
    output.mkdir()
    with (output / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        done = curate("build", manifest, "--output", str(output))
    assert done.returncode == 2
    assert "another build is running" in done.stderr


def test_help_reads_well():
    shown = curate("--help").stdout
    for command in ("build", "explain", "report", "verify"):
        assert command in shown
    shown = curate("build", "--help").stdout
    for option in ("--output", "--input", "--set", "--runner", "--workers", "--warcs"):
        assert option in shown
