"""The loss of a run over its tokens, as one SVG file."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from curate.report.clean import REPLACEMENT, printable
from curate.storage import atomic_write
from curate.training.record import METRICS, read_metrics

Curve = tuple[NDArray[np.float64], NDArray[np.float64]]
"""Tokens and loss, each [points]."""

_POINTS = 1000
_WITHIN = 8
_ROWS = 20
# Okabe and Ito's colours, told apart by colour-blind readers.
_COLOURS = ("#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#000000")
_DASHES = ("-", "--", ":", "-.")


def curves(records: Iterable[Mapping[str, Any]]) -> tuple[Curve, dict[str, Curve]]:
    """Training loss and, by source in sorted order, validation loss, from the records of a metrics.jsonl.

    A loss that was not finite (null) is left out.
    """
    train: list[tuple[float, float]] = []
    validation: dict[str, list[tuple[float, float]]] = {}
    for record in records:
        if record.get("kind") == "train" and record.get("loss") is not None:
            train.append((record["tokens"], record["loss"]))
        elif record.get("kind") == "validation":
            for source, loss in record["losses"].items():
                if loss is not None:
                    validation.setdefault(source, []).append((record["tokens"], loss))
    return _curve(train), {source: _curve(validation[source]) for source in sorted(validation)}


def smooth(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Mean of the 5 % of a run around each of its points, of less near the start, where the loss falls fast.

    Point n of N takes n - h to n + h with h = min(N // 40, n // 4). What comes after is in it as well as what came
    before: an average that trails would lie above a falling loss, and make validation look better than training.
    """
    places = np.arange(len(values))
    half = np.minimum(len(values) // 40, places // 4)
    sums = np.concatenate([[0.0], np.cumsum(values)])
    first, after = places - half, np.minimum(places + half + 1, len(values))
    mean: NDArray[np.float64] = (sums[after] - sums[first]) / (after - first)
    return mean


def plot_loss(folder: str | Path, *, log_tokens: bool = False, title: str = "") -> Path | None:
    """Write `loss.svg` beside a run's metrics.jsonl: training loss and its running mean, validation by source.

    None, and no file, where nothing was measured yet. The same records give the same bytes, whatever matplotlib's
    settings. Text stays text, so the file holds no font.
    """
    source = Path(folder) / METRICS
    if not source.is_file():
        return None
    train, validation = curves(read_metrics(source))
    if not len(train[0]) and not validation:
        return None
    path = Path(folder) / "loss.svg"
    with atomic_write(str(path.absolute())) as out:
        draw(out, train, validation, log_tokens=log_tokens, title=title)
    return path


def draw(out: Any, train: Curve, validation: Mapping[str, Curve], *, log_tokens: bool, title: str) -> None:
    """Write the plot as SVG to a binary file."""
    import matplotlib
    from matplotlib.backends.backend_svg import FigureCanvasSVG
    from matplotlib.figure import Figure
    from matplotlib.ticker import FuncFormatter, LogLocator

    with matplotlib.rc_context():
        matplotlib.rcdefaults()
        matplotlib.rcParams.update({"svg.hashsalt": "curate", "svg.fonttype": "none", "axes.axisbelow": True})
        # Many names stand beside the plot, not on it.
        columns = math.ceil((len(validation) + 1) / _ROWS) if len(validation) > _WITHIN else 0
        figure = Figure(figsize=(8 + 2.5 * columns, 4.8), layout="constrained")
        FigureCanvasSVG(figure)
        axes = figure.add_subplot()
        axes.spines[["top", "right"]].set_visible(False)
        counts = FuncFormatter(lambda value, _: short_count(value))
        axes.grid(color="#dde1e4", linewidth=0.6)
        handles, labels = [], []
        tokens, loss = train
        if len(tokens):
            # Thinned after smoothing, so that a point shown stands for those left out around it.
            shown = _thin(len(tokens), _POINTS)
            axes.plot(tokens[shown], loss[shown], color="#0072b2", alpha=0.25, linewidth=0.8)
            handles += axes.plot(tokens[shown], smooth(loss)[shown], color="#0072b2", linewidth=1.8)
            labels.append("training")
        styles = itertools.cycle(itertools.product(_DASHES, _COLOURS))
        for (name, (tokens, loss)), (dash, colour) in zip(validation.items(), styles, strict=False):
            shown = _thin(len(tokens), _POINTS)
            marker = "o" if len(shown) <= 40 else ""
            handles += axes.plot(
                tokens[shown], loss[shown], color=colour, linestyle=dash, marker=marker, markersize=3, linewidth=1.4
            )
            labels.append("validation: " + printable(name, REPLACEMENT))
        if log_tokens and any((tokens > 0).any() for tokens, _ in (train, *validation.values())):
            axes.set_xscale("log")
            axes.xaxis.set_minor_locator(LogLocator(subs=(2, 5)))
            axes.xaxis.set_minor_formatter(counts)
            axes.tick_params(which="both", length=3.5, pad=3.5)
        axes.xaxis.set_major_formatter(counts)
        axes.set_xlabel("tokens")
        axes.set_ylabel("loss (nats per token)")
        heading = axes.set_title(printable(title, REPLACEMENT), loc="left")
        if columns:
            legend = figure.legend(handles, labels, frameon=False, loc="outside right upper", ncols=columns)
        else:
            legend = axes.legend(handles, labels, frameon=False)
        # A name is a name: "$" in it starts no formula.
        for text in (heading, *legend.get_texts()):
            text.set_parse_math(False)
        figure.savefig(out, format="svg", metadata={"Date": None, "Creator": None})


def short_count(value: float) -> str:
    """3 digits and K, M, B or T (powers of 1000)."""
    for unit, size in (("T", 1e12), ("B", 1e9), ("M", 1e6), ("K", 1e3)):
        # 999,600 shows as 1M, not 1e+03K.
        if abs(value) >= 0.9995 * size:
            return f"{value / size:.3g}{unit}"
    return f"{value:.3g}"


def _curve(points: Sequence[tuple[float, float]]) -> Curve:
    kept = [(tokens, loss) for tokens, loss in points if math.isfinite(loss)]
    table = np.array(kept, dtype=np.float64).reshape(-1, 2)
    return table[:, 0], table[:, 1]


def _thin(points: int, most: int) -> NDArray[np.int64]:
    """Places of at most `most` points, evenly spread, first and last among them."""
    return np.unique(np.linspace(0, points - 1, min(points, most)).round().astype(np.int64))
