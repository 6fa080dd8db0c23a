"""C4's rules (Raffel et al. 2020, §2.2): lines are dropped by `edit`, pages by what is measured on the lines kept.

Reference: TensorFlow Datasets, `text/c4_utils.py`: `clean_page`, `is_valid_length`, `detect_english`,
`get_badwords_filter_fn`; its order of tests is kept, so that every count means what its counters mean. In that order,
a line is dropped when a word is longer than 1,000 characters; citations are taken out; it is dropped when it does not
end in `.`, `?`, `!` or `"` or ends in `...`; when it has fewer than 5 words; the page is dropped for "lorem ipsum";
the line for "javascript"; the page for `{`; the line for a policy notice. What is left must hold 3 sentences, counted
line by line, and no bad word.

T5's first arXiv version, and after it datatrove and dolma, have 3 words a line and 5 sentences a page;
`compat: arxiv_v1` sets these. FineWeb uses these rules with `terminal_punctuation: false`.
Cost: 0.5 ms for 6,000 characters, a quarter of it Punkt and half the bad words; `langdetect` costs 20 ms more.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Literal, Self

import pyarrow as pa
from pydantic import Field, model_validator

from curate.text.badwords import bad_words
from curate.text.c4 import split_name
from curate.text.page import Page
from curate.text.sentences import sentence_counter
from filters.filter import Filter, FilterConfig, Rule, Value

END_MARKS = (".", "?", "!", '"')
ELLIPSIS = "..."
CITATION = re.compile(r"\[\d*\]|\[edit\]|\[citation needed\]")
POLICY = re.compile("terms of use|privacy policy|cookie policy|uses cookies|use of cookies|use cookies")
ARXIV_V1: dict[str, Any] = {"min_words_per_line": 3, "min_sentences": 5}

SOURCE = "C4 (Raffel et al. 2020, §2.2); tensorflow_datasets/text/c4_utils.py"


class C4Config(FilterConfig):
    """compat: `tfds` is the code that made C4 (5 words, 3 sentences), `arxiv_v1` the swapped pair (3 words, 5
    sentences); it sets only what is not set beside it.
    sentence_limit: sentences are counted up to here, so min_sentences cannot be larger.
    bad_words: `flanked` by non-word characters or the text's ends; `c4_2020` as the first release, which missed an
    entry at either end of a line. bad_words_language: the list to use; by default that of the page's language, and
    English where it is not known.
    langdetect: measure `langdetect_score`, slow and therefore off; langdetect_language: the language asked for.
    splits: which of `train` and `validation` to keep, by the hash of the URL; by default both.
    """

    compat: Literal["tfds", "arxiv_v1"] = "tfds"
    terminal_punctuation: bool = True
    min_words_per_line: int = Field(default=5, ge=0)
    max_word_length: int = Field(default=1000, ge=1)
    sentence_limit: int = Field(default=16, ge=1)
    bad_words: Literal["flanked", "c4_2020"] = "flanked"
    bad_words_language: str | None = None
    langdetect: bool = False
    langdetect_language: str = "en"

    min_sentences: int | None = 3
    max_characters: int | None = 190_000
    max_lorem_ipsum: int | None = 0
    max_braces: int | None = 0
    max_bad_words: int | None = 0
    min_langdetect: float | None = 0.99
    splits: tuple[Literal["train", "validation"], ...] | None = None

    @model_validator(mode="before")
    @classmethod
    def _swapped_pair(cls, data: Any) -> Any:
        if isinstance(data, dict) and data.get("compat") == "arxiv_v1":
            return {**ARXIV_V1, **data}
        return data

    @model_validator(mode="after")
    def _countable(self) -> Self:
        if self.min_sentences is not None and self.min_sentences > self.sentence_limit:
            raise ValueError(
                f"min_sentences {self.min_sentences} is above sentence_limit {self.sentence_limit}; raise that too"
            )
        return self


@dataclass(slots=True)
class Cleaned:
    """The lines kept, and how many were dropped by each rule."""

    lines: list[str]
    total: int = 0
    long_word: int = 0
    no_end_mark: int = 0
    too_short: int = 0
    javascript: int = 0
    policy: int = 0
    lorem_ipsum: int = 0
    braces: int = 0

    @property
    def text(self) -> str:
        return "\n".join(self.lines).strip()


def clean(text: str, config: C4Config) -> Cleaned:
    """Apply the line rules. Lines are those of `str.splitlines`, as in the reference."""
    kept: list[str] = []
    cleaned = Cleaned(kept)
    lines = text.splitlines()
    cleaned.total = len(lines)
    longest, fewest, end_marks = config.max_word_length, config.min_words_per_line, config.terminal_punctuation
    for line in lines:
        line = line.strip()
        if len(line) > longest and max(map(len, line.split())) > longest:
            cleaned.long_word += 1
            continue
        if "[" in line:
            line = CITATION.sub("", line)
        if end_marks and (not line.endswith(END_MARKS) or line.endswith(ELLIPSIS)):
            cleaned.no_end_mark += 1
            continue
        # A line of n words has n - 1 white-space characters at least, which are cheaper to see than the words.
        if len(line) < 2 * fewest - 1 or len(line.split(None, fewest)) < fewest:
            cleaned.too_short += 1
            continue
        lowered = line.lower()
        cleaned.lorem_ipsum += "lorem ipsum" in lowered
        if "javascript" in lowered:
            cleaned.javascript += 1
            continue
        cleaned.braces += "{" in line
        if POLICY.search(lowered):
            cleaned.policy += 1
            continue
        kept.append(line)
    return cleaned


COMPARED_BY = (
    *("terminal_punctuation", "min_words_per_line", "max_word_length", "sentence_limit", "min_sentences"),
    *("max_characters", "max_lorem_ipsum", "max_braces"),
)
"""The settings that `lines_compared` depends on."""


def lines_compared(text: str, config: C4Config) -> list[tuple[int, str]]:
    """(number in `text.split("\\n")`, line as cleaned) of the lines that a page brings to line deduplication.

    None of a page that the page rules drop before: `clean_page` comes before `remove_duplicate_text` in the reference,
    language and bad words after it.
    """
    numbered: list[tuple[int, str]] = []
    sentences = 0
    counter = sentence_counter()
    if config.max_characters is not None and len(text) > config.max_characters:
        return []
    for number, raw in enumerate(text.split("\n")):
        cleaned = clean(raw, config)
        for found, most in ((cleaned.lorem_ipsum, config.max_lorem_ipsum), (cleaned.braces, config.max_braces)):
            if most is not None and found > most:
                return []
        if cleaned.lines:
            numbered.append((number, cleaned.text))
            if config.min_sentences is not None and sentences < config.min_sentences:
                sentences += sum(counter.count(line, config.min_sentences) for line in cleaned.lines)
    return numbered if config.min_sentences is None or sentences >= config.min_sentences else []


class C4(Filter):
    """Measurements: `lines`, `lines_kept` and `lines_<why dropped>`; `sentences`, up to `sentence_limit`, and
    `bad_words` of the lines kept, occurrences; `lorem_ipsum` and `braces`, lines with one; `characters` of the page
    before its lines are dropped, as the reference limits length first; `langdetect_score`, langdetect's probability
    that the lines kept are in the language asked for, 0 where another is likelier, None where it is off.
    `bad_words` is None for a language that LDNOOBW has no list for. `split`: `train` or `validation`.
    """

    name = "c4"
    Config = C4Config
    columns: ClassVar[Mapping[str, pa.DataType]] = {
        "lines": pa.int32(),
        "lines_kept": pa.int32(),
        "lines_long_word": pa.int32(),
        "lines_no_end_mark": pa.int32(),
        "lines_too_short": pa.int32(),
        "lines_javascript": pa.int32(),
        "lines_policy": pa.int32(),
        "sentences": pa.int32(),
        "characters": pa.int64(),
        "lorem_ipsum": pa.int32(),
        "braces": pa.int32(),
        "bad_words": pa.int32(),
        "langdetect_score": pa.float64(),
        "split": pa.string(),
    }
    rules = (
        Rule("other_split", "split", "in", "splits", "tensorflow_datasets/text/c4.py: get_hashed_url_filter_fn"),
        Rule("too_long", "characters", "<=", "max_characters", f"{SOURCE}: is_valid_length"),
        Rule("lorem_ipsum", "lorem_ipsum", "<=", "max_lorem_ipsum", f"{SOURCE}: clean_page"),
        Rule("brace", "braces", "<=", "max_braces", f"{SOURCE}: clean_page"),
        Rule("few_sentences", "sentences", ">=", "min_sentences", f"{SOURCE}: clean_page"),
        Rule("language", "langdetect_score", ">=", "min_langdetect", f"{SOURCE}: detect_english"),
        Rule("bad_word", "bad_words", "<=", "max_bad_words", f"{SOURCE}: get_badwords_filter_fn"),
    )
    config: C4Config

    def __init__(self, config: C4Config) -> None:
        super().__init__(config)
        self._last: tuple[Page, Cleaned] | None = None

    def load(self) -> None:
        sentence_counter()
        if self.config.langdetect:
            _detector(self.config.langdetect_language)

    def measure(self, page: Page) -> dict[str, Value]:
        cleaned = self._cleaned(page)
        text = cleaned.text
        return {
            "lines": cleaned.total,
            "lines_kept": len(cleaned.lines),
            "lines_long_word": cleaned.long_word,
            "lines_no_end_mark": cleaned.no_end_mark,
            "lines_too_short": cleaned.too_short,
            "lines_javascript": cleaned.javascript,
            "lines_policy": cleaned.policy,
            "sentences": self._sentences(cleaned.lines),
            "characters": len(page.text),
            "lorem_ipsum": cleaned.lorem_ipsum,
            "braces": cleaned.braces,
            "bad_words": self._bad_words(text, page),
            "langdetect_score": self._language(text) if self.config.langdetect else None,
            "split": split_name(page.url),
        }

    def edit(self, page: Page) -> str | None:
        text = self._cleaned(page).text
        return None if text == page.text else text

    def _cleaned(self, page: Page) -> Cleaned:
        # `measure` and `edit` are called one after the other with the same page; a Page is never changed.
        if self._last is None or self._last[0] is not page:
            self._last = (page, clean(page.text, self.config))
        return self._last[1]

    def _sentences(self, lines: list[str]) -> int:
        limit = self.config.sentence_limit
        if len(lines) >= limit and self.config.min_words_per_line > 0:
            return limit  # a line with words is at least one sentence
        counter = sentence_counter()
        count = 0
        for line in lines:
            count += counter.count(line, limit - count)
            if count >= limit:
                break
        return count

    def _bad_words(self, text: str, page: Page) -> int | None:
        language = self.config.bad_words_language or page.language or "en"
        entries = bad_words(language, self.config.bad_words == "c4_2020")
        # The lines kept have no token that the page has not, unless a citation between two was taken out.
        return entries.count(text, None if CITATION.search(page.text) else page.tokens) if entries else None

    def _language(self, text: str) -> float:
        return _language_score(text, self.config.langdetect_language)


def _detector(language: str) -> None:
    """Load langdetect's profiles; a language it does not know can never be measured."""
    _language_score("loaded", language)


def _language_score(text: str, language: str) -> float:
    import langdetect  # slow to import, and off by default

    langdetect.DetectorFactory.seed = 0  # without a seed it answers differently each time
    try:
        best = langdetect.detect_langs(text)[0]
    except (langdetect.lang_detect_exception.LangDetectException, IndexError):
        return 0.0
    return float(best.prob) if best.lang == language else 0.0
