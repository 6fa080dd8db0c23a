"""A small output folder, written as a build writes it, in which every kind of fate occurs."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from curate.document import DOCUMENT_SCHEMA, document_id, text_digest
from curate.storage import write_sealed

PLACE = [("file", pa.string()), ("offset", pa.uint64())]
SCHEMAS = {
    "documents/dropped": pa.schema([("url", pa.string()), ("reason", pa.string()), ("detail", pa.string()), *PLACE]),
    "set_aside": pa.schema([*PLACE, ("reason", pa.string()), ("detail", pa.string())]),
    "duplicates/documents": pa.schema([(name, pa.uint32()) for name in ("row", "reason", "by_shard", "by_row")]),
    "duplicates/lines": pa.schema(
        [
            ("row", pa.uint32()),
            ("characters", pa.uint32()),
            *((name, pa.list_(pa.uint32())) for name in ("lines", "copies", "other_shard", "other_row")),
        ]
    ),
    "duplicates/near": pa.schema(
        [
            *((name, pa.uint32()) for name in ("row", "by_shard", "by_row")),
            ("jaccard", pa.float32()),
            ("characters", pa.uint32()),
        ]
    ),
    "scores": pa.schema(
        [
            ("row", pa.uint32()),
            ("id", pa.string()),
            ("characters", pa.uint32()),
            ("edited_characters", pa.uint32()),
            ("language.language", pa.string()),
            ("language.score", pa.float64()),
            ("gopher_quality.words", pa.int64()),
            ("gopher_quality.hash_ratio", pa.float64()),
            ("perplexity.perplexity", pa.float64()),
            ("perplexity.language", pa.string()),
        ]
    ),
    "scores/verdicts": pa.schema(
        [
            ("row", pa.uint32()),
            *((name, pa.string()) for name in ("id", "reason", "measurement", "value", "keep", "threshold", "source")),
            ("tokens", pa.uint32()),
        ]
    ),
}
FILTERS = {
    "language": {"enabled": True, "min_score": 0.5, "keep": ["en"]},
    "gopher_quality": {"enabled": True, "min_words": 50, "max_words": 100_000, "max_hash_ratio": 0.1},
    "perplexity": {"enabled": True, "cutoffs": {"en": [300.0, 500.0]}},
}


@dataclass
class Made:
    """One document and its fate. fate: url, exact, nothing_left, near, unmeasurable, a verdict's reason, or None."""

    title: str
    text: str
    url: str
    fate: str | None = None
    language: str = "en"
    words: int = 100
    perplexity: float | None = 200.0
    value: str = "12"
    rest: str = ""
    """What a source says besides: licence, metadata, date, declared language."""


@dataclass
class Corpus:
    """What to write. shards: documents; aside, dropped: of the first shard, (file, offset, reason, detail[, url])."""

    shards: list[list[Made]]
    dropped: list[tuple[str, int, str, str, str]] = field(default_factory=list)
    aside: list[tuple[str, int, str, str]] = field(default_factory=list)
    name: str = "tiny-2020"
    seconds: float = 12.5
    models: dict[str, str] = field(default_factory=lambda: {"tokenizer-32k": "ab" * 32})

    def write(self, root: Path) -> Path:
        for number, documents in enumerate(self.shards):
            self._shard(root, number, documents)
        write_sealed(str(root / "stages/select/_done.json"), {"filters": FILTERS, "cutoffs": {}})
        write_sealed(str(root / "summary.json"), self.summary())
        return root

    def _shard(self, root: Path, number: int, documents: list[Made]) -> None:
        def save(folder: str, rows: list[dict[str, Any]], schema: pa.Schema, prefix: str = "shard") -> None:
            path = root / folder / f"{prefix}-{number:06d}.parquet"
            path.parent.mkdir(parents=True, exist_ok=True)
            pq.write_table(pa.Table.from_pylist(rows, schema=schema), path)

        ids = [document_id("commoncrawl", "a.warc.gz", row, number) for row in range(len(documents))]
        save(
            "documents",
            [
                {
                    **dict.fromkeys(DOCUMENT_SCHEMA.names, made.rest),
                    "id": ids[row],
                    "url": made.url,
                    "title": made.title,
                    "text": made.text,
                    "digest": text_digest(made.text),
                    "file": "a.warc.gz",
                    "offset": row,
                    "index": 0,
                }
                for row, made in enumerate(documents)
            ],
            DOCUMENT_SCHEMA,
        )
        fates = {row: made.fate for row, made in enumerate(documents)}
        by = {"by_shard": 0, "by_row": 0}
        save(
            "duplicates/documents",
            [{"row": r, "reason": 1 + (f == "exact"), **by} for r, f in fates.items() if f in ("url", "exact")],
            SCHEMAS["duplicates/documents"],
        )
        lines = [
            {
                "row": row,
                "characters": 0 if fate == "nothing_left" else len(documents[row].text),
                "lines": [0],
                "copies": [7],
                "other_shard": [0],
                "other_row": [0],
            }
            for row, fate in fates.items()
            if fate == "nothing_left" or (fate is None and number == 1)
        ]
        save("duplicates/lines", lines, SCHEMAS["duplicates/lines"])
        near = [{"row": r, **by, "jaccard": 0.875, "characters": 9} for r, f in fates.items() if f == "near"]
        save("duplicates/near", near, SCHEMAS["duplicates/near"])
        duplicates = ("url", "exact", "nothing_left", "near")
        scored = [(r, documents[r]) for r, f in fates.items() if f not in (*duplicates, "unmeasurable")]
        save(
            "scores",
            [
                {
                    "row": row,
                    "id": ids[row],
                    "characters": len(made.text),
                    "edited_characters": len(made.text),
                    "language.language": made.language,
                    "language.score": 0.9,
                    "gopher_quality.words": made.words,
                    "gopher_quality.hash_ratio": row / 100,
                    "perplexity.perplexity": made.perplexity,
                    "perplexity.language": made.language,
                }
                for row, made in scored
            ],
            SCHEMAS["scores"],
        )
        save(
            "scores/verdicts",
            [
                {"row": row, "id": ids[row], "tokens": 10}
                if made.fate is None
                else {
                    "row": row,
                    "id": ids[row],
                    "reason": made.fate,
                    "measurement": "words",
                    "value": made.value,
                    "keep": ">=",
                    "threshold": "50",
                    "source": "Gopher (Rae et al. 2021)",
                }
                for row, made in scored
            ],
            SCHEMAS["scores/verdicts"],
        )
        first = number == 0
        names = ("file", "offset", "reason", "detail", "url")
        dropped = [dict(zip(names, item, strict=True)) for item in self.dropped if first]
        save("documents/dropped", dropped, SCHEMAS["documents/dropped"])
        aside = [dict(zip(names, item, strict=False)) for item in self.aside if first]
        save("set_aside", aside, SCHEMAS["set_aside"])
        unmeasurable = [
            {"file": "a.warc.gz", "offset": row, "reason": "unmeasurable", "detail": "ValueError: odd"}
            for row, fate in fates.items()
            if fate == "unmeasurable"
        ]
        save("set_aside", unmeasurable, SCHEMAS["set_aside"], "score")

    def summary(self) -> dict[str, Any]:
        every = [made for documents in self.shards for made in documents]
        stages: list[dict[str, Any]] = []

        def stage(name: str, fates: dict[str, str], aside: Counter[str] | None = None, **more: Any) -> None:
            into = stages[-1]["out"] if stages else len(every) + len(self.dropped) + len(self.aside)
            dropped: Counter[str] = Counter()
            gone: Counter[str] = Counter()
            if name == "extract":
                dropped.update(item[2] for item in self.dropped)
            for made in every:
                if made.fate in fates:
                    dropped[fates[made.fate]] += 1
                    gone[fates[made.fate]] += len(made.text)
            aside = aside or Counter()
            characters = stages[-1]["characters_out"] if stages else 0
            left = characters - sum(gone.values()) if stages else sum(len(made.text) for made in every)
            if name == "score":
                left -= sum(len(made.text) for made in every if made.fate == "unmeasurable")
            stages.append(
                {
                    "name": name,
                    "in": into,
                    "out": into - dropped.total() - aside.total(),
                    "dropped": dict(dropped),
                    "dropped_characters": dict(gone),
                    "set_aside": aside.total(),
                    "set_aside_by_reason": dict(aside),
                    "characters_in": characters,
                    "characters_out": left,
                    "seconds": self.seconds,
                    "cpu_seconds": 1.0,
                    "peak_memory": 1 << 28,
                    "fingerprint": "",
                    **more,
                }
            )

        stage("extract", {}, Counter(item[2] for item in self.aside))
        stage("dedup_documents", {"url": "url", "exact": "exact"})
        stage("dedup_lines", {"nothing_left": "lines.nothing_left"})
        stage("dedup_near", {"near": "near"})
        stage("score", {}, Counter(made.fate for made in every if made.fate == "unmeasurable"))
        stage("select", {made.fate: made.fate for made in every if made.fate and "." in made.fate})
        tokens = 12 * sum(made.fate is None for made in every)
        stage("tokenize", {}, tokens=tokens)
        return {
            "name": self.name,
            "source": "commoncrawl",
            "manifest": "cd" * 32,
            "models": self.models,
            "input_files": 2,
            "input_bytes": 123_456,
            "stages": stages,
            "documents": stages[-1]["out"],
            "tokens": tokens,
            "seconds": self.seconds,
            "peak_memory": 1 << 28,
            "versions": {"curate": "0.1.0", "python": "3.11.0"},
        }


def tiny() -> Corpus:
    """One of every fate, and the numbers that tests look for: 15 records read, 3 kept, 9 dropped, 3 set aside."""
    text = "Menu of the page\nThe ferry leaves the harbour at nine and comes back in the evening with the mail."
    first = [
        Made("The ferry", text, "https://harbour.example/ferry"),
        Made("The ferry, earlier", text + " Old.", "https://harbour.example/ferry", "url"),
        Made("The ferry, copied", text, "https://mirror.example/ferry", "exact"),
        Made("Only a menu", "Menu of the page", "https://harbour.example/menu", "nothing_left"),
        Made("The ferry again", text.replace("nine", "ten"), "https://other.example/ferry", "near"),
        Made("Short", "Too short to be read.", "https://short.example/", "gopher_quality.few_words", words=5),
        Made("Odd", "What no filter can take.", "https://odd.example/", "unmeasurable"),
    ]
    second = [
        Made("The mail", "Menu of the page\n" + "Letters came twice a week. " * 30, "https://harbour.example/mail"),
        Made("Die Fähre", "Die Fähre fährt um neun.", "https://hafen.example/", "language.not_kept_language", "de"),
        Made("Lighthouse", "The keeper wrote down the weather. " * 20, "https://light.example/", perplexity=400.0),
        Made("Buy now", "buy buy buy " * 9, "https://buy.example/", "perplexity.tail", perplexity=900.0),
    ]
    dropped = [
        ("a.warc.gz", 10, "status", "404", "https://gone.example/"),
        ("a.warc.gz", 20, "status", "500", "https://broken.example/"),
    ]
    aside = [("b.warc.gz", 99, "truncated", "ends in the middle"), ("b.warc.gz", 5, "truncated", "ends too soon")]
    return Corpus([first, second], dropped, aside)


HOSTILE = (
    "<script>document.title='owned'</script>",
    '"><img src=x onerror="document.title=\'owned\'">',
    "'><svg onload=document.title='owned'>",
    "</style></title></pre></details><script>document.title='owned'</script>",
    "javascript:document.title='owned'",
    "{{ 7 * 7 }}{% raw %}",
    "&lt;b&gt;&amp;",
    "\u202eright to left\u202c \u2066isolate \u200f",
    "nul\x00 bell\x07 escape\x1b[31m c1\x9b",
    "<iframe src=https://evil.example/></iframe><a href=https://evil.example/>here</a>",
    "]]><!-- --><base href=https://evil.example/>",
)


def hostile() -> Corpus:
    """The tiny corpus with an attack in every place that a crawl or a file name reaches."""
    corpus = tiny()
    every = [made for documents in corpus.shards for made in documents]
    for index, made in enumerate(every):
        attack = HOSTILE[index % len(HOSTILE)]
        made.title = attack
        made.url = f"https://{attack}.example/{attack}" if index % 2 else attack
        made.text = f"{attack}\n{attack} {made.text} {attack}"
        made.value = made.rest = attack
    corpus.shards[1][1].language = HOSTILE[0]
    corpus.dropped = [(a, n, "status", a, a) for n, a in enumerate(HOSTILE)]
    corpus.aside = [(a, n, "truncated", a) for n, a in enumerate(HOSTILE)]
    corpus.models = {HOSTILE[0]: HOSTILE[1]}
    return corpus


@pytest.fixture
def tiny_corpus(tmp_path: Path) -> Path:
    return tiny().write(tmp_path / "tiny")


@pytest.fixture
def hostile_corpus(tmp_path: Path) -> Path:
    return hostile().write(tmp_path / "hostile")


@pytest.fixture
def corpus() -> Corpus:
    """The tiny corpus before it is written, to change."""
    return tiny()


@pytest.fixture
def attacks() -> tuple[str, ...]:
    return HOSTILE
