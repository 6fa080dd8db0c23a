"""User macros expand as in TeX, whatever they are made of; what never ends is stopped, what programs TeX is left."""

from __future__ import annotations

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from curate.sources.arxiv_stream import PaperError
from curate.sources.tex_expand import MAX_STACK, Expander, Limits

LIMITS = Limits(calls=20_000, characters=1 << 20)


def expand(text: str, limits: Limits = LIMITS) -> str:
    return Expander(limits).expand(text)


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        (r"\newcommand{\R}{\mathbb{R}}$\R\R$", r"$\mathbb{R}\mathbb{R}$"),
        (r"\newcommand\R{\mathbb R}\R", r"\mathbb R"),
        (r"\newcommand*{\R} {X}\R.", "X."),
        (r"\newcommand{\half}\frac\half12", r"\frac12"),
        (r"\renewcommand{\vec}[1]{\mathbf{#1}}\vec{x}+\vec y+\vec\alpha", r"\mathbf{x}+\mathbf{y}+\mathbf{\alpha}"),
        (r"\newcommand{\E}[2][P]{E_{#1}(#2)}\E{x} \E[Q]{y} \E [R] {z}", "E_{P}(x) E_{Q}(y) E_{R}(z)"),
        (r"\newcommand{\E}[2][P]{#1#2}\E[{]}]{y}", "{]}y"),
        (r"\newcommand{\E}[1][a]{#1}\E[b[c]d]", "b[cd]"),
        (r"\def\x{1}\def\y{\x\x}\y", "11"),
        (r"\def\x#1#2{#2#1}\x ab\x{cd}{ef}", "baefcd"),
        (r"\def\pair(#1,#2){<#1|#2>}\pair(a,b) \pair(f{(,)},c)", "<a|b> <f{(,)}|c>"),
        (r"\def\upto#1;{[#1]}\upto{whole}; \upto{a}b;", "[whole] [{a}b]"),
        (r"\def\to#1\end{[#1]}\to x\ending y\end", r"[x\ending y]"),
        (r"\long\def\x{1}\global\long\def\y{2}\x\y", "12"),
        (r"\gdef\x{1}\edef\y{\x}\y", "1"),
        (
            r"\DeclareMathOperator{\tr}{tr}\DeclareMathOperator*{\argmin}{arg\,min}\tr\argmin",
            r"\operatorname{tr}\operatorname*{arg\,min}",
        ),
        (r"\providecommand{\x}{1}\providecommand{\x}{2}\x", "1"),
        (r"\newcommand{\x}{1}\renewcommand{\x}{2}\x\renewcommand{\x}{3}\x", "23"),
        (r"\let\x=\alpha\let\y\beta\x\y", r"\alpha\beta"),
        (r"\let\old\emph\renewcommand{\emph}[1]{\old{\textbf{#1}}}\emph{a}", r"\emph{\textbf{a}}"),
        (r"\def\a{1}\let\b\a\def\a{2}\b\a", "12"),
        (r"\NewDocumentCommand{\x}{m O{d} o}{(#1,#2,#3)}\x{a} \x{a}[b][c]", "(a,d,) (a,b,c)"),
        (r"\newcommand{\mk}[2]{\newcommand{#1}{#2##}}\mk{\z}{q}\z", "q#"),
    ],
)
def test_a_definition_is_taken_and_its_calls_replaced(source: str, expected: str) -> None:
    assert expand(source) == expected


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        # arguments of one macro that another, at the end of its text, takes
        (r"\def\a{\b}\def\b#1{<#1>}\a{x}", "<x>"),
        (r"\def\a{\b }\def\b#1#2{<#1#2>}\a{x} y", "<xy>"),
        (r"\def\a#1{#1}\a{\a{\a{x}}}", "x"),
        (r"\def\sq#1{{#1}^2}\sq{\sq{\sq z}}", "{{{z}^2}^2}^2"),
        (r"\def\app#1#2{#1{#2}}\def\w#1{(#1)}\app\w{x}", "(x)"),
    ],
)
def test_macros_meet_in_arguments_and_across_the_ends_of_texts(source: str, expected: str) -> None:
    assert expand(source) == expected


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        (r"\def\x{\alpha}\x y", r"\alpha y"),
        (r"\def\x#1{\alpha#1}\x y \x{y} \x1", r"\alpha y \alpha y \alpha1"),
        (r"\def\x{\alpha}\x{}y \x{}1", r"\alpha{}y \alpha{}1"),
        (r"\def\x{Foo}\x{} is, \x\ is, \x is", r"Foo is, Foo\ is, Foo is"),
        (r"\def\x#1{#1b}\x\alpha", r"\alpha b"),
        (r"\def\x{y_}\x{}", "y_{}"),
    ],
)
def test_names_of_commands_do_not_run_into_what_follows(source: str, expected: str) -> None:
    assert expand(source) == expected


@pytest.mark.parametrize(
    ("after", "expected"),
    [
        (" is", "Foo is"),
        (".", "Foo."),
        (", it", "Foo, it"),
        ("'s", "Foo's"),
        ("{} is", "Foo is"),
        ("{}is", "Foois"),
        ("1", "Foo 1"),
        ("$x$", "Foo $x$"),
        (r"\emph{a}", r"Foo \emph{a}"),
        (r"\ is", r"Foo\ is"),
        (r"\footnote{a}", r"Foo\footnote{a}"),
        ("\nis", "Foo\nis"),
        ("~is", "Foo~is"),
        ("-like", "Foo-like"),
        ("", "Foo"),
        ("}", "Foo}"),
    ],
)
def test_xspace_adds_a_space_where_the_package_does(after: str, expected: str) -> None:
    assert expand(rf"\newcommand{{\x}}{{Foo\xspace}}\x{after}") == expected


def test_xspace_looks_beyond_the_macro_it_ends() -> None:
    assert expand(r"\def\x{Foo\xspace}\def\y{a \x}\y b, \y, c") == "a Foo b, a Foo, c"


def test_a_definition_takes_its_line_along_and_no_other_text() -> None:
    assert expand("one\n\\def\\x{1}\ntwo \\def\\y{2} three\n") == "one\ntwo  three\n"


@pytest.mark.parametrize(
    "body",
    [
        r"\ifx\a\b yes\else no\fi",
        r"\csname the#1\endcsname",
        r"\expandafter\foo\bar",
        r"\@ifnextchar[{\y}{\z}",
        r"\mathpalette\indep{\perp}",
        r"\the\value{x}",
        r"\setbox0=\hbox{$#1$}\dimen0=\wd0 /#1",
        r"\IfValueTF{#1}{a}{b}",
    ],
)
def test_a_macro_that_programs_is_left_with_its_calls_and_counted(body: str) -> None:
    expander = Expander(LIMITS)
    source = rf"\newcommand{{\x}}[1]{{{body}}}\x{{1}}\x{{2}}"
    assert expander.expand(source) == source
    assert expander.left == {"x": 2}


def test_a_macro_that_is_the_same_in_and_out_of_mathematics_says_so() -> None:
    assert expand(r"\def\m{\ifmmode M_\odot\else $M_\odot$\fi}\m") == r"\ensuremath{M_\odot}"
    assert expand(r"\def\m{\relax\ifmmode a\else b\fi}\m").endswith(r"\m")


def test_iff_is_no_condition() -> None:
    assert expand(r"\newcommand{\same}{\iff}\same") == r"\iff"


@pytest.mark.parametrize("call", [r"\x", r"\x}", r"{\x}", r"$\x$", "\\x\n\nb", r"\x&"])
def test_a_call_without_its_argument_is_left(call: str) -> None:
    expander = Expander(LIMITS)
    assert expander.expand(rf"\newcommand{{\x}}[1]{{(#1)}}{call}") == call
    assert expander.left == {"x": 1}


@pytest.mark.parametrize(
    "source",
    [
        r"\newcommand",
        r"\newcommand{\x",
        r"\newcommand{\x}",
        r"\newcommand{\x}{a",
        r"\def\x",
        r"\let\x",
        r"\def\x#",
        r"\def\x#2{a}\x",
        r"\long x",
        r"\newcommand{\x}[1]{#2}\x{a}",
        "\\",
        r"\DeclareMathOperator\x",
    ],
)
def test_what_is_no_whole_definition_stays_as_it_is(source: str) -> None:
    assert expand(source) == source


def test_the_commands_that_tell_a_papers_parts_are_never_replaced() -> None:
    assert expand(r"\renewcommand{\section}[1]{\textbf{#1}}\section{A}\let\end\relax\end{x}") == r"\section{A}\end{x}"


@pytest.mark.parametrize(
    "column",
    [r"\let\\\tabularnewline", r"\let\newline\\\arraybackslash", r"\renewcommand{\\}{\tabularnewline}", r"\def\\{\cr}"],
)
def test_what_a_column_does_to_line_ends_stays_in_the_column(column: str) -> None:
    source = rf"\newcolumntype{{L}}[1]{{>{{\raggedright{column}}}p{{#1}}}} a \\ b \newline c"
    assert expand(source) == source


def test_programming_with_def_does_not_redefine_what_tex_is_programmed_in() -> None:
    source = r"\expandafter\def\expandafter\x\expandafter{\x y}\expandafter\x"
    assert r"\expandafter" in expand(source)


def test_an_at_sign_is_a_letter_only_where_it_is_made_one() -> None:
    assert expand(r"\def\x{1}\x@y") == "1@y"
    assert expand(r"\makeatletter\def\x@y{1}\makeatother\def\x{2}\x@y") == "2@y"
    assert expand(r"\makeatletter\def\x@y{1}\x@y\makeatother") == "1"


ENDLESS = [
    r"\def\x{\x}\x",
    r"\def\x{a\x}\x",
    r"\def\x{\x\x}\x",
    r"\def\x{\y}\def\y{\x}\x",
    r"\def\x#1{\x{#1#1}}\x{ab}",
    r"\newcommand{\emph}[1]{\textbf{\emph{#1}}}\emph{a}",
    r"\newcommand{\x}[1][\x]{(#1)}\x",
    r"\def\x{\def\y{\x\y}\y}\x",
    "".join(rf"\def\{chr(97 + n)}{{{chr(92)}{chr(98 + n)}{chr(92)}{chr(98 + n)}}}" for n in range(25)) + r"\a",
]


@pytest.mark.parametrize("source", ENDLESS)
def test_a_macro_that_expands_for_ever_is_stopped(source: str) -> None:
    with pytest.raises(PaperError) as stopped:
        expand(source)
    assert stopped.value.reason == "endless_macro"


@pytest.mark.parametrize("deep", [MAX_STACK - 1, MAX_STACK + 1])
def test_calls_within_calls_go_as_deep_as_the_limit_says(deep: int) -> None:
    source = r"\def\x#1{(#1)}" + r"\x{" * deep + "}" * deep
    if deep < MAX_STACK:
        assert expand(source) == "(" * deep + ")" * deep
    else:
        with pytest.raises(PaperError):
            expand(source)


def test_the_limits_on_calls_and_characters_hold_exactly() -> None:
    calls = r"\def\x{ab}" + r"\x " * 10
    assert expand(calls, Limits(calls=10, characters=1000)) == "ab " * 10
    with pytest.raises(PaperError):
        expand(calls, Limits(calls=9, characters=1000))
    definition = len(r"\def\x{ab}")
    assert expand(calls, Limits(calls=10, characters=definition + 20)) == "ab " * 10
    with pytest.raises(PaperError):
        expand(calls, Limits(calls=10, characters=definition + 19))


def outcome(text: str) -> str:
    try:
        expand(text)
    except PaperError as stopped:
        return stopped.reason
    return "expanded"


@pytest.mark.parametrize("unit", ["{", "}", "\\x[", "\\x{", "\\newcommand{\\y}[1][", "\\def\\y#1", "\\d ", "[", "\\["])
def test_hostile_texts_end_within_their_limits(unit: str) -> None:
    source = r"\newcommand{\x}[2][a]{#1#2}\def\d#1;{#1}" + unit * 20_000
    assert outcome(source) in ("expanded", "endless_macro")


# ---- agreement with an expander on lists of tokens, as The TeXbook describes it ----

Token = str
_TOKEN = re.compile(r"\\[a-zA-Z]+|\\.|[^\s]", re.DOTALL)


def tokens(text: str) -> list[Token]:
    return _TOKEN.findall(text)


def take_group(stream: list[Token]) -> list[Token]:
    """The tokens of the group whose brace was taken last; `stream` is reversed."""
    depth, group = 1, []
    while True:
        token = stream.pop()
        depth += (token == "{") - (token == "}")
        if depth == 0:
            return group
        group.append(token)


def reference(macros: dict[str, tuple[int, str]], text: str) -> list[Token]:
    stream = tokens(text)[::-1]
    out: list[Token] = []
    while stream:
        token = stream.pop()
        if token not in macros:
            out.append(token)
            continue
        count, body = macros[token]
        arguments = []
        for _ in range(count):
            first = stream.pop()
            arguments.append(take_group(stream) if first == "{" else [first])
        replaced: list[Token] = []
        parts = tokens(body)
        while parts:
            part = parts.pop(0)
            replaced += arguments[int(parts.pop(0)) - 1] if part == "#" else [part]
        stream += replaced[::-1]
    return out


def without_empty_groups(found: list[Token]) -> list[Token]:
    """Tokens without `{}`: a call's own empty group is dropped by one side and kept by the other."""
    out: list[Token] = []
    for token in found:
        if token == "}" and out and out[-1] == "{":
            out.pop()
        else:
            out.append(token)
    return out


NAMES = [r"\aa", r"\bb", r"\cc", r"\dd"]


@st.composite
def papers(draw: st.DrawFn) -> tuple[dict[str, tuple[int, str]], str]:
    """Macros that call only later ones, so they end, and a text that calls them all."""
    counts = draw(st.lists(st.integers(0, 2), min_size=4, max_size=4))

    def text(first: int, parameters: int, depth: int) -> str:
        pieces = []
        for _ in range(draw(st.integers(0, 3))):
            kind = draw(st.integers(0, 5 if depth else 3))
            if kind == 0:
                pieces.append(draw(st.sampled_from(["x", "y ", r"\alpha", r"\alpha ", "^", r"\,", r"\{", "1", "\n"])))
            elif kind == 1 and parameters:
                pieces.append(f"#{draw(st.integers(1, parameters))}")
            elif kind == 2 and depth:
                pieces.append("{" + text(first, parameters, depth - 1) + "}")
            elif kind >= 3 and first < len(NAMES):
                which = draw(st.integers(first, len(NAMES) - 1))
                space = draw(st.sampled_from(["", " ", "\n"]))
                call = NAMES[which] + space
                for _ in range(counts[which]):
                    call += "{" + text(first, parameters, max(depth - 1, 0)) + "}" if depth else "{z}"
                pieces.append(call + ("" if counts[which] else " "))
        return "".join(pieces)

    macros = {name: (counts[n], text(n + 1, counts[n], 2)) for n, name in enumerate(NAMES)}
    return macros, text(0, 0, 3)


@settings(max_examples=150, deadline=None)
@given(papers())
def test_expansion_agrees_with_an_expander_on_tokens(paper: tuple[dict[str, tuple[int, str]], str]) -> None:
    macros, text = paper
    definitions = "".join(
        rf"\newcommand{{{name}}}" + (f"[{count}]" if count else "") + f"{{{body}}}"
        for name, (count, body) in macros.items()
    )
    text = re.sub(r"\n\s*\n", "\n", text)
    assert without_empty_groups(tokens(expand(definitions + text))) == without_empty_groups(reference(macros, text))


@settings(max_examples=200, deadline=None)
@given(st.text(alphabet="\\{}[]#abx1 \n$%=", max_size=80))
def test_any_text_is_expanded_or_set_aside(text: str) -> None:
    assert outcome(r"\def\a#1{[#1]}\newcommand{\b}[1][x]{(#1)}" + text) in ("expanded", "endless_macro")
