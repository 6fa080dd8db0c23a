"""What a pipeline works through: a few tasks travel inside the job graph, many beside it, in files.

A graph is sent to a runner whole, and Dataflow takes none over 10 MB; 60,000 WARC files are two million ranges.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import Any

import apache_beam as beam

from curate.storage import atomic_write, join, read_bytes

FOLDER = "_work/tasks"
MOST_INLINE = 1_000
"""Tasks that a graph may hold, and that a file does."""


class Tasks(beam.PTransform):
    """Begin -> PCollection of the tasks (JSON values: numbers, lists, objects), spread over the workers.

    name: of the files that hold them where they are many, unique within the build.
    """

    def __init__(self, tasks: Sequence[Any], output: str, name: str) -> None:
        super().__init__()
        self.tasks = tasks
        self.output = output
        self.name = name

    def expand(self, begin: Any) -> Any:
        if len(self.tasks) <= MOST_INLINE:
            return begin | "Inline" >> beam.Create(self.tasks, reshuffle=False) | "Spread" >> beam.Reshuffle()
        return (
            begin
            | "Files" >> beam.Create(list(self.write()), reshuffle=False)
            | "SpreadFiles" >> beam.Reshuffle()
            | "ReadTasks" >> beam.FlatMap(read_tasks)
            | "Spread" >> beam.Reshuffle()
        )

    def write(self) -> Iterator[str]:
        """Write the tasks; yields the path of each file."""
        for number, first in enumerate(range(0, len(self.tasks), MOST_INLINE)):
            path = join(self.output, FOLDER, f"{self.name}-{number:06d}.json")
            with atomic_write(path) as out:
                out.write(json.dumps(self.tasks[first : first + MOST_INLINE]).encode())
            yield path


def read_tasks(path: str) -> list[Any]:
    """The tasks of one file."""
    found: list[Any] = json.loads(read_bytes(path))
    return found
