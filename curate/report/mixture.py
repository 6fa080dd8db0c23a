"""What a built mixture holds: its account, its documents' stories, and whether it is still what was written."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from typing import Any

import yaml

from curate.errors import UserError
from curate.mixture import Mixture, epochs, largest_budget
from curate.report.explain import Story, explain
from curate.report.verify import verify
from curate.storage import BrokenSeal, exists, join, read_bytes, read_sealed
from curate.tokens.verify import verify_tokens

RECORD = "mixture.json"
SHARES = "mixture.yaml"
SOURCES = "sources"


def read_mixture(output: str) -> dict[str, Any] | None:
    """mixture.json of a folder where a mixture was built, None where there is none. UserError where it is damaged."""
    path = join(output, RECORD)
    if not exists(path):
        return None
    try:
        return read_sealed(path)
    except BrokenSeal as error:
        raise UserError(f"{error}: run `curate verify {output}`") from error


def part_folders(output: str, record: Mapping[str, Any]) -> dict[str, str]:
    """Source -> the folder of its own build."""
    return {name: join(output, SOURCES, name) for name in record["sources"]}


def planned(record: Mapping[str, Any], budget: int | None = None) -> dict[str, Any]:
    """The same as `account` in figures; epochs of a source without tokens are null."""
    mixture = Mixture.model_validate(record["mixture"])
    tokens = {name: source["tokens"] for name, source in record["token_sources"].items()}
    found = [asdict(item) for item in epochs(mixture, tokens, budget)]
    for item in found:
        item["topic"] = mixture.topic(item["name"])
        item["epochs"] = item["epochs"] if math.isfinite(item["epochs"]) else None
    return {
        "budget": mixture.budget if budget is None else budget,
        "max_epochs": mixture.max_epochs,
        "largest_budget": largest_budget(mixture, tokens),
        "sources": found,
    }


def account(record: Mapping[str, Any], budget: int | None = None) -> list[str]:
    """The table of a mixture, line by line: what there is of each source, what is wanted, and what runs short."""
    mixture = Mixture.model_validate(record["mixture"])
    tokens = {name: source["tokens"] for name, source in record["token_sources"].items()}
    total = mixture.budget if budget is None else budget
    rows: list[tuple[str, ...]] = [("source", "topic", "share", "documents", "tokens", "wanted", "epochs", "published")]
    found = epochs(mixture, tokens, total)
    for item in found:
        rows.append(
            (
                item.name,
                mixture.topic(item.name) or "",
                f"{item.share:.2%}",
                f"{record['token_sources'][item.name]['documents']:,}",
                f"{item.tokens:,}",
                f"{item.wanted:,}",
                _times(item.epochs),
                "" if item.published is None else f"{item.published:.2f}",
            )
        )
    if not mixture.topics:
        rows = [(row[0], *row[2:]) for row in rows]
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    lines = [
        "  ".join(
            [row[0].ljust(widths[0]), *(cell.rjust(width) for cell, width in zip(row[1:], widths[1:], strict=True))]
        )
        for row in rows
    ]
    lines.append(f"{record['tokens']:,} tokens in {record['documents']:,} documents, for a run of {total:,} tokens")
    for item in sorted(found, key=lambda item: -item.epochs):
        if item.short:
            lines.append(
                f"{item.name} runs short: {_times(item.epochs)} epochs, more than {mixture.max_epochs:g};"
                f" {item.short:,} more tokens are needed"
            )
    lines.append(
        f"the longest run within {mixture.max_epochs:g} epochs of each: {largest_budget(mixture, tokens):,} tokens"
    )
    return lines


def _times(value: float) -> str:
    return f"{value:.2f}" if value < 1000 else f"{value:,.0f}"


def explain_mixture(output: str, record: Mapping[str, Any], query: str) -> list[Story]:
    """The stories of every source's documents that the query means; UserError where no source has one."""
    stories: list[Story] = []
    refusal: UserError | None = None
    for folder in part_folders(output, record).values():
        try:
            stories += explain(folder, query)
        except UserError as error:
            refusal = error
    if not stories and refusal is not None:
        raise UserError(f"no source of {output} has {query}: {refusal}")
    return stories


def verify_mixture(output: str) -> Iterator[str]:
    """One line for each thing that is not as it was written: in a source's build, in tokens/, or in what joins them."""
    try:
        record = read_sealed(join(output, RECORD))
    except BrokenSeal as error:
        yield str(error)
        return
    for name, folder in part_folders(output, record).items():
        yield from verify(folder)
        summary = join(folder, "summary.json")
        if exists(summary):
            try:
                found = read_sealed(summary)
            except BrokenSeal:
                continue  # said above
            wanted = record["sources"][name]
            for key in ("documents", "tokens", "manifest"):
                if found[key] != wanted[key]:
                    yield f"{folder} has {key} {found[key]}, the mixture was made of {wanted[key]}: build it again"
    for problem in verify_tokens(join(output, "tokens")):
        yield f"{output}/tokens/: {problem}"
    manifest = join(output, "tokens", "manifest.json")
    if exists(manifest) and f'"{record["fingerprint"]}"'.encode() not in read_bytes(manifest):
        yield f"{manifest} is not of the dataset that the mixture names"
    shares = join(output, SHARES)
    if not exists(shares):
        yield f"{shares} is missing"
    elif read_bytes(shares) != shares_bytes(record["shares"]):
        yield f"{shares} has other bytes than were written"


def shares_bytes(shares: Mapping[str, float]) -> bytes:
    """The `mixture:` section of a training recipe."""
    return yaml.safe_dump({"mixture": dict(shares)}, sort_keys=True).encode()
