"""report.html of a hostile corpus in headless Chromium by itself, where no driver of it is installed: nothing runs."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from curate.report.html import write_report

pytestmark = pytest.mark.browser
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
OPTIONS = (
    "--headless --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking"
    " --disable-component-update --disable-sync --virtual-time-budget=2000 --dump-dom"
)


def title_of(page: Path, profile: Path) -> str:
    """The title when the page has been loaded and whatever it runs has run."""
    if CHROMIUM is None:
        pytest.skip("chromium is not installed")
    command = [CHROMIUM, *OPTIONS.split(), f"--user-data-dir={profile}", page.as_uri()]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    found = re.search(r"<title>(.*?)</title>", done.stdout, re.DOTALL)
    assert found, done.stderr[-2000:]
    return found[1]


def test_attacks_in_every_field_run_nothing_and_would_be_seen_to_run(hostile_corpus: Path, tmp_path: Path) -> None:
    report = Path(write_report(str(hostile_corpus)))
    assert title_of(report, tmp_path / "one") == "tiny-2020: corpus report"
    bare = tmp_path / "bare.html"
    bare.write_text("<title>quiet</title><script>document.title='owned'</script><p>some")
    assert title_of(bare, tmp_path / "two") == "owned"
