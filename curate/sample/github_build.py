"""Builds the sample of source code from `github_texts`: `python -m curate.sample.github_build [--output DIR]`.

Repositories as they are published: a GitHub tarball and zip, an npm package, a crate, a BigQuery export as JSON lines
and Parquet, and two archives that are damaged or hostile. The same texts give the same bytes.
"""

from __future__ import annotations

import argparse
import gzip
import io
import json
import tarfile
import zipfile
from collections.abc import Mapping
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from curate.sample import github_texts as texts

HERE = Path(__file__).parent / "github"
MINIFIED = "!function(){" + "var a=function(b,c){return b&&c?b(c):a};" * 40 + "}();\n"
LONG_LINE = "export const table = [" + ", ".join(str(n * n) for n in range(400)) + "];\n"


def repositories() -> dict[str, dict[str, str]]:
    """Archive name -> path -> content. Each has one licence, and files that a corpus should not take."""
    harbour = {
        "LICENSE": texts.MIT,
        "README.md": texts.README,
        "pyproject.toml": '[project]\nname = "harbour-clock"\nlicense = "MIT"\n',
        "src/harbour_clock/tides.py": texts.TIDES_PY,
        "src/harbour_clock/config.py": texts.CONFIG_PY,
        "src/harbour_clock/tides_pb2.py": texts.GENERATED_PY,
        "src/harbour_clock/empty.py": "\n",
        "vendor/borrowed.py": "def borrowed():\n    return 'from somewhere else'\n",
        "poetry.lock": "# nothing is pinned\n",
        "tests/water.csv": "hour,height\n0,1.6\n1,1.4\n",
    }
    lantern = {
        "COPYING": texts.BSD,
        "lantern.c": texts.enclosed(texts.BSD) + "\n" + texts.LANTERN_C,
        "lantern.h": texts.LANTERN_H,
        "Makefile": texts.MAKEFILE,
        "tools/bell.py": texts.commented(texts.GPL_NOTICE, "#") + "\nprint('ding')\n",
    }
    weft = {
        "LICENSE": texts.APACHE_NOTICE,
        "package.json": json.dumps({"name": "weft", "version": "1.2.0", "license": "Apache-2.0"}),
        "src/draft.js": texts.enclosed(texts.APACHE_NOTICE) + texts.WEFT_JS,
        "src/plain.ts": texts.WEFT_TS,
        "src/squares.js": LONG_LINE,
        "src/tiny.js": MINIFIED,
        "dist/weft.min.js": MINIFIED,
    }
    pebble = {
        "Cargo.toml": '[package]\nname = "pebble"\nversion = "0.1.0"\nlicense = "MIT OR Apache-2.0"\n',
        "LICENSE-MIT": texts.MIT,
        "LICENSE-APACHE": texts.APACHE_NOTICE,
        "src/lib.rs": texts.PEBBLE_RS,
    }
    copper = {"COPYING": texts.GPL_NOTICE, "copper.py": texts.COPPER_PY}
    meadow = {"src/lib.rs": texts.commented(texts.MPL_NOTICE, "//") + "\n" + texts.MEADOW_RS}
    orphan = {"orphan.py": "def nobody_says():\n    return 'under what terms'\n"}
    return {
        "harbour-clock-1.0.tar.gz": _under("harbour-clock-1.0", harbour),
        "lantern-main.zip": _under("lantern-main", lantern),
        "weft-1.2.0.tgz": _under("package", weft),
        "pebble-0.1.0.crate": _under("pebble-0.1.0", pebble),
        "copper-2.1.tar.gz": _under("copper-2.1", copper),
        "meadow-0.3.tar.gz": _under("meadow-0.3", meadow),
        "orphan-0.1.zip": _under("orphan-0.1", orphan),
    }


def export_rows() -> list[dict[str, object]]:
    """Rows as BigQuery's `contents` joined with `files` and `licenses` have them."""

    def row(repository: str, path: str, content: str | None, licence: str) -> dict[str, object]:
        size = len(content.encode()) if content is not None else 0
        return {
            "repo_name": repository,
            "ref": "refs/heads/master",
            "path": path,
            "content": content,
            "license": licence,
            "size": size,
            "binary": content is None,
        }

    return [
        row("northmole/harbour-clock", "src/harbour_clock/tides.py", texts.TIDES_PY, "mit"),
        row("lampworks/lantern", "lantern.h", texts.LANTERN_H, "bsd-3-clause"),
        row("kettles/copper", "copper.py", texts.COPPER_PY, "gpl-3.0"),
        row("loom/weft", "src/check.ts", texts.WEFT_TS + "\nexport const version = '1.2.0';\n", "apache-2.0"),
        row("loom/weft", "logo.py", None, "apache-2.0"),
        row("field/meadow", "src/lib.rs", texts.MEADOW_RS, "mpl-2.0"),
    ]


def _under(folder: str, files: Mapping[str, str]) -> dict[str, str]:
    return {f"{folder}/{path}": content for path, content in files.items()}


def tarball(files: Mapping[str, str]) -> bytes:
    """A gzipped tar of these files, the same every time."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.GNU_FORMAT) as archive:
        for path, content in files.items():
            data = content.encode()
            info = tarfile.TarInfo(path)
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    return gzip.compress(buffer.getvalue(), mtime=0)


def zipped(files: Mapping[str, str]) -> bytes:
    """A zip of these files, the same every time."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for path, content in files.items():
            archive.writestr(zipfile.ZipInfo(path, (1980, 1, 1, 0, 0, 0)), content, zipfile.ZIP_DEFLATED)
    return buffer.getvalue()


def hostile() -> bytes:
    """A tarball with a link, a name that goes up, and one good file."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.GNU_FORMAT) as archive:
        link = tarfile.TarInfo("knot-1.0/passwords.py")
        link.type, link.linkname = tarfile.SYMTYPE, "/etc/passwd"
        archive.addfile(link)
        for path, content in (
            ("knot-1.0/../../up.py", "print('up')\n"),
            ("knot-1.0/LICENSE", texts.MIT),
            ("knot-1.0/knot.py", "def turns(rope):\n    return rope.count('loop') // 2\n"),
        ):
            info = tarfile.TarInfo(path)
            info.size = len(content.encode())
            archive.addfile(info, io.BytesIO(content.encode()))
    return gzip.compress(buffer.getvalue(), mtime=0)


def files() -> dict[str, bytes]:
    """Name -> bytes of everything but the Parquet file."""
    made = {
        name: zipped(content) if name.endswith(".zip") else tarball(content) for name, content in repositories().items()
    }
    made["knot-1.0.tar.gz"] = hostile()
    whole = tarball(_under("torn-1.0", {"LICENSE": texts.MIT, "torn.py": texts.TIDES_PY * 40}))
    made["torn-1.0.tar.gz"] = whole[: len(whole) * 2 // 3]
    lines = [json.dumps(row, ensure_ascii=False) for row in export_rows()]
    made["export-000000000000.jsonl"] = ("\n".join([*lines, '{"path": "cut off'])).encode()
    return made


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--output", type=Path, default=HERE)
    output: Path = parser.parse_args().output
    output.mkdir(parents=True, exist_ok=True)
    for name, content in files().items():
        (output / name).write_bytes(content)
    rows = [{**row, "content": f"{row['content']}\n" if row["content"] else None} for row in export_rows()]
    pq.write_table(pa.Table.from_pylist(rows), output / "export-000000000001.parquet", row_group_size=3)


if __name__ == "__main__":
    main()
