"""What training needs beside the package: the extra `train`."""

from __future__ import annotations

from importlib.util import find_spec

from curate.errors import UserError

MODULES = ("torch", "safetensors", "tensorboard", "matplotlib", "scipy")


def need_training() -> None:
    """UserError that says how to get it, where a module of the extra is not installed."""
    for name in MODULES:
        if find_spec(name) is None:
            raise UserError(f"this needs {name}: pip install 'curate[train]'")
