"""A mixture built: each source by its own recipe into `sources/<name>/`, then one tokens/ of them all."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from curate.errors import UserError
from curate.mixture import Mixture, Part
from curate.report.mixture import RECORD, SHARES, SOURCES, shares_bytes
from curate.storage import atomic_write, join, write_sealed
from curate.tokens.merge import merge_datasets
from curate.tokens.reader import TokenDataset
from pipelines.shards import Record


def build_mixture(
    mixture: Mixture,
    parts: Sequence[Part],
    output: str,
    build: Callable[[Part, str], Record],
    say: Callable[[str], None],
) -> Record:
    """Build what is not built, join the tokens, and return the record that is written to mixture.json.

    build: builds a part into a folder and returns its summary.
    """
    summaries: dict[str, Record] = {}
    for part in parts:
        say(f"== {part.name}: {part.where}")
        summaries[part.name] = build(part, join(output, SOURCES, part.name))
    empty = sorted(name for name, summary in summaries.items() if not summary["tokens"])
    if empty:
        raise UserError(f"nothing is left of {', '.join(empty)}, and a mixture needs some of each: see its report")
    folders = [join(output, SOURCES, part.name, "tokens") for part in parts]
    there = {
        source: {key: counted[key] for key in ("documents", "tokens")} | {"topic": mixture.topic(source)}
        for folder in folders
        for source, counted in TokenDataset.open(folder).manifest["sources"].items()
    }
    shares = mixture.shares_of({source: counted["tokens"] for source, counted in there.items()})
    merged = merge_datasets(join(output, "tokens"), folders, {"mixture": shares})
    record = {
        "name": mixture.name,
        "mixture": mixture.model_dump(mode="json"),
        "shares": shares,
        "fingerprint": merged["fingerprint"],
        "documents": merged["documents"],
        "tokens": merged["tokens"],
        "token_sources": dict(sorted(there.items())),
        "sources": {
            name: {key: summary[key] for key in ("source", "manifest", "documents", "tokens")}
            for name, summary in sorted(summaries.items())
        },
    }
    with atomic_write(join(output, SHARES)) as out:
        out.write(shares_bytes(shares))
    write_sealed(join(output, RECORD), record)
    return record
