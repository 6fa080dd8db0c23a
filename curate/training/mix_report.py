"""What `curate mix fit` leaves to read: mix.html, one page without scripts or network, and mixture.yaml.

All of it depends on mix.json only, byte for byte.
"""

from __future__ import annotations

import base64
import io
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import yaml
from markupsafe import Markup

from curate.report.clean import REPLACEMENT, printable
from curate.storage import atomic_write, join
from curate.training.plot import short_count

Record = Mapping[str, Any]
_BLUE, _ORANGE, _GREY = "#0072b2", "#d55e00", "#8a9197"
_STYLE = (
    "body{font:16px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem;color:#1c2226}"
    "table{border-collapse:collapse}td,th{padding:.2rem .8rem;text-align:right;border-bottom:1px solid #dde1e4}"
    "td:first-child,th:first-child{text-align:left}img{max-width:100%}pre{background:#f4f6f7;padding:1rem;overflow:auto}"
)


def write_report(folder: str, record: Record) -> None:
    """Write mix.html and mixture.yaml to `folder`, of the content of its mix.json."""
    with atomic_write(join(folder, "mixture.yaml")) as out:
        out.write(snippet(record).encode())
    with atomic_write(join(folder, "mix.html")) as out:
        out.write(page(record).encode())


def shares(record: Record) -> dict[str, float]:
    """The proposal as `mixture:` takes it: sources without a share are left out."""
    return {name: share for name, share in record["proportions"].items() if share > 0}


def snippet(record: Record) -> str:
    """The `mixture:` section of a training recipe."""
    return yaml.safe_dump({"mixture": shares(record)}, sort_keys=True, allow_unicode=True)


def setting(record: Record) -> str:
    """The value of `curate train --set`."""
    flow = yaml.safe_dump(shares(record), default_flow_style=True, width=10**9, allow_unicode=True).strip()
    return f"mixture={flow}"


def sentences(record: Record) -> list[str]:
    """The result in words."""
    agreement, predicted = record["held_out"]["target"], record["predicted"]["target"]
    natural = record["predicted_at_tokens_shares"]["target"]
    found = [
        f"Predicted target loss: {_between(predicted)} nats per token; {_between(natural)} at the tokens' own shares.",
        f"On mixes it did not see, the mixture law is off by {agreement['error']:.4f} (root mean square), Spearman "
        f"{_number(agreement['spearman'])}; a linear fit by {agreement['linear_error']:.4f}, Spearman "
        f"{_number(agreement['linear_spearman'])}.",
    ]
    check = record.get("check")
    if check:
        verdict = (
            f"a gain of {check['gain']:.4f}" if check["gain"] > 0 else "no gain: keep the shares, or train more proxies"
        )
        found.append(
            f"A proxy trained on the proposal measured {check['target']:.4f}, one on the tokens' own shares "
            f"{check['at_tokens_shares']:.4f}: {verdict}."
        )
    if record["diverged"]:
        found.append(f"{record['diverged']} proxies diverged and are left out.")
    scaling = record["scaling"]
    if scaling and scaling["law"]:
        law = scaling["law"]
        found.append(
            f"Chinchilla's law: L = {law['E']:.3g} + {law['A']:.3g} / N^{law['alpha']:.3g} + {law['B']:.3g} / "
            f"D^{law['beta']:.3g}, off by {scaling['error']:.4f} on its {len(scaling['points'])} points."
        )
        best = scaling["optimum"]
        found.append(
            f"By that law {record['budget']:,} tokens are optimal for {best['parameters']:,} parameters "
            f"({best['low']:,} to {best['high']:,}). The budget is {scaling['extrapolation']:.3g} times the longest "
            "proxy's."
            if best
            else f"These points do not tell which size {record['budget']:,} tokens are optimal for."
        )
    return found


def page(record: Record) -> str:
    """mix.html."""
    rows = Markup("").join(
        Markup("<tr><td>{}<td>{:.4f}<td>{:.4f} to {:.4f}<td>{:.4f}<td>{:.4f}<td>{:.3g}<td>{}").format(
            printable(name, REPLACEMENT), share, *record["proportions_interval"][name], record["tokens_shares"][name],
            record["bounds"][name], record["epochs"][name],
            _between(loss) if (loss := record["predicted"]["by_source"].get(name)) else "",
        )
        for name, share in record["proportions"].items()
    )  # fmt: skip
    figures = [("Predicted against measured loss", _draw_fit), ("Proposed shares", _draw_shares)]
    if record["scaling"] and record["scaling"]["law"]:
        figures.append(("Loss against tokens", _draw_scaling))
    return str(
        Markup(
            '<!doctype html><html lang="en"><meta charset="utf-8"><title>Mix</title><style>{}</style>'
            "<h1>Proposed mix</h1>{}<table><tr><th>source<th>share<th>5 % to 95 %<th>of tokens<th>at most<th>epochs"
            "<th>predicted loss{}"
            "</table>{}<h2>To use it</h2><pre>{}</pre></html>\n"
        ).format(
            Markup(_STYLE),
            Markup("").join(Markup("<p>{}</p>").format(line) for line in sentences(record)),
            rows,
            Markup("").join(
                Markup('<h2>{}</h2><img alt="{}" src="data:image/svg+xml;base64,{}">').format(
                    title, title, base64.b64encode(_svg(draw, record)).decode()
                )
                for title, draw in figures
            ),
            snippet(record),
        )
    )


def _svg(draw: Callable[[Any, Record], None], record: Record) -> bytes:
    import matplotlib
    from matplotlib.backends.backend_svg import FigureCanvasSVG
    from matplotlib.figure import Figure

    out = io.BytesIO()
    with matplotlib.rc_context():
        matplotlib.rcdefaults()
        matplotlib.rcParams.update({"svg.hashsalt": "curate", "svg.fonttype": "none", "axes.axisbelow": True})
        figure = Figure(figsize=(8, 4.8), layout="constrained")
        FigureCanvasSVG(figure)
        axes = figure.add_subplot()
        axes.spines[["top", "right"]].set_visible(False)
        axes.grid(color="#dde1e4", linewidth=0.6)
        draw(axes, record)
        legend = axes.legend(frameon=False)
        # A name is a name: "$" in it starts no formula.
        for text in (*legend.get_texts(), *(axes.get_yticklabels() if draw is _draw_shares else ())):
            text.set_parse_math(False)
        figure.savefig(out, format="svg", metadata={"Date": None, "Creator": None})
    return out.getvalue()


def _draw_fit(axes: Any, record: Record) -> None:
    runs = record["runs"]
    measured = [run["target"] for run in runs]
    _points(axes, measured, runs, "predicted", _BLUE, "held out, with the laws' 5 % to 95 %")
    ends = [min(measured), max(measured)]
    axes.plot(ends, ends, color=_GREY, linewidth=1, label="predicted = measured")
    if record.get("check"):
        predicted = record["check"]["predicted"]
        _points(axes, [record["check"]["target"]], [predicted], "loss", _ORANGE, "the proposal")
    axes.set_xlabel("measured target loss (nats per token)")
    axes.set_ylabel("predicted target loss")


def _points(axes: Any, x: Sequence[float], found: Sequence[Record], key: str, colour: str, label: str) -> None:
    """Points with bars from `low` to `high`; bars are cut where they would hide the points."""
    y = [one[key] for one in found]
    reach = 3 * max(max(x) - min(x), 0.01)
    low = [min(max(one[key] - one["low"], 0), reach) for one in found]
    high = [min(max(one["high"] - one[key], 0), reach) for one in found]
    axes.errorbar(x, y, yerr=[low, high], fmt="o", markersize=4, linewidth=0.8, color=colour, label=label)


def _draw_shares(axes: Any, record: Record) -> None:
    names = list(record["proportions"])
    places = list(range(len(names)))
    low, high = zip(*(record["proportions_interval"][name] for name in names), strict=True)
    axes.barh(
        [y - 0.2 for y in places], list(record["proportions"].values()), height=0.38, color=_BLUE, label="proposed"
    )
    axes.hlines([y - 0.2 for y in places], low, high, color="#1c2226", linewidth=1.5, label="5 % to 95 % of laws")
    axes.barh(
        [y + 0.2 for y in places], [record["tokens_shares"][name] for name in names], height=0.38, color=_GREY,
        label="share of the tokens",
    )  # fmt: skip
    axes.set_yticks(places, [printable(name, REPLACEMENT) for name in names])
    axes.invert_yaxis()
    axes.set_xlabel("share of the training tokens")


def _draw_scaling(axes: Any, record: Record) -> None:
    scaling = record["scaling"]
    colours = (_BLUE, _ORANGE, "#009e73", "#cc79a7", "#e69f00")
    for place, size in enumerate(sorted({point["parameters"] for point in scaling["points"]})):
        curve = [point for point in scaling["curves"] if point["parameters"] == size]
        points = [point for point in scaling["points"] if point["parameters"] == size]
        colour, tokens = colours[place % len(colours)], [point["tokens"] for point in curve]
        axes.plot(tokens, [point["loss"] for point in curve], color=colour, label=f"{size:,} parameters")
        axes.fill_between(
            tokens, [point["low"] for point in curve], [point["high"] for point in curve], color=colour, alpha=0.12,
            linewidth=0,
        )  # fmt: skip
        axes.plot([point["tokens"] for point in points], [point["loss"] for point in points], "o", color=colour)
    losses = [point["loss"] for point in scaling["points"]] + [point["loss"] for point in scaling["curves"]]
    margin = 0.2 * max(max(losses) - min(losses), 0.01)
    axes.set_ylim(min(losses) - margin, max(losses) + margin)
    axes.set_xscale("log")
    axes.xaxis.set_major_formatter(lambda value, _: short_count(value))
    axes.xaxis.set_minor_formatter(lambda value, _: "")
    axes.set_xlabel("tokens")
    axes.set_ylabel("target loss (nats per token)")


def _between(loss: Record) -> str:
    return f"{loss['loss']:.4f} ({loss['low']:.4f} to {loss['high']:.4f})"


def _number(value: float | None) -> str:
    return "undefined" if value is None else f"{value:.3f}"
