"""Make the sample of published C4 from the texts of the sample crawl: `python -m curate.sample.c4_pages`.

Lines of `text`, `timestamp` and `url`, keys in the order of allenai/c4, gzipped; of every English text the paragraphs
that C4's line rules would have left. Some lines are broken, and one page is there twice.
"""

from __future__ import annotations

import argparse
import gzip
import io
import json
from pathlib import Path

from curate.sample.reading import Text, read_texts

HERE = Path(__file__).resolve().parent / "c4"
_BROKEN = (b'{"text":"This line of the file was torn', b'["not", "a page"]', b'{"text":"","timestamp":"","url":""}')


def page(text: Text, number: int) -> dict[str, str]:
    """A page as C4 has it, at an address of its own."""
    lines = [line for line in text.paragraphs if line.endswith((".", "?", "!", '"')) and len(line.split()) >= 5]
    stamp = f"2019-04-{18 + number % 9:02}T{number % 24:02}:{number * 7 % 60:02}:{number * 13 % 60:02}Z"
    return {
        "text": "\n".join(lines),
        "timestamp": stamp,
        "url": f"https://www.quietcorner.example/{text.slug}/",
    }


def files() -> dict[str, bytes]:
    """The files by name, not yet gzipped."""
    texts = [text for text in read_texts() if text.language == "en" and not text.low]
    pages = [page(text, number) for number, text in enumerate(texts)]
    pages = [item for item in pages if item["text"].count("\n") >= 3]
    lines = [json.dumps(item, ensure_ascii=False, separators=(",", ":")).encode() for item in pages]
    half = len(lines) // 2
    first = [*lines[:half], _BROKEN[0], lines[0]]
    second = [*lines[half:-1], _BROKEN[1], _BROKEN[2], lines[-1]]
    named = {"c4-train.00000-of-00002.json": first, "c4-train.00001-of-00002.json": second}
    return {name: b"\n".join(content) + b"\n" for name, content in named.items()}


def write(folder: Path) -> list[Path]:
    written = []
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in files().items():
        buffer = io.BytesIO()
        with gzip.GzipFile("", "wb", 9, buffer, mtime=0) as out:
            out.write(content)
        path = folder / f"{name}.gz"
        path.write_bytes(buffer.getvalue())
        written.append(path)
    return written


def main() -> None:
    parser = argparse.ArgumentParser(description="Write the sample of published C4.")
    parser.add_argument("--output", type=Path, default=HERE)
    for path in write(parser.parse_args().output):
        print(path)


if __name__ == "__main__":
    main()
