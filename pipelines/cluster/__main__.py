"""`python -m pipelines.cluster up|down|status [spark|flink]`: an engine on this machine, as `make spark-up` does it."""

from __future__ import annotations

import argparse
import logging
import sys
from pathlib import Path

from curate.errors import UserError
from pipelines.cluster.engines import ENGINES, Ports, down, status, up


def main() -> int:
    parser = argparse.ArgumentParser(
        prog="python -m pipelines.cluster", description="A Spark or Flink on this machine."
    )
    parser.add_argument("action", choices=("up", "down", "status"))
    parser.add_argument("engine", nargs="?", choices=ENGINES, default="spark")
    parser.add_argument("--folder", type=Path, default=Path(".cluster"), help="for its environment, jars and logs")
    parser.add_argument("--free-ports", action="store_true", help="any free ports instead of the usual ones")
    arguments = parser.parse_args()
    logging.basicConfig(level=logging.ERROR)  # Beam warns of what it fetches, and of what it can do without
    try:
        if arguments.action == "status":
            print(status(arguments.folder))
        elif arguments.action == "down":
            stopped = down(arguments.engine, arguments.folder)
            print(f"{arguments.engine}: ended {', '.join(stopped)}" if stopped else f"{arguments.engine} was not up")
        else:
            ports = Ports.unused() if arguments.free_ports else Ports()
            options = up(arguments.engine, arguments.folder, ports, lambda line: print(f"{line} …", flush=True))
            print(f"up; build on it with\n  curate build manifests/cc-2020.yaml {' '.join(options)}")
    except UserError as error:
        print(f"curate: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
