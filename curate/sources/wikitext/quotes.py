"""Bold and italic marks, which are apostrophes, told from apostrophes (MediaWiki's `doQuotes`).

`L'''amour''` is an apostrophe and italics: where a line's bold and italic marks are both odd in number, one of the bold
ones is an apostrophe and an italic one.
"""

from __future__ import annotations

import re

_RUN = re.compile(r"''+")


def without_quotes(line: str) -> str:
    """A line without its bold and italic marks."""
    if "''" not in line:
        return line
    runs = [(run.start(), len(run[0])) for run in _RUN.finditer(line)]
    italic = sum(length == 2 or length >= 5 for _, length in runs)
    bold = sum(length in (3, 4) or length >= 5 for _, length in runs)
    kept = {start: 1 if length == 4 else max(length - 5, 0) for start, length in runs}
    if italic % 2 and bold % 2:
        # MediaWiki's choice: the first after a one-letter word, else after a longer word, else after a space.
        best, chosen = 3, -1
        for start, length in runs:
            if length not in (3, 4):
                continue
            at = start + (length == 4)
            before, second = line[at - 1 : at] if at else "", line[at - 2 : at - 1] if at > 1 else ""
            rank = 2 if before == " " else 0 if second == " " else 1
            if rank < best:
                best, chosen = rank, start
        if chosen >= 0:
            kept[chosen] += 1
    return _RUN.sub(lambda run: "'" * kept[run.start()], line)
