"""What training needs beside the package: the extra `train`."""

from __future__ import annotations

from importlib import import_module

from curate.errors import UserError

MODULES = ("torch", "safetensors", "tensorboard", "matplotlib", "scipy")


def need_training() -> None:
    """UserError that says how to get it, where a module of the extra is not installed."""
    for name in MODULES:
        try:
            import_module(name)
        except ImportError as error:
            raise UserError(f"this needs {error.name or name}: pip install 'curate[train]'") from None
