"""A child of the worker: it loads a deployed module, then describes it, answers one query, or runs its tasks."""

from __future__ import annotations

import argparse
import importlib.util
import resource
import sys
import traceback
import types
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ..addresses import Address
from ..backends import Commands
from ..client import Client
from ..errors import BadReply, FreshetError, NotFound, NothingPublished, Unavailable
from ..keys import Keyspace
from ..tasks import QueryContext, definitions
from . import guard
from .frames import Pipe, TooLarge


class _ReadOnly:
    """Refuses every command that does more than read."""

    def __init__(self, perform: Callable[[Commands], list[Any]]) -> None:
        self._perform = perform

    def perform(self, step: Commands) -> list[Any]:
        for command in step.commands:
            if command[0].upper() not in guard.READS:
                raise PermissionError(f"a query only reads Redis; {command[0]} is not allowed")
        return self._perform(step)


def load(path: Path) -> types.ModuleType:
    """The module in a file, run once."""
    specification = importlib.util.spec_from_file_location(f"freshet_deployed_{path.parent.name}", path)
    if specification is None or specification.loader is None:
        raise FreshetError(f"{path} is no Python module", fix="its name must end with .py")
    module = importlib.util.module_from_spec(specification)
    sys.modules[specification.name] = module
    specification.loader.exec_module(module)
    return module


def describe(path: Path) -> dict[str, Any]:
    """What a module defines, as the manifest of a deployment has it."""
    tasks, queries = definitions(load(path))
    return {
        "tasks": [
            {"name": task.name, "every": task.every, "jitter": task.jitter, "catch_up": task.catch_up}
            for task, _ in tasks.values()
        ],
        "queries": [
            {
                "name": query.name,
                "timeout": query.timeout,
                "concurrency": query.concurrency,
                "summary": query.summary,
                "parameters": [
                    {"name": each.name, "kind": each.kind, "is_list": each.is_list, "is_required": each.is_required}
                    for each in query.parameters
                ],
            }
            for query, _ in queries.values()
        ],
    }


def _failure(fault: BaseException) -> dict[str, Any]:
    status = 500
    if isinstance(fault, (Unavailable, NothingPublished)):
        status = 503
    elif isinstance(fault, NotFound):
        status = 404
    elif isinstance(fault, BadReply):
        status = 502
    if status == 500:
        traceback.print_exception(fault)
    return {"status": status, "error": f"{type(fault).__name__}: {fault}"}


def _query(path: Path, name: str, url: str, keys: Keyspace) -> int:
    from ..transports.redis_pool import RedisPool, RedisSettings

    pipe = Pipe()
    # Everything that is imported late must be there before the guard.
    client = Client(url, namespace=keys.namespace, key_prefix=keys.prefix, pool_size=2)
    pool = RedisPool(RedisSettings(Address(url), pool_size=2))
    guard.install(url)
    try:
        _, function = definitions(load(path))[1][name]
        context = QueryContext(client, _ReadOnly(pool.perform), keys)
    except BaseException as fault:
        traceback.print_exception(fault)
        pipe.write({"ready": False, "error": f"{type(fault).__name__}: {fault}"})
        return 1
    pipe.write({"ready": True})
    while (call := pipe.read()) is not None:
        try:
            pipe.write({"status": 200, "result": function(context, **call)})
        except TooLarge as fault:
            pipe.write({"status": 500, "error": str(fault)})
        except Exception as fault:
            pipe.write(_failure(fault))
    return 0


def _bound_memory(size: int) -> None:
    if size > 0:
        resource.setrlimit(resource.RLIMIT_AS, (size, size))


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m freshet.worker.child", description=__doc__)
    parser.add_argument("mode", choices=["describe", "query", "tasks"])
    parser.add_argument("path", type=Path)
    parser.add_argument("--name", default="")
    parser.add_argument("--redis", default="redis://127.0.0.1:6379")
    parser.add_argument("--namespace", default="default")
    parser.add_argument("--key-prefix", default="freshet")
    parser.add_argument("--memory", type=int, default=0)
    given = parser.parse_args(arguments)
    _bound_memory(given.memory)
    keys = Keyspace(given.namespace, given.key_prefix)
    if given.mode == "query":
        return _query(given.path, given.name, given.redis, keys)
    if given.mode == "tasks":
        from .task_host import TaskHost

        return TaskHost(Pipe(), given.redis, keys).run(lambda: load(given.path))
    pipe = Pipe()
    try:
        pipe.write({"ready": True, **describe(given.path)})
    except BaseException as fault:
        traceback.print_exception(fault)
        pipe.write({"ready": False, "error": f"{type(fault).__name__}: {fault}"})
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
