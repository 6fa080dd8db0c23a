"""A Spark or a Flink on this machine: its processes, its ports, and the options by which `curate build` reaches it."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from curate.errors import UserError
from pipelines.cluster import jars
from pipelines.cluster.processes import Processes, free_ports, listens
from pipelines.cluster.sdk_workers import install_workers, pool_command, pool_environment

ENGINES = ("spark", "flink")
OPTIONS = "options.txt"
_HOST = "127.0.0.1"
_WORKERS = 2
_WORKER_MEMORY = "1g"
_JAVA_MEMORY = "-Xmx2g"
_QUICK_JAVA = "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC"
"""Jobs are short here and cores few."""


@dataclass(frozen=True)
class Ports:
    """Where each part listens on the loopback: Beam's and Spark's usual ports, or free ones."""

    job: int = 8099
    pool: int = 50000
    master: int = 7077
    master_page: int = 8080
    worker_pages: tuple[int, ...] = (8081, 8082)

    @classmethod
    def unused(cls) -> Ports:
        job, pool, master, page, *pages = free_ports(4 + _WORKERS)
        return cls(job, pool, master, page, tuple(pages))

    def check(self, engine: str) -> None:
        """UserError where something else is there already."""
        spark = (self.master, self.master_page, *self.worker_pages) if engine == "spark" else ()
        if taken := [port for port in (self.job, self.pool, *spark) if listens(port)]:
            raise UserError(f"port {taken[0]} is taken: end what listens there, or give --free-ports")


def up(engine: str, folder: Path, ports: Ports, say: Callable[[str], None]) -> list[str]:
    """Start an engine; returns the options for `curate build`, which are also written to `options.txt`.

    engine: one of ENGINES. folder: where its environment, jars, logs and record of processes are kept. UserError in one
    line, with nothing left running, for what is missing.
    """
    folder = folder.resolve()
    processes = Processes(folder / engine)
    if processes.alive:
        raise UserError(f"{engine} is up already ({', '.join(processes.alive)}): `make {engine}-down` ends it")
    processes.running = []
    ports.check(engine)
    command = jars.java()
    server = jars.SPARK if engine == "spark" else jars.FLINK
    say(f"the job server of {server.engine}")
    class_path = jars.class_path(server, folder / "jars")
    say("an environment with the built wheel, for the workers")
    bin_folder = install_workers(folder)
    try:
        if engine == "spark":
            arguments = _start_spark(processes, folder, ports, class_path, say)
        else:
            arguments = ["-cp", _joined(class_path), server.driver, "--flink-master=[local]"]
        say("job server and worker pool")
        places = [f"--job-port={ports.job}", "--artifact-port=0", "--expansion-port=0", f"--job-host={_HOST}"]
        staging = f"--artifacts-dir={folder / engine / 'artifacts'}"
        processes.start(
            "job-server",
            [command, _JAVA_MEMORY, *_QUICK_JAVA.split(), *jars.java_options(), *arguments, *places, staging],
        )
        processes.start("worker-pool", pool_command(bin_folder, ports.pool), pool_environment(bin_folder))
        processes.wait_for("job-server", ports.job)
        processes.wait_for("worker-pool", ports.pool)
    except BaseException:
        processes.stop()
        raise
    options = [
        f"--runner={'SparkRunner' if engine == 'spark' else 'FlinkRunner'}",
        f"--job_endpoint={_HOST}:{ports.job}",
        "--environment_type=EXTERNAL",
        f"--environment_config={_HOST}:{ports.pool}",
        # A job is many stages: one SDK worker for all of them, in place of one each that imports everything anew.
        "--environment_cache_millis=30000",
    ]
    (folder / engine / OPTIONS).write_text(" ".join(options) + "\n")
    return options


def down(engine: str, folder: Path) -> list[str]:
    """End an engine; returns the names of the processes that were running."""
    stopped = Processes(folder / engine).stop()
    (folder / engine / OPTIONS).unlink(missing_ok=True)
    return stopped


def _start_spark(
    processes: Processes, folder: Path, ports: Ports, class_path: list[Path], say: Callable[[str], None]
) -> list[str]:
    """Master and workers; returns the job server's own arguments."""
    home = _spark_home()
    master = f"spark://{_HOST}:{ports.master}"
    environment = {
        "SPARK_HOME": str(home),
        "SPARK_LOCAL_IP": _HOST,
        "SPARK_LOCAL_DIRS": str(folder / "spark" / "scratch"),
    }
    launch = str(home / "bin" / "spark-class")
    say("Spark's master and workers")
    processes.start(
        "master",
        [
            *(launch, "org.apache.spark.deploy.master.Master", "--host", _HOST, "--port", str(ports.master)),
            *("--webui-port", str(ports.master_page)),
        ],
        environment,
    )
    processes.wait_for("master", ports.master)
    for number, page in enumerate(ports.worker_pages, start=1):
        processes.start(
            f"spark-worker-{number}",
            [
                *(launch, "org.apache.spark.deploy.worker.Worker", "--host", _HOST, "--webui-port", str(page)),
                *("--cores", "1", "--memory", _WORKER_MEMORY, "--work-dir", str(folder / "spark" / f"work-{number}")),
                master,
            ],
            environment,
        )
        processes.wait_for(f"spark-worker-{number}", page)
    # Spark's own jars hold an older Guava than the runner needs; what comes first is taken.
    newer = [path for path in class_path if path.name.startswith(("guava-", "failureaccess-"))]
    settings = {
        "spark.executor.extraClassPath": _joined(newer),
        "spark.executor.memory": "768m",
        "spark.driver.host": _HOST,
        "spark.driver.bindAddress": _HOST,
        "spark.ui.enabled": "false",
        "spark.locality.wait": "0",
        # A build is a dozen jobs: one application for all of them starts its executors and ships the jars once.
        "beam.spark.test.reuseSparkContext": "true",
        "spark.executor.extraJavaOptions": _QUICK_JAVA,
    }
    return [
        *(f"-D{key}={value}" for key, value in settings.items()),
        *("-cp", f"{_joined(class_path)}{os.pathsep}{home}/jars/*"),
        jars.SPARK.driver,
        f"--spark-master-url={master}",
    ]


def _spark_home() -> Path:
    try:
        import pyspark
    except ImportError:
        raise UserError("Spark is not here: pip install 'curate[spark]'") from None
    if not pyspark.__version__.startswith("3.5."):
        raise UserError(f"Beam's runner needs Spark 3.5, not {pyspark.__version__}: pip install 'curate[spark]'")
    return Path(pyspark.__file__).parent


def _joined(paths: list[Path]) -> str:
    return os.pathsep.join(map(str, paths))


def status(folder: Path) -> str:
    """Which engines are up, as JSON."""
    return json.dumps({engine: Processes(folder / engine).alive for engine in ENGINES})
