"""Rules for source files: line lengths, alphanumerics, letters a token, visible text, comments.

LLaMA-1 (Touvron et al. 2023, §2.1) filters "based on the line length or proportion of alphanumeric characters";
RedPajama-v1 (`data_prep/github`) gives the numbers: no line over 1,000 characters, 100 on average, a quarter
alphanumeric, 1.5 letters a token. BigCode's options and StarCoder's rules for markup stand beside them.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, ClassVar

import pyarrow as pa

from curate.models.registry import resolve
from curate.text.code_comments import comment_characters
from curate.text.page import Page
from curate.tokens.tokenizer import load_tokenizer
from filters.code_language import code_language
from filters.filter import Filter, FilterConfig, Rule, Value, Verdict

REDPAJAMA = "RedPajama-v1 data_prep/github (filter)"
BIGCODE = "bigcode-dataset preprocessing (basic)"
STARCODER = "StarCoder (Li et al. 2023, §3.1)"
STARCODER2 = "StarCoder2 (Lozhkov et al. 2024, §3, encoded data)"
_NOT_ALPHANUMERIC = re.compile(r"[\W_]+")
_NOT_LETTERS = re.compile(r"[\W\d_]+")
_OTHER_BYTES = bytes(byte for byte in range(256) if not chr(byte).isalnum() or byte > 127)
_LONG_RUN = 120
_ENCODED = re.compile(
    r"[A-Za-z0-9+/=]{120,}|(?:(?:0x|\\x)[0-9A-Fa-f]{2}[\s,]{0,3}){16,}|(?:\\u[0-9A-Fa-f]{4}){16,}|[0-9A-Fa-f]{120,}"
)
_INVISIBLE = re.compile(r"<(script|style)\b", re.IGNORECASE)


class CodeConfig(FilterConfig):
    """tokenizer: counts tokens for `letters_per_token` and `fertility`, which are not measured without. min_fertility:
    characters a token by language (BigCode: Python 2.5, Java 2.9, JavaScript 2.6), off where it is empty.
    RedPajama-v1's 1.5 letters a token are of Pythia's tokenizer, which has 50,000 pieces; another's differ.
    """

    tokenizer: str | None = None
    min_fertility: Mapping[str, float] = {}

    max_line_length: int | None = 1000
    max_mean_line_length: float | None = 100.0
    min_alphanumeric: float | None = 0.25
    min_letters_per_token: float | None = 1.5
    min_comments: float | None = None
    max_comments: float | None = None
    max_encoded: float | None = 0.5
    min_visible: float | None = 0.2
    max_xml: int | None = None


class Code(Filter):
    """Measurements: `max_line_length`, `mean_line_length` (characters a line, line ends included); `alphanumeric`,
    share of all characters; `letters_per_token` and `fertility`, letters and characters a token; `comments`, share of
    characters in comments, None for a language whose comments are not known; `encoded`, share in long runs of base64,
    hexadecimal or escapes; `visible`, share of an HTML file outside tags, scripts and styles, None for others; `xml`, 1
    where the first 100 characters hold an XML declaration; `language`.
    """

    name = "code"
    Config = CodeConfig
    columns: ClassVar[Mapping[str, pa.DataType]] = {
        "language": pa.string(),
        "max_line_length": pa.int32(),
        "mean_line_length": pa.float64(),
        "alphanumeric": pa.float64(),
        "letters_per_token": pa.float64(),
        "fertility": pa.float64(),
        "comments": pa.float64(),
        "encoded": pa.float64(),
        "visible": pa.float64(),
        "xml": pa.int8(),
    }
    rules = (
        Rule("long_line", "max_line_length", "<=", "max_line_length", REDPAJAMA),
        Rule("long_lines", "mean_line_length", "<=", "max_mean_line_length", REDPAJAMA),
        Rule("alphanumeric", "alphanumeric", ">=", "min_alphanumeric", REDPAJAMA),
        Rule("letters_per_token", "letters_per_token", ">=", "min_letters_per_token", REDPAJAMA),
        Rule("few_comments", "comments", ">=", "min_comments", f"{BIGCODE}: 0.01"),
        Rule("many_comments", "comments", "<=", "max_comments", f"{BIGCODE}: 0.8"),
        Rule("encoded", "encoded", "<=", "max_encoded", STARCODER2),
        Rule("invisible", "visible", ">=", "min_visible", f"{STARCODER}: HTML"),
        Rule("xml", "xml", "<=", "max_xml", f"{STARCODER}: 0, XML"),
    )
    deciding = frozenset({"min_fertility"})
    fertility_rule = Rule("fertility", "fertility", ">=", "min_fertility", f"{BIGCODE}: by language")
    config: CodeConfig

    def __init__(self, config: CodeConfig) -> None:
        super().__init__(config)
        self._tokenizer: Any = None

    def models(self) -> list[str]:
        return [self.config.tokenizer] if self.config.tokenizer else []

    def load(self) -> None:
        if self.config.tokenizer and self._tokenizer is None:
            model = resolve(self.config.tokenizer)
            self._tokenizer = load_tokenizer(str(model.path), model.name)

    def measure(self, page: Page) -> dict[str, Value]:
        text, language = page.text, code_language(page)
        count = len(text)
        tokens = len(self._tokenizer.encode_batch([text])[0]) if self._tokenizer is not None and count else 0
        comments = comment_characters(text, language)
        return {
            "language": language,
            "max_line_length": max(map(len, page.lines)),
            "mean_line_length": count / len(page.lines),
            "alphanumeric": alphanumerics(text) / count if count else 0.0,
            "letters_per_token": letters(text) / tokens if tokens else None,
            "fertility": count / tokens if tokens else None,
            "comments": comments / count if comments is not None and count else None,
            "encoded": encoded(page) / count if count else 0.0,
            "visible": visible_share(text) if language == "HTML" else None,
            "xml": int("<?xml version=" in text[:100]),
        }

    def decide(self, measured: Mapping[str, Value]) -> Verdict | None:
        verdict = super().decide(measured)
        if verdict is not None:
            return verdict
        threshold = self.config.min_fertility.get(str(measured["language"]))
        value = measured["fertility"]
        if threshold is None or not isinstance(value, float) or value >= threshold:
            return None
        return Verdict(self.name, self.fertility_rule, value, threshold)


def alphanumerics(text: str) -> int:
    """Characters for which `str.isalnum` holds."""
    if text.isascii():
        return len(text.encode().translate(None, _OTHER_BYTES))
    return len(text) - sum(len(found[0]) for found in _NOT_ALPHANUMERIC.finditer(text))


def letters(text: str) -> int:
    """Characters for which `str.isalpha` holds, but for the few numerals (Ⅷ, ½) that are neither."""
    return len(text) - sum(len(found[0]) for found in _NOT_LETTERS.finditer(text))


def encoded(page: Page) -> int:
    """Characters in long runs of base64, hexadecimal or escapes."""
    text = page.text
    may_be = "0x" in text or "\\x" in text or "\\u" in text or max(map(len, page.words), default=0) >= _LONG_RUN
    return sum(len(found[0]) for found in _ENCODED.finditer(text)) if may_be else 0


def visible_share(text: str) -> float:
    """The share of an HTML file's characters that stand outside tags, comments, scripts and styles."""
    seen = 0
    at = 0
    while at < len(text):
        tag = text.find("<", at)
        stretch = text[at : tag if tag >= 0 else len(text)]
        seen += len("".join(stretch.split()))
        if tag < 0:
            break
        if text.startswith("<!--", tag):
            end, after = text.find("-->", tag), 3
        elif hidden := _INVISIBLE.match(text, tag):
            close = re.compile(f"</{hidden[1]}", re.IGNORECASE).search(text, hidden.end())
            end, after = (text.find(">", close.start()), 1) if close else (-1, 1)
        else:
            end, after = text.find(">", tag), 1
        if end < 0:
            break
        at = end + after
    return seen / len(text) if text else 0.0
