"""Builds arXiv's sample from the papers of `arxiv_papers/`: `python -m curate.sample.arxiv_tars [--output DIR]`.

Two bulk tars as arXiv has them, of papers written for this project: in several files, in Latin-1, as old as
`\\documentstyle`; and some that a reader must survive: PDF, withdrawn, without a section, torn, endless, with names
that lead outside. The same papers give the same bytes wherever zlib is the same, and the same files everywhere.
"""

from __future__ import annotations

import argparse
import gzip
import io
import json
import tarfile
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
PAPERS = HERE / "arxiv_papers"
BULK = "arXiv_src_2401_001.tar"
OLD = "arXiv_src_0001_001.tar"
METADATA = "arxiv-metadata.json"
_DATE = 1_704_067_200
"""Of every file: 2024-01-01."""
_LICENCES = {
    "2401.00001": "http://creativecommons.org/licenses/by/4.0/",
    "2401.00002": "http://arxiv.org/licenses/nonexclusive-distrib/1.0/",
    "2401.00003": "http://creativecommons.org/licenses/by-nc-sa/4.0/",
    "astro-ph/0001001": None,
}


def tar_of(files: dict[str, bytes], links: dict[str, str] | None = None) -> bytes:
    """A tar of these files, in this order, then of symbolic links."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=tarfile.GNU_FORMAT) as archive:
        for name, data in files.items():
            member = tarfile.TarInfo(name)
            member.size, member.mtime = len(data), _DATE
            archive.addfile(member, io.BytesIO(data))
        for name, target in (links or {}).items():
            member = tarfile.TarInfo(name)
            member.type, member.linkname, member.mtime = tarfile.SYMTYPE, target, _DATE
            archive.addfile(member)
    return out.getvalue()


def paper(name: str) -> dict[str, bytes]:
    """The files of a paper, sorted by path."""
    folder = PAPERS / name
    return {
        path.relative_to(folder).as_posix(): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()
    }


def packed(data: bytes) -> bytes:
    return gzip.compress(data, mtime=0)


def bulk() -> dict[str, bytes]:
    """The members of the newer tar, by name."""
    torn = packed(tar_of(paper("2401.00001")))
    outside = {"../../outside.tex": b"This is outside.\n", "/tmp/outside.tex": b"So is this.\n", **paper("2401.00009")}
    withdrawn = b"%auto-ignore\nThis paper has been withdrawn by its authors.\n"
    return {
        "2401/2401.00001.gz": packed(tar_of({"._main.tex": b"\0\5\x16\7 a Mac was here", **paper("2401.00001")})),
        "2401/2401.00002.gz": packed(paper("2401.00002")["digues.tex"]),
        "2401/2401.00003.gz": packed(tar_of(paper("2401.00003"))),
        "2401/2401.00004.pdf": b"%PDF-1.4\n% a paper that was sent without its source\n%%EOF\n",
        "2401/2401.00005.gz": packed(tar_of(paper("2401.00005"))),
        "2401/2401.00006.gz": torn[: len(torn) // 2],
        "2401/2401.00007.gz": packed(tar_of(paper("2401.00007"))),
        "2401/2401.00008.gz": packed(withdrawn),
        "2401/2401.00009.gz": packed(tar_of(outside, {"sections.tex": "/etc/hostname"})),
    }


def metadata() -> str:
    """Metadata as arXiv publishes it, of the papers that are kept."""
    known: list[dict[str, Any]] = [
        {
            "id": identifier,
            "title": title,
            "authors": authors,
            "categories": categories,
            "license": _LICENCES[identifier],
            "versions": [{"version": "v1", "created": f"Mon, 1 Jan {year} 09:00:00 GMT"}],
            "authors_parsed": [[*reversed(name.split(" ", 1)), ""] for name in authors.split(", ")],
        }
        for identifier, title, authors, categories, year in (
            (
                "2401.00001",
                "Counting the Returns of a Lighthouse Beam",
                "Ida Varnholt, Bo Lindqvist",
                "math.HO stat.AP",
                2024,
            ),
            ("2401.00002", "Sur la hauteur des digues", "Hélène Maréchal", "physics.ao-ph", 2024),
            ("2401.00003", "Walks on a Quilt", "Noor Abad, Petra Holm", "math.PR", 2024),
            ("astro-ph/0001001", "Dust around a quiet star", "E. Tamm", "astro-ph", 2000),
        )
    ]
    return "".join(json.dumps(record, ensure_ascii=False) + "\n" for record in known)


def sample() -> dict[str, bytes]:
    """Name and bytes of every file of the sample."""
    old = {"0001/astro-ph0001001.gz": packed(paper("0001.astro-ph0001001")["paper.tex"])}
    return {BULK: tar_of(bulk()), OLD: tar_of(old), METADATA: metadata().encode()}


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--output", type=Path, default=HERE / "arxiv")
    output = parser.parse_args().output
    output.mkdir(parents=True, exist_ok=True)
    for name, data in sample().items():
        (output / name).write_bytes(data)


if __name__ == "__main__":
    main()
