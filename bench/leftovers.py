"""What is left of a source's markup in what was extracted: a random sample of documents, every exception printed.

    python -m bench.leftovers BUILD [BUILD ...] [--documents 1000] [--seed 1]

BUILD is the output folder of `curate build`, of one source or of a mixture. Looked for is what no reader should see:
wiki brackets and template braces, comments and bibliographies of LaTeX, HTML tags outside code, the header and licence
of Project Gutenberg. What is printed may be right all the same (a page about wikis has brackets): it is read by eye.
"""

from __future__ import annotations

import argparse
import random
import re
import sys
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path

import pyarrow.parquet as pq

CONTEXT = 40
_TAG = (
    r"</?(?:a|abbr|b|blockquote|br|center|cite|code|dd|div|dl|dt|em|font|h[1-6]|hr|i|img|kbd|li|ol|p|pre|ref|s|script"
    r"|small|span|strike|strong|style|sub|sup|table|tbody|td|th|tr|tt|u|ul)(?:\s[^<>]{0,400})?/?>"
)
LEFT: Mapping[str, Mapping[str, str]] = {
    "wikipedia": {
        "link bracket": r"\[\[|\]\]",
        "template brace": r"\{\{|\}\}",
        "table": r"^\{\||^\|[}\-]",
        "comment": r"<!--|-->",
        "bold or italic": r"'''|(?<!')''(?!')",
        "HTML tag": _TAG,
        "entity": r"&(?:nbsp|lt|gt|amp|quot|ndash|mdash);",
    },
    "arxiv": {
        "comment": r"(?<!\\)(?:\\\\)*%",
        "definition": r"\\(?:re)?newcommand\b|\\providecommand\b|\\DeclareMathOperator\b",
        "bibliography": r"\\bibliography(?:style)?\s*\{|\\bibitem\b|\\begin\{thebibliography\}|\\printbibliography\b",
        "preamble": r"\\documentclass\b|\\usepackage\b|\\begin\{document\}",
        "inclusion": r"\\(?:input|include|subfile)\s*\{",
    },
    "stackexchange": {"HTML tag": _TAG, "entity": r"&(?:nbsp|lt|gt|amp|quot|#39);"},
    "books": {
        "Project Gutenberg": r"(?i)project\s+gutenberg|gutenberg\.(?:org|net)",
        "marker": r"(?m)^\*\*\*\s?(?:START|END) OF",
        "transcriber": r"(?i)transcriber['’]?s?['’]? notes?",
        "HTML tag": _TAG,
    },
    "commoncrawl": {"HTML tag": _TAG, "entity": r"&(?:nbsp|lt|gt|amp|quot|ndash|mdash);"},
    "c4": {"HTML tag": _TAG, "brace": r"\{", "lorem ipsum": r"(?i)lorem ipsum", "citation": r"\[\d+\]"},
    "github": {"e-mail in a copyright line": r"(?i)copyright[^\n]{0,80}<[^<>\s]+@[^<>\s]+>"},
}
"""source -> what -> where it is seen."""


def documents(build: Path, count: int, seed: int) -> Iterator[tuple[str, str, str, str]]:
    """(source, id, url, text) of a random sample of a build, in file order."""
    places: list[tuple[Path, int]] = []
    for path in sorted((build / "documents").glob("shard-*.parquet")):
        places += [(path, row) for row in range(pq.read_metadata(path).num_rows)]
    chosen = sorted(random.Random(seed).sample(range(len(places)), min(count, len(places))))
    rows: dict[Path, list[int]] = {}
    for number in chosen:
        path, row = places[number]
        rows.setdefault(path, []).append(row)
    for path, wanted in rows.items():
        for row in pq.read_table(path, columns=["source", "id", "url", "text"]).take(wanted).to_pylist():
            yield row["source"], row["id"], row["url"], row["text"]


def builds(folders: list[Path]) -> list[Path]:
    return [
        part for folder in folders for part in (sorted((folder / "sources").glob("*")) or [folder]) if part.is_dir()
    ]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("builds", type=Path, nargs="+")
    parser.add_argument("--documents", type=int, default=1_000, help="of each source")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--most", type=int, default=5, help="exceptions printed of each kind")
    options = parser.parse_args()
    any_left = False
    for build in builds(options.builds):
        looked = characters = 0
        seen: Counter[str] = Counter()
        documents_with: Counter[str] = Counter()
        source = "nothing"
        for source, _, url, text in documents(build, options.documents, options.seed):
            looked, characters = looked + 1, characters + len(text)
            for kind, pattern in LEFT.get(source, {}).items():
                found = list(re.finditer(pattern, text, re.MULTILINE))
                documents_with[kind] += bool(found)
                for match in found:
                    seen[kind] += 1
                    if seen[kind] <= options.most:
                        around = text[max(match.start() - CONTEXT, 0) : match.end() + CONTEXT]
                        print(f"  {source}: {kind}: {url[:90]}: …{' '.join(around.split())}…")
        any_left = any_left or bool(seen)
        told = ", ".join(f"{kind} {count} in {documents_with[kind]}" for kind, count in sorted(seen.items())) or "none"
        print(f"{source}: {looked:,} documents, {characters:,} characters; left: {told}")
    return int(any_left)


if __name__ == "__main__":
    sys.exit(main())
