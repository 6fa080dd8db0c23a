"""What happened to one document: every stage it met, every measurement, and what it fell to.

Reads the files of a finished (or running) build and decides nothing itself.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from curate.dedup.captures import Reason
from curate.dedup.lines import without_lines
from curate.dedup.minhash import jaccard
from curate.errors import UserError
from curate.limits import OverLimit
from curate.parquet import read_table
from curate.storage import exists, join, listing, read_sealed
from curate.text.c4 import normal_url

_LINES_SHOWN = 5
BOOKS = "duplicates/books"
"""Where books that stand in others are, in a build that looks for them."""
CORPUS = "scores/corpus"
"""Where pages are compared with the corpus, a folder a filter."""
Row = dict[str, Any]


@dataclass
class Step:
    """One stage's part in a story. outcome: kept, dropped, changed or set aside."""

    stage: str
    outcome: str
    detail: str
    facts: Row = field(default_factory=dict)


@dataclass
class Story:
    """One document or record that matched, and its steps in order."""

    subject: Row
    steps: list[Step] = field(default_factory=list)

    @property
    def outcome(self) -> str:
        """`kept`, or `dropped by STAGE: why`."""
        last = self.steps[-1]
        return last.outcome if last.outcome == "kept" else f"{last.outcome} by {last.stage}: {last.detail}"


def shards(folder: str, prefix: str = "shard") -> list[int]:
    """Numbers of the shard files in a folder, ascending."""
    start, end = f"{prefix}-", ".parquet"
    return [
        int(name[len(start) : -len(end)]) for name in listing(folder) if name.startswith(start) and name.endswith(end)
    ]


def explain(output: str, query: str) -> list[Story]:
    """Every document or record of the build that has this URL, id, or place (`file@offset`, or a file's name).

    Raises UserError where nothing matches or there is no build.
    """
    documents = join(output, "documents")
    if not shards(documents):
        raise UserError(f"{output} holds no build: name the folder that was given to `curate build --output`")
    stories = [tell(output, shard, row) for shard, row in find_documents(documents, query)]
    stories += [dropped_story(row) for row in find_dropped(join(documents, "dropped"), query)]
    stories += [aside_story(row) for row in find_set_aside(join(output, "set_aside"), query)]
    if not stories:
        raise UserError(f"nothing in {output} has the URL, id or place {query!r}: a place is written file@offset")
    return stories


# ---- finding ----


def same_address(urls: list[str], query: str) -> list[int]:
    """Rows whose URL is the query, or equals it in C4's normal form."""
    exact = [row for row, url in enumerate(urls) if url == query]
    normal = normal_url(query)
    return exact or [row for row, url in enumerate(urls) if normal_url(url) == normal]


def find_documents(folder: str, query: str) -> Iterator[tuple[int, int]]:
    exact: list[tuple[int, int]] = []
    alike: list[tuple[int, int]] = []
    for shard in shards(folder):
        table = read_table(join(folder, f"shard-{shard:06d}.parquet"), ["id", "url", "file", "offset"])
        place = pc.binary_join_element_wise(table["file"], pc.cast(table["offset"], pa.string()), "@")
        hit = pc.or_(pc.or_(pc.equal(table["id"], query), pc.equal(table["url"], query)), pc.equal(place, query))
        rows = np.flatnonzero(hit.to_numpy(zero_copy_only=False)).tolist()
        exact += [(shard, row) for row in rows]
        if not exact and "." in query:
            alike += [(shard, row) for row in same_address(table["url"].to_pylist(), query)]
    yield from exact or alike


def find_dropped(folder: str, query: str) -> Iterator[Row]:
    for shard in shards(folder):
        rows = read_table(join(folder, f"shard-{shard:06d}.parquet")).to_pylist()
        places = [f"{row['file']}@{row['offset']}" for row in rows]
        matching = set(same_address([row["url"] for row in rows], query))
        yield from (row for number, row in enumerate(rows) if number in matching or places[number] == query)


def find_set_aside(folder: str, query: str) -> Iterator[Row]:
    for prefix in ("shard", "score", "select"):
        for shard in shards(folder, prefix):
            for row in read_table(join(folder, f"{prefix}-{shard:06d}.parquet")).to_pylist():
                places = (row["file"], f"{row['file']}@{row['offset']}")
                # What is known of it, its id or its URL, stands before the rest of the detail.
                if query in places or row["detail"].startswith(f"{query}: "):
                    yield {**row, "stage": "extract" if prefix == "shard" else prefix}


# ---- telling ----


def dropped_story(row: Row) -> Story:
    detail = row["reason"] + (f": {row['detail']}" if row["detail"] else "")
    return Story({key: row[key] for key in ("url", "file", "offset")}, [Step("extract", "dropped", detail, row)])


def aside_story(row: Row) -> Story:
    return Story(
        {"file": row["file"], "offset": row["offset"]},
        [Step(row["stage"], "set aside", f"{row['reason']}: {row['detail']}", row)],
    )


def document(output: str, shard: int, row: int) -> Row:
    """All columns of one stored document."""
    table = read_table(join(output, "documents", f"shard-{shard:06d}.parquet"))
    found: Row = table.slice(row, 1).to_pylist()[0]
    return found


def name_of(row: Row) -> str:
    return f"{row['id']} {row['url']}"


def row_of(output: str, folder: str, shard: int, row: int) -> Row | None:
    """The record of one document in a stage's shard file, None where it has none (or the stage has not run)."""
    path = join(output, folder, f"shard-{shard:06d}.parquet")
    if not exists(path):
        return None
    table = read_table(path)
    found: list[Row] = table.filter(pc.equal(table["row"], row)).to_pylist()
    return found[0] if found else None


def settings(output: str, folder: str) -> Row:
    """What a stage was done with, {} before it is done."""
    path = join(output, folder, "_done.json")
    return dict(read_sealed(path)["depends"]) if exists(path) else {}


def tell(output: str, shard: int, row: int) -> Story:
    """The story of a stored document."""
    found = document(output, shard, row)
    subject = {
        key: found[key] for key in ("id", "url", "title", "date", "language_declared", "file", "offset", "digest")
    }
    subject |= {key: found[key] for key in ("licence", "metadata") if found[key]}
    story = Story({**subject, "characters": len(found["text"])})
    story.steps.append(Step("extract", "kept", f"{len(found['text']):,} characters of text"))
    books = (_books,) if exists(join(output, BOOKS)) else ()
    for step in (_captures, _lines, _near, *books, _scores):
        told = step(output, shard, row, found)
        if told is None:
            break
        story.steps.append(told)
        if told.outcome == "dropped":
            return story
    verdict = row_of(output, "scores/verdicts", shard, row)
    if verdict is not None:
        story.steps += _selected(verdict)
    return story


def _captures(output: str, shard: int, row: int, found: Row) -> Step | None:
    displaced = row_of(output, "duplicates/documents", shard, row)
    if displaced is None:
        return Step("dedup_documents", "kept", "no later capture of its URL, no earlier copy of its text")
    other = document(output, displaced["by_shard"], displaced["by_row"])
    if displaced["reason"] == Reason.URL:
        dates = [row["date"] or "without a date" for row in (other, found)]
        why = f"the same URL was captured {dates[0]}, this one {dates[1]}"
    else:
        why = f"the same text (digest {found['digest'][:16]}…) stands earlier"
    label = Reason(displaced["reason"]).label
    return Step(
        "dedup_documents",
        "dropped",
        f"{label}: {why}; displaced by {name_of(other)}",
        {"reason": label, "displaced_by": other["id"], "displaced_by_url": other["url"]},
    )


def _lines(output: str, shard: int, row: int, found: Row) -> Step | None:
    if not exists(join(output, "duplicates/lines", f"shard-{shard:06d}.parquet")):
        return None
    gone = row_of(output, "duplicates/lines", shard, row)
    if gone is None:
        return Step("dedup_lines", "kept", "no line is repeated in its group")
    section = settings(output, "duplicates/lines").get("lines", {})
    limit = section.get("max_copies") if section.get("rule", "ccnet") == "ccnet" else None
    lines = found["text"].split("\n")
    shown = []
    for index, copies, other_shard, other_row in list(
        zip(gone["lines"], gone["copies"], gone["other_shard"], gone["other_row"], strict=True)
    )[:_LINES_SHOWN]:
        other = found if (other_shard, other_row) == (shard, row) else document(output, other_shard, other_row)
        where = "this document itself" if other is found else name_of(other)
        shown.append({"line": index, "text": lines[index][:100], "copies": copies, "also_in": where})
    facts = {
        "lines_dropped": len(gone["lines"]),
        "max_copies": limit,
        "characters_left": gone["characters"],
        "lines": shown,
    }
    why = (
        "are kept by another page, or an earlier line,"
        if limit is None
        else f"occur more than {limit} time(s) in the group"
    )
    most = (
        f"{len(gone['lines'])} of {sum(bool(line.strip()) for line in lines)} lines {why} and went;"
        f" {gone['characters']:,} characters left"
    )
    if gone["characters"] == 0:
        return Step("dedup_lines", "dropped", f"lines.nothing_left: {most}", facts)
    return Step("dedup_lines", "changed", most, facts)


def deduplicated(output: str, shard: int, row: int) -> str:
    """A document's text without its repeated lines."""
    gone = row_of(output, "duplicates/lines", shard, row)
    return without_lines(document(output, shard, row)["text"], np.array(gone["lines"] if gone else [], np.int64))


def _near(output: str, shard: int, row: int, found: Row) -> Step | None:
    if not exists(join(output, "duplicates/near", f"shard-{shard:06d}.parquet")):
        return None
    near = row_of(output, "duplicates/near", shard, row)
    if near is None:
        return Step("dedup_near", "kept", "no longer text like it")
    config = settings(output, "duplicates/near").get("near", {})
    other = document(output, near["by_shard"], near["by_row"])
    exact = jaccard(
        deduplicated(output, shard, row),
        deduplicated(output, near["by_shard"], near["by_row"]),
        config.get("shingle_words", 5),
    )
    chained = "" if near["jaccard"] >= config.get("min_jaccard", 0) else " (joined through documents between them)"
    return Step(
        "dedup_near",
        "dropped",
        f"near: estimated Jaccard {near['jaccard']:.3f} (exact {exact:.3f}), a duplicate when >="
        f" {config.get('min_jaccard')}{chained}; displaced by {name_of(other)}",
        {
            "jaccard": near["jaccard"],
            "exact_jaccard": exact,
            "displaced_by": other["id"],
            "displaced_by_url": other["url"],
        },
    )


def _books(output: str, shard: int, row: int, found: Row) -> Step | None:
    if not exists(join(output, BOOKS, f"shard-{shard:06d}.parquet")):
        return None
    config = settings(output, BOOKS).get("books", {})
    contained = row_of(output, BOOKS, shard, row)
    if contained is None:
        return Step("dedup_books", "kept", "no other book has so much of it")
    other = document(output, contained["by_shard"], contained["by_row"])
    return Step(
        "dedup_books",
        "dropped",
        f"contained: a share of {contained['containment']:.4f} of its {contained['shingles']:,} distinct shingles of"
        f" {config.get('shingle_words')} words is in another book, kept when <= {config.get('max_containment')};"
        f" displaced by {name_of(other)}",
        {
            "containment": contained["containment"],
            "shingles": contained["shingles"],
            "displaced_by": other["id"],
            "displaced_by_url": other["url"],
        },
    )


def _scores(output: str, shard: int, row: int, found: Row) -> Step | None:
    if not exists(join(output, "scores", f"shard-{shard:06d}.parquet")):
        return None
    scores = row_of(output, "scores", shard, row)
    if scores is None:
        return Step("score", "set aside", "it could not be measured, or not within its limits; see set_aside/", {})
    for name in listing(join(output, CORPUS)):
        scores |= row_of(output, f"{CORPUS}/{name}", shard, row) or {}
    # What is packed in bytes is the filters' own.
    hidden = {key for key, value in scores.items() if isinstance(value, bytes)} | {"row", "id"}
    measured = {key: value for key, value in scores.items() if key not in hidden}
    return Step("score", "kept", f"{len(measured)} measurements", measured)


def _selected(verdict: Row) -> list[Step]:
    if verdict["reason"] is None:
        return [
            Step("select", "kept", "every rule keeps it"),
            Step("tokenize", "kept", f"{verdict['tokens']:,} tokens{of_topic(verdict)}", {"tokens": verdict["tokens"]}),
        ]
    if verdict["reason"] in set(OverLimit):
        return [Step("select", "set aside", f"{verdict['reason']} to edit once more; see set_aside/", {})]
    if verdict["measurement"] is None:
        return [Step("select", "dropped", verdict["reason"], {"reason": verdict["reason"]})]
    detail = (
        f"{verdict['reason']}: {verdict['measurement']} = {verdict['value']}, kept when {verdict['keep']}"
        f" {verdict['threshold']} ({verdict['source']})"
    )
    facts = {key: verdict[key] for key in ("reason", "measurement", "value", "keep", "threshold", "source")}
    return [Step("select", "dropped", detail, facts)]


def of_topic(verdict: Row) -> str:
    """Which of the source's topics a kept document went to, where the manifest has any."""
    return f", of the topic {verdict['topic']}" if verdict.get("topic") else ""
