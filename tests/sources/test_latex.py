"""A paper's body: from its first section on, without bibliography, everything else as its authors wrote it."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from curate.sources.arxiv_stream import PaperError
from curate.sources.latex import NoBody, Options, Paper, read_paper
from curate.sources.latex_names import fields, plain
from curate.sources.tex_expand import Limits

OPTIONS = Options("drop", "keep", "drop", 1 << 20, Limits(10_000, 1 << 20))


def read(text: str, options: Options = OPTIONS, **files: str) -> Paper:
    whole = {"main.tex": f"\\documentclass{{article}}\n{text}"} | {
        f"{name}.tex": value for name, value in files.items()
    }
    return read_paper({name: value.encode() for name, value in whole.items()}, options)


def body(text: str, options: Options = OPTIONS) -> str:
    return read(f"\\begin{{document}}\n{text}\n\\end{{document}} after", options).text


@pytest.mark.parametrize(
    "section",
    [
        r"\chapter{A}",
        r"\part{A}",
        r"\section{A}",
        r"\subsection{A}",
        r"\subsubsection{A}",
        r"\paragraph{A}",
        r"\subparagraph{A}",
        r"\section*{A}",
        r"\section[short]{A}",
        r"\section {A}",
        "\\section\n{A}",
    ],
)
def test_everything_before_the_first_section_goes(section: str) -> None:
    assert body(f"Front matter. {section} text") == f"{section} text"


@pytest.mark.parametrize(
    "not_one", [r"\sectionmark{A}", r"\mysection{A}", r"\section", r"\partial{x}", r"\titleformat{\section}{x}"]
)
def test_what_only_looks_like_a_section_does_not_begin_a_body(not_one: str) -> None:
    assert body(f"{not_one} front \\section{{A}} text") == r"\section{A} text"


def test_a_section_in_a_comment_or_verbatim_or_the_preamble_is_none() -> None:
    text = (
        "\\def\\s{\\section{No}}\n\\begin{document}% \\section{No}\n\\verb|\\section{No}|\\section{A} a\\end{document}"
    )
    assert read(text).text == r"\section{A} a"


def test_a_section_that_a_macro_makes_begins_the_body() -> None:
    assert read(r"\newcommand{\s}[1]{\section{#1}}\begin{document}x \s{A} a\end{document}").text == r"\section{A} a"


def test_a_paper_without_a_section_is_dropped_or_kept_whole() -> None:
    with pytest.raises(NoBody) as dropped:
        body("Only words.")
    assert dropped.value.reason == "no_section"
    keep = Options("drop", "keep", "keep", 1 << 20, Limits(10, 1000))
    assert body("Only words.\\bibliography{x}", keep) == "Only words."


@pytest.mark.parametrize(
    ("abstract", "kept"),
    [
        ("\\begin{abstract}\nWe do.\n\\end{abstract}", "\\begin{abstract}\nWe do.\n\\end{abstract}\n\n"),
        ("\\abstract{We {\\em do}.} x", "\\abstract{We {\\em do}.}\n\n"),
        ("no abstract", ""),
    ],
)
def test_the_abstract_goes_or_stands_before_the_first_section(abstract: str, kept: str) -> None:
    text = f"{abstract}\n\\section{{A}} a"
    assert body(text) == r"\section{A} a"
    assert body(text, Options("keep", "keep", "drop", 1 << 20, Limits(10, 1000))) == f"{kept}\\section{{A}} a"


@pytest.mark.parametrize(
    "bibliography",
    [
        "\\begin{thebibliography}{9}\n\\bibitem{a} A.\n\\end{thebibliography}",
        "\\begin{references}\\bibitem{a} A.\\end{references}",
        "\\begin{REFERENCES}\\bibitem{a} A.\\end{REFERENCES}",
        "\\section*{References}\n\\begin{thebibliography}{9}\\bibitem{a}\\end{thebibliography}",
        "\\bibliography{refs,more}",
        "\\bibliographystyle{plain}\n\\bibliography{refs}",
        "\\printbibliography",
        "\\printbibliography[title={Works}]",
        "\\nocite{*}\\bibliography{refs}",
        "\\section{References}\nA. Author, A book.\n\nB. Author, Another.",
        "\\section*{ \\large Bibliography}\n[1] A book.",
        "\\section*{Références}\nUn livre.",
        "\\section*{Литература}\nКнига.",
        "\\bibitem{a} Alone.\n\\bibitem{b} Alone too.",
        "\\begin{bibdiv}\\begin{biblist}\\bib{a}{book}{title={T}}\\end{biblist}\\end{bibdiv}",
    ],
)
@pytest.mark.parametrize("after", ["", "\n\\section{After} more", "\n\\appendix\n\\section{B} more"])
def test_the_bibliography_goes_and_what_follows_it_stays(bibliography: str, after: str) -> None:
    assert body(f"\\section{{A}} a\n{bibliography}{after}").split() == f"\\section{{A}} a {after}".split()


def test_a_bibliography_without_an_end_takes_all_up_to_an_appendix() -> None:
    assert body("\\section{A} a\n\\begin{thebibliography}{9} x \\section{B} b") == "\\section{A} a"
    assert body("\\section{A} a\n\\begin{thebibliography}{9} x \\appendix b") == "\\section{A} a\n\\appendix b"


def test_figures_behind_entries_that_stand_alone_stay() -> None:
    assert body("\\section{A} a\n\\bibitem{x} X\n\\begin{figure}f\\end{figure}").endswith(
        "\\begin{figure}f\\end{figure}"
    )


def test_words_that_name_a_bibliography_are_not_one() -> None:
    text = "\\section{References to the sea} a \\cite{x} \\ref{y}\n\\section{A bibliography of tides} b \\bibname"
    assert body(text) == text


@pytest.mark.parametrize("mark", ["\\appendix\n", "\\begin{appendices}", "\\begin{appendix}", "\\appendices "])
def test_the_appendix_stays_or_is_cut(mark: str) -> None:
    text = f"\\section{{A}} a\n\\bibliography{{x}}\n{mark}\\section{{B}} b"
    assert "\\section{B}" in body(text)
    cut = Options("drop", "cut", "drop", 1 << 20, Limits(10, 1000))
    assert body(text, cut) == r"\section{A} a"


def test_the_body_stays_latex() -> None:
    text = (
        "\\section{A}\\label{a}\nSee \\cite{b} and Fig.~\\ref{c}: $x^2$.\n\\begin{table}[h]\n  a & b \\\\\n\\end{table}"
    )
    assert body(text) == text


def test_spaces_at_line_ends_and_runs_of_blank_lines_go_but_not_verbatim_ones() -> None:
    verbatim = "\\begin{verbatim}\na  \n\n\n\nb\n\\end{verbatim}"
    assert body(f"\\section{{A}}   \n\n \n\n\na\n{verbatim}") == f"\\section{{A}}\n\na\n{verbatim}"


def test_nothing_behind_the_end_of_the_document_is_read() -> None:
    assert "after" not in body("\\section{A} a")
    assert read("\\begin{document}\\section{A} a").text == r"\section{A} a"


def test_verbatim_text_that_a_macro_repeats_is_stopped_at_the_limit() -> None:
    big = "x" * 10_000
    text = f"\\def\\x{{\\verb|{big[:1900]}|}}\\begin{{document}}\\section{{A}}" + "\\x " * 700 + "\\end{document}"
    with pytest.raises(PaperError) as stopped:
        read(text)
    assert stopped.value.reason == "too_large"


# ---- title and authors ----


@pytest.mark.parametrize(
    ("latex", "title", "authors"),
    [
        (r"\title{On \emph{Tides}}\author{A. Bo \and C. D\'or}", "On Tides", ["A. Bo", "C. Dór"]),
        (r"\title[Short]{Long\thanks{x}}\author{A}\author{B}", "Long", ["A", "B"]),
        (r"\title{A {\bf B} \\ C}\author{A. Bo$^{1}$, C. Do$^{2,3}$ and E. Fu}", "A B C", ["A. Bo", "C. Do", "E. Fu"]),
        (r"\author{A. Bo\thanks{Where, when} \\ University of C, D}", "", ["A. Bo"]),
        (r"\author[0000-0001]{Ann Bo}\affiliation{X, Y}\email{a@b}", "", ["Ann Bo"]),
        (r"\title{Unclosed", "", []),
        ("no fields", "", []),
    ],
)
def test_title_and_authors_are_plain_words(latex: str, title: str, authors: list[str]) -> None:
    assert fields(latex) == (title, authors)


@pytest.mark.parametrize(
    ("latex", "words"),
    [
        (r"M\"uller", "Müller"),
        (r"M\"{u}ller", "Müller"),
        (r"Erd{\H o}s", "Erdős"),
        (r"\v{S}\'{\i}ma", "Šíma"),
        (r"Gar\c{c}on", "Garçon"),
        (r"\O{}rsted {\AA}s \ss", "Ørsted Ås ß"),
        (r"A --- b -- c~d\&e", "A — b – c d&e"),
        (r"$\alpha$ 5\%", "5%"),
    ],
)
def test_accents_become_letters(latex: str, words: str) -> None:
    assert plain(latex) == words


# ---- any text at all ----

PIECES = [
    "\\section{A}",
    "\\begin{document}",
    "\\end{document}",
    "\\begin{thebibliography}{9}",
    "\\end{thebibliography}",
    "\\bibliography{x}",
    "\\appendix",
    "\\newcommand{\\x}[1]{#1}",
    "\\x",
    "\\verb|a|",
    "% c\n",
    "{",
    "}",
    "\\begin{abstract}",
    "\\abstract{",
    "\\title{",
    "\\input{main}",
    "\n\n",
    " word ",
    "\\iffalse",
    "\\fi",
    "\0",
    "é",
]


@settings(max_examples=100, deadline=None)
@given(st.lists(st.sampled_from(PIECES), max_size=30))
def test_any_paper_gives_a_text_or_a_reason(pieces: list[str]) -> None:
    for abstract, appendix, sectionless in (("keep", "cut", "keep"), ("drop", "keep", "drop")):
        options = Options(abstract, appendix, sectionless, 1 << 16, Limits(500, 1 << 16))
        try:
            text = read("".join(pieces), options).text
        except (NoBody, PaperError):
            continue
        assert text.strip()
        assert "\0" not in text
        assert "{thebibliography}" not in text
        assert "\\end{document}" not in text


@settings(max_examples=50, deadline=None)
@given(
    st.lists(st.sampled_from(["word", "\\emph{a}", "$x$", "\n\n", "~", "\\%", "\\\\", "{b}"]), min_size=1, max_size=20)
)
def test_a_text_without_anything_to_remove_is_unchanged(pieces: list[str]) -> None:
    text = "\\section{A} " + " ".join(pieces)
    assert body(text).split() == text.split()
