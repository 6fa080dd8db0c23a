"""Comments out of a TeX file, as TeX itself would not see them; what stands verbatim is kept as it is.

A `%` that is no `\\%` takes the rest of its line, the line's end, and the spaces the next line begins with, so words
on both sides of it join; a blank line behind it still ends the paragraph (The TeXbook, chapter 8). A line that is all
comment goes whole. Comments are also what stands between `\\begin{comment}` and its end, and between `\\iffalse` and
its `\\fi`.

What is verbatim (`verbatim`, `lstlisting`, `minted` and their like, `\\verb`, `\\lstinline`, addresses with a `%`) is
put aside and a mark left in its place, `\\0` NUMBER `\\0`, so that no later step looks into it; no text has a NUL, as
decoding takes them out. Cost: 0.1 ms for 10,000 characters.
"""

from __future__ import annotations

import re

VERBATIM = frozenset(
    [
        "verbatim",
        "verbatim*",
        "Verbatim",
        "Verbatim*",
        "BVerbatim",
        "LVerbatim",
        "SaveVerbatim",
        "verbatimtab",
        "lstlisting",
        "minted",
        "alltt",
        "filecontents",
        "filecontents*",
        "tcblisting",
        "pycode",
        "pyconsole",
        "sagesilent",
        "Sinput",
        "Soutput",
        "Scode",
    ]
)
_COMMENT_ENVIRONMENTS = frozenset({"comment"})
_INTERESTING = re.compile(
    r"(?P<comment>%)"
    r"|\\(?:begin[ \t]{0,8}\{(?P<environment>[A-Za-z@*]{1,64})\}"
    r"|(?P<inline>verb|Verb|lstinline|mintinline|mint|spverb)(?![A-Za-z@])"
    r"|(?P<address>url|nolinkurl|path|href)[ \t]{0,8}\{[^{}\n%]{0,4096}%[^{}\n]{0,4096}\}"
    r"|(?P<iffalse>iffalse)(?![A-Za-z@])"
    r"|[\\%])"
)
DEFINES_VERBATIM = (b"lstnewenvironment", b"erbatimEnvironment", b"newtcblisting", b"NewTCBListing", b"newminted")
"""What a file holds that defines a verbatim environment: most hold none, and are not searched."""
_OWN_VERBATIM = re.compile(
    r"\\(?:lstnewenvironment|DefineVerbatimEnvironment|newtcblisting|NewTCBListing)[ \t]{0,8}"
    r"(?:\[[^\]]{0,200}\][ \t]{0,8})?"
    r"\{([A-Za-z@*]{1,64})\}|\\newminted[ \t]{0,8}(?:\[([A-Za-z@*]{1,64})\][ \t]{0,8})?\{([A-Za-z@*]{1,64})\}"
)
_AFTER_INLINE = re.compile(r"\*?(?:[ \t]{0,8}\[[^\]\n]{0,400}\])?[ \t]{0,8}")
_CONDITIONAL = re.compile(r"%[^\n]*|\\(?:(if(?!f(?![A-Za-z@])|thenelse)[A-Za-z@]{0,40}|fi|else)(?![A-Za-z@])|[\\%])")
_MAX_CONDITIONALS = 30
_MAX_INLINE = 2000
_MAX_FAILURES = 1000
"""Inline code that does not end, after which none is looked for: each costs up to `_MAX_INLINE`."""
MARK = re.compile("\0([0-9]+)\0")
ENDS_IN_WORD = re.compile(r"\\[A-Za-z@]{1,60}\Z")
"""The end of a text that a letter behind it would change the name of its last command."""


class Kept:
    """What was put aside, by the number in its mark."""

    def __init__(self) -> None:
        self._spans: list[str] = []

    def mark(self, text: str) -> str:
        """Put `text` aside; returns what stands for it."""
        self._spans.append(text)
        return f"\0{len(self._spans) - 1}\0"

    def restored_length(self, text: str) -> int:
        """Characters of `text` with everything back in place, at no cost in memory."""
        return len(text) + sum(len(self._spans[int(found[1])]) for found in MARK.finditer(text))

    def restore(self, text: str) -> str:
        return MARK.sub(lambda found: self._spans[int(found[1])], text) if "\0" in text else text


def own_verbatim(text: str) -> frozenset[str]:
    """Names of the verbatim environments that a text defines for itself."""
    found = {one[1] or one[2] or f"{one[3]}code" for one in _OWN_VERBATIM.finditer(text)}
    return frozenset(name for name in found if name)


def strip_comments(text: str, kept: Kept, verbatim: frozenset[str] = VERBATIM) -> str:
    """`text` without comments, what is verbatim in it put into `kept`. Linear in the text, whatever it holds."""
    return _Stripper(text, kept, verbatim).run()


class _Stripper:
    def __init__(self, text: str, kept: Kept, verbatim: frozenset[str]) -> None:
        self.text = text
        self.kept = kept
        self.verbatim = verbatim
        self.out: list[str] = []
        self.done = 0
        self.failures = 0
        self.joined = False
        """Whether what has been given out ends in the middle of a line that the next one is joined to."""
        self.endless: set[str] = set()
        """Ends that were looked for and do not come any more: looking again from every begin would take squares."""

    def run(self) -> str:
        at = 0
        text = self.text
        while found := _INTERESTING.search(text, at):
            kind = found.lastgroup
            if kind is None:
                at = found.end()
            elif kind == "comment":
                at = self.comment(found.start())
            elif kind == "environment":
                at = self.environment(found)
            elif kind == "inline":
                at = self.inline(found)
            elif kind == "address":
                at = self.aside(found.start(), found.end())
            else:
                at = self.iffalse(found)
        self.out.append(text[self.done :])
        return "".join(self.out)

    def aside(self, start: int, end: int) -> int:
        self.out += [self.text[self.done : start], self.kept.mark(self.text[start:end])]
        self.done = end
        return end

    def comment(self, at: int) -> int:
        text = self.text
        before = text[self.done : at]
        end = text.find("\n", at)
        line_start = not self.joined and (self.done == 0 or text[self.done - 1] == "\n")
        self.joined = False
        if end < 0:
            self.out.append(before.rstrip(" \t") if _blank_line_end(before, line_start) else before)
            self.done = len(text)
            return self.done
        if _blank_line_end(before, line_start):
            # The whole line is a comment: the next one keeps its indentation.
            self.out.append(before.rstrip(" \t"))
            self.done = end + 1
            return self.done
        if before.endswith((" ", "\t")):
            # A space already: TeX reads it as it would the line's end, which is kept for the eye.
            self.out.append(before.rstrip(" \t"))
            self.done = end
            return end
        after = end + 1
        while after < len(text) and text[after] in " \t":
            after += 1
        if after < len(text) and text[after] == "\n":
            after = end  # a blank line: the paragraph ends here
        elif after < len(text) and text[after].isalpha() and ENDS_IN_WORD.search(before[-64:]):
            after = end  # \alpha% and then a letter: they are two
        self.out.append(before)
        self.done = after
        self.joined = after > end
        return after

    def environment(self, found: re.Match[str]) -> int:
        name = found["environment"]
        if name not in self.verbatim and name not in _COMMENT_ENVIRONMENTS:
            return found.end()
        closing = f"\\end{{{name}}}"
        end = -1 if closing in self.endless else self.text.find(closing, found.end())
        if end < 0:
            self.endless.add(closing)
            return found.end()
        end += len(closing)
        if name in self.verbatim:
            return self.aside(found.start(), end)
        self.out.append(self.text[self.done : found.start()])
        self.done = end
        return end

    def inline(self, found: re.Match[str]) -> int:
        text = self.text
        at = found.end()
        if self.failures > _MAX_FAILURES:
            return at
        options = _AFTER_INLINE.match(text, at)
        if found["inline"] in ("lstinline", "mintinline", "mint") and options:
            at = options.end()
            if found["inline"] != "lstinline" and text[at : at + 1] == "{":
                at = max(text.find("}", at, at + 64) + 1, at)
        elif text[at : at + 1] == "*":
            at += 1
        opening = text[at : at + 1]
        if not opening or opening.isspace() or opening.isalpha():
            return found.end()
        limit = min(len(text), at + _MAX_INLINE)
        line_end = text.find("\n", at, limit)
        line_end = limit if line_end < 0 else line_end
        end = _brace_end(text, at, line_end) if opening == "{" else text.find(opening, at + 1, line_end)
        if end < 0:
            self.failures += 1
            return found.end()
        return self.aside(found.start(), end + 1)

    def iffalse(self, found: re.Match[str]) -> int:
        if "\\fi" in self.endless:
            return found.end()
        depth = 1
        for one in _CONDITIONAL.finditer(self.text, found.end()):
            word = one[1]
            if word is None:
                continue
            if word == "fi":
                depth -= 1
            elif word != "else":
                depth += 1
            elif depth == 1:
                return found.end()  # what is behind \else is not a comment
            if depth == 0:
                self.out.append(self.text[self.done : found.start()])
                self.done = one.end()
                return one.end()
            if depth > _MAX_CONDITIONALS:
                break
        self.endless.add("\\fi")
        return found.end()


def _blank_line_end(before: str, at_line_start: bool) -> bool:
    """Whether nothing but spaces stands between the last line end of `before` and its end."""
    line = before[before.rfind("\n") + 1 :]
    return not line.strip(" \t") and ("\n" in before or at_line_start)


def _brace_end(text: str, at: int, limit: int) -> int:
    """Where the brace opened at `at` closes, before `limit`; -1 where it does not."""
    depth = 0
    for place in range(at, limit):
        if text[place] == "{":
            depth += 1
        elif text[place] == "}":
            depth -= 1
            if depth == 0:
                return place
    return -1
