"""mC4's page rules (Xue et al. 2021, §3.1): at least three lines of 200 characters; cld3 sure of the language.

Reference: TensorFlow Datasets, `text/c4_utils.py`: `paragraph_filter`, `detect_languages`.
"""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from typing import Any, ClassVar

import pyarrow as pa
from pydantic import Field

from curate.errors import UserError
from curate.text.page import Page
from filters.filter import Filter, FilterConfig, Rule, Value

MIN_BYTES, MAX_BYTES = 100, 10_000
"""What cld3 reads of a text, in the reference."""


class MC4Config(FilterConfig):
    """line_length: characters that make a line long. cld3: measure the language with cld3, which is a package of its
    own (`pip install cld3-py`)."""

    line_length: int = Field(default=200, ge=1)
    cld3: bool = False

    min_long_lines: int | None = 3
    min_cld3: float | None = 0.95


class MC4(Filter):
    """Measurements: `long_lines`; `cld3_language` and `cld3_score`, the probability of the likeliest language, 0 where
    cld3 calls it unreliable; both None where cld3 is off."""

    name = "mc4"
    Config = MC4Config
    columns: ClassVar[Mapping[str, pa.DataType]] = {
        "long_lines": pa.int32(),
        "cld3_language": pa.string(),
        "cld3_score": pa.float64(),
    }
    rules = (
        Rule("few_long_lines", "long_lines", ">=", "min_long_lines", "mC4 (Xue et al. 2021, §3.1)"),
        Rule("language", "cld3_score", ">=", "min_cld3", "mC4 (Xue et al. 2021, §3.1: 95%); c4_utils.detect_languages"),
    )
    config: MC4Config

    def __init__(self, config: MC4Config) -> None:
        super().__init__(config)
        self._detector: Any = None

    def load(self) -> None:
        """Raises UserError where cld3 is asked for and not installed."""
        if self.config.cld3 and self._detector is None:
            try:
                gcld3: Any = import_module("gcld3")
            except ImportError as error:
                raise UserError("filters.mc4.cld3 needs the package cld3: pip install cld3-py") from error
            self._detector = gcld3.NNetLanguageIdentifier(min_num_bytes=MIN_BYTES, max_num_bytes=MAX_BYTES)

    def measure(self, page: Page) -> dict[str, Value]:
        language: str | None = None
        score: float | None = None
        if self.config.cld3:
            self.load()
            # The identifier takes UTF-8; a lone surrogate has none.
            found = self._detector.FindLanguage(page.text.encode("utf-8", "replace").decode("utf-8"))
            language = found.language
            score = float(found.probability) if found.is_reliable else 0.0
        return {
            "long_lines": sum(len(line) >= self.config.line_length for line in page.lines),
            "cld3_language": language,
            "cld3_score": score,
        }
