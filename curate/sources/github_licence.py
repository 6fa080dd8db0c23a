"""The licence of a repository, or of a folder in it: what its licence files say, and its package's metadata.

The files nearest to a source file hold for it: those of its own folder, or else of the nearest folder above. Metadata
(package.json, Cargo.toml, pyproject.toml, setup.cfg, PKG-INFO, composer.json, pom.xml, a gemspec) joins the licence
files beside it, or speaks where there are none. All of it is joined by AND, except what a choice is between.
"""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass

from curate.licences.detect import joined, licence_of_file, licence_of_text, normal_expression
from curate.sources.charset import decode
from curate.sources.code_paths import is_licence_file

MAX_EVIDENCE_BYTES = 256 << 10
"""Of a licence file or a package's metadata."""
_METADATA = frozenset(
    {"package.json", "composer.json", "cargo.toml", "pyproject.toml", "setup.cfg", "pkg-info", "pom.xml"}
)
_FIELD = re.compile(r"^(License-Expression|License)[ \t]*[:=][ \t]*([^\r\n]{1,300})", re.MULTILINE | re.IGNORECASE)
_CLASSIFIER = re.compile(r"^(?:Classifier:)?[ \t]*(License :: [^\r\n]{1,120})", re.MULTILINE)
_POM = re.compile(r"<licenses>(.{0,4000}?)</licenses>", re.DOTALL)
_POM_NAME = re.compile(r"<name>([^<]{1,200})</name>|<url>([^<]{1,300})</url>")
_GEM = re.compile(r"\.licen[sc]es?[ \t]*=[ \t]*\[?([^\]\r\n]{1,200})")
_QUOTED = re.compile(r"[\"']([^\"']{1,100})[\"']")


@dataclass(frozen=True, slots=True)
class Evidence:
    """expression: SPDX, "" where nothing is said; files: what says so, by path."""

    expression: str = ""
    files: tuple[str, ...] = ()


def is_evidence(path: str) -> bool:
    """Whether a file of this path says what licence its folder is under."""
    name = path.rpartition("/")[2].lower()
    return name in _METADATA or name.endswith(".gemspec") or is_licence_file(path)


class Repository:
    """What was found in one repository. files: path -> content, of those that `is_evidence` names."""

    def __init__(self, files: Mapping[str, bytes]) -> None:
        terms: dict[str, dict[str, str]] = {}
        said: dict[str, dict[str, str]] = {}
        for path, content in sorted(files.items()):
            folder, _, name = path.rpartition("/")
            text = decode(content[:MAX_EVIDENCE_BYTES], html=False)[0]
            if is_licence_file(path):
                expression = licence_of_file(text).expression
                if expression:
                    terms.setdefault(folder, {})[path] = expression
            else:
                expression = licence_of_metadata(name, text)
                if expression:
                    said.setdefault(folder, {})[path] = expression
        self._folders: dict[str, Evidence] = {}
        for folder in {*terms, *said}:
            both = {**terms.get(folder, {}), **said.get(folder, {})}
            self._folders[folder] = Evidence(joined(both.values()), tuple(sorted(both)))

    def of(self, path: str) -> Evidence:
        """What holds for a file."""
        folder = path.rpartition("/")[0]
        while True:
            if folder in self._folders:
                return self._folders[folder]
            if not folder:
                return Evidence()
            folder = folder.rpartition("/")[0]


def licence_of_metadata(name: str, text: str) -> str:
    """The SPDX expression that a package's metadata gives for it, "" for none; damaged metadata say nothing."""
    lowered = name.lower()
    try:
        if lowered in ("package.json", "composer.json"):
            return _of_value(_from_json(text))
        if lowered in ("cargo.toml", "pyproject.toml"):
            return _from_toml(text)
        if lowered == "pom.xml":
            inside = _POM.search(text)
            names = [first or second for first, second in _POM_NAME.findall(inside[1])] if inside else []
            return joined(_of_phrase(each) for each in names)
        if lowered.endswith(".gemspec"):
            found = _GEM.search(text)
            return joined(_of_phrase(each) for each in _QUOTED.findall(found[1])) if found else ""
    except (ValueError, RecursionError, tomllib.TOMLDecodeError):
        return ""
    fields = {key.lower(): value for key, value in _FIELD.findall(text)}
    value = fields.get("license-expression") or fields.get("license") or ""
    return _of_phrase(value) or joined(_of_phrase(each) for each in _CLASSIFIER.findall(text))


def _from_json(text: str) -> object:
    content = json.loads(text)
    if not isinstance(content, dict):
        return None
    return content.get("license") or content.get("licenses")


def _from_toml(text: str) -> str:
    content = tomllib.loads(text)
    for table in ("project", "package"):
        section = content.get(table)
        if isinstance(section, dict):
            found = _of_value(section.get("license"))
            if found:
                return found
            classifiers = section.get("classifiers")
            if isinstance(classifiers, list):
                return joined(_of_phrase(str(each)) for each in classifiers[:100] if str(each).startswith("License"))
    return ""


def _of_value(value: object) -> str:
    """Of "MIT", {"type": "MIT"}, {"text": …}, or a list: of several, as npm and Composer say, the user may choose."""
    if isinstance(value, str):
        return _of_phrase(value)
    if isinstance(value, dict):
        return _of_phrase(str(value.get("type") or value.get("text") or ""))
    if isinstance(value, list):
        found = sorted({expression for each in value[:16] if (expression := _of_value(each))})
        return found[0] if len(found) == 1 else " OR ".join(f"({each})" if " " in each else each for each in found)
    return ""


def _of_phrase(value: str) -> str:
    """An SPDX expression, or what a name ("Apache License 2.0", "License :: OSI Approved :: MIT License") means."""
    value = value.strip().strip("\"'")
    if not value or value.lower().startswith("see licen"):
        return ""
    return normal_expression(value) or licence_of_text(f"License: {value[:300]}").expression
