"""The filters of a manifest, in order: validated, loaded, measuring, editing, deciding."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pyarrow as pa

from curate.errors import UserError
from curate.manifest import validated
from curate.sections import nearest
from curate.text.page import Page
from curate.topics import Topics, unknown_measurements
from filters.c4 import C4
from filters.ccnet_length import CCNetLength
from filters.classifiers import Classifiers
from filters.code import Code
from filters.code_header import CodeHeader
from filters.decontamination import Decontamination
from filters.dirty_words import DirtyWords
from filters.filter import Filter, Value, Verdict
from filters.fineweb import FineWeb
from filters.gopher_quality import GopherQuality
from filters.gopher_repetition import GopherRepetition
from filters.host_pii import HostPII
from filters.language import Language
from filters.licence import Licence
from filters.mc4 import MC4
from filters.ngram_coverage import NgramCoverage
from filters.nsfw import Nsfw
from filters.perplexity import Perplexity
from filters.pii import PII
from filters.quality import Quality
from filters.secrets import Secrets
from filters.token_divergence import TokenDivergence

FILTERS: dict[str, type[Filter]] = {
    cls.name: cls
    for cls in (
        CCNetLength,
        Language,
        Perplexity,
        Quality,
        Nsfw,
        Classifiers,
        C4,
        MC4,
        GopherQuality,
        GopherRepetition,
        FineWeb,
        PII,
        Licence,
        Decontamination,
        HostPII,
        NgramCoverage,
        DirtyWords,
        TokenDivergence,
        CodeHeader,
        Code,
        Secrets,
    )
}


def build_chain(filters: Mapping[str, Mapping[str, Any]], where: str) -> list[Filter]:
    """The enabled filters of a manifest, in its order. Raises UserError on an unknown filter or key."""
    chain: list[Filter] = []
    for name, settings in filters.items():
        cls = FILTERS.get(name)
        if cls is None:
            raise UserError(f"{where}: unknown filter {name!r}{nearest(name, list(FILTERS))}")
        config = validated(cls.Config, settings or {}, f"{where}: filters.{name}")
        if config.enabled:
            chain.append(cls(config))
    return chain


def columns(chain: Sequence[Filter]) -> list[pa.Field]:
    """The score table's columns."""
    return [
        pa.field(f"{item.name}.{measurement}", kind) for item in chain for measurement, kind in item.columns.items()
    ]


def check_topics(topics: Topics, chain: Sequence[Filter], where: str) -> None:
    """Raise UserError for a condition of the manifest's, on topics or in a filter, on what no filter measures."""
    known = [f"{item.name}.{name}" for item in chain for name in (*item.columns, *item.corpus_columns)]
    stated = {f"tokens.topics.{topic}": conditions for topic, conditions in topics.items()}
    for item in chain:
        stated |= {f"filters.{item.name}.unless.{n}": conditions for n, conditions in enumerate(item.config.unless)}
    for name, measurement in unknown_measurements(stated, known):
        raise UserError(f"{where}: {name}: no filter measures {measurement!r}{nearest(measurement, known)}")


def measure(chain: Sequence[Filter], page: Page) -> tuple[dict[str, Value], str]:
    """All measurements of a page, and its text as the filters' edits leave it.

    Each filter measures what the ones before it left; the language filter's answer is what later ones go by.
    """
    row: dict[str, Value] = {}
    for item in chain:
        measured = item.measure(page) if item.concerns(page) else dict.fromkeys(item.columns)
        for measurement, value in measured.items():
            row[f"{item.name}.{measurement}"] = value
        page = after(item, page, row)
    return row, page.text


def after(item: Filter, page: Page, row: Mapping[str, Value]) -> Page:
    """The page that the next filter sees."""
    if item.name == Language.name:
        page.language = str(row["language.language"] or "")
    edited = item.edit(page) if item.concerns(page) else None
    return page if edited is None else page.with_text(edited)


def edited(chain: Sequence[Filter], page: Page, row: Mapping[str, Value]) -> str:
    """The text that is tokenized: what the filters' edits leave of a page that was measured before."""
    for item in chain:
        page = after(item, page, row)
    return page.text


def decide(chain: Sequence[Filter], row: Mapping[str, Value]) -> Verdict | None:
    """The first verdict that drops the page, in the manifest's order."""
    for item in chain:
        if item.lets_off(row):
            continue
        measured = {name: row[f"{item.name}.{name}"] for name in item.columns}
        # Where these settings do not ask for the corpus there is nothing of it.
        measured |= {name: row.get(f"{item.name}.{name}") for name in item.corpus_columns}
        verdict = item.decide(measured)
        if verdict is not None:
            return verdict
    return None
