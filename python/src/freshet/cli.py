"""The command freshet-py."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import csv
import dataclasses
import importlib.util
import json
import logging
import os
import signal
import sys
from pathlib import Path
from typing import Any

from . import __version__
from .addresses import Address
from .errors import FreshetError, MissingExtra
from .keys import Keyspace
from .runs import open as open_runs
from .transports.http_settings import read_token
from .worker.deployments import Deployments, default_store

_EXAMPLES = """examples:
  freshet-py deploy shop.ipynb              the functions with @task and @query of a notebook
  freshet-py worker --redis redis://r:6379  run what is deployed
  freshet-py list                           what is deployed, and its versions
  freshet-py rollback shop                  the version before
  freshet-py rows events.parquet            Parquet files as CSV
  freshet-py check-archive s3://shop/events whether an archive is complete
"""


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="freshet-py",
        description="Deploys tasks and queries written in Python, and runs them beside Freshet.",
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"freshet-py {__version__}")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")

    def command(name: str, text: str, example: str, *, deployments: bool = True) -> argparse.ArgumentParser:
        added = commands.add_parser(
            name,
            help=text,
            description=text,
            epilog=f"example:\n  {example}",
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )
        if deployments:
            added.add_argument(
                "--store",
                type=Path,
                default=default_store(),
                metavar="DIR",
                help="directory of deployments (%(default)s)",
            )
            added.add_argument("--json", action="store_true", help="print one JSON object")
        return added

    deploy = command(
        "deploy", "Deploy a module, or what the marked functions of a notebook need.", "freshet-py deploy shop.ipynb"
    )
    deploy.add_argument("source", type=Path, metavar="FILE", help="a notebook (.ipynb) or a module (.py)")
    deploy.add_argument("--name", help="name of the deployment; that of the file unless given")

    command("list", "List what is deployed.", "freshet-py list --json")

    rollback = command("rollback", "Make an earlier version current.", "freshet-py rollback shop --to 3")
    rollback.add_argument("name", metavar="NAME")
    rollback.add_argument("--to", type=int, metavar="VERSION", help="the version before the current one unless given")

    remove = command("remove", "Take a deployment out of service; rollback brings it back.", "freshet-py remove shop")
    remove.add_argument("name", metavar="NAME")

    worker = command(
        "worker",
        "Run what is deployed: tasks on their schedule, queries as endpoints.",
        "freshet-py worker --listen 127.0.0.1:9470",
    )
    redis = os.environ.get("FRESHET_REDIS_URL", "redis://127.0.0.1:6379")
    worker.add_argument("--redis", default=redis, metavar="URL", help="Redis (%(default)s)")
    worker.add_argument("--namespace", default="default", help="redis.namespace of the engine (%(default)s)")
    worker.add_argument("--key-prefix", default="freshet", help="redis.key_prefix of the engine (%(default)s)")
    worker.add_argument(
        "--listen",
        default="127.0.0.1:9470",
        metavar="HOST:PORT",
        help="another address than loopback needs a token (%(default)s)",
    )
    worker.add_argument(
        "--token-file",
        type=Path,
        metavar="FILE",
        help="file with the token that every request must send, but for probes and metrics",
    )
    worker.add_argument(
        "--memory",
        default="4096",
        metavar="MIB",
        help="address space of each process of a query; 0: no limit (%(default)s)",
    )
    worker.add_argument(
        "--stop-limit",
        type=float,
        default=300,
        metavar="S",
        help="longest wait for running tasks at the end (%(default)s)",
    )

    worker.add_argument(
        "--runs-store",
        default=os.environ.get("FRESHET_RUNS_STORE"),
        metavar="STORE",
        help="where runs of tasks leave records: a directory or s3://BUCKET/PREFIX (%(default)s)",
    )

    rows = command(
        "rows",
        "Print the rows of Parquet files as CSV with a header.",
        "freshet-py rows --columns user,item,time s3://shop/events",
        deployments=False,
    )
    rows.add_argument("paths", nargs="+", metavar="PATH", help="a file, a directory, or s3://BUCKET/PREFIX")
    rows.add_argument("--flat", action="store_true", help="leave out lists and other nested columns")
    rows.add_argument("--columns", metavar="A,B,C", help="the columns to print, in this order; all unless given")

    check = command(
        "check-archive",
        "Check the names, offsets and rows of an archive of events.",
        "freshet-py check-archive s3://shop/events --json",
        deployments=False,
    )
    check.add_argument("archive", metavar="STORE", help="a directory, or s3://BUCKET/PREFIX")
    check.add_argument("--json", action="store_true", help="print one JSON object")
    return parser


def main(arguments: list[str] | None = None) -> int:
    given = _parser().parse_args(arguments)
    try:
        return int(_COMMANDS[given.command](given))
    except MissingExtra as fault:
        print(f"freshet-py: {fault}", file=sys.stderr)
        return 78 if given.command == "worker" else 1
    except (FreshetError, OSError, ValueError) as fault:
        if getattr(given, "json", False):
            print(json.dumps({"error": str(fault)}), file=sys.stderr)
        else:
            print(f"freshet-py: {fault}", file=sys.stderr)
        return 1


def _deploy(given: argparse.Namespace) -> int:
    version, is_new = Deployments(given.store).deploy(given.source, given.name)
    manifest = version.manifest
    answer = {
        "name": version.name,
        "version": version.number,
        "changed": is_new,
        "tasks": manifest["tasks"],
        "queries": manifest["queries"],
    }
    if given.json:
        print(json.dumps(answer))
        return 0
    print(f"{version.name}: version {version.number}" + ("" if is_new else " is current already; nothing has changed"))
    for task in version.tasks:
        print(f"  task {task.name}, every {task.every:g} s")
    for query in version.queries:
        words = [f"{each.name}={each.kind.upper()}" for each in query.parameters if each.is_required]
        print(
            f"  query GET /v1/queries/{query.name}{'?' if words else ''}{'&'.join(words)}, at most {query.timeout:g} s"
        )
    return 0


def _list(given: argparse.Namespace) -> int:
    deployments = Deployments(given.store)
    rows: list[dict[str, Any]] = []
    for name in deployments.names():
        current = deployments.current(name)
        manifest: Any = current.manifest if current else {"tasks": [], "queries": [], "deployed": None}
        rows.append(
            {
                "name": name,
                "current": current.number if current else None,
                "versions": deployments.numbers(name),
                "deployed": manifest["deployed"],
                "tasks": [each["name"] for each in manifest["tasks"]],
                "queries": [each["name"] for each in manifest["queries"]],
            }
        )
    if given.json:
        print(json.dumps({"deployments": rows}))
        return 0
    if not rows:
        print(f"nothing is deployed in {given.store}", file=sys.stderr)
    for row in rows:
        state = f"version {row['current']} since {row['deployed']}" if row["current"] else "out of service"
        print(f"{row['name']}: {state}; versions {', '.join(map(str, row['versions']))}")
        for kind in ("tasks", "queries"):
            if row[kind]:
                print(f"  {kind}: {', '.join(row[kind])}")
    return 0


def _rollback(given: argparse.Namespace) -> int:
    version = Deployments(given.store).roll_back(given.name, given.to)
    print(
        json.dumps({"name": version.name, "version": version.number})
        if given.json
        else f"{version.name}: version {version.number} is current"
    )
    return 0


def _remove(given: argparse.Namespace) -> int:
    Deployments(given.store).remove(given.name)
    print(json.dumps({"name": given.name, "version": None}) if given.json else f"{given.name} is out of service")
    return 0


def _worker(given: argparse.Namespace) -> int:
    if importlib.util.find_spec("redis") is None:
        raise MissingExtra("worker", "redis")
    try:
        import uvicorn

        from .worker.app import make_app
    except ImportError as fault:
        raise MissingExtra("worker", fault.name or "fastapi") from fault
    from .worker.metrics import Registry
    from .worker.service import Service, WorkerSettings

    host, _, port = given.listen.rpartition(":")
    if not host or not port.isdigit():
        raise ValueError(f"--listen {given.listen} is no address; write HOST:PORT, such as 127.0.0.1:9470")
    is_local = host.strip("[]") in ("127.0.0.1", "localhost", "::1")
    token = read_token(given.token_file) if given.token_file is not None else None
    if not is_local and token is None:
        raise ValueError(f"--listen {given.listen} can be reached from other machines; give --token-file")
    if Address(given.redis).is_gateway:
        raise ValueError("--redis is the URL of a gateway; a worker reads and writes Redis")
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s", stream=sys.stderr)
    records = None if given.runs_store in (None, "", "none") else given.runs_store
    if records is not None:
        # An address that cannot be is refused here, not in each run.
        open_runs(records)
    settings = WorkerSettings(
        given.redis,
        Keyspace(given.namespace, given.key_prefix),
        int(given.memory) * 2**20,
        stop_limit=given.stop_limit,
        runs=records,
    )
    service = Service(Deployments(given.store), settings, Registry())
    app = make_app(service, token=token, is_local=is_local and token is None)
    config = uvicorn.Config(
        app, host.strip("[]"), int(port), log_config=None, access_log=False, lifespan="off", limit_concurrency=1000
    )
    asyncio.run(_serve(uvicorn.Server(config), service))
    return 0


def _rows(given: argparse.Namespace) -> int:
    from .frames.rows import write_rows

    # As in a line of CSV: a name that has a comma stands in quotes.
    columns = None if given.columns is None else next(csv.reader([given.columns]), [])
    try:
        write_rows(given.paths, sys.stdout.buffer.write, columns=columns, flat=given.flat)
        sys.stdout.buffer.flush()
    except BrokenPipeError:
        # The reader has enough. What is left in the buffer must not be tried again at the end of the process.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return 0


def _check_archive(given: argparse.Namespace) -> int:
    from .frames.archive import ArchiveError, check_archive

    try:
        found = check_archive(given.archive)
    except ArchiveError as fault:
        if given.json:
            print(json.dumps({"error": str(fault), "problems": fault.problems}), file=sys.stderr)
        else:
            for problem in fault.problems:
                print(f"freshet-py: {problem}", file=sys.stderr)
        return 1
    if given.json:
        print(json.dumps({"store": given.archive, "partitions": [dataclasses.asdict(each) for each in found]}))
        return 0
    for each in found:
        print(
            f"{each.topic}/{each.partition}: offsets {each.first} to {each.last}, {each.rows} rows, {each.files} files"
        )
    if not found:
        print(f"{given.archive} has no files", file=sys.stderr)
    return 0


async def _serve(server: Any, service: Any) -> None:
    """Answers until a signal; then takes no further request, and ends after running calls and tasks."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for name in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(name, stop.set)
    follower = asyncio.create_task(service.follow(stop))
    # uvicorn would install handlers of its own, which end the process before the tasks.
    server.install_signal_handlers = lambda: None
    if hasattr(server, "capture_signals"):
        server.capture_signals = contextlib.nullcontext
    serving = asyncio.create_task(server.serve())
    stopping = asyncio.create_task(stop.wait())
    await asyncio.wait([serving, stopping, follower], return_when=asyncio.FIRST_COMPLETED)
    stop.set()
    server.should_exit = True
    await serving
    await follower
    stopping.cancel()


_COMMANDS = {
    "deploy": _deploy,
    "list": _list,
    "rollback": _rollback,
    "remove": _remove,
    "worker": _worker,
    "rows": _rows,
    "check-archive": _check_archive,
}


if __name__ == "__main__":
    sys.exit(main())
