"""Comments go as TeX drops them, and nothing that is no comment goes with them."""

from __future__ import annotations

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from curate.sources.tex_comments import VERBATIM, Kept, own_verbatim, strip_comments


def strip(text: str) -> str:
    """Without comments, what was put aside back in its place."""
    kept = Kept()
    return kept.restore(strip_comments(text, kept, VERBATIM | own_verbatim(text)))


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("a % note\nb", "a\nb"),
        ("a% note\nb", "ab"),
        ("a%\n   b", "ab"),
        ("a%", "a"),
        ("%", ""),
        ("% only\n", ""),
        ("% one\n  b\n", "  b\n"),
        ("a\n  % one\n% two\nb", "a\nb"),
        ("a%\n\nb", "a\n\nb"),
        ("a%\n  \n b", "a\n  \n b"),
        ("a\n% one\n\nb", "a\n\nb"),
        (r"5\% of", r"5\% of"),
        (r"a\\% note" + "\nb", r"a\\b"),
        (r"a\\\% b", r"a\\\% b"),
        ("\\alpha%\nx", "\\alpha\nx"),
        ("\\alpha%\n1", "\\alpha1"),
        ("a%b%c\nd", "ad"),
        ("{%\n  a%\n}%\nb", "{a}b"),
    ],
)
def test_a_comment_takes_its_line_end_and_the_next_lines_spaces(source: str, expected: str) -> None:
    assert strip(source) == expected


@pytest.mark.parametrize(
    "source",
    [
        "\\begin{verbatim}\na % b\n\\end{verbatim}",
        "\\begin{verbatim*}% b\\end{verbatim*}",
        "\\begin{lstlisting}[language=Python]\nx % 2\n%%\n\\end{lstlisting}",
        "\\begin{minted}{matlab}\n% a\n\\end{minted}",
        "\\begin{Verbatim}\n%\\section{a}\n\\end{Verbatim}",
        "\\verb|%|",
        "\\verb*+a % b+",
        "\\lstinline!a % b!",
        "\\lstinline[language=C]{a % b}",
        "\\mintinline{c}{a % b}",
        "\\mintinline{c}|a % b|",
        "\\url{http://example.org/a%20b}",
        "\\href{http://example.org/a%20b}{text}",
        "\\lstnewenvironment{code}{}{}\n\\begin{code}\n% kept\n\\end{code}",
        "\\DefineVerbatimEnvironment{shell}{Verbatim}{}\n\\begin{shell}\n% kept\n\\end{shell}",
        "\\newminted{python}{}\n\\begin{pythoncode}\n% kept\n\\end{pythoncode}",
    ],
)
def test_what_stands_verbatim_is_kept_letter_by_letter(source: str) -> None:
    assert strip(source) == source
    assert strip(f"a % gone\n{source} b % gone\n") == f"a\n{source} b\n"


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("\\begin{verbatim} no end % note\nb", "\\begin{verbatim} no end\nb"),
        ("\\verb|no end % note\nb|", "\\verb|no end\nb|"),
        ("\\verbatiminput{a} % note\nb", "\\verbatiminput{a}\nb"),
        ("\\\\begin{verbatim} % note\n\\end{verbatim}", "\\\\begin{verbatim}\n\\end{verbatim}"),
        ("\\url{a%\nb}", "\\url{ab}"),
        (
            "\\begin{lstlisting}\\end{verbatim}%\\end{lstlisting}\nb",
            "\\begin{lstlisting}\\end{verbatim}%\\end{lstlisting}\nb",
        ),
    ],
)
def test_what_only_looks_verbatim_is_not(source: str, expected: str) -> None:
    assert strip(source) == expected


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("a\\begin{comment}\nb\n\\end{comment}c", "ac"),
        ("a\\iffalse b\\fi c", "a c"),
        ("a\\iffalse \\ifx x\\else y\\fi b \\fi c", "a c"),
        ("a\\iffalse % \\fi\n b\\fi c", "a c"),
        ("a\\iffalse b\\else c\\fi", "a\\iffalse b\\else c\\fi"),
        ("a\\iffalse b", "a\\iffalse b"),
        ("a\\iffalse \\iff b\\fi c", "a c"),
        ("\\begin{comments}a\\end{comments}", "\\begin{comments}a\\end{comments}"),
        ("\\begin{comment} no end", "\\begin{comment} no end"),
    ],
)
def test_blocks_that_are_comments_go_whole(source: str, expected: str) -> None:
    assert strip(source) == expected


def test_nothing_of_what_was_put_aside_is_seen_by_a_later_step() -> None:
    kept = Kept()
    clean = strip_comments("\\verb|\\section{x}| and \\begin{verbatim}\\bibliography{y}\\end{verbatim}", kept)
    assert clean == "\0" + "0\0 and \0" + "1\0"
    assert kept.restored_length(clean) >= len(kept.restore(clean))


def test_a_mark_that_stands_often_is_measured_before_it_is_put_back() -> None:
    kept = Kept()
    mark = kept.mark("x" * 1000)
    assert kept.restored_length(mark * 50) >= 50_000


# ---- agreement with TeX's own states, letter by letter (The TeXbook, chapter 8) ----


def as_tex_reads(text: str) -> str:
    """What TeX's eyes see: spaces skipped at the beginning of a line and behind a space, a comment to its line's end,
    a blank line as ¶. No verbatim, no control words."""
    out, state = [], "N"
    for line in text.split("\n"):
        state = "N"
        place, ended = 0, True
        while place < len(line):
            letter = line[place]
            if letter == "\\":
                out.append(line[place : place + 2])
                place += 2
                state = "M"
                continue
            if letter == "%":
                ended = False
                break
            if letter in " \t":
                if state == "M":
                    out.append(" ")
                    state = "S"
            else:
                out.append(letter)
                state = "M"
            place += 1
        if ended and state == "N":
            out.append("¶")
        elif ended and state == "M":
            out.append(" ")
    return re.sub("(?: *¶)+ *", "¶", re.sub(" +", " ", "".join(out))).strip(" ¶")


@settings(max_examples=200, deadline=None)
@given(st.text(alphabet="ab1% \n\t", max_size=60))
def test_tex_reads_the_same_with_and_without_comments(text: str) -> None:
    assert as_tex_reads(strip(text)) == as_tex_reads(text)


@settings(max_examples=100, deadline=None)
@given(
    st.lists(
        st.sampled_from(
            [
                "a",
                "\\%",
                "%",
                "\n",
                " ",
                "\\\\",
                "\\verb|",
                "|",
                "\\begin{verbatim}",
                "\\end{verbatim}",
                "\\iffalse",
                "\\fi",
                "\\else",
                "\\url{",
                "}",
                "{",
            ]
        ),
        max_size=25,
    )
)
def test_no_comment_is_left_outside_of_what_is_verbatim(pieces: list[str]) -> None:
    kept = Kept()
    clean = strip_comments("".join(pieces), kept)
    assert "%" not in re.sub(r"\\[\\%]", "", clean)


@pytest.mark.parametrize(
    "unit",
    [
        "%",
        "\\begin{verbatim}",
        "\\iffalse",
        "\\iffalse\\else",
        "\\verb!",
        "\\url{",
        "\\begin{comment}",
        "\\lstinline{",
        " ",
        "\\",
    ],
)
def test_no_text_takes_longer_than_its_length_allows(unit: str) -> None:
    """Not measured: with squares of the length these would not end within the suite's patience."""
    strip(unit * 20_000)
