"""The Java half of an engine: Beam's job server and the runner that goes with it, found once and kept.

Beam publishes a job server for each engine as one jar, of its own version, and its Python side fetches it. A mirror may
not have that jar; then the same classes are put together from the runner's own jars by Maven, of the newest version
that is known to work with this Python side (the protocol between them is stable; tests run whole builds over it).
"""

from __future__ import annotations

import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from curate.errors import UserError

PARTS_VERSION = "2.62.0"
"""Newest version of which every part was found, and on which whole builds gave the bytes of the in-process runner."""
_TIMEOUT = 900
_POM = """<project xmlns="http://maven.apache.org/POM/4.0.0">
  <modelVersion>4.0.0</modelVersion>
  <groupId>curate</groupId><artifactId>job-server</artifactId><version>1</version>
  <dependencies>
    <dependency>
      <groupId>org.apache.beam</groupId><artifactId>{artifact}</artifactId><version>{version}</version>
    </dependency>
  </dependencies>
</project>
"""
# Java's modules that Spark and Flink look into (Spark's own `JavaModuleOptions`).
OPENED = (
    *("java.io", "java.lang", "java.lang.invoke", "java.lang.reflect", "java.net", "java.nio", "java.util"),
    *("java.util.concurrent", "java.util.concurrent.atomic", "sun.nio.ch", "sun.nio.cs", "sun.security.action"),
    "sun.util.calendar",
)


@dataclass(frozen=True)
class JobServer:
    """engine: as messages call it; artifact: of the runner; driver: its main class; whole: Beam's Gradle target of the
    jar that holds all of it."""

    engine: str
    artifact: str
    driver: str
    whole: str


SPARK = JobServer(
    "Spark",
    "beam-runners-spark-3",
    "org.apache.beam.runners.spark.SparkJobServerDriver",
    ":runners:spark:3:job-server:shadowJar",
)
FLINK = JobServer(
    "Flink",
    "beam-runners-flink-1.19",
    "org.apache.beam.runners.flink.FlinkJobServerDriver",
    ":runners:flink:1.19:job-server:shadowJar",
)


def java() -> str:
    """The `java` to run; UserError where there is none."""
    found = shutil.which("java")
    if found is None:
        raise UserError("no `java` on the PATH: install a Java 11 or 17 runtime (Debian: default-jre-headless)")
    return found


def java_options() -> list[str]:
    return [f"--add-opens=java.base/{module}=ALL-UNNAMED" for module in OPENED]


def class_path(server: JobServer, folder: Path) -> list[Path]:
    """The jars of a job server, fetched into `folder` where they are not there yet.

    UserError that says what was tried, where neither Beam's own jar nor its parts can be had.
    """
    kept = folder / server.artifact
    if not (kept / "whole").is_file():
        shutil.rmtree(kept, ignore_errors=True)
        kept.mkdir(parents=True)
        why_not = _fetch_whole(server, kept)
        if why_not:
            _fetch_parts(server, kept, why_not)
        (kept / "whole").touch()
    return sorted(kept.glob("*.jar"))


def _fetch_whole(server: JobServer, folder: Path) -> str:
    """Beam's own jar of its own version; returns why it could not be had, "" where it is there."""
    from apache_beam.utils.subprocess_server import JavaJarServer

    try:
        found = Path(JavaJarServer.local_jar(JavaJarServer.path_to_beam_jar(server.whole)))
    except Exception as error:  # whatever the network, a mirror or a proxy says
        return " ".join(str(error).split())[:200]
    shutil.copy2(found, folder)
    return ""


def _fetch_parts(server: JobServer, folder: Path, why_not: str) -> None:
    maven = shutil.which("mvn")
    tried = f"Beam's {server.engine} job server cannot be fetched ({why_not})"
    if maven is None:
        raise UserError(f"{tried}, and there is no `mvn` to put it together from its parts: install Maven")
    (folder / "pom.xml").write_text(_POM.format(artifact=server.artifact, version=PARTS_VERSION))
    command = [
        maven,
        "-q",
        "-B",
        "dependency:copy-dependencies",
        f"-DoutputDirectory={folder}",
        "-DincludeScope=runtime",
    ]
    try:
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=_TIMEOUT)
    except subprocess.TimeoutExpired:
        raise UserError(f"{tried}, and Maven did not find its parts in {_TIMEOUT} s") from None
    if done.returncode:
        said = next((line for line in done.stdout.split("\n") if "ERROR" in line), done.stdout[-200:])
        raise UserError(f"{tried}, nor its parts by Maven: {' '.join(said.split())[:300]}")
