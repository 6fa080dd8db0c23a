"""Is a finished build still, to the byte, what was written? Every stage's files, the account, and tokens/v1."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from typing import Any

from curate.errors import UserError
from curate.storage import BrokenSeal, exists, join, listing, read_bytes, read_sealed
from curate.tokens.verify import verify_tokens

STAGES = (
    "documents",
    "duplicates/documents",
    "duplicates/lines",
    "duplicates/near",
    "scores",
    "stages/select",
    "stages/tokenize",
)
BESIDE = frozenset({"summary.json", "manifest.yaml", "report.html"})
OPTIONAL = {"dedup_books": "duplicates/books", "corpus": "scores/corpus"}
"""Stages that a build has whose manifest asks for them."""


def verify(output: str) -> Iterator[str]:
    """One line for each thing that is not as it was written; none when all is well.

    Only report.html is left out: it is written anew from the rest at any time.

    Raises UserError where there is no build.
    """
    if not exists(join(output, "summary.json")):
        raise UserError(f"{output} holds no finished build (no summary.json): run `curate build` first")
    stages = stages_of(output)
    for path in ("summary.json", *(join(stage, "_begun.json") for stage in stages)):
        yield from sealed(join(output, path))
    for stage in stages:
        path = join(output, stage, "_done.json")
        broken = list(sealed(path))
        yield from broken
        if not broken:
            yield from stage_files(output, read_sealed(path))
    yield from unexpected(output)
    yield from manifest_as_used(output)
    for problem in verify_tokens(join(output, "tokens")):
        yield f"tokens/: {problem}"


def stages_of(output: str) -> tuple[str, ...]:
    """The folders of the stages' records: those the account names, and more that are there."""
    path = join(output, "summary.json")
    named = [] if list(sealed(path)) else [stage["name"] for stage in read_sealed(path)["stages"]]
    asked_for = [folder for name, folder in OPTIONAL.items() if name in named or exists(join(output, folder))]
    return (*STAGES, *asked_for)


def manifest_as_used(output: str) -> Iterator[str]:
    path = join(output, "manifest.yaml")
    if not exists(path):
        yield f"{path} is missing"
    elif not list(sealed(join(output, "summary.json"))):
        written = read_sealed(join(output, "summary.json"))["manifest_yaml"]
        if hashlib.sha256(read_bytes(path)).hexdigest() != written:
            yield f"{path} has other bytes than were written"


def sealed(path: str) -> Iterator[str]:
    if not exists(path):
        yield f"{path} is missing"
        return
    try:
        read_sealed(path)
    except BrokenSeal as error:
        yield str(error)


def stage_files(output: str, record: dict[str, Any]) -> Iterator[str]:
    """Every file a stage's record names has its size and sha256."""
    for file, (size, sha256) in sorted(record["files"].items()):
        path = join(output, file)
        if not exists(path):
            yield f"{path} is missing"
            continue
        data = read_bytes(path)
        if len(data) != size:
            yield f"{path} has {len(data):,} bytes, {size:,} were written"
        elif hashlib.sha256(data).hexdigest() != sha256:
            yield f"{path} has other bytes than were written"


def unexpected(output: str) -> Iterator[str]:
    """Files in the stages' folders that no record names."""
    known: set[str] = set()
    for stage in stages_of(output):
        path = join(output, stage, "_done.json")
        known |= {join(stage, "_begun.json"), join(stage, "_done.json")}
        if exists(path) and not list(sealed(path)):
            known |= set(read_sealed(path)["files"])
    for name in listing(output):
        # What lies there beside the stages' folders; of the sources of a mixture, each is verified by itself.
        if name not in BESIDE and name.endswith((".json", ".yaml", ".parquet", ".html")):
            yield f"{join(output, name)} was not written by the build"
    for folder in ("documents", "duplicates", "scores", "set_aside", "stages"):
        for file in walk(output, folder):
            if file not in known:
                yield f"{join(output, file)} was not written by the build"


def walk(output: str, folder: str) -> Iterator[str]:
    """Paths of all files below a folder of the output, relative to the output."""
    from curate.storage import filesystem

    fs, root = filesystem(output)
    for file in fs.find(join(root, folder)) if listing(join(output, folder)) else []:
        yield file[len(root.rstrip("/")) + 1 :]
