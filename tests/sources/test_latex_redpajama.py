"""Each thing that RedPajama-v1's cleaner of arXiv does otherwise, with its switch on and off."""

from __future__ import annotations

import pytest

from curate.sources.latex_redpajama import Compat, NotUtf8, clean
from curate.sources.tex_expand import Limits

LIMITS = Limits(1000, 100_000)
ALL = dict.fromkeys(Compat.model_fields, True)


def cleaned(text: str | dict[str, bytes], **switches: bool) -> str:
    files = text if isinstance(text, dict) else {"main.tex": text.encode()}
    return clean(files, Compat(**{"each_file": True, **switches}), LIMITS, cut_appendix=False)


@pytest.mark.parametrize(
    ("line", "theirs", "right"),
    [
        ("5% of", "", "5"),
        ("foo% note", "fo", "foo"),
        ("foo %", "foo %", "foo"),
        ("5\\% of % note", "5\\% of", "5\\% of"),
        ("% whole line", "", ""),
    ],
)
def test_an_inline_comment_takes_the_character_before_it(line: str, theirs: str, right: str) -> None:
    text = f"\\section{{A}}\n{line}"
    assert cleaned(text, eaten_characters=True).rstrip() == f"\\section{{A}}\n{theirs}".rstrip()
    assert cleaned(text).rstrip() == f"\\section{{A}}\n{right}".rstrip()


def test_a_section_in_a_comment_is_the_first() -> None:
    text = "front\n% \\section{Old} x\nstill front\n\\section{New}\nbody"
    assert cleaned(text, commented_sections=True) == "\\section{Old} x\nstill front\n\\section{New}\nbody"
    assert cleaned(text) == "\\section{New}\nbody"


@pytest.mark.parametrize(
    ("text", "theirs", "right"),
    [
        ("\\newcommand{\\R}{X}\n\\section{A} \\R\\R\\R.", "X\\RX.", "XXX."),
        ("\\newcommand{\\R}{X}\n\\section{A} \\R", "\\R", "X"),
        ("\\newcommand\\R{X}\n\\section{A} \\R.", "\\R.", "X."),
        ("\\newcommand{\\R}[1]{X#1}\n\\section{A} \\R{y}.", "\\R{y}.", "Xy."),
        ("\\def\\R{\\alpha}\n\\section{A} \\R.", "\\alpha.", "\\alpha."),
        ("\\def\\R{a} % late\n\\section{A} \\R.", "\\R.", "a."),
        ("\\newcommand{\\R}{X}\n\\section{A} \\Rx \\R2 \\R.", "\\Rx \\R2 X.", "\\Rx X2 X."),
    ],
)
def test_macros_are_expanded_every_other_time(text: str, theirs: str, right: str) -> None:
    assert cleaned(text, plain_macros=True) == f"\\section{{A}} {theirs}"
    assert cleaned(text) == f"\\section{{A}} {right}"


@pytest.mark.parametrize(
    ("text", "theirs"),
    [
        ("x \\paragraph{P} y", ""),
        ("x \\subparagraph{P} y", ""),
        ("x \\paragraph{P}\\subparagraph{Q} y", "\\paragraph{P}\\subparagraph{Q} y"),
        ("x \\paragraph{P} y \\section{A}", "\\section{A}"),
    ],
)
def test_a_paragraph_is_no_section_unless_a_subparagraph_follows(text: str, theirs: str) -> None:
    assert cleaned(text, paragraph_dropped=True) == theirs
    assert cleaned(text) == text[2:]


def test_one_file_that_is_not_utf8_loses_the_paper() -> None:
    files = {"main.tex": b"\\section{A} a", "b.tex": "\\section{B} é".encode("latin-1")}
    with pytest.raises(NotUtf8, match=r"b\.tex"):
        cleaned(files, utf8_only=True)
    assert cleaned(files) == "\\section{A} a\n\\section{B} é"
    assert cleaned("\\section{A}\r\na", utf8_only=True) == "\\section{A}\r\na"
    assert cleaned("\\section{A}\r\na") == "\\section{A}\na"


@pytest.mark.parametrize(
    "end",
    [
        "\\bibliography{x}",
        "\\begin{thebibliography}{9}x\\end{thebibliography}",
        "\\begin{references}x\\end{references}",
        "\\begin{REFERENCES}x\\end{REFERENCES}",
    ],
)
def test_what_stands_behind_the_bibliography_goes_with_it(end: str) -> None:
    text = f"\\section{{A}} a\n{end}\n\\section{{B}} b"
    assert cleaned(text, cut_at_bibliography=True) == "\\section{A} a\n"
    assert cleaned(text) == "\\section{A} a\n\n\\section{B} b"


def test_the_appendix_goes_with_the_bibliography_or_by_its_own_option() -> None:
    text = "\\section{A} a\n\\appendix b"
    assert cleaned(text, cut_at_bibliography=True) == "\\section{A} a\n"
    assert cleaned(text) == text
    files = {"main.tex": text.encode()}
    assert clean(files, Compat(each_file=True), LIMITS, cut_appendix=True) == "\\section{A} a\n"


def test_files_are_cut_one_by_one_in_the_archives_order() -> None:
    files = {
        "z.tex": b"front z \\section{Z} z",
        "a.tex": b"front a \\section{A} \\input{z}",
        "none.tex": b"nothing",
        "x.sty": b"\\section{S}",
    }
    assert cleaned(files) == "\\section{Z} z\n\\section{A} \\input{z}\n"


def test_with_every_switch_on_a_paper_comes_out_as_published() -> None:
    text = (
        "\\documentclass{article}\n\\newcommand{\\R}{\\mathbb{R}}\n"
        "\\begin{document}\n% \\section{Old}\nFront.\n"
        "\\section{New}\nWe are 5% sure\nthat $x\\in\\R$ and $\\R\\R$.\n% gone\n\\verb|%|\n"
        "\\bibliography{x}\n\\appendix\n"
    )
    assert cleaned(text, **ALL) == (
        "\\section{Old}\nFront.\n\\section{New}\nWe are \nthat $x\\in\\mathbb{R}$ and $\\mathbb{R}\\R$.\n\\verb\n"
    )


def test_the_switches_stand_in_the_manifest_and_any_of_them_counts() -> None:
    assert not Compat().any
    assert all(Compat(**{name: True}).any for name in Compat.model_fields)


@pytest.mark.parametrize(
    "unit", ["\\section{", "\\paragraph{", "\\bibliography{", "%", "\\newcommand{\\x}{", "\\R", "}"]
)
def test_hostile_papers_are_cleaned_too(unit: str) -> None:
    cleaned("\\section{A}\n\\newcommand{\\R}{X}\n" + unit * 5000, **ALL)
