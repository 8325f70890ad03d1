"""A child of the worker: it loads a deployed module, then describes it, answers its queries, or runs its tasks."""

from __future__ import annotations

import argparse
import sys
import traceback
from pathlib import Path

from .. import runs
from ..keys import Keyspace
from .frames import Pipe
from .modules import describe, load


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m freshet.worker.child", description=__doc__)
    parser.add_argument("mode", choices=["describe", "queries", "tasks"])
    parser.add_argument("path", type=Path)
    parser.add_argument("--redis", default="redis://127.0.0.1:6379")
    parser.add_argument("--namespace", default="default")
    parser.add_argument("--key-prefix", default="freshet")
    parser.add_argument("--memory", type=int, default=0)
    parser.add_argument("--runs-store")
    parser.add_argument("--control", type=int, default=-1)
    given = parser.parse_args(arguments)
    keys = Keyspace(given.namespace, given.key_prefix)
    if given.mode == "queries":
        from .query_child import QueryHostProcess

        return QueryHostProcess(given.path, given.redis, keys, given.control, given.memory).run()
    if given.mode == "tasks":
        from .task_host import TaskHost

        records = None if given.runs_store is None else runs.open(given.runs_store)
        return TaskHost(Pipe.of_standard_streams(), given.redis, keys, records).run(lambda: load(given.path))
    pipe = Pipe.of_standard_streams()
    try:
        pipe.write({"ready": True, **describe(given.path)})
    except BaseException as fault:
        traceback.print_exception(fault)
        pipe.write({"ready": False, "error": f"{type(fault).__name__}: {fault}"})
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
