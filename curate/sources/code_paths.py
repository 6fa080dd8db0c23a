"""Files that a repository holds but nobody wrote for it, by their path: vendored, lock files, data.

The names are those that GitHub linguist leaves out of its statistics (`vendor.yml`, `generated.rb`), and a few of
newer package managers. A path is taken from the repository's own folder on, with "/" between its parts.
"""

from __future__ import annotations

import re

_VENDORED = (
    "vendor vendors _vendor _vendored node_modules bower_components jspm_packages third_party third-party thirdparty"
    " 3rd_party 3rd-party 3rdparty extern external externals godeps pods carthage .yarn flow-typed site-packages"
    " __pypackages__ venv .venv virtualenv dist cache deps dependencies"
)
VENDORED_FOLDERS = frozenset(_VENDORED.split())
_TOP_ONLY = frozenset({"deps", "dependencies"})
_VENDORED_NAME = re.compile(
    r"""
    .{0,128}[.-]min\.(?:js|css|mjs) | jquery(?:[.-]\d[\w.]*|-ui[\w.-]*|\.[\w.-]*)?\.(?:js|css)
    | (?:bootstrap|angular|ember|react|d3|dojo|mootools|prototype|modernizr|leaflet|codemirror|require|raphael|less)
      (?:[.-]v?\d[\w.]*|\.bundle|\.custom|\.full)\.(?:js|css)
    | configure | config\.guess | config\.sub | ltmain\.sh | aclocal\.m4 | libtool\.m4 | depcomp | install-sh | missing
    | gradlew | gradlew\.bat | mvnw | mvnw\.cmd | waf | ez_setup\.py | versioneer\.py | _virtualenv\.py | miniz\.[ch]
    | stb_[a-z_]{1,40}\.h | shBrush\w{1,40}\.js | octicons\.css | font-?awesome[\w.-]{0,40}\.css | normalize\.css
    """,
    re.VERBOSE | re.IGNORECASE,
)
_GENERATED_NAME = re.compile(
    r"""
    package-lock\.json | npm-shrinkwrap\.json | yarn\.lock | pnpm-lock\.yaml | bun\.lockb? | cargo\.lock | go\.sum
    | gopkg\.lock | glide\.lock | poetry\.lock | pipfile\.lock | pdm\.lock | uv\.lock | composer\.lock | gemfile\.lock
    | podfile\.lock | mix\.lock | flake\.lock | lextab\.py | yacctab\.py | parsetab\.py
    | .{0,128}(?: \.(?:pb|pb2)\.(?:go|cc|h|cpp|dart|swift) | _pb2(?:_grpc)?\.pyi? | _pb\.(?:js|d\.ts|rb)
      | \.pbobjc\.[hm] | \.designer\.(?:cs|vb) | \.feature\.cs | \.g\.(?:i\.)?cs | \.g\.dart | \.freezed\.dart
      | _generated\.(?:go|rs|h|ts|py) | _string\.go | \.(?:js|css)\.map )
    | zz_generated\..{0,128}\.go | moc_.{0,128}\.cpp | ui_.{0,128}\.h | qrc_.{0,128}\.cpp
    """,
    re.VERBOSE | re.IGNORECASE,
)
_GENERATED_FOLDERS = frozenset({"__generated__", "generated", "generated-sources", "__snapshots__"})


def vendored(path: str) -> str:
    """The part of the path that says the file is another's, or ""."""
    *folders, name = path.split("/")
    for depth, folder in enumerate(folders):
        lowered = folder.lower()
        if lowered in VENDORED_FOLDERS and (depth == 0 or lowered not in _TOP_ONLY):
            return folder
    return name if _VENDORED_NAME.fullmatch(name[-128:]) else ""


def generated_name(path: str) -> str:
    """The part of the path that says the file was made by a program, or ""."""
    *folders, name = path.split("/")
    for folder in folders:
        if folder.lower() in _GENERATED_FOLDERS:
            return folder
    return name if _GENERATED_NAME.fullmatch(name[-128:]) else ""


_LICENCE_NAME = re.compile(
    r"(?:un)?licen[sc]es?(?:[._-].{0,60})?|copying(?:[._-].{0,60})?|copyright(?:\.(?:txt|md|rst))?"
    r"|(?:mit|bsd|apache|gpl|mpl|isc)[._-]licen[sc]e(?:\.(?:txt|md|rst))?",
    re.IGNORECASE,
)
_OTHERS_LICENCE = re.compile(r"third|3rd|vendor|bundled|depend|header|template|check|plugin|report", re.IGNORECASE)
_CODE = re.compile(
    r"\.(?:py|js|ts|tsx|jsx|go|rs|java|c|h|cc|cpp|hpp|cs|rb|php|sh|json|ya?ml|html?|css|xml|svg|png|class)$",
    re.IGNORECASE,
)


def is_licence_file(path: str) -> bool:
    """Whether a file states the terms of what lies beside and below it: LICENSE, COPYING.LESSER, UNLICENSE.md…"""
    name = path.rpartition("/")[2][:128]
    return bool(_LICENCE_NAME.fullmatch(name)) and not _OTHERS_LICENCE.search(name) and not _CODE.search(name)
