"""Which of a paper's files is the paper, and the others put in where it asks for them.

TeX reads `\\input` and `\\include` from the folder it runs in, which at arXiv is the paper's; `\\import` and
`\\subimport` name the folder themselves; a subfile has a preamble of its own, which is left out.
"""

from __future__ import annotations

import json
import posixpath
import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from curate.sources.arxiv_files import TEX_SUFFIXES
from curate.sources.arxiv_stream import PaperError, Unreadable
from curate.sources.tex_comments import DEFINES_VERBATIM, VERBATIM, Kept, own_verbatim, strip_comments
from curate.sources.tex_encoding import declared, to_text

MAX_DEPTH = 16
MAX_FILES_JOINED = 2000
_CLASS = re.compile(r"\\document(?:class|style)(?![A-Za-z@])")
_BEGIN = re.compile(r"\\begin\s{0,8}\{document\}")
_END = re.compile(r"\\end\s{0,8}\{document\}")
_ENDINPUT = re.compile(r"\\endinput(?![A-Za-z@])")
_PLAIN_TEX = re.compile(
    r"\\(?:bye|end|magnification|documentstyle|input\s{1,8}(?:amstex|amsppt|harvmac|mssymb))(?![A-Za-z@{])"
)
_INPUT = re.compile(
    r"\\(?:(?P<braced>input|include|subfile|subfileinclude|@input|InputIfFileExists)\s{0,8}\{(?P<name>[^{}\\#]{1,512})\}"
    r"|(?:import|subimport|inputfrom|subinputfrom|includefrom|subincludefrom)\*?\s{0,8}"
    r"\{(?P<folder>[^{}\\#]{0,512})\}\s{0,8}\{(?P<imported>[^{}\\#]{1,512})\}"
    r"|input[ \t]{1,8}(?P<bare>[^\s{}\\\[\]#%&$]{1,256})"
    r"|usepackage\s{0,8}(?:\[[^\]]{0,400}\]\s{0,8})?\{(?P<packages>[^{}\\#]{1,1000})\})"
)
_DRAWN = (".pgf", ".tikz", ".pstex_t", ".pdf_t", ".pdf_tex", ".eps_tex", ".pstex")
_DISTRIBUTED = re.compile(r"\\(?:ProvidesPackage|ProvidesExplPackage|NeedsTeXFormat)(?![A-Za-z@])")
_LIKELY = ("ms", "main", "paper", "article", "manuscript", "arxiv", "root")
_UNLIKELY = re.compile(
    r"supp|response|reply|cover|letter_to|referee|rebuttal|diff|old|backup|template|sample", re.IGNORECASE
)
_USAGE = re.compile(r"^\s{0,8}(\S{1,256})\s{1,8}(toplevelfile|ignore)\s{0,8}$", re.MULTILINE)


@dataclass(slots=True)
class Joined:
    """text: the paper's main files with what they input, without comments. missing: files that are not there, or ask
    for themselves; others: main files that were not taken."""

    text: str
    main: tuple[str, ...]
    missing: list[str] = field(default_factory=list)
    others: int = 0


class Project:
    """The files of one paper, each decoded and freed of comments when it is first needed."""

    def __init__(self, files: Mapping[str, bytes], kept: Kept, limit: int) -> None:
        """limit: characters of the joined text."""
        self.files = files
        self.kept = kept
        self.limit = limit
        self._otherwise = next((codec for name in sorted(files) if (codec := declared(files[name]))), "")
        self._clean: dict[str, str] = {}
        self._verbatim = VERBATIM.union(
            *(
                own_verbatim(self.raw(name))
                for name in sorted(files)
                if any(word in files[name] for word in DEFINES_VERBATIM)
            )
        )
        self._by_name: dict[str, list[str]] = {}
        for name in sorted(files):
            self._by_name.setdefault(posixpath.basename(name).lower(), []).append(name)

    def raw(self, name: str) -> str:
        """A file's text with its comments."""
        return to_text(self.files[name], self._otherwise)

    def clean(self, name: str) -> str:
        """A file's text without comments, up to its `\\endinput`."""
        if name not in self._clean:
            text = strip_comments(self.raw(name), self.kept, self._verbatim)
            ended = _ENDINPUT.search(text)
            self._clean[name] = text[: ended.start()] if ended else text
        return self._clean[name]

    # ---- the main file ----

    def main_files(self) -> tuple[tuple[str, ...], int]:
        """(the paper's main files in order, how many others there are). Usually it is one."""
        said, ignored = self._readme()
        if said:
            return said, 0
        names = [name for name in sorted(self.files) if name.lower().endswith(TEX_SUFFIXES) and name not in ignored]
        names = (
            names or [name for name in sorted(self.files) if "." not in posixpath.basename(name)] or sorted(self.files)
        )
        if len(names) == 1:
            return (names[0],), 0
        whole = [name for name in names if _CLASS.search(self.clean(name)) and _BEGIN.search(self.clean(name))]
        if not whole:
            # The class or the beginning may be in a file that is input, and old papers are plain TeX.
            whole = [name for name in names if _CLASS.search(self.clean(name)) or _BEGIN.search(self.clean(name))]
            whole = whole or [name for name in names if _PLAIN_TEX.search(self.clean(name))] or names
        if len(whole) > 1:
            asked = self._asked_for(whole)
            whole = [name for name in whole if name not in asked] or whole
        best = min(whole, key=self._preference)
        return (best,), len(whole) - 1

    def _preference(self, name: str) -> tuple[bool, int, int, int, str]:
        stem = posixpath.splitext(posixpath.basename(name))[0].lower()
        likely = _LIKELY.index(stem) if stem in _LIKELY else len(_LIKELY)
        return bool(_UNLIKELY.search(name)), likely, name.count("/"), -len(self.files[name]), name

    def _asked_for(self, names: list[str]) -> set[str]:
        """Those of the files that another of them inputs."""
        asked: set[str] = set()
        for name in names:
            for found in _INPUT.finditer(self.clean(name)):
                target = self._resolve(found, name, posixpath.dirname(name))
                if target and target != name:
                    asked.add(target)
        return asked

    def _readme(self) -> tuple[tuple[str, ...], set[str]]:
        """What the submitter said: arXiv's `00README.XXX` (a file and `toplevelfile` or `ignore` a line) or `.json`."""
        top: list[str] = []
        ignored: set[str] = set()
        for name in sorted(self.files):
            base = posixpath.basename(name).lower()
            if not base.startswith("00readme"):
                continue
            text = to_text(self.files[name][: 64 << 10])
            rows = _USAGE.findall(text)
            if base.endswith(".json"):
                rows = _json_rows(text)
            folder = posixpath.dirname(name)
            for path, usage in rows:
                full = posixpath.normpath(posixpath.join(folder, path))
                if full in self.files and usage == "ignore":
                    ignored.add(full)
                elif full in self.files and usage in ("toplevelfile", "toplevel") and full not in top:
                    top.append(full)
        return tuple(top), ignored

    # ---- joining ----

    def join(self) -> Joined:
        """The paper as one text. Raises PaperError where it would be longer than the limit."""
        main, others = self.main_files()
        joined = Joined("", main, others=others)
        pieces: list[str] = []
        self._size = self._count = 0
        for number, name in enumerate(main):
            if number:
                # One text of several papers: it ends where the last of them does.
                ended = _END.search(so_far := "".join(pieces))
                pieces = [so_far[: ended.start()] if ended else so_far, "\n"]
            self._put(name, posixpath.dirname(name), [name], joined, pieces, whole=number == 0)
        joined.text = "".join(pieces)
        return joined

    def _put(self, name: str, base: str, active: list[str], joined: Joined, pieces: list[str], *, whole: bool) -> None:
        """A file's text into `pieces`, what it asks for in its place. base: the folder it is read from."""
        text = self.clean(name)
        if not whole:
            begun = _BEGIN.search(text)
            ended = _END.search(text, begun.end() if begun else 0)
            text = text[begun.end() if begun else 0 : ended.start() if ended else len(text)]
        self._count += 1
        self._size += len(text)
        if self._size > self.limit or self._count > MAX_FILES_JOINED:
            raise PaperError(
                Unreadable.TOO_LARGE, f"joined, it has more than {self.limit} characters or {MAX_FILES_JOINED} files"
            )
        done = 0
        for found in _INPUT.finditer(text):
            if found["packages"] is not None:
                if own := self._own_packages(found["packages"], base, active):
                    pieces.append(text[done : found.start()])
                    done = found.end()
                    for package in own:
                        pieces.append("\\makeatletter\n")
                        self._put(package, base, [*active, package], joined, pieces, whole=True)
                        pieces.append("\\makeatother\n")
                continue
            target = self._resolve(found, name, base)
            wanted = (found["name"] or found["imported"] or found["bare"] or "").strip()
            if wanted.lower().endswith((".bbl", *_DRAWN)):
                if not wanted.lower().endswith(".bbl"):
                    continue
                target, wanted = None, ""
            elif target is None or target in active or len(active) >= MAX_DEPTH:
                if target is not None:  # TeX would never end; what there is to read has been read
                    pieces.append(text[done : found.start()])
                    done = found.end()
                if len(joined.missing) < MAX_FILES_JOINED:
                    joined.missing.append(wanted[:200])
                continue
            pieces.append(text[done : found.start()])
            done = found.end()
            if target is None:
                continue  # the bibliography, which goes anyway
            folder = base
            if found["folder"] is not None:
                folder = posixpath.dirname(target)
            self._put(target, folder, [*active, target], joined, pieces, whole=False)
            if found["bare"] is None and found["braced"] == "include":
                pieces.append("\n\n")
        pieces.append(text[done:])

    def _own_packages(self, packages: str, base: str, active: list[str]) -> list[str]:
        """The packages of a list that the authors wrote themselves: in the paper, and not made for distribution."""
        own = []
        for package in packages.split(","):
            path = posixpath.normpath(posixpath.join(base, package.strip() + ".sty"))
            if path in self.files and path not in active and not _DISTRIBUTED.search(self.clean(path)):
                own.append(path)
        return own

    def _resolve(self, found: re.Match[str], asking: str, base: str) -> str | None:
        """The file that an `\\input` means, or None."""
        wanted = found["name"] or found["imported"] or found["bare"]
        if wanted is None:
            return None
        wanted = wanted.strip().strip('"')
        folders = [base, "", posixpath.dirname(asking)]
        if found["folder"] is not None:
            folders = [posixpath.join(folder, found["folder"].strip()) for folder in folders]
        for folder in folders:
            path = posixpath.normpath(posixpath.join(folder, wanted)).lstrip("/")
            while path.startswith("../"):
                path = path[3:]
            for candidate in (f"{path}.tex", path, f"{path}.ltx"):
                if candidate in self.files:
                    return candidate
        base_name = posixpath.basename(wanted).lower()
        for candidate in (f"{base_name}.tex", base_name):
            same = self._by_name.get(candidate, [])
            if len(same) == 1:
                return same[0]
        return None


def _json_rows(text: str) -> list[tuple[str, str]]:
    try:
        sources = json.loads(text)["sources"]
        return [(str(source["filename"]), str(source["usage"])) for source in sources if "usage" in source]
    except (ValueError, KeyError, TypeError, RecursionError):
        return []
