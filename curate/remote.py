"""Object stores and other fsspec file systems, opened with errors a user can act on."""

from __future__ import annotations

from functools import cache
from typing import Any

import fsspec

from curate.errors import UserError
from curate.web import shown

_EXTRA = {"s3": "s3", "s3a": "s3", "gs": "gcs", "gcs": "gcs"}
_VERSION_FIELDS = ("ETag", "etag", "md5Hash", "crc32c", "content_md5", "LastModified", "last_modified", "updated")


def protocol_of(url: str) -> str:
    return url.split("::", 1)[0].split("://", 1)[0]


def open_filesystem(url: str) -> tuple[Any, str]:
    """The fsspec file system of `url` and the path within it; S3 without credentials is opened anonymously."""
    protocol = protocol_of(url)
    options: dict[str, Any] = {}
    refuse_keys(url)
    try:
        if protocol in ("s3", "s3a") and "::" not in url and not _aws_credentials():
            options = {"anon": True}
        fs, inner = fsspec.core.url_to_fs(url, **options)
    except ImportError as error:
        extra = _EXTRA.get(protocol)
        advice = f"run: pip install 'curate[{extra}]'" if extra else f"install what it needs ({_line(error)})"
        raise UserError(f"{shown(url)}: reading {protocol}:// needs another package; {advice}") from error
    except Exception as error:  # each file system raises its own kinds for a bad address
        raise UserError(f"{shown(url)} cannot be opened: {_line(error)}") from error
    return fs, str(inner)


def refuse_keys(url: str) -> None:
    """UserError for a bucket's address with keys in it: stores do not take them there, and tell them in errors."""
    if protocol_of(url) in _EXTRA and "@" in url.partition("://")[2].partition("/")[0]:
        raise UserError(f"{shown(url)}: an address holds no keys: give them in the environment (AWS_ACCESS_KEY_ID …)")


def version_of(fs: Any, inner: str, info: dict[str, Any]) -> str:
    """What the store itself says changes with the content (an ETag, a checksum, a date), else a hash of its facts."""
    for field in _VERSION_FIELDS:
        if info.get(field):
            return str(info[field]).strip('"')
    return str(fs.ukey(inner))


def explained(error: Exception, url: str) -> UserError | None:
    """The UserError that a file system's exception means where trying again is no use, else None."""
    if isinstance(error, FileNotFoundError | IsADirectoryError):
        return UserError(f"{shown(url)} does not exist: check its spelling")
    # s3fs has PermissionError for a 403; botocore's NoCredentialsError is known by name, as it may not be installed.
    if isinstance(error, PermissionError) or type(error).__name__ == "NoCredentialsError":
        advice = "log in first (for S3: AWS credentials), or use its https address"
        return UserError(f"{shown(url)} may not be read without the right credentials: {advice}")
    return None


@cache
def _aws_credentials() -> bool:
    import botocore.session  # type: ignore[import-untyped]

    return botocore.session.get_session().get_credentials() is not None


def _line(error: Exception) -> str:
    return " ".join(str(error).split())[:200] or type(error).__name__
