"""ArXiv's papers as it keeps them: each read once, named, and either a text or a reason why not."""

from __future__ import annotations

import gzip
import io
import json
import os
import re
import tarfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from curate.document import Document
from curate.errors import SetAside, UserError
from curate.inputs import InputFile
from curate.sample import arxiv_tars
from curate.sources.arxiv import Arxiv, ArxivExtract
from curate.sources.arxiv_ids import paper_id
from curate.sources.arxiv_metadata import Metadata, check, licence_of, load
from curate.sources.source import Dropped, Outcome

ROOT = Path(__file__).resolve().parents[2]
SAMPLE = ROOT / "curate" / "sample" / "arxiv"
PAPER = b"\\documentclass{article}\n\\begin{document}\n\\section{A}\nSome text.\n\\end{document}\n"


@pytest.fixture(scope="session")
def real_papers() -> Path:
    """The folder of real papers; a test that asks for it skips where it is absent."""
    folder = Path(os.environ.get("CURATE_REAL_DATA", ROOT.parent / "shared" / "data")) / "arxiv"
    if not folder.is_dir():
        pytest.skip("the real papers are not here: set CURATE_REAL_DATA to the folder that holds arxiv/")
    return folder


def outcomes(path: Path, range_bytes: int = 32 << 20, **settings: Any) -> list[Outcome]:
    source = Arxiv(ArxivExtract(range_bytes=range_bytes, **settings))
    item = InputFile(str(path), path.name, path.stat().st_size, "")
    return [outcome for piece in source.pieces(item, 0) for outcome in source.read(piece)]


def only(folder: Path, name: str, data: bytes, **settings: Any) -> Outcome:
    """The outcome of a file that holds one paper."""
    path = folder / name
    path.write_bytes(data)
    (outcome,) = outcomes(path, **settings)
    return outcome


def fate(outcome: Outcome) -> str:
    return "kept" if isinstance(outcome, Document) else str(outcome.reason)


def tar_of(files: Mapping[str, bytes]) -> bytes:
    return arxiv_tars.tar_of(dict(files))


# ---- the sample ----


def test_the_sample_is_what_its_script_builds() -> None:
    for name, data in arxiv_tars.sample().items():
        stored = (SAMPLE / name).read_bytes()
        if name.endswith(".tar"):
            assert list(unpacked(stored)) == list(unpacked(data))
        else:
            assert stored == data


def unpacked(bulk: bytes) -> Iterator[tuple[str, bytes]]:
    """The papers of a tar, whose gzip may differ between versions of zlib."""
    with tarfile.open(fileobj=io.BytesIO(bulk)) as archive:
        for member in archive:
            data = archive.extractfile(member).read()  # type: ignore[union-attr]
            try:
                yield member.name, gzip.decompress(data) if member.name.endswith(".gz") else data
            except EOFError:
                yield member.name, b"torn"


def test_every_paper_of_the_sample_has_the_fate_it_was_written_for() -> None:
    found = outcomes(SAMPLE / arxiv_tars.BULK)
    assert [fate(outcome) for outcome in found] == [
        "kept",
        "kept",
        "kept",
        "pdf",
        "endless_macro",
        "truncated",
        "no_section",
        "withdrawn",
        "kept",
    ]
    texts = [outcome.text for outcome in found if isinstance(outcome, Document)]
    assert "T(x) = T\\,\\Bigl(1 + \\frac{v\\,x}{d^2 + x^2}\\Bigr),\n\\end{equation}" in texts[0]
    assert "$x\\in\\mathbb{R}$ for the ship's place on its course, $\\mathbb{R}\\mathbb{R}$ for nothing" in texts[0]
    assert "The log of the Port Ellery light holds" in texts[0]
    assert "night  clear  met   % not a comment" in texts[0]
    assert "Les marées d'été" in texts[1]
    assert texts[2].index("A step from patch") < texts[2].index("Every seam") < texts[2].index("Count the seams")
    assert "This is outside" not in texts[3]
    for text in texts:
        assert "older beginning" not in text
        assert "second referee" not in text
        assert "bibliography" not in text


def test_an_old_paper_is_read_and_named_by_its_archive() -> None:
    (paper,) = outcomes(SAMPLE / arxiv_tars.OLD)
    assert isinstance(paper, Document)
    assert paper.url == "https://arxiv.org/abs/astro-ph/0001001"
    assert paper.text.startswith("\\section{Observations}")
    assert "3 \\ensuremath{L_\\odot}\\ within" in paper.text
    assert "(12;\\,7) of plates" in paper.text
    assert "weather — a result" in paper.text
    assert "Plates of" not in paper.text


@pytest.mark.parametrize("range_bytes", [512, 1000, 1024, 4096, 7777, 10_240, 1 << 20])
def test_ranges_of_any_size_give_every_paper_once(range_bytes: int) -> None:
    for name in (arxiv_tars.BULK, arxiv_tars.OLD):
        assert outcomes(SAMPLE / name, range_bytes) == outcomes(SAMPLE / name)


def test_a_papers_bytes_are_never_taken_for_a_header(tmp_path: Path) -> None:
    inner = tar_of({"2401/2401.09999.gz": gzip.compress(PAPER)})  # not packed, so its headers stand on blocks
    path = tmp_path / "arXiv_src_2401_009.tar"
    path.write_bytes(
        tar_of(
            {
                "2401/2401.00001.gz": gzip.compress(PAPER),
                "2401/2401.00002.gz": inner,
                "2401/2401.00003.gz": gzip.compress(PAPER),
            }
        )
    )
    for range_bytes in (512, 1536, 4096):
        found = outcomes(path, range_bytes)
        assert found == outcomes(path)
        assert [getattr(outcome, "url", None) for outcome in found if isinstance(outcome, Document)] == [
            "https://arxiv.org/abs/2401.00001",
            "https://arxiv.org/abs/2401.00003",
        ]


# ---- single papers and forms ----


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("2401.00001.gz", gzip.compress(PAPER)),
        ("2401.00001v2.gz", gzip.compress(tar_of({"a/main.tex": PAPER}))),
        ("2401.00001.tar.gz", gzip.compress(tar_of({"main.tex": PAPER}))),
        ("2401.00001.tgz", gzip.compress(tar_of({"main.tex": PAPER}))),
        ("2401.00001.tar", tar_of({"fig.ps.gz": b"x", "main.tex": PAPER})),
        ("2401.00001.tex", PAPER),
        ("2401.00001.gz", gzip.compress(tar_of({"paper": PAPER}))),
        ("2401.00001.gz", gzip.compress(PAPER[:50]) + gzip.compress(PAPER[50:])),
    ],
)
def test_a_paper_is_read_in_whatever_form_it_is_kept(tmp_path: Path, name: str, data: bytes) -> None:
    paper = only(tmp_path, name, data)
    assert isinstance(paper, Document)
    assert paper.text == "\\section{A}\nSome text."
    assert (paper.url, paper.file, paper.offset) == ("https://arxiv.org/abs/2401.00001", name, 0)


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"%PDF-1.5\n", "pdf"),
        (gzip.compress(b"%!PS-Adobe-2.0\n"), "postscript"),
        (gzip.compress(b"<!DOCTYPE html><html>"), "not_tex"),
        (gzip.compress(b"PK\3\4\0\0\0"), "not_tex"),
        (gzip.compress(tar_of({"paper.pdf": b"%PDF"})), "pdf"),
        (gzip.compress(tar_of({"paper.ps": b"%!"})), "postscript"),
        (gzip.compress(tar_of({"data.csv": b"1"})), "not_tex"),
        (gzip.compress(b"%auto-ignore\nwithdrawn"), "withdrawn"),
        (gzip.compress(b" \n"), "empty"),
        (gzip.compress(b""), "empty"),
        (b"", "empty"),
        (gzip.compress(b"Plain words."), "no_section"),
        (gzip.compress(PAPER)[:-20], "truncated"),
        (gzip.compress(PAPER)[:-8] + b"\0" * 8, "corrupt_gzip"),
        (gzip.compress(b"\\section{A}\\def\\x{\\x}\\x"), "endless_macro"),
        (gzip.compress(tar_of({"a.tex": PAPER})[:560]), "truncated"),
    ],
)
def test_what_is_no_paper_has_its_reason(tmp_path: Path, data: bytes, reason: str) -> None:
    assert fate(only(tmp_path, "2401.00001.gz", data)) == reason


def test_every_reason_is_a_declared_one() -> None:
    assert set(Arxiv.reasons) >= {
        "pdf",
        "postscript",
        "not_tex",
        "withdrawn",
        "no_section",
        "empty",
        "not_utf8",
        "not_a_file",
    }


def test_links_and_devices_among_the_papers_are_counted_and_not_followed(tmp_path: Path) -> None:
    path = tmp_path / "bulk.tar"
    path.write_bytes(
        arxiv_tars.tar_of({"2401/2401.00001.gz": gzip.compress(PAPER)}, {"2401/2401.00002.gz": "/etc/passwd"})
    )
    assert [fate(outcome) for outcome in outcomes(path)] == ["kept", "not_a_file"]


# ---- bad input ----


def test_a_tar_that_ends_early_gives_what_it_has(tmp_path: Path) -> None:
    whole = tar_of({f"2401/2401.0000{n}.gz": gzip.compress(PAPER) for n in range(1, 4)})
    path = tmp_path / "arXiv_src.tar"
    path.write_bytes(whole[: 2 * 1024 + 512 + 20])
    found = outcomes(path)
    assert [fate(outcome) for outcome in found] == ["kept", "kept", "truncated"]
    assert found[2].offset == 2048


def test_a_damaged_header_costs_one_paper(tmp_path: Path) -> None:
    data = bytearray(tar_of({f"2401/2401.0000{n}.gz": gzip.compress(PAPER) for n in range(1, 5)}))
    data[1024 + 148 : 1024 + 156] = b"\xff" * 8
    path = tmp_path / "arXiv_src.tar"
    path.write_bytes(data)
    for range_bytes in (512, 1024, 3000, 1 << 20):
        found = outcomes(path, range_bytes)
        assert [fate(outcome) for outcome in found] == ["kept", "bad_tar", "kept", "kept"]
        assert found[1].offset == 1024


def test_what_is_called_a_tar_and_is_none_is_one_unreadable_paper(tmp_path: Path) -> None:
    path = tmp_path / "x.tar"
    path.write_bytes(b"\0\1" * 5000)
    assert [fate(outcome) for outcome in outcomes(path, 1024)] == ["not_tex"]


def test_a_bomb_is_set_aside_and_the_next_paper_read(tmp_path: Path) -> None:
    bomb = gzip.compress(tar_of({"fig.eps": b"\0" * (4 << 20), "main.tex": PAPER}))
    path = tmp_path / "arXiv_src.tar"
    path.write_bytes(tar_of({"2401/2401.00001.gz": bomb, "2401/2401.00002.gz": gzip.compress(PAPER)}))
    assert [fate(outcome) for outcome in outcomes(path, max_paper_bytes=1 << 20)] == ["bomb", "kept"]
    assert [fate(outcome) for outcome in outcomes(path)] == ["kept", "kept"]


def test_a_line_longer_than_any_file_may_be_is_set_aside(tmp_path: Path) -> None:
    long = gzip.compress(b"x" * (300 << 10))
    assert fate(only(tmp_path, "2401.00001.gz", long, max_file_bytes=256 << 10)) == "too_large"
    inside = gzip.compress(tar_of({"main.tex": b"y" * (300 << 10)}))
    assert fate(only(tmp_path, "2401.00001.gz", inside, max_file_bytes=256 << 10)) == "too_large"


@pytest.mark.parametrize("codec", ["latin-1", "utf-16", "cp1250", "shift_jis"])
def test_a_wrong_encoding_is_read_all_the_same(tmp_path: Path, codec: str) -> None:
    words = {"cp1250": "Łódź", "shift_jis": "日本語の論文です。" * 5}.get(codec, "été")
    paper = only(tmp_path, "2401.00001.gz", gzip.compress(f"\\section{{A}}\n{words}".encode(codec)))
    assert isinstance(paper, Document)
    assert paper.text.startswith("\\section{A}")


@pytest.mark.parametrize("unit", ["{", "\\begin{a}", "\\input{main}", "\\section{", "\\newcommand{\\x}{", "$", "["])
def test_deep_nesting_ends(tmp_path: Path, unit: str) -> None:
    text = "\\section{A} words " + unit * 20_000
    assert isinstance(only(tmp_path, "main.tex", text.encode()), Document | SetAside | Dropped)


def test_names_that_lead_outside_write_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    files = {
        "../evil.tex": PAPER,
        "/evil.tex": PAPER,
        "a/../../evil.tex": PAPER,
        "main.tex": PAPER + b"\\input{../evil}",
    }
    data = gzip.compress(tar_of(files))
    paper = only(tmp_path, "2401.00001.gz", data)
    assert isinstance(paper, Document)
    assert json.loads(paper.metadata)["unsafe_names"] == 3
    assert [path.name for path in tmp_path.rglob("*")] == ["2401.00001.gz"]
    assert not (tmp_path.parent / "evil.tex").exists()


def test_a_name_that_is_no_utf8_is_stored_as_text(tmp_path: Path) -> None:
    data = gzip.compress(tar_of({"caf\udce9.tex": PAPER}))
    paper = only(tmp_path, "2401.00001.gz", data)
    assert isinstance(paper, Document)
    paper.metadata.encode()


# ---- identifiers and metadata ----


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("2401/2401.00001.gz", ("2401.00001", "")),
        ("0704.0001v3.tar.gz", ("0704.0001", "v3")),
        ("0001/astro-ph0001001.gz", ("astro-ph/0001001", "")),
        ("astro-ph_0001001.gz", ("astro-ph/0001001", "")),
        ("math.AG0601001v1.gz", ("math/0601001", "v1")),
        ("hep-th/9901001.tar.gz", ("hep-th/9901001", "")),
        ("x/y/cs/0601001.gz", ("cs/0601001", "")),
        ("2413.00001.gz", None),
        ("2401.001.gz", None),
        ("2401.000011.gz", None),
        ("12401.00001.gz", None),
        ("user__paper.tar.gz", None),
        ("nowhere0001001.gz", None),
        ("", None),
    ],
)
def test_an_identifier_is_read_from_the_name(path: str, expected: tuple[str, str] | None) -> None:
    assert paper_id(path) == expected


@pytest.mark.parametrize(
    ("address", "licence"),
    [
        ("http://creativecommons.org/licenses/by/4.0/", "CC-BY-4.0"),
        ("http://creativecommons.org/licenses/by-nc-sa/3.0/", "CC-BY-NC-SA-3.0"),
        ("https://creativecommons.org/licenses/by-nc-nd/4.0", "CC-BY-NC-ND-4.0"),
        ("http://creativecommons.org/publicdomain/zero/1.0/", "CC0-1.0"),
        ("http://arxiv.org/licenses/nonexclusive-distrib/1.0/", "LicenseRef-arXiv-nonexclusive-distrib-1.0"),
        ("http://example.org/", ""),
        ("", ""),
    ],
)
def test_a_licence_is_named_by_spdx(address: str, licence: str) -> None:
    assert licence_of(address) == licence


def test_metadata_of_arxiv_wins_over_what_the_paper_says(tmp_path: Path) -> None:
    metadata = str(SAMPLE / arxiv_tars.METADATA)
    papers = [paper for paper in outcomes(SAMPLE / arxiv_tars.BULK, metadata=metadata) if isinstance(paper, Document)]
    first = papers[0]
    assert (first.title, first.licence) == ("Counting the Returns of a Lighthouse Beam", "CC-BY-4.0")
    assert first.date == "2024-01-01T09:00:00Z"
    said = json.loads(first.metadata)
    assert said["authors"] == ["Ida Varnholt", "Bo Lindqvist"]
    assert said["categories"] == ["math.HO", "stat.AP"]
    assert (papers[3].licence, papers[3].date) == ("", "")  # not among the metadata
    without = outcomes(SAMPLE / arxiv_tars.BULK)[0]
    assert isinstance(without, Document)
    assert without.title == first.title
    assert json.loads(without.metadata)["authors"] == ["Ida Varnholt", "Bo Lindqvist"]
    assert without.text == first.text


def test_metadata_finds_each_of_many_papers_and_survives_bad_lines(tmp_path: Path) -> None:
    path = tmp_path / "metadata.json"
    lines = [json.dumps({"id": f"2401.{n:05}", "title": f"Title {n}"}) for n in range(1, 500)]
    lines[10:10] = ["not json", '{"id": "2401.00003", broken', "", '{"id": "2401.00500", "versions": "none"}', "[]"]
    path.write_text("\n".join(lines) + "\n" + '{"id": "2401.00007", "title": "Later"}\n')
    metadata = Metadata(str(path))
    for n in (1, 3, 42, 499):
        record = metadata.of(f"2401.{n:05}")
        assert record is not None
        assert record["title"] == f"Title {n}"
    assert metadata.of("2401.00007") == {"id": "2401.00007", "title": "Later"}
    assert metadata.of("2401.99999") is None
    assert metadata.of("2401.00500") is not None


def test_metadata_that_is_not_there_or_none_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no file at"):
        load(str(tmp_path / "none.json"))
    (tmp_path / "csv").write_text("id,title\n")
    with pytest.raises(UserError, match="unpack"):
        load(str(tmp_path / "csv"))
    for name in ("none.json", "csv"):
        with pytest.raises(UserError, match=r"^extract\.metadata: "):
            check(str(tmp_path / name))
    check(str(SAMPLE / arxiv_tars.METADATA))


def test_metadata_that_changes_is_read_again(tmp_path: Path) -> None:
    path = tmp_path / "metadata.json"
    path.write_text('{"id": "2401.00001"}\n')
    assert load(str(path)) is load(str(path))
    path.write_text('{"id": "2401.00001"}\n{"id": "2401.00002"}\n')
    assert load(str(path)).of("2401.00002") is not None


def test_options_reach_the_paper(tmp_path: Path) -> None:
    text = b"\\begin{abstract}Abs.\\end{abstract}\\section{A} a\\appendix\\section{B} b"
    assert only(tmp_path, "a.tex", text).text == "\\section{A} a\\appendix\\section{B} b"  # type: ignore[union-attr]
    both = only(tmp_path, "a.tex", text, abstract="keep", appendix="cut")
    assert both.text == "\\begin{abstract}Abs.\\end{abstract}\n\n\\section{A} a"  # type: ignore[union-attr]
    assert fate(only(tmp_path, "a.tex", b"Words.", sectionless="keep")) == "kept"
    latin = "\\section{A} é".encode("latin-1")
    assert fate(only(tmp_path, "a.tex", latin, compat={"utf8_only": True})) == "not_utf8"
    assert fate(only(tmp_path, "a.tex", latin)) == "kept"


# ---- real papers ----


@pytest.mark.realdata
def test_no_comment_bibliography_or_definition_is_left_in_a_real_paper(real_papers: Path) -> None:
    found = [outcome for path in sorted(real_papers.glob("*.gz")) for outcome in outcomes(path)]
    assert [fate(outcome) for outcome in found] == ["kept"] * len(found)
    for paper in found:
        assert isinstance(paper, Document)
        assert paper.text.startswith("\\")
        shown = re.sub(
            r"\\begin\{(lstlisting|verbatim|minted)\}.*?\\end\{\1\}|\\verb(.).*?\2", "", paper.text, flags=re.DOTALL
        )
        assert not re.search(r"(?<!\\)%", shown), paper.file
        assert not re.search(r"\\(bibitem|bibliography|printbibliography|begin\{thebibliography\})", shown), paper.file
        assert not re.search(r"\\(newcommand|renewcommand|def|DeclareMathOperator)(?![a-zA-Z])", shown), paper.file
        assert not re.search(r"\\(begin|end)\{document\}|\\documentclass", shown), paper.file
