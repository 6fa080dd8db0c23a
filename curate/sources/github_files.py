"""From one file of a repository to a document, or to the reason why it is none: the same whatever it was packed in."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache

from pydantic import Field, field_validator

from curate.licences.detect import joined, licence_of_text
from curate.sections import Bytes, ExtractSection, nearest
from curate.sources.charset import decode
from curate.sources.code_generated import minified, says_generated
from curate.sources.code_languages import LANGUAGES, PROSE, REDPAJAMA_SUFFIXES, language_of
from curate.sources.code_paths import generated_name, is_licence_file, vendored
from curate.sources.github_licence import Evidence
from curate.text.spdx import permitted

PERMISSIVE = ("MIT", "MIT-0", "BSD-*", "0BSD", "Apache-*")
"""LLaMA-1 (Touvron et al. 2023, §2.1): projects under the Apache, BSD and MIT licences."""
DEDICATIONS = ("CC0-1.0", "CC-PDDC", "Unlicense", "blessing", "LicenseRef-scancode-public-domain*")
PROSE_NOTICE_WORDS = 12
"""Of a licence's own words in a text about code, from which they are a notice and not a mention of other software."""
_BINARY_HEAD = 8000


class Drop(StrEnum):
    """Why a readable file makes no document."""

    NOT_A_FILE = "not_a_file"
    SUFFIX = "suffix"
    LICENCE_FILE = "licence_file"
    VENDORED = "vendored"
    GENERATED = "generated"
    MINIFIED = "minified"
    TOO_LARGE = "too_large"
    BINARY = "binary"
    EMPTY = "empty"
    NO_LICENCE = "no_licence"
    LICENCE = "licence"


class GitHubExtract(ExtractSection):
    """Which files of a repository become documents."""

    licences: tuple[str, ...] = PERMISSIVE
    """SPDX identifiers, with `*`; of a choice (OR) one must be here, of several at once (AND) all."""
    dedications: tuple[str, ...] = DEDICATIONS
    """What gives all rights away: allowed beside an allowed licence (MIT AND CC0-1.0), not alone."""
    unknown_licence: bool = False
    """Keep files whose licence is not found."""
    file_over_repository: bool = False
    """A file that states its own licence goes by that alone; otherwise its repository's must be allowed as well."""
    suffixes: tuple[str, ...] = REDPAJAMA_SUFFIXES
    """What the end of a path must be (case matters); RedPajama-v1's."""
    languages: tuple[str, ...] | None = None
    """Languages by their names in GitHub linguist, instead of suffixes."""
    vendored: bool = False
    generated: bool = False
    minified: bool = False
    """Keep files that another project's people, a generator or a minifier made."""
    max_file_bytes: Bytes = 1 << 20
    """GitHub's BigQuery export holds no content beyond 1 MiB."""
    max_members: int = Field(100_000, ge=1)
    """Files in one archive."""
    max_unpacked_bytes: Bytes = 4 << 30
    """An archive that unpacks to more is set aside from there on."""

    @field_validator("languages")
    @classmethod
    def _known(cls, value: tuple[str, ...] | None) -> tuple[str, ...] | None:
        for name in value or ():
            if name not in LANGUAGES:
                raise ValueError(f"no language is called {name!r}{nearest(name, LANGUAGES)}")
        return value


@dataclass(frozen=True, slots=True)
class Judged:
    """A file that is kept: its text, and what is known of it."""

    text: str
    language: str
    licence: str
    metadata: dict[str, object]


@dataclass(frozen=True, slots=True)
class Refused:
    reason: Drop
    detail: str = ""


class Judge:
    """The rules of a manifest for files."""

    def __init__(self, config: GitHubExtract) -> None:
        self.config = config
        self._allowed = lru_cache(maxsize=4096)(self._allows)
        self._languages = None if config.languages is None else frozenset(config.languages)

    def _allows(self, expression: str) -> bool:
        allowed, dedications = self.config.licences, self.config.dedications
        if permitted(expression, allowed):
            return True
        return permitted(expression, (*allowed, *dedications)) and not permitted(expression, dedications)

    def by_name(self, path: str, size: int) -> Refused | None:
        """What can be told before a file is read."""
        config = self.config
        if not config.vendored and (why := vendored(path)):
            return Refused(Drop.VENDORED, why)
        if is_licence_file(path):
            return Refused(Drop.LICENCE_FILE)
        language = language_of(path)
        wanted = path.endswith(config.suffixes) if self._languages is None else language in self._languages
        if not wanted:
            return Refused(Drop.SUFFIX, path.rpartition("/")[2].rpartition(".")[2][:20])
        if not config.generated and (why := generated_name(path)):
            return Refused(Drop.GENERATED, why)
        if size > config.max_file_bytes:
            return Refused(Drop.TOO_LARGE, f"{size} bytes")
        return None

    def of(self, path: str, content: bytes | str, evidence: Evidence) -> Judged | Refused:
        """A file that `by_name` does not refuse. content: as stored, or as text where it came as such."""
        config = self.config
        if isinstance(content, bytes):
            if b"\0" in content[:_BINARY_HEAD] and not content.startswith((b"\xff\xfe", b"\xfe\xff")):
                return Refused(Drop.BINARY)
            stored, text = content, decode(content, html=False)[0]
        else:
            stored, text = content.encode("utf-8", "surrogatepass"), content
            if "\0" in text:
                return Refused(Drop.BINARY)
        text = text.removeprefix("\ufeff").replace("\r\n", "\n").replace("\r", "\n")
        if not text.isascii():
            text = text.encode("utf-8", "replace").decode()
        if not text.strip():
            return Refused(Drop.EMPTY)
        language = language_of(path)
        if not config.generated and (why := says_generated(text)):
            return Refused(Drop.GENERATED, why)
        if not config.minified and (why := minified(text, language)):
            return Refused(Drop.MINIFIED, why)
        own = licence_of_text(text, PROSE_NOTICE_WORDS if language in PROSE else 0).expression
        licence = own or evidence.expression
        if not licence:
            if not config.unknown_licence:
                return Refused(Drop.NO_LICENCE)
        else:
            every = licence if config.file_over_repository else joined([own, evidence.expression])
            if not self._allowed(every):
                return Refused(Drop.LICENCE, every)
            # A file in the public domain is used under what its repository says beside.
            licence = licence if self._allowed(licence) else every
        metadata: dict[str, object] = {
            "path": path,
            "language": language,
            "blob": hashlib.sha1(b"blob %d\0" % len(stored) + stored, usedforsecurity=False).hexdigest(),
            "licence_from": [f"{path}: its own words"] if own else list(evidence.files),
        }
        if own and evidence.expression:
            metadata["repository_licence"] = evidence.expression
        return Judged(text, language, licence, metadata)
