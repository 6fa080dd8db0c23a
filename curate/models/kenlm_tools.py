"""KenLM's own estimators, `lmplz` and `build_binary`, built from its source distribution.

`make tools`, or `python -m curate.models.kenlm_tools [SDIST]`, puts them into `.tools/kenlm/bin`. The wheel that
queries models holds neither. Building takes about a minute and needs a C++ compiler, make, CMake and Boost.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path

from curate.errors import UserError

TOOLS = ("lmplz", "build_binary")
VERSION = "0.3.0"
SDIST_SHA256 = "c4628bb9fb63c8a6f9240035b8b037385cfc404cb72e933cf48878291edac1e8"
_BOOST = "Boost (program_options, system, thread, unit_test_framework)"
_LIBRARIES = "zlib, bzip2 and lzma"
_NEEDS: dict[str, dict[str, tuple[str, ...]]] = {
    "a C++ compiler": {"apt-get": ("g++",), "dnf": ("gcc-c++",), "brew": ("gcc",)},
    "make": {"apt-get": ("make",), "dnf": ("make",), "brew": ("make",)},
    "CMake": {"apt-get": ("cmake",), "dnf": ("cmake",), "brew": ("cmake",)},
    _BOOST: {
        "apt-get": tuple(f"libboost-{part}-dev" for part in ("program-options", "system", "thread", "test")),
        "dnf": ("boost-devel",),
        "brew": ("boost",),
    },
    _LIBRARIES: {
        "apt-get": ("zlib1g-dev", "libbz2-dev", "liblzma-dev"),
        "dnf": ("zlib-devel", "bzip2-devel", "xz-devel"),
        "brew": ("zlib", "bzip2", "xz"),
    },
}
_HEADERS = {
    _BOOST: (
        "boost/program_options.hpp",
        "boost/system/error_code.hpp",
        "boost/thread.hpp",
        "boost/test/unit_test.hpp",
    ),
    _LIBRARIES: ("zlib.h", "bzlib.h", "lzma.h"),
}


def tools_folder() -> Path:
    """Where the tools are looked for: $CURATE_KENLM_BIN, else `.tools/kenlm/bin` of the checkout."""
    named = os.environ.get("CURATE_KENLM_BIN")
    return Path(named) if named else Path(__file__).resolve().parents[2] / ".tools" / "kenlm" / "bin"


def find_tool(name: str) -> Path:
    """The path of `lmplz` or `build_binary`; UserError when it is not built."""
    path = tools_folder() / name
    if path.is_file():
        return path
    found = shutil.which(name)
    if found:
        return Path(found)
    raise UserError(f"KenLM's {name} is not built: run `make tools` (python -m curate.models.kenlm_tools)")


def missing() -> list[str]:
    """What building needs and is not here, in words. Libraries are looked for by compiling their headers."""
    compiler = _compiler()
    found: dict[str, str | None] = {"a C++ compiler": compiler, "make": shutil.which("make"), "CMake": _cmake()}
    absent = [need for need in found if found[need] is None]
    if compiler is None:
        return [*absent, *_HEADERS]  # cannot be told without one, and whoever lacks the first lacks these as a rule
    return absent + [need for need, headers in _HEADERS.items() if not _compiles(compiler, headers)]


def how_to_install(needs: list[str]) -> str:
    """The command that installs them with the package manager of this machine, else with Debian's."""
    manager = next((name for name in ("apt-get", "dnf", "brew") if shutil.which(name)), "apt-get")
    packages = [package for need in needs for package in _NEEDS[need][manager]]
    return f"{manager} install {' '.join(packages)}"


def build(sdist: Path | None = None, destination: Path | None = None) -> Path:
    """Build the tools from kenlm's sdist (fetched by pip when not given) into `destination`, and return that.

    UserError, one line, that names what is missing and the command that installs it; for an sdist that is not the one
    of kenlm 0.3.0 by its sha256; and for what the compiler says.
    """
    destination = destination or tools_folder()
    needs = missing()
    if needs:
        raise UserError(f"KenLM's tools cannot be built without {', '.join(needs)}: {how_to_install(needs)}")
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        archive = sdist or _download(folder)
        _check(archive)
        with tarfile.open(archive) as source:
            source.extractall(folder / "source", filter="data")
        root = next((folder / "source").iterdir())
        cmake = str(_cmake())
        configure = [cmake, "-S", str(root), "-B", str(folder / "build"), "-DCMAKE_BUILD_TYPE=Release"]
        _run([*configure, "-DFORCE_STATIC=OFF", "-DENABLE_PYTHON=OFF", "-DCMAKE_POLICY_VERSION_MINIMUM=3.5"])
        jobs = str(min(os.cpu_count() or 1, 4))
        _run([cmake, "--build", str(folder / "build"), "--parallel", jobs, "--target", *TOOLS])
        destination.mkdir(parents=True, exist_ok=True)
        for name in TOOLS:
            staged = destination / f".{name}.{os.getpid()}"
            shutil.copy2(folder / "build" / "bin" / name, staged)
            staged.replace(destination / name)
    return destination


def _compiler() -> str | None:
    named = os.environ.get("CXX", "").split()
    return next((found for name in [*named[:1], "c++", "g++", "clang++"] if (found := shutil.which(name))), None)


def _cmake() -> str | None:
    beside_python = Path(sys.executable).parent / "cmake"  # the registry's cmake package
    return str(beside_python) if beside_python.is_file() else shutil.which("cmake")


def _compiles(compiler: str, headers: tuple[str, ...]) -> bool:
    source = "".join(f"#include <{header}>\n" for header in headers)
    command = [compiler, "-E", "-x", "c++", "-", "-o", os.devnull, *os.environ.get("CXXFLAGS", "").split()]
    return subprocess.run(command, input=source, capture_output=True, text=True, check=False).returncode == 0


def _check(archive: Path) -> None:
    try:
        with archive.open("rb") as stream:
            found = hashlib.file_digest(stream, "sha256").hexdigest()
    except OSError as error:
        raise UserError(f"cannot read {archive}: {error.strerror}") from None
    if found != SDIST_SHA256:
        raise UserError(f"{archive} has sha256 {found}, but kenlm-{VERSION}.tar.gz of PyPI has {SDIST_SHA256}")


def _download(folder: Path) -> Path:
    wanted = folder / "requirements.txt"
    wanted.write_text(f"kenlm=={VERSION} --hash=sha256:{SDIST_SHA256}\n")
    # Only kenlm itself from source: `--no-binary :all:` would compile its build requirements, CMake included.
    pip = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--no-build-isolation"]
    command = [*pip, "--no-binary", "kenlm", "--require-hashes", "--dest", str(folder), "--requirement", str(wanted)]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    archives = sorted(folder.glob("kenlm-*.tar.gz"))
    if not archives:
        said = [line for line in result.stderr.splitlines() if line.startswith("ERROR")] or ["no message"]
        raise UserError(
            f"pip could not download kenlm {VERSION}: {said[0].removeprefix('ERROR: ')[:200]}; with a copy "
            "of its sdist: python -m curate.models.kenlm_tools kenlm-0.3.0.tar.gz"
        )
    return archives[-1]


def _run(command: list[str]) -> None:
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    if result.returncode:
        said = [line for line in (result.stderr + result.stdout).splitlines() if "rror" in line or "Boost" in line]
        install = how_to_install(list(_NEEDS))
        raise UserError(f"building KenLM's tools failed ({(said or ['no message'])[0].strip()}); it needs: {install}")


def main() -> None:
    parser = argparse.ArgumentParser(description="Build KenLM's lmplz and build_binary.")
    parser.add_argument("sdist", type=Path, nargs="?", help=f"kenlm-{VERSION}.tar.gz; downloaded by pip when not given")
    arguments = parser.parse_args()
    try:
        print(f"built {', '.join(TOOLS)} in {build(arguments.sdist)}")
    except UserError as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(2)


if __name__ == "__main__":
    main()
