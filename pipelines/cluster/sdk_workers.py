"""The Python half of an engine: an environment with nothing but the built wheel in it, and a pool of workers.

What runs on a cluster must not depend on the checkout it was started from: a module that the wheel lacks, or that only
the driver has, fails here as it would there.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import venv
from collections.abc import Iterator
from importlib.metadata import Distribution, distributions
from pathlib import Path

from curate.errors import UserError

_TIMEOUT = 1800
_NOT_PINNED = ("curate", "pip", "setuptools", "wheel")


def project() -> Path:
    """The checkout that the wheel is built from; UserError where the package was installed without one."""
    root = Path(__file__).resolve().parents[2]
    if not (root / "pyproject.toml").is_file():
        raise UserError("a local cluster is started from a checkout of the project: there is no pyproject.toml here")
    return root


def install_workers(folder: Path, *more: str) -> Path:
    """Build the wheel and install it, with what it depends on, in `folder`; returns that environment's `bin`.

    more: other requirements of that environment. The environment is kept between runs, the wheel in it is always of
    now. Every package has the version it has here: a worker must have its driver's.
    """
    place, wheels = folder / "workers", folder / "wheel"
    python = place / "bin" / "python"
    if not python.is_file():
        venv.create(place, with_pip=True, symlinks=True)
    shutil.rmtree(wheels, ignore_errors=True)
    _pip(sys.executable, "wheel", "--no-deps", "--wheel-dir", str(wheels), str(project()))
    (wheel,) = wheels.glob("*.whl")
    here = folder / "constraints.txt"
    here.write_text("".join(sorted(f"{found.name}=={found.version}\n" for found in _distributions())))
    _install(python, "--constraint", str(here), str(wheel), *more)
    _install(python, "--force-reinstall", "--no-deps", str(wheel))
    return place / "bin"


def pool_command(bin_folder: Path, port: int) -> list[str]:
    """The command of a pool that starts a worker process for each that an engine asks for."""
    return [str(bin_folder / "python"), "-m", "pipelines.cluster.pool", "--port", str(port)]


def pool_environment(bin_folder: Path) -> dict[str, str]:
    """Nothing of the checkout may be found by the pool or what it starts."""
    return {
        "PATH": f"{bin_folder}{os.pathsep}{os.environ.get('PATH', '')}",
        "VIRTUAL_ENV": str(bin_folder.parent),
        "PYTHONPATH": "",
        "PYTHONSAFEPATH": "1",
    }


def _distributions() -> Iterator[Distribution]:
    return (found for found in distributions() if found.name and found.name.lower() not in _NOT_PINNED)


def _install(python: Path, *arguments: str) -> None:
    """With uv where it is beside this Python, which takes seconds; with pip where it is not, or fails."""
    uv = Path(sys.executable).with_name("uv")
    if uv.is_file():
        command = [str(uv), "pip", "install", "--quiet", "--compile-bytecode", "--python", str(python), *arguments]
        if not subprocess.run(command, capture_output=True, timeout=_TIMEOUT).returncode:
            return
    _pip(str(python), "install", *arguments)


def _pip(python: str, *arguments: str) -> None:
    command = [python, "-m", "pip", "--disable-pip-version-check", "--quiet", *arguments]
    done = subprocess.run(command, capture_output=True, text=True, timeout=_TIMEOUT)
    if done.returncode:
        raise UserError(f"pip {arguments[0]} failed: {' '.join((done.stderr or done.stdout).split())[-400:]}")
