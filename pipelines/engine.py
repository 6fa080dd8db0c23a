"""How a Beam pipeline is started: the runner named explicitly, in process unless the user asks for another."""

from __future__ import annotations

import logging
import os
import socket
import sys
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import apache_beam as beam
import grpc
from apache_beam.options.pipeline_options import PipelineOptions, PortableOptions, SetupOptions
from apache_beam.runners.portability.fn_api_runner.fn_runner import FnApiRunner
from apache_beam.runners.runner import create_runner
from apache_beam.transforms.environments import SubprocessSDKEnvironment

from curate.errors import UserError
from pipelines.failure import told_in_one_line
from pipelines.fork_server import worker_command

IN_PROCESS = ("DirectRunner", "FnApiRunner")
_ANSWERS_SECONDS = 20.0
_WAITS_SECONDS = 60
"""For an answer of the job server to one request; Beam's own five minutes are long where it has just died."""


def end_with_a_dead_worker(failed: threading.ExceptHookArgs) -> None:
    """End the run when a worker process died: Beam's in-process runner would wait for it for ever.

    Nothing is lost: shards that are written are kept, and the same command takes up there.
    """
    if failed.thread is not None and failed.thread.name.startswith("run_worker"):
        print("curate: a worker process died; the same command takes up where it stopped", file=sys.stderr, flush=True)
        os._exit(1)
    pass_over_a_broken_connection(failed)


def pass_over_a_broken_connection(failed: threading.ExceptHookArgs) -> None:
    """Print what ended a thread, if it is not a connection that broke: the thread that waits for the job tells that."""
    if failed.exc_type is not None and issubclass(failed.exc_type, grpc.RpcError):
        return
    sys.excepthook(failed.exc_type, failed.exc_value or failed.exc_type(), failed.exc_traceback)


@dataclass(frozen=True)
class Engine:
    """A runner and its options.

    workers: processes of the in-process runner; ignored by the others, which take their own options in `options`.
    """

    runner: str = "DirectRunner"
    workers: int = 1
    options: Sequence[str] = field(default_factory=tuple)

    @property
    def in_process(self) -> bool:
        """Whether the workers are on this machine."""
        return self.runner in IN_PROCESS

    @property
    def endpoint(self) -> str:
        """HOST:PORT of the job server, "" where none was named."""
        return self.pipeline_options().view_as(PortableOptions).job_endpoint or ""

    def check(self) -> None:
        """Raise UserError for a runner that Beam does not know or cannot reach, before any work is done."""
        try:
            create_runner(self.runner)
        except (ValueError, ImportError, AttributeError) as error:
            raise UserError(f"--runner {self.runner}: {' '.join(str(error).split())}") from error
        self.reach()

    def reach(self) -> None:
        """Raise UserError where no job server is at the endpoint: Beam would wait minutes for it."""
        host, _, port = self.endpoint.rpartition(":")
        if host and port.isdigit():
            try:
                socket.create_connection((host, int(port)), timeout=_ANSWERS_SECONDS).close()
            except OSError as error:
                raise UserError(
                    f"--job_endpoint {self.endpoint}: no job server is there ({error.strerror or error})"
                ) from None

    def pipeline_options(self, parallel: bool = True) -> PipelineOptions:
        if not self.in_process:
            # Before what the user gave, which counts.
            return PipelineOptions([f"--runner={self.runner}", f"--job_server_timeout={_WAITS_SECONDS}", *self.options])
        # `DirectRunner` may hand a pipeline to a runner fetched from the net, so its Python engine is named.
        arguments = ["--runner=FnApiRunner", *self.options]
        if parallel and self.workers > 1:
            arguments.append(f"--direct_num_workers={self.workers}")
        return PipelineOptions(arguments)

    def pipeline(self, parallel: bool) -> beam.Pipeline:
        """An empty pipeline on this runner."""
        options = self.pipeline_options(parallel)
        if not self.in_process:
            options.view_as(SetupOptions).save_main_session = False
        elif parallel and self.workers > 1:
            environment = SubprocessSDKEnvironment.from_command_string(worker_command())
            return beam.Pipeline(runner=FnApiRunner(environment), options=options)
        return beam.Pipeline(options=options)

    def run(self, name: str, build: Callable[[beam.Pipeline], None], parallel: bool = True) -> None:
        """Build and run one pipeline to its end; a failed pipeline raises, UserError where storage is what failed.

        parallel=False keeps a pipeline of little work in this process: starting workers costs more than it saves.
        """
        pipeline = self.pipeline(parallel)
        if parallel and self.in_process and self.workers > 1:
            threading.excepthook = end_with_a_dead_worker
        elif not self.in_process:
            threading.excepthook = pass_over_a_broken_connection
        build(pipeline)
        self.reach()  # as late as can be: one that dies after it is waited for
        logging.getLogger(__name__).debug("running %s on %s", name, self.runner)
        with told_in_one_line(self.in_process, " at ".join(filter(None, (self.runner, self.endpoint)))):
            pipeline.run().wait_until_finish()
