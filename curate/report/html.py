"""report.html: one page that shows what became of a corpus, readable without a network and without scripts.

All that was crawled is hostile: the template escapes every value, and every string passes `clean` on its way there.
"""

from __future__ import annotations

from functools import cache
from importlib.resources import files

import jinja2
from markupsafe import Markup

from curate.report import charts, views
from curate.report.clean import clean
from curate.report.corpus import Corpus
from curate.report.survey import survey
from curate.report.table import account_text, characters_per_token, percent, proof
from curate.storage import atomic_write, join


def write_report(output: str) -> str:
    """Write `output`/report.html; returns its path. Raises UserError where there is no finished build.

    Its bytes depend on what the folder holds and on nothing else. Memory: one shard, and the samples.
    """
    path = join(output, "report.html")
    page = render(Corpus(output))
    with atomic_write(path) as out:
        out.write(page.encode())
    return path


def render(corpus: Corpus) -> str:
    """The page."""
    found = survey(corpus)
    excerpts = corpus.excerpts(views.wanted(found))
    summary = corpus.summary
    kept, read = summary["stages"][-1]["out"], summary["stages"][0]["in"]
    ratio = characters_per_token(summary)
    return (
        _environment()
        .get_template("report.html.jinja")
        .render(
            style=Markup(_packaged("report.css")),
            summary=summary,
            tiles=[
                ("tokens", f"{summary['tokens']:,}", f"{ratio:.2f} characters a token" if ratio else ""),
                (
                    "documents",
                    f"{kept:,}",
                    f"{percent(kept / read)} of {read:,} records" if read else "no record was read",
                ),
                ("input", views.size(summary["input_bytes"]), views.count(summary["input_files"], "file")),
                ("time", views.duration(summary["seconds"]), "of this run"),
                ("peak memory", views.size(summary["peak_memory"]), "of one process"),
            ],
            proof=proof(summary),
            account=account_text(summary),
            stages=views.stages(summary),
            languages=views.languages(found),
            perplexity=views.perplexity(found),
            histograms=views.histograms(found),
            constant=views.constant(found),
            domains=[
                ("Most kept", "kept", found.domains.top(15, 0)),
                ("Most dropped", "dropped", found.domains.top(15, 1)),
            ],
            domains_exact=found.domains.exact,
            reasons=views.reasons(summary, found, excerpts),
            kept=[views.Card.of(excerpts[at]) for at in found.kept.items() if at in excerpts],
            lines=views.lines(found, excerpts),
            pairs=views.pairs(found, excerpts),
            aside=views.aside(summary, found),
            bar=charts.bar,
            breakable=views.breakable,
            percent=percent,
            glosses=views.REASONS,
        )
    )


@cache
def _environment() -> jinja2.Environment:
    return jinja2.Environment(
        loader=jinja2.FunctionLoader(_packaged),
        autoescape=True,
        finalize=lambda value: clean(value) if isinstance(value, str) and not isinstance(value, Markup) else value,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )


def _packaged(name: str) -> str:
    return files("curate.report").joinpath(name).read_text("utf-8")
