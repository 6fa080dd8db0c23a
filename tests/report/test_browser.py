"""report.html in a real browser: what it says arrives, nothing of a crawl runs, and it fits a phone."""

from __future__ import annotations

import contextlib
import json
import re
import shutil
import subprocess
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from curate.report.html import write_report

pytestmark = pytest.mark.browser
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
DRIVER = shutil.which("chromedriver")
OPTIONS = (
    "--headless --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking"
    " --disable-component-update --disable-sync"
)


class Browser:
    """A session of chromedriver, spoken to in the W3C's WebDriver protocol."""

    def __init__(self, address: str, width: int, profile: Path) -> None:
        self.address = address
        options = {
            "binary": CHROMIUM,
            "args": [*OPTIONS.split(), f"--user-data-dir={profile}"],
            "mobileEmulation": {"deviceMetrics": {"width": width, "height": 900, "pixelRatio": 1.0}},
        }
        wanted = {"goog:chromeOptions": options, "goog:loggingPrefs": {"browser": "ALL"}}
        self.session = self.call("POST", "/session", {"capabilities": {"alwaysMatch": wanted}})["sessionId"]

    def call(self, method: str, path: str, body: Any = None) -> Any:
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self.address + path, data, {"Content-Type": "application/json"}, method=method)
        # No proxy: the driver is on this machine.
        with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(request, timeout=60) as answer:
            return json.load(answer)["value"]

    def open(self, page: Path) -> None:
        self.call("POST", f"/session/{self.session}/url", {"url": page.as_uri()})

    def run(self, script: str) -> Any:
        return self.call("POST", f"/session/{self.session}/execute/sync", {"script": script, "args": []})

    def devtools(self, command: str, **parameters: Any) -> None:
        self.call("POST", f"/session/{self.session}/goog/cdp/execute", {"cmd": command, "params": parameters})

    def console(self) -> list[str]:
        entries = self.call("POST", f"/session/{self.session}/se/log", {"type": "browser"})
        # Whatever a page of a file asks for its icon with is the browser's own doing.
        return [entry["message"] for entry in entries if "favicon.ico" not in entry["message"]]

    def quit(self) -> None:
        self.call("DELETE", f"/session/{self.session}")


@pytest.fixture(scope="module")
def driver() -> Iterator[str]:
    """The address of a running chromedriver."""
    if CHROMIUM is None or DRIVER is None:
        pytest.skip("chromium and chromedriver are not installed")
    process = subprocess.Popen([DRIVER, "--port=0"], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    try:
        assert process.stdout is not None
        port = next(found[1] for line in process.stdout if (found := re.search(r"successfully on port (\d+)", line)))
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait(10)


@contextlib.contextmanager
def browsing(driver: str, width: int, profile: Path) -> Iterator[Browser]:
    browser = Browser(driver, width, profile)
    try:
        yield browser
    finally:
        browser.quit()


@pytest.fixture(params=[400, 1200], ids=["phone", "desk"])
def browser(driver: str, tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Browser]:
    with browsing(driver, request.param, tmp_path / "profile") as opened:
        yield opened


OVERFLOWING = """
const width = document.documentElement.clientWidth, found = [];
for (const e of document.body.querySelectorAll('*')) {
  if (e.closest('.scroll, svg')) continue;
  if (e.getBoundingClientRect().right > width + 1) found.push(e.tagName + '.' + e.className);
}
return [width, document.documentElement.scrollWidth, found];
"""
OPEN_ALL = "document.querySelectorAll('details').forEach(e => e.open = true)"


def fits(browser: Browser) -> None:
    browser.run(OPEN_ALL)
    width, scroll_width, found = browser.run(OVERFLOWING)
    assert found == []
    assert scroll_width <= width


def test_the_report_of_a_small_corpus_says_what_happened(browser: Browser, tiny_corpus: Path) -> None:
    browser.open(Path(write_report(str(tiny_corpus))))
    assert browser.run("return document.title") == "tiny-2020: corpus report"
    assert browser.run("return document.compatMode") == "CSS1Compat"
    headings = browser.run("return [...document.querySelectorAll('h1, h2')].map(e => e.innerText)")
    assert headings == [
        "tiny-2020",
        "From records to tokens",
        "Languages",
        "Perplexity",
        "Scores",
        "Domains",
        "What was dropped",
        "What was kept",
        "Removed lines",
        "Near-duplicates",
        "Set aside",
        "How it was made",
    ]
    text = browser.run(OPEN_ALL + "; return document.body.innerText")
    for expected in ("15 records read = 3 kept + 9 dropped + 3 set aside", "12, kept when ≥ 50", "ends in the middle"):
        assert expected in text
    assert browser.run("return document.querySelectorAll('svg.histogram rect').length") > 10
    assert browser.console() == []
    fits(browser)


def test_nothing_of_a_hostile_corpus_runs_loads_or_widens_the_page(browser: Browser, hostile_corpus: Path) -> None:
    browser.open(Path(write_report(str(hostile_corpus))))
    browser.run(OPEN_ALL)
    assert browser.run("return document.title") == "tiny-2020: corpus report"
    assert browser.run("return document.scripts.length") == 0
    assert browser.run("return document.querySelectorAll('img, iframe, object, embed, base, link, form').length") == 0
    links = browser.run("return [...document.links].map(e => e.href.split('#')[0])")
    assert set(links) == {(hostile_corpus / "report.html").as_uri()}
    assert browser.run("return performance.getEntriesByType('resource').map(e => e.name)") == []
    assert "<script>document.title='owned'</script>" in browser.run("return document.body.innerText")
    assert browser.console() == []  # a blocked script or resource would be told here
    fits(browser)


def test_the_policy_stops_a_script_that_got_in_all_the_same(browser: Browser, tiny_corpus: Path) -> None:
    path = Path(write_report(str(tiny_corpus)))
    page = path.read_text("utf-8")
    attack = "<script>document.title='owned'</script><img src=x onerror=\"document.title='owned'\">"
    path.write_text(page.replace("</main>", attack + "</main>"), "utf-8")
    browser.open(path)
    assert browser.run("return document.title") == "tiny-2020: corpus report"
    assert any("Content Security Policy" in message for message in browser.console())


def test_light_and_dark_follow_the_reader(driver: str, tiny_corpus: Path, tmp_path: Path) -> None:
    grounds = []
    with browsing(driver, 1200, tmp_path / "profile") as browser:
        for scheme in ("light", "dark"):
            features = [{"name": "prefers-color-scheme", "value": scheme}]
            browser.devtools("Emulation.setEmulatedMedia", features=features)
            browser.open(Path(write_report(str(tiny_corpus))))
            grounds.append(browser.run("return getComputedStyle(document.body).backgroundColor"))
    light, dark = (sum(map(int, re.findall(r"\d+", ground))) for ground in grounds)
    assert light > 600 > 150 > dark


def test_the_report_of_the_sample_opens_and_fits(browser: Browser, built: Path, tmp_path: Path) -> None:
    page = tmp_path / "report.html"
    page.write_bytes((built / "report.html").read_bytes())
    summary = json.loads((built / "summary.json").read_bytes())
    browser.open(page)
    assert browser.run("return document.querySelector('h1').innerText") == summary["name"]
    assert f"{summary['tokens']:,}" in browser.run("return document.querySelector('.tiles').innerText")
    reasons = browser.run("return [...document.querySelectorAll('.stages tbody code')].map(e => e.innerText)")
    assert {reason for stage in summary["stages"] for reason in stage["dropped"]} <= set(reasons)
    assert browser.console() == []
    fits(browser)
