"""RedPajama-v1's way with a paper, its mistakes each by its own switch, for corpora that must match it.

Every `.tex` file is cut by itself and what is left of them is joined, in the order of the archive. With every switch
on, the text is what the published cleaner gave; one that is off has that step done right, in RedPajama's order of
steps. Behaviour read from runs of the published code (`data_prep/arxiv`), not from its text.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from curate.sections import Section
from curate.sources import latex_body
from curate.sources.arxiv_files import TEX_SUFFIXES
from curate.sources.tex_comments import Kept, strip_comments
from curate.sources.tex_encoding import to_text
from curate.sources.tex_expand import Expander, Limits

_LINE_COMMENT = re.compile(r"^%.*\n?", re.MULTILINE)
_INLINE_COMMENT = re.compile(r"[^\\]%.+$", re.MULTILINE)
_SECTION = re.compile(r"\\(chapter|part|section|subsection|subsubsection|paragraph)\b\*?(?=[\[{])")
_SUBPARAGRAPH = re.compile(r"\}\\subparagraph\b\*?(?=[\[{])")
_TAIL = re.compile(
    r"\\appendix|\\begin\{references\}|\\begin\{REFERENCES\}|\\begin\{thebibliography\}|\\bibliography\{"
)
_NEW_COMMAND = re.compile(r"\\newcommand\*?\{(\\[a-zA-Z0-9]+)\}\{(.{0,1000}?)\}$", re.MULTILINE)
_DEF = re.compile(r"\\def[ \t]*(\\[a-zA-Z0-9]+)[ \t]*\{(.{0,1000}?)\}$", re.MULTILINE)
_MAX_MACROS = 2000


class Compat(Section):
    """Each true value repeats one thing that RedPajama-v1 does; any of them makes its order of steps apply."""

    each_file: bool = False
    """Files are cut one by one and joined in the archive's order, not put in where they are asked for."""
    eaten_characters: bool = False
    """An inline comment takes the character before its `%` along; a `%` at a line's end stays."""
    commented_sections: bool = False
    """The first section is looked for before comments are removed: `% \\section{Old}` counts."""
    plain_macros: bool = False
    """Only macros without arguments, defined on one line, every other one of consecutive calls."""
    paragraph_dropped: bool = False
    """A file whose only sections are `\\paragraph` has no section."""
    utf8_only: bool = False
    """A paper with a file that is not UTF-8 is dropped; what is UTF-8 keeps its line ends, whatever they are."""
    cut_at_bibliography: bool = False
    """What stands behind the bibliography or `\\appendix` goes with it."""

    @property
    def any(self) -> bool:
        return any(getattr(self, name) for name in type(self).model_fields)


class NotUtf8(Exception):
    """A file of the paper is not UTF-8, its name as argument."""


def clean(files: Mapping[str, bytes], compat: Compat, limits: Limits, *, cut_appendix: bool) -> str:
    """The paper's text; "" where no file has a section. Raises NotUtf8, and PaperError as `Expander` does.

    cut_appendix: where `cut_at_bibliography` is off.
    """
    kept = Kept()
    names = [name for name in files if name.lower().endswith(TEX_SUFFIXES)] or list(files)
    raw = {name: _text(name, files[name], compat) for name in names}
    expander = Expander(limits)
    if not compat.plain_macros:
        for name in names:  # definitions of all files come before the first call
            expander.expand(strip_comments(raw[name], Kept()))
    plain = _plain_macros(list(raw.values())) if compat.plain_macros else {}
    texts: list[str] = []
    for name in names:
        text = raw[name]
        if not compat.commented_sections:
            text = _without_comments(text, kept, compat)
        start = _first_section(text, compat)
        text = "" if start is None else text[start:]
        if compat.commented_sections:
            text = _without_comments(text, kept, compat)
        if compat.cut_at_bibliography:
            text = text[: _tail(text)]
        else:
            text = latex_body.without_appendix(text) if cut_appendix else text
            text = latex_body.without_bibliography(latex_body.within_document(text)[1])
        text = _expand_plain(text, plain) if compat.plain_macros else expander.expand(text)
        texts.append(text)
    joined = "\n".join(texts)
    return kept.restore(joined) if joined.strip() else ""


def _text(name: str, data: bytes, compat: Compat) -> str:
    if compat.utf8_only:
        try:
            return data.decode().replace("\0", "")
        except UnicodeDecodeError:
            raise NotUtf8(name) from None
    return to_text(data)


def _without_comments(text: str, kept: Kept, compat: Compat) -> str:
    if not compat.eaten_characters:
        return strip_comments(text, kept)
    return _INLINE_COMMENT.sub("", _LINE_COMMENT.sub("", text))


def _first_section(text: str, compat: Compat) -> int | None:
    if not compat.paragraph_dropped:
        return latex_body.first_section(text)
    last = max((found.start() for found in _SUBPARAGRAPH.finditer(text)), default=-1)
    for found in _SECTION.finditer(text):
        if found[1] != "paragraph" or found.end() < last:
            return found.start()
    return None


def _tail(text: str) -> int:
    """Where the published cleaner cuts: at the first mark of an end; a `\\bibliography{` wants a brace behind it."""
    last = text.rfind("}")
    for found in _TAIL.finditer(text):
        if not found[0].endswith("bibliography{") or found.end() <= last:
            return found.start()
    return len(text)


def _plain_macros(texts: Sequence[str]) -> dict[str, str]:
    """What the published expressions take for macros: `\\newcommand{\\x}{…}` and `\\def\\x{…}` that end their line."""
    found: dict[str, str] = {}
    for pattern in (_NEW_COMMAND, _DEF):
        for text in texts:
            for one in pattern.finditer(text):
                if len(found) < _MAX_MACROS:
                    found[one[1]] = one[2]
    return found


def _expand_plain(text: str, macros: Mapping[str, str]) -> str:
    """Each macro in turn: a call with the character behind it, which may not be the first of the next call."""
    for name, value in macros.items():
        if name in text:
            # The value is no template: its backslashes are its own.
            template = value.replace("\\", r"\\") + r"\1"
            text = re.sub(re.escape(name) + r"([^a-zA-Z0-9])", template, text)
    return text
