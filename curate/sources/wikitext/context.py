"""What a template's rule may know of the page it stands on."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Context:
    """language: of the wiki ("en"); title: of the page; date: of its revision (ISO 8601), "" where unknown, which
    stands for now in templates that show the time."""

    language: str = "en"
    title: str = ""
    date: str = ""
