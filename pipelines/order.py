"""What `curate build` was asked for, carried out: a recipe or a mixture of them, on this machine or another's."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from curate.crawl_index import parse_count
from curate.errors import UserError
from curate.inputs import InputFile, resolve_inputs
from curate.manifest import Manifest
from curate.mixture import Part, load_recipe
from curate.remote import refuse_keys
from curate.sections import nearest
from curate.sources.registry import source_class
from pipelines import fork_server

SMALL_INPUT_BYTES = 8 << 20


@dataclass(frozen=True)
class Order:
    """The options of `curate build`. inputs: paths, globs or URLs; of a mixture each with `SOURCE=` before it."""

    recipe: str
    settings: Sequence[str] = ()
    output: str | None = None
    inputs: Sequence[str] = ()
    warcs: str = ""
    workers: int | None = None
    runner: str = "DirectRunner"
    options: Sequence[str] = ()
    quiet: bool = False

    def run(self) -> list[str]:
        """Build it; returns the lines that say what came of it."""
        refuse_keys(self.output or "")
        recipe = load_recipe(self.recipe, self.settings)
        if isinstance(recipe, Manifest):
            folder = self.output or f"corpus/{recipe.name}"
            part = Part(recipe.name, recipe, self.recipe)
            return Ready(self, part, self.files(recipe, self.inputs), folder).run()[1]
        mixture, parts = recipe
        folder = self.output or f"corpus/{mixture.name}"
        given = self.by_source([part.name for part in parts])
        # Every mistake is told before the first source is built.
        files = {part.name: self.files(part.manifest, given[part.name]) for part in parts}

        from curate.report.mixture import account
        from pipelines.console import Reporter
        from pipelines.mixture import build_mixture

        reporter = Reporter(self.quiet)
        for part in parts:
            Ready(self, part, files[part.name], folder).check()
        record = build_mixture(
            mixture,
            parts,
            folder,
            lambda part, inner: Ready(self, part, files[part.name], inner).run()[0],
            reporter.say,
        )
        reports = [f"report: {folder}/sources/{part.name}/report.html" for part in parts]
        return [*account(record), *reports]

    def by_source(self, names: Sequence[str]) -> dict[str, list[str]]:
        """The inputs of a mixture's sources: `--input wikipedia=dumps/`."""
        given: dict[str, list[str]] = {name: [] for name in names}
        for spec in self.inputs:
            name, equals, path = spec.partition("=")
            if not equals or name not in given:
                raise UserError(
                    f"--input {spec}: of a mixture, say whose it is, SOURCE=PATH{nearest(name, list(names))}"
                )
            given[name].append(path)
        return given

    def files(self, manifest: Manifest, specs: Sequence[str]) -> list[InputFile]:
        source = source_class(manifest.source)
        return resolve_inputs(
            [spec for spec in specs if spec] or [str(sample_folder(manifest.source))],
            base=".",
            warcs=parse_count(self.warcs),
            suffixes=source.suffixes,
        )


@dataclass(frozen=True)
class Ready:
    """One recipe with its input, ready to be built into a folder."""

    order: Order
    part: Part
    inputs: Sequence[InputFile]
    folder: str

    @property
    def processes(self) -> int:
        return self.order.workers or workers_for(self.inputs)

    def check(self) -> None:
        """UserError for what can be seen to be wrong before anything is fetched or built."""
        from pipelines.chain import build_chain, check_topics
        from pipelines.engine import Engine

        Engine(self.order.runner, self.processes, tuple(self.order.options)).check()
        manifest, where = self.part.manifest, self.part.where
        check_topics(manifest.tokens.topics, build_chain(manifest.filters, where), where)

    def run(self) -> tuple[dict[str, object], list[str]]:
        """(the build's summary, the lines that say what came of it)."""
        order = self.order
        if self.processes > 1 and order.runner == "DirectRunner":
            fork_server.start()  # it loads what workers need while this process does

        from curate.download import fetch_all
        from curate.report.html import write_report
        from curate.report.table import account_text
        from curate.storage import filesystem, is_local, join
        from pipelines.build import Build
        from pipelines.console import Reporter
        from pipelines.engine import Engine

        self.check()
        reporter = Reporter(order.quiet)
        engine = Engine(order.runner, self.processes, tuple(order.options))
        inputs = list(self.inputs)
        if engine.in_process and is_local(filesystem(self.folder)[0]):
            # A byte range is read from disk, and a resumed run fetches nothing twice. A cluster reads its input there.
            with reporter.fetching() as progress:
                inputs = fetch_all(inputs, join(self.folder, "input"), progress)
        summary = Build(self.part.manifest, self.part.where, inputs, self.folder, engine, reporter).run()
        report = write_report(self.folder)
        return summary, [account_text(summary), f"report: {report}"]


def workers_for(inputs: Sequence[InputFile]) -> int:
    """One a core; one for an input so small that starting processes would take longer than they save."""
    return (os.cpu_count() or 1) if sum(item.size for item in inputs) > SMALL_INPUT_BYTES else 1


def sample_folder(source: str) -> Path:
    """The bundled sample of a source."""
    import curate.sample

    return Path(str(curate.sample.__file__)).parent / {"commoncrawl": "crawl"}.get(source, source)
