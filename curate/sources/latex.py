"""One paper's LaTeX, from its files to the text that a model is trained on.

In order: every file decoded; comments out; the main file found and the others put in where it asks for them; macros
expanded; then the body cut out of it. Definitions are read in the order in which TeX would meet them, before anything
is cut, since they stand in the preamble, and since a paper may have a macro for `\\section` itself.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Literal

from curate.sources import latex_body
from curate.sources.arxiv_stream import PaperError, Unreadable
from curate.sources.latex_names import fields
from curate.sources.tex_comments import Kept
from curate.sources.tex_expand import Expander, Limits
from curate.sources.tex_join import Project

MAX_NAMED = 20
"""Macros and files that a paper's metadata names, of each kind."""


class NoText(StrEnum):
    """Why a paper's LaTeX makes no text."""

    NO_SECTION = "no_section"
    EMPTY = "empty"


class NoBody(Exception):
    def __init__(self, reason: NoText, detail: str) -> None:
        super().__init__(detail)
        self.reason = reason
        self.detail = detail


@dataclass(frozen=True, slots=True)
class Options:
    """abstract, appendix: kept or not; sectionless: papers without a section are dropped, or kept whole.

    characters: the longest paper, its files joined and its macros expanded; macros: the expander's limits.
    """

    abstract: Literal["drop", "keep"]
    appendix: Literal["keep", "cut"]
    sectionless: Literal["drop", "keep"]
    characters: int
    macros: Limits


@dataclass(frozen=True, slots=True)
class Paper:
    """text: the body. main: the main files; others: main files not taken; missing: files asked for and not there;
    expanded: calls of macros; left: macros that could not be expanded and are still there."""

    text: str
    title: str = ""
    authors: Sequence[str] = ()
    main: Sequence[str] = ()
    others: int = 0
    missing: Sequence[str] = ()
    expanded: int = 0
    left: Sequence[str] = ()


def read_paper(files: Mapping[str, bytes], options: Options) -> Paper:
    """The paper that these files are. Raises NoBody where it makes no text, PaperError where it cannot be read."""
    kept = Kept()
    joined = Project(files, kept, options.characters).join()
    expander = Expander(options.macros)
    preamble, document = latex_body.within_document(expander.expand(joined.text))
    start = latex_body.first_section(document)
    front = document[:start]
    title, authors = fields(preamble + front)
    text = latex_body.body(document, options.appendix)
    if text is None and options.sectionless == "keep":
        text = latex_body.tidy(latex_body.without_bibliography(document))
    elif text is not None and options.abstract == "keep" and (abstract := latex_body.abstract_of(front)):
        text = f"{latex_body.tidy(latex_body.without_bibliography(abstract))}\n\n{text}"
    if text is None:
        raise NoBody(NoText.NO_SECTION, f"{joined.main[0][:80]} has no section")
    if kept.restored_length(text) > options.characters:
        raise PaperError(Unreadable.TOO_LARGE, f"more than {options.characters} characters")
    text = kept.restore(text)
    if not text.strip():
        raise NoBody(NoText.EMPTY, f"{joined.main[0][:80]} has nothing in its body")
    return Paper(
        text=text,
        title=kept.restore(title),
        authors=authors,
        main=joined.main,
        others=joined.others,
        missing=sorted(set(joined.missing))[:MAX_NAMED],
        expanded=expander.calls,
        left=sorted(expander.left)[:MAX_NAMED],
    )
