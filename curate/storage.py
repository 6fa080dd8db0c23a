"""Whole or absent: files appear complete or not at all, and JSON records carry their own checksum."""

from __future__ import annotations

import hashlib
import json
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO, Any

import fsspec

from curate.trouble import writing

_SEAL = "sha256"
TEMPORARY = ".tmp-"
"""In the name of a file that is being written; one that is left was torn by a kill."""


class BrokenSeal(Exception):
    """A sealed JSON file whose bytes are not the ones that were written."""


def filesystem(path: str) -> tuple[fsspec.AbstractFileSystem, str]:
    """The fsspec file system of a path or URL, and the path within it.

    Listings are not cached: other processes write what this one looks for.
    """
    fs, inner = fsspec.core.url_to_fs(path, use_listings_cache=False)
    return fs, inner


def is_local(fs: fsspec.AbstractFileSystem) -> bool:
    return "file" in (fs.protocol if isinstance(fs.protocol, tuple | list) else (fs.protocol,))


def join(root: str, *parts: str) -> str:
    """Paths and URLs alike use "/"."""
    return "/".join([root.rstrip("/"), *parts])


def exists(path: str) -> bool:
    fs, inner = filesystem(path)
    return bool(fs.exists(inner))


def remove(path: str) -> None:
    """Remove a file or a folder with all it holds; absent is fine."""
    fs, inner = filesystem(path)
    if fs.exists(inner):
        fs.rm(inner, recursive=True)


def listing(folder: str) -> list[str]:
    """Names of the files and folders directly in `folder`, sorted; empty where it does not exist."""
    fs, inner = filesystem(folder)
    if not fs.exists(inner):
        return []
    return sorted(entry.rstrip("/").rsplit("/", 1)[-1] for entry in fs.ls(inner, detail=False))


@contextmanager
def atomic_write(path: str) -> Iterator[IO[bytes]]:
    """Open `path` for writing so that it appears only when the block ends without an exception.

    Locally: a temporary name beside it, flushed to disk, then renamed. On an object store: fsspec commits the upload
    on close, in one operation, and discards it on an exception. Raises UserError where the disk is full.
    """
    fs, inner = filesystem(path)
    if is_local(fs):
        os.makedirs(os.path.dirname(inner), exist_ok=True)
        temporary = f"{inner}{TEMPORARY}{os.getpid()}-{threading.get_ident()}"
        try:
            with writing(inner):
                with open(temporary, "wb") as out:
                    yield out
                    out.flush()
                    os.fsync(out.fileno())
                os.replace(temporary, inner)
        except BaseException:
            if os.path.exists(temporary):
                os.unlink(temporary)
            raise
    else:
        out = fs.open(inner, "wb", autocommit=False)
        try:
            yield out
            out.close()
            out.commit()
        except BaseException:
            out.discard()
            raise


def read_bytes(path: str) -> bytes:
    fs, inner = filesystem(path)
    return bytes(fs.cat_file(inner))


def canonical(value: Any) -> bytes:
    """The one byte string of a JSON value: sorted keys, two-space indent, UTF-8, a final newline."""
    return (json.dumps(value, sort_keys=True, indent=2, ensure_ascii=False, allow_nan=False) + "\n").encode()


def write_sealed(path: str, record: dict[str, Any]) -> None:
    """Write a JSON object with the sha256 of its own canonical form inside, atomically."""
    body = {key: value for key, value in record.items() if key != _SEAL}
    sealed = {**body, _SEAL: hashlib.sha256(canonical(body)).hexdigest()}
    with atomic_write(path) as out:
        out.write(canonical(sealed))


def read_sealed(path: str) -> dict[str, Any]:
    """Read what `write_sealed` wrote; any changed byte, space included, raises BrokenSeal."""
    data = read_bytes(path)
    try:
        sealed = json.loads(data)
        body = {key: value for key, value in sealed.items() if key != _SEAL}
        whole = canonical(sealed) == data and sealed[_SEAL] == hashlib.sha256(canonical(body)).hexdigest()
    except (ValueError, KeyError, AttributeError, RecursionError):
        whole = False
    if not whole:
        raise BrokenSeal(f"{path} is not as it was written")
    return body
