"""What the report shows of an output folder, gathered in two passes over its shards in memory that stays bounded."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pyarrow as pa

from curate.dedup.captures import Reason
from curate.report.corpus import Address, Corpus, Shard, column
from curate.report.histograms import Floats, Histogram, Spread, choose_axis
from curate.report.samples import Sample, Tally, rank
from curate.text.urls import host_and_path

SAMPLES = 5
"""Samples of each reason."""
LINES = 60
"""Lines of each kind to choose samples from: those of one text are shown once."""
DOMAINS = 100_000
NOT_A_PAGE = "not_a_page"
"""Requests and metadata of a crawl: records of a domain, but no pages of it."""
LANGUAGE, PERPLEXITY, PERPLEXITY_LANGUAGE = "language.language", "perplexity.perplexity", "perplexity.language"


@dataclass(frozen=True, slots=True)
class Dropped:
    """A document that is not in the corpus.

    by: the document that displaced it. failed: of a rule, its measurement, value, comparison, threshold and source.
    """

    at: Address
    by: Address | None = None
    failed: tuple[str, str, str, str, str] | None = None


@dataclass(frozen=True, slots=True)
class Unread:
    """A record that no document came of: dropped while reading (url), or set aside (no url)."""

    file: str
    offset: int
    detail: str
    url: str | None = None


@dataclass(frozen=True, slots=True)
class Pair:
    """A near-duplicate, who displaced it, and their estimated Jaccard similarity."""

    at: Address
    by: Address
    jaccard: float


@dataclass(frozen=True, slots=True)
class Line:
    """A line that line dedup took out of a document, and how often its group of files has it."""

    at: Address
    number: int
    copies: int


@dataclass(frozen=True, slots=True)
class Threshold:
    """A rule's limit: documents are kept where `measurement keep value`; keep is "" where that is not known."""

    keep: str
    value: float


@dataclass
class Survey:
    """tallies: domains -> [kept, dropped, tokens]; languages -> [scored, kept, tokens];
    buckets -> [head, middle, tail, no cutoffs] by language of the perplexity."""

    kept: Sample[Address] = field(default_factory=lambda: Sample(2 * SAMPLES))
    dropped: dict[str, Sample[Dropped]] = field(default_factory=dict)
    unread: dict[str, Sample[Unread]] = field(default_factory=dict)
    aside: dict[str, Sample[Unread]] = field(default_factory=dict)
    pairs: Sample[Pair] = field(default_factory=lambda: Sample(SAMPLES))
    frequent_lines: Sample[Line] = field(default_factory=lambda: Sample(LINES))
    lines: Sample[Line] = field(default_factory=lambda: Sample(LINES))
    domains: Tally = field(default_factory=lambda: Tally(3, DOMAINS))
    languages: Tally = field(default_factory=lambda: Tally(3, DOMAINS))
    buckets: Tally = field(default_factory=lambda: Tally(4, DOMAINS))
    spreads: dict[str, Spread] = field(default_factory=dict)
    thresholds: dict[str, set[Threshold]] = field(default_factory=dict)
    histograms: dict[str, Histogram] = field(default_factory=dict)
    cutoffs: dict[str, tuple[float, float]] = field(default_factory=dict)


def survey(corpus: Corpus) -> Survey:
    """Both passes."""
    found = Survey()
    select = corpus.selection()
    filters = select.get("filters") or {}
    found.cutoffs = perplexity_cutoffs(select)
    for number in corpus.shards:
        shard = Shard(corpus, number)
        _documents(found, shard)
        _dropped(found, shard)
        _near(found, shard)
        _lines(found, shard)
        _scores(found, shard)
        _unread(found, corpus, number)
    for name, spread in found.spreads.items():
        limits = found.thresholds.setdefault(name, set())
        limits |= configured(name, filters)
        axis = choose_axis(spread, sorted({limit.value for limit in limits}))
        if axis is not None:
            found.histograms[name] = Histogram(axis)
    for number in corpus.shards:
        shard = Shard(corpus, number)
        if shard.scores is None:
            continue
        kept = shard.kept[column(shard.scores, "row")]
        for name, values, _ in numbers(shard.scores):
            if name in found.histograms:
                found.histograms[name].add(values, kept)
    return found


def perplexity_cutoffs(select: Mapping[str, Any]) -> dict[str, tuple[float, float]]:
    """language -> (head below, tail from), as far as the record of the select stage says."""
    given = select.get("cutoffs") or ((select.get("filters") or {}).get("perplexity") or {}).get("cutoffs") or {}
    return {language: (float(low), float(high)) for language, (low, high) in sorted(given.items())}


def configured(name: str, filters: Mapping[str, Any]) -> set[Threshold]:
    """Thresholds that a filter's settings name by convention: `min_<measurement>` and `max_<measurement>`."""
    which, _, measurement = name.partition(".")
    settings = filters.get(which) or {}
    pairs = ((">=", settings.get(f"min_{measurement}")), ("<=", settings.get(f"max_{measurement}")))
    return {
        Threshold(keep, float(value))
        for keep, value in pairs
        if isinstance(value, int | float) and not isinstance(value, bool)
    }


def numbers(scores: pa.Table | None) -> Iterator[tuple[str, Floats, bool]]:
    """(column, values with NaN for none, whether it holds integers) of every numeric measurement."""
    if scores is None:
        return
    for item in scores.schema:
        whole = pa.types.is_integer(item.type)
        if (whole or pa.types.is_floating(item.type)) and (item.name == "characters" or "." in item.name):
            values = scores[item.name].cast(pa.float64(), safe=False).fill_null(math.nan)
            yield item.name, np.asarray(values.to_numpy()), whole


def _documents(found: Survey, shard: Shard) -> None:
    for row, (url, keep, tokens) in enumerate(zip(shard.urls, shard.kept.tolist(), shard.tokens.tolist(), strict=True)):
        found.domains.add(host_and_path(url)[0], int(keep), int(not keep), tokens)
        if keep:
            found.kept.add((rank(shard.ids[row]),), (shard.number, row))


def _dropped(found: Survey, shard: Shard) -> None:
    def add(reason: str, item: Dropped) -> None:
        sample = found.dropped.setdefault(reason, Sample(SAMPLES))
        sample.add((rank(shard.ids[item.at[1]]),), item)

    if shard.displaced is not None:
        for item in shard.displaced.to_pylist():
            by = (item["by_shard"], item["by_row"])
            add(Reason(item["reason"]).label, Dropped((shard.number, item["row"]), by))
    for item in shard.books.to_pylist() if shard.books is not None else ():
        add(Reason.CONTAINED.label, Dropped((shard.number, item["row"]), (item["by_shard"], item["by_row"])))
    for row in np.flatnonzero(shard.fates == Reason.EMPTY.label).tolist():
        add(Reason.EMPTY.label, Dropped((shard.number, row)))
    if shard.verdicts is None:
        return
    for item in shard.verdicts.filter(shard.verdicts["reason"].is_valid()).to_pylist():
        which, _, _ = item["reason"].partition(".")
        failed = None
        if item["measurement"] is not None:
            column_name = f"{which}.{item['measurement']}"
            failed = (column_name, item["value"], item["keep"], item["threshold"], item["source"])
            if (limit := as_number(item["threshold"])) is not None:
                found.thresholds.setdefault(column_name, set()).add(Threshold(item["keep"], limit))
        add(item["reason"], Dropped((shard.number, item["row"]), failed=failed))


def as_number(text: str | None) -> float | None:
    """The finite number that a verdict's threshold is, or None."""
    try:
        value = float(text or "")
    except ValueError:
        return None
    return value if math.isfinite(value) else None


def _near(found: Survey, shard: Shard) -> None:
    for item in shard.near.to_pylist() if shard.near is not None else ():
        pair = Pair((shard.number, item["row"]), (item["by_shard"], item["by_row"]), item["jaccard"])
        found.pairs.add((rank(shard.ids[item["row"]]),), pair)


def _lines(found: Survey, shard: Shard) -> None:
    """One line of each run of lines that have as many copies and the same other document: mostly one template."""
    if shard.lines is None or shard.lines.num_rows == 0:
        return
    lists = {name: shard.lines[name].combine_chunks() for name in ("lines", "copies", "other_shard", "other_row")}
    rows = np.repeat(column(shard.lines, "row"), lists["lines"].value_lengths().to_numpy())
    flat = {name: np.asarray(values.flatten().to_numpy()) for name, values in lists.items()}
    keys = np.stack([flat["copies"], flat["other_shard"], flat["other_row"]], axis=1)
    if len(keys) == 0:
        return
    _, firsts = np.unique(keys, axis=0, return_index=True)
    for index in firsts.tolist():
        copies, other_shard, other_row = map(int, keys[index])
        line = Line((shard.number, int(rows[index])), int(flat["lines"][index]), copies)
        by = rank(f"{copies} {other_shard} {other_row}")
        found.frequent_lines.add((-copies, by), line)
        found.lines.add((by,), line)


def _scores(found: Survey, shard: Shard) -> None:
    scores = shard.scores
    for name, values, whole in numbers(scores):
        found.spreads.setdefault(name, Spread()).add(values, whole)
    if scores is None:
        return
    rows = column(scores, "row")
    kept, tokens = shard.kept[rows], shard.tokens[rows]
    if LANGUAGE in scores.column_names:
        languages = np.array([language or "" for language in scores[LANGUAGE].to_pylist()], dtype=object)
        for language in sorted(set(languages.tolist())):
            here = languages == language
            found.languages.add(language, int(here.sum()), int((here & kept).sum()), int(tokens[here].sum()))
    if found.cutoffs and {PERPLEXITY, PERPLEXITY_LANGUAGE} <= set(scores.column_names):
        pairs = zip(scores[PERPLEXITY].to_pylist(), scores[PERPLEXITY_LANGUAGE].to_pylist(), strict=True)
        for value, language in pairs:
            if value is None or not math.isfinite(value):
                continue
            limits = found.cutoffs.get(language or "") or found.cutoffs.get("*")
            bucket = 3 if limits is None else 0 if value < limits[0] else 1 if value < limits[1] else 2
            found.buckets.add(language or "", *(int(bucket == index) for index in range(4)))


def _unread(found: Survey, corpus: Corpus, number: int) -> None:
    def add(samples: dict[str, Sample[Unread]], item: Mapping[str, Any], url: str | None) -> None:
        sample = samples.setdefault(item["reason"], Sample(SAMPLES))
        unread = Unread(item["file"], item["offset"], item["detail"], url)
        sample.add((rank(f"{item['file']}\x00{item['offset']}\x00{url}"),), unread)

    dropped = corpus.read("documents/dropped", number)
    for item in dropped.to_pylist() if dropped is not None else ():
        if item["reason"] != NOT_A_PAGE:
            found.domains.add(host_and_path(item["url"])[0], 0, 1, 0)
        add(found.unread, item, item["url"])
    for prefix in ("shard", "score", "select"):
        aside = corpus.read("set_aside", number, prefix=prefix)
        for item in aside.to_pylist() if aside is not None else ():
            add(found.aside, item, None)
