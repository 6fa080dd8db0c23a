"""Source code: git checkouts, tarballs and zips of repositories and packages, GitHub's BigQuery export.

* A git checkout is a folder with `.git`; its work tree is read, not its objects, and hidden files are left out (as of
  every folder that is searched for input). A folder without `.git` is taken for one repository.
* A tarball or zip is one piece: GitHub's archives, sdists, npm packages, crates, Go modules. It is gone through twice,
  first for its licence files, so that memory does not depend on its size.
* An export is Parquet, each row group a piece, or JSON lines, by ranges.

One document a file. LLaMA-1 (Touvron et al. 2023, §2.1) takes the Apache, BSD and MIT licences; the gate stands here,
before deduplication, so that a copy under another licence displaces no file that may be used. Line lengths, header
removal and masking are filters' (`code`, `code_header`, `secrets`).
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterator
from functools import lru_cache, partial

from curate.errors import SetAside
from curate.inputs import InputFile
from curate.sources.github_archive import TAR_SUFFIXES, ZIP_SUFFIXES, Bad, BadFile, Entry, archive_of
from curate.sources.github_files import Drop, GitHubExtract, Judge, Judged, Refused
from curate.sources.github_licence import MAX_EVIDENCE_BYTES, Evidence, Repository, is_evidence
from curate.sources.github_rows import Row, json_rows, parquet_rows, row_groups
from curate.sources.source import Dropped, Outcome, Piece, Source
from curate.storage import filesystem, is_local

PARQUET_SUFFIXES = (".parquet",)
JSON_SUFFIXES = (".jsonl", ".jsonl.gz", ".ndjson", ".ndjson.gz", ".json", ".json.gz")
MAX_EVIDENCE_FILES = 1000
"""Licence files and metadata of one archive that are looked at; the rest of its files still go by these."""
_REMOTE = re.compile(r"url[ \t]*=[ \t]*(?:https://|git@|ssh://git@)github\.com[:/]([\w.-]{1,100}/[\w.-]{1,100})")
_MAX_GIT_CONFIG = 64 << 10


class GitHub(Source[GitHubExtract]):
    """Files of source code under the licences that the manifest allows."""

    name = "github"
    Config = GitHubExtract
    suffixes = ("",)
    reasons = tuple(Drop)

    def __init__(self, config: GitHubExtract) -> None:
        super().__init__(config)
        self._judge = Judge(config)
        self._checkout = lru_cache(maxsize=1 << 14)(_checkout_root)
        self._evidence = lru_cache(maxsize=1 << 14)(_evidence_in)
        self._remote = lru_cache(maxsize=1 << 10)(_remote_name)

    def pieces(self, item: InputFile, index: int) -> Iterator[Piece]:
        kind = self._kind(item.path, item.file)
        if kind == "parquet":
            count = max(1, row_groups(item.path))
            for group in range(count):
                start, end = item.size * group // count, item.size * (group + 1) // count
                yield Piece(item.path, item.file, index, start, end, str(group))
        elif kind == "json" and not item.path.endswith(".gz"):
            step = self.config.range_bytes
            for start in range(0, max(item.size, 1), step):
                yield Piece(item.path, item.file, index, start, min(start + step, item.size))
        else:
            yield Piece(item.path, item.file, index, 0, item.size)

    def read(self, piece: Piece) -> Iterator[Outcome]:
        kind = self._kind(piece.path, piece.file)
        if kind == "archive":
            yield from self._archive(piece)
        elif kind == "parquet":
            yield from self._rows(piece, parquet_rows(piece.path, int(piece.part or 0)))
        elif kind == "json":
            zipped = piece.path.endswith(".gz")
            yield from self._rows(
                piece, json_rows(piece.path, 0 if zipped else piece.start, -1 if zipped else piece.end)
            )
        else:
            yield self._file(piece)

    def _kind(self, path: str, file: str) -> str:
        """What a file is: in a checkout it is always a file of the repository, whatever its name."""
        lowered = path.lower()
        kind = (
            "archive"
            if lowered.endswith(TAR_SUFFIXES + ZIP_SUFFIXES)
            else "parquet"
            if lowered.endswith(PARQUET_SUFFIXES)
            else "json"
            if lowered.endswith(JSON_SUFFIXES)
            else ""
        )
        return "" if kind and self._root(path, file)[0] else kind

    # ---- checkouts ----

    def _root(self, path: str, file: str) -> tuple[str, str]:
        """(the folder of the checkout, "" for none; the path in it, or in the folder that was named as input)."""
        depth = file.count("/")
        folder = self._checkout(path.rpartition("/")[0], depth)
        return (folder, path[len(folder) + 1 :]) if folder else ("", file)

    def _file(self, piece: Piece) -> Outcome:
        root, inside = self._root(piece.path, piece.file)
        inside = inside.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")
        repository = self._remote(root) if root else ""
        url = f"https://github.com/{repository}/blob/HEAD/{inside}" if repository else piece.file
        refused = self._judge.by_name(inside, piece.size)
        if refused is not None:
            return _dropped(refused, url, 0)
        fs, inner = filesystem(piece.path)
        with fs.open(inner, "rb") as handle:
            content = handle.read(self.config.max_file_bytes + 1)
        if len(content) > self.config.max_file_bytes:
            return _dropped(Refused(Drop.TOO_LARGE, f"over {self.config.max_file_bytes} bytes"), url, 0)
        evidence = Evidence()
        folder = piece.path.rpartition("/")[0]
        for _ in range(inside.count("/") + 1):
            evidence = self._evidence(folder)
            if evidence.expression:
                break
            folder = folder.rpartition("/")[0]
        return self._outcome(piece, inside, content, evidence, url, 0, repository)

    # ---- archives ----

    def _archive(self, piece: Piece) -> Iterator[Outcome]:
        archive = archive_of(piece.path, self.config.max_members, self.config.max_unpacked_bytes)
        prefix, repository = _survey(archive.entries)
        same: Counter[int] = Counter()
        for entry in archive.entries():
            if isinstance(entry, Bad):
                yield SetAside(piece.file, entry.offset, entry.reason.value, entry.detail)
                continue
            inside = entry.path.removeprefix(prefix)
            url = f"{piece.file}/{entry.path}"
            if not entry.plain:
                yield _dropped(Refused(Drop.NOT_A_FILE, "a link or a device"), url, entry.offset)
                continue
            refused = self._judge.by_name(inside, entry.size)
            if refused is not None:
                yield _dropped(refused, url, entry.offset)
                continue
            try:
                content = entry.read(self.config.max_file_bytes)
            except BadFile as error:
                yield SetAside(piece.file, entry.offset, error.reason.value, f"{entry.path[:200]}: {error.detail}")
                continue
            index = same[entry.offset]  # a hostile directory has many names for one place
            same[entry.offset] += 1
            evidence = repository.of(inside)
            yield self._outcome(piece, inside, content, evidence, url, entry.offset, prefix.rstrip("/"), index)

    # ---- exports ----

    def _rows(self, piece: Piece, rows: Iterator[Row | Bad]) -> Iterator[Outcome]:
        for row in rows:
            if isinstance(row, Bad):
                yield SetAside(piece.file, row.offset, row.reason.value, row.detail)
                continue
            ref = row.ref.removeprefix("refs/heads/") or "HEAD"
            url = f"https://github.com/{row.repository}/blob/{ref}/{row.path}" if row.repository else row.path
            size = len(row.content) if row.content is not None else 0
            refused = self._judge.by_name(row.path, size)
            if refused is None and row.binary:
                refused = Refused(Drop.BINARY)
            if refused is None and row.content is None:
                refused = Refused(Drop.EMPTY, "no content")
            if refused is not None:
                yield _dropped(refused, url, row.offset)
                continue
            evidence = Evidence(row.licence, ("license",) if row.licence else ())
            yield self._outcome(piece, row.path, row.content or "", evidence, url, row.offset, row.repository)

    def _outcome(
        self,
        piece: Piece,
        path: str,
        content: bytes | str,
        evidence: Evidence,
        url: str,
        offset: int,
        repository: str,
        index: int = 0,
    ) -> Outcome:
        """What a file comes to within the worker's limits. index: among files of one offset."""
        work = partial(self._judged, piece, path, content, evidence, url, offset, repository, index)
        return self.limited(piece.file, offset, work, str(index or ""))

    def _judged(
        self,
        piece: Piece,
        path: str,
        content: bytes | str,
        evidence: Evidence,
        url: str,
        offset: int,
        repository: str,
        index: int,
    ) -> Outcome:
        judged = self._judge.of(path, content, evidence)
        if isinstance(judged, Refused):
            return _dropped(judged, url, offset)
        assert isinstance(judged, Judged)
        return self.document(
            judged.text,
            file=piece.file,
            offset=offset,
            index=index,
            url=url,
            title=path.rpartition("/")[2],
            licence=judged.licence,
            metadata={**judged.metadata, **({"repository": repository} if repository else {})},
        )


def _dropped(refused: Refused, url: str, offset: int) -> Dropped:
    return Dropped(refused.reason, refused.detail, url, offset)


def _survey(entries: Callable[[], Iterator[Entry | Bad]]) -> tuple[str, Repository]:
    """(the folder that holds everything, with its "/", or ""; the licences of an archive), paths taken from there."""
    prefix: str | None = None
    found: dict[str, bytes] = {}
    for entry in entries():
        if isinstance(entry, Bad):
            continue
        folder = entry.path.rpartition("/")[0] + "/" if "/" in entry.path else ""
        prefix = folder if prefix is None else _common(prefix, folder)
        if entry.plain and is_evidence(entry.path) and len(found) < MAX_EVIDENCE_FILES:
            try:
                found[entry.path] = entry.read(MAX_EVIDENCE_BYTES)
            except BadFile:
                continue
    top = _top(prefix or "")
    return top, Repository({path.removeprefix(top): content for path, content in found.items()})


def _top(prefix: str) -> str:
    """Of the folders that hold everything, the archive's own: the first, or a Go module's path to its version."""
    folders = prefix.split("/")[:-1]
    count = next((number + 1 for number, folder in enumerate(folders) if "@v" in folder), min(1, len(folders)))
    return "".join(f"{folder}/" for folder in folders[:count])


def _common(one: str, other: str) -> str:
    """The folders, each with its "/", that two begin with."""
    shared = ""
    for first, second in zip(one.split("/")[:-1], other.split("/")[:-1], strict=False):
        if first != second:
            break
        shared += first + "/"
    return shared


def _checkout_root(folder: str, depth: int) -> str:
    """The nearest folder with `.git`, at most `depth` above this one, or ""."""
    if not is_local(filesystem(folder or "/")[0]):
        return ""
    for _ in range(depth + 1):
        fs, inner = filesystem(folder)
        if fs.exists(f"{inner}/.git"):
            return folder
        folder = folder.rpartition("/")[0]
    return ""


def _evidence_in(folder: str) -> Evidence:
    """What the licence files and metadata right in a folder say."""
    fs, inner = filesystem(folder)
    files: dict[str, bytes] = {}
    for entry in sorted(fs.ls(inner, detail=True), key=lambda entry: str(entry["name"])):
        name = str(entry["name"]).rstrip("/").rpartition("/")[2]
        if entry["type"] == "file" and is_evidence(name) and len(files) < MAX_EVIDENCE_FILES:
            with fs.open(entry["name"], "rb") as handle:
                files[name] = handle.read(MAX_EVIDENCE_BYTES)
    return Repository(files).of("file")


def _remote_name(root: str) -> str:
    """owner/name on GitHub of a checkout, by its own git configuration, or ""."""
    fs, inner = filesystem(f"{root}/.git/config")
    if not fs.isfile(inner):
        return ""
    with fs.open(inner, "rb") as handle:
        found = _REMOTE.search(handle.read(_MAX_GIT_CONFIG).decode("utf-8", "replace"))
    return found[1].removesuffix(".git") if found else ""
