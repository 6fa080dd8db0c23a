"""A whole build: the stages in order, each skipped when it is done, and the account of them all."""

from __future__ import annotations

import contextlib
import hashlib
import itertools
import platform
import resource
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from importlib import metadata
from typing import Any

import yaml

from curate.errors import UserError
from curate.hidden import hidden_in
from curate.inputs import InputFile
from curate.manifest import Manifest
from curate.models.registry import resolve
from curate.sources.commoncrawl import CommonCrawlExtract
from curate.storage import (
    BrokenSeal,
    atomic_write,
    canonical,
    exists,
    filesystem,
    is_local,
    join,
    read_bytes,
    read_sealed,
    remove,
    write_sealed,
)
from curate.tokens.schema import MANIFEST
from filters.c4 import C4, COMPARED_BY, C4Config
from filters.perplexity import Perplexity
from pipelines import (
    commoncrawl,
    corpus,
    dedup_books,
    dedup_documents,
    dedup_lines,
    dedup_near,
    extract,
    score,
    select,
    tokens,
)
from pipelines.chain import build_chain, check_topics
from pipelines.console import Reporter
from pipelines.engine import Engine
from pipelines.progress import Progress
from pipelines.shards import Record
from pipelines.stage import Stage, balance, fingerprint, remove_torn_beside, run_stage

SUMMARY = "summary.json"
_VERSIONS = {
    "extract": 1,
    "dedup_documents": 1,
    "dedup_lines": 1,
    "dedup_near": 1,
    "dedup_books": 1,
    "score": 1,
    "corpus": 1,
    "select": 2,
    "tokenize": 1,
}
"""Raised when a stage's answer changes, so that an older output is redone."""


@dataclass
class Build:
    """One build of one manifest into one folder.

    where: how messages call the manifest (its path).
    """

    manifest: Manifest
    where: str
    inputs: Sequence[InputFile]
    output: str
    engine: Engine
    reporter: Reporter

    @property
    def source(self) -> str:
        """What tokens/ calls it."""
        return self.manifest.tokens.source or self.manifest.source

    def run(self) -> Record:
        """Run what is not done; returns the summary that is written to summary.json."""
        started = time.monotonic()
        self.chain = build_chain(self.manifest.filters, self.where)
        check_topics(self.manifest.tokens.topics, self.chain, self.where)
        self.models = self.model_hashes()
        with self.only_one_build():
            remove_torn_beside(self.output)
            self.progress = Progress(self.output, self.manifest.name, self.engine.runner, self.planned())
            with self.progress.running():
                return self.run_locked(started)

    def planned(self) -> list[str]:
        """The names of the stages that this manifest asks for, in order."""
        books = ["dedup_books"] if self.manifest.dedup.books.enabled else []
        compared = ["corpus"] if corpus.asking(self.chain) else []
        deduplication = ["dedup_documents", "dedup_lines", "dedup_near", *books]
        return ["extract", *deduplication, "score", *compared, "select", "tokenize"]

    def run_locked(self, started: float) -> Record:
        remove(join(self.output, SUMMARY))
        self.write_manifest()
        if not exists(join(self.output, tokens.FOLDER, MANIFEST)) and not exists(join(self.output, select.FOLDER)):
            # tokens/ is not there and neither is what it is made from: select again.
            remove(join(self.output, "stages"))
        stages = self.run_stages()
        summary = self.summary(stages, time.monotonic() - started)
        write_sealed(join(self.output, SUMMARY), summary)
        select.clear(self.output)
        return summary

    # ---- stages ----

    def run_stages(self) -> list[Record]:
        config, dedup = self.manifest, self.manifest.dedup
        extracted = self.stage(
            "extract",
            "documents",
            {
                "source": config.source,
                "input": self.input_depends(),
                **config.extract.model_dump(mode="json"),
                **self.file_hashes(),
            },
            self.extract,
            ("set_aside",),
            self.extract_shards(),
        )
        shards = [record["shard"] for record in extracted["shards"]]
        files = [(record["shard"], record["file_index"]) for record in extracted["shards"]]
        count = len(shards)
        dumped = dedup.model_dump(mode="json")
        documents = self.stage(
            "dedup_documents",
            dedup_documents.FOLDER,
            {"extract": extracted["fingerprint"], **{key: dumped[key] for key in ("url", "exact", "buckets")}},
            lambda: dedup_documents.run_dedup_documents(self.engine, shards, dedup, self.output),
            total=count,
        )
        lines = self.stage(
            "dedup_lines",
            dedup_lines.FOLDER,
            {"documents": documents["fingerprint"], "lines": dumped["lines"], "c4": self.lines_compared()},
            lambda: dedup_lines.run_dedup_lines(self.engine, files, dedup, self.output, self.lines_compared()),
            total=count,
        )
        near = self.stage(
            "dedup_near",
            dedup_near.FOLDER,
            {"lines": lines["fingerprint"], "near": dumped["near"]},
            lambda: dedup_near.run_dedup_near(self.engine, shards, dedup, self.output),
            total=count,
            watch=dedup_near.SIGNATURES,
        )
        books = self.books(near, shards)
        scored = self.stage(
            "score",
            score.FOLDER,
            {
                "dedup": (books or near)["fingerprint"],
                "order": [item.name for item in self.chain],
                "filters": {item.name: item.measuring() for item in self.chain},
                "models": {item.name: {ref: self.models[ref] for ref in item.models()} for item in self.chain},
            },
            lambda: score.run_score(self.engine, shards, config.filters, self.output, config.limits),
            total=count,
        )
        compared = self.corpus(scored, shards)
        selected = self.stage(
            "select",
            select.FOLDER,
            {
                "score": scored["fingerprint"],
                **({"corpus": compared["fingerprint"]} if compared else {}),
                "order": [item.name for item in self.chain],
                "filters": {item.name: item.config.model_dump(mode="json") for item in self.chain},
                "tokens": config.tokens.model_dump(mode="json"),
                "tokenizer": self.models[config.tokens.tokenizer],
                "tokenize_version": _VERSIONS["tokenize"],
            },
            partial(self.select, shards, compared["settled"] if compared else {}),
            (select.VERDICTS,),
            total=count,
            keep_record=True,
        )
        sources = tokens.sources(self.source, config.tokens, selected["topics"])
        largest = max(sources, key=lambda item: item.parts)
        tokenized = self.stage(
            "tokenize",
            tokens.FOLDER,
            {"select": selected["fingerprint"]},
            partial(self.tokenize, shards, selected, sources),
            total=largest.parts,
            watch=join(tokens.FOLDER, f"source={largest.source}"),
            keep_record=True,
        )
        deduplicated = [documents, lines, near, *([books] if books else [])]
        return [extracted, *deduplicated, scored, *([compared] if compared else []), selected, tokenized]

    def books(self, near: Record, shards: list[int]) -> Record | None:
        """Drop books that stand in others, where the manifest asks for that."""
        dedup = self.manifest.dedup
        if not dedup.books.enabled:
            remove(join(self.output, dedup_books.FOLDER))
            return None
        return self.stage(
            "dedup_books",
            dedup_books.FOLDER,
            {"near": near["fingerprint"], "books": dedup.books.model_dump(mode="json")},
            lambda: dedup_books.run_dedup_books(self.engine, shards, dedup, self.output),
            total=len(shards),
        )

    def corpus(self, scored: Record, shards: list[int]) -> Record | None:
        """Compare pages with the corpus, where a filter asks for that."""
        asking = corpus.asking(self.chain)
        if not asking:
            remove(join(self.output, corpus.FOLDER))
            return None
        settings = {item.name: item.config.model_dump(mode="json") for item in self.chain}
        names = list(settings)
        before = names[: names.index(asking[-1].name)]
        counting = {item.name: item.counting() for item in asking}
        return self.stage(
            "corpus",
            corpus.FOLDER,
            {
                "score": scored["fingerprint"],
                # What decides which pages are counted: the thresholds of every filter before the last that asks.
                "before": {name: settings[name] for name in before},
                "filters": counting,
            },
            lambda: corpus.run_corpus(self.engine, shards, settings, self.manifest.dedup.buckets, scored, self.output),
            total=len(shards) * sum(bool(item.corpus_columns) for item in asking),
        )

    def stage(
        self,
        name: str,
        folder: str,
        depends: Mapping[str, Any],
        work: Any,
        extra: tuple[str, ...] = (),
        total: int = 0,
        watch: str | None = None,
        keep_record: bool = False,
    ) -> Record:
        """keep_record: the stage's own records lie in stages/, because its folder is temporary or is a dataset."""
        records = join(self.output, "stages", name) if keep_record else join(self.output, folder)
        others = (*extra, folder) if keep_record else extra

        kept = True

        def watched() -> Record:
            nonlocal kept
            kept = False
            self.progress.begin(name, total)
            watched_folder = join(self.output, watch or folder)
            with self.reporter.watching(name, watched_folder, total, partial(self.progress.finished, name)):
                account: Record = work()
            return account

        record = run_stage(
            Stage(name, records, tuple(join(self.output, other) for other in others)),
            {"version": _VERSIONS[name], **depends},
            watched,
            self.reporter.say,
        )
        self.progress.end(name, record, kept)
        return record

    def extract(self) -> Record:
        """CommonCrawl's ranges must be seen to meet; what other sources read is known beforehand."""
        config, limits = self.manifest.extract, self.manifest.limits
        if isinstance(config, CommonCrawlExtract):
            return commoncrawl.run_extract(self.engine, self.inputs, config, self.output, limits)
        return extract.run_extract(self.engine, self.manifest.source, self.inputs, config, self.output, limits)

    def extract_shards(self) -> int:
        config = self.manifest.extract
        if isinstance(config, CommonCrawlExtract):
            return len(commoncrawl.plan(self.inputs, config.range_bytes))
        return len(extract.plan(self.manifest.source, self.inputs, config))

    def select(self, shards: list[int], settled: Mapping[str, Any]) -> Record:
        """Decide and encode. The record keeps the settings with every cutoff a number.

        settled: settings that the corpus stage turned into numbers.
        """
        filters = {item.name: item.config.model_dump(mode="json") for item in self.chain} | dict(settled)
        cutoffs: Mapping[str, Any] = {}
        for item in build_chain(filters, self.where):
            if isinstance(item, Perplexity):
                cutoffs = item.cutoffs
                filters[item.name] = item.config.with_cutoffs(cutoffs).model_dump(mode="json")
        config = self.manifest
        account = select.run_select(self.engine, shards, filters, config.tokens, self.output, config.limits)
        return {**account, "cutoffs": {name: list(pair) for name, pair in sorted(cutoffs.items())}, "filters": filters}

    def tokenize(self, shards: list[int], selected: Record, sources: Sequence[tokens.Wanted]) -> Record:
        written = tokens.run_tokens(self.engine, shards, sources, self.manifest.tokens, self.output)
        return {
            "in": selected["out"],
            "out": written["documents"],
            "dropped": {},
            "dropped_characters": {},
            "set_aside": 0,
            "characters_in": selected["characters_out"],
            "characters_out": selected["characters_out"],
            "files": {},
            "tokens": written["tokens"],
            "peak_memory": written["peak_memory"],
            "cpu_seconds": written["cpu_seconds"],
        }

    # ---- what a build depends on ----

    def lines_compared(self) -> dict[str, Any]:
        """What says which lines C4's line deduplication compares: settings of the filter `c4`. Empty for CCNet's."""
        if self.manifest.dedup.lines.rule == "ccnet":
            return {}
        config = next((item.config for item in self.chain if isinstance(item, C4)), C4Config())
        return config.model_dump(mode="json", include=set(COMPARED_BY))

    def input_depends(self) -> Record:
        """The input files by key, size and content mark, as one hash, so that 60,000 files are one line."""
        listed = [[item.file, item.size, item.etag] for item in self.inputs]
        return {"files": len(listed), "sha256": hashlib.sha256(canonical(listed)).hexdigest()}

    def file_hashes(self) -> dict[str, str]:
        """The content of files that the extract section names counts, not only their names."""
        hashes: dict[str, str] = {}
        for name, path in self.manifest.extract.files():
            if not exists(path):
                raise UserError(f"{self.where}: extract.{name}: no file at {path}")
            fs, inner = filesystem(path)
            with fs.open(inner, "rb") as stored:  # arXiv's metadata is 4 GB
                digest = hashlib.file_digest(stored, "sha256").hexdigest()
            hashes[f"{name.rpartition('.')[2]}_sha256"] = digest
        return hashes

    def model_hashes(self) -> dict[str, str]:
        """reference -> sha256 of every model that judges, checked against the manifest's pins."""
        references = {self.manifest.tokens.tokenizer, *(ref for item in self.chain for ref in item.models())}
        hashes: dict[str, str] = {}
        for reference in sorted(references):
            hashes[reference] = resolve(reference).sha256
            pinned = self.manifest.models.get(reference)
            if pinned is not None and pinned != hashes[reference]:
                raise UserError(
                    f"{self.where}: models.{reference} is pinned to sha256 {pinned[:12]}…, but the model here is"
                    f" {hashes[reference][:12]}…: get the pinned model or change the pin"
                )
        return hashes

    # ---- the folder ----

    @contextlib.contextmanager
    def only_one_build(self) -> Iterator[None]:
        """Two builds at once in one local folder would take each other's files away."""
        fs, inner = filesystem(self.output)
        if not is_local(fs):
            yield
            return
        import fcntl
        import os

        try:
            os.makedirs(inner, exist_ok=True)
            lock = open(os.path.join(inner, ".lock"), "w")  # noqa: SIM115 - held until the build ends
        except OSError as error:
            raise UserError(f"--output {self.output}: {error.strerror}: name a folder that can be written") from error
        with lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError as error:
                raise UserError(
                    f"another build is running in {self.output}: wait for it or name another folder"
                ) from error
            yield

    def write_manifest(self) -> None:
        """The manifest as used, every default written out, with the hash of every model."""
        used = self.manifest.model_dump(mode="json")
        used["filters"] = {item.name: item.config.model_dump(mode="json") for item in self.chain}
        used["models"] = self.models
        with atomic_write(join(self.output, "manifest.yaml")) as out:
            out.write(yaml.safe_dump(hidden_in(used), sort_keys=False, allow_unicode=True).encode())

    def summary(self, stages: list[Record], seconds: float) -> Record:
        long = ("shards", "depends", "files", "filters")
        short = [{key: value for key, value in stage.items() if key not in long} for stage in stages]
        for stage, following in itertools.pairwise(short):
            if stage["out"] != following["in"]:
                raise AssertionError(
                    f"{stage['name']} gave {stage['out']}, but {following['name']} took {following['in']}"
                )
        for stage in short:
            balance(stage)
        children = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * 1024
        return {
            "name": self.manifest.name,
            "source": self.manifest.source,
            "manifest": fingerprint(self.manifest.model_dump(mode="json")),
            "manifest_yaml": hashlib.sha256(read_bytes(join(self.output, "manifest.yaml"))).hexdigest(),
            "models": self.models,
            "input_files": len(self.inputs),
            "input_bytes": sum(item.size for item in self.inputs),
            "stages": short,
            "documents": short[-1]["out"],
            "tokens": short[-1]["tokens"],
            "seconds": round(seconds, 3),
            "peak_memory": max(children, *(stage["peak_memory"] for stage in short)),
            "versions": {"curate": metadata.version("curate"), "python": platform.python_version()},
        }


def read_summary(output: str) -> Record:
    """summary.json of a finished build; UserError where there is none."""
    path = join(output, SUMMARY)
    if not exists(path):
        raise UserError(f"{output} holds no finished build (no {SUMMARY}): run `curate build` first")
    try:
        return read_sealed(path)
    except BrokenSeal as error:
        raise UserError(f"{error}: run `curate verify {output}`") from error
