"""Plain text of any file a user names, to train reference models on and to measure them.

What a file is its name says, as it does everywhere in the field: MediaWiki dumps (`*wiki*.bz2`, `.xml`), WARC and WET,
JSON lines and Parquet with a text column (a build's documents/ too), e-prints (`.gz`, `.tar.gz`, `.tex`), texts and
Project Gutenberg's books (`.txt`), code. Everything is yielded in an order that depends on names and contents only.
"""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import re
import tarfile
import zlib
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import zstandard

from curate.document import Document
from curate.errors import UserError
from curate.parquet import parquet_file
from curate.sources.commoncrawl import document_from_record
from curate.sources.warc import RawRecord, read_range
from curate.sources.wikipedia_dump import articles

_LEFTOVER = re.compile(r"^\s*(?:thumb\||(?:File|Image|Category|[Dd]atei|Fichier|Bestand):|\{\||\|[-}]|!)")
# A run of blanks is looked at from its first alone, or looking would cost the square of its length.
_BARE_PUNCTUATION = re.compile(r"\(\s{0,40}+[,;:]?\s{0,40}+\)|(?<!\s)\s++(?=[,.;)])")
_QUOTE_MARKUP = re.compile("'{2,5}")
_END_MATTER = frozenset(
    ["references", "external links", "see also", "notes", "further reading", "bibliography", "sources", "footnotes"]
)
_DROPPED_TAGS = frozenset(["ref", "table", "gallery", "timeline", "math", "references", "imagemap", "score"])
_BOOK_LANGUAGES = {"english": "en", "french": "fr", "german": "de", "spanish": "es", "italian": "it", "dutch": "nl"}
_WIKI = re.compile(r"([a-z][a-z_-]{0,40})wiki")
_LEAST_OF_AN_ARTICLE = 200
_LONGEST_LINE = 64 << 20
CODE_SUFFIXES = (".py", ".c", ".h", ".cpp", ".js", ".ts", ".java", ".go", ".rs", ".rb", ".sh")


@dataclass(frozen=True, slots=True)
class TrainingText:
    """One document. key: where it came from, unique; language: as its source states it, "" where it does not.

    kind: what sort of source it is of: wikipedia, books, crawl, arxiv, code, text, or what its row calls its source.
    """

    key: str
    kind: str
    language: str
    text: str
    url: str = ""


Reader = Callable[[Path, str], Iterator[TrainingText]]


def is_held_out(key: str, percent: int = 10) -> bool:
    """Whether this document is kept from training; decided by its key alone, so every command agrees."""
    return int.from_bytes(hashlib.blake2b(key.encode(), digest_size=4).digest(), "big") % 100 < percent


def in_hash_order(texts: Iterable[TrainingText]) -> list[TrainingText]:
    """The texts in a fixed order that mixes sources, for trainers whose result depends on order."""
    return sorted(texts, key=lambda t: hashlib.blake2b(t.key.encode(), digest_size=8).digest())


def files_of(paths: Sequence[Path]) -> dict[str, Path]:
    """Every file that `read_texts` would read, by its name below the folder it was named by, in order of that name.

    UserError where a path is not there, a folder holds nothing that can be read, or two files have one name.
    """
    found: dict[str, Path] = {}
    for path in paths:
        if path.is_dir():
            inside = [file for file in path.rglob("*") if file.is_file() and reader_of(file)]
            names = {
                str(file.relative_to(path)): file for file in inside if file.suffix != ".json"
            }  # one value as a rule
            below = {name: file for name, file in names.items() if not name.startswith(".") and "/." not in name}
            if not below:
                raise UserError(f"no text in the folder {path}: it needs {_KNOWN}")
        elif path.is_file():
            if not reader_of(path):
                raise UserError(f"{path}: no text that is known: name {_KNOWN}")
            below = {path.name: path}
        else:
            raise UserError(f"no text at {path}: name {_KNOWN}, or a folder of them")
        for name, file in below.items():
            if found.setdefault(name, file).resolve() != file.resolve():
                raise UserError(f"{found[name]} and {file} would both be known as {name}: name one folder of both")
    return dict(sorted(found.items()))


def file_hashes(paths: Sequence[Path]) -> dict[str, str]:
    """sha256 of each file, by the name `files_of` gives it: what a card records as its inputs."""
    hashes = {}
    for name, path in files_of(paths).items():
        with path.open("rb") as stream:
            hashes[name] = hashlib.file_digest(stream, "sha256").hexdigest()
    return hashes


def read_texts(paths: Sequence[Path], kinds: Collection[str] | None = None) -> Iterator[TrainingText]:
    """Every document of files and folders, in order of their names; of these `kinds` only, where they are given.

    A key comes once: of an article that two dumps have, the first.
    UserError, one line, for a path that is not there and a file that is torn or is not what its name says.
    """
    seen: set[str] = set()
    for name, path in files_of(paths).items():
        reader = reader_of(path)
        assert reader is not None
        try:
            for text in reader(path, name):
                if text.key not in seen and (kinds is None or text.kind in kinds):
                    seen.add(text.key)
                    yield text
        except (OSError, EOFError, zlib.error, ValueError, pa.ArrowException, zstandard.ZstdError) as error:
            if isinstance(error, UserError):
                raise
            said = " ".join(str(error).split())[:120] or type(error).__name__
            raise UserError(f"{path} cannot be read to its end: {said}") from None


def reader_of(path: Path) -> Reader | None:
    """What reads a file of this name; None where nothing does."""
    name = path.name.lower()
    if _WIKI.match(name) and name.endswith((".xml", ".bz2", ".xml.gz")):
        return read_dump
    plain = re.sub(r"\.(?:gz|zst)$", "", name)
    if plain.endswith((".warc", ".wet")):
        return read_crawl
    if plain.endswith((".json", ".jsonl", ".ndjson")):
        return read_json_lines
    if name.endswith(".parquet"):
        return read_parquet
    if name.endswith(".tex") or (
        name.endswith((".tar.gz", ".tgz", ".tar")) or re.fullmatch(r"\d{4}\.\d{4,5}(v\d+)?\.gz", name)
    ):
        return read_tex
    if name.endswith(".txt"):
        return read_text_file
    return read_code if name.endswith(CODE_SUFFIXES) else None


_KNOWN = "a dump (enwiki….xml.bz2), WARC or WET, JSON lines, Parquet, .txt, LaTeX (.tex, .tar.gz) or code"


def plain_wikitext(wikitext: str) -> str:
    """An article's prose: templates, references, tables, files and end matter taken out. Good enough to train on."""
    import mwparserfromhell  # the `models` extra

    code = mwparserfromhell.parse(wikitext, skip_style_tags=True)
    for tag in code.filter_tags(recursive=True, matches=lambda node: str(node.tag).lower() in _DROPPED_TAGS):
        try:
            code.remove(tag)
        except ValueError:
            continue  # already gone with the node around it
    for link in code.filter_wikilinks(recursive=True):
        if ":" in str(link.title) and not str(link.title).startswith(":"):
            try:
                code.remove(link)
            except ValueError:
                continue
    lines: list[str] = []
    for raw in code.strip_code(normalize=True, collapse=True, keep_template_params=False).split("\n"):
        line = _BARE_PUNCTUATION.sub("", _QUOTE_MARKUP.sub("", raw)).strip(" *#:;\t")
        if line.lower() in _END_MATTER:
            break
        if line and not _LEFTOVER.match(line):
            lines.append(line)
    return "\n".join(lines)


def read_dump(path: Path, name: str) -> Iterator[TrainingText]:
    """A dump's articles of at least 200 characters, each title once; the language is the name before `wiki`."""
    found = _WIKI.match(path.name.lower())
    prefix = found.group(1) if found else ""
    language = {"simple": "en"}.get(prefix, prefix)
    seen: set[str] = set()
    for article in articles(path):
        key = f"wikipedia:{prefix}:{article.title}"
        if key not in seen and len(plain := plain_wikitext(article.text)) >= _LEAST_OF_AN_ARTICLE:
            seen.add(key)
            yield TrainingText(key, "wikipedia", language, plain)


def read_text_file(path: Path, name: str) -> Iterator[TrainingText]:
    """A text, its paragraphs unwrapped to a line each; of Project Gutenberg's books what is between their marks."""
    data = path.read_bytes()
    try:
        whole = data.decode("utf-8-sig")
    except UnicodeDecodeError:
        whole = data.decode("cp1252", "replace")
    whole = whole.replace("\r\n", "\n")
    named = re.search(r"^Language: *(\w+)", whole[:5000], re.M)
    start = re.search(r"^\*\*\* ?START OF.*$", whole, re.M)
    end = re.search(r"^\*\*\* ?END OF.*$", whole, re.M)
    kind = "books" if start or end or "Project Gutenberg" in whole[:2000] else "text"
    body = whole[start.end() if start else 0 : end.start() if end else len(whole)]
    paragraphs = (" ".join(part.split()).replace("_", "") for part in body.split("\n\n"))
    text = "\n".join(paragraph for paragraph in paragraphs if paragraph)
    if text:
        yield TrainingText(name, kind, _BOOK_LANGUAGES.get(named.group(1).lower(), "") if named else "", text)


def read_json_lines(path: Path, name: str) -> Iterator[TrainingText]:
    """Rows with a `text`, each text once; kind is the row's `source`, else c4 where the file's name has it, or text."""
    with _lines(path) as stream:
        yield from _rows(enumerate(_objects(stream), start=1), path, name)


def read_parquet(path: Path, name: str) -> Iterator[TrainingText]:
    """The same of a Parquet file."""
    with parquet_file(path) as file:
        names = file.schema_arrow.names
        if "text" not in names:
            raise UserError(f"{path} has no column 'text'; it has {', '.join(names)[:200]}")
        wanted = [column for column in ("id", "text", "url", "source", "language", "lang") if column in names]
        batches = file.iter_batches(1000, columns=wanted, use_threads=False)
        rows = (row for batch in batches for row in batch.to_pylist())
        yield from _rows(enumerate(rows, start=1), path, name)


def _objects(stream: io.BufferedIOBase) -> Iterator[object]:
    while line := stream.readline(_LONGEST_LINE):
        if line.strip():
            yield json.loads(line)


def _rows(rows: Iterable[tuple[int, object]], path: Path, name: str) -> Iterator[TrainingText]:
    seen: set[bytes] = set()
    usual = "c4" if re.match(r"c4\b|c4[-_.]", path.name.lower()) or path.parent.name == "c4" else "text"
    for number, row in rows:
        if not isinstance(row, dict) or not isinstance(row.get("text"), str):
            raise UserError(f"{path}:{number}: not an object with a text")
        text = row["text"].strip()
        mark = hashlib.blake2b(text.encode("utf-8", "replace"), digest_size=16).digest()
        if not text or mark in seen:
            continue
        seen.add(mark)
        kind = {"commoncrawl": "crawl"}.get(source := str(row.get("source") or usual), source)
        language = str(row.get("language") or row.get("lang") or "")
        key = str(row["id"]) if isinstance(row.get("id"), str) and row["id"] else f"{name}#{number}"
        yield TrainingText(key, kind, language, text, str(row.get("url") or ""))


def _lines(path: Path) -> io.BufferedReader:
    with path.open("rb") as stream:
        magic = stream.read(4)
    if magic[:2] == b"\x1f\x8b":
        return io.BufferedReader(gzip.open(path))  # type: ignore[type-var]
    if magic == b"\x28\xb5\x2f\xfd":
        return io.BufferedReader(zstandard.open(path, "rb"))
    return path.open("rb")


def read_crawl(path: Path, name: str) -> Iterator[TrainingText]:
    """The pages of a WARC or WET file, extracted as a build extracts them; language "" (unknown)."""
    for item in read_range(str(path), name, 0, path.stat().st_size):
        if isinstance(item, RawRecord):
            page = document_from_record(item, name, first_line_is_title=True)
            if isinstance(page, Document) and page.text.strip():
                yield TrainingText(f"{name}#{page.offset}:{page.index}", "crawl", "", page.text, page.url)


def read_tex(path: Path, name: str) -> Iterator[TrainingText]:
    """The LaTeX sources of an e-print as they are, or one `.tex` file."""
    if path.suffix == ".tex":
        yield TrainingText(name, "arxiv", "en", path.read_text("utf-8", "replace"))
        return
    with tarfile.open(fileobj=io.BytesIO(path.read_bytes())) as archive:
        for member in sorted(archive.getmembers(), key=lambda m: m.name):
            if member.isfile() and member.name.endswith(".tex"):
                source = archive.extractfile(member)
                if source is not None:
                    yield TrainingText(
                        f"{path.name}#{member.name}", "arxiv", "en", source.read().decode("utf-8", "replace")
                    )


def read_code(path: Path, name: str) -> Iterator[TrainingText]:
    """A file of code as it is; its language is what follows the dot of its name."""
    yield TrainingText(f"code#{name}", "code", path.suffix.removeprefix("."), path.read_text("utf-8", "replace"))
