"""Programming and markup languages by the name of a file, in GitHub linguist's names for them.

Where several languages share a suffix the commonest on GitHub is named (`.h` C, `.m` Objective-C, `.pl` Perl, `.v`
Verilog); a content rule that told them apart would cost more than it is worth here.
"""

from __future__ import annotations

_REDPAJAMA = (
    ".asm .bat .cmd .c .h .cs .cpp .hpp .c++ .h++ .cc .hh .C .H .cmake .css .dockerfile .f90 .f .f03 .f08 .f77 .f95"
    " .for .fpp .go .hs .html .java .js .jl .lua .md .markdown .php .php3 .php4 .php5 .phps .phpt .pl .pm .pod .perl"
    " .ps1 .psd1 .psm1 .py .rb .rs .sql .scala .sh .bash .command .zsh .ts .tsx .tex .vb Dockerfile Makefile .xml .rst"
    " .m .smali"
)
REDPAJAMA_SUFFIXES = tuple(_REDPAJAMA.split())
"""RedPajama-v1 `data_prep/github`: what the end of a path must be, case and all (so `Makefile`, `foo.myMakefile`)."""

_SUFFIXES = {
    "Ada": "adb ads",
    "Assembly": "asm s nasm",
    "AWK": "awk gawk",
    "Batchfile": "bat cmd",
    "C": "c h",
    "C#": "cs csx",
    "C++": "cpp hpp cc hh cxx hxx c++ h++ ipp tpp inl ixx",
    "Clojure": "clj cljs cljc edn",
    "CMake": "cmake",
    "COBOL": "cob cbl cpy",
    "CoffeeScript": "coffee",
    "Common Lisp": "lisp lsp cl asd",
    "Crystal": "cr",
    "CSS": "css",
    "CSV": "csv",
    "Cuda": "cu cuh",
    "Cython": "pyx pxd pxi",
    "D": "d di",
    "Dart": "dart",
    "Dockerfile": "dockerfile containerfile",
    "Elixir": "ex exs",
    "Elm": "elm",
    "Emacs Lisp": "el",
    "Erlang": "erl hrl",
    "F#": "fs fsi fsx",
    "Fortran": "f f77 for fpp",
    "Fortran Free Form": "f90 f95 f03 f08",
    "GLSL": "glsl vert frag geom comp",
    "Go": "go",
    "GraphQL": "graphql gql",
    "Groovy": "groovy gradle",
    "Haskell": "hs lhs",
    "HCL": "tf hcl",
    "HTML": "html htm xhtml",
    "INI": "ini cfg",
    "Java": "java",
    "JavaScript": "js mjs cjs jsx es6",
    "JSON": "json jsonc geojson",
    "Julia": "jl",
    "Jupyter Notebook": "ipynb",
    "Kotlin": "kt kts",
    "Less": "less",
    "Lua": "lua",
    "Makefile": "mk mak",
    "Markdown": "md markdown mdx",
    "MATLAB": "mlx",
    "Nim": "nim nims",
    "Nix": "nix",
    "Objective-C": "m",
    "Objective-C++": "mm",
    "OCaml": "ml mli mll mly",
    "Pascal": "pas pp lpr dpr",
    "Perl": "pl pm perl t",
    "PHP": "php php3 php4 php5 phps phpt phtml",
    "Pod": "pod",
    "PowerShell": "ps1 psd1 psm1",
    "Prolog": "pro prolog",
    "Protocol Buffer": "proto",
    "Python": "py pyi pyw",
    "R": "r rmd",
    "Racket": "rkt",
    "reStructuredText": "rst",
    "Ruby": "rb rake gemspec ru",
    "Rust": "rs",
    "Scala": "scala sbt sc",
    "Scheme": "scm ss",
    "SCSS": "scss",
    "Shell": "sh bash zsh ksh command",
    "Smali": "smali",
    "Solidity": "sol",
    "SQL": "sql",
    "Svelte": "svelte",
    "SVG": "svg",
    "Swift": "swift",
    "Tcl": "tcl",
    "TeX": "tex sty cls ltx",
    "Text": "txt",
    "TOML": "toml",
    "TypeScript": "ts mts cts",
    "TSX": "tsx",
    "Verilog": "v vh",
    "VHDL": "vhd vhdl",
    "Vim Script": "vim",
    "Visual Basic .NET": "vb",
    "Vue": "vue",
    "XML": "xml xsd xsl xslt wsdl plist",
    "YAML": "yml yaml",
    "Zig": "zig",
}
_NAMES = {
    "dockerfile": "Dockerfile",
    "containerfile": "Dockerfile",
    "makefile": "Makefile",
    "gnumakefile": "Makefile",
    "cmakelists.txt": "CMake",
    "rakefile": "Ruby",
    "gemfile": "Ruby",
    "sconstruct": "Python",
    "sconscript": "Python",
    "jenkinsfile": "Groovy",
    "build.bazel": "Starlark",
    "workspace": "Starlark",
}
_CASED = {".C": "C++", ".H": "C++", ".R": "R", ".S": "Assembly"}
LANGUAGES = tuple(sorted({*_SUFFIXES, *_NAMES.values()}, key=str.lower))
_BY_SUFFIX = {f".{suffix}": language for language, suffixes in _SUFFIXES.items() for suffix in suffixes.split()}
PROSE = frozenset({"Markdown", "reStructuredText", "HTML", "TeX", "Text", "Pod", "XML"})
"""Languages of text about code: what they say of licences is often about other software."""


def language_of(path: str) -> str:
    """The language of a file by its name, "" where the name does not tell."""
    name = path.rpartition("/")[2]
    lowered = name.lower()
    if lowered in _NAMES:
        return _NAMES[lowered]
    dot = name.rfind(".")
    if dot < 0:
        return ""
    return _CASED.get(name[dot:]) or _BY_SUFFIX.get(lowered[dot:], "")
