"""The body of a LaTeX paper: from its first section on, without its bibliography, with or without its appendices.

LLaMA-1 (Touvron et al. 2023, §2.1, ArXiv): "we removed everything before the first section, as well as the
bibliography". What else it says stays LaTeX. The text comes without comments, its macros expanded and what is verbatim
put aside, so that a command that is found is a command.
"""

from __future__ import annotations

import re
from typing import Literal

_GAP = r"(?:[ \t]{0,20}\n?[ \t]{0,20})"
SECTIONS = ("chapter", "part", "section", "subsection", "subsubsection", "paragraph", "subparagraph")
"""The commands that begin a body (RedPajama-v1's list)."""
_SECTION = re.compile(rf"\\(?:{'|'.join(SECTIONS)})(?![A-Za-z@]){_GAP}\*?{_GAP}(?=[\[{{])")
_BEGIN = re.compile(r"\\begin\s{0,8}\{document\}")
_END = re.compile(r"\\end\s{0,8}\{document\}")
_APPENDIX = re.compile(r"\\(?:appendix(?![A-Za-z@])|appendices(?![A-Za-z@])|begin\s{0,8}\{(?:sub)?append(?:ix|ices)\})")
_ABSTRACT = re.compile(r"\\begin\s{0,8}\{abstract\*?\}|\\abstract(?![A-Za-z@])(?=\s{0,8}\{)")
_END_ABSTRACT = re.compile(r"\\end\s{0,8}\{abstract\*?\}")

_ENVIRONMENTS = "thebibliography|references|REFERENCES|bibdiv|biblist|mcitethebibliography"
_OPENS = re.compile(rf"\\begin\s{{0,8}}\{{({_ENVIRONMENTS})\*?\}}")
_ENDS = re.compile(rf"\\end\s{{0,8}}\{{(?:{_ENVIRONMENTS})\*?\}}")
_COMMANDS = re.compile(
    r"\\(?:bibliography|bibliographystyle|nobibliography|nocite|bibdata|bibselect|putbib|printbibliography|printreferences"
    r"|printbibheading|addbibresource)(?![A-Za-z@])\*?(?:\s{0,8}\[[^\[\]]{0,1000}\])?(?:\s{0,8}\{[^{}]{0,4000}\})?"
)
_TITLES = (
    r"references?|literature|bibliography|references? cited|literature cited|cited literature|works cited"
    r"|r[ée]f[ée]rences?|bibliographie|literatur|literaturverzeichnis|referencias|bibliograf[ií]a|refer[eê]ncias"
    r"|riferimenti bibliografici"
    r"|список литературы|литература|references and notes|notes and references|bibliographical references"
)
_HEADED = re.compile(
    rf"\\(?:chapter|section|subsection){_GAP}\*?{_GAP}(?:\[[^\[\]]{{0,200}}\]{_GAP})?"
    rf"\{{\s{{0,20}}(?:\\[A-Za-z]{{1,20}}\s{{0,4}})?\{{?(?:{_TITLES})\s{{0,4}}[.:]?\}}?\s{{0,20}}\}}",
    re.IGNORECASE,
)
_BIBITEM = re.compile(r"\\bibitem(?![A-Za-z@])")
_RESUMES = re.compile(
    rf"{_SECTION.pattern}|{_APPENDIX.pattern}|\\begin\s{{0,8}}\{{(?:figure|table|acknowledge?ments?)\*?\}}|\0[0-9]+\0"
)
_BLANK_LINES = re.compile(r"\n{3,}")
_TRAILING = re.compile(r"(?<![ \t])[ \t]+\n")


def within_document(text: str) -> tuple[str, str]:
    """(what stands before `\\begin{document}`, what stands within); without one, ("", all) up to an end."""
    begun = _BEGIN.search(text)
    start = begun.end() if begun else 0
    ended = _END.search(text, start)
    return text[: begun.start() if begun else 0], text[start : ended.start() if ended else len(text)]


def first_section(text: str) -> int | None:
    """Where the first sectioning command stands, or None where there is none."""
    found = _SECTION.search(text)
    return found.start() if found else None


def abstract_of(text: str) -> str:
    """The first abstract, with its commands, or ""."""
    found = _ABSTRACT.search(text)
    if found is None:
        return ""
    if found[0].startswith("\\begin"):
        ended = _END_ABSTRACT.search(text, found.end())
        return text[found.start() : ended.end()] if ended else ""
    return text[found.start() : _group_end(text, text.index("{", found.end()))]


def without_bibliography(text: str) -> str:
    """The text without its bibliography: the environments, the commands that make one, the sections that are called so
    and hold it, and entries that stand alone. What follows it (figures, appendices) stays. A bibliography that does
    not end takes all up to an appendix.
    """
    text = _cut(text, _environments(text))
    text = _COMMANDS.sub("", _ENDS.sub("", text))
    text = _cut(text, _from_to(text, _HEADED))
    return _cut(text, _from_to(text, _BIBITEM))


def without_appendix(text: str) -> str:
    """The text up to its first appendix (RedPajama-v1 cuts there)."""
    found = _APPENDIX.search(text)
    return text[: found.start()] if found else text


def body(text: str, appendix: Literal["keep", "cut"] = "keep") -> str | None:
    """The body in the text between `\\begin{document}` and its end, or None where it has no section."""
    start = first_section(text)
    if start is None:
        return None
    text = text[start:]
    if appendix == "cut":
        text = without_appendix(text)
    return tidy(without_bibliography(text))


def tidy(text: str) -> str:
    """No spaces at the ends of lines and one blank line where there were more."""
    return _BLANK_LINES.sub("\n\n", _TRAILING.sub("\n", text)).strip()


def _environments(text: str) -> list[tuple[int, int]]:
    spans: list[tuple[int, int]] = []
    at = 0
    endless: set[str] = set()  # not looked for again: a text of nothing but beginnings would take squares
    while found := _OPENS.search(text, at):
        ending = re.compile(rf"\\end\s{{0,8}}\{{{found[1]}\*?\}}")
        closing = None if found[1] in endless else ending.search(text, found.end())
        if closing is None:
            endless.add(found[1])
            rest = _APPENDIX.search(text, found.end())
            at = rest.start() if rest else len(text)
        else:
            at = closing.end()
        spans.append((found.start(), at))
    return spans


def _from_to(text: str, opening: re.Pattern[str]) -> list[tuple[int, int]]:
    """From each match to where something else begins."""
    spans: list[tuple[int, int]] = []
    at = 0
    while found := opening.search(text, at):
        rest = _RESUMES.search(text, found.end())
        at = rest.start() if rest else len(text)
        spans.append((found.start(), at))
    return spans


def _cut(text: str, spans: list[tuple[int, int]]) -> str:
    if not spans:
        return text
    starts = [0, *(end for _, end in spans)]
    ends = [*(start for start, _ in spans), len(text)]
    return "".join(text[start:end] for start, end in zip(starts, ends, strict=True))


def _group_end(text: str, at: int) -> int:
    """The place behind the group that opens at `at`; the text's end where it does not close."""
    depth = 0
    for found in re.compile(r"\\[\\{}]|[{}]").finditer(text, at):
        depth += {"{": 1, "}": -1}.get(found[0], 0)
        if depth == 0:
            return found.end()
    return len(text)
