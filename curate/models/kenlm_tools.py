"""KenLM's own estimators, `lmplz` and `build_binary`, built from its source distribution.

`python -m curate.models.kenlm_tools [SDIST]` puts them into `.tools/kenlm/bin`. The wheel that queries models holds
neither. Building takes about a minute and needs a C++ compiler, CMake and Boost.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path

from curate.errors import UserError

TOOLS = ("lmplz", "build_binary")
DEBIAN_PACKAGES = (
    "g++",
    "make",
    "libboost-program-options-dev",
    "libboost-system-dev",
    "libboost-thread-dev",
    "libboost-test-dev",
    "zlib1g-dev",
    "libbz2-dev",
    "liblzma-dev",
)
_INSTALL = f"install what it needs with: apt-get install {' '.join(DEBIAN_PACKAGES)} cmake"


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
    raise UserError(f"KenLM's {name} is not built: run python -m curate.models.kenlm_tools")


def build(sdist: Path | None = None, destination: Path | None = None) -> Path:
    """Build the tools from a kenlm sdist (fetched by pip when not given) into `destination`, and return it.

    Raises UserError naming the Debian packages when a compiler or library is missing.
    """
    destination = destination or tools_folder()
    compiler, cmake = shutil.which("g++") or shutil.which("c++"), _cmake()
    if compiler is None or cmake is None or shutil.which("make") is None:
        raise UserError(f"cannot build KenLM's tools without a C++ compiler, make and CMake; {_INSTALL}")
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        archive = sdist or _download(folder)
        with tarfile.open(archive) as source:
            source.extractall(folder / "source", filter="data")
        root = next((folder / "source").iterdir())
        configure = [cmake, "-S", str(root), "-B", str(folder / "build"), "-DCMAKE_BUILD_TYPE=Release"]
        _run([*configure, "-DFORCE_STATIC=OFF", "-DENABLE_PYTHON=OFF", "-DCMAKE_POLICY_VERSION_MINIMUM=3.5"])
        jobs = str(min(os.cpu_count() or 1, 4))
        _run([cmake, "--build", str(folder / "build"), "--parallel", jobs, "--target", *TOOLS])
        destination.mkdir(parents=True, exist_ok=True)
        for name in TOOLS:
            shutil.copy2(folder / "build" / "bin" / name, destination / name)
    return destination


def _cmake() -> str | None:
    beside_python = Path(sys.executable).parent / "cmake"  # the registry's cmake package
    return str(beside_python) if beside_python.is_file() else shutil.which("cmake")


def _download(folder: Path) -> Path:
    # Only kenlm itself from source: `--no-binary :all:` would compile its build requirements, CMake included.
    pip = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--no-build-isolation"]
    result = subprocess.run(
        [*pip, "--no-binary", "kenlm", "--dest", str(folder), "kenlm"], capture_output=True, text=True, check=False
    )
    archives = sorted(folder.glob("kenlm-*.tar.gz"))
    if not archives:
        last = (result.stderr.strip().splitlines() or ["no message"])[-1]
        raise UserError(f"pip could not download the kenlm source distribution: {last}")
    return archives[-1]


def _run(command: list[str]) -> None:
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    if result.returncode:
        lines = [line for line in (result.stderr + result.stdout).splitlines() if "rror" in line or "Boost" in line]
        raise UserError(f"building KenLM's tools failed ({(lines or ['no message'])[0].strip()}); {_INSTALL}")


def main() -> None:
    parser = argparse.ArgumentParser(description="Build KenLM's lmplz and build_binary.")
    parser.add_argument("sdist", type=Path, nargs="?", help="kenlm-*.tar.gz; downloaded by pip when not given")
    arguments = parser.parse_args()
    try:
        print(f"built {', '.join(TOOLS)} in {build(arguments.sdist)}")
    except UserError as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(2)


if __name__ == "__main__":
    main()
