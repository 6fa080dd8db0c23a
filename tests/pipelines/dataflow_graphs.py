"""Run by the Python of an environment that has the wheel and Beam's Dataflow parts, and nothing of the checkout.

`graphs FOLDER TASKS MANIFEST OUTPUT [OPTION …]` builds in process, as `curate build` does, and has the Dataflow runner
translate each pipeline before it runs, as if it had at least TASKS tasks, as far as that goes without an account.
FOLDER gets NAME.pipeline, which would be staged, and NAME.json, the request. The last stages are then done again, from
the parts that are there.

`unpickle FOLDER` reads every function of those pipelines as a worker does, and prints the name of each one's class and
the file it is from.
"""

from __future__ import annotations

import inspect
import sys
from pathlib import Path

DATAFLOW = (
    "--no_auth",
    "--dry_run=True",
    "--project=example",
    "--region=europe-west1",
    "--temp_location=gs://example/tmp",
    "--staging_location=gs://example/staging",
    "--sdk_container_image=example/curate:1",
    "--number_of_worker_harness_threads=1",
)


def graphs(folder: Path, count: int, manifest: str, output: str, *options: str) -> None:
    from apache_beam.options.pipeline_options import PipelineOptions
    from apache_beam.runners.dataflow.internal.apiclient import DataflowApplicationClient

    from curate.cli import app
    from pipelines import dedup_near
    from pipelines.engine import Engine
    from pipelines.tasks import Tasks

    folder.mkdir(parents=True, exist_ok=True)
    dedup_near.FEW_EDGES = -1  # edges are contracted by a pipeline, however few
    in_process, tasks_given = Engine.run, Tasks.__init__
    dataflow = Engine("DataflowRunner", options=DATAFLOW)
    client = DataflowApplicationClient(PipelineOptions(["--runner=DataflowRunner", *DATAFLOW]))
    client.stage_file_with_retry = lambda *_, **__: None

    def as_if_many(self, tasks, output, name):
        tasks_given(self, list(tasks) * (1 + count // max(1, len(tasks))), output, name)

    def run(self, name, build, parallel=True):
        pipeline = dataflow.pipeline(parallel)
        Tasks.__init__ = as_if_many
        build(pipeline)
        Tasks.__init__ = tasks_given
        job = pipeline.run().job
        client.create_job_description(job)
        where = folder / name.replace(" ", "-")
        where.with_suffix(".pipeline").write_bytes(job.proto_pipeline.SerializeToString())
        where.with_suffix(".json").write_text(job.json())
        in_process(self, name, build, parallel)

    Engine.run = run
    for _ in range(2):
        app(["build", manifest, "--output", output, *options], standalone_mode=False)
        for stage in ("select", "tokenize"):
            (Path(output) / "stages" / stage / "_done.json").unlink()


def unpickle(folder: Path) -> None:
    from apache_beam.internal import pickler
    from apache_beam.portability import common_urns, python_urns
    from apache_beam.portability.api import beam_runner_api_pb2 as api
    from apache_beam.utils import proto_utils

    for path in sorted(folder.glob("*.pipeline")):
        for transform in api.Pipeline.FromString(path.read_bytes()).components.transforms.values():
            if transform.spec.urn == common_urns.primitives.PAR_DO.urn:
                function = proto_utils.parse_Bytes(transform.spec.payload, api.ParDoPayload).do_fn
                if function.urn == python_urns.PICKLED_DOFN_INFO:
                    of = type(pickler.loads(function.payload)[0])
                    print(of.__name__, inspect.getsourcefile(of))


if __name__ == "__main__":
    command, where, *rest = sys.argv[1:]
    graphs(Path(where), int(rest[0]), *rest[1:]) if command == "graphs" else unpickle(Path(where))
