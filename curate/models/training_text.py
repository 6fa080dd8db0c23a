"""Plain text to train the reference models on, read from a folder of real data.

The folder holds what `curate` reads elsewhere, in the same layouts: `wikipedia/**/*wiki*.bz2` (MediaWiki dumps),
`books/*.txt` (Project Gutenberg), `c4/*.json*.gz`, `cc/*.warc*.gz`, `arxiv/*.gz`. It is not part of the package; each
training script takes its path, and a model's card records the hash of every file that was read. Everything is
yielded in an order that depends on file names and contents only.
"""

from __future__ import annotations

import bz2
import gzip
import hashlib
import io
import json
import re
import sysconfig
import tarfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree

from curate.errors import UserError

_LEFTOVER = re.compile(r"^\s*(?:thumb\||(?:File|Image|Category|[Dd]atei|Fichier|Bestand):|\{\||\|[-}]|!)")
_BARE_PUNCTUATION = re.compile(r"\(\s*[,;:]?\s*\)|\s+(?=[,.;)])")
_QUOTE_MARKUP = re.compile("'{2,5}")
_END_MATTER = frozenset(
    ["references", "external links", "see also", "notes", "further reading", "bibliography", "sources", "footnotes"]
)


@dataclass(frozen=True, slots=True)
class TrainingText:
    """One document. key: where it came from, unique; language: as its source states it, "" where it does not."""

    key: str
    kind: str
    language: str
    text: str
    url: str = ""


def is_held_out(key: str, percent: int = 10) -> bool:
    """Whether this document is kept from training; decided by its key alone, so every script agrees."""
    return int.from_bytes(hashlib.blake2b(key.encode(), digest_size=4).digest(), "big") % 100 < percent


def in_hash_order(texts: list[TrainingText]) -> list[TrainingText]:
    """The texts in a fixed order that mixes sources, for trainers whose result depends on order."""
    return sorted(texts, key=lambda t: hashlib.blake2b(t.key.encode(), digest_size=8).digest())


def input_hashes(folder: Path, patterns: list[str]) -> dict[str, str]:
    """sha256 of every file the patterns match, by path below `folder`; UserError when there is none."""
    files = sorted({path for pattern in patterns for path in folder.glob(pattern) if path.is_file()})
    if not files:
        raise UserError(f"no training data in {folder}: expected files like {', '.join(patterns)}")
    return {str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


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


_DROPPED_TAGS = frozenset(["ref", "table", "gallery", "timeline", "math", "references", "imagemap", "score"])


def wikipedia(folder: Path, pattern: str = "wikipedia/**/*wiki*.bz2") -> Iterator[TrainingText]:
    """Articles (namespace 0, no redirects), each title once; the language is the file name's prefix before `wiki`."""
    seen: set[str] = set()
    for path in sorted(folder.glob(pattern), reverse=True):
        language = path.name.split("wiki")[0]
        if not re.fullmatch("[a-z_-]+", language):
            continue
        with bz2.open(path) as dump:
            title, namespace, text = "", "0", ""
            for _, element in ElementTree.iterparse(dump):  # trusted input: files the trainer chose
                name = element.tag.rsplit("}", 1)[-1]
                if name == "title":
                    title = element.text or ""
                elif name == "ns":
                    namespace = element.text or "0"
                elif name == "text":
                    text = element.text or ""
                elif name == "page":
                    if namespace == "0" and ":" not in title[:12] and not text.lower().startswith("#redirect"):
                        key = f"wikipedia:{language}:{title}"
                        plain = plain_wikitext(text) if key not in seen else ""
                        if len(plain) >= 200:
                            seen.add(key)
                            yield TrainingText(key, "wikipedia", language, plain)
                    title, namespace, text = "", "0", ""
                    element.clear()


def books(folder: Path) -> Iterator[TrainingText]:
    """Gutenberg books without the licence text around them, paragraphs unwrapped to one line each."""
    codes = {"english": "en", "french": "fr", "german": "de", "spanish": "es", "italian": "it", "dutch": "nl"}
    for path in sorted(folder.glob("books/*.txt")):
        data = path.read_bytes()
        try:
            whole = data.decode("utf-8-sig")
        except UnicodeDecodeError:
            whole = data.decode("cp1252", "replace")
        whole = whole.replace("\r\n", "\n")
        named = re.search(r"^Language: *(\w+)", whole[:5000], re.M)
        start = re.search(r"^\*\*\* ?START OF.*$", whole, re.M)
        end = re.search(r"^\*\*\* ?END OF.*$", whole, re.M)
        body = whole[start.end() if start else 0 : end.start() if end else len(whole)]
        paragraphs = (" ".join(part.split()).replace("_", "") for part in body.split("\n\n"))
        text = "\n".join(paragraph for paragraph in paragraphs if paragraph)
        yield TrainingText(path.name, "books", codes.get(named.group(1).lower(), "") if named else "", text)


def c4(folder: Path) -> Iterator[TrainingText]:
    """Documents of C4 and CCNet JSON lines (`text`), each text once."""
    seen: set[str] = set()
    for path in sorted(folder.glob("c4/*.gz")):
        with gzip.open(path, "rt", encoding="utf-8") as lines:
            for number, line in enumerate(lines):
                row = json.loads(line)
                text = str(row["text"]).strip()
                if text[:200] not in seen:
                    seen.add(text[:200])
                    yield TrainingText(f"{path.name}#{number}", "c4", "en", text, str(row.get("url", "")))


def crawl(folder: Path, pattern: str = "cc/*.warc*.gz") -> Iterator[TrainingText]:
    """Main text of the HTML pages of WARC files and the texts of WET files; language "" (unknown)."""
    from fastwarc.warc import ArchiveIterator, WarcRecordType
    from resiliparse.extract.html2text import extract_plain_text
    from resiliparse.parse.encoding import bytes_to_str, detect_encoding

    for path in sorted(folder.glob(pattern)):
        with path.open("rb") as stream:
            kinds = WarcRecordType.response | WarcRecordType.conversion
            for record in ArchiveIterator(stream, record_types=kinds, parse_http=True):
                url = record.headers.get("WARC-Target-URI") or ""
                key = f"{path.name}#{record.record_id}"
                if record.record_type == WarcRecordType.conversion:
                    yield TrainingText(key, "crawl", "", record.reader.read().decode("utf-8", "replace"), url)
                    continue
                if record.http_headers is None or "html" not in (record.http_content_type or "").lower():
                    continue
                data = record.reader.read()
                html = bytes_to_str(data, detect_encoding(data) or "utf-8")
                text = extract_plain_text(html, main_content=True, alt_texts=False)
                if text.strip():
                    yield TrainingText(key, "crawl", "", text, url)


def tex(folder: Path) -> Iterator[TrainingText]:
    """LaTeX sources of e-prints as they are."""
    for path in sorted(folder.glob("arxiv/*.gz")):
        with tarfile.open(fileobj=io.BytesIO(path.read_bytes())) as archive:
            for member in sorted(archive.getmembers(), key=lambda m: m.name):
                if member.isfile() and member.name.endswith(".tex"):
                    source = archive.extractfile(member)
                    if source is not None:
                        text = source.read().decode("utf-8", "replace")
                        yield TrainingText(f"{path.name}#{member.name}", "arxiv", "en", text)


def code() -> Iterator[TrainingText]:
    """Python's own standard library, the code that is on every machine which runs this."""
    root = Path(sysconfig.get_paths()["stdlib"])
    for path in sorted(root.glob("*.py")):
        yield TrainingText(f"stdlib#{path.name}", "code", "python", path.read_text("utf-8", "replace"))
