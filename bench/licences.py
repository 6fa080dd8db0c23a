"""How far our licences agree with ScanCode's: `python -m bench.licences FOUND.json FOLDER`.

FOUND.json is what `scancode --license --json FOUND.json FOLDER` wrote. Compared are the sets of licences found in each
file, and the decision that LLaMA-1's list (Apache, BSD, MIT) makes of them. Every file on which the decisions differ is
printed.
"""

from __future__ import annotations

import argparse
import json
import re
from collections import Counter
from pathlib import Path

from curate.licences.detect import licence_of_file, licence_of_text
from curate.sources.charset import decode
from curate.sources.code_paths import is_licence_file
from curate.sources.github_files import PERMISSIVE
from curate.text.spdx import permitted

_UNNAMED = re.compile(r"LicenseRef-scancode-(?:unknown[a-z-]*|free-unknown|warranty-disclaimer)")


def names(expression: str) -> frozenset[str]:
    """The licences of an expression, but for those that name none."""
    every = re.findall(r"[A-Za-z0-9.+-]+", _UNNAMED.sub(" ", expression))
    return frozenset(every) - {"AND", "OR", "WITH", "LicenseRef-unknown"}


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("found", type=Path)
    parser.add_argument("folder", type=Path)
    arguments = parser.parse_args()
    same = 0
    decisions: Counter[tuple[bool, bool]] = Counter()
    root = arguments.folder.parent
    for entry in json.loads(arguments.found.read_text())["files"]:
        path = root / entry["path"]
        if entry["type"] != "file" or not path.is_file():
            continue
        text = decode(path.read_bytes(), html=False)[0]
        read = licence_of_file if is_licence_file(path.name) else licence_of_text
        ours, theirs = read(text).expression, str(entry.get("detected_license_expression_spdx") or "")
        same += names(ours) == names(theirs)
        decided = permitted(ours, PERMISSIVE), permitted(_UNNAMED.sub("MIT", theirs), PERMISSIVE)
        decisions[decided] += 1
        if decided[0] != decided[1]:
            print(f"{entry['path']}: {ours or 'nothing'} here, {theirs or 'nothing'} by ScanCode")
    total = decisions.total()
    agreed = decisions[True, True] + decisions[False, False]
    print(f"{total} files: the same licences in {same}, the same decision on {agreed}")
    print(f"allowed only here {decisions[True, False]}, only by ScanCode {decisions[False, True]}")


if __name__ == "__main__":
    main()
