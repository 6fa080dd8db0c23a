from __future__ import annotations

import math
import re
import subprocess
import sys
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from curate.training.plot import curves, plot_loss, short_count, smooth
from curate.training.record import METRICS, Metrics, Progress


def record_run(folder: Path, *, steps: int = 30, sources: tuple[str, ...] = ("web", "wiki"), first: int = 1) -> None:
    with Metrics(folder) as metrics:
        for step in range(first, steps + 1):
            loss = math.nan if step == 7 else 3 + 7 * math.exp(-step / 10)
            metrics.train(Progress(step, steps, step * 2048, loss, 1e-3, 1.0, 1e5))
            if step % 10 == 0:
                metrics.validation(step, step * 2048, {name: 3.5 + place for place, name in enumerate(sources)})


def shown(path: Path) -> str:
    """All the text of a plot."""
    return "\n".join(ElementTree.parse(path).getroot().itertext())


def test_the_plot_names_training_and_every_source(tmp_path: Path) -> None:
    record_run(tmp_path)
    path = plot_loss(tmp_path, title="tiny")
    assert path == tmp_path / "loss.svg"
    text = shown(path)
    for words in ("tiny", "training", "validation: web", "validation: wiki", "tokens", "loss (nats per token)"):
        assert words in text


@pytest.mark.parametrize("log_tokens", [False, True])
def test_the_same_records_give_the_same_bytes_whatever_the_settings(tmp_path: Path, log_tokens: bool) -> None:
    record_run(tmp_path)
    path = plot_loss(tmp_path, log_tokens=log_tokens)
    assert path is not None
    here = path.read_bytes()
    script = (
        "import sys, matplotlib\n"
        "matplotlib.rcParams.update({'font.size': 31, 'lines.linewidth': 9, 'svg.hashsalt': 'other'})\n"
        "from curate.training.plot import plot_loss\n"
        "plot_loss(sys.argv[1], log_tokens=sys.argv[2] == 'True')\n"
        "assert matplotlib.rcParams['font.size'] == 31\n"
    )
    subprocess.run([sys.executable, "-c", script, tmp_path, str(log_tokens)], check=True)
    assert path.read_bytes() == here


def test_the_plot_needs_nothing_outside_itself(tmp_path: Path) -> None:
    record_run(tmp_path)
    path = plot_loss(tmp_path)
    assert path is not None
    root = ElementTree.parse(path).getroot()
    links = [value for node in root.iter() for key, value in node.attrib.items() if key.endswith("href")]
    assert all(link.startswith("#") for link in links)
    assert not [node for node in root.iter() if node.tag.endswith(("}script", "}image", "}foreignObject"))]
    assert "@import" not in path.read_text()


@pytest.mark.parametrize("name", ["$x_{", "_hidden", "a<b>&\"c'", "nul\0", "half \ud800", "--", ""])
def test_a_source_of_any_name_is_in_the_legend(tmp_path: Path, name: str) -> None:
    record_run(tmp_path, sources=(name,))
    path = plot_loss(tmp_path)
    assert path is not None
    plain = re.sub("[\0\ud800]", "\N{REPLACEMENT CHARACTER}", name)
    assert f"validation: {plain}".strip() in shown(path)


def test_a_plot_of_more_sources_than_colours_names_them_all(tmp_path: Path) -> None:
    sources = tuple(f"source{number:02}" for number in range(30))
    record_run(tmp_path, sources=sources)
    path = plot_loss(tmp_path)
    assert path is not None
    assert all(name in shown(path) for name in sources)


def test_a_loss_that_was_not_finite_is_left_out(tmp_path: Path) -> None:
    records = [
        {"kind": "train", "step": 1, "tokens": 10, "loss": 4.0},
        {"kind": "train", "step": 2, "tokens": 20, "loss": None},
        {"kind": "validation", "step": 2, "tokens": 20, "losses": {"b": 3.0, "a": None}},
        {"kind": "sample", "step": 2, "text": "words"},
        {"kind": "train", "step": 3, "tokens": 30, "loss": 2.0},
    ]
    (tokens, loss), validation = curves(records)
    assert (tokens.tolist(), loss.tolist()) == ([10.0, 30.0], [4.0, 2.0])
    assert {source: (t.tolist(), v.tolist()) for source, (t, v) in validation.items()} == {"b": ([20.0], [3.0])}


def test_nothing_is_drawn_before_anything_is_measured(tmp_path: Path) -> None:
    assert plot_loss(tmp_path) is None
    with Metrics(tmp_path) as metrics:
        metrics.train(Progress(1, 2, 2048, math.nan, 1e-3, 1.0, 1e5))
    assert plot_loss(tmp_path) is None
    assert not (tmp_path / "loss.svg").exists()


@pytest.mark.parametrize("log_tokens", [False, True])
def test_one_validation_before_the_first_step_can_be_drawn(tmp_path: Path, log_tokens: bool) -> None:
    with Metrics(tmp_path) as metrics:
        metrics.validation(0, 0, {"web": 10.0})
    path = plot_loss(tmp_path, log_tokens=log_tokens)
    assert path is not None
    assert "validation: web" in shown(path)


def test_a_long_run_makes_no_larger_a_file(tmp_path: Path) -> None:
    lines = [f'{{"kind":"train","step":{n},"tokens":{n},"loss":{2 + math.sin(n)}}}' for n in range(1, 60_001)]
    (tmp_path / METRICS).write_text("\n".join(lines) + "\n")
    path = plot_loss(tmp_path)
    assert path is not None
    assert path.stat().st_size < 200_000


def test_smoothing_takes_the_mean_of_a_twentieth_of_the_run_around_a_point() -> None:
    values = np.random.default_rng(0).normal(3, 1, 200)
    smoothed = smooth(values)
    for place in (20, 100, 194):
        assert smoothed[place] == pytest.approx(values[place - 5 : place + 6].mean())
    assert smoothed[19] == pytest.approx(values[15:24].mean())
    assert smoothed[199] == pytest.approx(values[194:].mean())
    assert smoothed[:4] == pytest.approx(values[:4])


def test_smoothing_does_not_trail_a_falling_loss() -> None:
    values = np.linspace(10, 3, 400)
    np.testing.assert_allclose(smooth(values)[:390], values[:390], rtol=1e-12)


def test_a_run_of_few_records_is_not_smoothed() -> None:
    values = np.random.default_rng(0).normal(3, 1, 39)
    np.testing.assert_allclose(smooth(values), values, rtol=1e-12)


@given(st.lists(st.floats(0, 100), min_size=1, max_size=200))
def test_a_smoothed_loss_stays_within_what_was_measured(losses: list[float]) -> None:
    smoothed = smooth(np.array(losses))
    assert smoothed.min() >= min(losses) - 1e-9
    assert smoothed.max() <= max(losses) + 1e-9


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0, "0"),
        (999, "999"),
        (999.4, "999"),
        (999.6, "1K"),
        (1000, "1K"),
        (1_500_000, "1.5M"),
        (999_400, "999K"),
        (999_600, "1M"),
        (4_194_304, "4.19M"),
        (1.4e12, "1.4T"),
    ],
)
def test_a_count_has_three_digits_and_a_unit(value: float, text: str) -> None:
    assert short_count(value) == text
